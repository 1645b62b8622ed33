"""The bytes of one node of a Substrate trie.

## Overview

A node is: header (kind and number of nibbles of its partial key), partial key (packed, an odd first nibble alone in its
byte), for a branch the bitmap of its children (u16, little-endian), the value or the hash of the value, and for a
branch a *reference* to each child: `0x80` and the BLAKE2b-256 of the child's encoding, or, where that encoding is
shorter than 32 bytes, its length (compact) and the encoding itself.

Paths are counted in nibbles, high nibble first. A leaf or branch is named by any key below it and the two positions
between which its partial key lies, so that paths are never unpacked.

Mirrors `sp_trie::NodeCodec` and `sp_trie::node_header`, layouts V0 and V1.

## Out of scope

The compact proof encoding (`sp_trie::trie_codec`), in which hashes are left out.
"""

from __future__ import annotations

import sys
from hashlib import blake2b
from typing import NamedTuple

from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import DecodeError, compact, read_compact

EMPTY_NODE = b"\0"
"""The whole encoding of a trie that holds nothing."""

HASHED = 0x80
"""First byte of a reference by hash: the compact form of 32. References that hold the child itself start lower."""

HASH_SIZE = 32
REFERENCE_SIZE = 1 + HASH_SIZE


class UnknownStateVersion(ValueError):
    """A state version other than 0 and 1; it comes from the runtime version (`system_version`) of the chain."""


def inline_limit(version: int) -> int:
    """Longest value, in bytes, that a node of this state version holds itself; of longer ones it holds the hash."""
    if version == 0:
        return sys.maxsize
    if version == 1:
        return HASH_SIZE
    raise UnknownStateVersion(f"state version {version} is unknown: only 0 and 1 are defined")


class Kind(NamedTuple):
    """Leading bits of a header, and the largest number the remaining bits can hold."""

    prefix: int
    mask: int

    def header(self, nibbles: int) -> bytes:
        """The header of a node whose partial key has this many nibbles."""
        if nibbles < self.mask:
            return bytes((self.prefix | nibbles,))
        full, rest = divmod(nibbles - self.mask, 255)
        return bytes((self.prefix | self.mask,)) + b"\xff" * full + bytes((rest,))


LEAF = Kind(0b0100_0000, 63)
BRANCH = Kind(0b1000_0000, 63)
VALUE_BRANCH = Kind(0b1100_0000, 63)
HASHED_LEAF = Kind(0b0010_0000, 31)
HASHED_VALUE_BRANCH = Kind(0b0001_0000, 15)

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


class Node(NamedTuple):
    """A decoded node.

    `partial` has one nibble a byte. At most one of `value` and `value_hash` is there. `children` are sixteen, or none
    for a leaf: 32 bytes are a hash, fewer are the child's encoding.
    """

    partial: bytes
    value: bytes | None
    value_hash: bytes | None
    children: list[bytes | None]


def decode_node(encoded: bytes) -> Node:
    """Read a node of either layout; raises `DecodeError` for bytes that no trie contains."""
    if encoded == EMPTY_NODE:
        return Node(b"", None, None, [])
    if not encoded:
        raise DecodeError("a trie node has at least one byte")
    kind = _kind_of(encoded[0])
    size, at = _read_partial_size(encoded, kind)
    partial, at = _take(encoded, at, size + 1 >> 1, "partial key")
    nibbles = bytes(nibble for byte in partial for nibble in (byte >> 4, byte & 15))
    if size & 1:
        if nibbles[0]:
            raise DecodeError("the partial key of a trie node is padded with something else than zero")
        nibbles = nibbles[1:]
    bits = 0
    if kind in (BRANCH, VALUE_BRANCH, HASHED_VALUE_BRANCH):
        field, at = _take(encoded, at, 2, "bitmap of children")
        bits = int.from_bytes(field, "little")
        if not bits:
            raise DecodeError("a branch of a trie has no children")
    value = value_hash = None
    if kind in (LEAF, VALUE_BRANCH):
        length, at = read_compact(encoded, at)
        value, at = _take(encoded, at, length, "value")
    elif kind in (HASHED_LEAF, HASHED_VALUE_BRANCH):
        value_hash, at = _take(encoded, at, HASH_SIZE, "hash of the value")
    children: list[bytes | None] = []
    for slot in range(16 if bits else 0):
        child = None
        if bits >> slot & 1:
            length, at = read_compact(encoded, at)
            if length > HASH_SIZE:
                raise DecodeError(f"a reference in a trie node has {length} bytes: a child over 32 goes by its hash")
            child, at = _take(encoded, at, length, "child")
        children.append(child)
    if at != len(encoded):
        raise DecodeError(f"{len(encoded) - at} bytes follow the end of a trie node")
    return Node(nibbles, value, value_hash, children)


def _kind_of(first: int) -> Kind:
    for kind in (LEAF, BRANCH, VALUE_BRANCH, HASHED_LEAF, HASHED_VALUE_BRANCH):
        if first & ~kind.mask == kind.prefix:
            return kind
    raise DecodeError(f"no kind of trie node starts with byte {first:#04x}")


def _read_partial_size(encoded: bytes, kind: Kind) -> tuple[int, int]:
    size = encoded[0] & kind.mask
    at = 1
    if size == kind.mask:
        more = 255
        while more == 255:
            field, at = _take(encoded, at, 1, "size of the partial key")
            more = field[0]
            size += more
    return size, at


def _take(encoded: bytes, at: int, size: int, what: str) -> tuple[bytes, int]:
    end = at + size
    if end > len(encoded):
        raise DecodeError(f"a trie node ends inside its {what}")
    return encoded[at:end], end
