"""The states of earlier blocks, and of blocks off the canonical chain.

## Overview

The head, which is the state of the best block, is a `Trie` in memory. `PastState` is the state after an earlier block
of the canonical chain: the history has, for each block, what that block overwrote, so a value after block *n* is what
the first later block that touched it overwrote, and the head's where none did. Records of the trie have a history of
the same form. `ForkState` lays the changes of blocks off the canonical chain over the state they fork from.

## Out of scope

Which block is where: `node.chain.tree`. Keeping the history: `node.state.states`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from typing import Final

from node.state.backend import State
from node.state.db import Column, Database
from node.state.delta import Delta
from node.state.errors import CorruptDatabase
from node.state.trie import Trie, View, keys_of

NUMBER_SIZE = 4
BEYOND = b"\xff" * (NUMBER_SIZE + 1)
"""Behind an escaped key: after its entries of all blocks."""
ABSENT = b"\0"
PRESENT = b"\1"
"""How an entry of the history starts: nothing was there, or what follows."""
BESIDE = b":child_storage:keys:"
"""What keys start with that no trie has: of what a fork keeps of its child tries (`node.state.remote.children`)."""
_UNTOUCHED: Final = object()


def escape(key: bytes) -> bytes:
    """A storage key so written that none is a prefix of another, order kept: `00` becomes `00 ff`, the end `00 00`."""
    return key.replace(b"\0", b"\0\xff") + b"\0\0"


def unescape(escaped: bytes) -> bytes:
    """The storage key of an escaped one, its end mark included."""
    return escaped[:-2].replace(b"\0\xff", b"\0")


def end_path(path: str) -> bytes:
    """A path so written that none is a prefix of another."""
    return path.encode() + b"/"


def overwritten(before: bytes | None) -> bytes:
    """An entry of the history."""
    return ABSENT if before is None else PRESENT + before


def restored(entry: bytes) -> bytes | None:
    """What an entry of the history says was there; raises `CorruptDatabase` for what is no entry."""
    if entry[:1] == PRESENT:
        return entry[1:]
    if entry != ABSENT:
        raise CorruptDatabase(f"the history is damaged: an entry starts with 0x{entry[:8].hex()}")
    return None


class PastState:
    """The state after an earlier block of the canonical chain. It holds no longer than the head stays as it is."""

    def __init__(self, db: Database, head: Trie, number: int) -> None:
        self.version = head.version
        self.below: State = head
        self._db, self._head, self._number = db, head, number
        self._next = (number + 1).to_bytes(NUMBER_SIZE, "big")

    def get(self, key: bytes, /) -> bytes | None:
        entry = self._first_overwritten("history", escape(key))
        return self._head.values.get(key) if entry is None else restored(entry)

    def node(self, path: str) -> bytes | None:
        entry = self._first_overwritten("trie_history", end_path(path))
        return self._head.node(path) if entry is None else restored(entry)

    def _first_overwritten(self, column: Column, name: bytes) -> bytes | None:
        found = self._db.first_from(column, name + self._next)
        return found[1] if found is not None and found[0].startswith(name) else None

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        return keys_of(self, prefix, after)

    def keys_from(self, start: bytes) -> Iterator[bytes]:
        return present(self, self._head.keys_from(start), of_tries(self._touched(start), start))

    def candidates_from(self, start: bytes) -> Iterator[bytes]:
        return _either(self._head.keys_from(start), of_tries(self._touched(start), start))

    def _touched(self, start: bytes) -> Iterator[bytes]:
        """Keys that any block has changed, ascending. A key that all blocks change costs one step, not one a block."""
        bound = start.replace(b"\0", b"\0\xff")
        while (entry := self._db.first_from("history", bound)) is not None:
            escaped = entry[0][:-NUMBER_SIZE]
            yield unescape(escaped)
            bound = escaped + BEYOND


class ForkState:
    """The state after blocks off the canonical chain, the oldest of which is the child of a block on it."""

    def __init__(self, base: State, deltas: Sequence[Delta]) -> None:
        self.version = base.version
        self.below = self._base = base
        self._deltas = tuple(reversed(deltas))
        self._keys: list[bytes] | None = None

    def get(self, key: bytes, /) -> bytes | None:
        for delta in self._deltas:
            value = delta.values.get(key, _UNTOUCHED)
            if value is not _UNTOUCHED:
                return value  # type: ignore[return-value]
        return self._base.get(key)

    def node(self, path: str) -> bytes | None:
        for delta in self._deltas:
            record = delta.nodes.get(path, _UNTOUCHED)
            if record is not _UNTOUCHED:
                return record  # type: ignore[return-value]
        return self._base.node(path)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        return keys_of(self, prefix, after)

    def keys_from(self, start: bytes) -> Iterator[bytes]:
        return present(self, self._base.keys_from(start), of_tries(self._changed(start), start))

    def candidates_from(self, start: bytes) -> Iterator[bytes]:
        return _either(candidates_from(self._base, start), of_tries(self._changed(start), start))

    def _changed(self, start: bytes) -> list[bytes]:
        if self._keys is None:
            self._keys = sorted({key for delta in self._deltas for key in delta.values})
        return [key for key in self._keys if key >= start]


def candidates_from(view: View, start: bytes) -> Iterator[bytes]:
    """Keys in order, from `start` on, among which are all that a view has, and perhaps others.

    Unlike `View.keys_from` it takes no long step where many keys are gone: who has to let others run looks at each.
    """
    return view.candidates_from(start) if isinstance(view, (PastState, ForkState)) else view.keys_from(start)


def _either(some: Iterator[bytes], others: Iterator[bytes]) -> Iterator[bytes]:
    """What is in one of two ascending iterators, ascending."""
    last = None
    for key in merge(some, others):
        if key != last:
            yield key
        last = key


def of_tries(keys: Iterable[bytes], start: bytes) -> Iterator[bytes]:
    """Keys without those kept beside, unless they are what is read from `start` on."""
    return iter(keys) if start.startswith(BESIDE) else (key for key in keys if not key.startswith(BESIDE))


def present(state: State, others: Iterator[bytes], changed: Iterator[bytes]) -> Iterator[bytes]:
    """The keys that a state has, out of those of another one and those in which it differs; both come ascending."""
    mine = next(changed, None)
    for key in others:
        while mine is not None and mine < key:
            if state.get(mine) is not None:
                yield mine
            mine = next(changed, None)
        if key == mine:
            mine = next(changed, None)
            if state.get(key) is None:
                continue
        yield key
    while mine is not None:
        if state.get(mine) is not None:
            yield mine
        mine = next(changed, None)


def read_restored(db: Database, column: Column, key: bytes) -> bytes | None:
    """An entry of the history that must be there; raises `CorruptDatabase`."""
    entry = db.get(column, key)
    if entry is None:
        raise CorruptDatabase(f"{db.path} is damaged: its history lacks an entry")
    return restored(entry)
