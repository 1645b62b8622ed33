"""Extrinsics as bytes: version byte, preamble, call.

## Overview

A signed v4 extrinsic is `compact length ‖ 0x84 ‖ address ‖ signature ‖ extra ‖ call`, a bare one `compact length ‖ 0x04
‖ call` (or `0x05`). How long `extra` is depends on the chain's transaction extensions, so decoding takes the codec of
all of them; `STANDARD_EXTRA` (era, nonce, tip) fits the chains that lack later ones.

## Out of scope

The meaning of the call (`pallets.frame.runtime`) and of the extensions (`pallets.frame.extensions`).
Mirrors `sp_runtime::generic::{UncheckedExtrinsic, Era}` and `sp_runtime::MultiSignature`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

from pallets.primitives.codec import Codec, codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import verify_ecdsa, verify_ed25519, verify_sr25519
from pallets.primitives.scale import DecodeError, compact, read_compact
from pallets.primitives.types import Address, Balance, Bytes64, Compact, FixedBytes, Nonce, Variant, struct

SIGNED_V4 = 0x84
MOCK_HEAD, MOCK_FILL = b"\xde\xad\xbe\xef", 0xCD
BARE_VERSIONS = (0x04, 0x05)


@dataclass(frozen=True, slots=True)
class Era:
    """How long a transaction lives: for ever (`period` 0), or `period` blocks from its birth.

    `period` is a power of two from 4 to 65536, `phase` the birth block modulo it.
    """

    __type_path__: ClassVar[str] = "sp_runtime::generic::era::Era"

    period: int = 0
    phase: int = 0

    @classmethod
    def mortal(cls, period: int, current: int) -> Era:
        """The era of `period` blocks (rounded up to a power of two, 4 to 65536) that `current` falls in."""
        period = min(max(1 << (period - 1).bit_length(), 4), 1 << 16)
        quantize = max(period >> 12, 1)
        return cls(period, current % period // quantize * quantize)

    def birth(self, current: int) -> int:
        """The block number it was born at, seen from `current`; its hash is part of what is signed."""
        if not self.period:
            return 0
        return (max(current, self.phase) - self.phase) // self.period * self.period + self.phase

    def death(self, current: int) -> int:
        """The first block number at which it is dead, seen from `current`."""
        return self.birth(current) + self.period if self.period else (1 << 64) - 1

    @staticmethod
    def __scale_encode__(era: Era) -> bytes:
        if not era.period:
            return b"\0"
        trailing = era.period.bit_length() - 1
        quantize = max(era.period >> 12, 1)
        return (min(max(trailing - 1, 1), 15) | era.phase // quantize << 4).to_bytes(2, "little")

    @staticmethod
    def __scale_decode__(data: bytes, at: int = 0) -> tuple[Era, int]:
        try:
            if data[at] == 0:
                return IMMORTAL, at + 1
            encoded = data[at] | data[at + 1] << 8
        except IndexError:
            raise DecodeError("the data ends inside an era") from None
        period = 2 << encoded % 16
        phase = (encoded >> 4) * max(period >> 12, 1)
        if period < 4 or phase >= period:
            raise DecodeError(f"0x{data[at : at + 2].hex()} is not an era")
        return Era(period, phase), at + 2


IMMORTAL = Era()


class MultiSignature(Variant):
    """A signature and the scheme it was made with."""

    __type_path__ = "sp_runtime::MultiSignature"
    __unnamed__ = True


@struct
class Ed25519(MultiSignature):
    """By an ed25519 key; the account is the key."""

    signature: Bytes64


@struct
class Sr25519(MultiSignature):
    """By an sr25519 key; the account is the key."""

    signature: Bytes64


@struct
class Ecdsa(MultiSignature):
    """By a secp256k1 key, recoverable; the account is the hash of the compressed key."""

    signature: Annotated[bytes, FixedBytes(65)]


def verify_signature(signature: MultiSignature, payload: bytes, signer: bytes) -> bool:
    """Whether `signer`, an account identifier, made `signature` over `payload`. Never raises."""
    if isinstance(signature, Sr25519):
        return verify_sr25519(signature.signature, payload, signer)
    if isinstance(signature, Ed25519):
        return verify_ed25519(signature.signature, payload, signer)
    return isinstance(signature, Ecdsa) and verify_ecdsa(signature.signature, payload, signer)


def mock_signature(size: int = 64) -> bytes:
    """What Chopsticks takes for anybody's signature: nobody can have made it, as no scheme verifies it."""
    return MOCK_HEAD.ljust(size, bytes((MOCK_FILL,)))


def is_mock(signature: MultiSignature) -> bool:
    """Whether it is the mock signature, in any scheme."""
    made: bytes = signature.signature  # type: ignore[attr-defined]
    return made.startswith(MOCK_HEAD) and made == mock_signature(len(made))


class Preamble(NamedTuple):
    """Who signed an extrinsic, how, and the extensions' explicit data."""

    signer: bytes
    signature: MultiSignature
    extra: Any
    extra_bytes: bytes


class UncheckedExtrinsic(NamedTuple):
    """An extrinsic taken apart, nothing about it checked. `preamble` is `None` for a bare one."""

    version: int
    preamble: Preamble | None
    call: bytes

    @classmethod
    def decode(cls, data: bytes, extra: Codec[Any] | None = None) -> UncheckedExtrinsic:
        """Takes apart exactly these bytes, length prefix included; raises `DecodeError`."""
        length, at = read_compact(data, 0)
        if length != len(data) - at:
            raise DecodeError(f"the length prefix says {length} bytes, {len(data) - at} follow")
        if not length:
            raise DecodeError("an extrinsic has at least a version byte")
        head = data[at]
        if head in BARE_VERSIONS:
            return cls(head, None, data[at + 1 :])
        if head != SIGNED_V4:
            raise DecodeError(f"extrinsic version byte 0x{head:02x} is none of 0x84, 0x04 and 0x05")
        signer, at = ADDRESS.decode(data, at + 1)
        signature, at = SIGNATURE.decode(data, at)
        values, end = (extra or STANDARD_EXTRA).decode(data, at)
        return cls(4, Preamble(signer, signature, values, data[at:end]), data[end:])


def signed_extrinsic(signer: bytes, signature: MultiSignature, extra: bytes, call: bytes) -> bytes:
    """The bytes of a signed v4 extrinsic, length prefix included."""
    body = bytes((SIGNED_V4,)) + ADDRESS.encode(signer) + SIGNATURE.encode(signature) + extra + call
    return compact(len(body)) + body


def bare_extrinsic(call: bytes) -> bytes:
    """The bytes of an unsigned v4 extrinsic (also an inherent), length prefix included."""
    return compact(len(call) + 1) + b"\x04" + call


def is_bare(data: bytes) -> bool:
    """Whether an extrinsic carries no signature of its own."""
    try:
        _, at = read_compact(data, 0)
    except DecodeError:
        return False
    return data[at : at + 1] in (b"\x04", b"\x05")


def signing_payload(call: bytes, extra: bytes, implicit: bytes) -> bytes:
    """What a signer signs: all three, hashed where longer than 256 bytes."""
    payload = call + extra + implicit
    return blake2_256(payload) if len(payload) > 256 else payload


ADDRESS = codec_of(Address)
SIGNATURE = codec_of(MultiSignature)
STANDARD_EXTRA = codec_of(tuple[Era, Compact[Nonce], Compact[Balance]])
