"""What a runtime's storage is read from: the state after a block, whoever holds it.

## Overview

`Backend` is what a call needs of a state, and it may take its time: a lazy one fetches what is asked for. `FullState`
holds all of a state in this process, and its tries.

A child trie is named by its key without the prefix `:child_storage:default:`; `None` is the top trie. Only the top trie
of a backend has the roots of its child tries, under that prefix and their names, as values like any other.

## Out of scope

Proofs, and states in a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Protocol, TypeAlias

from node.state.trie import Changes, Trie, Update
from node.wasm.mixed_trie import mixed_root

CHILD_STORAGE = b":child_storage:"
DEFAULT_CHILD_STORAGE = b":child_storage:default:"

INLINE_SIZE = 32
"""The longest value, in bytes, that a node of state version 1 holds itself."""

Child: TypeAlias = bytes | None
"""A child trie's name, or `None` for the top trie."""


class Backend(Protocol):
    """One state, which does not change while it is read. Any of it may raise `StateFailed`."""

    def get(self, key: bytes, child: Child = None, /) -> bytes | None:
        """A value."""
        ...

    def next_key(self, key: bytes, child: Child = None, /) -> bytes | None:
        """The first key greater than `key`, which need not be one."""
        ...

    def root(self, changes: Changes, version: int, child: Child = None, /) -> bytes:
        """The root (32 bytes) that the trie would have after these changes, written in a state version, 0 or 1.

        Among the changes of the top trie are the roots of child tries that changed.
        """
        ...


class FullState:
    """All of a state in memory, and each of its tries. Raises `UnknownStateVersion` of a version but 0 and 1.

    Nodes stay in the state version that they were written in. A trie all written in one version is updated in
    parts; one whose chain went from 0 to 1 is computed as a whole, a hundred times slower.
    """

    def __init__(
        self,
        top: Mapping[bytes, bytes],
        children: Mapping[bytes, Mapping[bytes, bytes]] | None = None,
        version: int = 0,
    ) -> None:
        """`version` is what all of it was written in, such as a genesis."""
        self._tries: dict[Child, _Values] = {None: _Values(dict(top), version)}
        for name, values in (children or {}).items():
            self._tries[name] = _Values(dict(values), version)

    def get(self, key: bytes, child: Child = None, /) -> bytes | None:
        values = self._tries.get(child)
        return None if values is None else values.trie.get(key)

    def next_key(self, key: bytes, child: Child = None, /) -> bytes | None:
        values = self._tries.get(child)
        return None if values is None else values.trie.next_key(key)

    def root(self, changes: Changes, version: int, child: Child = None, /) -> bytes:
        return self._of(child, version).root_after(changes, version)

    def apply(self, changes: Changes, version: int, child: Child = None) -> bytes:
        """Take changes over, which were written in a state version; the new root."""
        values = self._tries[child] = self._of(child, version)
        new = values.apply(changes, version)
        if child is not None and not values.trie.values:
            del self._tries[child]
        return new

    def values(self, child: Child = None) -> Mapping[bytes, bytes]:
        """All of a trie, which must not be changed."""
        values = self._tries.get(child)
        return {} if values is None else values.trie.values

    @property
    def children(self) -> list[bytes]:
        """The names of the child tries."""
        return sorted(name for name in self._tries if name is not None)

    def keys(self, prefix: bytes, count: int, after: bytes | None = None, child: Child = None) -> list[bytes]:
        """The first keys under a prefix, greater than `after`."""
        values = self._tries.get(child)
        return [] if values is None else list(islice(values.trie.keys(prefix, after), count))

    def _of(self, child: Child, version: int) -> _Values:
        return self._tries.get(child) or _Values({}, version)


class _Values:
    """One trie: its values, and which of them are held by hash."""

    def __init__(self, values: dict[bytes, bytes], version: int) -> None:
        self.trie = Trie(values, version)
        self._mixed: set[bytes] | None = None
        """Once there are both, the keys whose values were written in version 1 and are long."""

    def root_after(self, changes: Changes, version: int) -> bytes:
        if not changes:
            return self._root()
        if self._mixed is None and version == self.trie.version:
            return Update(self.trie, changes).run()
        values = dict(self.trie.values)
        hashed = self._hashed_after(changes, version)
        for key, value in changes.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        return mixed_root(values.items(), hashed.__contains__)

    def apply(self, changes: Changes, version: int) -> bytes:
        if self._mixed is None and version != self.trie.version and changes:
            if any(len(value) > INLINE_SIZE for value in self.trie.values.values()):
                self._mixed = self._hashed_after({}, version)
            else:
                self.trie = Trie(self.trie.values, version)  # short values look alike in both
        if self._mixed is not None:
            self._mixed = self._hashed_after(changes, version)
        self.trie.update(changes)
        return self._root()

    def _root(self) -> bytes:
        if self._mixed is None:
            return self.trie.root
        return mixed_root(self.trie.values.items(), self._mixed.__contains__)

    def _hashed_after(self, changes: Changes, version: int) -> set[bytes]:
        if self._mixed is not None:
            hashed = set(self._mixed)
        else:
            hashed = {k for k, v in self.trie.values.items() if self.trie.version == 1 and len(v) > INLINE_SIZE}
        for key, value in changes.items():
            if version == 1 and value is not None and len(value) > INLINE_SIZE:
                hashed.add(key)
            else:
                hashed.discard(key)
        return hashed
