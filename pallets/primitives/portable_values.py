"""Reads values of types that only metadata describes.

Out of scope: metadata itself (`metadata_schema`), plain values for people (`portable_plain`), writing
(`portable_writing`).
"""

from __future__ import annotations

from typing import Any

from pallets.primitives.codec import codec_of
from pallets.primitives.portable_types import (
    Array,
    Basic,
    Cases,
    CompactForm,
    Composite,
    Field,
    PortableType,
    Primitive,
    Sequence,
    Tuple,
)
from pallets.primitives.scale import DecodeError, read_compact

MAX_VALUES = 2_000_000
"""How many values, each within another, are read of one: types can make any number of no bytes."""
WIDTHS = {each: int(each.name[1:]) // 8 for each in Primitive if each.name[1:].isdigit()} | {Primitive.char: 4}
BOOL, STR = codec_of(bool), codec_of(str)


class UnreadableMetadata(ValueError):
    """The bytes are not metadata of version 14, or not events that it describes."""


class Registry:
    """Reads values of types that metadata describes.

    Fields of composites, tuples and variants come by name, or by place where they have none; a variant is its name and
    its fields, sequences and arrays are lists, and `bytes` where they are of bytes.
    """

    def __init__(self, types: list[PortableType]) -> None:
        self._definitions = {each.id: each.type.definition for each in types}
        self._left = MAX_VALUES

    def decode_all(self, type: int, data: bytes) -> Any:
        """The value of exactly these bytes; raises `DecodeError`, and `KeyError` for a type that isn't described."""
        self._left = MAX_VALUES
        try:
            value, end = self._read(type, data, 0)
        except RecursionError:
            raise DecodeError("the type is one within another without end") from None
        if end != len(data):
            raise DecodeError(f"{len(data) - end} bytes follow the value of {end}")
        return value

    def variant(self, type: int | None, index: int) -> tuple[str, list[str]]:
        """Name and docs of an enum's alternative; raises `LookupError`."""
        definition = None if type is None else self._definitions[type]
        for case in definition.cases if isinstance(definition, Cases) else ():
            if case.index == index:
                return case.name, case.docs
        raise LookupError(f"type {type} has no variant {index}")

    def _read(self, type: int, data: bytes, at: int) -> tuple[Any, int]:
        self._left -= 1
        if self._left < 0:
            raise DecodeError(f"there are more than {MAX_VALUES} values")
        match self._definitions[type]:
            case Composite(fields):
                return self._fields(fields, data, at)
            case Cases(cases):
                number = _taken(data, at, 1)[0]
                for case in cases:
                    if case.index == number:
                        value, at = self._fields(case.fields, data, at + 1)
                        return (case.name, value), at
                raise DecodeError(f"type {type} has no variant {number}, which stands at byte {at}")
            case Sequence(element):
                count, at = read_compact(data, at)
                return self._elements(element, count, data, at)
            case Array(length, element):
                return self._elements(element, length, data, at)
            case Tuple(types):
                return self._fields([Field(None, each) for each in types], data, at)
            case Basic(primitive):
                return _primitive(primitive, data, at)
            case CompactForm():
                return read_compact(data, at)
            case definition:
                raise DecodeError(f"values of type {type}, a {definition.__class__.__name__}, are not read")

    def _fields(self, fields: list[Field], data: bytes, at: int) -> tuple[dict[str | int, Any], int]:
        found: dict[str | int, Any] = {}
        for place, field in enumerate(fields):
            found[place if field.name is None else field.name], at = self._read(field.type, data, at)
        return found, at

    def _elements(self, element: int, count: int, data: bytes, at: int) -> tuple[Any, int]:
        if self._definitions[element] == Basic(Primitive.u8):
            return _taken(data, at, count), at + count
        found = []
        for _ in range(count):
            value, at = self._read(element, data, at)
            found.append(value)
        return found, at


def _primitive(primitive: Primitive, data: bytes, at: int) -> tuple[Any, int]:
    if primitive is Primitive.bool:
        return BOOL.decode(data, at)
    if primitive is Primitive.str:
        return STR.decode(data, at)
    width = WIDTHS[primitive]
    return int.from_bytes(_taken(data, at, width), "little", signed=primitive.name.startswith("i")), at + width


def _taken(data: bytes, at: int, size: int) -> bytes:
    if size > len(data) - at:
        raise DecodeError(f"the data ends at byte {len(data)}, {size} were to come at {at}")
    return data[at : at + size]
