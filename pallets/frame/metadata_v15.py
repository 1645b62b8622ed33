"""A runtime's metadata in version 15, see `pallets.primitives.metadata_v15`."""

from __future__ import annotations

from pallets.frame import metadata_ir
from pallets.frame import metadata_v14 as to_v14
from pallets.primitives.metadata_v15 import (
    CODEC,
    Api,
    Extrinsic,
    MetadataV15,
    Method,
    OuterEnums,
    Pallet,
    Parameter,
)


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
