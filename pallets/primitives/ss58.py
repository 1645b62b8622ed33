"""SS58 addresses: a network prefix, an account and a checksum in base58.

## Overview

```
first byte   0..63    the prefix
             64..127  the upper part of a prefix of 64..16383; a second byte follows
then         1, 2, 4, 8 bytes of account index, 32 of account identifier, or 33 of compressed public key
then         the first bytes of BLAKE2b-512("SS58PRE" || all of the above)
```
The checksum has two bytes after 32 or 33, and one byte to as many as the index has after an index; `encode` takes one.

## Usage

```python
address = ss58.encode(account, prefix=42)
prefix, body = ss58.decode(address)
account = ss58.decode_account(address, prefix=42)   # exactly 32 bytes, of this network
```

## Errors

```
InvalidAddress
├── BadBase58      a character outside the alphabet
├── BadLength      no form of SS58 has this many bytes, or not those of an account identifier
├── BadPrefix      a prefix that doesn't exist, or is reserved, or is written in the wrong form
├── BadChecksum    a typing error
└── WrongPrefix    an address of another network
```
No message repeats the text it was given, which may be a secret pasted into the wrong field.

Mirrors `sp_core::crypto::Ss58Codec`; two-byte forms of prefixes below 64, which nothing writes, are refused here.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

import base58

MAX_PREFIX = 16_383
RESERVED_PREFIXES = (46, 47)
MAX_ADDRESS_CHARACTERS = 51  # two bytes of prefix, 33 of public key, two of checksum; decoding costs the square of it

CHECKSUM_SIZES = {1: (1,), 2: (1, 2), 4: (1, 2, 3, 4), 8: (1, 2, 3, 4, 5, 6, 7, 8), 32: (2,), 33: (2,)}
BODY_SIZES = {body + checksum: body for body, sizes in CHECKSUM_SIZES.items() for checksum in sizes}
"""Bytes after the prefix to bytes of body: no two forms have the same length."""

ALPHABET = frozenset(base58.BITCOIN_ALPHABET.decode())


class InvalidAddress(ValueError):
    """A text that is not an SS58 address, or bytes that cannot become one."""


class BadBase58(InvalidAddress):
    """The text has a character that base58 does not use: `0`, `O`, `I`, `l`, a space, or anything but ASCII."""


class BadLength(InvalidAddress):
    """No form of SS58 has this many bytes, or an account identifier was asked for and this is something else."""


class BadPrefix(InvalidAddress):
    """The prefix is outside 0..16383, reserved (46, 47), or takes two bytes where it needs one."""


class BadChecksum(InvalidAddress):
    """The last bytes do not match the others."""


class WrongPrefix(InvalidAddress):
    """A valid address, but of another network than the one asked for."""


class Ss58Address(NamedTuple):
    """What an address says: the network's prefix, and 1, 2, 4, 8, 32 or 33 bytes of account."""

    prefix: int
    body: bytes


def encode(body: bytes, prefix: int = 42) -> str:
    """The address of an account (32 bytes), a compressed public key (33) or an account index (1, 2, 4 or 8).

    Raises `BadLength` and `BadPrefix`. `Ss58Codec::to_ss58check_with_version`.
    """
    if len(body) not in CHECKSUM_SIZES:
        raise BadLength(f"{len(body)} bytes have no SS58 form; an account identifier has 32")
    if not 0 <= prefix <= MAX_PREFIX or prefix in RESERVED_PREFIXES:
        raise BadPrefix(f"{prefix} is not an SS58 prefix; these are 0 to {MAX_PREFIX} without 46 and 47")
    if prefix < 64:
        payload = bytes([prefix]) + body
    else:  # the low byte's upper six bits, then its lower two and the high byte
        payload = bytes([0x40 | (prefix & 0xFC) >> 2, (prefix & 0x03) << 6 | prefix >> 8]) + body
    return base58.b58encode(payload + _checksum(payload)[: CHECKSUM_SIZES[len(body)][0]]).decode()


def decode(address: str) -> Ss58Address:
    """The prefix and the account of an address of any form.

    Raises `BadBase58`, `BadPrefix`, `BadLength` or `BadChecksum`.
    """
    if len(address) > MAX_ADDRESS_CHARACTERS:
        raise BadLength(f"{len(address)} characters are no SS58 address; the longest has {MAX_ADDRESS_CHARACTERS}")
    for position, character in enumerate(address):
        if character not in ALPHABET:
            raise BadBase58(f"character {position + 1} of the address is not one of base58")
    data = base58.b58decode(address)
    if len(data) < 3:
        raise BadLength(f"{len(data)} bytes are no SS58 address; the shortest has three")
    prefix, prefix_size = _read_prefix(data)
    body_size = BODY_SIZES.get(len(data) - prefix_size)
    if body_size is None:
        raise BadLength(f"no SS58 address has {len(data) - prefix_size} bytes after its prefix")
    end = prefix_size + body_size
    if _checksum(data[:end])[: len(data) - end] != data[end:]:
        raise BadChecksum("the checksum of the address does not match; it was typed or copied wrongly")
    return Ss58Address(prefix, data[prefix_size:end])


def decode_account(address: str, prefix: int | None = None) -> bytes:
    """The 32-byte account identifier of an address, of the network `prefix` where one is given.

    Raises what `decode` raises, `BadLength` for any other kind of address, and `WrongPrefix`.
    """
    found, body = decode(address)
    if prefix is not None and found != prefix:
        raise WrongPrefix(f"the address has prefix {found}, this network has {prefix}")
    if len(body) != 32:
        raise BadLength(f"the address holds {len(body)} bytes, an account identifier has 32")
    return body


def _read_prefix(data: bytes) -> tuple[int, int]:
    """The prefix and how many bytes it took."""
    if data[0] < 64:
        prefix, size = data[0], 1
    elif data[0] < 128:
        prefix, size = (data[0] & 0x3F) << 2 | data[1] >> 6 | (data[1] & 0x3F) << 8, 2
        if prefix < 64:
            raise BadPrefix(f"prefix {prefix} is written in two bytes where it has one; the address is not canonical")
    else:
        raise BadPrefix(f"an SS58 address does not start with byte {data[0]}; the first is at most 127")
    if prefix in RESERVED_PREFIXES:
        raise BadPrefix(f"prefix {prefix} is reserved and belongs to no network")
    return prefix, size


def _checksum(payload: bytes) -> bytes:
    return blake2b(b"SS58PRE" + payload).digest()
