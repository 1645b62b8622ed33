"""Who has a database, and whose it is: known before RocksDB opens it, which changes files merely by that.

`fathom.lock` is locked while the database is open; `fathom.json` names the schema and the chain. A database that is in
use, of another schema or of another chain is so left exactly as it is.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import NamedTuple

import orjson

from node.state.errors import CorruptDatabase, DatabaseLocked, OtherSchema, UnusablePath, WriteFailed, WrongChain

SCHEMA_VERSION = 2
LOCK_FILE = "fathom.lock"
IDENTITY_FILE = "fathom.json"


class Lock:
    """The lock of one directory, from its creation to `release`; the process's end releases it too."""

    def __init__(self, directory: Path) -> None:
        """Makes the directory where there is none; raises `UnusablePath` or `DatabaseLocked`."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UnusablePath(f"{directory} can't be used: {error.strerror}; choose another --base-path") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise in_use(directory) from None

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Identity(NamedTuple):
    """What `fathom.json` says."""

    schema: int
    genesis: bytes

    @classmethod
    def read(cls, directory: Path) -> Identity | None:
        """The identity of a database, `None` where it has none yet; raises `CorruptDatabase` or `UnusablePath`."""
        file = directory / IDENTITY_FILE
        try:
            found = orjson.loads(file.read_bytes())
            schema, genesis = found["schema"], bytes.fromhex(found["genesis"].removeprefix("0x"))
            if type(schema) is not int or len(genesis) != 32:
                raise ValueError
            return cls(schema, genesis)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnusablePath(f"{file} can't be read: {error.strerror}; choose another --base-path") from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise CorruptDatabase(f"{file} is damaged: remove it, and it is made again from the database") from None

    def write(self, directory: Path) -> None:
        """Written whole or not at all; raises `WriteFailed`."""
        partial = directory / f"{IDENTITY_FILE}.partial"
        try:
            with open(partial, "wb") as file:
                file.write(orjson.dumps({"schema": self.schema, "genesis": f"0x{self.genesis.hex()}"}))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(directory / IDENTITY_FILE)
        except OSError as error:
            raise WriteFailed(f"{directory} can't be written: {error.strerror}") from None


def check_schema(directory: Path, schema: int) -> None:
    """Raises `OtherSchema` for one that this program doesn't know."""
    if schema != SCHEMA_VERSION:
        advice = "use a later one" if schema > SCHEMA_VERSION else "use an earlier one, or purge the chain"
        raise OtherSchema(f"{directory} has schema {schema}, this program knows {SCHEMA_VERSION}: {advice}")


def check_chain(directory: Path, found: bytes, expected: bytes) -> None:
    """Raises `WrongChain` where the genesis hash isn't the expected one."""
    if found != expected:
        raise WrongChain(
            f"{directory} holds the chain of genesis 0x{found.hex()}, not 0x{expected.hex()}: "
            "choose another --base-path or another --chain"
        )


def in_use(directory: Path) -> DatabaseLocked:
    return DatabaseLocked(f"{directory} is in use by another node; stop it or choose another --base-path")
