"""In what two states differ, found in their tries: what both have in common is passed over.

## Overview

Both tries are walked side by side, in order. Where the branches at a place have the same reference to a child, nothing
differs below it. So the cost is that of what differs, however large the states are and however many blocks lie between
them, and nothing is kept but the way down.

## Usage

```python
for key, old, new in differences(before, now, prefix, after=last):
    ...
```
The iterator holds no longer than both views do; it can be taken up again behind the last key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from node.state.branch import OpenBranch
from node.state.errors import CorruptDatabase
from node.state.trie import View, first_under
from pallets.primitives.trie_node import HASHED, REFERENCE_SIZE

BEHIND = "g"
"""What sorts after every digit."""


@dataclass(frozen=True, slots=True)
class _Child:
    """What a branch says of a child, which hangs at `path`, in hex digits."""

    path: str
    is_leaf: bool
    reference: bytes


@dataclass(frozen=True, slots=True)
class _Node:
    """A branch, or a leaf, which has no children; `path` is its whole path, which is a key if it is `valued`."""

    path: str
    valued: bool
    children: dict[str, _Child]


_Place: TypeAlias = _Child | _Node | None
"""What one state has at a place, read or not read yet."""


class Difference(NamedTuple):
    """A key, and its value in either state."""

    key: bytes
    old: bytes | None
    new: bytes | None


def differences(before: View, now: View, prefix: bytes = b"", after: bytes | None = None) -> Iterator[Difference]:
    """The keys that start with `prefix`, in order, whose values differ, from the first greater than `after`."""
    wanted, behind = prefix.hex(), None if after is None else after.hex()
    stack: list[tuple[_Place, _Place]] = [(_root(before), _root(now))]
    while stack:
        left, right = stack.pop()
        if not _leads_on(left, wanted, behind):
            left = None
        if not _leads_on(right, wanted, behind):
            right = None
        if left is None and right is None:
            continue
        old, new = _read(before, left), _read(now, right)
        nodes = [node for node in (old, new) if node is not None]
        at = min(node.path for node in nodes)
        is_key = any(node.valued for node in nodes if node.path == at)
        if is_key and at.startswith(wanted) and (behind is None or at > behind):
            key = bytes.fromhex(at)
            found = Difference(key, before.get(key), now.get(key))
            if found.old != found.new:
                yield found
        stack.extend(reversed(_below(old, new, at)))


def _below(old: _Node | None, new: _Node | None, at: str) -> list[tuple[_Place, _Place]]:
    """The places below a path at which the states may differ, in order. One node at least is there itself."""
    lefts, rights = _parts(old, at), _parts(new, at)
    pairs = [(lefts.get(name), rights.get(name)) for name in sorted({*lefts, *rights})]
    return [pair for pair in pairs if not _are_alike(*pair)]


def _are_alike(left: _Place, right: _Place) -> bool:
    return isinstance(left, _Child) and isinstance(right, _Child) and left.reference == right.reference


def _parts(node: _Node | None, at: str) -> dict[str, _Child | _Node]:
    """What a node has below a path, by the digit that leads there, or itself as what comes behind all that."""
    if node is None:
        return {}
    if node.path == at:
        return dict(node.children)
    return {node.path[len(at)] if node.path.startswith(at) else BEHIND: node}


def _leads_on(place: _Place, wanted: str, behind: str | None) -> bool:
    """Whether there may be a key that is asked for at or below a place."""
    if place is None:
        return False
    path = place.path
    if not path.startswith(wanted) and not wanted.startswith(path):
        return False
    return behind is None or path > behind or behind.startswith(path)


def _read(view: View, place: _Place) -> _Node | None:
    if not isinstance(place, _Child):
        return place
    if place.is_leaf:
        return _Node(first_under(view, place.path).hex(), True, {})
    record = view.node(place.path)
    if record is None:
        raise CorruptDatabase(f"the trie lacks the branch at {place.path or 'its root'}")
    return _branch(place.path, record)


def _root(view: View) -> _Node | None:
    record = view.node("")
    if record is not None:
        return _branch("", record)
    key = next(view.keys_from(b""), None)
    return None if key is None else _Node(key.hex(), True, {})


def _branch(path: str, record: bytes) -> _Node:
    branch = OpenBranch.of(path, record)
    code, at = branch.code, branch.at
    children = {}
    for slot in range(16):
        if branch.bitmap >> slot & 1:
            size = REFERENCE_SIZE if code[at] == HASHED else 1 + (code[at] >> 2)
            below = branch.path_of(slot)
            children[below[-1]] = _Child(below, bool(branch.leaves >> slot & 1), bytes(code[at : at + size]))
            at += size
    return _Node(branch.full, branch.valued, children)
