"""What a change set does to a trie that is here in parts: its new root, and the nodes that make it.

## Overview

The nodes on the ways to the changed keys are opened, changed, and closed again from below: a branch that no longer
branches takes its only child's place, which is the one thing beside the ways that has to be known. What holds a value
by its hash, or in full, goes on doing so unless the value is written: then it is held as the state version has it. So
chains that went from version 0 to 1 keep what they haven't migrated.

All that is missing is raised at once, in one `Missing`. Nothing is recursive, because whoever chooses the keys chooses
the depth.

Mirrors `sp_trie::{delta_trie_root, LayoutV0, LayoutV1}`.

## Usage

```python
update = PartialUpdate(view, changes, version)
root, nodes = update.run(), update.nodes
```
"""

from __future__ import annotations

from typing import Protocol

from node.state.errors import CorruptDatabase
from node.state.node_codec import inline_limit
from node.state.remote.missing import Missing, Want
from node.state.remote.walk import digits_of, encode_node, nibbles
from node.state.trie import EMPTY_ROOT, Changes
from pallets.primitives.hashing import blake2_256
from pallets.primitives.trie_node import HASH_SIZE, Node, decode_node

_NO_CHILDREN: tuple[None, ...] = (None,) * 16


class Encodings(Protocol):
    """The nodes of one trie, which do not change while they are read."""

    def node(self, path: str) -> bytes | None:
        """The encoding of the node that hangs at a path, in hex digits, `None` where none does; the root hangs at "".

        Of nodes that their parents hold by hash, and of the root. May raise `Missing`.
        """
        ...


class _Open:
    """A node under change."""

    __slots__ = ("at", "children", "partial", "value", "value_hash")

    def __init__(self, at: bytes, partial: bytes, value: bytes | None = None, value_hash: bytes | None = None) -> None:
        self.at = at  # the path at which it hangs
        self.partial = partial
        self.value, self.value_hash = value, value_hash
        self.children: list[bytes | _Open | None] = list(_NO_CHILDREN)

    @property
    def has_value(self) -> bool:
        return self.value is not None or self.value_hash is not None


class PartialUpdate:
    """What a change set does, written in a state version; the view must not change meanwhile.

    `advance` does a part of the work, so that others may run in between; when it answers `True`, `root` (32 bytes) is
    the new root and `nodes` holds the new encodings by path, `None` for those that are gone. May raise `Missing`, also
    at the end; then another update of the same view and changes has to be made. Raises `UnknownStateVersion`.
    """

    def __init__(self, view: Encodings, changes: Changes, version: int) -> None:
        self.root = EMPTY_ROOT
        self.nodes: dict[str, bytes | None] = {}
        self._view, self._changes, self._limit = view, changes, inline_limit(version)
        self._keys = sorted(changes)
        self._done = 0
        self._wants: set[Want] = set()
        self._before: dict[bytes, bytes] = {}
        """By its path, each node that was opened and isn't its parent's to hold."""
        top = view.node("")
        self._top = None if top is None else self._opened(b"", top)
        if top is not None:
            self._before[b""] = top

    def run(self) -> bytes:
        """All of it at once; the new root."""
        self.advance(len(self._keys))
        return self.root

    def advance(self, keys: int) -> bool:
        """Goes on with that many keys; whether all is done."""
        stop = min(self._done + keys, len(self._keys))
        for key in self._keys[self._done : stop]:
            try:
                self._change(key, self._changes[key])
            except Missing as missing:  # the others' ways are missing, too: they are fetched together
                self._wants |= {Want(want.child, key) for want in missing.wants}
        self._done = stop
        if stop < len(self._keys):
            return False
        if self._wants:
            raise Missing(self._wants)
        self._finish()
        return True

    # Changing

    def _change(self, key: bytes, value: bytes | None) -> None:
        path = nibbles(key)
        node = self._top
        if node is None:
            self._top = None if value is None else self._leaf(path, 0, value)
            return
        parent: _Open | None = None
        at = 0
        while True:
            if not path.startswith(node.partial, at):
                if value is not None:
                    self._put(parent, node.at, self._parted(node, path, at, value))
                return
            at += len(node.partial)
            if at == len(path):
                node.value = node.value_hash = None
                if value is not None:
                    self._hold(node, value)
                return
            child = node.children[path[at]]
            if child is None:
                if value is not None:
                    node.children[path[at]] = self._leaf(path, at + 1, value)
                return
            if isinstance(child, bytes):
                child = node.children[path[at]] = self._child(path[: at + 1], child)
            parent, node, at = node, child, at + 1

    def _parted(self, node: _Open, path: bytes, at: int, value: bytes) -> _Open:
        """A branch in the place of a node, where a new key parts from it; the node moves below."""
        size = 0
        while size < len(node.partial) and at + size < len(path) and node.partial[size] == path[at + size]:
            size += 1
        branch = _Open(node.at, node.partial[:size])
        branch.children[node.partial[size]] = node
        node.at += node.partial[: size + 1]
        node.partial = node.partial[size + 1 :]
        if at + size == len(path):
            self._hold(branch, value)
        else:
            branch.children[path[at + size]] = self._leaf(path, at + size + 1, value)
        return branch

    def _put(self, parent: _Open | None, at: bytes, node: _Open) -> None:
        if parent is None:
            self._top = node
        else:
            parent.children[at[-1]] = node

    def _leaf(self, path: bytes, at: int, value: bytes) -> _Open:
        leaf = _Open(path[:at], path[at:])
        self._hold(leaf, value)
        return leaf

    def _hold(self, node: _Open, value: bytes) -> None:
        if len(value) > self._limit:
            node.value_hash = blake2_256(value)
        else:
            node.value = value

    def _child(self, at: bytes, reference: bytes) -> _Open:
        """Opens what a reference leads to."""
        if len(reference) < HASH_SIZE:
            return self._opened(at, reference)
        encoded = self._view.node(digits_of(at))
        if encoded is None:
            raise CorruptDatabase(f"the trie lacks the node at {digits_of(at)}")
        self._before[at] = encoded
        return self._opened(at, encoded)

    def _opened(self, at: bytes, encoded: bytes) -> _Open:
        found = decode_node(encoded)
        node = _Open(at, found.partial, found.value, found.value_hash)
        if found.children:
            node.children = list(found.children)
        return node

    # Closing

    def _finish(self) -> None:
        order: list[_Open] = [] if self._top is None else [self._top]
        for node in order:  # grows: parents come before their children
            order += [child for child in node.children if isinstance(child, _Open)]
        new: dict[bytes, bytes] = {}
        gone: set[int] = set()
        for node in reversed(order):
            if not self._close(node, gone, new):
                gone.add(id(node))
        if self._wants:
            raise Missing(self._wants)
        if self._top is not None and id(self._top) not in gone:
            new[b""] = _encoded(self._top)
            self.root = blake2_256(new[b""])
        self.nodes = {digits_of(at): encoded for at, encoded in new.items() if self._before.get(at) != encoded}
        self.nodes |= {digits_of(at): None for at in self._before if at not in new}

    def _close(self, node: _Open, gone: set[int], new: dict[bytes, bytes]) -> bool:
        """Nothing below a node changes any more: whether anything is left of it, which then has its final form."""
        children = node.children
        for slot, child in enumerate(children):
            if isinstance(child, _Open) and id(child) in gone:
                children[slot] = None
        left = [slot for slot, child in enumerate(children) if child is not None]
        if not node.has_value and not left:
            return False
        if not node.has_value and len(left) == 1:
            try:
                self._take_place(node, left[0])
            except Missing as missing:
                self._wants |= missing.wants
            return True
        for slot, child in enumerate(children):
            if isinstance(child, _Open):
                encoded = _encoded(child)
                if len(encoded) < HASH_SIZE:
                    children[slot] = encoded
                else:
                    new[child.at] = encoded
                    children[slot] = blake2_256(encoded)
        return True

    def _take_place(self, node: _Open, slot: int) -> None:
        """Puts a branch's only child in its place."""
        child = node.children[slot]
        if isinstance(child, bytes):
            child = self._child(node.at + node.partial + bytes((slot,)), child)
        assert child is not None
        node.partial += bytes((slot,)) + child.partial
        node.value, node.value_hash, node.children = child.value, child.value_hash, child.children


def _encoded(node: _Open) -> bytes:
    """The encoding of a node whose children are all closed."""
    children = [child for child in node.children if not isinstance(child, _Open)]
    assert len(children) == len(node.children)
    return encode_node(Node(node.partial, node.value, node.value_hash, children))
