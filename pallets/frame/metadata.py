"""What a runtime says about itself to clients, in one form that every metadata version is lowered from.

## Overview

`metadata_bytes(runtime, version)` answers what `Metadata_metadata_at_version` does: `meta`, the version, the content.
Behind it `describe(runtime)` derives the intermediate form from the declarations of pallets, runtime APIs and
extensions; `metadata_v14`, `_v15` and `_v16` are a lowering each. Both happen once a runtime class, when asked for.

```
declarations ──describe──> RuntimeMetadata (metadata_ir) ──lower──> V14 · V15 · V16
                 │
                 └─ types_registry, outer_types, documentation
```

## Errors

`UnsupportedMetadataVersion`: not one of `SUPPORTED`.

## Out of scope

The runtime API that hands the bytes out (`pallets.runtime`). Mirrors `sp_metadata_ir`.
"""

from __future__ import annotations

from pallets.frame import metadata_v14, metadata_v15, metadata_v16
from pallets.frame.documentation import class_docs, lines, member_docs
from pallets.frame.metadata_ir import (
    ApiMetadata,
    ApiMethodMetadata,
    ConstantMetadata,
    ExtensionMetadata,
    ExtrinsicMetadata,
    OuterEnums,
    PalletMetadata,
    RuntimeMetadata,
    StorageMetadata,
)
from pallets.frame.outer_types import call_type, error_type, event_type, extension_type, extra_type, registry_of
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.pallet import Pallet, constants_of
from pallets.frame.runtime import Runtime, RuntimeCall
from pallets.frame.runtime_api import RuntimeApi
from pallets.frame.storage import CountedMap, DoubleMap, Item, Map, TripleMap, Value
from pallets.frame.types_registry import TypesRegistry
from pallets.primitives.extrinsic import MultiSignature
from pallets.primitives.types import U32, Address

MAGIC = b"meta"
EXTRINSIC_VERSION = 4
COUNTER_DOCS = ["Counter for the related counted storage map"]
LOWERINGS = {14: metadata_v14.lower, 15: metadata_v15.lower, 16: metadata_v16.lower}
SUPPORTED = tuple(LOWERINGS)


class UnsupportedMetadataVersion(ValueError):
    """No lowering to that version; `SUPPORTED` lists those there are."""


def metadata_bytes(runtime: Runtime | type[Runtime], version: int) -> bytes:
    """The metadata of a runtime, magic and version included; raises `UnsupportedMetadataVersion`."""
    lower = LOWERINGS.get(version)
    if lower is None:
        raise UnsupportedMetadataVersion(f"metadata version {version} is none of {', '.join(map(str, SUPPORTED))}")
    kind = runtime if isinstance(runtime, type) else type(runtime)
    if (kind, version) not in _lowered:
        if kind not in _described:
            _described[kind] = describe(kind(Overlay(DictBackend())))
        _lowered[kind, version] = MAGIC + bytes((version,)) + lower(_described[kind])
    return _lowered[kind, version]


_described: dict[type[Runtime], RuntimeMetadata] = {}
_lowered: dict[tuple[type[Runtime], int], bytes] = {}


def describe(runtime: Runtime) -> RuntimeMetadata:
    """The intermediate form, derived afresh."""
    registry = registry_of(runtime)
    pallets = [_pallet(runtime, registry, pallet) for pallet in runtime.pallets]
    apis = [_api(registry, api) for api in runtime.apis]
    outer = OuterEnums(*(registry.runtime_type(name) for name in ("RuntimeCall", "RuntimeEvent", "RuntimeError")))
    return RuntimeMetadata(
        registry, pallets, _extrinsic(runtime, registry), registry.runtime_type("Runtime"), apis, outer
    )


def _pallet(runtime: Runtime, registry: TypesRegistry, pallet: Pallet) -> PalletMetadata:
    return PalletMetadata(
        pallet.wire_name,
        pallet.index,
        _indented(class_docs(type(pallet))),
        [entry for item in pallet.items_declared for entry in _storage(registry, pallet, item)],
        call_type(runtime, registry, pallet),
        event_type(runtime, registry, pallet),
        error_type(runtime, registry, pallet),
        _constants(registry, pallet),
    )


def _storage(registry: TypesRegistry, pallet: Pallet, item: Item) -> list[StorageMetadata]:
    names, name = vars(type(pallet)), item.wire_name or ""
    value, default = registry.id_of(item.value_type, names), item.default_value
    encoded = b"\0" if default is None else pallet.codecs.of(item.value_type, names).encode(default)
    docs = _indented(member_docs(type(pallet), item.attribute))
    if isinstance(item, Value):
        return [StorageMetadata(name, default is None, (), None, value, encoded, docs)]
    assert isinstance(item, Map | DoubleMap | TripleMap)
    keys = item.arguments[:-1]
    key = registry.id_of(keys[0] if len(keys) == 1 else tuple[keys], names)  # type: ignore[valid-type]
    found = [StorageMetadata(name, default is None, item.hashers, key, value, encoded, docs)]
    if isinstance(item, CountedMap):
        zero = pallet.codecs.of(U32).encode(0)
        found.append(StorageMetadata(item.counter_name, False, (), None, registry.id_of(U32), zero, COUNTER_DOCS))
    return found


def _constants(registry: TypesRegistry, pallet: Pallet) -> list[ConstantMetadata]:
    names = vars(type(pallet))
    return [
        ConstantMetadata(
            name,
            registry.id_of(kind, names),
            pallet.codecs.of(kind, names).encode(value),
            _indented(member_docs(type(pallet), attribute)),
        )
        for attribute, name, kind, value in constants_of(pallet)
    ]


def _extrinsic(runtime: Runtime, registry: TypesRegistry) -> ExtrinsicMetadata:
    return ExtrinsicMetadata(
        EXTRINSIC_VERSION,
        registry.runtime_type("UncheckedExtrinsic"),
        registry.id_of(Address),
        registry.id_of(RuntimeCall),
        registry.id_of(MultiSignature),
        extra_type(runtime, registry),
        [
            ExtensionMetadata(kind.identifier, extension_type(registry, kind), registry.id_of(kind.implicit))
            for kind in runtime.extensions
        ],
    )


def _api(registry: TypesRegistry, api: type[RuntimeApi]) -> ApiMetadata:
    methods = [
        ApiMethodMetadata(
            method.name,
            [(name.rstrip("_"), registry.id_of(kind)) for name, kind in method.params],
            registry.id_of(method.output),
            _indented(lines(method.doc)),
        )
        for method in api.methods()
    ]
    return ApiMetadata(api.__name__, api.api_version, methods, _indented(class_docs(api)))


def _indented(docs: list[str]) -> list[str]:
    """As FRAME has the docs of everything but types: the space behind `///` is kept."""
    return [f" {line}" if line else "" for line in docs]
