"""Reading annotations: what Python type stands there, with which markers.

Both the codec and the metadata walk the same annotations; these are their common steps.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pallets.primitives.types import Variant

T = TypeVar("T")


def split_annotation(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """An annotation's Python type and its markers, outermost last."""
    if get_origin(annotation) is Annotated:
        base, *markers = get_args(annotation)
        return base, tuple(markers)
    return annotation, ()


def find_marker(markers: tuple[Any, ...], kind: type[T]) -> T | None:
    """The outermost marker of a kind."""
    return next((m for m in reversed(markers) if isinstance(m, kind)), None)


def option_of(base: Any) -> Any:
    """The `T` of `T | None`, or `None` where the type isn't an option."""
    if get_origin(base) in (Union, types.UnionType):
        inner = [a for a in get_args(base) if a is not type(None)]
        if len(inner) == 1 and len(get_args(base)) == 2:
            return inner[0]
        raise TypeError(f"{base}: of unions SCALE knows only `T | None`; use a Variant")
    return None


def tuple_type(kinds: tuple[Any, ...]) -> Any:
    """The annotation `tuple[kinds]`; of none, the unit type."""
    return tuple.__class_getitem__(kinds) if kinds else type(None)


def struct_fields(cls: Any, names: Mapping[str, Any] | None = None) -> list[tuple[str, Any]]:
    """Field names and annotations of a `@struct`, in order."""
    hints = typing.get_type_hints(cls, localns=dict(names or {}), include_extras=True)
    return [(field.name, hints[field.name]) for field in dataclasses.fields(cls)]


def has_own_codec(base: Any) -> bool:
    return hasattr(base, "__scale_decode__") or (isinstance(base, type) and Variant in base.__bases__)
