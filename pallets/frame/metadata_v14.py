"""The lowering to metadata V14, whose values `pallets.primitives.metadata_v14` declares."""

from __future__ import annotations

from pallets.frame import metadata_ir
from pallets.primitives.metadata_v14 import (
    CODEC,
    Constant,
    EntryType,
    Extrinsic,
    Hasher,
    Map,
    MetadataV14,
    Modifier,
    Pallet,
    Plain,
    SignedExtension,
    Storage,
    StorageEntry,
)


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
