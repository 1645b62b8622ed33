"""What a curve is launched with, as JSON: what `fathom curve presets NAME --json` prints and `create --terms` takes.

```json
{"shape": {"Quadratic": {"base": 0, "coefficient": 1000000000000, "divisor": 16000}}, "decimals": 0,
 "max_supply": 1000000, "graduates_at": null, "fees": {"creator": 50000, "treasury": 50000, "holders": 0},
 "launch_tax": {"start": 0, "duration": 0}}
```
Amounts are in smallest units, fees and tax in millionths, the duration in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from offchain.trading.errors import NotTerms
from pallets.primitives.codec import codec_of
from pallets.primitives.curves import Linear, Piecewise, Product, Quadratic, Segment, Shape
from pallets.primitives.curves.presets import PRESETS, Preset
from pallets.primitives.curves.record import CurveTerms, Fees, LaunchTax
from pallets.primitives.curves.shape import UnsoundShape
from pallets.primitives.scale import ScaleError

T = TypeVar("T")

SHAPES: dict[str, type[Any]] = {each.__name__: each for each in (Linear, Quadratic, Product, Piecewise)}
KEYS = ("shape", "decimals", "max_supply", "graduates_at", "fees", "launch_tax")


def preset(name: str, unit: int) -> Preset:
    """A well-known curve in a money whose whole unit is so much; raises `NotTerms`."""
    if name not in PRESETS:
        raise NotTerms(f"there is no preset {name!r}: take one of {', '.join(PRESETS)}")
    return PRESETS[name](unit)


def as_json(curve: Preset) -> dict[str, Any]:
    """Terms as JSON."""
    terms = curve.terms
    return {
        "shape": {type(curve.shape).__name__: _told(curve.shape)},
        "decimals": curve.decimals,
        "max_supply": terms.max_supply,
        "graduates_at": terms.graduates_at,
        "fees": _told(terms.fees),
        "launch_tax": _told(terms.launch_tax),
    }


def from_json(told: Any) -> Preset:
    """Terms out of JSON; raises `NotTerms` for what can't be, in whatever way, a sound curve."""
    _check_keys("a curve's terms", told, KEYS)
    shape = told["shape"]
    if not isinstance(shape, dict) or len(shape) != 1 or next(iter(shape)) not in SHAPES:
        raise NotTerms(f"`shape` is an object with one of {', '.join(SHAPES)}")
    ((kind, parameters),) = shape.items()
    graduates_at = None if told["graduates_at"] is None else _number("graduates_at", told["graduates_at"])
    terms = CurveTerms(
        max_supply=_number("max_supply", told["max_supply"]),
        graduates_at=graduates_at,
        fees=_struct("fees", Fees, told["fees"]),
        launch_tax=_struct("launch_tax", LaunchTax, told["launch_tax"]),
    )
    found = Preset(_shape(kind, parameters), terms, _number("decimals", told["decimals"]))
    _check(found)
    return found


def _check(curve: Preset) -> None:
    try:
        codec_of(Shape).encode(curve.shape)
        codec_of(CurveTerms).encode(curve.terms)
        if curve.decimals > 255:
            raise NotTerms("`decimals` are 255 at most")
        curve.shape.check(curve.terms.last)
    except (ScaleError, UnsoundShape) as error:
        raise NotTerms(f"there is no such curve: {error}") from None


def _shape(kind: str, parameters: Any) -> Shape:
    if kind != "Piecewise":
        found: Shape = _struct(kind, SHAPES[kind], parameters)
        return found
    _check_keys(kind, parameters, ("segments",))
    if not isinstance(parameters["segments"], list):
        raise NotTerms("`segments` is a list")
    return Piecewise([_struct("a segment", Segment, each) for each in parameters["segments"]])


def _struct(what: str, kind: Callable[..., T], told: Any) -> T:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    _check_keys(what, told, names)
    return kind(**{name: _number(name, told[name]) for name in names})


def _check_keys(what: str, told: Any, names: Any) -> None:
    if not isinstance(told, dict) or set(told) != set(names):
        raise NotTerms(f"{what} is an object with {', '.join(names)}")


def _number(name: str, value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise NotTerms(f"`{name}` is a whole number")
    return value


def _told(value: Any) -> dict[str, Any]:
    """A struct as JSON."""
    if isinstance(value, Piecewise):
        return {"segments": [_told(each) for each in value.segments]}
    return {field.name: getattr(value, field.name) for field in fields(value)}
