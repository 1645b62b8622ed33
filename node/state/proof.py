"""Making read proofs of a trie; `pallets.primitives.storage_proof` verifies them."""

from __future__ import annotations

from collections.abc import Iterable

from node.state.descent import descend
from node.state.node_codec import inline_limit, reference_to
from node.state.trie import View, branch_above
from pallets.primitives.trie_node import EMPTY_NODE, HASHED


def prove(view: View, keys: Iterable[bytes]) -> list[bytes]:
    """A read proof: the nodes on the paths to the keys, present or not, and the values that nodes hold by hash.

    Each entry is there once, the root first; a child that its parent holds itself is no entry. The form is that of
    `/light/2` and `state_getReadProof`. Mirrors `sp_state_machine::prove_read`.
    """
    if not branch_above(view).bitmap:
        return [EMPTY_NODE]
    limit = inline_limit(view.version)
    entries: dict[bytes, bytes] = {}  # by reference
    for key in keys:
        for node in descend(view, key):
            reference = reference_to(node.encoded)
            if node.is_root or reference[0] == HASHED:
                entries[reference] = node.encoded
        value = view.get(key)
        if value is not None and len(value) > limit:
            entries[reference_to(value)] = value
    return list(entries.values())
