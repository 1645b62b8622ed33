"""Instances through wasmtime's C interface: a host call costs half a microsecond instead of 18.

## Overview

wasmtime's Python API wraps every argument of every call. `FastProgram` has host functions called with the raw slots
instead, through `wasmtime._ffi`, which is private: `pyproject.toml` pins the version, and `public` does the same by the
public API where what is used here should be missing (`runtime.program_class`).

A slot is 16 bytes, of which an i32 fills the first four and leaves the others undefined. Nothing that the guest says is
believed: its addresses reach beyond its memory into this process, so each is checked against the memory's size.

## Out of scope

What host functions do (`host`), and what a call is (`runtime`).
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from ctypes import (
    CFUNCTYPE,
    POINTER,
    addressof,
    byref,
    c_bool,
    c_char_p,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
    cast,
    memmove,
    string_at,
)
from typing import Any

from wasmtime import Store, Trap, WasmtimeError, _ffi

from node.wasm.call import Call, Timing
from node.wasm.companion import COUNTS, FUNCTIONS
from node.wasm.engine import Compiled, engine
from node.wasm.errors import BadPointer, InvalidRuntime, UnknownEntry
from node.wasm.host.declaration import Crossing, HostFunction, Kind
from node.wasm.program import MAX_TABLE, PAGE, Limits, Ran, bound_imports, entries, failure, host_failure

U32, SIGN, U64 = 0xFFFF_FFFF, 1 << 63, 1 << 64
SLOT = 2
"""How far apart two slots are, in words of 8 bytes."""

Slots = Any
Callback: Any = CFUNCTYPE(c_size_t, c_void_p, c_void_p, POINTER(c_int64), c_size_t)
"""Environment, caller, slots, and their number; answers a trap, or 0."""

_dll = _ffi.dll
_new_instance = CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p)(
    ("wasmtime_instance_new", _dll)
)
_get_export = CFUNCTYPE(c_bool, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)(
    ("wasmtime_instance_export_get", _dll)
)
_new_function = CFUNCTYPE(None, c_void_p, c_void_p, Callback, c_void_p, c_void_p, c_void_p)(
    ("wasmtime_func_new_unchecked", _dll)
)
_call_function = CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p)(
    ("wasmtime_func_call_unchecked", _dll)
)
_new_trap: Callable[[bytes, int], int] = CFUNCTYPE(c_size_t, c_char_p, c_size_t)(("wasmtime_trap_new", _dll))
_memory_size = CFUNCTYPE(c_size_t, c_void_p, c_void_p)(("wasmtime_memory_data_size", _dll))
_memory_data = CFUNCTYPE(c_void_p, c_void_p, c_void_p)(("wasmtime_memory_data", _dll))
_get_global = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)(("wasmtime_global_get", _dll))
_get_fuel = CFUNCTYPE(c_void_p, c_void_p, c_void_p)(("wasmtime_context_get_fuel", _dll))

_Extern: Any = _ffi.wasmtime_extern_t
_EXTERN_SIZE = ctypes.sizeof(_Extern)
_ITEM = _Extern.of.offset
"""Where in an extern the item itself is."""
_RAISED = b"the host raised"


class FastProgram:
    """A runtime with its host functions bound through the C interface."""

    def __init__(self, modules: Compiled) -> None:
        self._modules = modules
        self._module_pointers = [cast(module.ptr(), c_void_p) for module in modules]
        self._imports, self._entries = list(bound_imports(modules)), entries(modules)
        self._callbacks: dict[bool, list[Any]] = {}
        self._types = [cast(item.type.ptr(), c_void_p).value for item in self._imports]
        self._externs = (_Extern * len(self._imports))()
        self._timings: dict[str, list[int]] = {}
        self._raised: BaseException | None = None
        self._call: Call | None = None
        self._context: int | None = None
        self._base = self._size = 0
        self._allocation: Slots = (c_int64 * SLOT)()

    def run(self, entry: str, data: bytes, call: Call, limits: Limits, timed: bool) -> Ran:
        if entry not in self._entries:  # a function of other types would be called all the same, past the slots' end
            raise UnknownEntry(f"the runtime exports no entry {entry}")
        store = Store(engine())
        try:
            store.set_fuel(limits.fuel)
            return self._run(store, entry, data, call, limits, timed)
        finally:
            self._call = self._context = None
            self._size = 0
            store.close()

    def _run(self, store: Store, entry: str, data: bytes, call: Call, limits: Limits, timed: bool) -> Ran:
        self._call, self._raised = call, None
        self._context = cast(store._context(), c_void_p).value
        self._timings = {}
        beside = self._instantiate(1, None, 0)
        memory, state = self._export(beside, "memory"), self._export(beside, "state")
        self._memory = addressof(memory) + _ITEM
        self._allocate = self._export(beside, "allocate")
        self._allocate_at = addressof(self._allocate) + _ITEM
        self._base, self._size = _memory_data(self._context, self._memory), self._measured()
        store.set_limits(self._size + limits.heap_pages * PAGE, MAX_TABLE)
        self._fill_imports(beside, timed)
        instance = self._instantiate(0, addressof(self._externs), len(self._imports))
        function = self._export(instance, entry)
        self._invoke(self._export(beside, "start_heap"), self._heap_base(instance))
        address = self.allocate(len(data))
        memmove(self._base + address, data, len(data))
        packed = self._invoke(function, address, len(data))
        result = self.read(packed & U32, packed >> 32 & U32)
        counts = (c_uint32 * len(FUNCTIONS)).from_address(
            _memory_data(self._context, addressof(state) + _ITEM) + COUNTS
        )
        return Ran(result, limits.fuel - self._fuel(), self._measured(), self._timed(counts) if timed else {})

    # the guest

    def read(self, address: int, length: int) -> bytes:
        if address + length > self._size:
            self._check(address, length)
        return string_at(self._base + address, length)

    def write(self, address: int, content: bytes) -> None:
        if address + len(content) > self._size:
            self._check(address, len(content))
        memmove(self._base + address, content, len(content))

    def allocate(self, size: int) -> int:
        slots = self._allocation
        slots[0] = size
        trap = c_void_p()
        if _call_function(self._context, self._allocate_at, slots, 1, byref(trap)) or trap:
            raise self._failure(trap)
        return int(slots[0]) & U32

    def _check(self, address: int, length: int) -> None:
        if self._context is None:
            raise BadPointer("the call whose memory this was is over")
        self._size = self._measured()  # it may have grown
        if address + length > self._size:
            raise BadPointer(f"{length} bytes at {address} are outside the runtime's memory of {self._size}")

    def _measured(self) -> int:
        return int(_memory_size(self._context, self._memory))

    # instances

    def _instantiate(self, which: int, imports: int | None, count: int) -> Any:
        instance, trap = _ffi.wasmtime_instance_t(), c_void_p()
        pointer = self._module_pointers[which]
        error = _new_instance(self._context, pointer, imports, count, addressof(instance), byref(trap))
        if error:
            message = str(WasmtimeError._from_ptr(cast(error, POINTER(_ffi.wasmtime_error_t))))
            raise InvalidRuntime(f"the runtime can't be instantiated: {message}")
        if trap:
            raise self._failure(trap)
        return instance

    def _export(self, instance: Any, name: str) -> Any:
        item, encoded = _Extern(), name.encode()
        if not _get_export(self._context, addressof(instance), encoded, len(encoded), addressof(item)):
            raise UnknownEntry(f"the runtime exports no {name}")
        return item

    def _heap_base(self, instance: Any) -> int:
        item, value = self._export(instance, "__heap_base"), _ffi.wasmtime_val_t()
        if item.kind != _ffi.WASMTIME_EXTERN_GLOBAL.value:
            raise InvalidRuntime("the runtime's __heap_base is no global")
        _get_global(self._context, addressof(item) + _ITEM, addressof(value))
        return int(value.of.i32) & U32

    def _fill_imports(self, beside: Any, timed: bool) -> None:
        if timed not in self._callbacks:
            self._callbacks[timed] = [
                None if item.function is None else self._callback(item.function, timed) for item in self._imports
            ]
        context, companion, slot = self._context, addressof(beside), addressof(self._externs)
        for item, kind, callback in zip(self._imports, self._types, self._callbacks[timed], strict=True):
            if callback is None:
                encoded = item.name.encode()
                _get_export(context, companion, encoded, len(encoded), slot)
            else:
                _Extern.from_address(slot).kind = 0
                _new_function(context, kind, callback, None, None, slot + _ITEM)
            slot += _EXTERN_SIZE

    def _invoke(self, function: Any, *arguments: int) -> int:
        """Calls a function on i32; what it answers, where it does, as 64 bits."""
        slots: Slots = (c_int64 * (SLOT * max(1, len(arguments))))()
        trap = c_void_p()
        for at, argument in enumerate(arguments):
            slots[SLOT * at] = argument
        count = max(1, len(arguments))
        error = _call_function(self._context, addressof(function) + _ITEM, slots, count, byref(trap))
        if error or trap:
            raise self._failure(trap, error)
        return int(slots[0])

    def _failure(self, trap: c_void_p, error: int | None = None) -> BaseException:
        raised, self._raised = self._raised, None
        assert self._call is not None
        if error:
            problem = WasmtimeError._from_ptr(cast(error, POINTER(_ffi.wasmtime_error_t)))
            return raised or InvalidRuntime(str(problem))
        found = failure(Trap._from_ptr(cast(trap, POINTER(_ffi.wasm_trap_t))), self._call)
        return raised or found

    def _fuel(self) -> int:
        left = c_uint64()
        _get_fuel(self._context, byref(left))
        return left.value

    def _timed(self, counts: Any) -> dict[str, Timing]:
        served = {name: Timing(calls, nanoseconds) for name, (calls, nanoseconds) in self._timings.items()}
        return served | {name: Timing(count, 0) for name, count in zip(FUNCTIONS, counts, strict=True) if count}

    # host functions

    def _callback(self, function: HostFunction, timed: bool) -> Any:
        """A host function as wasmtime calls it. No exception may leave it: they are kept, and trap the guest."""
        body, name = function.body, function.name
        readers = [(SLOT * at, self._reader(crossing)) for at, crossing in enumerate(function.arguments)]
        answer = None if function.result is None else self._answer(function.result.kind)

        def serve(_environment: object, _caller: object, slots: Slots, _count: int) -> int:
            try:
                result = body(self._call, *[read(slots[at]) for at, read in readers])
                if answer is not None:
                    answer(slots, result)
            except Exception as error:
                self._raised = host_failure(name, error)
                return _new_trap(_RAISED, len(_RAISED))
            except BaseException as error:
                self._raised = error
                return _new_trap(_RAISED, len(_RAISED))
            return 0

        def serve_timed(environment: object, caller: object, slots: Slots, count: int) -> int:
            started = time.thread_time_ns()
            try:
                return serve(environment, caller, slots, count)
            finally:
                timing = self._timings.setdefault(name, [0, 0])
                timing[0] += 1
                timing[1] += time.thread_time_ns() - started

        return Callback(serve_timed if timed else serve)

    def _reader(self, crossing: Crossing) -> Callable[[int], Any]:
        """How an argument is taken out of its slot."""
        kind, size = crossing

        def read_slice(packed: int) -> bytes:
            address, length = packed & U32, packed >> 32 & U32
            if address + length > self._size:
                self._check(address, length)
            return string_at(self._base + address, length)

        def read_pointer(address: int) -> bytes:
            address &= U32
            if address + size > self._size:
                self._check(address, size)
            return string_at(self._base + address, size)

        match kind:
            case Kind.SLICE:
                return read_slice
            case Kind.POINTER:
                return read_pointer
            case Kind.ROOM:
                return lambda packed: (packed & U32, packed >> 32 & U32)
            case Kind.U32:
                return lambda number: number & U32
            case _:
                return lambda number: number & U64 - 1

    def _answer(self, kind: Kind) -> Callable[[Slots, Any], None]:
        """How a result is put into the first slot."""

        def new_slice(slots: Slots, content: bytes) -> None:
            address = self.allocate(len(content))
            memmove(self._base + address, content, len(content))
            slots[0] = address | len(content) << 32

        def new_bytes(slots: Slots, content: bytes) -> None:
            address = self.allocate(len(content))
            memmove(self._base + address, content, len(content))
            slots[0] = address

        def number(slots: Slots, value: int) -> None:
            slots[0] = value if value < SIGN else value - U64

        return {Kind.NEW_SLICE: new_slice, Kind.NEW_BYTES: new_bytes}.get(kind, number)
