"""Secret URIs: `phrase//hard/soft///password`, the way Substrate's tools name a key.

## Overview

The phrase is a BIP-39 mnemonic or 32 bytes as `0x` hex; left out, it is the development phrase. `//name` derives a hard
child, `/name` a soft one, as many as wanted; everything after `///` is the password of the mnemonic.

## Errors

```
InvalidSecret
├── InvalidFormat    not of the form above
├── InvalidPhrase    the phrase is not a BIP-39 mnemonic
├── InvalidSeed      the seed is not 32 bytes of hex, or not a secret key of its scheme
└── InvalidPath      a junction that the scheme cannot derive
```
No message repeats any part of the URI: all of it is secret.

Mirrors `sp_core::crypto::{AddressUri, SecretUri, DeriveJunction, SecretStringError}`. Unlike polkadot.js, an unknown
phrase is refused instead of padded to a seed, and a junction is a number only where it fits a `u64`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import compact

DEV_PHRASE = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
"""The root of the publicly known development accounts: never fund it on a real chain."""

PHRASE = re.compile(r"[a-zA-Z0-9 ]*")
HEX_SEED = re.compile(r"0x([0-9a-fA-F]{64})")
JUNCTION = re.compile(r"/(/?)([^/]+)")
U64 = re.compile(r"\+?0*([0-9]{1,20})")  # what Rust parses, whose `u64::from_str` takes a plus sign and leading zeros


class InvalidSecret(ValueError):
    """A secret that no key pair can be made of."""


class InvalidFormat(InvalidSecret):
    """A character that a phrase or password may not have, or a junction without a name."""


class InvalidPhrase(InvalidSecret):
    """Not 12, 15, 18, 21 or 24 words of the BIP-39 list, or the checksum of the words does not match."""


class InvalidSeed(InvalidSecret):
    """Not 32 bytes of hex, of the wrong length for its scheme, or outside the range of its curve's secret keys."""


class InvalidPath(InvalidSecret):
    """Ed25519 and ECDSA derive hard junctions only, public keys soft ones only, Ethereum BIP-32 paths only."""


class Junction(NamedTuple):
    """One step of a derivation."""

    name: str
    hard: bool

    @property
    def chain_code(self) -> bytes:
        """32 bytes: SCALE of the name, or of the `u64` that it spells, padded with zeros; hashed where it is longer."""
        digits = U64.fullmatch(self.name)
        if digits and int(digits[1]) < 1 << 64:
            data = int(digits[1]).to_bytes(8, "little")
        else:
            text = self.name.encode()
            data = compact(len(text)) + text
        return blake2_256(data) if len(data) > 32 else data.ljust(32, b"\0")


@dataclass(frozen=True, slots=True, repr=False)
class SecretUri:
    """The parts of a secret URI. `path` is as written; `seed` is there where the phrase is hex."""

    phrase: str
    path: str
    password: str
    seed: bytes | None


def parse(uri: str) -> SecretUri:
    """Takes a secret URI apart; an empty phrase becomes `DEV_PHRASE`.

    Raises `InvalidFormat`, and `InvalidSeed` where the phrase starts with `0x` and is not 32 bytes.
    """
    head, _, password = uri.partition("///")
    phrase, slash, rest = head.partition("/")
    if not PHRASE.fullmatch(phrase):
        raise InvalidFormat("the phrase of a secret URI has only letters a to z, digits and spaces")
    if "\n" in password:
        raise InvalidFormat("the password of a secret URI must not have a line break")
    _check_text(password)
    junctions(slash + rest)
    seed = None
    if phrase.startswith("0x"):
        digits = HEX_SEED.fullmatch(phrase)
        if digits is None:
            raise InvalidSeed("the seed must be 32 bytes: `0x` and 64 hex digits")
        seed = bytes.fromhex(digits[1])
    return SecretUri(phrase or DEV_PHRASE, slash + rest, password, seed)


def junctions(path: str) -> list[Junction]:
    """The steps of a derivation path: `//Alice/0` is hard `Alice`, then soft `0`; none for an empty path.

    Raises `InvalidFormat`.
    """
    steps = list(JUNCTION.finditer(path))
    if "".join(step[0] for step in steps) != path:
        raise InvalidFormat("a derivation path is `/soft` and `//hard` junctions, each with a name, e.g. `//Alice/0`")
    _check_text(path)
    return [Junction(step[2], hard=bool(step[1])) for step in steps]


def _check_text(text: str) -> None:
    """Refuses what a shell hands over for bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidFormat("the secret URI is not valid Unicode text") from None
