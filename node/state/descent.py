"""The way from a trie's root down to a key: what read proofs are made of, and where Merkle values are found.

## Usage

`descend` gives the nodes on the way, whether the key is there or not; `closest_descendant` the Merkle value that
`chainHead_v1_storage` and `archive_v1_storage` tell, by which a client sees whether anything under a prefix changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from node.state.branch import SLOTS, OpenBranch
from node.state.errors import CorruptDatabase
from node.state.node_codec import encode_leaf, inline_limit, reference_to
from node.state.trie import View, branch_above, first_under
from pallets.primitives.hashing import blake2_256


class NodeOnTheWay(NamedTuple):
    """A node: its whole path in hex digits, its encoding, and whether it is the root."""

    path: str
    encoded: bytes
    is_root: bool


def descend(view: View, key: bytes) -> Iterator[NodeOnTheWay]:
    """The nodes from the root down to a key, or as far as its digits lead; the last one may part from it."""
    digits = key.hex()
    above = branch = branch_above(view)
    while branch.end != len(digits):
        slot = SLOTS[digits[branch.end]] if branch.end >= 0 else 0
        if not branch.bitmap >> slot & 1:
            return
        path = digits[: branch.end + 1]
        if branch.leaves >> slot & 1:
            resident = key if view.get(key) is not None else first_under(view, path)
            value = view.get(resident)
            assert value is not None
            leaf = encode_leaf(resident, branch.end + 1, value, inline_limit(view.version))
            yield NodeOnTheWay(resident.hex(), leaf, branch is above)
            return
        record = view.node(path)
        if record is None:
            raise CorruptDatabase(f"the trie lacks the branch at {path or 'its root'}")
        below = OpenBranch.of(path, record)
        yield NodeOnTheWay(below.full, record[:-2], branch is above)
        branch = below
        if not digits.startswith(branch.full):
            return


def closest_descendant(view: View, key: bytes) -> bytes | None:
    """The Merkle value of the first node at or below a key, whether the key is there or not; `None` without one.

    The Merkle value of a node is its BLAKE2b-256, or, of a node under 32 bytes that isn't the root, the node itself.
    Mirrors `trie_db::Trie::lookup_first_descendant`.
    """
    last = None
    for node in descend(view, key):
        last = node
    if last is None or not last.path.startswith(key.hex()):
        return None
    return blake2_256(last.encoded) if last.is_root else reference_to(last.encoded)[1:]
