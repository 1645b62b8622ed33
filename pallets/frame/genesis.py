"""From genesis values to the first state.

A pallet's `genesis` method is its genesis configuration: the parameters' names, in camelCase, are the keys of
`genesis.runtimeGenesis.patch`, and their annotations say how JSON becomes values: accounts are SS58 or hex, bytes are
hex, large numbers may be strings. Mirrors `frame_support::genesis_builder_helper`.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.pallet import Pallet
from pallets.frame.runtime import Runtime
from pallets.primitives.annotations import find_marker, option_of, split_annotation, struct_fields
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.ss58 import InvalidAddress, decode_account
from pallets.primitives.types import U16, FixedBytes, Int, UnitEnum

STORAGE_VERSION = ":__STORAGE_VERSION__:"


class InvalidGenesis(ValueError):
    """The genesis values don't fit the runtime: an unknown pallet or field, or a value of the wrong form."""


def build_genesis(runtime: type[Runtime], values: Mapping[str, Mapping[str, Any]]) -> dict[bytes, bytes]:
    """The genesis state of a runtime; `values` by pallet attribute and parameter name, in Python form."""
    overlay = Overlay(DictBackend())
    made = runtime(overlay)
    known = {name for name, thing in vars(made).items() if isinstance(thing, Pallet)}
    for unknown in values.keys() - known:
        raise InvalidGenesis(f"genesis names pallet {unknown!r}; this runtime has {', '.join(sorted(known))}")
    for name, pallet in vars(made).items():
        if not isinstance(pallet, Pallet):
            continue
        overlay.put(storage_prefix(pallet.wire_name, STORAGE_VERSION), codec_of(U16).encode(pallet.storage_version))
        build = getattr(pallet, "genesis", None)
        given = values.get(name, {})
        if build is not None:
            try:
                build(**given)
            except TypeError as error:
                raise InvalidGenesis(f"genesis of {name}: {error}") from None
        elif given:
            raise InvalidGenesis(f"pallet {name!r} has no genesis values")
    return {key: value for key, value in overlay.changes.items() if value is not None}


def values_of_patch(runtime: type[Runtime], patch: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Python genesis values from the JSON of `runtimeGenesis.patch`; raises `InvalidGenesis` naming the field."""
    made = runtime(Overlay(DictBackend()))
    pallets = {_camel(name): (name, thing) for name, thing in vars(made).items() if isinstance(thing, Pallet)}
    values: dict[str, dict[str, Any]] = {}
    for key, fields in patch.items():
        if key not in pallets:
            raise InvalidGenesis(f"genesis names pallet {key!r}; this runtime has {', '.join(sorted(pallets))}")
        name, pallet = pallets[key]
        build = getattr(pallet, "genesis", None)
        hints = {} if build is None else typing.get_type_hints(build, localns=vars(type(pallet)), include_extras=True)
        hints.pop("return", None)
        wire = {_camel(param): (param, kind) for param, kind in hints.items()}
        values[name] = {}
        for field, value in fields.items():
            if field not in wire:
                raise InvalidGenesis(
                    f"{key} has no genesis field {field!r}; it has {', '.join(sorted(wire)) or 'none'}"
                )
            param, kind = wire[field]
            values[name][param] = value_of_json(kind, value, f"{key}.{field}")
    return values


def value_of_json(annotation: Any, value: Any, where: str) -> Any:
    """A value of the annotated type from JSON; raises `InvalidGenesis` naming `where`."""
    base, markers = split_annotation(annotation)
    inner = option_of(base)
    if inner is not None:
        return None if value is None else value_of_json(inner, value, where)
    integer = find_marker(markers, Int)
    if integer is not None or base is int:
        return _number(value, integer, where)
    fixed = find_marker(markers, FixedBytes)
    if fixed is not None or base is bytes:
        return _raw(value, fixed, where)
    if get_origin(base) is list:
        if not isinstance(value, list):
            raise InvalidGenesis(f"{where} should be a list")
        return [value_of_json(get_args(base)[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if get_origin(base) is tuple:
        kinds = get_args(base)
        if not isinstance(value, list) or len(value) != len(kinds):
            raise InvalidGenesis(f"{where} should be a list of {len(kinds)}")
        return tuple(
            value_of_json(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True))
        )
    if isinstance(base, type) and issubclass(base, UnitEnum):
        if value not in base.__members__:
            raise InvalidGenesis(f"{where} should be one of {', '.join(base.__members__)}")
        return base[value]
    if dataclasses.is_dataclass(base):
        return _record(base, value, where)
    if base is bool or base is str:
        if not isinstance(value, base):
            raise InvalidGenesis(f"{where} should be a {base.__name__}")
        return value
    raise InvalidGenesis(f"{where}: no JSON form for {annotation}")


def _number(value: Any, integer: Int | None, where: str) -> int:
    try:
        number = int(value, 0) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidGenesis(f"{where} should be an integer, in JSON or as a string")
    if integer is not None and not 0 <= number < 1 << (8 * integer.width):
        raise InvalidGenesis(f"{where} is outside the range of {integer.name}")
    return number


def _raw(value: Any, fixed: FixedBytes | None, where: str) -> bytes:
    if not isinstance(value, str):
        raise InvalidGenesis(f"{where} should be a string of hex or an SS58 address")
    if value.startswith("0x"):
        try:
            raw = bytes.fromhex(value[2:])
        except ValueError:
            raise InvalidGenesis(f"{where} is not hex") from None
    elif fixed is not None and fixed.size == 32:
        try:
            raw = decode_account(value)
        except InvalidAddress as error:
            raise InvalidGenesis(f"{where}: {error}") from None
    else:
        raw = value.encode()
    if fixed is not None and len(raw) != fixed.size:
        raise InvalidGenesis(f"{where} should be {fixed.size} bytes, it is {len(raw)}")
    return raw


def _record(base: Any, value: Any, where: str) -> Any:
    kinds = {_camel(name): (name, kind) for name, kind in struct_fields(base)}
    if not isinstance(value, dict) or value.keys() - kinds.keys():
        raise InvalidGenesis(f"{where} should be an object of {', '.join(kinds)}")
    given = {kinds[key][0]: value_of_json(kinds[key][1], item, f"{where}.{key}") for key, item in value.items()}
    try:
        return base(**given)
    except TypeError as error:
        raise InvalidGenesis(f"{where}: {error}") from None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
