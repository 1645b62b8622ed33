"""From genesis values to the first state.

A pallet's `genesis` method is its genesis configuration: the parameters' names, in camelCase, are the keys of
`genesis.runtimeGenesis.patch`, and their annotations say how JSON becomes values (`json_values`).
Mirrors `frame_support::genesis_builder_helper`.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from pallets.frame.json_values import InvalidJson, camel, value_of_json
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.pallet import Pallet
from pallets.frame.runtime import Runtime
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.types import U16

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
    pallets = {camel(name): (name, thing) for name, thing in vars(made).items() if isinstance(thing, Pallet)}
    values: dict[str, dict[str, Any]] = {}
    for key, fields in patch.items():
        if key not in pallets:
            raise InvalidGenesis(f"genesis names pallet {key!r}; this runtime has {', '.join(sorted(pallets))}")
        name, pallet = pallets[key]
        build = getattr(pallet, "genesis", None)
        hints = {} if build is None else typing.get_type_hints(build, localns=vars(type(pallet)), include_extras=True)
        hints.pop("return", None)
        wire = {camel(param): (param, kind) for param, kind in hints.items()}
        values[name] = {}
        for field, value in fields.items():
            if field not in wire:
                raise InvalidGenesis(
                    f"{key} has no genesis field {field!r}; it has {', '.join(sorted(wire)) or 'none'}"
                )
            param, kind = wire[field]
            try:
                values[name][param] = value_of_json(kind, value, f"{key}.{field}")
            except InvalidJson as error:
                raise InvalidGenesis(str(error)) from None
    return values
