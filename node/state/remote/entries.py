"""Trie nodes and values by their BLAKE2b-256: what was proven of any block of a chain holds for every other."""

from __future__ import annotations

from collections.abc import Mapping

from node.state.remote.cache import Cache
from pallets.primitives.hashing import blake2_256
from pallets.primitives.trie_node import Node, decode_node

MAX_BYTES, MAX_DECODED = 64 << 20, 16384
"""Kept in memory: bytes of what can be read again from the disk, branches that are taken apart."""
ALONE_BYTES = 256 << 20
"""Kept in memory where there is no disk."""


class Entries:
    """What is known, in memory and, with a cache, on disk; what has been here longest goes first."""

    def __init__(self, cache: Cache | None, max_bytes: int | None = None) -> None:
        self._cache = cache
        self._limit = max_bytes or (ALONE_BYTES if cache is None else MAX_BYTES)
        self._held: dict[bytes, bytes] = {}
        self._bytes = 0
        self._decoded: dict[bytes, Node] = {}

    def get(self, digest: bytes) -> bytes | None:
        """What has this hash."""
        found = self._held.get(digest)
        if found is None and self._cache is not None:
            found = self._cache.entry(digest)
            if found is not None and blake2_256(found) != digest:  # a damaged file is as good as none
                return None
            if found is not None:
                self._hold(digest, found)
        return found

    def node(self, digest: bytes) -> Node | None:
        """The node that has this hash, taken apart."""
        node = self._decoded.get(digest)
        if node is None:
            encoded = self.get(digest)
            if encoded is None:
                return None
            node = decode_node(encoded)
            if node.children:  # a leaf is hardly ever looked at twice
                if len(self._decoded) >= MAX_DECODED:
                    self._decoded.clear()
                self._decoded[digest] = node
        return node

    def put(self, entries: Mapping[bytes, bytes]) -> None:
        """Keeps entries, by their hashes."""
        for digest, entry in entries.items():
            if digest not in self._held:
                self._hold(digest, entry)
        if self._cache is not None:
            self._cache.keep_entries(entries)

    def _hold(self, digest: bytes, entry: bytes) -> None:
        self._held[digest] = entry
        self._bytes += len(entry)
        while self._bytes > self._limit and len(self._held) > 1:
            self._bytes -= len(self._held.pop(next(iter(self._held))))
