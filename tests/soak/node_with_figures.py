"""`fathom node`, which tells what its memory is: `python -m tests.soak.node_with_figures FILE node --dev …`.

At SIGUSR1 it writes to the file, as one JSON object: `heap` and `mapped`, the bytes that C's allocator has given out
and has of the system, `objects`, how many Python has allocated, and `buffers`, `cache` and `tables`, RocksDB's bytes.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from node import cli
from node.chain.tree import Chain

ALLOCATED = ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"]


class Allocated(ctypes.Structure):
    """`struct mallinfo2` of glibc."""

    _fields_ = [(name, ctypes.c_size_t) for name in ALLOCATED]


def install(figures: Path) -> None:
    """Has the process tell, once it has a chain."""
    open_chain = Chain.open
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Allocated

    def opened(*arguments: Any, **options: Any) -> Chain:
        chain = open_chain(*arguments, **options)

        def rocksdb(name: str) -> int:
            return sum(column.property_int_value(f"rocksdb.{name}") or 0 for column in chain.db._columns.values())

        def tell(*_: Any) -> None:
            allocated = mallinfo()
            told = {
                "heap": allocated.uordblks + allocated.hblkhd,
                "mapped": allocated.arena + allocated.hblkhd,
                "objects": sys.getallocatedblocks(),
                "buffers": rocksdb("cur-size-all-mem-tables"),
                "cache": chain.db.cache_bytes,
                "tables": rocksdb("estimate-table-readers-mem"),
            }
            new = figures.with_suffix(".new")
            new.write_text(json.dumps(told))
            os.replace(new, figures)

        signal.signal(signal.SIGUSR1, tell)
        return chain

    Chain.open = opened  # type: ignore[method-assign]


if __name__ == "__main__":
    install(Path(sys.argv[1]))
    sys.argv[1:2] = []
    cli.main()
