"""Signatures as contracts make and check them: sr25519, ed25519 and ECDSA, the same each time.

A run is repeated by others, so nothing here draws a nonce: of sr25519 it follows from the key, the message and the
run's seed, instead of from chance as in `schnorrkel`. Whoever verifies sees no difference.

Errors: `ContractTrapped` for what is no key; garbage that should be a signature is not verified.
"""

from __future__ import annotations

from hashlib import sha512

import sr25519
from coincurve import PrivateKey

from node.keys.merlin import Transcript
from offchain.sandbox.base import ContractTrapped
from pallets.primitives import ethereum
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import (
    Keypair,
    Scheme,
    recover_ecdsa,
    verify_ecdsa,
    verify_ed25519,
    verify_sr25519,
)
from pallets.primitives.suri import InvalidSecret

_ORDER = (1 << 252) + 27742317777372353535851937790883648493


def verified(scheme: str, signature: bytes, message: bytes, public: bytes) -> bool:
    """Whether a signature over a message is by a public key."""
    match Scheme(scheme):
        case Scheme.SR25519:
            return verify_sr25519(signature, message, public)
        case Scheme.ED25519:
            return verify_ed25519(signature, message, public)
        case _:
            return len(public) == 33 and verify_ecdsa(signature, message, public)


def recovered(signature: bytes, digest: bytes) -> bytes | None:
    """The compressed key that signed a digest, if there is one."""
    return recover_ecdsa(signature, digest)


def ethereum_address(public: bytes) -> bytes | None:
    """Of a compressed key; `None` where it is none."""
    try:
        return ethereum.address(public)
    except ValueError:
        return None


def keypair(scheme: str, secret: bytes) -> Keypair:
    """The key of a seed of 32 bytes, or of sr25519's 64 of a secret. Raises `ContractTrapped`."""
    kind = Scheme(scheme)
    try:
        return (
            Keypair(kind, secret) if kind is Scheme.SR25519 and len(secret) == 64 else Keypair.from_seed(secret, kind)
        )
    except InvalidSecret:
        raise ContractTrapped(f"{len(secret)} bytes that are no {scheme} key") from None


def signed(key: Keypair, message: bytes, seed: bytes) -> bytes:
    """A signature over a message."""
    return _sr25519(key, message, seed) if key.scheme is Scheme.SR25519 else key.sign(message)


def signed_digest(secret: bytes, digest: bytes) -> bytes:
    """ECDSA's recoverable signature over 32 bytes."""
    return PrivateKey(keypair("ecdsa", secret).secret).sign_recoverable(digest, hasher=None)


def _sr25519(key: Keypair, message: bytes, seed: bytes) -> bytes:
    """As `schnorrkel::SecretKey::sign` in the context `substrate`."""
    scalar, nonce = key.secret[:32], key.secret[32:]
    drawn = int.from_bytes(sha512(nonce + seed + blake2_256(message) + key.public).digest(), "little") % _ORDER
    commitment = bytes(sr25519.public_from_secret_key(drawn.to_bytes(32, "little") + nonce))
    transcript = Transcript(b"SigningContext")
    transcript.append(b"", b"substrate")
    transcript.append(b"sign-bytes", message)
    transcript.append(b"proto-name", b"Schnorr-sig")
    transcript.append(b"sign:pk", key.public)
    transcript.append(b"sign:R", commitment)
    challenge = int.from_bytes(transcript.challenge(b"sign:c", 64), "little") % _ORDER
    answer = (challenge * int.from_bytes(scalar, "little") + drawn) % _ORDER
    proof = bytearray(answer.to_bytes(32, "little"))
    proof[31] |= 0x80  # how schnorrkel marks its signatures
    return commitment + bytes(proof)
