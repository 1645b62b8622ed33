"""The database: RocksDB with one column family per kind of record, and one atomic, synchronous batch per block.

## Overview

| column | key | value |
| --- | --- | --- |
| `meta` | name | schema version, genesis hash, best and finalised block, clock offset; `offchain/…` is its owner's |
| `header` | block hash | header |
| `body` | block hash | `Vec<extrinsic>` |
| `number` | number u32 big-endian | hash of the canonical block |
| `justification` | block hash | GRANDPA justification |
| `state` | storage key | value at the best block |
| `trie` | path in hex digits | branch of the best block's trie, a record of `node.state.branch` |
| `history` | storage key, escaped, then number u32 big-endian | what that block overwrote: `0` absent, `1 ‖ value` |
| `trie_history` | path and `/`, then number u32 big-endian | the same of a record |
| `journal` | number u32 big-endian | names of all that the canonical block changed |
| `fork` | block hash | header's parent and number, and all that a block off the canonical chain changes |

The histories make every past state readable: the value of a key after block *n* is what the first later block that
touched it overwrote, and the best block's value where none did.

## Out of scope

What records mean: `node.chain.tree` and `node.state.view`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Literal, get_args

from rocksdict import (
    BlockBasedOptions,
    Cache,
    ColumnFamily,
    DBCompressionType,
    DBRecoveryMode,
    MemtableFactory,
    Options,
    Rdict,
    RdictIter,
    WriteBatch,
    WriteOptions,
)

from node.state.errors import CorruptDatabase, OtherSchema, WriteFailed
from node.state.identity import SCHEMA_VERSION, Identity, Lock, check_chain, check_schema, in_use

Column = Literal[
    "meta", "header", "body", "number", "justification", "state", "trie", "history", "trie_history", "journal", "fork"
]
COLUMNS: Final[tuple[Column, ...]] = get_args(Column)

LOCKED = ("IO error: While lock file", "IO error: lock hold by current process")
"""How RocksDB's text starts where another process, or this one, has the database open."""

BLOCK_CACHE, COLUMN_BUFFER, ALL_BUFFERS, MAX_WAL = 32 << 20, 2 << 20, 16 << 20, 64 << 20
"""Bytes of memory for what was read and for what isn't in tables yet; bytes of log that a start has to read."""

WRITE_ONLY: Final[tuple[Column, ...]] = ("state", "trie")
"""Read through once, at start: what is written to them need not be kept in order until it goes to the disk."""

SCHEMA_KEY = b"schema"
GENESIS_KEY = b"genesis"
LOADING_KEY = b"loading"
OFFCHAIN_PREFIX = b"offchain/"


class Batch:
    """Changes to be written together."""

    __slots__ = ("raw", "_handles")

    def __init__(self, handles: dict[Column, ColumnFamily]) -> None:
        self.raw = WriteBatch(raw_mode=True)
        self._handles = handles

    def put(self, column: Column, key: bytes, value: bytes) -> None:
        self.raw.put(key, value, self._handles[column])

    def putter(self, column: Column) -> Callable[[bytes, bytes], None]:
        """`put` for one column, for many records."""
        return partial(self.raw.put, column_family=self._handles[column])

    def delete(self, column: Column, key: bytes) -> None:
        self.raw.delete(key, self._handles[column])


class Database:
    """One open database. Everything that reads through it must be dropped before `close`: iterators keep the lock."""

    def __init__(self, path: Path, genesis_hash: bytes | None = None) -> None:
        """Raises each `DatabaseError` but `WriteFailed`; `WrongChain` only where the expected chain is given."""
        self.path = path
        self._lock = Lock(path)
        try:
            self._identity = Identity.read(path)
            if self._identity is not None:
                check_schema(path, self._identity.schema)
                if genesis_hash is not None:
                    check_chain(path, self._identity.genesis, genesis_hash)
                if not (path / "CURRENT").exists():  # RocksDB would begin anew, and remove what is left
                    raise CorruptDatabase(f"{path} can't be opened: its CURRENT file is missing")
            self._open()
            self._check_schema()
            self._refuse_half_loaded()
        except BaseException:
            self._lock.release()
            raise

    def _open(self) -> None:
        cache = self._cache = Cache(BLOCK_CACHE)
        options, write_only = _options(cache), _options(cache)
        write_only.set_memtable_factory(MemtableFactory.vector())
        columns: dict[str, Options] = {name: write_only if name in WRITE_ONLY else options for name in COLUMNS}
        try:
            self._db = Rdict(str(self.path), options, column_families=columns)
        except Exception as error:  # rocksdict raises plain Exception with RocksDB's text
            text = str(error)
            if text.startswith(LOCKED):
                raise in_use(self.path) from None
            raise CorruptDatabase(f"{self.path} can't be opened: {text}") from None
        self._columns: dict[Column, Rdict] = {name: self._db.get_column_family(name) for name in COLUMNS}
        self._handles: dict[Column, ColumnFamily] = {name: self._db.get_column_family_handle(name) for name in COLUMNS}
        self._sync = WriteOptions()
        self._sync.sync = True

    def _check_schema(self) -> None:
        found = self.get("meta", SCHEMA_KEY)
        if found is None:
            batch = self.batch()
            batch.put("meta", SCHEMA_KEY, SCHEMA_VERSION.to_bytes(4, "little"))
            self.write(batch)
            return
        try:
            check_schema(self.path, int.from_bytes(found, "little"))
        except OtherSchema:
            self.close()
            raise

    def _refuse_half_loaded(self) -> None:
        if self.get("meta", LOADING_KEY) is not None:
            self.close()
            raise CorruptDatabase(f"{self.path} is incomplete: loading a dumped state was interrupted; purge the chain")

    def bind_to_chain(self, genesis_hash: bytes) -> bool:
        """Whether the database already holds this chain; raises `WrongChain` where it holds another."""
        found = self.get("meta", GENESIS_KEY)
        if found is None and self._identity is not None:
            raise CorruptDatabase(f"{self.path} is damaged: it has held a chain, and doesn't any more")
        if found is None:
            return False
        check_chain(self.path, found, genesis_hash)
        if self._identity is None:
            self._identity = Identity(SCHEMA_VERSION, genesis_hash)
            self._identity.write(self.path)
        return True

    def compact_in_background(self) -> None:
        """Lets RocksDB tidy up its files from now on: at start that would take the processor from reading them."""
        for each in self._columns.values():
            each.set_options({"disable_auto_compactions": "false"})

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

    @property
    def cache_bytes(self) -> int:
        """How much is cached of what was read."""
        return int(self._cache.get_usage())

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
        self._lock.release()


def _options(cache: Cache) -> Options:
    """RocksDB's own bounds are a column's; ours are the whole database's, which has twelve."""
    tables = BlockBasedOptions()
    tables.set_block_cache(cache)
    options = Options(raw_mode=True)
    options.set_block_based_table_factory(tables)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(COLUMN_BUFFER)
    options.set_db_write_buffer_size(ALL_BUFFERS)
    options.set_max_total_wal_size(MAX_WAL)
    options.set_keep_log_file_num(4)
    # A log that ends within a record is what a crash leaves; one damaged before its end mustn't pass for that, or all
    # blocks behind the damage would silently be gone.
    options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_allow_concurrent_memtable_write(False)
    options.set_disable_auto_compactions(True)  # until `compact_in_background`
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    return options
