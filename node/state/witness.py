"""How large the proof is that lets others execute a block without its state: the witness, and its compact form.

The witness is the set of trie nodes on the paths to all that was read and written, with the values that nodes hold by
hash. The compact form leaves out every hash that the rest of the proof gives. Mirrors the sizes of
`sp_trie::{StorageProof, CompactProof}`, with one difference: what removing an entry looks at beside its path, to join
what is left, is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from node.state.backend import State
from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import compact
from pallets.primitives.trie_node import HASH_SIZE, HASHED_LEAF, HASHED_VALUE_BRANCH, LEAF, VALUE_BRANCH, decode_node

ESCAPE_SIZE = 1
"""Before a node whose value follows as an entry of its own."""


class Witnessed:
    """A state that remembers what was read of it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.touched: dict[bytes, None] = {}

    def get(self, key: bytes, /) -> bytes | None:
        self.touched[key] = None
        return self._state.get(key)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        self.touched[prefix if after is None else after] = None
        for key in self._state.keys(prefix, after):
            self.touched[key] = None
            yield key


def proof_size(entries: Sequence[bytes]) -> int:
    """Bytes of a `StorageProof` of these entries, which are all different."""
    return _list_size([len(entry) for entry in entries])


def compact_size(root: bytes, entries: Sequence[bytes]) -> int:
    """Bytes of the `CompactProof` of the same entries, which the state root (32 bytes) leads to."""
    by_hash = {blake2_256(entry): entry for entry in entries}
    sizes: list[int] = []
    pending = [root]
    while pending:
        entry = by_hash.get(pending.pop())
        if entry is None:
            continue
        node, size = decode_node(entry), len(entry)
        for child in node.children or ():
            if child is not None and len(child) == HASH_SIZE and child in by_hash:
                pending.append(child)
                size -= HASH_SIZE  # an empty child stands for it
        value = None if node.value_hash is None else by_hash.get(node.value_hash)
        if value is not None:
            hashed, plain = (HASHED_VALUE_BRANCH, VALUE_BRANCH) if node.children else (HASHED_LEAF, LEAF)
            nibbles = len(node.partial)
            size += ESCAPE_SIZE + len(plain.header(nibbles)) - len(hashed.header(nibbles)) + 1 - HASH_SIZE
            sizes.append(len(value))
        sizes.append(size)
    return _list_size(sizes)


def _list_size(sizes: Sequence[int]) -> int:
    """Of a list of byte strings: each behind its length, all behind their number."""
    return len(compact(len(sizes))) + sum(len(compact(size)) + size for size in sizes)
