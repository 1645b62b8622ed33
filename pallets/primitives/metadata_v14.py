"""Metadata V14 as values: what `state_getMetadata` answers, and the one version that every client reads.

A runtime's is made in `pallets.frame.metadata_v14`. Mirrors `frame_metadata::v14`.
"""

from __future__ import annotations

from pallets.primitives.codec import codec_of
from pallets.primitives.portable_types import PortableType, TypeId
from pallets.primitives.types import U8, UnitEnum, Variant, struct


class Modifier(UnitEnum):
    """What an absent entry reads as: nothing, or the default."""

    Optional = 0
    Default = 1


class Hasher(UnitEnum):
    """How a map's key becomes a part of the storage key."""

    Blake2_128 = 0
    Blake2_256 = 1
    Blake2_128Concat = 2
    Twox128 = 3
    Twox256 = 4
    Twox64Concat = 5
    Identity = 6


class EntryType(Variant):
    """One value, or a map to values."""


@struct
class Plain(EntryType):
    """One value."""

    type: TypeId


@struct
class Map(EntryType):
    """Values by key; with several hashers the key is a tuple."""

    hashers: list[Hasher]
    key: TypeId
    value: TypeId


@struct
class StorageEntry:
    """A storage item."""

    name: str
    modifier: Modifier
    type: EntryType
    default: bytes
    docs: list[str]


@struct
class Storage:
    """A pallet's storage; `prefix` is what storage keys hash."""

    prefix: str
    entries: list[StorageEntry]


@struct
class Constant:
    """A constant and its encoded value."""

    name: str
    type: TypeId
    value: bytes
    docs: list[str]


@struct
class Pallet:
    """A pallet."""

    name: str
    storage: Storage | None
    calls: TypeId | None
    events: TypeId | None
    constants: list[Constant]
    errors: TypeId | None
    index: U8


@struct
class SignedExtension:
    """A transaction extension."""

    identifier: str
    type: TypeId
    additional_signed: TypeId


@struct
class Extrinsic:
    """The form of extrinsics; address, call, signature and extra are parameters of the type."""

    type: TypeId
    version: U8
    extensions: list[SignedExtension]


@struct
class MetadataV14:
    """The content of version 14."""

    types: list[PortableType]
    pallets: list[Pallet]
    extrinsic: Extrinsic
    runtime_type: TypeId


CODEC = codec_of(MetadataV14)
