"""The Merkle tree of receipts and transcripts.

BLAKE2b-256 all through. A leaf is the hash of `0x00 ‖ content`, a node that of `0x01 ‖ left ‖ right`; an odd node at
the end of a row moves up as it is. The path of a leaf is the siblings on its way to the root, lowest first; a row where
its node moves up adds none. How many leaves there are is no part of the root: who checks a path must know it from
elsewhere, as from the signed batch.

```python
top = root(contents)
way = path(contents, 5)
root_of(contents[5], 5, len(contents), way) == top
```
"""

from __future__ import annotations

from collections.abc import Sequence

from pallets.primitives.hashing import blake2_256

LEAF, NODE = b"\0", b"\1"


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over these contents, at least one."""
    return rows(leaves)[-1][0]


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The path of the content at this index."""
    return path_in(rows(leaves), index)


def rows(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """All rows of the tree over these contents, the leaves' hashes first: for who wants many paths of one tree."""
    if not leaves:
        raise ValueError("a tree has at least one leaf")
    row = [blake2_256(LEAF + leaf) for leaf in leaves]
    found = [row]
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=False)
        above = [blake2_256(NODE + left + right) for left, right in pairs]
        row = above + row[-1:] if len(row) % 2 else above
        found.append(row)
    return found


def path_in(tree: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """The path of the leaf at this index of a tree that is given by its `rows`."""
    if not 0 <= index < len(tree[0]):
        raise ValueError(f"a tree of {len(tree[0])} leaves has none at {index}")
    found = []
    for row in tree[:-1]:
        sibling = index ^ 1
        if sibling < len(row):
            found.append(row[sibling])
        index >>= 1
    return found


def root_of(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a content at an index of `count` leaves has by this path; none if the path is too short or long."""
    if not 0 <= index < count or len(path) != path_length(index, count):
        return None
    node, siblings = blake2_256(LEAF + leaf), iter(path)
    while count > 1:
        if index ^ 1 < count:
            sibling = next(siblings)
            node = blake2_256(NODE + (sibling + node if index & 1 else node + sibling))
        index, count = index >> 1, count + 1 >> 1
    return node


def path_length(index: int, count: int) -> int:
    """How many siblings the path of a leaf has."""
    length = 0
    while count > 1:
        length += index ^ 1 < count
        index, count = index >> 1, count + 1 >> 1
    return length
