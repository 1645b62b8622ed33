"""Child tries of a fork's states: their values and nodes, kept beside those of the top trie.

## Overview

A block's changes, and what states hold, are one mapping of values and one of nodes. A child trie's values are in them
under `child_key`, which no runtime can write and no top trie has; its nodes under `child_path`. So blocks that change
child tries are undone, stored and read again as all blocks are. `ChildState` is a child trie of any state of a fork,
and `FlatUpdate` what changes of all tries do: the children's roots become values of the top trie.

## Usage

```python
changes = flattened(top, children)
update = FlatUpdate(state, changes, version)          # as `PartialUpdate`
value = ChildState(state, name).get(key)
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile

from node.state.backend import State
from node.state.remote.missing import Missing, Want
from node.state.remote.proven import CHILD_ROOTS
from node.state.remote.update import PartialUpdate
from node.state.trie import EMPTY_ROOT, Changes, Nodes, keys_of
from node.state.view import BESIDE
from pallets.primitives.scale import compact, read_compact


def child_key(name: bytes, key: bytes) -> bytes:
    """Where a child trie's value is kept."""
    return BESIDE + compact(len(name)) + name + key


def child_path(name: bytes, path: str) -> str:
    """Where a child trie's node is kept."""
    return f"child:{name.hex()}:{path}"


def parted_key(key: bytes) -> tuple[bytes, bytes] | None:
    """Name and key of a child trie's value; `None` of a key of the top trie."""
    if not key.startswith(BESIDE):
        return None
    size, at = read_compact(key, len(BESIDE))
    return key[at : at + size], key[at + size :]


def parted_path(path: str) -> tuple[bytes, str] | None:
    """Name and path of a child trie's node; `None` of a path of the top trie."""
    if not path.startswith("child:"):
        return None
    _, name, below = path.split(":")
    return bytes.fromhex(name), below


def flattened(top: Changes, children: Mapping[bytes, Changes]) -> Changes:
    """A block's changes of all tries in one mapping; `top` has the children's new roots, as runtimes put them there."""
    beside = {child_key(name, key): value for name, changes in children.items() for key, value in changes.items()}
    return {**top, **beside}


class ChildState:
    """A child trie of a state of a fork, with what local blocks have changed of it."""

    def __init__(self, state: State, name: bytes) -> None:
        self.version, self.below = state.version, state
        self._state, self._name, self._prefix = state, name, child_key(name, b"")

    def get(self, key: bytes, /) -> bytes | None:
        return self._state.get(self._prefix + key)

    def node(self, path: str) -> bytes | None:
        return self._state.node(child_path(self._name, path))

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        return keys_of(self, prefix, after)

    def keys_from(self, start: bytes) -> Iterator[bytes]:
        size, mine = len(self._prefix), self._prefix
        found = takewhile(lambda key: key.startswith(mine), self._state.keys_from(mine + start))
        return (key[size:] for key in found)


class FlatUpdate:
    """What changes of all tries do, as `PartialUpdate` of one."""

    def __init__(self, view: State, changes: Changes, version: int) -> None:
        self._view, self._version = view, version
        self._nodes: dict[str, bytes | None] = {}
        top: dict[bytes, bytes | None] = {}
        self._children: dict[bytes, dict[bytes, bytes | None]] = {}
        for key, value in changes.items():
            place = parted_key(key)
            if place is None:
                top[key] = value
            else:
                self._children.setdefault(place[0], {})[place[1]] = value
        self._top = self._with_roots(top)
        self.root = EMPTY_ROOT

    @property
    def nodes(self) -> Nodes:
        """The nodes of all tries, once all is done."""
        return {**self._nodes, **self._top.nodes}

    def run(self) -> bytes:
        """All of it at once; the new root."""
        self.root = self._top.run()
        return self.root

    def advance(self, keys: int) -> bool:
        """Goes on with that many keys of the top trie; whether all is done."""
        is_done = self._top.advance(keys)
        self.root = self._top.root
        return is_done

    def _with_roots(self, top: dict[bytes, bytes | None]) -> PartialUpdate:
        wants: set[Want] = set()
        for name, changes in self._children.items():
            try:
                update = PartialUpdate(ChildState(self._view, name), changes, self._version)
                root = update.run()
            except Missing as missing:  # another child's are fetched with it
                wants |= missing.wants
                continue
            top[CHILD_ROOTS + name] = None if root == EMPTY_ROOT else root
            self._nodes |= {child_path(name, path): encoded for path, encoded in update.nodes.items()}
        if wants:
            raise Missing(wants)
        return PartialUpdate(self._view, top, self._version)
