"""What C's allocator keeps of the memory that was given back to it.

glibc makes an arena for each of many threads, RocksDB's among them, and raises by itself the size from which it gives
memory back to the system: a node's memory then creeps up for hours, to several times what is in use. Two settings
bound it. Where the C library is another, nothing is done.

Source: mallopt(3).
"""

from __future__ import annotations

import ctypes
from typing import Final

M_TRIM_THRESHOLD, M_ARENA_MAX = -1, -8
UNUSED: Final = 256 * 1024
"""Bytes at the end of an arena that it may keep."""
ARENAS: Final = 2


def bound_unused_memory() -> None:
    """To be called before any thread is started."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_TRIM_THRESHOLD, UNUSED)
