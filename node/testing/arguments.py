"""Values as people write them, made into what the runtime's codecs take, by the annotation of the parameter.

| declared | given |
| --- | --- |
| an account or address | whatever `accounts.account` takes |
| an integer | an `int`, or for amounts a text such as `"1.5 UNIT"` |
| bytes | `bytes`, `0x` hex, or text, which becomes its UTF-8 |
| an enum | a member, or its name; a variant with fields also `{"Name": {…}}` |
| a struct | an instance, or a dictionary of its fields |
| a call | one made by `chain.call`, or several in a list |

Anything else is passed on as it is, for the codec to judge.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar, get_args, get_origin

from node.testing.accounts import account
from node.testing.errors import InvalidAccount, InvalidArgument, UnknownName
from pallets.frame.runtime import Call
from pallets.primitives.annotations import find_marker, option_of, split_annotation, struct_fields
from pallets.primitives.types import AddressForm, Bound, FixedBytes, Int, RuntimeType, UnitEnum, Variant
from pallets.runtime import UNIT

T = TypeVar("T", bytes, list[Any])
AMOUNT = re.compile(r"(\d+(?:\.\d{1,12})?) UNIT")


def bound(
    title: str, parameters: Sequence[tuple[str, Any]], given: Sequence[Any], named: Mapping[str, Any]
) -> tuple[Any, ...]:
    """The values of all parameters in order, converted; raises `InvalidArgument`.

    A name that is a Python keyword may carry a trailing underscore.
    """
    names = [name for name, _ in parameters]
    signature = f"{title}({', '.join(names)})"
    if len(given) > len(names):
        raise InvalidArgument(f"{signature} takes {len(names)} arguments, not {len(given)}")
    values = dict(zip(names, given, strict=False))
    for name, value in named.items():
        plain = name.rstrip("_")
        if plain not in names:
            raise InvalidArgument(f"{signature}: {UnknownName.among('argument', plain, names)}")
        if plain in values:
            raise InvalidArgument(f"{signature}: {plain} is given twice")
        values[plain] = value
    missing = [name for name in names if name not in values]
    if missing:
        raise InvalidArgument(f"{signature}: {', '.join(missing)} is missing")
    return tuple(converted(kind, values[name], f"{signature}: {name}") for name, kind in parameters)


def converted(annotation: Any, value: Any, where: str) -> Any:
    """A value for a parameter of this annotation; raises `InvalidArgument`, which starts with `where`."""
    base, markers = split_annotation(annotation)
    runtime, fixed = find_marker(markers, RuntimeType), find_marker(markers, FixedBytes)
    option = option_of(base) if get_origin(base) is not tuple else None
    if runtime is not None:
        return _call(value, where) if runtime.name == "RuntimeCall" else value
    if find_marker(markers, AddressForm) or (fixed is not None and fixed.path.endswith("AccountId32")):
        return _account(value, where)
    if (integer := find_marker(markers, Int)) is not None:
        return _integer(integer, value, where)
    limit = find_marker(markers, Bound)
    if fixed is not None or base is bytes:
        return _within(limit, _bytes(value, where, None if fixed is None else fixed.size), where)
    if option is not None:
        return None if value is None else converted(option, value, where)
    if get_origin(base) is list or base is list:
        return _within(limit, _elements(get_args(base), value, where), where)
    if get_origin(base) is tuple:
        return _tuple(get_args(base), value, where)
    if isinstance(base, type):
        return _of_class(base, value, where)
    return value


def _of_class(base: type[Any], value: Any, where: str) -> Any:
    if isinstance(value, base):
        return value
    if base is bool:
        raise InvalidArgument(f"{where} takes True or False, not {value!r}")
    if issubclass(base, UnitEnum):
        return base[_known(value, {member.name: member for member in base}, where)]
    if issubclass(base, Variant):
        names = {variant.variant_name: variant for variant in base.variants.values()}
        name, inside = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, {})
        return _record(names[_known(name, names, where)], inside, where)
    if dataclasses.is_dataclass(base) and isinstance(value, Mapping):
        return _record(base, value, where)
    return value


def _known(name: Any, names: Mapping[str, Any], where: str) -> str:
    if not isinstance(name, str) or name not in names:
        raise InvalidArgument(f"{where}: {UnknownName.among('variant', str(name), names)}")
    return name


def _record(cls: type[Any], inside: Any, where: str) -> Any:
    kinds = dict(struct_fields(cls))
    if not isinstance(inside, Mapping):
        if len(kinds) != 1:
            raise InvalidArgument(f"{where}: {cls.__name__} takes a dictionary of {', '.join(kinds) or 'nothing'}")
        inside = {next(iter(kinds)): inside}
    for name in inside:
        if name not in kinds:
            raise InvalidArgument(f"{where}: {UnknownName.among(f'field of {cls.__name__}', str(name), kinds)}")
    given = {name: converted(kinds[name], value, f"{where}.{name}") for name, value in inside.items()}
    try:
        return cls(**given)
    except TypeError as error:
        raise InvalidArgument(f"{where}: {error}") from None


def _account(value: Any, where: str) -> bytes:
    try:
        return bytes(account(value))
    except InvalidAccount as error:
        raise InvalidArgument(f"{where}: {error}") from None


def _integer(integer: Int, value: Any, where: str) -> int:
    if isinstance(value, str) and (amount := AMOUNT.fullmatch(value)):
        value = int(Decimal(amount[1]) * UNIT)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidArgument(f"{where} takes a whole number, not {value!r}")
    if not 0 <= value < 1 << integer.width * 8:
        raise InvalidArgument(f"{where} is a {integer.name}, which {value} is out of the range of")
    return value


def _bytes(value: Any, where: str, size: int | None) -> bytes:
    if isinstance(value, str):
        try:
            value = bytes.fromhex(value[2:]) if value.startswith("0x") else value.encode()
        except ValueError:
            raise InvalidArgument(f"{where}: {value!r} is no hex") from None
    if not isinstance(value, (bytes, bytearray)):
        raise InvalidArgument(f"{where} takes bytes, 0x hex or text, not {value!r}")
    if size is not None and len(value) != size:
        raise InvalidArgument(f"{where} takes {size} bytes, not {len(value)}")
    return bytes(value)


def _within(limit: Bound | None, value: T, where: str) -> T:
    if limit is not None and len(value) > limit.limit:
        raise InvalidArgument(f"{where} takes at most {limit.limit}, not {len(value)}")
    return value


def _elements(kinds: tuple[Any, ...], value: Any, where: str) -> list[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise InvalidArgument(f"{where} takes a list, not {value!r}")
    return [converted(kinds[0], each, f"{where}[{place}]") for place, each in enumerate(value)]


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)) or len(value) != len(kinds):
        raise InvalidArgument(f"{where} takes {len(kinds)} values together, not {value!r}")
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(converted(kind, each, f"{where}[{place}]") for place, (kind, each) in pairs)


def _call(value: Any, where: str) -> Call:
    if not isinstance(value, Call):
        raise InvalidArgument(f"{where} takes a call, as chain.call.system.remark(b'…') makes one, not {value!r}")
    return value
