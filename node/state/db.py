"""The database: RocksDB with one column family per kind of record, and one atomic, synchronous batch per block.

## Overview

| column | key | value |
| --- | --- | --- |
| `meta` | name | schema version, genesis hash, best and finalised block, clock offset |
| `header` | block hash | header |
| `body` | block hash | `Vec<extrinsic>` |
| `number` | number u32 big-endian | hash of the canonical block |
| `justification` | block hash | GRANDPA justification |
| `state` | storage key | value at the best block |
| `history` | storage key, escaped, then number u32 big-endian | what that block overwrote: `0` absent, `1 ‖ value` |

`history` makes every past state readable: the value of a key after block *n* is what the first later block that touched
it overwrote, and the best block's value where none did.

## Errors

```
DatabaseError
├── UnusablePath        its directory can't be made, or is none
├── DatabaseLocked      another process, or this one, has it open
├── WrongChain          it belongs to another genesis
├── NewerSchema         a later version of this program wrote it
├── WriteFailed         the disk is full or failing, nothing of the batch was written
└── CorruptDatabase     RocksDB can't open it, or a record is damaged or missing
```

## Out of scope

What records mean: `node.chain.tree` and `node.state.view`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from rocksdict import ColumnFamily, Options, Rdict, RdictIter, WriteBatch, WriteOptions

Column = Literal["meta", "header", "body", "number", "justification", "state", "history"]
COLUMNS: Final[tuple[Column, ...]] = ("meta", "header", "body", "number", "justification", "state", "history")

LOCKED = ("IO error: While lock file", "IO error: lock hold by current process")
"""How RocksDB's text starts where another process, or this one, has the database open."""

SCHEMA_VERSION = 1
SCHEMA_KEY = b"schema"
GENESIS_KEY = b"genesis"


class DatabaseError(Exception):
    """The database can't be used."""


class UnusablePath(DatabaseError):
    """The directory can't be made, or a file is in its place; choose another base path."""


class DatabaseLocked(DatabaseError):
    """Somebody has the database open; stop that node, or choose another base path."""


class WrongChain(DatabaseError):
    """The database holds another chain; choose another base path, or purge this one."""


class NewerSchema(DatabaseError):
    """A later version of this program wrote the database; use that version."""


class WriteFailed(DatabaseError):
    """The disk is full or failing; nothing of the batch was written. Make room, and start the node again."""


class CorruptDatabase(DatabaseError):
    """RocksDB can't open the files, or a record is damaged or missing; choose another base path, or purge this one."""


class Batch:
    """Changes to be written together."""

    __slots__ = ("raw", "_handles")

    def __init__(self, handles: dict[Column, ColumnFamily]) -> None:
        self.raw = WriteBatch(raw_mode=True)
        self._handles = handles

    def put(self, column: Column, key: bytes, value: bytes) -> None:
        self.raw.put(key, value, self._handles[column])

    def delete(self, column: Column, key: bytes) -> None:
        self.raw.delete(key, self._handles[column])


class Database:
    """One open database. Everything that reads through it must be dropped before `close`: iterators keep the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnusablePath(f"{path} can't be used: {error.strerror}; choose another --base-path") from None
        options = _options()
        try:
            self._db = Rdict(str(path), options, column_families={name: _options() for name in COLUMNS})
        except Exception as error:  # rocksdict raises plain Exception with RocksDB's text
            text = str(error)
            if text.startswith(LOCKED):
                text = "is in use by another node; stop it or choose another --base-path"
                raise DatabaseLocked(f"{path} {text}") from None
            raise CorruptDatabase(f"{path} can't be opened: {text}") from None
        self._columns: dict[Column, Rdict] = {name: self._db.get_column_family(name) for name in COLUMNS}
        self._handles: dict[Column, ColumnFamily] = {name: self._db.get_column_family_handle(name) for name in COLUMNS}
        self._sync = WriteOptions()
        self._sync.sync = True
        self._check_schema()

    def _check_schema(self) -> None:
        found = self.get("meta", SCHEMA_KEY)
        if found is None:
            batch = self.batch()
            batch.put("meta", SCHEMA_KEY, SCHEMA_VERSION.to_bytes(4, "little"))
            self.write(batch)
        elif int.from_bytes(found, "little") > SCHEMA_VERSION:
            self.close()
            schema = int.from_bytes(found, "little")
            raise NewerSchema(f"{self.path} has schema {schema}, this program knows {SCHEMA_VERSION}: use a later one")

    def bind_to_chain(self, genesis_hash: bytes) -> bool:
        """Whether the database already holds this chain; raises `WrongChain` where it holds another."""
        found = self.get("meta", GENESIS_KEY)
        if found is not None and found != genesis_hash:
            raise WrongChain(
                f"{self.path} holds the chain of genesis 0x{found.hex()}, not 0x{genesis_hash.hex()}: "
                "choose another --base-path or another --chain"
            )
        return found is not None

    def get(self, column: Column, key: bytes) -> bytes | None:
        """A record, `None` where there is none; raises `CorruptDatabase`."""
        try:
            value: bytes | None = self._columns[column].get(key)
        except Exception as error:
            raise self._damaged(error) from None
        return value

    def items_from(self, column: Column, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Records in key order, from `start` on; raises `CorruptDatabase`."""
        cursor: RdictIter = self._columns[column].iter()
        cursor.seek(start)
        while cursor.valid():
            yield cursor.key(), cursor.value()
            cursor.next()
        try:
            cursor.status()  # damage looks like the end
        except Exception as error:
            raise self._damaged(error) from None

    def first_from(self, column: Column, start: bytes) -> tuple[bytes, bytes] | None:
        """The first record from `start` on; raises `CorruptDatabase`."""
        return next(self.items_from(column, start), None)

    def _damaged(self, error: Exception) -> CorruptDatabase:
        return CorruptDatabase(f"{self.path} is damaged: {error}")

    def batch(self) -> Batch:
        return Batch(self._handles)

    def write(self, batch: Batch) -> None:
        """Writes a batch, all or nothing, and waits until it is on the disk; raises `WriteFailed`."""
        try:
            self._db.write(batch.raw, self._sync)
        except Exception as error:
            raise WriteFailed(f"{self.path} can't be written: {error}") from None

    def close(self) -> None:
        """Closes the files. A disk that fails now loses nothing: each batch was on it when `write` returned."""
        self._handles.clear()
        for each in (*self._columns.values(), self._db):
            with suppress(Exception):
                each.close()
        self._columns.clear()


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    return options
