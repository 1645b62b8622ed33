"""Merlin transcripts, on which sr25519 rests: bytes with labels go in, and at the end one challenge comes out.

A transcript is STROBE-128, and what STROBE absorbs up to its first output is cSHAKE128 with bytes of STROBE's own at
the end of each block. For people's commands and for tests: secrets are not kept from who measures time.

Source: Merlin 1.0 (`merlin::Transcript`), STROBE 1.0.2, NIST SP 800-185.
"""

from __future__ import annotations

from typing import Final

from Crypto.Hash import cSHAKE128

RATE: Final = 166
INPUT, META, PRF = 0x02, 0x12, 0x07
"""Operations of STROBE: bytes of the message, bytes of the protocol, and output."""


class Transcript:
    """What a transcript absorbs, up to its one challenge."""

    def __init__(self, label: bytes) -> None:
        self._absorbed = bytearray()
        self._at = self._began = 0
        self._operation(META, b"Merlin v1.0")
        self.append(b"dom-sep", label)

    def append(self, label: bytes, message: bytes) -> None:
        """Absorbs a message."""
        self._operation(META, label + len(message).to_bytes(4, "little"))
        self._operation(INPUT, message)

    def challenge(self, label: bytes, size: int) -> bytes:
        """So many bytes, at most `RATE`, that depend on all of it. It is the end of the transcript."""
        self._operation(META, label + size.to_bytes(4, "little"))
        self._operation(PRF, b"")
        end = bytes((self._began,)) if self._at else b""
        absorbed = bytes(self._absorbed) if self._at else bytes(self._absorbed[:-1])
        return cSHAKE128.new(absorbed + end, custom=b"STROBEv1.0.2").read(size)

    def _operation(self, operation: int, data: bytes) -> None:
        before, self._began = self._began, self._at + 1
        data = bytes((before, operation)) + data
        while len(data) >= RATE - self._at:
            fits = RATE - self._at
            self._absorbed += data[:fits] + bytes((self._began, 0x84))
            self._at, self._began, data = 0, 0, data[fits:]
        self._absorbed += data
        self._at += len(data)
