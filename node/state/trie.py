"""The base-16 Patricia Merkle trie over the flat state: roots, ordered keys, read proofs.

## Overview

The values live in one dict, shared with the owner of the trie. The trie adds structure only: branches with their
sixteen children and the cached reference to each; a leaf *is* the key's bytes object. A change set is applied in two
passes: down from the root for each changed key, marking the branches on the way; then up from the deepest marked
branch, so that each is hashed once, and collapsed where fewer than two entries remain. Nothing is recursive, because
whoever chooses the keys chooses the depth.

Mirrors `sp_trie::LayoutV0` and `LayoutV1` (state versions 0 and 1): in V1 a value over 32 bytes enters its node by its
hash.

## Usage

```python
values: dict[bytes, bytes] = {...}
trie = Trie(values, version=1)          # from here on, change `values` through the trie only
state_root = trie.update({key: b"new", other: None})
page = list(islice(trie.keys(prefix, after=last), 100))
entries = trie.proof([key])             # checked by `node.state.proof.verify_proof`
```

## Out of scope

- States half migrated from V0 to V1, whose nodes differ in version: the root of a flat state is that of one version.
- Child tries: each is a trie of its own, and its root a value in this one.
- Persistence: the trie is rebuilt from the flat state, which is what is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import TypeAlias

from node.state.node_codec import (
    EMPTY_NODE,
    HASHED,
    branch_head,
    common_nibbles,
    encode_leaf,
    inline_limit,
    nibble_at,
    reference_to,
    value_branch_head,
)
from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import compact

EMPTY_ROOT = blake2_256(EMPTY_NODE)
"""The root of a trie that holds nothing."""

Child: TypeAlias = "bytes | Branch | None"
Touched: TypeAlias = "defaultdict[int, list[Branch]]"
"""Branches to hash by their `end`, which tells the deeper from the shallower and never changes."""


def root(pairs: Iterable[tuple[bytes, bytes]] | Mapping[bytes, bytes], version: int) -> bytes:
    """The state root (32 bytes) of key-value pairs in any order; of pairs with one key the last counts.

    Raises `UnknownStateVersion`. Mirrors `sp_io::trie::blake2_256_root`.
    """
    return Trie(dict(pairs), version).root


def ordered_root(values: Sequence[bytes], version: int = 0) -> bytes:
    """The root (32 bytes) of a list, whose keys are the compact forms of the indices.

    The extrinsics root is that of the full extrinsics with their length prefixes, in version 0 even where the state is
    in version 1.
    Mirrors `sp_io::trie::blake2_256_ordered_root`.
    """
    return Trie({compact(index): value for index, value in enumerate(values)}, version).root


class Branch:
    """An inner node, on nibbles `start` to `end` of the path to any key below it, of which `key` is one (or was)."""

    __slots__ = ("end", "head", "key", "kids", "parent", "refs", "slot", "start", "valued")

    def __init__(self, key: bytes, start: int, end: int) -> None:
        self.key = key
        self.start = start
        self.end = end
        self.valued = False  # the path is itself a key, then `key` is that one
        self.kids: list[Child] = [None] * 16
        self.refs: list[bytes] = [b""] * 16
        self.head: bytes | None = None  # what precedes the references; None once anything in it changes
        # The place above, known only between being marked and being hashed: lasting pointers up would be cycles.
        self.parent: Branch | None = None
        self.slot = 0


class Trie:
    """The trie over `values`, which it changes in `update` and which nobody else may change while it is in use.

    Building costs about 10 µs a key, an update 10 to 20 µs a changed key. Raises `UnknownStateVersion`.
    """

    def __init__(self, values: dict[bytes, bytes], version: int) -> None:
        self._values = values
        self._limit = inline_limit(version)
        self._above = Branch(b"", 0, -1)  # its slot 0 holds the root, which so is a child like any other
        self._build()

    @property
    def root(self) -> bytes:
        """The state root, 32 bytes."""
        reference = self._above.refs[0]
        if not reference:
            return EMPTY_ROOT
        return reference[1:] if reference[0] == HASHED else blake2_256(reference[1:])

    # -- building ------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        """Make all branches from the sorted keys: neighbours branch where they part, deeper branches close first."""
        keys = sorted(self._values)
        path = [self._above]  # the open branches, from the root down
        left = -1  # where the key parts from the one before it
        for index, key in enumerate(keys):
            right = common_nibbles(key, keys[index + 1]) if index + 1 < len(keys) else -1
            if right > left:
                path.append(Branch(key, 0, right))
            if right == 2 * len(key):
                path[-1].valued = True
            else:
                self._attach(path[-1], key)
            while path[-1].end > right:
                branch = path.pop()
                if path[-1].end < right:
                    path.append(Branch(key, 0, right))
                branch.start = path[-1].end + 1
                self._attach(path[-1], branch)
            left = right

    def _attach(self, parent: Branch, kid: bytes | Branch) -> None:
        end = parent.end
        if isinstance(kid, Branch):
            slot = nibble_at(kid.key, end) if end >= 0 else 0
            parent.refs[slot] = reference_to(self._encode(kid))
        else:
            slot = nibble_at(kid, end) if end >= 0 else 0
            parent.refs[slot] = self._leaf_reference(kid, end + 1)
        parent.kids[slot] = kid

    def _encode(self, branch: Branch) -> bytes:
        head = branch.head
        if head is None:
            if branch.valued:
                value = self._values[branch.key]
                head = value_branch_head(branch.key, branch.start, branch.refs, value, self._limit)
            else:
                head = branch.head = branch_head(branch.key, branch.start, branch.end, branch.refs)
        return head + b"".join(branch.refs)

    def _leaf_reference(self, key: bytes, start: int) -> bytes:
        return reference_to(encode_leaf(key, start, self._values[key], self._limit))

    # -- updating ------------------------------------------------------------------------------------------------------

    def update(self, changes: Mapping[bytes, bytes | None]) -> bytes:
        """Apply a change set to the values and the trie; `None` deletes. Returns the new root.

        Deleting what isn't there and writing what is there already cost a look-up each. A change set may be applied in
        parts, in any order: the last root is the same.
        """
        values = self._values
        if not values:
            values.update((key, value) for key, value in changes.items() if value is not None)
            self._build()
            return self.root
        touched: Touched = defaultdict(list)
        for key, value in changes.items():
            old = values.get(key)
            if value == old:
                continue
            if value is None:
                self._remove(key, touched)
                del values[key]
            else:
                values[key] = value
                if old is None:
                    self._insert(key, touched)
                else:
                    self._overwrite(key, touched)
        self._rehash(touched)
        return self.root

    def _overwrite(self, key: bytes, touched: Touched) -> None:
        parent, slot = self._descend(key, touched)
        if slot is not None:
            parent.refs[slot] = self._leaf_reference(key, parent.end + 1)

    def _remove(self, key: bytes, touched: Touched) -> None:
        parent, slot = self._descend(key, touched)
        if slot is None:
            parent.valued = False
        else:
            parent.kids[slot] = None
            parent.refs[slot] = b""
            parent.head = None

    def _descend(self, key: bytes, touched: Touched) -> tuple[Branch, int | None]:
        """Mark the path to a key that is there; the branch and slot of its leaf, no slot if the branch is the key's."""
        parent, slot = self._above, 0
        kid = parent.kids[0]
        while isinstance(kid, Branch):
            if kid.parent is None:
                kid.parent = parent
                kid.slot = slot
                touched[kid.end].append(kid)
            end = kid.end
            if end == 2 * len(key):
                return kid, None
            byte = key[end >> 1]
            parent = kid
            slot = byte & 15 if end & 1 else byte >> 4
            kid = kid.kids[slot]
        return parent, slot

    def _insert(self, key: bytes, touched: Touched) -> None:
        """Give a new key its leaf, making a branch where it parts from what is there."""
        parent, slot, start = self._above, 0, 0
        while True:
            kid = parent.kids[slot]
            if kid is None:
                parent.kids[slot] = key
                parent.refs[slot] = self._leaf_reference(key, start)
                parent.head = None
                return
            if isinstance(kid, Branch):
                end = kid.end
                if end > start and common_nibbles(key, kid.key) < end:
                    break
                _mark(kid, parent, slot, touched)
                if end == 2 * len(key):
                    kid.valued = True
                    kid.key = key
                    kid.head = None
                    return
                parent, slot, start = kid, nibble_at(key, end), end + 1
            else:
                break
        self._split(parent, slot, kid, key, touched)

    def _split(self, parent: Branch, slot: int, kid: bytes | Branch, key: bytes, touched: Touched) -> None:
        """Put a branch for `key` and `kid`, which part inside the partial key of `kid`, in the place of `kid`."""
        other = kid.key if isinstance(kid, Branch) else kid
        branch = Branch(key, parent.end + 1, common_nibbles(key, other))
        parent.kids[slot] = branch
        _mark(branch, parent, slot, touched)
        if isinstance(kid, Branch):
            below = nibble_at(other, branch.end)
            branch.kids[below] = kid  # deeper, hence hashed before `branch` is
            kid.start = branch.end + 1
            kid.head = None
            _mark(kid, branch, below, touched)
        else:
            self._settle(branch, kid)
        self._settle(branch, key)

    def _settle(self, branch: Branch, key: bytes) -> None:
        """Put a key that parts from others at `branch` on or below it."""
        if branch.end == 2 * len(key):
            branch.valued = True
            branch.key = key
        else:
            self._attach(branch, key)

    def _rehash(self, touched: Touched) -> None:
        for end in sorted(touched, reverse=True):
            for branch in touched[end]:
                parent = branch.parent
                assert parent is not None
                branch.parent = None
                if branch.head is None and self._collapse(branch, parent):
                    continue
                parent.refs[branch.slot] = reference_to(self._encode(branch))

    def _collapse(self, branch: Branch, parent: Branch) -> bool:
        """Replace a branch that no longer branches by what is left of it; whether it did."""
        kids = 16 - branch.kids.count(None)
        if kids + branch.valued > 1:
            return False
        slot = branch.slot
        kid = branch.key if branch.valued else next((kid for kid in branch.kids if kid is not None), None)
        parent.kids[slot] = kid
        if kid is None:
            parent.refs[slot] = b""
            parent.head = None
        elif isinstance(kid, Branch):
            kid.start = branch.start
            kid.head = None
            parent.refs[slot] = reference_to(self._encode(kid))
        else:
            parent.refs[slot] = self._leaf_reference(kid, branch.start)
        return True

    # -- reading -------------------------------------------------------------------------------------------------------

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        """The keys that start with `prefix`, in order, from the first greater than `after` (which need not be a key).

        Starting costs one descent. The trie must not be updated while the iterator is in use.
        """
        if after is None or after < prefix:
            found = self._keys_from(prefix, inclusive=True)
        else:
            found = self._keys_from(after, inclusive=False)
        return takewhile(lambda key: key.startswith(prefix), found)

    def next_key(self, key: bytes) -> bytes | None:
        """The first key greater than `key`, which need not be one. Mirrors `sp_io::storage::next_key`."""
        return next(self._keys_from(key, inclusive=False), None)

    def _keys_from(self, bound: bytes, *, inclusive: bool) -> Iterator[bytes]:
        ahead: list[tuple[Branch, int]] = []  # branches above, and the next slot to look at in each
        kid = self._above.kids[0]
        while isinstance(kid, Branch):
            shared = kid.end if kid.end == kid.start else min(kid.end, common_nibbles(bound, kid.key))
            if shared < kid.end:  # the bound is less or greater than all of this, or, ending here, less
                if shared < 2 * len(bound) and nibble_at(bound, shared) > nibble_at(kid.key, shared):
                    kid = None
                break
            if shared == 2 * len(bound):  # the bound is the path of this branch
                if not inclusive:
                    ahead.append((kid, 0))
                    kid = None
                break
            slot = nibble_at(bound, shared)
            ahead.append((kid, slot + 1))
            kid = kid.kids[slot]
        if isinstance(kid, bytes):
            if kid > bound or (inclusive and kid == bound):
                yield kid
        elif kid is not None:
            if kid.valued:
                yield kid.key
            ahead.append((kid, 0))
        while ahead:
            branch, slot = ahead.pop()
            while slot < 16:
                kid = branch.kids[slot]
                slot += 1
                if isinstance(kid, bytes):
                    yield kid
                elif kid is not None:
                    if kid.valued:
                        yield kid.key
                    ahead.append((branch, slot))
                    branch, slot = kid, 0

    def proof(self, keys: Iterable[bytes]) -> list[bytes]:
        """A read proof: the nodes on the paths to the keys, present or not, and the values that nodes hold by hash.

        Each entry is there once, the root first; a child that its parent holds itself is no entry. The form is that of
        `/light/2` and `state_getReadProof`. Mirrors `sp_state_machine::prove_read`.
        """
        if not self._values:
            return [EMPTY_NODE]
        entries: dict[bytes, bytes] = {}  # by reference
        for key in keys:
            self._prove(key, entries)
        return list(entries.values())

    def _prove(self, key: bytes, entries: dict[bytes, bytes]) -> None:
        parent, slot = self._above, 0
        while (kid := parent.kids[slot]) is not None:
            reference = parent.refs[slot]
            if reference not in entries and (reference[0] == HASHED or parent is self._above):
                if isinstance(kid, Branch):
                    entries[reference] = self._encode(kid)
                else:
                    entries[reference] = encode_leaf(kid, parent.end + 1, self._values[kid], self._limit)
            if not isinstance(kid, Branch) or kid.end == 2 * len(key):
                break
            if kid.end > kid.start and common_nibbles(key, kid.key) < kid.end:
                break
            parent, slot = kid, nibble_at(key, kid.end)
        value = self._values.get(key)
        if value is not None and len(value) > self._limit:
            entries[reference_to(value)] = value


def _mark(branch: Branch, parent: Branch, slot: int, touched: Touched) -> None:
    """Have a branch hashed, into this place."""
    if branch.parent is None:
        touched[branch.end].append(branch)
    branch.parent = parent
    branch.slot = slot
