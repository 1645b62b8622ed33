"""States by block: the best one in memory, every earlier one through the history.

## Overview

`States` owns the flat state of the best block as one dictionary and the trie over it, so that execution never reads
the disk. `applied` applies a block's changes to both and writes what they overwrote into the block's batch;
`at(number)` answers the state after any earlier block as a `PastState`, which looks a key up in the history first.

## Out of scope

Forks: changes arrive in canonical order only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from node.state.backend import Backend
from node.state.db import Batch, Database
from node.state.trie import Trie

NUMBER_SIZE = 4
BEYOND = b"\xff" * (NUMBER_SIZE + 1)
"""Behind an escaped key: after its entries of all blocks."""
ABSENT = b"\0"
PRESENT = b"\1"


def escape(key: bytes) -> bytes:
    """A storage key so written that none is a prefix of another, order kept: `00` becomes `00 ff`, the end `00 00`."""
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


class Applied(NamedTuple):
    """A block's changes made: the new root, and those changes that changed something."""

    root: bytes
    changes: Mapping[bytes, bytes | None]


class PastState:
    """The state after an earlier block."""

    def __init__(self, states: States, number: int) -> None:
        self.states, self.number = states, number

    def get(self, key: bytes, /) -> bytes | None:
        escaped = escape(key)
        entry = self.states.db.first_from("history", escaped + (self.number + 1).to_bytes(NUMBER_SIZE, "big"))
        if entry is None or not entry[0].startswith(escaped):
            return self.states.head.values.get(key)
        before = entry[1]
        return before[1:] if before[:1] == PRESENT else None

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
        """Keys that any block has changed, ascending. A key that all blocks change costs one step, not one a block."""
        start = prefix.replace(b"\0", b"\0\xff") if after is None or after < prefix else escape(after) + BEYOND
        while (entry := self.states.db.first_from("history", start)) is not None:
            escaped = entry[0][:-NUMBER_SIZE]
            key = unescape(escaped)
            if not key.startswith(prefix):
                return
            yield key
            start = escaped + BEYOND


class States:
    """All states of one chain."""

    def __init__(self, db: Database, values: dict[bytes, bytes], version: int) -> None:
        self.db = db
        self.head = HeadState(values, version)

    @classmethod
    def load(cls, db: Database, version: int) -> States:
        """The states of a chain that the database already holds; raises `CorruptDatabase`."""
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

    @contextmanager
    def applied(self, number: int, changes: Mapping[bytes, bytes | None], batch: Batch) -> Iterator[Applied]:
        """Applies block `number`'s changes in memory, and puts them and what they overwrite into `batch`.

        What raises inside the `with` undoes it: the head is as it was before.
        """
        values = self.head.values
        effective = {key: value for key, value in changes.items() if values.get(key) != value}
        overwritten = {key: values.get(key) for key in effective}
        suffix = number.to_bytes(NUMBER_SIZE, "big")
        for key, value in effective.items():
            before = overwritten[key]
            batch.put("history", escape(key) + suffix, ABSENT if before is None else PRESENT + before)
            if value is None:
                batch.delete("state", key)
            else:
                batch.put("state", key, value)
        root = self.head.trie.update(effective)
        try:
            yield Applied(root, effective)
        except BaseException:
            self.head.trie.update(overwritten)
            raise
