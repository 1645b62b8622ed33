"""An engine in a process of its own: the node's side.

## Overview

Beside a busy interpreter a runtime would run a hundred times slower, and what runs is a stranger's program. So runtimes
are called in a child process (`child`), one call at a time. A *session* is what a block is built in: calls of one
runtime over one state, whose changes stay in the process until the session is closed. What the process lacks of the
state it asks of the `RemoteState` that the session was opened on, which may take its time; what it has learned it
keeps, and takes over to the state that the session's changes make.

A call ends by its deadline at the latest: then the process is killed, all its sessions are lost, and the next command
starts another. A cancelled caller waits for the call to end, lest it take others' sessions with it.

## Usage

```python
async with open_engine(cache) as engine:
    runtime = await engine.load(code)
    async with engine.session(runtime, state) as session:
        await session.call("Core_initialize_block", header)
        changes = await session.changes()
        session.becomes = hash_of_the_new_state
```

## Errors

Those of `node.wasm.errors`: what a runtime does wrong is raised here as in the process. `EngineFailed` where the
process ended, also of a session that was lost with it. `StateFailed` where the state couldn't be read, with the reason
as its cause.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import trio

from node.wasm import errors
from node.wasm import messages as m
from node.wasm.backend import Backend, Child
from node.wasm.call import IndexedTransaction, LogLine, Stats, Timing
from node.wasm.errors import DeadlineReached, EngineFailed, RuntimePanicked, StateFailed, WasmError
from node.wasm.overlay import StorageChanges
from node.wasm.program import Limits
from pallets.primitives.hashing import blake2_256
from pallets.primitives.runtime_code import VERSION, RuntimeVersion
from pallets.primitives.scale import DecodeError

START_SECONDS = 30.0
LOAD_SECONDS = 120.0
"""A first compilation on a busy machine."""
CALL_SECONDS = 60.0

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_PASSED_ON = ("LD_LIBRARY_PATH", "TMPDIR")
_KINDS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, WasmError)}

_logger = logging.getLogger(__name__)


class RemoteState(Protocol):
    """One state, wherever it is. What it raises fails the call that needed it, as a `StateFailed`."""

    @property
    def name(self) -> bytes:
        """32 bytes that no other state has, such as its block's hash."""
        ...

    async def get(self, key: bytes, child: Child = None) -> bytes | None: ...

    async def next_keys(self, key: bytes, count: int, child: Child = None) -> Sequence[bytes]:
        """The keys greater than `key`, ascending; fewer than `count` only where there are no more."""
        ...

    async def root(self, changes: Mapping[bytes, bytes | None], version: int, child: Child = None) -> bytes:
        """As `Backend.root`."""
        ...


class HeldState:
    """A state that is at hand, as one that may be far."""

    def __init__(self, name: bytes, backend: Backend) -> None:
        self.name, self._backend = name, backend

    async def get(self, key: bytes, child: Child = None) -> bytes | None:
        return self._backend.get(key, child)

    async def next_keys(self, key: bytes, count: int, child: Child = None) -> Sequence[bytes]:
        found: list[bytes] = []
        following = self._backend.next_key(key, child)
        while following is not None and len(found) < count:
            found.append(following)
            following = self._backend.next_key(following, child)
        return found

    async def root(self, changes: Mapping[bytes, bytes | None], version: int, child: Child = None) -> bytes:
        return self._backend.root(changes, version, child)


class LoadedRuntime(NamedTuple):
    """A runtime that the engine has compiled."""

    code_hash: bytes
    version: RuntimeVersion
    imports: frozenset[str]
    exports: frozenset[str]


class Reply(NamedTuple):
    """What a call answered."""

    result: bytes
    logs: list[LogLine]
    stats: Stats
    submitted: list[bytes]
    indexed: list[IndexedTransaction]


class Session:
    """Calls of one runtime over one state."""

    def __init__(self, engine: Engine, number: int, generation: int, state: RemoteState) -> None:
        self._engine, self._number, self._generation, self._state = engine, number, generation, state
        self.becomes: bytes | None = None
        """The name of the state that this session's changes make, once they do: what is known holds for that, too."""

    async def call(
        self,
        entry: str,
        data: bytes,
        limits: Limits = Limits(),
        *,
        timed: bool = False,
        kept: bool = True,
        if_ok: bool = False,
        deadline: float = CALL_SECONDS,
    ) -> Reply:
        """Calls an entry on its SCALE arguments, for up to `deadline` seconds.

        What it changes goes with it unless it is `kept`, and where it fails; with `if_ok` also where it answers a
        `Result` that isn't `Ok`, such as of an extrinsic that can't be included. `timed` counts host functions, and
        what they took.
        """
        keeping = m.DROPPED if not kept else m.KEPT_IF_OK if if_ok else m.KEPT
        command = m.CallEntry(self._number, entry, data, limits.fuel, limits.heap_pages, timed, keeping)
        report = await self._do(command, deadline)
        if not isinstance(report, m.Returned):
            raise await self._engine.broken()
        timings = {name: Timing(calls, nanoseconds) for name, calls, nanoseconds in report.host_functions}
        return Reply(
            report.result,
            [LogLine(*line) for line in report.logs],
            Stats(report.nanoseconds, report.fuel, report.memory_bytes, timings),
            report.submitted,
            [IndexedTransaction(*each) for each in report.indexed],
        )

    async def start_transaction(self) -> None:
        """Until it is committed or rolled back, what calls change can be undone; they nest."""
        await self._do(m.Transact(self._number, m.START))

    async def commit_transaction(self) -> None:
        await self._do(m.Transact(self._number, m.COMMIT))

    async def rollback_transaction(self) -> None:
        await self._do(m.Transact(self._number, m.ROLLBACK))

    async def put(self, key: bytes, value: bytes | None, child: Child = None) -> None:
        """Sets a value, or deletes it, as if a call had."""
        await self._do(m.Put(self._number, child, key, value))

    async def changes(self) -> StorageChanges:
        """All that was changed so far."""
        report = await self._do(m.Tell(self._number))
        if not isinstance(report, m.Changed):
            raise await self._engine.broken()
        children = {name: dict(changed) for name, changed in report.children}
        return StorageChanges(dict(report.top), children, dict(report.offchain_index))

    async def close(self) -> None:
        """Forgets the session; harmless where it was lost."""
        with suppress(EngineFailed):
            await self._do(m.Close(self._number, self.becomes))

    async def _do(self, command: m.Command, deadline: float = CALL_SECONDS) -> m.Report:
        return await self._engine.command(command, deadline, self._state, self._generation)


class Engine:
    """The process, and what it was given; made by `open_engine`."""

    def __init__(self, cache: Path | None) -> None:
        self._command = command_of(cache)
        self._process: trio.Process | None = None
        self._turn = trio.Lock()
        self._received = bytearray()
        self._generation = 0
        self._codes: dict[bytes, bytes] = {}
        self._loaded: dict[bytes, LoadedRuntime] = {}
        self._around: m.Surround | None = None
        self._sessions = 0

    @property
    def pid(self) -> int | None:
        """Process id, while there is a process."""
        return None if self._process is None else self._process.pid

    async def load(self, code: bytes) -> LoadedRuntime:
        """Has a `:code` compiled, or taken from the cache. Raises `InvalidRuntime`."""
        code_hash = blake2_256(code)
        found = self._loaded.get(code_hash)
        if found is None:
            report = await self.command(m.Load(code), LOAD_SECONDS)
            if not isinstance(report, m.Loaded):
                raise await self.broken()
            version = VERSION.decode_all(report.version)
            found = LoadedRuntime(code_hash, version, frozenset(report.imports), frozenset(report.exports))
            self._codes[code_hash], self._loaded[code_hash] = code, found
            if len(self._codes) > m.MAX_RUNTIMES:  # as the process does
                oldest = next(iter(self._codes))
                del self._codes[oldest], self._loaded[oldest]
        return found

    async def surround(
        self,
        *,
        now: int,
        seed: bytes,
        is_validator: bool = False,
        mock_signatures: bool = False,
        max_log_level: int = 3,
    ) -> None:
        """What runtimes find around them from now on, such as the time (ms) and 32 bytes of chance off chain."""
        self._around = m.Surround(now, seed, is_validator, mock_signatures, max_log_level)
        await self.command(self._around, CALL_SECONDS)

    async def know(self, state: bytes, values: Mapping[bytes, bytes | None], child: Child = None) -> None:
        """Tells the process values of a state, which it then needn't ask for."""
        await self.command(m.Know(state, child, list(values.items())), CALL_SECONDS)

    @asynccontextmanager
    async def session(self, runtime: LoadedRuntime, state: RemoteState) -> AsyncIterator[Session]:
        """Opens a session; its changes are forgotten in the end, unless they were asked for."""
        self._sessions = self._sessions + 1 & 0xFFFF_FFFF
        number = self._sessions
        await self.command(m.Open(number, runtime.code_hash, state.name), LOAD_SECONDS)
        session = Session(self, number, self._generation, state)
        try:
            yield session
        finally:
            with trio.CancelScope(shield=True):
                await session.close()

    async def command(
        self, command: m.Command, deadline: float, state: RemoteState | None = None, generation: int | None = None
    ) -> m.Report:
        """Has one command obeyed; what it needs of the state is asked of `state`. Not to be used but by sessions."""
        async with self._turn:
            with trio.CancelScope(shield=True):
                if generation is not None and (generation != self._generation or self._process is None):
                    raise EngineFailed("the session was lost with the engine's process: open another")
                try:
                    await self._ready()
                    with trio.fail_after(deadline):
                        await self._say(command)
                        report = await self._outcome(state)
                except trio.TooSlowError:
                    await self._end()
                    raise DeadlineReached(f"the call took longer than its {deadline:g} seconds") from None
                except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
                    await self._end()
                    raise EngineFailed(f"the engine's process ended: {error or 'it closed its pipes'}") from error
                except EngineFailed:
                    await self._end()
                    raise
        if isinstance(report, m.Failed):
            raise raised(report)
        return report

    async def broken(self) -> EngineFailed:
        """What to raise of a process that answers one command with another's report."""
        async with self._turn:
            await self._end()
        return EngineFailed("the engine's process answered something else than was asked")

    async def close(self) -> None:
        """Kill the process."""
        with trio.CancelScope(shield=True):
            await self._end()

    # the process

    async def _ready(self) -> None:
        """Starts a process where there is none, and tells it what the one before knew."""
        if self._process is not None:
            return
        self._generation += 1
        self._received.clear()
        self._process = await trio.lowlevel.open_process(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            cwd="/",
            start_new_session=True,
        )
        with trio.fail_after(START_SECONDS):
            self._expect_done(await self._hear())
        again: list[m.Command] = [] if self._around is None else [self._around]
        for command in (*again, *map(m.Load, self._codes.values())):
            with trio.fail_after(LOAD_SECONDS):
                await self._say(command)
                await self._hear()

    def _expect_done(self, report: m.Report) -> None:
        if not isinstance(report, m.Done):
            raise EngineFailed("the engine's process didn't introduce itself")

    async def _outcome(self, state: RemoteState | None) -> m.Report:
        """Answers what the process asks until it reports."""
        failure: Exception | None = None
        while True:
            report = await self._hear()
            if not isinstance(report, m.AskValue | m.AskKeys | m.AskRoot):
                if isinstance(report, m.Failed) and report.kind == StateFailed.__name__ and failure is not None:
                    raise StateFailed(report.message) from failure
                return report
            if state is None or report.state != state.name:
                raise EngineFailed("the engine's process asks for a state that no session is open on")
            answer: m.Command
            try:
                answer = await _answer(report, state)
            except Exception as error:
                failure = error
                answer = m.NoAnswer(str(error) or type(error).__name__)
            await self._say(answer)

    async def _say(self, command: m.Command) -> None:
        assert self._process is not None and self._process.stdin is not None
        await self._process.stdin.send_all(m.framed(m.COMMAND.encode(command)))

    async def _hear(self) -> m.Report:
        await self._fill(m.LENGTH.size)
        (length,) = m.LENGTH.unpack_from(self._received)
        if length > m.MAX_FRAME:
            raise EngineFailed(f"the engine's process reports {length} bytes, more than there can be")
        end = m.LENGTH.size + length
        await self._fill(end)
        body = bytes(memoryview(self._received)[m.LENGTH.size : end])
        del self._received[:end]
        try:
            report: m.Report = m.REPORT.decode_all(body)
        except DecodeError as error:
            raise EngineFailed(f"the engine's process reports nonsense: {error}") from None
        return report

    async def _fill(self, size: int) -> None:
        assert self._process is not None and self._process.stdout is not None
        while len(self._received) < size:
            part = await self._process.stdout.receive_some(1 << 16)
            if not part:
                raise EngineFailed(f"the engine's process ended{await self._exit_code()}")
            self._received += part

    async def _exit_code(self) -> str:
        assert self._process is not None
        with trio.move_on_after(1):
            return f" with {await self._process.wait()}"
        return ""

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()
            assert process.stdin is not None and process.stdout is not None
            await process.stdin.aclose()
            await process.stdout.aclose()


async def _answer(question: m.AskValue | m.AskKeys | m.AskRoot, state: RemoteState) -> m.Command:
    match question:
        case m.AskValue():
            return m.Value(await state.get(question.key, question.child))
        case m.AskKeys():
            return m.Keys(list(await state.next_keys(question.after, question.count, question.child)))
        case m.AskRoot():
            return m.Root(await state.root(dict(question.changes), question.version, question.child))


def command_of(cache: Path | None) -> list[str]:
    """What starts the process; `cache` is the directory of compiled code."""
    return [sys.executable, "-P", "-m", "node.wasm.child", str(cache or "")]


def environment() -> dict[str, str]:
    """What the process is told of this one's surroundings."""
    return {"PYTHONPATH": str(_PACKAGE_ROOT)} | {n: os.environ[n] for n in _PASSED_ON if n in os.environ}


def raised(report: m.Failed) -> WasmError:
    """The error that a process reports; an unknown one is not believed."""
    kind = _KINDS.get(report.kind)
    if kind is None:
        return EngineFailed(report.message)
    if issubclass(kind, RuntimePanicked):
        return kind(report.message, report.backtrace)
    return kind(report.message)


@asynccontextmanager
async def open_engine(cache: Path | None) -> AsyncIterator[Engine]:
    """An engine; `cache` is the directory of compiled code, an absolute path."""
    engine = Engine(cache)
    try:
        yield engine
    finally:
        await engine.close()
