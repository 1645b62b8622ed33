"""Values of the annotated types as JSON, both ways: what people write into specs and cheats, and what they are shown.

| type | JSON |
| --- | --- |
| account | SS58, or hex |
| bytes | hex; written without `0x`, the text itself |
| integer | a number; beyond 2^53 a string of digits, which may be hex when written |
| record | an object with names in camelCase; snake_case is taken, too |
| enum | its variant's name; with fields `{"Name": {…}}`, or `{"Name": value}` where they have no names |
| tuple, list | a list |
| option | the value, or `null` |
| call, error | `{"call": "Balances.transfer_all", "args": {…}}`, `{"error": "Token.Frozen", "docs": "…"}`; shown only |
"""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_origin

from pallets.frame.events import DispatchError
from pallets.frame.runtime import Call
from pallets.primitives import ss58
from pallets.primitives.annotations import find_marker, option_of, split_annotation, struct_fields
from pallets.primitives.codec import codec_of
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import AddressForm, FixedBytes, Int, UnitEnum, Variant

EXACT = 1 << 53
"""Up to here a JavaScript number is exact."""
NOTHING = bytes(4096)
"""What a field reads as that nobody has given, as polkadot.js has it: the value whose bytes are all zero."""


class InvalidJson(ValueError):
    """The JSON doesn't fit the type; the message says where."""


def camel(name: str) -> str:
    """`keep_alive` as `keepAlive`."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


# From JSON


def value_of_json(annotation: Any, value: Any, where: str, *, fills: bool = False) -> Any:
    """A value of the annotated type; raises `InvalidJson` naming `where`. `fills` lets records leave fields out."""
    base, markers = split_annotation(annotation)
    inner = option_of(base)
    if inner is not None:
        return None if value is None else value_of_json(inner, value, where, fills=fills)
    if base is type(None):
        return None
    integer = find_marker(markers, Int)
    if integer is not None or base is int:
        return _number(value, integer, where)
    fixed = find_marker(markers, FixedBytes)
    if fixed is not None or base is bytes:
        return _raw(value, FixedBytes(32) if find_marker(markers, AddressForm) is not None else fixed, where)
    if get_origin(base) is list:
        if not isinstance(value, list):
            raise InvalidJson(f"{where} should be a list")
        kind = get_args(base)[0]
        return [value_of_json(kind, item, f"{where}[{i}]", fills=fills) for i, item in enumerate(value)]
    if get_origin(base) is tuple:
        kinds = get_args(base)
        if not isinstance(value, list) or len(value) != len(kinds):
            raise InvalidJson(f"{where} should be a list of {len(kinds)}")
        given = zip(kinds, value, strict=True)
        return tuple(value_of_json(kind, item, f"{where}[{i}]", fills=fills) for i, (kind, item) in enumerate(given))
    if isinstance(base, type) and issubclass(base, UnitEnum):
        if value not in base.__members__:
            raise InvalidJson(f"{where} should be one of {', '.join(base.__members__)}")
        return base[value]
    if isinstance(base, type) and Variant in base.__bases__:
        return _variant(base, value, where, fills)
    if dataclasses.is_dataclass(base):
        return _record(base, value, where, fills)
    if base is bool or base is str:
        if not isinstance(value, base):
            raise InvalidJson(f"{where} should be a {base.__name__}")
        return value
    raise InvalidJson(f"{where}: no JSON form for {annotation}")


def _number(value: Any, integer: Int | None, where: str) -> int:
    try:
        number = int(value, 0) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidJson(f"{where} should be an integer, in JSON or as a string")
    if integer is not None and not 0 <= number < 1 << (8 * integer.width):
        raise InvalidJson(f"{where} is outside the range of {integer.name}")
    return number


def _raw(value: Any, fixed: FixedBytes | None, where: str) -> bytes:
    if not isinstance(value, str):
        raise InvalidJson(f"{where} should be a string of hex or an SS58 address")
    if value.startswith("0x"):
        try:
            raw = bytes.fromhex(value[2:])
        except ValueError:
            raise InvalidJson(f"{where} is not hex") from None
    elif fixed is not None and fixed.size == 32:
        try:
            raw = ss58.decode_account(value)
        except ss58.InvalidAddress as error:
            raise InvalidJson(f"{where}: {error}") from None
    else:
        raw = value.encode()
    if fixed is not None and len(raw) != fixed.size:
        raise InvalidJson(f"{where} should be {fixed.size} bytes, it is {len(raw)}")
    return raw


def _record(base: Any, value: Any, where: str, fills: bool) -> Any:
    fields = struct_fields(base)
    kinds = {camel(name): (name, kind) for name, kind in fields}
    spelled = {spelling: found for found in kinds.values() for spelling in (camel(found[0]), found[0])}
    if _is_wrapper(base) and not (isinstance(value, dict) and value.keys() <= spelled.keys()):
        value = {fields[0][0]: value}
    if not isinstance(value, dict) or value.keys() - spelled.keys():
        raise InvalidJson(f"{where} should be an object of {', '.join(kinds)}")
    given = {}
    for key, item in value.items():
        name, kind = spelled[key]
        given[name] = value_of_json(kind, item, f"{where}.{key}", fills=fills)
    if fills:
        given |= {name: _nothing(kind) for name, kind in _needed(base, fields) if name not in given}
    try:
        return base(**given)
    except TypeError as error:
        raise InvalidJson(f"{where}: {error}") from None


def _needed(base: Any, fields: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The fields without a default."""
    missing = dataclasses.MISSING
    needed = {f.name for f in dataclasses.fields(base) if f.default is missing and f.default_factory is missing}
    return [(name, kind) for name, kind in fields if name in needed]


def _nothing(kind: Any) -> Any:
    try:
        return codec_of(kind).decode(NOTHING, 0)[0]
    except (DecodeError, TypeError, KeyError) as error:
        raise InvalidJson(f"a field of type {kind} can't be left out: {error}") from None


def _variant(base: Any, value: Any, where: str, fills: bool) -> Any:
    variants = {kind.variant_name: kind for kind in base.variants.values()}
    name: Any = value if isinstance(value, str) else None
    inside: Any = {}
    if isinstance(value, dict) and len(value) == 1:
        ((name, inside),) = value.items()
    kind = variants.get(str(name)) or variants.get(str(name)[:1].upper() + str(name)[1:])
    if kind is None:
        raise InvalidJson(f"{where} should be one of {', '.join(variants)}, or an object with one of these")
    if isinstance(inside, list) and not _is_wrapper(kind):
        names = [field for field, _ in struct_fields(kind)]
        if len(inside) != len(names):
            raise InvalidJson(f"{where}.{name} has {len(names)} fields: {', '.join(names)}")
        inside = dict(zip(names, inside, strict=True))
    return _record(kind, {} if inside is None else inside, f"{where}.{name}", fills)


# To JSON


def json_of_value(annotation: Any, value: Any, prefix: int = 42) -> Any:
    """The JSON of a value of the annotated type; addresses get the SS58 `prefix`."""
    base, markers = split_annotation(annotation)
    inner = option_of(base)
    if inner is not None and value is not None:
        base, markers = split_annotation(inner)
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if value < EXACT else str(value)
        case bytes():
            fixed = find_marker(markers, FixedBytes)
            is_account = fixed is not None and "AccountId" in fixed.path
            if len(value) == 32 and (is_account or find_marker(markers, AddressForm) is not None):
                return ss58.encode(value, prefix)
            return f"0x{value.hex()}"
        case UnitEnum():
            return value.name
        case DispatchError():
            return json_of_error(value)
        case Call():
            return json_of_call(value, prefix)
        case dict():  # a plain value of a type that only metadata describes
            return {key: json_of_value(None, part, prefix) for key, part in value.items()}
        case list() | tuple():
            kinds = get_args(base)
            if get_origin(base) is list or len(kinds) != len(value):
                kinds = (kinds[0] if kinds else None,) * len(value)
            return [json_of_value(kind, item, prefix) for kind, item in zip(kinds, value, strict=True)]
    if not dataclasses.is_dataclass(value):
        return str(value)
    fields = json_of_fields(value, prefix)
    if not isinstance(value, Variant):
        return next(iter(fields.values())) if _is_wrapper(type(value)) else fields
    if not fields:
        return value.variant_name
    return {value.variant_name: next(iter(fields.values())) if _is_wrapper(type(value)) else fields}


def json_of_fields(record: Any, prefix: int = 42) -> dict[str, Any]:
    """The fields of a record, an event for one, by their names in camelCase."""
    kind = type(record)
    return {
        camel(name): json_of_value(annotation, getattr(record, name), prefix)
        for name, annotation in struct_fields(kind, vars(kind))
    }


def json_of_call(call: Call, prefix: int = 42) -> dict[str, Any]:
    """A call with its arguments, named as on the wire."""
    given = zip(call.spec.params, call.arguments, strict=True)
    return {"call": call.name, "args": {name: json_of_value(kind, value, prefix) for (name, kind), value in given}}


def json_of_error(error: DispatchError) -> dict[str, Any]:
    """An error by its name, and what it means."""
    reason = getattr(error, "reason", None)
    name = type(error).__qualname__ + (f".{reason}" if reason else "")
    return {"error": name, "docs": " ".join((type(error).__doc__ or "").split())}


def _is_wrapper(kind: Any) -> bool:
    """Whether a record is one value without a name."""
    return getattr(kind, "__unnamed__", False) and len(dataclasses.fields(kind)) == 1
