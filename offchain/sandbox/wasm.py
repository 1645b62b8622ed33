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
from collections.abc import Callable
from ctypes import POINTER, addressof, byref, c_uint64, create_string_buffer, memmove, string_at
from pathlib import Path

from wasmtime import Config, Engine, InstancePre, Module, Store, Trap, WasmtimeError, _ffi
from wasmtime._func import maybe_raise_last_exn

from offchain.sandbox.base import UntrustedCache
from offchain.sandbox.identity import MAX_WASM_STACK, WASM_CONFIG
from pallets.primitives.hashing import blake2_256

PAGE = 65536


class CorruptGuest(Exception):
    """The guest answered what a sound engine never would, such as an address outside its memory."""


def metered_engine() -> Engine:
    """An engine under which equal modules on equal inputs burn equal fuel, on any machine.

    The epoch moves only when a run's wall time is up. Instances must run on an `EngineThread`.
    """
    config = Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    config.cranelift_nan_canonicalization = True
    config.wasm_threads = False
    config.wasm_relaxed_simd = False
    config.max_wasm_stack = MAX_WASM_STACK
    # Unused here, but the engine refuses to be smaller in it than in `max_wasm_stack`.
    _ffi.wasmtime_config_async_stack_size_set(config.ptr(), MAX_WASM_STACK)
    return Engine(config)


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


class Instance:
    """One instance in a store of its own: calls, memory and fuel.

    Arguments and results are i32 or f64. Guest memory stays below 2 GiB, so an address is never negative.
    """

    def __init__(self, engine: Engine, module: InstancePre, memory_bytes: int, fuel: int) -> None:
        self.store = Store(engine)
        self.limit_memory(memory_bytes)
        self.fuel = fuel
        self.store.set_epoch_deadline(1)
        self._context = self.store._context()
        self._instance = module.instantiate(self.store)._instance
        self._functions: dict[str, _ffi.wasmtime_func_t] = {}
        self._memory = self._export("memory").memory

    def limit_memory(self, memory_bytes: int) -> None:
        """Refuse to let linear memory grow past `memory_bytes`."""
        self.store.set_limits(memory_size=memory_bytes, instances=1, memories=1, tables=1, table_elements=20_000)

    @property
    def fuel(self) -> int:
        """Fuel left."""
        return self.store.get_fuel()

    @fuel.setter
    def fuel(self, fuel: int) -> None:
        self.store.set_fuel(fuel)

    def burn(self, fuel: int) -> None:
        """Take `fuel` away; what is left traps at its next instruction once nothing is left."""
        self.fuel = max(0, self.fuel - fuel)

    def call(self, name: str, *arguments: int | float) -> int:
        """Call an exported function; its i32 result, signed, or a meaningless number where it has none."""
        return self._call(name, arguments).i32

    def call_f64(self, name: str, *arguments: int | float) -> float:
        """Call an exported function whose result is an f64."""
        return self._call(name, arguments).f64

    def _call(self, name: str, arguments: tuple[int | float, ...]) -> _ffi.wasmtime_val_raw_t:
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = self._export(name).func
        slots = (_ffi.wasmtime_val_raw_t * max(1, len(arguments)))()
        for slot, argument in zip(slots, arguments, strict=False):
            if isinstance(argument, int):
                slot.i32 = argument
            else:
                slot.f64 = argument
        trap = POINTER(_ffi.wasm_trap_t)()
        error = _ffi.wasmtime_func_call_unchecked(self._context, byref(function), slots, len(slots), byref(trap))
        if error or trap:
            maybe_raise_last_exn()  # an interrupt from the keyboard, say, that struck in a host function
        if error:
            raise WasmtimeError._from_ptr(error)
        if trap:
            raise Trap._from_ptr(trap)
        return slots[0]

    def _export(self, name: str) -> _ffi.wasmtime_extern_union:
        item = _ffi.wasmtime_extern_t()
        encoded = name.encode()
        if not _ffi.wasmtime_instance_export_get(
            self._context, byref(self._instance), create_string_buffer(encoded), len(encoded), byref(item)
        ):
            raise KeyError(f"the module exports no {name}")
        return item.of

    @property
    def memory_bytes(self) -> int:
        """The memory's present size."""
        return int(_ffi.wasmtime_memory_size(self._context, byref(self._memory))) * PAGE

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes of memory from `address` on."""
        return string_at(self._locate(address, length), length)

    def write(self, address: int, content: bytes) -> None:
        """Put `content` into memory at `address`."""
        memmove(self._locate(address, len(content)), content, len(content))

    def read_u32(self, address: int) -> int:
        """The little-endian u32 at `address`."""
        return int.from_bytes(self.read(address, 4), "little")

    def _locate(self, address: int, length: int) -> int:
        if address < 0 or length < 0 or address + length > self.memory_bytes:
            raise CorruptGuest(f"{length} bytes at {address} are outside the guest's memory")
        return addressof(_ffi.wasmtime_memory_data(self._context, byref(self._memory)).contents) + address

    def grow_to(self, size: int) -> None:
        """Grow memory to at least `size` bytes, a multiple of the page size."""
        missing = (size - self.memory_bytes) // PAGE
        if missing > 0:
            before = c_uint64()
            error = _ffi.wasmtime_memory_grow(self._context, byref(self._memory), missing, byref(before))
            if error:
                raise WasmtimeError._from_ptr(error)

    @property
    def stack_pointer(self) -> int:
        """The guest's own stack pointer, which is not in its memory and so not in an image of it."""
        value = _ffi.wasmtime_val_t()
        _ffi.wasmtime_global_get(self._context, byref(self._export("__stack_pointer").global_), byref(value))
        return int(value.of.i32)

    @stack_pointer.setter
    def stack_pointer(self, address: int) -> None:
        value = _ffi.wasmtime_val_t()
        value.kind = _ffi.WASMTIME_I32
        value.of.i32 = address
        error = _ffi.wasmtime_global_set(self._context, byref(self._export("__stack_pointer").global_), byref(value))
        if error:
            raise WasmtimeError._from_ptr(error)
