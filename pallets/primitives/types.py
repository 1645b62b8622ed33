"""SCALE types as annotations: an `int` to the type checker, a `u128` to the codec and the metadata.

## Overview

Plain Python types carry plain SCALE types: `bool`, `str`, `bytes` (`Vec<u8>`), `list[T]` (`Vec<T>`), `tuple[...]`,
`T | None` (`Option<T>`). Everything that Python cannot tell apart is an alias made with `Annotated`: `U32`,
`AccountId`, `Compact[Balance]`. Composites are classes under `@struct`; an enum whose variants carry data is a subclass
of `Variant`, and each of its variants is a `@struct` subclass of that; an enum of bare names is a `UnitEnum`.

## Usage

```python
@struct
class Curve:
    creator: AccountId
    supply: Balance = 0

class Input(Variant):
    "What a job reads."

@struct
class Inline(Input):
    "The bytes themselves."
    data: Bounded[bytes, 65_536]
```

## Out of scope

How these become bytes (`codec`), and how they look in the metadata (`pallets.frame.types_registry`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform, overload

from pallets.primitives.record import record

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def marker(cls: type[T]) -> type[T]:
    """Makes a class an annotation's marker.

    Not a named tuple: `typing` caches annotations by equality, and equal tuples of two classes collide.
    """
    return dataclass(frozen=True, slots=True)(cls)


@marker
class Int:
    """A fixed-width unsigned integer of `width` bytes, little-endian."""

    name: str
    width: int


@marker
class FixedBytes:
    """Exactly `size` bytes, no length prefix; `path` where the metadata knows the type by name."""

    size: int
    path: str = ""


@marker
class Compacted:
    """The compact form of an unsigned integer."""


@marker
class Bound:
    """At most `limit` elements or bytes; a decoder refuses more (`BoundedVec`)."""

    limit: int


@marker
class AddressForm:
    """`MultiAddress<AccountId, ()>` on the wire, the account identifier in Python."""


@marker
class BigEndian:
    """An integer written big-endian, so that storage keys sort by number; `[u8; width]` in the metadata."""

    width: int


@marker
class Wrapped:
    """A Rust struct around one `field` (unnamed: a tuple struct): a type of its own in the metadata, no byte more."""

    path: str
    field: str | None = None


@marker
class RuntimeType:
    """A type that only a composed runtime knows: `RuntimeCall`, `RuntimeHoldReason`, `DispatchError`, ..."""

    name: str


U8 = Annotated[int, Int("u8", 1)]
U16 = Annotated[int, Int("u16", 2)]
U32 = Annotated[int, Int("u32", 4)]
U64 = Annotated[int, Int("u64", 8)]
U128 = Annotated[int, Int("u128", 16)]
U256 = Annotated[int, Int("u256", 32)]

Compact = Annotated[T, Compacted()]
"""`Compact[U32]`: the same number in one, two, four or more bytes."""

H256 = Annotated[bytes, FixedBytes(32, "primitive_types::H256")]
AccountId = Annotated[bytes, FixedBytes(32, "sp_core::crypto::AccountId32")]
Address = Annotated[bytes, AddressForm()]
Balance = U128
BlockNumber = U32
Nonce = U32
Moment = U64
"""Milliseconds since the Unix epoch."""
Bytes32 = Annotated[bytes, FixedBytes(32)]
Bytes64 = Annotated[bytes, FixedBytes(64)]
DueKey = Annotated[int, BigEndian(8)]
"""A `u64` as a storage key that sorts by number."""


class UnitEnum(enum.Enum):
    """A SCALE enum of bare names; a member's value is its index.

    `__type_path__` in the class body names it in the metadata, as it does for a `Variant`.
    """

    __hash__ = object.__hash__  # of the only instance; `Enum` hashes its name, in Python


class Variant:
    """Base of SCALE enums that carry data.

    A direct subclass is the enum. A `@struct` subclass of the enum is a variant: its index is its place in the file
    unless `@struct(index=...)` says otherwise, and its name on the wire is its class name unless `name=` does.
    `__unnamed__ = True` in the enum's body (or a struct's) says that the fields have no names on the wire, as in a Rust
    tuple struct.
    """

    __slots__ = ()
    variants: ClassVar[dict[int, type[Any]]]
    variant_index: ClassVar[int]
    variant_name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if Variant in cls.__bases__:
            cls.variants = {}


@overload
def struct(cls: type[T], /) -> type[T]: ...
@overload
def struct(
    *, index: int | None = None, name: str | None = None, path: str | None = None
) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform()
def struct(
    cls: type[T] | None = None, /, *, index: int | None = None, name: str | None = None, path: str | None = None
) -> Any:
    """A SCALE composite: fields in order, mutable, without a `__dict__`.

    Values are decoded afresh on every read, so nobody shares them and freezing would only cost.
    `index` and `name` apply to a variant; `path` is the name in the metadata where it isn't `pallet_<module>::<class>`.
    """

    def build(base: type[T]) -> type[T]:
        made = record(base, slots=True)
        if path is not None:
            made.__type_path__ = path  # type: ignore[attr-defined]
        if issubclass(made, Variant) and Variant not in made.__bases__:
            taken = made.variants
            made.variant_index = len(taken) if index is None else index
            made.variant_name = name or made.__name__
            if made.variant_index in taken:
                raise TypeError(f"{made.__qualname__}: variant index {made.variant_index} is taken")
            taken[made.variant_index] = made
        return made

    return build if cls is None else build(cls)
