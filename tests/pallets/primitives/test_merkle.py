"""The Merkle tree of receipts and transcripts: `merkle`, and against protocol 6 word by word."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pallets.primitives.merkle import path, path_length, root, root_of


def hashed(*parts: bytes) -> bytes:
    return blake2b(b"".join(parts), digest_size=32).digest()


def test_five_leaves_by_hand() -> None:
    a, b, c, d, e = (hashed(b"\0", bytes((i,))) for i in range(5))
    ab, cd = hashed(b"\1", a, b), hashed(b"\1", c, d)
    abcd = hashed(b"\1", ab, cd)
    leaves = [bytes((i,)) for i in range(5)]
    assert root(leaves) == hashed(b"\1", abcd, e)  # e moves up twice as it is
    assert path(leaves, 2) == [d, ab, e] and path(leaves, 4) == [abcd]
    assert root(leaves[:1]) == a and path(leaves[:1], 0) == []
    assert root(leaves[:3]) == hashed(b"\1", ab, c)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40, unique=True), st.data())
def test_a_path_proves_one_leaf_at_one_place(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    way, top, count = path(leaves, place), root(leaves), len(leaves)
    assert len(way) == path_length(place, count) and root_of(leaves[place], place, count, way) == top
    other = data.draw(st.integers(-1, count))
    if other != place:
        assert root_of(leaves[place], other, count, way) != top
    assert root_of(leaves[place] + b"\0", place, count, way) != top
    assert root_of(leaves[place], place, count, [*way, bytes(32)]) is None
    for i in range(len(way)):
        assert root_of(leaves[place], place, count, [*way[:i], bytes(32), *way[i + 1 :]]) != top
        assert root_of(leaves[place], place, count, way[:i] + way[i + 1 :]) is None


def test_there_is_no_tree_without_leaves() -> None:
    with pytest.raises(ValueError, match="at least one"):
        root([])
    with pytest.raises(ValueError, match="none at 2"):
        path([b"a", b"b"], 2)
    assert root_of(b"", 0, 0, []) is None
