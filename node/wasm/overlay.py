"""A runtime's storage: what calls have changed, in nested transactions, over a state that may be slow to answer.

## Overview

Each trie, and the off-chain index, is a *space*: a dict of what is there now, by key. Every write in a transaction is
logged with what it replaced; committing a transaction forgets its place in the log, rolling back undoes the log down to
it. So a read costs one dict, however deep transactions are.

A list that is appended to, such as a block's events, is kept in parts (`Appended`): appending costs the same however
long it is.

Mirrors `sp_state_machine::{Ext, OverlayedChanges}`.

## Errors

`UnbalancedTransactions`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Final, NamedTuple

from node.state.trie import EMPTY_ROOT
from node.wasm.backend import CHILD_STORAGE, DEFAULT_CHILD_STORAGE, Backend, Child
from node.wasm.errors import UnbalancedTransactions
from pallets.primitives.scale import DecodeError, compact, read_compact

_ABSENT: Final = object()
MAX_LENGTH = 0xFFFF_FFFF


class Appended:
    """A list in parts: the items so far, which others may be longer versions of. Never changes."""

    __slots__ = ("_encoded", "_end", "_parts", "count")

    def __init__(self, parts: list[bytes], count: int) -> None:
        self._parts, self._end, self.count = parts, len(parts), count
        self._encoded: bytes | None = None

    @classmethod
    def of(cls, value: bytes | None) -> Appended:
        """A value to append to; one that doesn't start with a number of items counts as none."""
        try:
            count, at = read_compact(value or b"\0", 0)
        except DecodeError:
            return cls([], 0)
        return cls([value[at:]], count) if value and count <= MAX_LENGTH else cls([], 0)

    def with_item(self, item: bytes) -> Appended:
        """This list and one item more."""
        parts = self._parts
        if len(parts) > self._end:  # a longer version was rolled back
            parts = parts[: self._end]
        parts.append(item)
        return Appended(parts, self.count + 1)

    def encoded(self) -> bytes:
        """The number of items, and all of them."""
        if self._encoded is None:
            self._encoded = compact(self.count) + b"".join(self._parts[: self._end])
        return self._encoded


class Space:
    """What has changed of one trie."""

    __slots__ = ("changed", "name", "_order", "_is_stale")

    def __init__(self, name: Child) -> None:
        self.name = name
        self.changed: dict[bytes, bytes | Appended | None] = {}
        self._order: list[bytes] = []
        self._is_stale = False

    def forget(self, key: bytes) -> None:
        """As if the key had never been changed."""
        del self.changed[key]
        self._is_stale = True

    def order(self) -> list[bytes]:
        """The changed keys, ascending."""
        if self._is_stale:
            self._order, self._is_stale = sorted(self.changed), False
        elif len(self._order) < len(self.changed):
            self._order += list(self.changed)[len(self._order) :]  # a dict has what was added last at its end
            self._order.sort()
        return self._order

    def values(self) -> dict[bytes, bytes | None]:
        """The changed keys with their values now."""
        return {k: v.encoded() if type(v) is Appended else v for k, v in self.changed.items()}  # type: ignore[misc]


class Removed(NamedTuple):
    """What clearing a prefix has come to."""

    is_complete: bool
    loops: int
    """How many keys of the state below were looked at."""


class StorageChanges(NamedTuple):
    """New values by key, `None` where one goes: of the top trie, of child tries by name, of the off-chain index."""

    top: Mapping[bytes, bytes | None]
    children: Mapping[bytes, Mapping[bytes, bytes | None]]
    offchain_index: Mapping[bytes, bytes | None]


class Storage:
    """A runtime's storage over a backend."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._top = Space(None)
        self._children: dict[bytes, Space] = {}
        self._index = Space(None)
        self._log: list[tuple[Space, bytes, object]] = []
        self._layers: list[int] = []

    # values

    def get(self, key: bytes, child: Child = None) -> bytes | None:
        space = self._top if child is None else self._children.get(child)
        value = _ABSENT if space is None else space.changed.get(key, _ABSENT)
        if value is _ABSENT:
            return self.backend.get(key) if child is None else self.backend.get(key, child)
        return value.encoded() if type(value) is Appended else value  # type: ignore[return-value]

    def put(self, key: bytes, value: bytes | None, child: Child = None) -> None:
        """Sets a value, or deletes it; the top trie's keys that child tries hang under are refused, silently."""
        if child is not None:
            self._put(self._child(child), key, value)
        elif not key.startswith(CHILD_STORAGE):
            self._put(self._top, key, value)

    def append(self, key: bytes, item: bytes) -> None:
        """Appends an encoded item to the list under a key; what is no list there is dropped."""
        value = self._top.changed.get(key, _ABSENT)
        if type(value) is not Appended:
            value = Appended.of(self.backend.get(key) if value is _ABSENT else value)  # type: ignore[arg-type]
        self._put(self._top, key, value.with_item(item))

    def next_key(self, key: bytes, child: Child = None) -> bytes | None:
        """The first key greater than `key`."""
        backend = self.backend
        space = self._top if child is None else self._children.get(child)
        below = backend.next_key(key, child)
        if space is None or not space.changed:
            return below
        order, changed = space.order(), space.changed
        for at in range(bisect_right(order, key), len(order)):
            changed_key = order[at]
            while below is not None and below < changed_key:
                return below
            if changed[changed_key] is not None:
                return changed_key
            if below == changed_key:
                below = backend.next_key(changed_key, child)
        return below

    def clear_prefix(self, prefix: bytes, limit: int | None = None, child: Child = None) -> Removed:
        """Deletes the keys under a prefix: all that calls have changed, and of the state below up to `limit`."""
        if child is None and (prefix.startswith(CHILD_STORAGE) or CHILD_STORAGE.startswith(prefix)):
            return Removed(True, 0)
        space = self._top if child is None else self._child(child)
        order = space.order()
        for at in range(bisect_left(order, prefix), len(order)):
            if not order[at].startswith(prefix):
                break
            self._put(space, order[at], None)
        loops = 0
        backend, changed = self.backend, space.changed
        key = prefix if backend.get(prefix, child) is not None else backend.next_key(prefix, child)
        while key is not None and key.startswith(prefix):
            if loops == limit:
                return Removed(False, loops)
            if changed.get(key, _ABSENT) is not None:
                self._put(space, key, None)
            loops += 1
            key = backend.next_key(key, child)
        return Removed(True, loops)

    def put_index(self, key: bytes, value: bytes | None) -> None:
        """Sets or deletes a value of the off-chain index."""
        self._put(self._index, key, value)

    def _child(self, name: bytes) -> Space:
        found = self._children.get(name)
        if found is None:
            found = self._children[name] = Space(name)
        return found

    def _put(self, space: Space, key: bytes, value: bytes | Appended | None) -> None:
        if self._layers:
            self._log.append((space, key, space.changed.get(key, _ABSENT)))
        space.changed[key] = value

    # transactions

    @property
    def depth(self) -> int:
        """How many transactions are open."""
        return len(self._layers)

    def start_transaction(self) -> None:
        self._layers.append(len(self._log))

    def commit_transaction(self) -> None:
        """Keeps what the innermost transaction changed, as part of the one around it."""
        self._innermost()
        if not self._layers:
            self._log.clear()

    def rollback_transaction(self) -> None:
        """Undoes what the innermost transaction changed."""
        start, log = self._innermost(), self._log
        while len(log) > start:
            space, key, before = log.pop()
            if before is _ABSENT:
                space.forget(key)
            else:
                space.changed[key] = before  # type: ignore[assignment]

    def _innermost(self) -> int:
        if not self._layers:
            raise UnbalancedTransactions("no storage transaction is open")
        return self._layers.pop()

    # roots

    def root(self, version: int) -> bytes:
        """The state root; the roots of child tries that have changed become values of the top trie."""
        for name, space in self._children.items():
            if space.changed:
                self.child_root(name, version)
        return self.backend.root(self._top.values(), version)

    def child_root(self, child: bytes, version: int) -> bytes:
        """The root of a child trie, which becomes a value of the top trie."""
        key = DEFAULT_CHILD_STORAGE + child
        space = self._children.get(child)
        if space is None or not space.changed:
            return self.get(key) or EMPTY_ROOT
        found = self.backend.root(space.values(), version, child)
        self._put(self._top, key, None if found == EMPTY_ROOT else found)
        return found

    def changes(self) -> StorageChanges:
        """All that was changed and not rolled back; child tries' roots only once the root was asked for."""
        children = {name: space.values() for name, space in self._children.items() if space.changed}
        return StorageChanges(self._top.values(), children, self._index.values())
