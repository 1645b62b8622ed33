"""States by block: the best one in memory, every earlier one through the history.

## Overview

`States` owns the flat state of the best block as one dictionary and the trie over it, so that execution never reads the disk.
`commit` applies a block's changes to both and writes what they overwrote into the block's batch; `at(number)` answers the state
after any earlier block as a `PastState`, which looks a key up in the history first.

## Out of scope

Forks: changes arrive in canonical order only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from node.state.backend import Backend
from node.state.db import Batch, Database
from node.state.trie import Trie

NUMBER_SIZE = 4
ABSENT = b"\0"
PRESENT = b"\1"


def escape(key: bytes) -> bytes:
    """A storage key so written that none is a prefix of another, and order is kept: `00` becomes `00 ff`, the end `00 00`."""
    return key.replace(b"\0", b"\0\xff") + b"\0\0"


def unescape(escaped: bytes) -> bytes:
    """The storage key of an escaped one, its end mark included."""
    return escaped[:-2].replace(b"\0\xff", b"\0")


class HeadState:
    """The state of the best block; an overlay's backend."""

    __slots__ = ("values", "trie", "get")

    def __init__(self, values: dict[bytes, bytes], version: int) -> None:
        self.values = values
        self.trie = Trie(values, version)
        self.get = values.get

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        return self.trie.keys(prefix, after)


class PastState:
    """The state after an earlier block."""

    def __init__(self, states: States, number: int) -> None:
        self.states, self.number = states, number

    def get(self, key: bytes, /) -> bytes | None:
        start = escape(key)
        for found, before in self.states.db.items_from("history", start + (self.number + 1).to_bytes(NUMBER_SIZE, "big")):
            if found.startswith(start):
                return before[1:] if before[:1] == PRESENT else None
            break
        return self.states.head.values.get(key)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        touched = self._touched(prefix, after)
        old = next(touched, None)
        for key in self.states.head.keys(prefix, after):
            while old is not None and old < key:
                if self.get(old) is not None:
                    yield old
                old = next(touched, None)
            if key == old:
                old = next(touched, None)
                if self.get(key) is None:
                    continue
            yield key
        while old is not None:
            if self.get(old) is not None:
                yield old
            old = next(touched, None)

    def _touched(self, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        """Keys that a later block changed, ascending."""
        start = prefix.replace(b"\0", b"\0\xff") if after is None or after < prefix else escape(after)
        last = None
        for found, _ in self.states.db.items_from("history", start):
            if int.from_bytes(found[-NUMBER_SIZE:], "big") <= self.number:
                continue
            key = unescape(found[:-NUMBER_SIZE])
            if not key.startswith(prefix):
                return
            if key != last and (after is None or key > after):
                yield key
            last = key


class States:
    """All states of one chain."""

    def __init__(self, db: Database, values: dict[bytes, bytes], version: int) -> None:
        self.db = db
        self.head = HeadState(values, version)

    @classmethod
    def load(cls, db: Database, version: int) -> States:
        """The states of a chain that the database already holds."""
        return cls(db, dict(db.items_from("state")), version)

    @classmethod
    def create(cls, db: Database, batch: Batch, genesis: Mapping[bytes, bytes], version: int) -> States:
        """The states of a new chain; the genesis state goes into `batch`."""
        for key, value in genesis.items():
            batch.put("state", key, value)
        return cls(db, dict(genesis), version)

    def at(self, number: int, best: int) -> Backend:
        """The state after block `number`."""
        return self.head if number == best else PastState(self, number)

    def commit(self, number: int, changes: Mapping[bytes, bytes | None], batch: Batch) -> bytes:
        """Applies block `number`'s changes in memory, and puts them and what they overwrite into `batch`; answers the root."""
        values = self.head.values
        suffix = number.to_bytes(NUMBER_SIZE, "big")
        for key, value in changes.items():
            before = values.get(key)
            if before == value:
                continue
            batch.put("history", escape(key) + suffix, ABSENT if before is None else PRESENT + before)
            if value is None:
                batch.delete("state", key)
            else:
                batch.put("state", key, value)
        return self.head.trie.update(changes)
