"""What was fetched of a chain, on disk, so that the next start of a fork asks for nothing twice.

## Overview

One RocksDB a chain, in a directory named by the genesis hash, for all its blocks. What was proven is kept by its own
hash, and so holds for every block that has it. What was believed is kept by block. The files that were written first
go when there are more than `max_bytes`.

| key | value |
| --- | --- |
| `p`, hash | a proven node or value |
| `v`, block hash, trie, storage key | what is believed: `0` absent, `1 ‖ value` |
| `k`, block hash, trie, prefix, `after` | a page of keys that is believed, and whether the prefix ends with it |
| `w` | keys that work on this chain has missed, the latest last |

## Errors

`DatabaseLocked` where another fork of the chain has it open, and `UnusablePath`; `CorruptDatabase` where RocksDB can't
open it: remove the directory, it is only a cache. What can't be written later is left out; what is damaged is fetched
again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rocksdict import (
    BlockBasedOptions,
    DBCompactionStyle,
    DBCompressionType,
    FifoCompactOptions,
    Options,
    Rdict,
    WriteBatch,
)
from rocksdict import Cache as BlockCache

from node.state.errors import CorruptDatabase
from node.state.identity import Lock
from node.state.remote.missing import Page, Want
from pallets.primitives.codec import codec_of
from pallets.primitives.scale import DecodeError

BLOCK_CACHE, WRITE_BUFFER = 16 << 20, 8 << 20
MAX_BYTES = 1 << 30
PROVEN, VALUE, KEYS, WANTED = b"p", b"v", b"k", b"w"
PLACE = codec_of(tuple[bytes | None, bytes, bytes | None])
KEPT_WANTED = codec_of(list[bytes])
KEPT_PAGE = codec_of(tuple[list[bytes], bool])

log = logging.getLogger(__name__)


class Cache:
    """An open cache; made by `open_cache`."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        tables = BlockBasedOptions()
        tables.set_block_cache(BlockCache(BLOCK_CACHE))
        tables.set_bloom_filter(10, False)
        options, fifo = Options(raw_mode=True), FifoCompactOptions()
        fifo.max_table_files_size = max_bytes
        options.set_compaction_style(DBCompactionStyle.fifo())
        options.set_fifo_compaction_options(fifo)
        options.set_block_based_table_factory(tables)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_write_buffer_size(min(WRITE_BUFFER, max(max_bytes // 4, 1 << 16)))
        options.set_keep_log_file_num(2)
        options.create_if_missing(True)
        try:
            self._db = Rdict(str(directory), options)
        except Exception as error:  # rocksdict raises plain Exception with RocksDB's text
            raise CorruptDatabase(f"{directory} can't be opened: {error}; remove it, it is only a cache") from None

    def entry(self, digest: bytes) -> bytes | None:
        """What was proven and had this hash; whether it still has is the caller's to see."""
        return self._get(PROVEN + digest)

    def keep_entries(self, entries: Mapping[bytes, bytes]) -> None:
        """Keeps what was proven, by hash."""
        self._put({PROVEN + digest: entry for digest, entry in entries.items()})

    def value(self, block: bytes, want: Want) -> tuple[bytes | None] | None:
        """What is believed of a key, which may be that it is absent; `None` where nothing is known."""
        found = self._get(VALUE + block + PLACE.encode((want.child, want.key, None)))
        return None if not found else (found[1:] if found[:1] == b"\1" else None,)

    def keep_values(self, block: bytes, values: Mapping[Want, bytes | None]) -> None:
        """Keeps what is believed of keys."""
        self._put(
            {
                VALUE + block + PLACE.encode((want.child, want.key, None)): b"\0" if value is None else b"\1" + value
                for want, value in values.items()
            }
        )

    def page(self, block: bytes, page: Page) -> tuple[list[bytes], bool] | None:
        """A page of keys that is believed, and whether the prefix ends with it."""
        found = self._get(KEYS + block + PLACE.encode(tuple(page)))
        if found is None:
            return None
        try:
            keys, is_end = KEPT_PAGE.decode_all(found)
        except DecodeError:
            return None
        return keys, is_end

    def keep_page(self, block: bytes, page: Page, keys: list[bytes], is_end: bool) -> None:
        """Keeps a page of keys."""
        self._put({KEYS + block + PLACE.encode(tuple(page)): KEPT_PAGE.encode((keys, is_end))})

    def wanted(self) -> list[bytes]:
        """The keys that work on this chain has missed, on whatever block, the latest last."""
        try:
            found: list[bytes] = KEPT_WANTED.decode_all(self._get(WANTED) or b"\0")
        except DecodeError:
            return []
        return found

    def keep_wanted(self, keys: list[bytes]) -> None:
        """Keeps them for the next start."""
        self._put({WANTED: KEPT_WANTED.encode(keys)})

    def close(self) -> None:
        self._db.close()

    def _get(self, key: bytes) -> bytes | None:
        try:
            found: bytes | None = self._db.get(key)
        except Exception as error:
            log.warning("the cache of the forked chain can't be read: %s", error)
            return None
        return found

    def _put(self, records: Mapping[bytes, bytes]) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in records.items():
            batch.put(key, value)
        try:
            self._db.write(batch)
        except Exception as error:
            log.warning("the cache of the forked chain can't be written: %s", error)


@contextmanager
def open_cache(directory: Path, genesis: bytes, max_bytes: int = MAX_BYTES) -> Iterator[Cache]:
    """The cache of a chain below a directory, closed at the end of the block."""
    path = directory / genesis.hex()
    lock = Lock(path)
    try:
        cache = Cache(path, max_bytes)
        try:
            yield cache
        finally:
            cache.close()
    finally:
        lock.release()
