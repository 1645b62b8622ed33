"""A whole chain in one file: every record of the database, with all blocks, past states and snapshots.

## Overview

A file is a line that names the format, the schema and the genesis hash; then, compressed with Zstandard, each record as
column, lengths of key and value, key and value; then the BLAKE2b-256 of all that came before it. `dump` writes it whole
or not at all. `load` reads all of it before it writes the first record; a database whose loading was interrupted is
refused until it is purged. Neither holds more of the file in memory than a few MiB and one record.

## Errors

```
ArchiveError
├── InvalidArchive      the file can't be read, isn't a dumped state, is damaged, or is of another chain or schema
├── UnwritableArchive   the file to dump to can't be made, or the disk is full
└── NotEmpty            the database to load into holds a chain
```
and those of `node.state.errors`.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR
from hashlib import blake2b
from pathlib import Path
from typing import IO, cast

from node.progress import At, unseen
from node.state.db import COLUMNS, GENESIS_KEY, LOADING_KEY, Column, Database
from node.state.identity import SCHEMA_VERSION

MAGIC = b"fathom state 1 "
MAX_FIRST_LINE = 256
DIGEST_SIZE = 32
HEAD = struct.Struct("<BII")
"""Of a record: the column, and how long key and value are."""
MAX_SIZE = 1 << 30
CHUNK = 1 << 20
BATCH_BYTES = 8 << 20
LEVEL = 3


class ArchiveError(Exception):
    """A state can't be dumped or loaded."""


class InvalidArchive(ArchiveError):
    """The file can't be read, isn't a dumped state, is damaged, or is of another chain or schema."""


class UnwritableArchive(ArchiveError):
    """The file can't be made where it should be, or the disk is full; what was there before is still there."""


class NotEmpty(ArchiveError):
    """The database to load into already holds a chain; choose another --base-path, or purge the chain."""


def check_target(path: Path) -> None:
    """Raises `UnwritableArchive` where a dump to this file would fail: it is better known before than after days."""
    with _partial(path):
        pass


def dump(db: Database, genesis_hash: bytes, path: Path, progress: At = unseen) -> None:
    """Writes the whole database to a file, in place of what it holds; raises `UnwritableArchive`.

    `progress` is told how many records are written.
    """
    import zstandard  # only who dumps or loads needs it

    with _partial(path) as (file, partial):
        hashed = _Hashed(file)
        hashed.write(_first_line(genesis_hash))
        with zstandard.ZstdCompressor(level=LEVEL).stream_writer(cast(IO[bytes], hashed), closefd=False) as packed:
            done = 0
            for index, column in enumerate(COLUMNS):
                for key, value in db.items_from(column):
                    packed.write(HEAD.pack(index, len(key), len(value)) + key + value)
                    done += 1
                    progress(done)
        file.write(hashed.digest.digest())
        file.flush()
        os.fsync(file.fileno())
        partial.replace(path)


def load(db: Database, genesis_hash: bytes, path: Path, progress: At = unseen) -> None:
    """Fills an empty database from a file; raises `NotEmpty` and `InvalidArchive`.

    `progress` is told how many records are read.
    """
    if db.get("meta", GENESIS_KEY) is not None:
        raise NotEmpty(f"{db.path} already holds a chain: choose another --base-path, or purge the chain")
    with _sound(path, genesis_hash) as file:
        batch = db.batch()
        batch.put("meta", LOADING_KEY, b"")
        size = 0
        for done, (column, key, value) in enumerate(_records(path, file), 1):
            progress(done)
            batch.put(column, key, value)
            size += len(key) + len(value)
            if size > BATCH_BYTES:
                db.write(batch)
                batch, size = db.batch(), 0
        batch.delete("meta", LOADING_KEY)
        db.write(batch)


class _Hashed:
    """Writes to a file, and hashes what it writes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, blake2b(digest_size=DIGEST_SIZE)

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)


class _Part:
    """The next so many bytes of a file, to read from."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


@contextmanager
def _partial(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A file beside `path` to write to, gone at the end unless it was renamed."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        with open(partial, "wb") as file:
            try:
                yield file, partial
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise UnwritableArchive(f"the state can't be dumped to {path}: {error.strerror}") from None


@contextmanager
def _sound(path: Path, genesis_hash: bytes) -> Iterator[IO[bytes]]:
    """The file, at its first record, once all of it is known to be as it was written, for this chain and schema."""
    try:
        with open(path, "rb") as file:
            line = file.readline(MAX_FIRST_LINE)
            if not line.startswith(MAGIC):
                raise InvalidArchive(f"{path} is not a dumped state")
            start, end = file.tell(), os.fstat(file.fileno()).st_size - DIGEST_SIZE
            digest, rest = blake2b(line, digest_size=DIGEST_SIZE), _Part(file, max(end - start, 0))
            while chunk := rest.read(CHUNK):
                digest.update(chunk)
            if file.read(DIGEST_SIZE) != digest.digest():
                raise InvalidArchive(f"{path} is damaged or cut off: its checksum is another")
            _check_identity(path, line, genesis_hash)
            file.seek(start)
            yield file
    except OSError as error:
        raise InvalidArchive(f"{path} can't be read: {error.strerror}") from None


def _records(path: Path, file: IO[bytes]) -> Iterator[tuple[Column, bytes, bytes]]:
    packed = _Part(file, os.fstat(file.fileno()).st_size - DIGEST_SIZE - file.tell())
    import zstandard

    reader = zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], packed), read_size=CHUNK)
    read = io.BufferedReader(reader, CHUNK).read
    try:
        while head := read(HEAD.size):
            column, key_size, value_size = HEAD.unpack(head)
            if max(key_size, value_size) > MAX_SIZE:
                raise InvalidArchive(f"{path} is damaged: it has a record of {key_size + value_size} bytes")
            key, value = read(key_size), read(value_size)
            if len(key) + len(value) < key_size + value_size:
                raise InvalidArchive(f"{path} is damaged: its last record is cut off")
            yield COLUMNS[column], key, value
    except (zstandard.ZstdError, struct.error, IndexError) as error:
        raise InvalidArchive(f"{path} is damaged: {error}") from None


def _first_line(genesis_hash: bytes) -> bytes:
    return b"%bschema %d genesis %b\n" % (MAGIC, SCHEMA_VERSION, genesis_hash.hex().encode())


def _check_identity(path: Path, line: bytes, genesis_hash: bytes) -> None:
    try:
        _, schema, _, genesis = line[len(MAGIC) :].decode().split()
    except ValueError:
        raise InvalidArchive(f"{path} is damaged: its first line names no chain") from None
    if schema != str(SCHEMA_VERSION):
        raise InvalidArchive(
            f"{path} has schema {schema}, this program knows {SCHEMA_VERSION}: load it with the program that dumped it"
        )
    if genesis != genesis_hash.hex():
        raise InvalidArchive(
            f"{path} is of the chain of genesis 0x{genesis}, not 0x{genesis_hash.hex()}: choose another --chain"
        )
