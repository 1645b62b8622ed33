"""Metered Wasm: compilation with exact fuel, the cache of compiled code, and quick calls into an instance.

Overview
    wasmtime's public Python API looks up every export of an instance and re-reads a function's type at every call:
    2 ms and 20 µs that the C API underneath does not need. `Instance` therefore speaks to the C API through
    `wasmtime._ffi`, which is private: `pyproject.toml` pins the version, and nothing outside this module touches it.

    Nothing that the guest returns is believed: `read` and `write` check every address against the memory's size.

Out of scope
    What a module means: `javascript` knows the engine's exports.
"""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Callable, Iterator, Mapping
from ctypes import (
    CDLL,
    CFUNCTYPE,
    POINTER,
    Array,
    addressof,
    byref,
    c_char,
    c_char_p,
    c_size_t,
    c_uint64,
    c_void_p,
    cast,
    create_string_buffer,
    memmove,
    memset,
    string_at,
)
from functools import cache
from pathlib import Path
from typing import Any

from wasmtime import (
    Config,
    Engine,
    FuncType,
    ImportType,
    InstancePre,
    Linker,
    Module,
    Store,
    Trap,
    WasmtimeError,
    _bindings,
    _ffi,
)

from offchain.sandbox.base import UntrustedCache
from offchain.sandbox.identity import MAX_WASM_STACK, WASM_CONFIG
from offchain.sandbox.memory import RecycledMemory
from pallets.primitives.hashing import blake2_256

PAGE = 65536
MAX_ARGUMENTS = 8

_call_function = _bindings._wasmtime_func_call_unchecked
_get_export = _bindings._wasmtime_instance_export_get
_get_fuel = _bindings._wasmtime_context_get_fuel
_set_fuel = _bindings._wasmtime_context_set_fuel
_memory_pages = _bindings._wasmtime_memory_size
_compare = CDLL(None).memcmp
_compare.argtypes = (c_void_p, c_void_p, c_size_t)
_NO_FINALIZER = CFUNCTYPE(None, c_void_p)()
_HOST = create_string_buffer(b"the host raised")


class CorruptGuest(Exception):
    """The guest answered what a sound engine never would, such as an address outside its memory."""


def metered_engine(memory: RecycledMemory) -> Engine:
    """An engine under which equal modules on equal inputs burn equal fuel, on any machine.

    The epoch moves only when a run's wall time is up. Instances must run on an `EngineThread`.
    """
    return Engine(metered_config(memory))


def metered_config(memory: RecycledMemory) -> Config:
    """What such an engine is made of."""
    config = Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    config.cranelift_nan_canonicalization = True
    config.wasm_threads = False
    config.wasm_relaxed_simd = False
    config.max_wasm_stack = MAX_WASM_STACK
    memory.install(config)
    # Unused here, but the engine refuses to be smaller in it than in `max_wasm_stack`.
    _ffi.wasmtime_config_async_stack_size_set(config.ptr(), MAX_WASM_STACK)
    return config


def compile_module(engine: Engine, wasm: bytes, cache: Path | None) -> Module:
    """Compile `wasm`, or take the result of an earlier compilation from the directory `cache`.

    Compiled code is native code: loading a file that someone else wrote is running their program. The directory is
    made with mode 0700 and refused where others could write; so is a file in it. Raises `UntrustedCache`.
    """
    if cache is None:
        return Module(engine, wasm)
    _own_directory(cache)
    key = blake2_256(blake2_256(wasm) + f"{WASM_CONFIG};{platform.machine()}".encode())
    path = cache / f"{key.hex()[:32]}.cwasm"
    compiled = _read_own(path)
    if compiled is not None:
        try:
            return Module.deserialize(engine, compiled)
        except WasmtimeError:
            pass  # made for another processor or build of the same version: compile again
    module = Module(engine, wasm)
    _write_own(path, bytes(module.serialize()))
    return module


def _own_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_unless_ours(directory, directory.lstat(), stat.S_ISDIR)


def _read_own(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UntrustedCache(f"{path} can't be opened as a plain file ({error.strerror}): remove it") from error
    with os.fdopen(descriptor, "rb") as file:
        _refuse_unless_ours(path, os.fstat(file.fileno()), stat.S_ISREG)
        return file.read()


def _write_own(path: Path, content: bytes) -> None:
    partial = path.with_suffix(f".{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    partial.replace(path)


def _refuse_unless_ours(path: Path, status: os.stat_result, is_expected: Callable[[int], bool]) -> None:
    if not is_expected(status.st_mode):
        raise UntrustedCache(f"{path} is not what the cache made: remove it")
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise UntrustedCache(f"{path} is open to others: it must be yours, with mode 0700 (files 0600)")


Slots = Any
"""The arguments of a call, and then its result: `slots[0].i32`, `.i64` or `.f64`, and so on."""


class MeteredModule:
    """A module with the host functions it may call, ready to be instantiated; all else that it imports traps.

    A host function takes its arguments out of the slots and puts its result into the first. What it raises ends the
    guest, and is raised from the call that led there.
    """

    def __init__(self, wasm: bytes, cache: Path | None, functions: Mapping[str, Callable[[Slots], None]]) -> None:
        self._memory = RecycledMemory()
        self._engine = metered_engine(self._memory)
        self._raised: list[BaseException] = []
        self._callbacks: list[object] = []
        module = compile_module(self._engine, wasm, cache)
        linker = Linker(self._engine)
        for wanted in module.imports:
            function = functions.get(wanted.name or "")
            if function is not None:
                self._define(linker, wanted, function)
        linker.define_unknown_imports_as_traps(module)
        self._module = linker.instantiate_pre(module)

    def interrupt(self) -> None:
        """Trap the instance that runs now. From any thread."""
        self._engine.increment_epoch()

    def instantiate(self, memory_bytes: int, fuel: int, overwritten: int = 0) -> Instance:
        """A new instance, whose caller writes its memory up to `overwritten` first of all. Close it after use."""
        self._memory.expect(overwritten)
        return Instance(self._engine, self._module, memory_bytes, fuel, self._raised)

    def _define(self, linker: Linker, wanted: ImportType, function: Callable[[Slots], None]) -> None:
        assert isinstance(wanted.type, FuncType) and wanted.name is not None
        self._callbacks.append(define(linker, wanted.module, wanted.name, wanted.type, function, self._raised))


def define(
    linker: Linker,
    module: str,
    name: str,
    type: FuncType,
    function: Callable[[Slots], None],
    raised: list[BaseException],
) -> object:
    """Gives a linker a host function; what it raises is put on `raised`. What is returned must outlive the linker."""

    def call(_environment: object, _caller: object, slots: Slots, _count: int) -> int:
        try:
            function(slots)
        except BaseException as error:
            raised.append(error)
            return cast(_ffi.wasmtime_trap_new(_HOST, len(_HOST) - 1), c_void_p).value or 0
        return 0

    callback = _ffi.wasmtime_func_unchecked_callback_t(call)
    names = create_string_buffer(module.encode()), create_string_buffer(name.encode())
    error = _ffi.wasmtime_linker_define_func_unchecked(
        linker.ptr(),
        names[0],
        len(names[0]) - 1,
        names[1],
        len(names[1]) - 1,
        type.ptr(),
        callback,
        None,
        _NO_FINALIZER,
    )
    if error:
        raise WasmtimeError._from_ptr(error)
    return callback


class Instance:
    """One instance in a store of its own: calls, memory and fuel.

    Arguments and results are i32, i64 or f64. Guest memory stays below 2 GiB, so an address is never negative.
    """

    def __init__(
        self, engine: Engine, module: InstancePre, memory_bytes: int, fuel: int, raised: list[BaseException]
    ) -> None:
        self._raised = raised
        self.store = Store(engine)
        self.limit_memory(memory_bytes)
        self._context = self.store._context()
        self._fuel = c_uint64()
        self.fuel = fuel
        self.store.set_epoch_deadline(1 << 40)  # an interrupt that comes while the memory is filled comes again
        self._instance = module.instantiate(self.store)._instance
        self.store.set_epoch_deadline(1)
        self._functions: dict[str, object] = {}
        self._slots = (_ffi.wasmtime_val_raw_t * MAX_ARGUMENTS)()
        self._trap = POINTER(_ffi.wasm_trap_t)()
        self._trap_out = byref(self._trap)
        self._memory = byref(self._export("memory").memory)
        self._known_bytes = 0  # memory never shrinks
        self._base = addressof(_ffi.wasmtime_memory_data(self._context, self._memory).contents)
        """Does not move: addresses for all of a 32-bit memory are reserved at once."""

    def limit_memory(self, memory_bytes: int) -> None:
        """Refuse to let linear memory grow past `memory_bytes`."""
        self.store.set_limits(memory_size=memory_bytes, instances=1, memories=1, tables=1, table_elements=20_000)

    @property
    def fuel(self) -> int:
        """Fuel left."""
        _get_fuel(self._context, byref(self._fuel))
        return self._fuel.value

    @fuel.setter
    def fuel(self, fuel: int) -> None:
        _set_fuel(self._context, fuel)

    def burn(self, fuel: int) -> None:
        """Take `fuel` away; what is left traps at its next instruction once nothing is left."""
        self.fuel = max(0, self.fuel - fuel)

    def call(self, name: str, *arguments: int) -> int:
        """Call an exported function on i32; its i32 result, signed, or a meaningless number where it has none."""
        slots = self._slots
        for at, argument in enumerate(arguments):
            slots[at].i32 = argument
        self._call(name)
        return slots[0].i32

    def call_f64(self, name: str, argument: int) -> float:
        """Call an exported function of an i32 whose result is an f64."""
        self._slots[0].i32 = argument
        self._call(name)
        return self._slots[0].f64

    def call_of_f64(self, name: str, argument: float) -> int:
        """Call an exported function of an f64 whose result is an i32."""
        self._slots[0].f64 = argument
        self._call(name)
        return self._slots[0].i32

    def call_i64(self, name: str, first: int, second: int) -> int:
        """Call an exported function of an i32 and an i64 whose result is an i64, signed."""
        self._slots[0].i32 = first
        self._slots[1].i64 = second
        self._call(name)
        return self._slots[0].i64

    def _call(self, name: str) -> None:
        # The slots are shared with the calls that a host function makes meanwhile: the guest has taken its arguments
        # out by then, and puts its result in after.
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = byref(self._export(name).func)
        error = _call_function(self._context, function, self._slots, MAX_ARGUMENTS, self._trap_out)
        if error or self._trap:
            trap, self._trap = self._trap, POINTER(_ffi.wasm_trap_t)()
            self._trap_out = byref(self._trap)
            failure = WasmtimeError._from_ptr(error) if error else Trap._from_ptr(trap)
            raise self._raised.pop() if self._raised else failure

    def close(self) -> None:
        """Give the memory back. Nothing may be called or read any more."""
        self.store.close()
        del self._known_bytes, self._context  # what would still use it is a mistake of ours

    def _export(self, name: str) -> _ffi.wasmtime_extern_union:
        item = _ffi.wasmtime_extern_t()
        buffer, length = _encoded(name)
        if not _get_export(self._context, byref(self._instance), buffer, length, byref(item)):
            raise KeyError(f"the module exports no {name}")
        return item.of

    @property
    def memory_bytes(self) -> int:
        """The memory's present size."""
        return int(_memory_pages(self._context, self._memory)) * PAGE

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes of memory from `address` on."""
        return string_at(self._locate(address, length), length)

    def write(self, address: int, content: bytes) -> None:
        """Put `content` into memory at `address`."""
        memmove(self._locate(address, len(content)), content, len(content))

    def clear(self, length: int) -> None:
        """Fill memory with zero up to `length`."""
        memset(self._locate(0, length), 0, length)

    def differing_blocks(self, start: int, content: bytes, block: int) -> Iterator[int]:
        """Addresses of the blocks of `block` bytes in which memory is not `content` from `start` on, and else zero."""
        zero, expected = bytes(block), _address_of(content) - start
        for address in range(0, self.memory_bytes, block):
            against = expected + address if start <= address < start + len(content) else zero
            if _compare(self._base + address, against, block):
                yield address

    def read_u32(self, address: int) -> int:
        """The little-endian u32 at `address`."""
        return int.from_bytes(self.read(address, 4), "little")

    def _locate(self, address: int, length: int) -> int:
        if address + length > self._known_bytes:
            self._known_bytes = self.memory_bytes
        if address < 0 or length < 0 or address + length > self._known_bytes:
            raise CorruptGuest(f"{length} bytes at {address} are outside the guest's memory")
        return self._base + address

    def grow_to(self, size: int) -> None:
        """Grow memory to at least `size` bytes, a multiple of the page size."""
        missing = (size - self.memory_bytes) // PAGE
        if missing > 0:
            before = c_uint64()
            error = _ffi.wasmtime_memory_grow(self._context, self._memory, missing, byref(before))
            if error:
                raise WasmtimeError._from_ptr(error)

    @property
    def base(self) -> int:
        """Where memory begins in this process."""
        return self._base

    def read_global(self, name: str) -> int:
        """The value of an exported global that is an i32, signed."""
        value = _ffi.wasmtime_val_t()
        _ffi.wasmtime_global_get(self._context, byref(self._export(name).global_), byref(value))
        return int(value.of.i32)

    @property
    def stack_pointer(self) -> int:
        """The guest's own stack pointer, which is not in its memory and so not in an image of it."""
        return self.read_global("__stack_pointer")

    @stack_pointer.setter
    def stack_pointer(self, address: int) -> None:
        value = _ffi.wasmtime_val_t()
        value.kind = _ffi.WASMTIME_I32
        value.of.i32 = address
        error = _ffi.wasmtime_global_set(self._context, byref(self._export("__stack_pointer").global_), byref(value))
        if error:
            raise WasmtimeError._from_ptr(error)


@cache
def _encoded(name: str) -> tuple[Array[c_char], int]:
    encoded = name.encode()
    return create_string_buffer(encoded), len(encoded)


def _address_of(content: bytes) -> int:
    return cast(c_char_p(content), c_void_p).value or 0
