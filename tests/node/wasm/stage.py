"""Runtimes to test with: those of the chain specs, and small ones put together of host calls.

`ran` makes a Wasm module whose one entry calls host functions in order, runs it, and gives what each answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from wasmtime import wat2wasm

from node.wasm.backend import FullState
from node.wasm.cache import CompiledCode
from node.wasm.call import Surroundings
from node.wasm.companion import FUNCTIONS
from node.wasm.engine import CONFIGURATION
from node.wasm.fast import FastProgram
from node.wasm.host.all import HOST_FUNCTIONS
from node.wasm.overlay import Storage
from node.wasm.program import Limits
from node.wasm.public import PublicProgram
from node.wasm.runtime import Outcome, Runtime

CACHE = CompiledCode(Path(__file__).resolve().parents[3] / "build" / "foreign", CONFIGURATION)
"""What real runtimes compile to, from run to run: that takes seconds."""

PATHS = (FastProgram, PublicProgram)
ProgramClass = type[FastProgram] | type[PublicProgram]

DATA_START, HEAP_BASE, RESULTS = 1024, 60_001, 64
COMPANION_SIGNATURES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    name: (("i32" if "allocator" in name else "i64",), () if "free" in name else ("i32",)) for name in FUNCTIONS
}


def signature_of(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The Wasm types of a host function's arguments and results."""
    return COMPANION_SIGNATURES[name] if name in COMPANION_SIGNATURES else HOST_FUNCTIONS[name].wasm_signature


class Raw(NamedTuple):
    """A number that is passed as it is."""

    number: int


class Before(NamedTuple):
    """What an earlier call of the same run answered, by its place; of a slice, all of it."""

    place: int


class Room(NamedTuple):
    """Space to write so many bytes to."""

    size: int


class Answer(NamedTuple):
    """What a host call answered, and the memory afterwards."""

    number: int
    memory: bytes
    room: int

    @property
    def slice(self) -> bytes:
        """The bytes it names by address and length."""
        address, length = self.number & 0xFFFF_FFFF, self.number >> 32
        return self.memory[address : address + length]

    def taken(self, size: int) -> bytes:
        """The bytes it names by address alone."""
        return self.memory[self.number : self.number + size]

    def written(self, size: int) -> bytes:
        """What is in the room that it was given."""
        return self.memory[self.room : self.room + size]


Argument = bytes | Raw | Before | Room
HostCall = tuple[str | Argument, ...]


def imported(names: Sequence[str]) -> str:
    """Import lines of host functions, under `$` and their names."""
    lines = []
    for name in dict.fromkeys(names):
        parameters, results = signature_of(name)
        types = "".join(f" (param {kind})" for kind in parameters) + "".join(f" (result {kind})" for kind in results)
        lines.append(f'(import "env" "{name}" (func ${name}{types}))')
    return "\n".join(lines)


def module(names: Sequence[str], body: str) -> bytes:
    """A runtime that imports host functions and a memory; its heap starts at `HEAP_BASE`."""
    return bytes(
        wat2wasm(
            f"""(module {imported(names)} (import "env" "memory" (memory 1))
            (global (export "__heap_base") i32 (i32.const {HEAP_BASE})) {body})"""
        )
    )


def ran(
    path: ProgramClass,
    *calls: HostCall,
    storage: Storage | None = None,
    around: Surroundings | None = None,
    limits: Limits = Limits(),
) -> list[Answer]:
    """What the host functions answer that a runtime calls in one entry."""
    outcome, rooms = call_all(path, *calls, storage=storage, around=around, limits=limits)
    memory = outcome.result
    numbers = [int.from_bytes(memory[RESULTS + 8 * at : RESULTS + 8 * at + 8], "little") for at in range(len(calls))]
    return [Answer(number, memory, room) for number, room in zip(numbers, rooms, strict=True)]


def call_all(
    path: ProgramClass,
    *calls: HostCall,
    storage: Storage | None = None,
    around: Surroundings | None = None,
    limits: Limits = Limits(),
) -> tuple[Outcome, list[int]]:
    """The outcome of an entry that answers with all its memory; where it gave each call room."""
    data, body, rooms = bytearray(), "", []
    for at, (name, *arguments) in enumerate(calls):
        assert isinstance(name, str)
        parameters, results = signature_of(name)
        words, room = [], 0
        for kind, argument in zip(parameters, arguments, strict=True):
            assert not isinstance(argument, str)
            match argument:
                case Raw(number):
                    word = f"({kind}.const {signed(number, kind)})"
                case Before(place):
                    word = f"({kind}.load (i32.const {RESULTS + 8 * place}))"
                case Room(size):
                    room = DATA_START + len(data)
                    data += bytes(size)
                    word = f"(i64.const {room | size << 32})"
                case _:
                    address = DATA_START + len(data)
                    data += argument
                    packed = address | len(argument) << 32
                    word = f"(i64.const {packed})" if kind == "i64" else f"(i32.const {address})"
            words.append(word)
        rooms.append(room)
        call = f"(call ${name} {' '.join(words)})"
        if results:
            call = call if results == ("i64",) else f"(i64.extend_i32_u {call})"
            call = f"(i64.store (i32.const {RESULTS + 8 * at}) {call})"
        body += call + "\n"
    assert len(data) < HEAP_BASE - DATA_START
    escaped = "".join(f"\\{byte:02x}" for byte in data)
    code = module(
        [str(call[0]) for call in calls],
        f"""(data $given "{escaped}")
        (func (export "all") (param i32 i32) (result i64)
         (memory.init $given (i32.const {DATA_START}) (i32.const 0) (i32.const {len(data)})) {body}
         (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 48)))""",
    )
    runtime = Runtime(code, around=around, program=path)
    return runtime.call("all", b"", storage or Storage(FullState({})), limits), rooms


def signed(number: int, kind: str) -> int:
    """As Wasm's text form writes a number of a type."""
    bits = 32 if kind == "i32" else 64
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> bits - 1 else number


def storage_of(top: Mapping[bytes, bytes], children: Mapping[bytes, Mapping[bytes, bytes]] | None = None) -> Storage:
    return Storage(FullState(top, children))
