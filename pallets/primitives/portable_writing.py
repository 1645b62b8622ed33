"""Writes plain values of types that only metadata describes.

Plain values are JSON's, with `bytes` and integers of any size:

| type | plain value |
| --- | --- |
| composite, tuple | a dict of its fields; a list where they have no names; of a single one without a name its value |
| enum | the alternative's name, or `{name: fields}` where it has fields; of an `Option` the value or `None` |
| account, address | 32 bytes; an SS58 address and hex are taken too |
| bytes | bytes; `0x` and hex, and other text as UTF-8, are taken too |
| integer | an integer; decimal digits are taken too |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pallets.primitives import ss58
from pallets.primitives.portable_types import (
    Array,
    Basic,
    Cases,
    CompactForm,
    Composite,
    Definition,
    Field,
    Primitive,
    Sequence,
    Tuple,
    Type,
)
from pallets.primitives.portable_values import WIDTHS
from pallets.primitives.scale import compact

ACCOUNT, ADDRESS = ["sp_core", "crypto", "AccountId32"], ["sp_runtime", "multiaddress", "MultiAddress"]
MAX_DEPTH, MAX_DIGITS = 64, 80


class BadValue(ValueError):
    """A value isn't of the type that it has to be of."""


class Writer:
    """Writes values of types by their numbers."""

    def __init__(self, types: Mapping[int, Type]) -> None:
        self._types = types

    def encode(self, type: int, value: Any, where: str = "the value") -> bytes:
        """The bytes of a plain value; raises `BadValue`, naming the place from `where` on."""
        return b"".join(self._encoded(type, value, where, MAX_DEPTH))

    def _encoded(self, id: int, value: Any, where: str, depth: int) -> Iterator[bytes]:
        if not depth:
            raise BadValue(f"{where} is too deep")
        type = self._types[id]
        if type.path == ACCOUNT:
            yield _account(value, where)
            return
        if type.path == ADDRESS and not isinstance(value, dict):
            yield b"\0" + _account(value, where)
            return
        if type.path == ["Option"]:
            yield b"\0" if value is None else b"\1"
            if value is not None:
                yield from self._encoded(type.params[0].type or 0, value, where, depth - 1)
            return
        match type.definition:
            case Composite(fields):
                yield from self._fields(fields, value, where, depth)
            case Tuple(types):
                yield from self._fields([Field(None, each) for each in types], value, where, depth)
            case Cases(cases):
                name, fields_of = _alternative(value, where)
                case = next((case for case in cases if case.name == name), None)
                if case is None:
                    raise BadValue(f"{where} is {name!r}, not one of {', '.join(each.name for each in cases)}")
                yield bytes((case.index,))
                yield from self._fields(case.fields, fields_of, f"{where}.{name}", depth)
            case Sequence(element) | Array(_, element) as definition:
                yield from self._several(definition, element, value, where, depth)
            case CompactForm(inner):
                definition = self._types[inner].definition
                width = WIDTHS[definition.primitive] if isinstance(definition, Basic) else 16
                yield compact(_integer(value, width, where))
            case Basic(primitive):
                yield _basic(primitive, value, where)
            case definition:
                raise BadValue(f"{where} is of a kind that isn't written here: {definition.__class__.__name__}")

    def _fields(self, fields: list[Field], value: Any, where: str, depth: int) -> Iterator[bytes]:
        if len(fields) == 1 and fields[0].name is None:
            yield from self._encoded(fields[0].type, value, where, depth - 1)
            return
        names = [place if field.name is None else field.name for place, field in enumerate(fields)]
        if isinstance(value, list | tuple):
            value = dict(enumerate(value))
        elif value is None and not fields:
            value = {}
        if not isinstance(value, dict) or set(value) != set(names):
            wanted = ", ".join(map(str, names)) or "nothing"
            raise BadValue(f"{where} has to have {wanted}" + (f", not {_keys(value)}" if value else ""))
        for name, field in zip(names, fields, strict=True):
            yield from self._encoded(field.type, value[name], f"{where}.{name}", depth - 1)

    def _several(self, definition: Definition, element: int, value: Any, where: str, depth: int) -> Iterator[bytes]:
        fixed = definition.length if isinstance(definition, Array) else None
        if self._types[element].definition == Basic(Primitive.u8):
            value = parts = _bytes(value, where)
        elif isinstance(value, list | tuple):
            parts = None
        else:
            raise BadValue(f"{where} has to be a list")
        if fixed is None:
            yield compact(len(value))
        elif len(value) != fixed:
            raise BadValue(f"{where} has to have {fixed} bytes or entries, not {len(value)}")
        if parts is not None:
            yield parts
            return
        for place, each in enumerate(value):
            yield from self._encoded(element, each, f"{where}[{place}]", depth - 1)


def _alternative(value: Any, where: str) -> tuple[str, Any]:
    if isinstance(value, str):
        return value, {}
    if isinstance(value, dict) and len(value) == 1:
        ((name, fields),) = value.items()
        return str(name), fields
    raise BadValue(f"{where} has to be a name, or an object of one name")


def _keys(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, dict) else repr(value)[:80]


def _account(value: Any, where: str) -> bytes:
    if isinstance(value, str) and not value.startswith("0x"):
        try:
            return ss58.decode_account(value)
        except ss58.InvalidAddress as error:
            raise BadValue(f"{where} is no address: {error}") from None
    found = _bytes(value, where)
    if len(found) != 32:
        raise BadValue(f"{where} is no address: it has {len(found)} bytes, not 32")
    return found


def _bytes(value: Any, where: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise BadValue(f"{where} has to be text, or bytes in hex after 0x")
    if not value.startswith("0x"):
        return value.encode()
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        raise BadValue(f"{where} is not bytes in hex") from None


def _integer(value: Any, width: int, where: str, *, signed: bool = False) -> int:
    if isinstance(value, str) and len(value) <= MAX_DIGITS and value.isascii() and value.removeprefix("-").isdigit():
        value = int(value)
    low, high = (-(1 << 8 * width - 1), 1 << 8 * width - 1) if signed else (0, 1 << 8 * width)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value < high:
        raise BadValue(f"{where} has to be a whole number from {low} to {high - 1}")
    return value


def _basic(primitive: Primitive, value: Any, where: str) -> bytes:
    if primitive is Primitive.bool:
        if not isinstance(value, bool):
            raise BadValue(f"{where} has to be true or false")
        return bytes((value,))
    if primitive is Primitive.str:
        data = _bytes(value, where)
        return compact(len(data)) + data
    signed, width = primitive.name.startswith("i"), WIDTHS[primitive]
    return _integer(value, width, where, signed=signed).to_bytes(width, "little", signed=signed)
