"""Read proofs of a trie that is here in parts, for whoever forks the fork; as `node.state.proof` of whole ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from node.state.errors import CorruptDatabase
from node.state.remote.missing import Missing, Want
from node.state.remote.update import Encodings
from node.state.remote.walk import Step, descend, digits_of, nibbles
from pallets.primitives.hashing import blake2_256
from pallets.primitives.trie_node import EMPTY_NODE, Node, decode_node


class ValuedEncodings(Encodings, Protocol):
    """The nodes of one trie, and its values."""

    def get(self, key: bytes, /) -> bytes | None: ...


def prove(view: ValuedEncodings, keys: Iterable[bytes]) -> list[bytes]:
    """A read proof: the nodes on the ways to the keys, present or not, and the values that nodes hold by hash.

    Each entry is there once, the root first. Raises one `Missing` for all that isn't here. Mirrors
    `sp_state_machine::prove_read`.
    """
    entries: dict[bytes, None] = {view.node("") or EMPTY_NODE: None}
    wants: set[Want] = set()
    for key in keys:
        try:
            steps = list(way(view, key))
            value = None
            if steps and steps[-1].end == nibbles(key) and steps[-1].node.value_hash is not None:
                value = view.get(key)
        except Missing as missing:
            wants |= {Want(want.child, key) for want in missing.wants}
            continue
        entries |= {step.encoded: None for step in steps if not step.is_inline}
        if value is not None:
            entries[value] = None
    if wants:
        raise Missing(wants)
    return list(entries)


def closest_descendant(view: Encodings, key: bytes) -> bytes | None:
    """The Merkle value of the first node at or below a key, whether the key is there or not; `None` without one.

    Mirrors `trie_db::Trie::lookup_first_descendant`.
    """
    steps = list(way(view, key))
    if not steps or not steps[-1].end.startswith(nibbles(key)):
        return None
    return steps[-1].encoded if steps[-1].is_inline else blake2_256(steps[-1].encoded)


def way(view: Encodings, key: bytes) -> Iterator[Step]:
    """The nodes from the root down to a key, or as far as its digits lead; the last may part from it."""
    root = view.node("")
    if root is None:
        return

    def load(reference: bytes, at: bytes) -> tuple[bytes, Node]:
        encoded = view.node(digits_of(at))
        if encoded is None:
            raise CorruptDatabase(f"the trie lacks the node at {digits_of(at) or 'its root'}")
        return encoded, decode_node(encoded)

    yield from descend(blake2_256(root), nibbles(key), load)
