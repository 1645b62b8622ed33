"""The database without a disk: for chains that live as long as their process, which `node.testing` opens by the dozen.

It has the columns, the order and the atomic batches of `node.state.db`, and nothing of what a disk brings: no lock, no
schema of an older program, no damage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sortedcontainers import SortedDict

from node.state.db import COLUMNS, GENESIS_KEY, Batch, Column, Database
from node.state.identity import check_chain


class MemoryBatch(Batch):
    """Changes to be made together, in their order."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        self.changes: list[tuple[Column, bytes, bytes | None]] = []

    def put(self, column: Column, key: bytes, value: bytes) -> None:
        self.changes.append((column, key, value))

    def putter(self, column: Column) -> Callable[[bytes, bytes], None]:
        return partial(self.put, column)

    def delete(self, column: Column, key: bytes) -> None:
        self.changes.append((column, key, None))


class MemoryDatabase(Database):
    """All records of one chain, in sorted dictionaries."""

    def __init__(self) -> None:
        self.path = Path("memory")  # for messages alone
        self._records: dict[Column, SortedDict] = {column: SortedDict() for column in COLUMNS}

    def bind_to_chain(self, genesis_hash: bytes) -> bool:
        found = self.get("meta", GENESIS_KEY)
        if found is None:
            return False
        check_chain(self.path, found, genesis_hash)
        return True

    def compact_in_background(self) -> None:
        """Nothing: there are no files."""

    def get(self, column: Column, key: bytes) -> bytes | None:
        value: bytes | None = self._records[column].get(key)
        return value

    def items_from(self, column: Column, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Records in key order, from `start` on, as they are now."""
        records = self._records[column]
        return iter([(key, records[key]) for key in records.irange(start)])

    def first_from(self, column: Column, start: bytes) -> tuple[bytes, bytes] | None:
        records = self._records[column]
        key = next(records.irange(start), None)
        return None if key is None else (key, records[key])

    def batch(self) -> MemoryBatch:
        return MemoryBatch()

    def write(self, batch: Batch) -> None:
        assert isinstance(batch, MemoryBatch)
        for column, key, value in batch.changes:
            if value is None:
                self._records[column].pop(key, None)
            else:
                self._records[column][key] = value

    def close(self) -> None:
        """Nothing: what nobody refers to is gone."""
