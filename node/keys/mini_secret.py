"""The seed of a hard-derived sr25519 key, which the library that derives the key keeps to itself.

It is what `subkey inspect //Alice` prints as secret seed: a challenge from a Merlin transcript over the parent's secret
(`schnorrkel::SecretKey::hard_derive_mini_secret_key`). Merlin is STROBE-128 over Keccak-f[1600]; of both there is here
what this takes. Slow, for people's commands only.
"""

from __future__ import annotations

from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.suri import junctions

RATE = 166
META, INPUT, PRF = 0x12, 0x02, 0x07
"""Operations of STROBE: bytes of the protocol, bytes of the message, and output."""
WORD = (1 << 64) - 1
STATE_BYTES = 200


def derived_seed(seed: bytes, path: str) -> bytes | None:
    """The seed of the sr25519 key at a path from a seed (32 bytes); `None` behind a soft junction: such have none."""
    for junction in junctions(path):
        if not junction.hard:
            return None
        parent = Keypair.from_seed(seed, Scheme.SR25519)
        transcript = _Transcript(b"SchnorrRistrettoHDKD")
        transcript.append(b"sign-bytes", b"")
        transcript.append(b"chain-code", junction.chain_code)
        transcript.append(b"secret-key", parent.secret[:32])
        seed = transcript.challenge(b"HDKD-hard", 32)
    return seed


class _Transcript:
    """Merlin 1.0."""

    def __init__(self, label: bytes) -> None:
        self._state = bytearray(STATE_BYTES)
        self._state[:18] = bytes((1, RATE + 2, 1, 0, 1, 96)) + b"STROBEv1.0.2"
        _permute(self._state)
        self._at = self._began = 0
        self._absorb_as(META, b"Merlin v1.0")
        self.append(b"dom-sep", label)

    def append(self, label: bytes, message: bytes) -> None:
        self._absorb_as(META, label)
        self._absorb(len(message).to_bytes(4, "little"))
        self._absorb_as(INPUT, message)

    def challenge(self, label: bytes, size: int) -> bytes:
        """So many bytes, at most `RATE`."""
        self._absorb_as(META, label)
        self._absorb(size.to_bytes(4, "little"))
        self._begin(PRF)
        if self._at:
            self._run()
        return bytes(self._state[:size])

    def _absorb_as(self, operation: int, data: bytes) -> None:
        self._begin(operation)
        self._absorb(data)

    def _begin(self, operation: int) -> None:
        before, self._began = self._began, self._at + 1
        self._absorb(bytes((before, operation)))

    def _absorb(self, data: bytes) -> None:
        for byte in data:
            self._state[self._at] ^= byte
            self._at += 1
            if self._at == RATE:
                self._run()

    def _run(self) -> None:
        self._state[self._at] ^= self._began
        self._state[self._at + 1] ^= 0x04
        self._state[RATE + 1] ^= 0x80
        _permute(self._state)
        self._at = self._began = 0


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> (64 - by)) & WORD if by else word


def _constants() -> tuple[list[int], list[tuple[int, int, int]]]:
    """Of Keccak: the constant of each round, and where each lane goes, rotated by how much."""
    rounds, register = [], 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << ((1 << power) - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        rounds.append(constant)
    moves, x, y = [(0, 0, 0)], 1, 0
    for step in range(24):
        to = y + 5 * ((2 * x + 3 * y) % 5)
        moves.append((x + 5 * y, to, (step + 1) * (step + 2) // 2 % 64))
        x, y = y, (2 * x + 3 * y) % 5
    return rounds, moves


ROUNDS, MOVES = _constants()


def _permute(state: bytearray) -> None:
    """Keccak-f[1600], in place (FIPS 202)."""
    lanes = [int.from_bytes(state[at : at + 8], "little") for at in range(0, STATE_BYTES, 8)]
    for constant in ROUNDS:
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        mixed = [columns[x - 1] ^ _rotated(columns[(x + 1) % 5], 1) for x in range(5)]
        moved = [0] * 25
        for source, target, by in MOVES:
            moved[target] = _rotated(lanes[source] ^ mixed[source % 5], by)
        lanes = [
            moved[at] ^ (~moved[at - at % 5 + (at + 1) % 5] & WORD & moved[at - at % 5 + (at + 2) % 5])
            for at in range(25)
        ]
        lanes[0] ^= constant
    state[:] = b"".join(lane.to_bytes(8, "little") for lane in lanes)
