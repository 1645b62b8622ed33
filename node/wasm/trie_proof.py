"""Proofs that runtimes verify: a trie's nodes from the root to one value, without what the verifier can fill in.

In such a proof the reference to the next node on the way is empty, and so is the value at its end: putting them in has
to lead back to the root. Other proofs are in `pallets.primitives.storage_proof`. Mirrors `trie_db::proof::verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pallets.primitives.scale import DecodeError, compact
from pallets.primitives.trie_node import (
    BRANCH,
    HASH_SIZE,
    HASHED_LEAF,
    HASHED_VALUE_BRANCH,
    LEAF,
    VALUE_BRANCH,
    Node,
    decode_node,
)


class Step(NamedTuple):
    """A node on the way."""

    node: Node
    is_inline: bool
    """Whether its parent holds it, rather than its hash."""
    slot: int
    """Where the way goes on from it; -1 at its end."""


def proves(
    root: bytes, proof: Sequence[bytes], key: bytes, value: bytes, limit: int, digest: Callable[[bytes], bytes]
) -> bool:
    """Whether the trie with this root (32 bytes) has the value; values longer than `limit` are held by their hash."""
    try:
        steps = _way(proof, key)
    except DecodeError:
        return False
    if steps is None:
        return False
    held = digest(value) if len(value) > limit else compact(len(value)) + value
    reference = b""
    for step in reversed(steps):
        encoded = _encoded(step, held if step.slot < 0 else None, len(value) > limit, reference)
        if step.is_inline and len(encoded) > HASH_SIZE:
            return False
        reference = encoded if step.is_inline else digest(encoded)
    return reference == root


def _way(proof: Sequence[bytes], key: bytes) -> list[Step] | None:
    """The nodes from the root to where the value is missing; `None` if they don't lead there, or are not all needed."""
    path = bytes(nibble for byte in key for nibble in (byte >> 4, byte & 15))
    rest = list(reversed(proof))
    encoded, is_inline, at, steps = b"", False, 0, []
    while True:
        if not is_inline:
            if not rest:
                return None
            encoded = rest.pop()
        node = decode_node(encoded)
        if path[at : at + len(node.partial)] != node.partial:
            return None
        at += len(node.partial)
        if at == len(path):
            is_omitted = node.value is None and node.value_hash is None if node.children else node.value == b""
            steps.append(Step(node, is_inline, -1))
            return steps if is_omitted and not rest else None
        child = node.children[path[at]] if node.children else None
        if child is None or len(child) == HASH_SIZE:  # a hash there should have been left out
            return None
        steps.append(Step(node, is_inline, path[at]))
        encoded, is_inline, at = child, bool(child), at + 1


def _encoded(step: Step, held: bytes | None, hashed: bool, reference: bytes) -> bytes:
    """A node with what was left out of it: its value, or the reference to the next."""
    node = step.node
    if held is None and node.value is not None:
        held, hashed = compact(len(node.value)) + node.value, False
    elif held is None and node.value_hash is not None:
        held, hashed = node.value_hash, True
    digits = "".join(f"{nibble:x}" for nibble in node.partial)
    packed = bytes.fromhex(digits if len(digits) & 1 == 0 else "0" + digits)
    if not node.children:
        kind = HASHED_LEAF if hashed else LEAF
        return kind.header(len(digits)) + packed + (held or b"")
    children = [reference if slot == step.slot else child for slot, child in enumerate(node.children)]
    bitmap = sum(1 << slot for slot, child in enumerate(children) if child is not None)
    kind = BRANCH if held is None else HASHED_VALUE_BRANCH if hashed else VALUE_BRANCH
    references = b"".join(compact(len(child)) + child for child in children if child is not None)
    return kind.header(len(digits)) + packed + bitmap.to_bytes(2, "little") + (held or b"") + references
