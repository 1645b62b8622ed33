"""What a runtime can't do, however it tries: run on, take all memory, reach outside of it, or break the process."""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import product

import pytest
import zstandard
from wasmtime import wat2wasm

from node.wasm.call import Surroundings
from node.wasm.companion import FUNCTIONS
from node.wasm.errors import (
    BadPointer,
    HostFailure,
    InvalidRuntime,
    OutOfFuel,
    RuntimePanicked,
    UnknownEntry,
    UnknownHostFunction,
    WasmError,
)
from node.wasm.host.all import HOST_FUNCTIONS
from node.wasm.host.declaration import Crossing, Kind
from node.wasm.overlay import Storage
from node.wasm.program import Limits
from node.wasm.public import PublicProgram
from node.wasm.runtime import Outcome, Runtime
from pallets.primitives.runtime_code import COMPRESSED, MAX_CODE_SIZE, WASM_MAGIC
from tests.node.wasm.stage import ProgramClass, module, signature_of, signed, storage_of

ENTRY = '(func (export "run") (param i32 i32) (result i64) {})'
MOST_MEMORY = 1 << 27
"""What fuel allows the calls that draw their arguments to grow memory to."""
OF_COMPANION: dict[tuple[str, ...], Crossing] = {("i32",): Crossing(Kind.U32), ("i64",): Crossing(Kind.SLICE)}
NOTHING = ENTRY.format("(i64.const 0)")


def run_entry(
    path: ProgramClass,
    code: bytes,
    data: bytes = b"",
    *,
    storage: Storage | None = None,
    limits: Limits = Limits(),
    around: Surroundings | None = None,
) -> Outcome:
    runtime = Runtime(code, around=around, program=path)
    return runtime.call("run", data, storage or storage_of({}), limits)


@pytest.mark.parametrize("body", ["(loop $on (br $on)) (i64.const 0)", "(call $deep) (i64.const 0)"])
def test_a_runaway_is_stopped(path: ProgramClass, body: str) -> None:
    code = module((), "(func $deep (call $deep) (call $deep))" + ENTRY.format(body))
    with pytest.raises((OutOfFuel, RuntimePanicked), match=r"fuel|stack"):
        run_entry(path, code, limits=Limits(fuel=10_000_000))


def test_a_runaway_host_call_is_stopped(path: ProgramClass) -> None:
    name = "ext_storage_get_version_1"
    code = module((name,), ENTRY.format(f"(loop $on (drop (call ${name} (i64.const 0))) (br $on)) (i64.const 0)"))
    with pytest.raises(OutOfFuel):
        run_entry(path, code, limits=Limits(fuel=100_000))


def test_memory_is_bounded(path: ProgramClass) -> None:
    for pages, granted in ((10, True), (11, False), (65_535, False)):
        code = module((), ENTRY.format(f"(drop (memory.grow (i32.const {pages}))) (i64.const 0)"))
        outcome = run_entry(path, code, limits=Limits(heap_pages=10))
        assert outcome.stats.memory_bytes == (11 << 16 if granted else 1 << 16)


def test_panics_say_what_and_where(path: ProgramClass) -> None:
    log = "ext_logging_log_version_1"
    message = "panicked at 'no timestamp'"
    code = module(
        (log,),
        f"""(data (i32.const 16) "{message}")
        (func $pallet_timestamp::on_finalize (unreachable))
        (func $rust_begin_unwind
         (call ${log} (i32.const 1) (i64.const 0) (i64.const {16 | len(message) << 32}))
         (call $pallet_timestamp::on_finalize))"""
        + ENTRY.format("(call $rust_begin_unwind) (i64.const 0)"),
    )
    with pytest.raises(RuntimePanicked) as caught:
        run_entry(path, code)
    assert caught.value.message == message
    assert caught.value.backtrace[:2] == ("pallet_timestamp::on_finalize", "rust_begin_unwind")
    assert str(caught.value) == f"{message} (in pallet_timestamp::on_finalize)"


def test_unknown_host_functions_fail_when_they_are_called(path: ProgramClass) -> None:
    for declared in ("(func $f)", "(func $f (param i64) (result i64))"):
        name = "ext_new_thing_version_1" if "param" not in declared else "ext_storage_root_version_1"
        head = f'(import "env" "{name}" {declared}) (import "env" "memory" (memory 1))'
        arguments = "(i64.const 0)" if "param" in declared else ""
        call = f"(call $f {arguments})"
        body = f"(drop {call})" if "param" in declared else call
        for inner, fails in (("", False), (body, True)):
            code = bytes(
                wat2wasm(
                    f'(module {head} (global (export "__heap_base") i32 (i32.const 0))'
                    + ENTRY.format(f"{inner} (i64.const 0)")
                    + ")"
                )
            )
            if fails:
                with pytest.raises(UnknownHostFunction, match=name):
                    run_entry(path, code)
            else:
                assert run_entry(path, code).result == b""


def test_no_pointer_reaches_outside(path: ProgramClass) -> None:
    """Each argument of each host function, with each of many values: a named error or a harmless answer."""
    names = [*HOST_FUNCTIONS, *FUNCTIONS]
    entries = []
    for name in names:
        kinds, results = signature_of(name)
        loads = "".join(f" ({kind}.load offset={8 * at} (local.get 0))" for at, kind in enumerate(kinds))
        call = f"(call ${name}{loads})"
        entries.append(
            f'(func (export "{name}") (param i32 i32) (result i64)'
            f" {f'(drop {call})' if results else call} (i64.const 0))"
        )
    runtime = Runtime(module(names, "".join(entries)), program=path)
    size = 1 << 16
    outside = [
        size | 1 << 32,
        0xFFFF_FFFF,
        0xFFFF_FFFF_FFFF_FFFF,
        0x7FFF_FFFF_7FFF_FFFF,
        1 << 63,
        (size - 1) | 2 << 32,
        0xFFFF_FFF0 | 0x20 << 32,
        size << 32 | 1,
    ]
    if path is PublicProgram:
        outside = outside[2:3]
    chance = random.Random(2)
    for name in names:
        kinds, _ = signature_of(name)
        crossings = HOST_FUNCTIONS[name].arguments if name in HOST_FUNCTIONS else (OF_COMPANION[kinds],)
        cases = [
            tuple(bad if at == place else 0 for at in range(len(kinds)))
            for place, bad in product(range(len(kinds)), outside)
        ]
        cases += [tuple(chance.getrandbits(64) for _ in kinds) for _ in range(len(outside) // 2)]
        for words in cases:
            storage = storage_of({b"": b"value"})
            data = b"".join(word.to_bytes(8, "little") for word in words)
            try:
                runtime.call(name, data, storage, Limits(fuel=10_000_000))
            except WasmError as error:
                assert type(error) is not InvalidRuntime
            else:
                for crossing, word in zip(crossings, words, strict=True):
                    address, length = word & 0xFFFF_FFFF, word >> 32
                    if crossing.kind is Kind.SLICE:
                        assert address + length <= MOST_MEMORY, (name, hex(word))
                    elif crossing.kind is Kind.POINTER:
                        assert address + crossing.size <= MOST_MEMORY, (name, hex(word))


@pytest.mark.parametrize("bad", [1 << 16 | 1 << 32, 0xFFFF_FFFF_FFFF_FFFF, (1 << 16) - 1 | 2 << 32])
def test_pointers_outside_are_named(path: ProgramClass, bad: int) -> None:
    names = ("ext_storage_get_version_1", "ext_hashing_twox_64_version_1", "ext_hashing_blake2_256_version_1")
    for name in names:
        code = module(
            (name,), ENTRY.format(f"(drop (call ${name} (i64.const {bad - (bad >> 63 << 64)}))) (i64.const 0)")
        )
        with pytest.raises(BadPointer):
            run_entry(path, code)
    result = module((), ENTRY.format(f"(i64.const {signed(bad, 'i64')})"))
    with pytest.raises(BadPointer):
        run_entry(path, result)


HEAP = '(global (export "__heap_base") i32 (i32.const 1024))'
MEMORY = '(import "env" "memory" (memory 1))'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"(module {HEAP} {NOTHING})", "neither imports nor defines a memory"),
        (f"(module {MEMORY} {NOTHING})", "__heap_base"),
        (f'(module {MEMORY} (func (export "__heap_base")) {NOTHING})', "no global"),
        (f'(module (import "env" "table" (table 1 funcref)) {MEMORY} {HEAP} {NOTHING})', "no function"),
        (f"(module {MEMORY} {HEAP} (table 200000000 funcref) {NOTHING})", "instantiated"),
        (f'(module {MEMORY} {HEAP} (global (export "run") i32 (i32.const 1)))', "run"),
        (f"(module {MEMORY} {HEAP})", "exports no"),
        *(
            (f'(module {MEMORY} {HEAP} (func (export "run") {types} unreachable))', "exports no entry")
            for types in (
                "",
                "(param i32 i32)",
                "(param i64 i32) (result i64)",
                f"(param i32 i32) (result {'i64 ' * 9})",
            )
        ),
    ],
)
def test_what_is_no_runtime(path: ProgramClass, text: str, reason: str) -> None:
    with pytest.raises((InvalidRuntime, UnknownEntry), match=reason):
        run_entry(path, bytes(wat2wasm(text)))


@pytest.mark.parametrize(
    "text",
    [
        f'(module (memory (export "memory") 1) {HEAP} (data (i32.const 8) "own") {{}})',
        f'(module (import "env" "memory" (memory 1 3)) {HEAP} (data (i32.const 8) "own") {{}})',
        f'(module {MEMORY} {HEAP} (data $d "own") (func $start (memory.init $d (i32.const 8) (i32.const 0) '
        "(i32.const 3))) (start $start) {})",
        f'(module {MEMORY} {HEAP} (global $at i32 (i32.const 8)) (data (global.get $at) "own") {{}})',
    ],
)
def test_memory_and_data_of_every_make(path: ProgramClass, text: str) -> None:
    """A memory of its own, one with a maximum, data that is copied by code, data at a computed place."""
    code = bytes(wat2wasm(text.format(ENTRY.format("(i64.const 0x3_0000_0008)"))))
    runtime = Runtime(code, program=path)
    assert [runtime.call("run", b"", storage_of({})).result for _ in range(2)] == [b"own", b"own"]


def test_memory_is_new_for_each_call(path: ProgramClass) -> None:
    code = module(
        (),
        ENTRY.format(
            "(i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1))) (i64.const 0x4_0000_0008)"
        ),
    )
    runtime = Runtime(code, program=path)
    assert {runtime.call("run", b"", storage_of({})).result for _ in range(3)} == {b"\1\0\0\0"}


def test_arguments_arrive(path: ProgramClass) -> None:
    code = module(
        (),
        ENTRY.format(
            "(i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32)))"
        ),
    )
    for data in (b"", b"data", bytes(range(256)) * 300):
        assert run_entry(path, code, data).result == data


def test_code_that_is_none() -> None:
    good = module((), NOTHING)
    chance = random.Random(4)
    for code in (b"", b"\0asm", WASM_MAGIC, good[:-1], COMPRESSED, COMPRESSED + b"junk", good + b"\x0b\xff"):
        with pytest.raises(InvalidRuntime):
            Runtime(code)
    for _ in range(300):
        mutated = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            mutated[chance.randrange(8, len(good))] = chance.randrange(256)
        with suppress(WasmError):
            Runtime(bytes(mutated)).call("run", b"", storage_of({}), Limits(fuel=1_000_000))


def test_code_that_is_compressed() -> None:
    plain = module((), NOTHING)
    with_size = zstandard.ZstdCompressor().compress(plain)
    stream = zstandard.ZstdCompressor().compressobj()
    without_size = stream.compress(plain) + stream.flush()
    for packed in (with_size, without_size):
        assert Runtime(COMPRESSED + packed).call("run", b"", storage_of({})).result == b""
    bomb = zstandard.ZstdCompressor().compress(WASM_MAGIC + bytes(MAX_CODE_SIZE))
    with pytest.raises(InvalidRuntime, match="larger than"):
        Runtime(COMPRESSED + bomb)


def test_a_runtime_that_is_called_while_it_runs(path: ProgramClass) -> None:
    class Reentrant(Storage):
        def get(self, key: bytes, child: bytes | None = None) -> bytes | None:
            return runtime.call("run", b"", storage_of({})).result

    name = "ext_storage_get_version_1"
    runtime = Runtime(module((name,), ENTRY.format(f"(drop (call ${name} (i64.const 0))) (i64.const 0)")), program=path)
    with pytest.raises(HostFailure, match="while it runs"):
        runtime.call("run", b"", Reentrant(storage_of({}).backend))
    with pytest.raises(HostFailure, match="while it runs"):
        runtime.call("run", b"", Reentrant(storage_of({}).backend))


def test_a_log_is_bounded(path: ProgramClass) -> None:
    log = "ext_logging_log_version_1"
    line = f"(call ${log} (i32.const 3) (i64.const 0) (i64.const {40_000 << 32}))"
    outcome = run_entry(path, module((log,), ENTRY.format(line * 60 + "(i64.const 0)")))
    assert len(outcome.logs) == (1 << 20) // 40_000
