"""Metadata V16 as values: V15 with versions of APIs and extensions, view functions, config types, and deprecations.

A runtime's is made in `pallets.frame.metadata_v16`. Mirrors `frame_metadata::v16`.
"""

from __future__ import annotations

from pallets.primitives import metadata_v14 as v14
from pallets.primitives import metadata_v15 as v15
from pallets.primitives.codec import codec_of
from pallets.primitives.portable_types import PortableType, TypeId
from pallets.primitives.types import U8, U32, Bytes32, Compact, Variant, struct


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
