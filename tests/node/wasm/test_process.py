"""The engine's process: what it asks, what it keeps, and how it is ended. One process serves most of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import trio
from wasmtime import wat2wasm

from node.wasm import messages as m
from node.wasm.backend import Child, FullState
from node.wasm.errors import (
    DeadlineReached,
    EngineFailed,
    InvalidRuntime,
    OutOfFuel,
    RuntimePanicked,
    StateFailed,
    UnknownEntry,
)
from node.wasm.known_state import KnownState
from node.wasm.module import CUSTOM, Section, encoded, leb128
from node.wasm.overlay import Storage, StorageChanges
from node.wasm.process import Engine, HeldState, LoadedRuntime, open_engine
from node.wasm.program import Limits
from pallets.primitives.hashing import blake2_256
from pallets.primitives.runtime_code import VERSION, RuntimeVersion
from tests.node.wasm.stage import imported, storage_of

GET, NEXT = "ext_storage_get_version_1", "ext_storage_next_key_version_1"
PUT, ROOT = "ext_storage_set_version_1", "ext_storage_root_version_2"
LOG, STAMP = "ext_logging_log_version_1", "ext_offchain_timestamp_version_1"
VERSION_BYTES = VERSION.encode(RuntimeVersion("tiny", "tiny", 1, 7, 1, [], 1, 1))
"""A runtime of which each entry asks for one thing: the argument is a key, and a value behind its first byte."""
TEXT = f"""(module {imported((GET, NEXT, PUT, ROOT, LOG, STAMP))} (import "env" "memory" (memory 1))
 (global (export "__heap_base") i32 (i32.const 1024))
 (func $key (param i32 i32) (result i64)
  (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))
 (func (export "get") (param i32 i32) (result i64) (call ${GET} (call $key (local.get 0) (local.get 1))))
 (func (export "next") (param i32 i32) (result i64) (call ${NEXT} (call $key (local.get 0) (local.get 1))))
 (func (export "put") (param i32 i32) (result i64)
  (call ${PUT} (call $key (local.get 0) (i32.const 1))
   (call $key (i32.add (local.get 0) (i32.const 1)) (i32.sub (local.get 1) (i32.const 1))))
  (i64.const 0))
 (func (export "root") (param i32 i32) (result i64) (call ${ROOT} (i32.const 1)))
 (func (export "log") (param i32 i32) (result i64)
  (call ${LOG} (i32.const 2) (i64.const 0) (call $key (local.get 0) (local.get 1))) (i64.const 0))
 (func (export "time") (param i32 i32) (result i64) (i64.store (i32.const 8) (call ${STAMP})) (i64.const 0x8_0000_0008))
 (func (export "loop") (param i32 i32) (result i64) (loop $on (br $on)) (i64.const 0))
 (func (export "panic") (param i32 i32) (result i64) unreachable))"""


def tiny() -> bytes:
    name = b"runtime_version"
    section = Section(CUSTOM, leb128(len(name)) + name + VERSION_BYTES)
    return bytes(wat2wasm(TEXT)) + encoded(section)


class Watched(HeldState):
    """A state that remembers what was asked of it, and may refuse."""

    def __init__(self, state: FullState, name: bytes = bytes(32)) -> None:
        super().__init__(name, state)
        self.asked: list[object] = []
        self.failure: Exception | None = None

    async def get(self, key: bytes, child: Child = None) -> bytes | None:
        self.asked.append(key)
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        return await super().get(key, child)

    async def next_keys(self, key: bytes, count: int, child: Child = None) -> Sequence[bytes]:
        self.asked.append((key, count))
        return await super().next_keys(key, count, child)

    async def root(self, changes: Mapping[bytes, bytes | None], version: int, child: Child = None) -> bytes:
        self.asked.append((dict(changes), version))
        return await super().root(changes, version, child)


async def loaded(engine: Engine) -> LoadedRuntime:
    return await engine.load(tiny())


async def test_sessions(tmp_path: Path) -> None:
    values = {bytes((key,)): b"v" for key in range(200)}
    full = FullState(values, version=1)
    async with open_engine(tmp_path / "code") as engine:
        runtime = await loaded(engine)
        assert runtime.version.spec_version == 7 and runtime.code_hash == blake2_256(tiny())
        assert GET in runtime.imports and "get" in runtime.exports
        state = Watched(full)
        async with engine.session(runtime, state) as session, engine.session(runtime, state) as other:
            # Nothing is asked twice, in whichever session; keys come in pages.
            for each in (session, session, other):
                assert (await each.call("get", b"\5")).result == b"\1\4v"
                assert (await each.call("get", b"none")).result == b"\0"
            assert state.asked == [b"\5", b"none"]
            keys, key = [], b""
            while (answer := (await session.call("next", key)).result) != b"\0":
                key = answer[2:]
                keys.append(key)
            assert keys == sorted(values)
            assert state.asked[2:] == [(b"", 64), (b"\x3f", 64), (b"\x7f", 64), (b"\xbf", 64)]
            # Changes are the session's own, and are undone by transactions.
            await session.call("put", b"\5new")
            await session.start_transaction()
            await session.call("put", b"\6lost")
            await session.rollback_transaction()
            await session.start_transaction()
            await session.put(b"\7", None)
            await session.call("put", b"\x08lost", kept=False)
            await session.call("put", b"\x08lost", if_ok=True)  # it answers nothing, which is no `Ok`
            await session.commit_transaction()
            assert (await session.call("get", b"\5")).result == b"\1\x0cnew"
            assert (await other.call("get", b"\5")).result == b"\1\4v"
            changes = await session.changes()
            assert changes == StorageChanges({b"\5": b"new", b"\7": None}, {}, {})
            here = storage_of({})
            here.backend = full
            for key, value in changes.top.items():
                here.put(key, value)
            assert (await session.call("root", b"")).result == here.root(1)
            assert state.asked[6:] == [(changes.top, 1)]
            # What is known holds for the state that the changes make.
            session.becomes = b"\1" * 32
        full.apply(changes.top, 1)
        after = Watched(full, b"\1" * 32)
        async with engine.session(runtime, after) as session:
            for key, expected in ((b"\5", b"\1\x0cnew"), (b"\7", b"\0"), (b"none", b"\0")):
                assert (await session.call("get", key)).result == expected
            assert (await session.call("next", b"\x40")).result == b"\1\4\x41"
            assert after.asked == []
            assert (await session.call("next", b"\4")).result == b"\1\4\5"
            assert (await session.call("next", b"\6")).result == b"\1\4\x08"
            assert after.asked == [(b"\4", 64)]
        told = HeldState(b"\2" * 32, FullState({}))
        await engine.know(told.name, {b"a": b"told", b"b": None})
        async with engine.session(runtime, told) as session:
            assert (await session.call("get", b"a")).result == b"\1\x10told"
        # Failures are named here as there, and leave the engine as it was.
        pid = engine.pid
        async with engine.session(runtime, state) as session:
            with pytest.raises(UnknownEntry):
                await session.call("nothing", b"")
            with pytest.raises(RuntimePanicked) as panic:
                await session.call("panic", b"")
            assert panic.value.backtrace and "unreachable" in panic.value.message
            with pytest.raises(OutOfFuel):
                await session.call("loop", b"", Limits(fuel=1_000_000))
            state.failure = OSError("the endpoint is gone")
            with pytest.raises(StateFailed, match="the endpoint is gone") as failed:
                await session.call("get", b"unknown")
            assert failed.value.__cause__ is state.failure
            with pytest.raises(EngineFailed, match="isn't loaded"):
                async with engine.session(runtime._replace(code_hash=bytes(32)), state):
                    pass
            with pytest.raises(InvalidRuntime):
                await engine.load(b"no code")
            reply = await session.call("log", b"hello", timed=True)
            assert reply.logs == [(2, "", "hello")]
            assert reply.stats.host_functions[LOG].calls == 1 and reply.stats.fuel > 0
            await engine.surround(now=77, seed=bytes(32))
            assert (await session.call("time", b"")).result == (77).to_bytes(8, "little")
        assert engine.pid == pid
        # A call beyond its deadline ends the process, and all sessions; a new one knows what it needs.
        async with engine.session(runtime, state) as session, engine.session(runtime, state) as other:
            with pytest.raises(DeadlineReached):
                await session.call("loop", b"", deadline=0.2)
            assert engine.pid is None
            for each in (session, other):
                with pytest.raises(EngineFailed, match="lost"):
                    await each.call("get", b"\5")
        state.failure = None
        async with engine.session(runtime, state) as session:
            assert engine.pid != pid
            assert (await session.call("time", b"")).result == (77).to_bytes(8, "little")
            # So does one that is killed from outside.
            async with trio.open_nursery() as nursery:
                nursery.start_soon(kill_soon, engine)
                with pytest.raises(EngineFailed, match="ended"):
                    await session.call("loop", b"")


async def kill_soon(engine: Engine) -> None:
    assert engine._process is not None
    await trio.sleep(0.05)
    engine._process.kill()


def test_what_is_known_is_what_a_state_says() -> None:
    """The process's way of knowing a state gives the same as the state itself, over blocks of changes."""
    chance = random.Random(3)
    full = FullState({bytes((key,)): b"v" for key in range(0, 250, 3)})

    def answer(question: m.Report) -> m.Command:
        match question:
            case m.AskValue():
                return m.Value(full.get(question.key, question.child))
            case m.AskKeys():
                found: list[bytes] = []
                key = full.next_key(question.after, question.child)
                while key is not None and len(found) < question.count:
                    found.append(key)
                    key = full.next_key(key, question.child)
                return m.Keys(found)
            case m.AskRoot():
                return m.Root(full.root(dict(question.changes), question.version, question.child))
        raise AssertionError(question)

    known = KnownState(bytes(32), answer)
    for block in range(12):
        for _ in range(60):
            key = bytes((chance.randrange(256),))
            assert known.get(key) == full.get(key)
            assert known.next_key(key) == full.next_key(key)
        storage = Storage(known)
        for _ in range(6):
            storage.put(bytes((chance.randrange(256),)), chance.choice((None, b"new")))
        changes = storage.changes()
        full.apply(changes.top, 0)
        known = known.after(bytes((block,)) * 32, changes)
