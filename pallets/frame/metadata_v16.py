"""A runtime's metadata in version 16, see `pallets.primitives.metadata_v16`.

This runtime has no view functions and deprecates nothing; its pallets' config types are named where they are used.
"""

from __future__ import annotations

from pallets.frame import metadata_ir
from pallets.frame import metadata_v14 as to_v14
from pallets.frame import metadata_v15 as to_v15
from pallets.primitives.metadata_v16 import (
    CODEC,
    Api,
    Constant,
    Enum,
    Extrinsic,
    MetadataV16,
    Method,
    NotDeprecated,
    Pallet,
    Storage,
    StorageEntry,
)

EXTENSION_VERSION = 0  # of the one set of extensions that signed extrinsics carry
STAYS = NotDeprecated()


def lower(source: metadata_ir.RuntimeMetadata) -> bytes:
    """The encoded content, without magic and version."""
    return CODEC.encode(
        MetadataV16(
            source.types,
            [_pallet(pallet) for pallet in source.pallets],
            _extrinsic(source.extrinsic),
            [_api(api) for api in source.apis],
            to_v15.outer_enums(source),
            [],
        )
    )


def _pallet(pallet: metadata_ir.PalletMetadata) -> Pallet:
    calls, events, errors = (
        None if type is None else Enum(type, []) for type in (pallet.calls, pallet.events, pallet.errors)
    )
    constants = [Constant(c.name, c.type, c.value, c.docs, STAYS) for c in pallet.constants]
    return Pallet(
        pallet.name, _storage(pallet), calls, events, constants, errors, [], [], pallet.index, pallet.docs, STAYS
    )


def _storage(pallet: metadata_ir.PalletMetadata) -> Storage | None:
    found = to_v14.storage(pallet)
    if found is None:
        return None
    return Storage(
        found.prefix, [StorageEntry(e.name, e.modifier, e.type, e.default, e.docs, STAYS) for e in found.entries]
    )


def _extrinsic(form: metadata_ir.ExtrinsicMetadata) -> Extrinsic:
    by_version = [(EXTENSION_VERSION, list(range(len(form.extensions))))]
    return Extrinsic([form.version], form.address, form.call, form.signature, by_version, to_v14.extensions(form))


def _api(api: metadata_ir.ApiMetadata) -> Api:
    methods = [Method(m.name, to_v15.parameters(m), m.output, m.docs, STAYS) for m in api.methods]
    return Api(api.name, methods, api.docs, api.version, STAYS)
