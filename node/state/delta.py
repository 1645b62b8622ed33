"""What one block does to the state, and how it is stored: whole where its block is off the canonical chain, else as the
names of what it changed, whose values are in the state and in the history.

## Overview

`Delta` has the new values by key and the new records by path. `Journal` has only the keys and the paths, stored as all
lengths (u32) and then all names, which costs next to nothing even for thousands of them; the database compresses it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from node.state.trie import Changes, Nodes
from pallets.primitives.codec import codec_of
from pallets.primitives.types import Bytes32

STORED = codec_of(tuple[Bytes32, list[tuple[bytes, bytes | None]], list[tuple[str, bytes | None]]])


class Delta(NamedTuple):
    """The state root after a block, and what the block made of values and records; `None` where one goes."""

    root: bytes
    values: Changes
    nodes: Nodes

    def encode(self) -> bytes:
        return STORED.encode((self.root, list(self.values.items()), list(self.nodes.items())))

    @classmethod
    def decode(cls, data: bytes) -> Delta:
        root, values, nodes = STORED.decode_all(data)
        return cls(root, dict(values), dict(nodes))


class Journal(NamedTuple):
    """The names of what a block changed."""

    keys: list[bytes]
    paths: list[str]

    def encode(self) -> bytes:
        return _joined(self.keys) + _joined([path.encode() for path in self.paths])

    @classmethod
    def decode(cls, data: bytes) -> Journal:
        """Raises `ValueError`."""
        try:
            keys, at = _parted(data, 0)
            paths, _ = _parted(data, at)
        except struct.error as error:
            raise ValueError(str(error)) from None
        return cls(keys, [path.decode() for path in paths])


def _joined(names: Sequence[bytes]) -> bytes:
    return struct.pack(f"<I{len(names)}I", len(names), *map(len, names)) + b"".join(names)


def _parted(data: bytes, at: int) -> tuple[list[bytes], int]:
    (count,) = struct.unpack_from("<I", data, at)
    sizes = struct.unpack_from(f"<{count}I", data, at + 4)
    at += 4 + 4 * count
    names = []
    for size in sizes:
        names.append(data[at : at + size])
        at += size
    return names, at
