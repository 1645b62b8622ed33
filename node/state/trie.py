"""The base-16 Patricia Merkle trie over the flat state: roots, and what a change set makes of the stored branches.

## Overview

The flat state holds the values; the trie adds its *branches* only, as records under their paths. A record is the
branch's encoding, and behind it two bytes that say which of its children are leaves; a leaf has no record, since its
key and its value are the flat state's. The path of a record is that of its place: the nibbles, in hex digits, from the
root down to and including the slot in its parent. So a record's path stays as it is whatever happens above it, a walk
reads one record a level, and old versions of a record lie beside it (`node.state.view`).

`Update` computes what a change set does to the records of a `View`, and changes nothing itself: it visits the changed
keys in order, keeps the branches on the way to the current key open, and encodes and hashes each branch once, when the
last changed key below it has been seen. A branch that no longer branches is then replaced by what is left of it.
Nothing is recursive, because whoever chooses the keys chooses the depth.

Mirrors `sp_trie::LayoutV0` and `LayoutV1` (state versions 0 and 1): in V1 a value over 32 bytes enters its node by its
hash.

## Usage

```python
values: dict[bytes, bytes] = {...}
trie = Trie(values, version=1)          # from here on, change `values` through the trie only
state_root = trie.update({key: b"new", other: None})
page = list(islice(trie.keys(prefix, after=last), 100))
entries = prove(trie, [key])            # `node.state.proof`
```

## Out of scope

- States half migrated from V0 to V1, whose nodes differ in version: the root of a flat state is that of one version.
- Child tries: each is a trie of its own, and its root a value in this one.
- Storage: `node.state.view` keeps records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Protocol, TypeAlias

from sortedcontainers import SortedList

from node.state.branch import SLOTS, OpenBranch, common_digits
from node.state.errors import CorruptDatabase
from node.state.node_codec import encode_leaf, inline_limit, reference_to
from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import compact
from pallets.primitives.trie_node import EMPTY_NODE

EMPTY_ROOT = blake2_256(EMPTY_NODE)
"""The root of a trie that holds nothing."""

Changes: TypeAlias = Mapping[bytes, bytes | None]
"""New values by key, `None` where the key goes."""

Nodes: TypeAlias = Mapping[str, bytes | None]
"""New records by path, `None` where the branch goes."""


class View(Protocol):
    """One state with the records of its trie, neither of which changes while it is read."""

    @property
    def version(self) -> int:
        """The state version, 0 or 1."""
        ...

    def get(self, key: bytes, /) -> bytes | None:
        """A value of the flat state."""
        ...

    def keys_from(self, start: bytes) -> Iterator[bytes]:
        """The keys of the flat state from `start` on, itself included, ascending."""
        ...

    def node(self, path: str) -> bytes | None:
        """The record of the branch at a path, `None` where there is none."""
        ...


def root(pairs: Iterable[tuple[bytes, bytes]] | Mapping[bytes, bytes], version: int) -> bytes:
    """The state root (32 bytes) of key-value pairs in any order; of pairs with one key the last counts.

    Raises `UnknownStateVersion`. Mirrors `sp_io::trie::blake2_256_root`.
    """
    return Update(Nothing(version), dict(pairs)).run()


def ordered_root(values: Sequence[bytes], version: int = 0) -> bytes:
    """The root (32 bytes) of a list, whose keys are the compact forms of the indices.

    The extrinsics root is that of the full extrinsics with their length prefixes, in version 0 even where the state is
    in version 1.
    Mirrors `sp_io::trie::blake2_256_ordered_root`.
    """
    return root({compact(index): value for index, value in enumerate(values)}, version)


def keys_of(view: View, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
    """The keys that start with `prefix`, in order, from the first greater than `after` (which need not be a key)."""
    start = prefix if after is None or after < prefix else after + b"\0"  # the least that is greater
    return takewhile(lambda key: key.startswith(prefix), view.keys_from(start))


def first_under(view: View, path: str) -> bytes:
    """The first key below a path, which has one."""
    return next(view.keys_from(bytes.fromhex(path if len(path) & 1 == 0 else path + "0")))


class Nothing:
    """The view of a state that holds nothing."""

    def __init__(self, version: int) -> None:
        self.version = version

    def get(self, key: bytes, /) -> bytes | None:
        return None

    def keys_from(self, start: bytes) -> Iterator[bytes]:
        return iter(())

    def node(self, path: str) -> bytes | None:
        return None


class Update:
    """What a change set does to the trie of a view, which must not change meanwhile.

    `advance` does a part of the work, so that others may run in between; when it answers `True`, `root` is the new root
    and `nodes` holds the new records by path, `None` for those that are gone.
    """

    def __init__(self, view: View, changes: Changes) -> None:
        self.nodes: dict[str, bytes | None] = {}
        self.root = EMPTY_ROOT
        self._view, self._changes, self._limit = view, changes, inline_limit(view.version)
        self._keys = sorted(key for key, value in changes.items() if view.get(key) != value)
        self._at = 0
        self._above = branch_above(view)  # its one slot holds the root, which so is a child like any other
        self._open = [self._above]

    def run(self) -> bytes:
        """All of it at once; the new root."""
        self.advance(len(self._keys))
        return self.root

    def advance(self, keys: int) -> bool:
        """Goes on with that many keys; whether all is done."""
        stop = min(self._at + keys, len(self._keys))
        for key in self._keys[self._at : stop]:
            self._change(key)
        self._at = stop
        if stop < len(self._keys):
            return False
        while len(self._open) > 1:
            self._close(self._open.pop(), self._open[-1])
        self.root = self._root()
        return True

    def _change(self, key: bytes) -> None:
        """Take one changed key to its place."""
        digits = key.hex()
        size = len(digits)
        stack = self._open
        branch = stack[-1]
        while not digits.startswith(branch.full):
            stack.pop()
            parent = stack[-1]
            self._close(branch, parent)
            branch = parent
        gone = self._changes[key] is None
        while branch.end != size:
            slot = SLOTS[digits[branch.end]] if branch.end >= 0 else 0
            if not branch.bitmap >> slot & 1:
                branch.put_leaf(slot, key)
                return
            path = digits[: branch.end + 1]
            if branch.leaves >> slot & 1:
                if self._view.get(key) is not None:  # then the leaf is this key's
                    if gone:
                        branch.remove(slot)
                    else:
                        branch.put_leaf(slot, key)
                    return
                branch = self._part_from_leaf(path, digits, branch, slot)
            else:
                child = self._child_of(branch, path)
                if not digits.startswith(child.full):
                    child = self._part_from_branch(path, digits, child)
                branch = child
            stack.append(branch)
        branch.valued = not gone
        branch.reshaped = True

    def _part_from_leaf(self, path: str, digits: str, parent: OpenBranch, slot: int) -> OpenBranch:
        """A branch in the place of a leaf, where a new key parts from it."""
        resident = self._leaf_at(parent, slot)
        others = resident.hex()
        branch = OpenBranch.new(path, digits[: common_digits(digits, others)])
        if branch.end == len(others):
            branch.valued = True
        else:
            branch.put_leaf(SLOTS[others[branch.end]], resident)
        parent.put_branch(slot)
        return branch

    def _part_from_branch(self, path: str, digits: str, child: OpenBranch) -> OpenBranch:
        """A branch in the place of a child, where a new key parts from it; the child moves below."""
        branch = OpenBranch.new(path, digits[: common_digits(digits, child.full)])
        child.path = child.full[: branch.end + 1]
        child.reshaped = True
        branch.put_branch(SLOTS[child.full[branch.end]])
        branch.moved = child  # not encoded yet: other changes may lead into it
        return branch

    def _leaf_at(self, parent: OpenBranch, slot: int) -> bytes:
        """The key of a leaf: one that was put there, or that has been there before all changes."""
        fresh = parent.fresh.get(slot)
        return first_under(self._view, parent.path_of(slot)) if fresh is None else fresh

    def _child_of(self, parent: OpenBranch, path: str) -> OpenBranch:
        child = parent.moved
        if child is not None and child.path == path:
            parent.moved = None
            return child
        return self._branch_at(path)

    def _branch_at(self, path: str) -> OpenBranch:
        return OpenBranch.of(path, self._record(path))

    def _record(self, path: str) -> bytes:
        record = self.nodes.get(path) or self._view.node(path)
        if record is None:
            raise CorruptDatabase(f"the trie lacks the branch at {path or 'its root'}")
        return record

    def _store(self, branch: OpenBranch) -> bytes:
        """Keep the record of a branch; its reference."""
        if branch.reshaped:
            value = self._value(bytes.fromhex(branch.full)) if branch.valued else None
            branch.rebuild(value, self._limit)
        code = branch.code
        self.nodes[branch.path] = bytes(code) + branch.leaves.to_bytes(2, "little")
        return reference_to(code)

    def _close(self, branch: OpenBranch, parent: OpenBranch) -> None:
        """Nothing below a branch changes any more: hash it into its parent, or replace it by what is left of it."""
        path = branch.path
        slot = SLOTS[path[-1]] if path else 0
        if branch.moved is not None:
            branch.set_reference(SLOTS[branch.moved.path[-1]], self._store(branch.moved))
        if branch.reshaped and branch.bitmap.bit_count() + branch.valued < 2:
            self.nodes[path] = None
            if branch.valued:
                parent.put_leaf(slot, bytes.fromhex(branch.full))
            elif not branch.bitmap:
                parent.remove(slot)
            else:
                self._collapse(branch, parent, slot)
            return
        changes, start, limit = self._changes, branch.end + 1, self._limit
        for below, key in branch.fresh.items():
            value = changes.get(key)
            if value is None:
                value = self._value(key)
            branch.set_reference(below, reference_to(encode_leaf(key, start, value, limit)))
        parent.set_reference(slot, self._store(branch))

    def _collapse(self, branch: OpenBranch, parent: OpenBranch, slot: int) -> None:
        """Replace a branch by its only child."""
        only = branch.bitmap.bit_length() - 1
        if branch.leaves:
            parent.put_leaf(slot, self._leaf_at(branch, only))
            return
        below = branch.path_of(only)
        child = self._branch_at(below)
        self.nodes[below] = None
        child.path = branch.path
        child.reshaped = True
        parent.set_reference(slot, self._store(child))

    def _value(self, key: bytes) -> bytes:
        value = self._changes[key] if key in self._changes else self._view.get(key)
        assert value is not None
        return value

    def _root(self) -> bytes:
        above = self._above
        if not above.bitmap:
            return EMPTY_ROOT
        if above.leaves:
            key = self._leaf_at(above, 0)
            return blake2_256(encode_leaf(key, 0, self._value(key), self._limit))
        return blake2_256(self._record("")[:-2])


def branch_above(view: View) -> OpenBranch:
    """What stands above the root of a view."""
    above = OpenBranch.new("", "")
    above.end = -1
    if view.node("") is not None:
        above.put_branch(0)
    elif (key := next(view.keys_from(b""), None)) is not None:
        above.put_leaf(0, key)
    return above


class Trie:
    """The trie over `values`, which it changes in `update` and which nobody else may change while it is in use.

    A `View` of itself. Building costs about 15 µs a key, an update about 15 µs a changed key; with the `nodes` of an
    earlier one nothing is built. Raises `UnknownStateVersion`.
    """

    def __init__(self, values: dict[bytes, bytes], version: int, nodes: dict[str, bytes] | None = None) -> None:
        self.values, self.version = values, version
        self.get = values.get
        self._order = SortedList(values)
        if nodes is None:
            update = Update(Nothing(version), values)
            update.run()
            nodes = {path: record for path, record in update.nodes.items() if record is not None}
        self.nodes = nodes
        """The records, by path."""
        self.node = nodes.get
        self.root = Update(self, {}).run()

    def keys_from(self, start: bytes) -> Iterator[bytes]:
        found: Iterator[bytes] = self._order.irange(start)
        return found

    def update(self, changes: Changes) -> bytes:
        """Apply a change set to the values and the trie; `None` deletes. Returns the new root.

        A change set may be applied in parts, in any order: the last root is the same.
        """
        update = Update(self, changes)
        root = update.run()
        self.apply(changes, update.nodes, root)
        return root

    def apply(self, changes: Changes, nodes: Nodes, root: bytes) -> None:
        """Take over what an `Update` has found."""
        values, order = self.values, self._order
        for key, value in changes.items():
            if value is None:
                if values.pop(key, None) is not None:
                    order.remove(key)
            else:
                if key not in values:
                    order.add(key)
                values[key] = value
        records = self.nodes
        for path, record in nodes.items():
            if record is None:
                records.pop(path, None)
            else:
                records[path] = record
        self.root = root

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        """As `keys_of`. The trie must not be updated while the iterator is in use."""
        return keys_of(self, prefix, after)

    def next_key(self, key: bytes) -> bytes | None:
        """The first key greater than `key`, which need not be one. Mirrors `sp_io::storage::next_key`."""
        return next(self.keys_from(key + b"\0"), None)
