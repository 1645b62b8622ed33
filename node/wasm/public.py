"""Instances through wasmtime's public API: what `fast` does, at some five times the cost, if that can't be.

The same tests run on both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from wasmtime import Func, FuncType, Global, Instance, Store, Trap, WasmtimeError

from node.wasm.call import Call, Timing
from node.wasm.companion import COUNTS, FUNCTIONS
from node.wasm.engine import Compiled, engine
from node.wasm.errors import BadPointer, InvalidRuntime, UnknownEntry
from node.wasm.host.declaration import Crossing, HostFunction, Kind
from node.wasm.program import MAX_TABLE, PAGE, Limits, Ran, bound_imports, entries, failure, host_failure

U32, SIGN, U64 = 0xFFFF_FFFF, 1 << 63, 1 << 64


class PublicProgram:
    """A runtime with its host functions bound through the public API."""

    def __init__(self, modules: Compiled) -> None:
        self._modules = modules
        self._imports, self._entries = list(bound_imports(modules)), entries(modules)
        self._timings: dict[str, list[int]] = {}
        self._call: Call | None = None

    def run(self, entry: str, data: bytes, call: Call, limits: Limits, timed: bool) -> Ran:
        if entry not in self._entries:
            raise UnknownEntry(f"the runtime exports no entry {entry}")
        store = self._store = Store(engine())
        self._call, self._timings = call, {}
        try:
            store.set_fuel(limits.fuel)
            return self._run(store, entry, data, limits, timed)
        except Trap as trap:
            raise failure(trap, call) from None
        finally:
            self._call = None
            store.close()

    def _run(self, store: Store, entry: str, data: bytes, limits: Limits, timed: bool) -> Ran:
        beside: Any = Instance(store, self._modules.companion, []).exports(store)
        self._memory, self._allocate = beside["memory"], beside["allocate"]
        store.set_limits(self._memory.data_len(store) + limits.heap_pages * PAGE, MAX_TABLE)
        imports = [
            beside[item.name] if item.function is None else self._bound(item.function, item.type, timed)
            for item in self._imports
        ]
        try:
            exports = Instance(store, self._modules.runtime, imports).exports(store)
        except WasmtimeError as error:
            raise InvalidRuntime(f"the runtime can't be instantiated: {error}") from None
        function: Any = exports[entry]
        heap_base = exports.get("__heap_base")
        if not isinstance(heap_base, Global):
            raise InvalidRuntime("the runtime exports no global __heap_base")
        beside["start_heap"](store, heap_base.value(store))
        address = self.allocate(len(data))
        self.write(address, data)
        packed = function(store, _signed32(address), len(data))
        result = self.read(packed & U32, packed >> 32 & U32)
        counts = beside["state"].read(store, COUNTS, COUNTS + 4 * len(FUNCTIONS))
        timings = {name: Timing(*timing) for name, timing in self._timings.items()}
        if timed:
            for at, name in enumerate(FUNCTIONS):
                if count := int.from_bytes(counts[4 * at : 4 * at + 4], "little"):
                    timings[name] = Timing(count, 0)
        return Ran(result, limits.fuel - store.get_fuel(), self._memory.data_len(store), timings)

    # the guest

    def read(self, address: int, length: int) -> bytes:
        self._check(address, length)
        return bytes(self._memory.read(self._store, address, address + length))

    def write(self, address: int, content: bytes) -> None:
        self._check(address, len(content))
        if content:
            self._memory.write(self._store, content, address)

    def allocate(self, size: int) -> int:
        try:
            return int(self._allocate(self._store, _signed32(size))) & U32
        except Trap as trap:
            assert self._call is not None
            raise failure(trap, self._call) from None

    def _check(self, address: int, length: int) -> None:
        size = self._memory.data_len(self._store)
        if address + length > size:
            raise BadPointer(f"{length} bytes at {address} are outside the runtime's memory of {size}")

    # host functions

    def _bound(self, function: HostFunction, kind: Any, timed: bool) -> Func:
        readers = [self._reader(crossing) for crossing in function.arguments]

        def serve(*arguments: int) -> int | None:
            try:
                pairs = zip(readers, arguments, strict=False)  # an unknown function takes none
                return self._answer(function.result, function.body(self._call, *[read(each) for read, each in pairs]))
            except Exception as error:
                raise host_failure(function.name, error) from None

        def serve_timed(*arguments: int) -> int | None:
            started = time.thread_time_ns()
            try:
                return serve(*arguments)
            finally:
                timing = self._timings.setdefault(function.name, [0, 0])
                timing[0] += 1
                timing[1] += time.thread_time_ns() - started

        assert isinstance(kind, FuncType)
        return Func(self._store, kind, serve_timed if timed else serve)

    def _reader(self, crossing: Crossing) -> Callable[[int], Any]:
        match crossing.kind:
            case Kind.SLICE:
                return lambda packed: self.read(packed & U32, packed >> 32 & U32)
            case Kind.POINTER:
                return lambda address: self.read(address & U32, crossing.size)
            case Kind.ROOM:
                return lambda packed: (packed & U32, packed >> 32 & U32)
            case Kind.U32:
                return lambda number: number & U32
            case _:
                return lambda number: number & U64 - 1

    def _answer(self, crossing: Crossing | None, result: Any) -> int | None:
        if crossing is None:
            return None
        match crossing.kind:
            case Kind.NEW_SLICE:
                address = self.allocate(len(result))
                self.write(address, result)
                return address | len(result) << 32
            case Kind.NEW_BYTES:
                address = self.allocate(len(result))
                self.write(address, result)
                return _signed32(address)
            case Kind.U32:
                return _signed32(result)
            case _:
                return int(result) if result < SIGN else int(result) - U64


def _signed32(number: int) -> int:
    number = int(number)
    return number if number < 1 << 31 else number - (1 << 32)
