"""What this package asks of whoever decodes a chain: a `Decoder`, and the plain values that it answers.

## Overview

There are two. `portable.PortableDecoder` reads runtimes whose metadata describes its own types, versions 14 to 16;
`named.NamedDecoder` is scalecodec, for older ones, whose types are known by name alone, and as a second opinion. Which
one is taken is decided by `chain.decoder_of`.

Plain values are JSON's, but for integers of any size and tuples of no names, which are lists:

| type | plain value |
| --- | --- |
| composite | a dict of its fields; a list where they have no names; of a single one without a name its value |
| enum | the alternative's name, or `{name: fields}` where it has fields; of an `Option` the value or `None` |
| account | its SS58 address, with the chain's prefix; other bytes are `0x` and hex |
| `Era` | `"Immortal"`, or `{"period": blocks, "phase": block}` |
| bits | `0b` and the first bit first |
| call | `{pallet: {name: arguments}}` |

## Errors

`offchain.metadata.UnreadableMetadata`: the metadata can't be read. `Undecodable`: bytes are not what they have to be.
`offchain.described.BadValue`: a value that is to be encoded isn't of its type. `Unknown`: the chain has no such name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from pallets.primitives.portable_plain import Undecodable as Undecodable


class Unknown(LookupError):
    """The runtime has no pallet, call, storage item or constant of this name; the message names some that it has."""

    def __str__(self) -> str:
        return str(self.args[0])


class Argument(NamedTuple):
    """A named value of a type, as people write it."""

    name: str
    type: str
    resolved: str = ""
    """The type by its own name, where the metadata has types of its own: what two runtimes can be compared by."""


@dataclass(frozen=True)
class CallForm:
    """A call that the runtime offers."""

    name: str
    index: int
    arguments: list[Argument]
    docs: str


@dataclass(frozen=True)
class EventForm:
    """An event, or an error, that a pallet knows."""

    name: str
    index: int
    fields: list[Argument]
    docs: str


@dataclass(frozen=True)
class ItemForm:
    """A storage item: `hashers` and types of its keys, none for a single value."""

    name: str
    hashers: list[str]
    keys: list[str]
    value: str
    optional: bool
    """Whether nothing is read where nothing is stored; a default is, otherwise."""
    docs: str


@dataclass(frozen=True)
class ConstantForm:
    """A constant and its plain value."""

    name: str
    type: str
    value: Any
    docs: str


@dataclass(frozen=True)
class PalletForm:
    """A pallet, by all that it offers."""

    name: str
    index: int
    calls: list[CallForm] = field(default_factory=list)
    events: list[EventForm] = field(default_factory=list)
    errors: list[EventForm] = field(default_factory=list)
    storage: list[ItemForm] = field(default_factory=list)
    constants: list[ConstantForm] = field(default_factory=list)


class Extrinsic(NamedTuple):
    """An extrinsic of a block. What a bare one lacks is `None`."""

    hash: bytes
    pallet: str
    call: str
    arguments: dict[str, Any]
    signer: Any = None
    """A plain address."""
    signature: Any = None
    extensions: dict[str, Any] = {}
    """By the name of the extension, those that carry something."""
    encoded_call: bytes = b""

    @property
    def era(self) -> Any:
        """Its plain era."""
        return self.extensions.get("CheckMortality", self.extensions.get("CheckEra"))

    @property
    def nonce(self) -> int | None:
        """How many extrinsics the signer had signed before."""
        found = self.extensions.get("CheckNonce")
        return None if found is None else int(found)

    @property
    def tip(self) -> int | None:
        """What the author of the block was promised."""
        found = self.extensions.get("ChargeTransactionPayment")
        if found is None:
            asset = self.extensions.get("ChargeAssetTxPayment")
            found = asset.get("tip") if isinstance(asset, dict) else None
        return None if found is None else int(found)


class Event(NamedTuple):
    """An event of a block."""

    phase: str
    """ApplyExtrinsic, Finalization or Initialization."""
    extrinsic: int | None
    """Whose, by its place in the block; of none where the block itself did it."""
    pallet: str
    name: str
    fields: dict[str, Any]
    """By name, or by place ("0", "1") where they have none."""
    topics: list[str]


class Decoder(Protocol):
    """A runtime whose bytes can be read and written. Nothing in here does I/O."""

    @property
    def version(self) -> int:
        """The metadata's."""
        ...

    @property
    def pallets(self) -> list[PalletForm]:
        """All pallets, in the metadata's order."""
        ...

    def extrinsic(self, data: bytes) -> Extrinsic:
        """An extrinsic with its length prefix, as blocks hold it; raises `Undecodable`."""
        ...

    def call(self, data: bytes) -> Any:
        """The plain value of exactly these bytes of a call; raises `Undecodable`."""
        ...

    def events(self, data: bytes | None) -> list[Event]:
        """The value of `System.Events` after a block; raises `Undecodable`."""
        ...

    def error(self, dispatch_error: Any) -> str:
        """A plain `DispatchError` in words: `Balances.InsufficientBalance: Balance too low to send value`."""
        ...

    def key(self, pallet: str, item: str, keys: Sequence[Any]) -> bytes:
        """The storage key of an entry, or the prefix of those that begin with `keys`; raises `Unknown`, `BadValue`."""
        ...

    def keys_in(self, pallet: str, item: str, key: bytes) -> list[Any]:
        """The plain keys in a storage key, `None` for those of which only a hash is there; raises `Undecodable`."""
        ...

    def value(self, pallet: str, item: str, data: bytes | None) -> Any:
        """The plain value of a storage entry: its default, or `None`, where nothing is stored."""
        ...


def known(what: str, wanted: str, names: Sequence[str]) -> str:
    """The name that is meant, in whatever case it was written; raises `Unknown`."""
    if wanted in names:
        return wanted
    flat = wanted.replace("_", "").lower()
    found = [name for name in names if name.replace("_", "").lower() == flat]
    if len(found) == 1:
        return found[0]
    near = [name for name in names if flat in name.replace("_", "").lower()] or list(names)
    shown = ", ".join(near[:12]) + (", …" if len(near) > 12 else "")
    raise Unknown(f"there is no {what} {wanted}" + (f"; there are {shown}" if near else ""))


def pallet_of(decoder: Decoder, name: str) -> PalletForm:
    """A pallet by its name, in whatever case; raises `Unknown`."""
    found = known("pallet", name, [each.name for each in decoder.pallets])
    return next(each for each in decoder.pallets if each.name == found)


def item_of(decoder: Decoder, pallet: str, item: str) -> tuple[PalletForm, ItemForm]:
    """A storage item by its name, in whatever case; raises `Unknown`."""
    of = pallet_of(decoder, pallet)
    found = known(f"storage item in {of.name}:", item, [each.name for each in of.storage])
    return of, next(each for each in of.storage if each.name == found)


def call_of(decoder: Decoder, pallet: str, call: str) -> tuple[PalletForm, CallForm]:
    """A call by its name, in whatever case; raises `Unknown`."""
    of = pallet_of(decoder, pallet)
    found = known(f"call in {of.name}:", call, [each.name for each in of.calls])
    return of, next(each for each in of.calls if each.name == found)
