"""Writing the nodes of a Substrate trie, whose bytes `pallets.primitives.trie_node` describes and reads.

## Overview

Paths are counted in nibbles, high nibble first. A leaf or branch is named by any key below it and the two positions
between which its partial key lies, so that paths are never unpacked.

Mirrors `sp_trie::NodeCodec` and `sp_trie::node_header`, layouts V0 and V1.
"""

from __future__ import annotations

import sys
from hashlib import blake2b

from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import compact
from pallets.primitives.trie_node import BRANCH, HASH_SIZE, HASHED_LEAF, HASHED_VALUE_BRANCH, LEAF, VALUE_BRANCH


class UnknownStateVersion(ValueError):
    """A state version other than 0 and 1; it comes from the runtime version (`system_version`) of the chain."""


def inline_limit(version: int) -> int:
    """Longest value, in bytes, that a node of this state version holds itself; of longer ones it holds the hash."""
    if version == 0:
        return sys.maxsize
    if version == 1:
        return HASH_SIZE
    raise UnknownStateVersion(f"state version {version} is unknown: only 0 and 1 are defined")


# Leaves are encoded once per changed key: their headers are looked up, not made. Longer partial keys are rare.
LEAF_HEADERS = [LEAF.header(nibbles) for nibbles in range(256)]
HASHED_LEAF_HEADERS = [HASHED_LEAF.header(nibbles) for nibbles in range(256)]
NIBBLE_BYTES = [bytes((nibble,)) for nibble in range(16)]


def nibble_at(key: bytes, position: int) -> int:
    """The nibble of `key` at a position counted in nibbles."""
    byte = key[position >> 1]
    return byte & 15 if position & 1 else byte >> 4


def common_nibbles(a: bytes, b: bytes) -> int:
    """How many leading nibbles two keys share."""
    size = min(len(a), len(b))
    difference = int.from_bytes(a[:size], "big") ^ int.from_bytes(b[:size], "big")
    return 2 * size - (difference.bit_length() + 3 >> 2)


def encode_leaf(key: bytes, start: int, value: bytes, limit: int) -> bytes:
    """The node of a key without children, whose partial key starts at nibble `start`; `limit` as of `inline_limit`."""
    nibbles = 2 * len(key) - start
    if len(value) > limit:
        header = HASHED_LEAF_HEADERS[nibbles] if nibbles < 256 else HASHED_LEAF.header(nibbles)
        payload = blake2_256(value)
    else:
        header = LEAF_HEADERS[nibbles] if nibbles < 256 else LEAF.header(nibbles)
        payload = compact(len(value)) + value
    if start & 1:
        return header + NIBBLE_BYTES[key[start >> 1] & 15] + key[(start >> 1) + 1 :] + payload
    return header + key[start >> 1 :] + payload


def branch_head(partial: str, bitmap: int, value: bytes | None, limit: int) -> bytes:
    """All of a branch but the references to its children: `partial` in hex digits, `value` where its path is a key."""
    packed = bytes.fromhex(partial if len(partial) & 1 == 0 else "0" + partial)
    if value is None:
        kind, payload = BRANCH, b""
    elif len(value) > limit:
        kind, payload = HASHED_VALUE_BRANCH, blake2_256(value)
    else:
        kind, payload = VALUE_BRANCH, compact(len(value)) + value
    return kind.header(len(partial)) + packed + bitmap.to_bytes(2, "little") + payload


def reference_to(encoded: bytes | bytearray) -> bytes:
    """How a parent refers to a child with this encoding."""
    if len(encoded) < HASH_SIZE:
        return bytes((len(encoded) << 2,)) + encoded
    return (
        b"\x80" + blake2b(encoded, digest_size=HASH_SIZE).digest()
    )  # one call less than by its name: it is the hot path
