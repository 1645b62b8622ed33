"""Keys that a runtime may have made and sign with: session keys and the keys of off-chain workers, in memory.

Mirrors `sp_keystore::MemoryKeystore`. Out of scope: keys on disk.
"""

from __future__ import annotations

from pallets.primitives.keys import Keypair, Scheme


class Keystore:
    """Keys by type (4 bytes) and scheme, in the order in which they came."""

    def __init__(self) -> None:
        self._keys: dict[tuple[bytes, Scheme], dict[bytes, Keypair]] = {}

    def add(self, key_type: bytes, pair: Keypair) -> bytes:
        """Keeps a key; its public part."""
        self._keys.setdefault((key_type, pair.scheme), {})[pair.public] = pair
        return pair.public

    def public_keys(self, key_type: bytes, scheme: Scheme) -> list[bytes]:
        return list(self._keys.get((key_type, scheme), ()))

    def find(self, key_type: bytes, scheme: Scheme, public: bytes) -> Keypair | None:
        return self._keys.get((key_type, scheme), {}).get(public)
