"""Metadata V16: V15 with versions of APIs and extensions, and places for view functions, config types, deprecations.

This runtime has no view functions and deprecates nothing; its pallets' config types are named where they are used.
Mirrors `frame_metadata::v16`.
"""

from __future__ import annotations

from pallets.frame import metadata_ir
from pallets.frame import metadata_v14 as to_v14
from pallets.frame import metadata_v15 as v15
from pallets.primitives import metadata_v14 as v14
from pallets.primitives.codec import codec_of
from pallets.primitives.portable_types import PortableType, TypeId
from pallets.primitives.types import U8, U32, Bytes32, Compact, Variant, struct

EXTENSION_VERSION = 0  # of the one set of extensions that signed extrinsics carry


class ItemDeprecation(Variant):
    """Whether an item is on its way out."""


@struct
class NotDeprecated(ItemDeprecation):
    """It is here to stay."""


@struct
class DeprecatedWithoutNote(ItemDeprecation):
    """It will go."""


@struct
class Deprecated(ItemDeprecation):
    """It will go; the note says why, or what to use."""

    note: str
    since: str | None


class CaseDeprecation(Variant):
    """The same of one variant of an enum; variants that stay aren't listed."""


@struct(index=1)
class CaseDeprecatedWithoutNote(CaseDeprecation):
    """It will go."""


@struct(index=2)
class CaseDeprecated(CaseDeprecation):
    """It will go; the note says why, or what to use."""

    note: str
    since: str | None


@struct
class Enum:
    """A pallet's enum, and its deprecated variants by index."""

    type: TypeId
    deprecation: list[tuple[U8, CaseDeprecation]]


@struct
class StorageEntry(v14.StorageEntry):
    """A storage item."""

    deprecation: ItemDeprecation


@struct
class Storage:
    """A pallet's storage."""

    prefix: str
    entries: list[StorageEntry]


@struct
class Constant(v14.Constant):
    """A constant and its encoded value."""

    deprecation: ItemDeprecation


@struct
class AssociatedType:
    """A type of a pallet's configuration."""

    name: str
    type: TypeId
    docs: list[str]


@struct
class Method(v15.Method):
    """A function of a runtime API."""

    deprecation: ItemDeprecation


@struct
class ViewFunction:
    """A read-only function of a pallet."""

    id: Bytes32
    name: str
    inputs: list[v15.Parameter]
    output: TypeId
    docs: list[str]
    deprecation: ItemDeprecation


@struct
class Pallet:
    """A pallet."""

    name: str
    storage: Storage | None
    calls: Enum | None
    events: Enum | None
    constants: list[Constant]
    errors: Enum | None
    associated_types: list[AssociatedType]
    view_functions: list[ViewFunction]
    index: U8
    docs: list[str]
    deprecation: ItemDeprecation


@struct
class Extrinsic:
    """The form of extrinsics; each version of the extra lists its extensions by place."""

    versions: list[U8]
    address: TypeId
    call: TypeId
    signature: TypeId
    extensions_by_version: list[tuple[U8, list[Compact[U32]]]]
    extensions: list[v14.SignedExtension]


@struct
class Api:
    """A runtime API."""

    name: str
    methods: list[Method]
    docs: list[str]
    version: Compact[U32]
    deprecation: ItemDeprecation


@struct
class MetadataV16:
    """The content of version 16."""

    types: list[PortableType]
    pallets: list[Pallet]
    extrinsic: Extrinsic
    apis: list[Api]
    outer_enums: v15.OuterEnums
    custom: list[tuple[str, v15.CustomValue]]


CODEC = codec_of(MetadataV16)
STAYS = NotDeprecated()


def lower(source: metadata_ir.RuntimeMetadata) -> bytes:
    """The encoded content, without magic and version."""
    return CODEC.encode(
        MetadataV16(
            source.types,
            [_pallet(pallet) for pallet in source.pallets],
            _extrinsic(source.extrinsic),
            [_api(api) for api in source.apis],
            v15.outer_enums(source),
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
    methods = [Method(m.name, v15.parameters(m), m.output, m.docs, STAYS) for m in api.methods]
    return Api(api.name, methods, api.docs, api.version, STAYS)
