"""Metadata V15: V14 and the runtime APIs, the parts of an extrinsic by name, the outer enums, docs of pallets.

Mirrors `frame_metadata::v15`.
"""

from __future__ import annotations

from pallets.frame import metadata_ir
from pallets.frame import metadata_v14 as to_v14
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


def lower(source: metadata_ir.RuntimeMetadata) -> bytes:
    """The encoded content, without magic and version."""
    pallets = [
        Pallet(p.name, to_v14.storage(p), p.calls, p.events, to_v14.constants(p), p.errors, p.index, p.docs)
        for p in source.pallets
    ]
    form = source.extrinsic
    return CODEC.encode(
        MetadataV15(
            source.types,
            pallets,
            Extrinsic(form.version, form.address, form.call, form.signature, form.extra, to_v14.extensions(form)),
            source.runtime_type,
            [Api(api.name, [_method(method) for method in api.methods], api.docs) for api in source.apis],
            outer_enums(source),
            [],
        )
    )


def _method(method: metadata_ir.ApiMethodMetadata) -> Method:
    return Method(method.name, parameters(method), method.output, method.docs)


def parameters(method: metadata_ir.ApiMethodMetadata) -> list[Parameter]:
    """A function's parameters."""
    return [Parameter(name, type) for name, type in method.inputs]


def outer_enums(source: metadata_ir.RuntimeMetadata) -> OuterEnums:
    """The enums over all pallets."""
    return OuterEnums(source.outer_enums.call, source.outer_enums.event, source.outer_enums.error)
