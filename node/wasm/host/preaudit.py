"""sr25519 as Substrate's first chains judged it: signatures from before schnorrkel 0.8 are good, too.

## Overview

Old signatures have the top bit of their last byte clear, and were made over a transcript with other labels. Verifying
them takes the group (ristretto255) and the transcript (Merlin over STROBE-128), which no library at hand gives out; it
is 10 ms in Python, of chains whose runtimes are of 2019. All other signatures go to the library.

Mirrors `schnorrkel::PublicKey::verify_simple_preaudit_deprecated`, RFC 9496, Merlin 1.0.

## Out of scope

Signing: nothing secret comes near this arithmetic, which takes its time by the bits.
"""

from __future__ import annotations

from typing import NamedTuple

from pallets.primitives.keys import verify_sr25519

CONTEXT = b"substrate"
MARKED = 0x80

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
ROUNDS, RATE = 24, 166
WORD = (1 << 64) - 1


def verify_preaudit(signature: bytes, message: bytes, public: bytes) -> bool:
    """Whether a signature (64 bytes) of either time over a message is by a key (32 bytes)."""
    if signature[63] & MARKED:
        return verify_sr25519(signature, message, public)
    scalar = int.from_bytes(signature[32:], "little")
    key, nonce = _decoded(public), signature[:32]
    if key is None or scalar >= ORDER:
        return False
    transcript = Merlin(CONTEXT)
    transcript.append(b"sign-bytes", message)
    transcript.append(b"proto-name", b"Schnorr-sig")
    transcript.append(b"pk", public)
    transcript.append(b"no", nonce)
    challenge = int.from_bytes(transcript.challenge(b"", 64), "little") % ORDER
    expected = _sum(_times(BASE, scalar), _times(_negative(key), challenge))
    return _encoded(expected) == nonce


class Point(NamedTuple):
    """A point of the curve in extended coordinates."""

    x: int
    y: int
    z: int
    t: int


NEUTRAL = Point(0, 1, 1, 0)


def _sum(a: Point, b: Point) -> Point:
    left, right = (a.y - a.x) * (b.y - b.x), (a.y + a.x) * (b.y + b.x)
    both, twice = 2 * D * a.t * b.t, 2 * a.z * b.z
    e, f, g, h = (right - left) % P, (twice - both) % P, (twice + both) % P, (right + left) % P
    return Point(e * f % P, g * h % P, f * g % P, e * h % P)


def _negative(a: Point) -> Point:
    return Point(-a.x % P, a.y, a.z, -a.t % P)


def _times(a: Point, scalar: int) -> Point:
    found = NEUTRAL
    while scalar:
        if scalar & 1:
            found = _sum(found, a)
        a, scalar = _sum(a, a), scalar >> 1
    return found


def _inverse_root(u: int, v: int) -> tuple[bool, int]:
    """Whether u/v is a square, and the non-negative root of it, or of it times the root of -1. RFC 9496, 4.2."""
    root = u * v**3 * pow(u * v**7 % P, (P - 5) // 8, P) % P
    check, is_square = v * root * root % P, True
    if check == -u * SQRT_M1 % P:
        root, is_square = root * SQRT_M1 % P, False
    elif check == -u % P:
        root = root * SQRT_M1 % P
    elif check != u % P:
        is_square = False
    return is_square, P - root if root & 1 else root


def _decoded(encoded: bytes) -> Point | None:
    """The point of 32 bytes. RFC 9496, 4.3.1."""
    s = int.from_bytes(encoded, "little")
    if s >= P or s & 1:
        return None
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    is_square, root = _inverse_root(1, v * u2 * u2 % P)
    x, y = 2 * s * root * u2 % P, u1 * root * root * u2 * v % P
    if x & 1:
        x = P - x
    t = x * y % P
    if not is_square or t & 1 or y == 0:
        return None
    return Point(x, y, 1, t)


_, INVERSE_ROOT_A_MINUS_D = _inverse_root(1, (-1 - D) % P)


def _encoded(a: Point) -> bytes:
    """The 32 bytes of a point. RFC 9496, 4.3.2."""
    u1, u2 = (a.z + a.y) * (a.z - a.y) % P, a.x * a.y % P
    _, root = _inverse_root(1, u1 * u2 * u2 % P)
    first, second = u1 * root % P, u2 * root % P
    inverse = first * second * a.t % P
    x, y, denominator = a.x, a.y, second
    if a.t * inverse % P & 1:
        x, y = a.y * SQRT_M1 % P, a.x * SQRT_M1 % P
        denominator = first * INVERSE_ROOT_A_MINUS_D % P
    if x * inverse % P & 1:
        y = -y % P
    s = denominator * (a.z - y) % P
    return (P - s if s & 1 else s).to_bytes(32, "little")


def _base() -> Point:
    y = 4 * pow(5, -1, P) % P
    _, x = _inverse_root((y * y - 1) % P, (D * y * y + 1) % P)
    return Point(x, y, 1, x * y % P)


BASE = _base()


class Merlin:
    """A transcript: what was appended, and challenges that depend on all of it."""

    META, ABSORB, SQUEEZE = 0x12, 0x02, 0x07
    """STROBE's flags: meta and absorbing, absorbing, and squeezing."""

    def __init__(self, label: bytes) -> None:
        self._state = bytearray(200)
        self._state[:18] = bytes((1, RATE + 2, 1, 0, 1, 96)) + b"STROBEv1.0.2"
        self._permute_all()
        self._at = self._begun = 0
        self._operate(self.META, b"Merlin v1.0")
        self.append(b"dom-sep", label)

    def append(self, label: bytes, message: bytes) -> None:
        self._operate(self.META, label + len(message).to_bytes(4, "little"))
        self._operate(self.ABSORB, message)

    def challenge(self, label: bytes, size: int) -> bytes:
        self._operate(self.META, label + size.to_bytes(4, "little"))
        self._begin(self.SQUEEZE)
        out = bytearray()
        for _ in range(size):
            out.append(self._state[self._at])
            self._state[self._at] = 0
            self._advance()
        return bytes(out)

    def _operate(self, flags: int, data: bytes) -> None:
        self._begin(flags)
        self._absorb(data)

    def _begin(self, flags: int) -> None:
        begun, self._begun = self._begun, self._at + 1
        self._absorb(bytes((begun, flags)))
        if flags & 0x04 and self._at:  # it uses the cipher: what was absorbed must be mixed first
            self._permute()

    def _absorb(self, data: bytes) -> None:
        for byte in data:
            self._state[self._at] ^= byte
            self._advance()

    def _advance(self) -> None:
        self._at += 1
        if self._at == RATE:
            self._permute()

    def _permute(self) -> None:
        self._state[self._at] ^= self._begun
        self._state[self._at + 1] ^= 0x04
        self._state[RATE + 1] ^= 0x80
        self._permute_all()
        self._at = self._begun = 0

    def _permute_all(self) -> None:
        lanes = [int.from_bytes(self._state[8 * i : 8 * i + 8], "little") for i in range(25)]
        self._state[:] = b"".join(lane.to_bytes(8, "little") for lane in keccak_f1600(lanes))


def keccak_f1600(lanes: list[int]) -> list[int]:
    """The permutation of FIPS 202, on 25 lanes of 64 bits; lane x + 5y is at x, y."""
    register = 1
    for _ in range(ROUNDS):
        parity = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        lanes = [lane ^ parity[(i - 1) % 5] ^ _rotated(parity[(i + 1) % 5], 1) for i, lane in enumerate(lanes)]
        x, y, current = 1, 0, lanes[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, lanes[x + 5 * y] = lanes[x + 5 * y], _rotated(current, (step + 1) * (step + 2) // 2 % 64)
        rows = [lanes[5 * (i // 5) : 5 * (i // 5) + 5] for i in range(25)]
        lanes = [row[i % 5] ^ ~row[(i + 1) % 5] & row[(i + 2) % 5] & WORD for i, row in enumerate(rows)]
        for j in range(7):
            if register & 1:
                lanes[0] ^= 1 << (1 << j) - 1
            register = register << 1 ^ (register >> 7) * 0x171
    return lanes


def _rotated(lane: int, by: int) -> int:
    return (lane << by | lane >> 64 - by) & WORD
