"""What an engine path does for a runtime: run one entry in a fresh instance, and serve host functions meanwhile.

`fast` and `public` are two of them, over the same modules and with the same outcomes; here is what they share: which
import is served by what, and which error a trap is.

## Errors

Of `run`: `UnknownEntry`, `RuntimePanicked`, `OutOfFuel`, `HostFailure` and its kinds, whatever a host function raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from wasmtime import FuncType, MemoryType, Trap, TrapCode

from node.wasm.call import Call, Guest, Timing
from node.wasm.companion import FUNCTIONS
from node.wasm.engine import Compiled
from node.wasm.errors import (
    AllocationFailed,
    BadPointer,
    HostFailure,
    InvalidRuntime,
    OutOfFuel,
    RuntimePanicked,
    UnknownHostFunction,
    WasmError,
)
from node.wasm.host.all import HOST_FUNCTIONS
from node.wasm.host.declaration import HostFunction

HOST_MODULE = "env"
ALLOCATOR = ("malloc", "free", "make_room")
MAX_FRAMES = 32
PAGE = 65536
MAX_TABLE = 1 << 20
"""Elements: a table is made as large as it says it is."""
FRAME = re.compile(r"^ *\d+: +0x[0-9a-f]+ - (?:[^!\n]*!)?(.*?)(?:::h[0-9a-f]{16})?$", re.MULTILINE)


class Limits(NamedTuple):
    """What one call may take."""

    fuel: int = 20_000_000_000
    """Instructions: half a minute's. A block of 1,000 transfers burns 630 million, the fullest of a live chain a few
    times that."""
    heap_pages: int = 2048
    """Of 64 KiB, on top of what the runtime's memory has from the start. It is Substrate's number: with more, a block
    could be good here that is bad elsewhere."""


class Ran(NamedTuple):
    """What an entry answered, and what it took."""

    result: bytes
    fuel: int
    memory_bytes: int
    timings: Mapping[str, Timing]


class Program(Guest, Protocol):
    """A runtime with its host functions; one call at a time, and a `Guest` while it runs."""

    def run(self, entry: str, data: bytes, call: Call, limits: Limits, timed: bool) -> Ran: ...


class Import(NamedTuple):
    """An import of a runtime, in its order, and what serves it."""

    name: str
    type: FuncType | MemoryType
    function: HostFunction | None
    """`None` where the companion serves it."""


def bound_imports(modules: Compiled) -> Iterator[Import]:
    """What serves each of a runtime's imports; raises `InvalidRuntime` of one that isn't a function."""
    for wanted in modules.runtime.imports:
        name, kind = wanted.name or "", wanted.type
        if isinstance(kind, MemoryType):
            yield Import("memory", kind, None)
        elif not isinstance(kind, FuncType):
            raise InvalidRuntime(f"the runtime imports {name}, which is no function")
        elif wanted.module == HOST_MODULE and name in FUNCTIONS:
            yield Import(name, kind, None)
        else:
            found = HOST_FUNCTIONS.get(name) if wanted.module == HOST_MODULE else None
            types = tuple(map(str, kind.params)), tuple(map(str, kind.results))
            yield Import(name, kind, found if found and found.wasm_signature == types else _unknown(name))


def entries(modules: Compiled) -> frozenset[str]:
    """The exports that can be called: the functions of an address and a length whose answer is both in one."""
    return frozenset(
        item.name
        for item in modules.runtime.exports
        if item.name is not None
        and isinstance(item.type, FuncType)
        and tuple(map(str, item.type.params)) == ("i32", "i32")
        and tuple(map(str, item.type.results)) == ("i64",)
    )


def _unknown(name: str) -> HostFunction:
    """A function that runtimes may import, so long as they don't call it."""

    def refuse(call: Call) -> None:
        raise UnknownHostFunction(f"the runtime calls {name}, which this engine doesn't have, or not with these types")

    return HostFunction(name, refuse, (), None)


def failure(trap: Trap, call: Call) -> WasmError:
    """What a trap means."""
    code, names = trap.trap_code, tuple(FRAME.findall(trap.message))[:MAX_FRAMES]
    if code == TrapCode.OUT_OF_FUEL:
        return OutOfFuel("the call burnt all its fuel: it may be in an endless loop, or the limit is too low for it")
    frames = trap.frames
    if frames and frames[0].module_name == "companion":
        if frames[0].func_name in ALLOCATOR:
            return AllocationFailed("the runtime's allocator failed: out of memory, or its memory was overwritten")
        return BadPointer("the runtime has bytes hashed that are outside its memory")
    reason = trap.message.rsplit("wasm trap: ", 1)[-1].strip()
    return RuntimePanicked(call.last_error or f"the runtime trapped: {reason}", names)


def host_failure(name: str, error: Exception) -> WasmError:
    """What a host function raised, as one of ours."""
    if isinstance(error, WasmError):
        return error
    failed = HostFailure(f"{name}: {error}")
    failed.__cause__ = error
    return failed
