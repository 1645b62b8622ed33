"""The root that a header has of its block's extrinsics, so that an endpoint can't show others.

A trie of version 0, whose keys are the compact forms of the places, whatever version the chain's state has. Mirrors
`sp_io::trie::blake2_256_ordered_root`; the node's own is in `node.state.trie`, which workers don't know.
"""

from __future__ import annotations

from collections.abc import Sequence

from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import compact
from pallets.primitives.trie_node import HASH_SIZE

EMPTY_ROOT = blake2_256(b"\0")
LEAF, BRANCH, BRANCH_WITH_VALUE = 0x40, 0x80, 0xC0
FULL = 63
"""The nibbles from which on their number goes on in further bytes."""


def extrinsics_root(extrinsics: Sequence[bytes]) -> bytes:
    """The root (32 bytes) of extrinsics, each with its length prefix."""
    pairs = sorted((compact(place).hex(), each) for place, each in enumerate(extrinsics))
    return blake2_256(_node(pairs, 0)) if pairs else EMPTY_ROOT


def _node(pairs: list[tuple[str, bytes]], depth: int) -> bytes:
    """The node of all pairs, whose paths (of nibbles) agree before `depth`; sorted by path."""
    first, last = pairs[0][0], pairs[-1][0]
    end = depth
    while end < min(len(first), len(last)) and first[end] == last[end]:
        end += 1
    if len(pairs) == 1:
        return _head(LEAF, first[depth:]) + _with_length(pairs[0][1])
    has_value = len(first) == end
    rest = pairs[1:] if has_value else pairs
    bits, children = 0, b""
    for nibble in range(16):
        below = [pair for pair in rest if int(pair[0][end], 16) == nibble]
        if below:
            bits |= 1 << nibble
            child = _node(below, end + 1)
            children += _with_length(child if len(child) < HASH_SIZE else blake2_256(child))
    value = _with_length(pairs[0][1]) if has_value else b""
    return (
        _head(BRANCH_WITH_VALUE if has_value else BRANCH, first[depth:end])
        + bits.to_bytes(2, "little")
        + value
        + children
    )


def _head(kind: int, nibbles: str) -> bytes:
    count = len(nibbles)
    sizes = bytes((kind | min(count, FULL),))
    if count >= FULL:
        sizes += b"\xff" * ((count - FULL) // 255) + bytes(((count - FULL) % 255,))
    return sizes + bytes.fromhex(nibbles if count % 2 == 0 else "0" + nibbles)


def _with_length(data: bytes) -> bytes:
    return compact(len(data)) + data
