"""Verifying read proofs of a trie: what a block's state holds, from someone who isn't trusted.

## Overview

A proof is a list of node encodings and of values that nodes hold by hash, in any order. Every
entry is found by its BLAKE2b-256, starting from a root that is trusted, so what isn't part of the trie can't be
reached. Both state versions are understood, also mixed.

As in smoldot, an entry may prove more than was asked for, but none may be there twice or lead nowhere.

## Errors

```
InvalidProof
├── MalformedEntry     an entry on the way is not a trie node
├── DuplicateEntry     the same entry twice
├── UnusedEntry        an entry that the root does not lead to
└── MissingEntry       the root, or what a key leads to, is not in the proof
```

## Out of scope

Making proofs (`node.state.proof`). Compact proofs (`sp_trie::CompactProof`); child tries, whose proof is verified
against the child's root.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import DecodeError
from pallets.primitives.trie_node import HASH_SIZE, Node, decode_node


class InvalidProof(Exception):
    """The proof does not show what was asked of it. Ask another peer: an honest one does not send this."""


class MalformedEntry(InvalidProof):
    """An entry that the root leads to is not the encoding of a trie node."""


class DuplicateEntry(InvalidProof):
    """Two entries of the proof are equal."""


class UnusedEntry(InvalidProof):
    """An entry is neither a node nor a value that the root leads to."""


class MissingEntry(InvalidProof):
    """The proof lacks the root, a node on the path of a key, or the value that the last node names by its hash."""


def verify_proof(root: bytes, proof: Sequence[bytes], keys: Iterable[bytes]) -> dict[bytes, bytes | None]:
    """The values of `keys` under a trusted root (32 bytes), `None` for a key proven absent.

    Raises an `InvalidProof`. The caller bounds the size of the proof. Mirrors `sp_state_machine::read_proof_check`.
    """
    entries = {blake2_256(entry): entry for entry in proof}
    if len(entries) != len(proof):
        raise DuplicateEntry(f"{len(proof) - len(entries)} of the {len(proof)} entries of the proof are repetitions")
    nodes = _reachable_nodes(root, entries)
    return {key: _read(root, key, nodes, entries) for key in keys}


def _reachable_nodes(root: bytes, entries: Mapping[bytes, bytes]) -> dict[bytes, Node]:
    """The nodes that the root leads to, by hash; refuses entries that it leads to in no way."""
    nodes: dict[bytes, Node] = {}
    values: set[bytes] = set()
    pending = [root]
    while pending:
        digest = pending.pop()
        if digest in nodes or digest not in entries:
            continue
        node = nodes[digest] = _decode(entries[digest])
        if node.value_hash is not None:
            values.add(node.value_hash)
        # A child short enough to be held by its parent is too short to hold a hash itself.
        pending += [child for child in node.children if child is not None and len(child) == HASH_SIZE]
    for digest in entries:
        if digest not in nodes and digest not in values:
            raise UnusedEntry(f"the root 0x{root.hex()} does not lead to the entry with hash 0x{digest.hex()}")
    return nodes


def _read(root: bytes, key: bytes, nodes: Mapping[bytes, Node], entries: Mapping[bytes, bytes]) -> bytes | None:
    """Follow a key down from the root."""
    path = bytes(nibble for byte in key for nibble in (byte >> 4, byte & 15))
    reference, at = root, 0
    while True:
        if len(reference) < HASH_SIZE:
            node = _decode(reference)
        elif reference in nodes:
            node = nodes[reference]
        else:
            raise MissingEntry(f"the node 0x{reference.hex()} is missing, at nibble {at} of key 0x{key.hex()}")
        if not path.startswith(node.partial, at):
            return None
        at += len(node.partial)
        if at == len(path):
            break
        child = node.children[path[at]] if node.children else None
        if child is None:
            return None
        reference = child
        at += 1
    if node.value_hash is None:
        return node.value
    if node.value_hash not in entries:
        raise MissingEntry(f"the value 0x{node.value_hash.hex()} of key 0x{key.hex()} is missing")
    return entries[node.value_hash]


def _decode(encoded: bytes) -> Node:
    try:
        return decode_node(encoded)
    except DecodeError as error:
        raise MalformedEntry(f"{error} (0x{encoded[:64].hex()}{'…' if len(encoded) > 64 else ''})") from error
