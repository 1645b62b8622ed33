"""sr25519 signatures that draw no randomness: the same key and message give the same bytes, so a seed gives the chain.

Real ones, which every verifier accepts: only the nonce comes from the key and the message, as in ed25519, where
schnorrkel mixes in the system's randomness. For keys of tests: nothing here runs in constant time.

Mirrors `schnorrkel::SecretKey::sign`.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp

from node.keys.merlin import Transcript
from pallets.primitives.extrinsic import mock_signature
from pallets.primitives.keys import Keypair, Scheme

P: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, -1, P) % P
ROOT: Final = pow(2, (P - 1) // 4, P)
"""Of -1."""


class SteadyKeypair(Keypair):
    """An sr25519 pair that signs the same message the same way each time."""

    __slots__ = ()

    @classmethod
    def of(cls, pair: Keypair) -> SteadyKeypair:
        """The same key; raises `ValueError` for one of another scheme."""
        if pair.scheme is not Scheme.SR25519:
            raise ValueError(f"transactions are signed with sr25519 here, not {pair.scheme}")
        return cls(pair.scheme, pair.secret)

    def sign(self, message: bytes) -> bytes:
        """A signature of 64 bytes over `message` in the context `substrate`."""
        return _sign(self, message)


class Impersonator:
    """Signs as an account whose key nobody has: the chain's cheats let the mock signature count."""

    def __init__(self, account_id: bytes) -> None:
        self.account_id = account_id

    def sign(self, message: bytes) -> bytes:
        """The same 64 bytes for every message."""
        return mock_signature()


def _sign(pair: Keypair, message: bytes) -> bytes:
    transcript = Transcript(b"SigningContext")
    transcript.append(b"", b"substrate")
    transcript.append(b"sign-bytes", message)
    transcript.append(b"proto-name", b"Schnorr-sig")
    transcript.append(b"sign:pk", pair.public)
    secret = pair.secret[:32]  # the other half is drawn by chance where a junction is soft
    scalar = int.from_bytes(secret, "little")
    r = int.from_bytes(blake2b(message, digest_size=64, key=secret).digest(), "little") % ORDER
    point = _ristretto(crypto_scalarmult_ed25519_base_noclamp(r.to_bytes(32, "little")))
    transcript.append(b"sign:R", point)
    k = int.from_bytes(transcript.challenge(b"sign:c", 64), "little")
    s = bytearray(((k * scalar + r) % ORDER).to_bytes(32, "little"))
    s[31] |= 0x80  # schnorrkel's mark
    return point + bytes(s)


def _ristretto(point: bytes) -> bytes:
    """The Ristretto form (RFC 9496) of a point on the Edwards curve, which comes as y and the sign of x."""
    bits = int.from_bytes(point, "little")
    y = bits & (2**255 - 1)
    x = (y * y - 1) * _inverse_root((y * y - 1) * (D * y * y + 1)) % P  # the root of a quotient, either sign
    if x & 1 != bits >> 255:
        x = P - x
    above, product = (1 - y * y) % P, x * y % P
    inverse = _inverse_root(above * product * product)
    first, second = above * inverse % P, product * inverse % P
    z = first * second * product % P
    if product * z % P & 1:
        x, y, last = y * ROOT % P, x * ROOT % P, first * INVERSE_ROOT_A_MINUS_D % P
    else:
        last = second
    if x * z % P & 1:
        y = P - y
    s = last * (1 - y) % P
    return (P - s if s & 1 else s).to_bytes(32, "little")


def _inverse_root(square: int) -> int:
    """One of the two roots of 1 / `square`."""
    square %= P
    root = pow(square, 3, P) * pow(pow(square, 7, P), (P - 5) // 8, P) % P
    return root if root * root * square % P == 1 else root * ROOT % P


INVERSE_ROOT_A_MINUS_D: Final = min(_inverse_root(-1 - D), P - _inverse_root(-1 - D), key=lambda root: root & 1)
