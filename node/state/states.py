"""All states of one chain: the head in memory, the others through the history, and moving the head.

## Overview

`States` owns the flat state of the best block as one dictionary, with its keys in order, and another one of its trie's
records, so that execution never reads the disk: two byte strings a key and a third of a record, about 500 bytes a key.
`move` opens a `Move`, which takes canonical blocks back (`undo`) and applies others (`redo`): extending the chain by a
block, changing to another fork and reverting are the same operation. Everything goes into the caller's batch; the head
changes in `Move.done`, once the batch is written.

For each canonical block the database has the journal of what it changed, and in the history what that overwrote, until
`prune` drops both: states before a pruned block can't be read any more.

## Out of scope

Which block is where: `node.chain.tree`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from node.state.backend import State
from node.state.db import Batch, Column, Database
from node.state.delta import Delta, Journal
from node.state.errors import CorruptDatabase
from node.state.trie import Changes, Trie
from node.state.view import NUMBER_SIZE, PastState, end_path, escape, overwritten, read_restored

N = TypeVar("N", bytes, str)
"""A name: of a value its key, of a record its path."""


class States:
    """The states of one chain."""

    def __init__(self, db: Database, head: Trie) -> None:
        self.db, self.head = db, head
        self.version = head.version

    @classmethod
    def load(cls, db: Database, version: int) -> States:
        """The states of a chain that the database already holds; raises `CorruptDatabase`."""
        values = dict(db.items_from("state"))
        nodes = {path.decode(): record for path, record in db.items_from("trie")}
        return cls(db, Trie(values, version, nodes))

    @classmethod
    def create(cls, db: Database, batch: Batch, genesis: Mapping[bytes, bytes], version: int) -> States:
        """The states of a new chain; the genesis state goes into `batch`."""
        head = Trie(dict(genesis), version)
        for key, value in genesis.items():
            batch.put("state", key, value)
        for path, record in head.nodes.items():
            batch.put("trie", path.encode(), record)
        return cls(db, head)

    def past(self, number: int) -> State:
        """The state after a canonical block before the best one."""
        return PastState(self.db, self.head, number)

    def move(self, batch: Batch) -> Move:
        """A move of the head, nothing of which happens before the batch is written and `done` is called."""
        return Move(self, batch)

    def prune(self, number: int, batch: Batch) -> None:
        """Drops what canonical block `number` overwrote; no state before that block can be read afterwards."""
        suffix = number.to_bytes(NUMBER_SIZE, "big")
        journal = read_journal(self.db, number)
        for key in journal.keys:
            batch.delete("history", escape(key) + suffix)
        for path in journal.paths:
            batch.delete("trie_history", end_path(path) + suffix)
        batch.delete("journal", suffix)


class Move:
    """A move of the head under preparation."""

    def __init__(self, states: States, batch: Batch) -> None:
        self._states, self.batch = states, batch
        self.values: dict[bytes, bytes | None] = {}
        self._nodes: dict[str, bytes | None] = {}
        self._is_written = False

    def undo(self, number: int, root: bytes) -> Delta:
        """Takes the last canonical block back, which left state root `root`; what it did, to do it again."""
        suffix = number.to_bytes(NUMBER_SIZE, "big")
        head = self._states.head
        journal = read_journal(self._states.db, number)
        values = self._restore("history", journal.keys, self.values, head.values, escape, suffix)
        nodes = self._restore("trie_history", journal.paths, self._nodes, head.nodes, end_path, suffix)
        self.batch.delete("journal", suffix)
        return Delta(root, values, nodes)

    def _restore(
        self,
        column: Column,
        names: Iterable[N],
        moved: dict[N, bytes | None],
        head: Mapping[N, bytes],
        escaped: Callable[[N], bytes],
        suffix: bytes,
    ) -> dict[N, bytes | None]:
        """Takes what a block overwrote out of the history; what was there until then."""
        done: dict[N, bytes | None] = {}
        for name in names:
            entry = escaped(name) + suffix
            done[name] = moved[name] if name in moved else head.get(name)
            moved[name] = read_restored(self._states.db, column, entry)
            self.batch.delete(column, entry)
        return done

    def redo(self, number: int, delta: Delta) -> None:
        """Applies the next canonical block."""
        suffix = number.to_bytes(NUMBER_SIZE, "big")
        head = self._states.head
        keys = self._replace("history", delta.values, self.values, head.values, escape, suffix)
        paths = self._replace("trie_history", delta.nodes, self._nodes, head.nodes, end_path, suffix)
        self.batch.put("journal", suffix, Journal(keys, paths).encode())

    def _replace(
        self,
        column: Column,
        new: Mapping[N, bytes | None],
        moved: dict[N, bytes | None],
        head: Mapping[N, bytes],
        escaped: Callable[[N], bytes],
        suffix: bytes,
    ) -> list[N]:
        """Puts what a block overwrites into the history; the names of what it really changes."""
        put = self.batch.putter(column)
        changed = []
        for name, value in new.items():
            before = moved[name] if name in moved else head.get(name)
            if before != value:
                put(escaped(name) + suffix, overwritten(before))
                moved[name] = value
                changed.append(name)
        return changed

    def write(self) -> Changes:
        """Puts the new head into the batch, if it isn't there yet; its changes."""
        if self._is_written:
            return self.values
        self._is_written = True
        batch = self.batch
        put = batch.putter("state")
        for key, value in self.values.items():
            if value is None:
                batch.delete("state", key)
            else:
                put(key, value)
        put = batch.putter("trie")
        for path, record in self._nodes.items():
            if record is None:
                batch.delete("trie", path.encode())
            else:
                put(path.encode(), record)
        return self.values

    def done(self, root: bytes) -> None:
        """The batch is written: moves the head, whose state root is `root`."""
        self._states.head.apply(self.values, self._nodes, root)


def read_journal(db: Database, number: int) -> Journal:
    """What a canonical block changed; raises `CorruptDatabase`."""
    data = db.get("journal", number.to_bytes(NUMBER_SIZE, "big"))
    if data is None:
        raise CorruptDatabase(f"{db.path} is damaged: it doesn't say what block {number} changed")
    try:
        return Journal.decode(data)
    except ValueError:
        raise CorruptDatabase(f"{db.path} is damaged: what block {number} changed can't be read") from None
