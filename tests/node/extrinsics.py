"""Extrinsics written out byte by byte, as wallets make them: py-substrate-interface signs, scalecodec encodes."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b

from scalecodec.base import RuntimeConfigurationObject
from substrateinterface import Keypair

UNIT = 10**12
ALICE, BOB, CHARLIE, DAVE = "//Alice", "//Bob", "//Charlie", "//Dave"
IMMORTAL = b"\0"
SPEC_VERSION, TRANSACTION_VERSION = 1, 1
CODEC = RuntimeConfigurationObject()


@cache
def keypair(suri: str) -> Keypair:
    return Keypair.create_from_uri(suri, ss58_format=42)


def account(suri: str) -> bytes:
    public: bytes = keypair(suri).public_key
    return public


def compact(number: int) -> bytes:
    return bytes(CODEC.create_scale_object("Compact<u128>").encode(number).data)


def u32(number: int) -> bytes:
    return number.to_bytes(4, "little")


def tx_hash(extrinsic: bytes) -> bytes:
    return blake2b(extrinsic, digest_size=32).digest()


def remark(data: bytes) -> bytes:
    """The call `System.remark`."""
    return bytes([0, 0]) + compact(len(data)) + data


def transfer(dest: str, value: int) -> bytes:
    """The call `Balances.transfer_keep_alive`."""
    return bytes([5, 3, 0]) + account(dest) + compact(value)


def signed(
    genesis: bytes,
    call: bytes,
    nonce: int,
    *,
    by: str = ALICE,
    tip: int = 0,
    era: bytes = IMMORTAL,
    birth: bytes | None = None,
    spec_version: int = SPEC_VERSION,
    forged: bool = False,
) -> bytes:
    """A signed v4 extrinsic with its length; `birth` is the hash of a mortal era's first block."""
    extra = era + compact(nonce) + compact(tip) + b"\0"
    implicit = u32(spec_version) + u32(TRANSACTION_VERSION) + genesis + (birth or genesis) + b"\0"
    payload = call + extra + implicit
    signature = keypair(by).sign(payload if len(payload) <= 256 else blake2b(payload, digest_size=32).digest())
    body = b"\x84\0" + account(by) + b"\1" + (bytes(64) if forged else bytes(signature)) + extra + call
    return compact(len(body)) + body


def bare(call: bytes) -> bytes:
    """An unsigned v4 extrinsic with its length."""
    return compact(len(call) + 1) + b"\4" + call
