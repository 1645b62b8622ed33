"""Signatures, verified once and remembered.

A transaction is verified when the pool admits it; building the block asks again, and is answered from memory.
Only successes are remembered, by a digest over signature, signer and payload, a bounded number of them.
"""

from __future__ import annotations

from hashlib import blake2b

from pallets.primitives.extrinsic import SIGNATURE, MultiSignature, verify_signature

REMEMBERED = 1 << 16


class RememberingVerifier:
    """`verify_signature` with a memory; called as `(signature, payload, signer) -> bool`."""

    def __init__(self) -> None:
        self._good: dict[bytes, None] = {}

    def __call__(self, signature: MultiSignature, payload: bytes, signer: bytes) -> bool:
        key = blake2b(SIGNATURE.encode(signature) + signer + payload, digest_size=32).digest()
        if key in self._good:
            return True
        if not verify_signature(signature, payload, signer):
            return False
        if len(self._good) >= REMEMBERED:
            del self._good[next(iter(self._good))]
        self._good[key] = None
        return True
