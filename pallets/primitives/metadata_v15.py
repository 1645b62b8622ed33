"""Metadata V15 as values: V14 and runtime APIs, the parts of an extrinsic by name, the outer enums, docs of pallets.

A runtime's is made in `pallets.frame.metadata_v15`. Mirrors `frame_metadata::v15`.
"""

from __future__ import annotations

from pallets.primitives import metadata_v14 as v14
from pallets.primitives.codec import codec_of
from pallets.primitives.portable_types import PortableType, TypeId
from pallets.primitives.types import U8, struct


@struct
class Pallet(v14.Pallet):
    """A pallet."""

    docs: list[str]


@struct
class Extrinsic:
    """The form of extrinsics."""

    version: U8
    address: TypeId
    call: TypeId
    signature: TypeId
    extra: TypeId
    extensions: list[v14.SignedExtension]


@struct
class Parameter:
    """A parameter of a function."""

    name: str
    type: TypeId


@struct
class Method:
    """A function of a runtime API."""

    name: str
    inputs: list[Parameter]
    output: TypeId
    docs: list[str]


@struct
class Api:
    """A runtime API."""

    name: str
    methods: list[Method]
    docs: list[str]


@struct
class OuterEnums:
    """The enums over all pallets."""

    call: TypeId
    event: TypeId
    error: TypeId


@struct
class CustomValue:
    """A value that the standard has no place for."""

    type: TypeId
    value: bytes


@struct
class MetadataV15:
    """The content of version 15."""

    types: list[PortableType]
    pallets: list[Pallet]
    extrinsic: Extrinsic
    runtime_type: TypeId
    apis: list[Api]
    outer_enums: OuterEnums
    custom: list[tuple[str, CustomValue]]


CODEC = codec_of(MetadataV15)
