"""Metadata V14: what `state_getMetadata` answers, and the one version that every client reads.

Mirrors `frame_metadata::v14`.
"""

from __future__ import annotations

from pallets.frame import metadata_ir
from pallets.frame.portable_types import PortableType, TypeId
from pallets.primitives.codec import codec_of
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


def lower(source: metadata_ir.RuntimeMetadata) -> bytes:
    """The encoded content, without magic and version."""
    pallets = [Pallet(p.name, storage(p), p.calls, p.events, constants(p), p.errors, p.index) for p in source.pallets]
    form = source.extrinsic
    extrinsic = Extrinsic(form.type, form.version, extensions(form))
    return CODEC.encode(MetadataV14(source.types, pallets, extrinsic, source.runtime_type))


def storage(pallet: metadata_ir.PalletMetadata) -> Storage | None:
    """A pallet's storage, `None` where it has none."""
    if not pallet.storage:
        return None
    return Storage(
        pallet.name,
        [
            StorageEntry(
                entry.name,
                Modifier.Optional if entry.optional else Modifier.Default,
                entry_type(entry),
                entry.default,
                entry.docs,
            )
            for entry in pallet.storage
        ],
    )


def entry_type(entry: metadata_ir.StorageMetadata) -> EntryType:
    """Whether an item is one value or a map."""
    if entry.key is None:
        return Plain(entry.value)
    return Map([Hasher(hasher.index) for hasher in entry.hashers], entry.key, entry.value)


def constants(pallet: metadata_ir.PalletMetadata) -> list[Constant]:
    """A pallet's constants."""
    return [Constant(c.name, c.type, c.value, c.docs) for c in pallet.constants]


def extensions(extrinsic: metadata_ir.ExtrinsicMetadata) -> list[SignedExtension]:
    """The transaction extensions."""
    return [SignedExtension(e.identifier, e.type, e.implicit) for e in extrinsic.extensions]
