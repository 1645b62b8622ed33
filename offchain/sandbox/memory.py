"""Linear memories whose pages outlive the instances that use them.

Overview
    A new instance is quick to make but for its memory: each page that it touches first costs a fault, microseconds
    where a hypervisor stands in between, and the hundred of a run cost more than all the rest of it. So the addresses
    of a memory are reserved once, and its pages, once present, stay and go from one instance to the next.

    What an instance left behind no other sees. Whoever makes an instance says with `expect` how many bytes it will
    write at once, whatever they held; every byte beyond is zero when the guest can reach it first, and none beyond the
    memory's size can be reached.

    The C interface calls back for it: what is here runs inside wasmtime, and must not raise.

Out of scope
    The bytes that an instance starts from: `quickjs.Image`.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import Any

from wasmtime import Config, _ffi

KEPT_BYTES = 8 << 20
"""Pages of a memory that stay present between two instances; what is beyond goes back to the system."""

_MAP_FIXED = 0x10  # the same on Linux, macOS and the BSDs
_PROT_NONE = 0
_READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_long),
)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

_Finalizer = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Reservation:
    """The addresses of one memory: `[0, open)` can be reached, `[0, used)` may hold what somebody wrote."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.base = _fresh_pages(None, size)
        self.length = 0
        self._open = self._used = self._overwritten = 0

    def begin(self, length: int, overwritten: int) -> None:
        """Serve a new instance, with a memory of `length` bytes that will at once be written up to `overwritten`."""
        kept = max(overwritten, length, KEPT_BYTES)
        if self._used > kept:
            _fresh_pages(self.base + kept, self._used - kept)
            self._used, self._open = kept, min(self._open, kept)
        reached = max(length, overwritten)
        if self._open > reached:
            _protect(self.base + reached, self._open - reached, _PROT_NONE)
            self._open = reached
        self.length, self._overwritten = 0, overwritten
        self.grow(length)

    def grow(self, length: int) -> None:
        """Make the memory `length` bytes long. The new ones are zero, but where they will be written at once."""
        if length > self._open:
            _protect(self.base + self._open, length - self._open, _READ_WRITE)
            self._open = length
        first, end = max(self.length, self._overwritten), min(length, self._used)
        if first < end:
            ctypes.memset(self.base + first, 0, end - first)
        self._used = max(self._used, length)
        self.length = length


class RecycledMemory:
    """Gives wasmtime the memories of one engine's instances: the same one over and over, where one runs at a time."""

    def __init__(self) -> None:
        self._expected = 0
        self._reservations: dict[int, _Reservation] = {}
        self._free: list[int] = []
        self._get = _ffi.wasmtime_memory_get_callback_t(self._get_memory)
        self._grow = _ffi.wasmtime_memory_grow_callback_t(self._grow_memory)
        self._release = _Finalizer(self._free.append)
        self._new = _ffi.wasmtime_new_memory_callback_t(self._new_memory)
        self._creator = _ffi.wasmtime_memory_creator_t(None, self._new, _Finalizer())

    def install(self, config: Config) -> None:
        """Have the engine of `config` take its memories from here. This object must outlive the engine."""
        _ffi.wasmtime_config_memory_init_cow_set(config.ptr(), False)  # a way to fill memories of wasmtime's own making
        _ffi.wasmtime_config_host_memory_creator_set(config.ptr(), ctypes.byref(self._creator))

    def expect(self, overwritten: int) -> None:
        """The next instance's memory will be written from 0 to `overwritten` before any code of its guest runs."""
        self._expected = overwritten

    def _new_memory(
        self, _env: Any, _type: Any, minimum: int, _maximum: int, reserved: int, guard: int, made: Any
    ) -> int:
        overwritten, self._expected = self._expected, 0
        try:
            number = self._free.pop() if self._free else self._reserve(max(reserved, minimum) + guard)
            self._reservations[number].begin(minimum, overwritten)
        except OSError as error:
            return _error(f"no memory for an instance: {error}")
        memory = made.contents
        memory.env = number
        memory.get_memory, memory.grow_memory, memory.finalizer = self._get, self._grow, self._release
        return 0

    def _reserve(self, size: int) -> int:
        number = len(self._reservations) + 1
        self._reservations[number] = _Reservation(size)
        return number

    def _get_memory(self, number: int, length: Any, capacity: Any) -> int:
        memory = self._reservations[number]
        length[0], capacity[0] = memory.length, memory.size
        return memory.base

    def _grow_memory(self, number: int, length: int) -> int:
        try:
            self._reservations[number].grow(length)
        except OSError as error:
            return _error(f"a memory can't grow: {error}")
        return 0


def _fresh_pages(address: int | None, size: int) -> int:
    """Pages that hold nothing and can't be reached, in the place of those at `address` or at addresses of their own."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | (0 if address is None else _MAP_FIXED)
    mapped = _libc.mmap(address, size, _PROT_NONE, flags, -1, 0)
    if mapped == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(mapped)


def _protect(address: int, size: int, protection: int) -> None:
    if _libc.mprotect(address, size, protection) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _error(message: str) -> int:
    """A wasmtime error, which is wasmtime's from here on."""
    pointer = _ffi.wasmtime_error_new(ctypes.create_string_buffer(message.encode()))
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0
