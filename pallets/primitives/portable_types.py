"""Type descriptions as metadata carries them: one numbered entry a type, naming others by number.

`pallets.frame.types_registry` builds values of these classes, metadata carries them; real chains' registries decode
into them. Mirrors `scale_info::{PortableRegistry, Type, TypeDef, Field, Variant}` in portable form.
"""

from __future__ import annotations

from dataclasses import field

from pallets.primitives.types import U8, U32, Compact, UnitEnum, Variant, struct

TypeId = Compact[U32]


@struct
class Field:
    """A field of a composite or of a variant; either all fields have names or none has."""

    name: str | None
    type: TypeId
    type_name: str | None = None
    docs: list[str] = field(default_factory=list)


@struct
class VariantCase:
    """One alternative of an enum."""

    name: str
    fields: list[Field]
    index: U8
    docs: list[str] = field(default_factory=list)


class Primitive(UnitEnum):
    """The types that everything else is made of."""

    bool = 0
    char = 1
    str = 2
    u8 = 3
    u16 = 4
    u32 = 5
    u64 = 6
    u128 = 7
    u256 = 8
    i8 = 9
    i16 = 10
    i32 = 11
    i64 = 12
    i128 = 13
    i256 = 14


class Definition(Variant):
    """What a type is made of."""


@struct
class Composite(Definition):
    """Fields one after another."""

    fields: list[Field]


@struct
class Cases(Definition):
    """A byte that says which alternative, then its fields."""

    cases: list[VariantCase]


@struct
class Sequence(Definition):
    """A compact count, then that many elements."""

    type: TypeId


@struct
class Array(Definition):
    """Exactly `length` elements."""

    length: U32
    type: TypeId


@struct
class Tuple(Definition):
    """Values one after another."""

    types: list[TypeId]


@struct
class Basic(Definition):
    """A primitive."""

    primitive: Primitive


@struct
class CompactForm(Definition):
    """An unsigned integer in compact form."""

    type: TypeId


@struct
class BitSequence(Definition):
    """A sequence of bits; no type of ours is one, other chains have them."""

    store: TypeId
    order: TypeId


@struct
class Parameter:
    """A generic parameter; without a type where the metadata leaves it out."""

    name: str
    type: TypeId | None = None


@struct
class Type:
    """A type: its name as a path, its parameters, what it is made of."""

    path: list[str]
    params: list[Parameter]
    definition: Definition
    docs: list[str] = field(default_factory=list)


@struct
class PortableType:
    """A registry entry; `id` is its place."""

    id: TypeId
    type: Type
