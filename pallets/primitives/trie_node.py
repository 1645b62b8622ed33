"""The bytes of one node of a Substrate trie, and how to read them.

## Overview

A node is: header (kind and number of nibbles of its partial key), partial key (packed, an odd first nibble alone in its
byte), for a branch the bitmap of its children (u16, little-endian), the value or the hash of the value, and for a
branch a *reference* to each child: `0x80` and the BLAKE2b-256 of the child's encoding, or, where that encoding is
shorter than 32 bytes, its length (compact) and the encoding itself.

Mirrors `sp_trie::NodeCodec` and `sp_trie::node_header`, layouts V0 and V1.

## Errors

`DecodeError` for bytes that no trie contains.

## Out of scope

Writing nodes (`node.state.node_codec`). The compact proof encoding (`sp_trie::trie_codec`), which leaves hashes out.
"""

from __future__ import annotations

from typing import NamedTuple

from pallets.primitives.scale import DecodeError, read_compact

EMPTY_NODE = b"\0"
"""The whole encoding of a trie that holds nothing."""

HASHED = 0x80
"""First byte of a reference by hash: the compact form of 32. References that hold the child itself start lower."""

HASH_SIZE = 32
REFERENCE_SIZE = 1 + HASH_SIZE

_NIBBLES = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))


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
    nibbles = partial.hex().encode().translate(_NIBBLES)
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
