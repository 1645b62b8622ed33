"""What a runtime says about itself, in the form that every metadata version is lowered from.

All types are numbers in one registry. Mirrors `sp_metadata_ir::types`.
"""

from __future__ import annotations

from dataclasses import dataclass

from pallets.frame.types_registry import TypesRegistry
from pallets.primitives.hashing import StorageHasher
from pallets.primitives.portable_types import PortableType


@dataclass(frozen=True, slots=True)
class StorageMetadata:
    """A storage item; `hashers` is empty for a single value, whose `key` is `None`. All types are by number."""

    name: str
    optional: bool
    hashers: tuple[StorageHasher, ...]
    key: int | None
    value: int
    default: bytes
    docs: list[str]


@dataclass(frozen=True, slots=True)
class ConstantMetadata:
    """A constant and its encoded value."""

    name: str
    type: int
    value: bytes
    docs: list[str]


@dataclass(frozen=True, slots=True)
class PalletMetadata:
    """A pallet; `calls`, `events` and `errors` are the types of its enums, `None` where it has none."""

    name: str
    index: int
    docs: list[str]
    storage: list[StorageMetadata]
    calls: int | None
    events: int | None
    errors: int | None
    constants: list[ConstantMetadata]


@dataclass(frozen=True, slots=True)
class ExtensionMetadata:
    """A transaction extension: its part of the extra, and what it adds to the signed payload."""

    identifier: str
    type: int
    implicit: int


@dataclass(frozen=True, slots=True)
class ExtrinsicMetadata:
    """The form of extrinsics."""

    version: int
    type: int
    address: int
    call: int
    signature: int
    extra: int
    extensions: list[ExtensionMetadata]


@dataclass(frozen=True, slots=True)
class ApiMethodMetadata:
    """A function of a runtime API; `inputs` are names and types."""

    name: str
    inputs: list[tuple[str, int]]
    output: int
    docs: list[str]


@dataclass(frozen=True, slots=True)
class ApiMetadata:
    """A runtime API."""

    name: str
    version: int
    methods: list[ApiMethodMetadata]
    docs: list[str]


@dataclass(frozen=True, slots=True)
class OuterEnums:
    """The enums over all pallets."""

    call: int
    event: int
    error: int


@dataclass(frozen=True, slots=True)
class RuntimeMetadata:
    """All that any metadata version says; `registry` holds the types that the numbers refer to."""

    registry: TypesRegistry
    pallets: list[PalletMetadata]
    extrinsic: ExtrinsicMetadata
    runtime_type: int
    apis: list[ApiMetadata]
    outer_enums: OuterEnums

    @property
    def types(self) -> list[PortableType]:
        """The registry's entries, in the order of their numbers."""
        return self.registry.types
