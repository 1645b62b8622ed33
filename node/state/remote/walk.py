"""Ways through a trie whose nodes are found by their hash or by their path, and writing such nodes.

A path is `bytes`, a nibble each; where it names a node for others, it is a `str` of hex digits, as elsewhere. A node
*hangs* at the path that leads to it, which ends before its own partial key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pallets.primitives.scale import compact
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

_DIGITS = bytes.maketrans(bytes(range(16)), b"0123456789abcdef")
_NIBBLES = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))

Load = Callable[[bytes, bytes], tuple[bytes, Node]]
"""The encoding of a node and what it says, by its hash (32 bytes) and the path at which it hangs."""


class Step(NamedTuple):
    """A node on a way."""

    at: bytes
    """The path at which it hangs."""
    encoded: bytes
    node: Node
    is_inline: bool
    """Whether its parent holds it, rather than its hash."""

    @property
    def end(self) -> bytes:
        """Its whole path, which is a key if it has a value."""
        return self.at + self.node.partial


def nibbles(key: bytes) -> bytes:
    """The path of a key."""
    return key.hex().encode().translate(_NIBBLES)


def path_of(digits: str) -> bytes:
    """A path from its hex digits."""
    return digits.encode().translate(_NIBBLES)


def digits_of(path: bytes) -> str:
    """The hex digits of a path."""
    return path.translate(_DIGITS).decode()


def key_through(path: bytes) -> bytes:
    """A key on whose way the node is that hangs at this path; it is the path's own where it ends with a byte."""
    digits = digits_of(path)
    return bytes.fromhex(digits if len(digits) & 1 == 0 else digits + "0")


def descend(root: bytes, path: bytes, load: Load) -> Iterator[Step]:
    """The nodes from the root (32 bytes, not of an empty trie) as far as a path leads; the last may part from it."""
    reference, at = root, 0
    while True:
        is_inline = len(reference) < HASH_SIZE
        encoded, node = (reference, decode_node(reference)) if is_inline else load(reference, path[:at])
        yield Step(path[:at], encoded, node, is_inline)
        if not path.startswith(node.partial, at):
            return
        at += len(node.partial)
        child = node.children[path[at]] if node.children and at < len(path) else None
        if child is None:
            return
        reference, at = child, at + 1


def end_of(steps: Iterable[Step], path: bytes) -> Node | None:
    """The node whose whole path this is, if the way to it ends with one."""
    last = None
    for step in steps:
        last = step
    return last.node if last is not None and last.end == path else None


def encode_node(node: Node) -> bytes:
    """The inverse of `decode_node`, of all but the empty node."""
    digits = digits_of(node.partial)
    packed = bytes.fromhex(digits if len(digits) & 1 == 0 else "0" + digits)
    if node.value_hash is not None:
        held = node.value_hash
    else:
        held = b"" if node.value is None else compact(len(node.value)) + node.value
    if not any(child is not None for child in node.children):
        kind = LEAF if node.value_hash is None else HASHED_LEAF
        return kind.header(len(digits)) + packed + held
    kind = BRANCH if not held else VALUE_BRANCH if node.value_hash is None else HASHED_VALUE_BRANCH
    bitmap = sum(1 << slot for slot, child in enumerate(node.children) if child is not None)
    references = b"".join(compact(len(child)) + child for child in node.children if child is not None)
    return kind.header(len(digits)) + packed + bitmap.to_bytes(2, "little") + held + references
