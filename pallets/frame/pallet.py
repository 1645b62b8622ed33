"""A pallet: one class that declares state, vocabulary and calls, and needs nothing else to be part of a chain.

## Overview

```python
class Balances(Pallet):
    "Accounts and balances of the native token."

    system: System                                   # another pallet, given by the constructor
    existential_deposit: Const[Balance]              # a constant: in the metadata, with the text below it
    "The least an account may hold."

    class Transfer(Event): ...                       # order is index
    class InsufficientBalance(Error): "Balance too low."
    total_issuance = Value[Balance](default=0)

    def genesis(self, balances: list[tuple[AccountId, Balance]]) -> None: ...

    @call(3, weight=Weight(190_000_000, 3_593))
    def transfer_keep_alive(self, who: Signed, dest: Address, value: Compact[Balance]) -> None: ...
```
The order inside a pallet is FRAME's: configuration, events, errors, reasons, storage, genesis, hooks, inherents, calls,
what other pallets may ask, what stays inside. A call is a plain method: tests call it directly, the runtime after
decoding. Where there is too much for one page, a plain class beside it has a part of it, which the pallet inherits.

Hooks are methods of these names: `on_initialize(number)`, `on_idle(number, remaining)`, `on_finalize(number)`,
`on_runtime_upgrade()`, `integrity_test()`. A pallet with an inherent has `inherent_identifier`, `create_inherent(data)`
and `check_inherent(call, data)`.

## Out of scope

Composition and dispatch (`runtime`), the order of a block (`executive`), the metadata (`metadata`).
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    TypeVar,
    dataclass_transform,
    get_args,
    get_origin,
)

from pallets.frame.documentation import rename
from pallets.frame.events import Error, Event, Reasons
from pallets.frame.origin import Kind, Origin, OriginKind
from pallets.frame.overlay import Overlay
from pallets.frame.storage import Item
from pallets.frame.weights import DispatchClass, DispatchInfo, Pays, Weight
from pallets.primitives.annotations import find_marker, split_annotation
from pallets.primitives.codec import Codecs
from pallets.primitives.types import AddressForm, marker

if TYPE_CHECKING:
    from pallets.frame.runtime import Call, Runtime

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


@marker
class Constant:
    """Marks a pallet field as a constant of the metadata."""


Const = Annotated[T, Constant()]


class PostInfo(NamedTuple):
    """What a call reports when it turned out cheaper, or free: a weight of `None` keeps the declared one."""

    actual_weight: Weight | None = None
    pays_fee: Pays = Pays.Yes


WeightOf = Weight | Callable[..., Weight | DispatchInfo]


@dataclasses.dataclass(frozen=True, slots=True)
class CallMark:
    """What `@call` notes on a method."""

    index: int
    weight: WeightOf
    dispatch_class: DispatchClass
    validate: Callable[..., Any] | None
    inherent: bool
    info: DispatchInfo | None
    """Of all such calls, where the weight is a constant."""


def call(
    index: int,
    *,
    weight: WeightOf = Weight(),
    dispatch_class: DispatchClass = DispatchClass.Normal,
    validate: Callable[..., Any] | None = None,
    inherent: bool = False,
) -> Callable[[F], F]:
    """Makes a method dispatchable at `index`.

    The first parameter says which origin is accepted, the others are the arguments on the wire. `weight` is a constant,
    or a function of the arguments that may answer a whole `DispatchInfo`. `validate(self, *arguments)` admits the call
    in a bare transaction and answers a `ValidTransaction`; without it only inherents may be bare. An inherent is
    mandatory. As of arguments, a trailing underscore is not of the name on the wire.
    """

    def mark(method: F) -> F:
        kind = DispatchClass.Mandatory if inherent else dispatch_class
        info = DispatchInfo(weight, kind) if isinstance(weight, Weight) else None
        method.__call_mark__ = CallMark(index, weight, kind, validate, inherent, info)  # type: ignore[attr-defined]
        return method

    return mark


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class CallSpec:
    """A call as the runtime sees it: `params` are wire names and annotations, `addresses` the positions to look up."""

    pallet_index: int
    pallet_name: str
    index: int
    name: str
    origin: Kind
    params: tuple[tuple[str, Any], ...]
    method: Callable[..., Any]
    mark: CallMark
    addresses: tuple[int, ...]
    encode: Callable[[Call], bytes]


@dataclass_transform(kw_only_default=True)
@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class Pallet:
    """Base of all pallets; `index` is the pallet's place on the wire."""

    index: int

    wire_name: ClassVar[str]
    storage_version: ClassVar[int] = 0
    constant_names: ClassVar[Mapping[str, str]] = {}  # wire names that are not the attribute in pascal case
    inherent_identifier: ClassVar[bytes | None] = None
    items_declared: ClassVar[tuple[Item, ...]]
    events: ClassVar[tuple[type[Event], ...]]
    errors: ClassVar[tuple[type[Error], ...]]
    hold_reasons: ClassVar[type[Reasons] | None]

    state: Overlay = dataclasses.field(init=False, repr=False)
    runtime: Runtime = dataclasses.field(init=False, repr=False)
    codecs: Codecs = dataclasses.field(init=False, repr=False)
    items: dict[str, Any] = dataclasses.field(init=False, repr=False)
    deposit: Callable[[Event], None] = dataclasses.field(init=False, repr=False)
    """Records an event; it is dropped if the layer it happened in is rolled back."""

    def __init_subclass__(cls) -> None:
        bases = (base for base in reversed(cls.__mro__) if base is cls or not issubclass(base, Pallet))
        declared = [thing for base in bases for thing in vars(base).values()]
        cls.wire_name = vars(cls).get("wire_name", cls.__name__)
        cls.items_declared = tuple(thing for thing in declared if isinstance(thing, Item))
        for item in cls.items_declared:
            item.owner = cls
        cls.events = tuple(
            _indexed(cls, (thing for thing in declared if isinstance(thing, type) and issubclass(thing, Event)))
        )
        cls.errors = tuple(
            _indexed(cls, (thing for thing in declared if isinstance(thing, type) and issubclass(thing, Error)))
        )
        cls.hold_reasons = next(
            (thing for thing in declared if isinstance(thing, type) and issubclass(thing, Reasons)), None
        )
        dataclasses.dataclass(kw_only=True, eq=False, repr=False)(cls)

    def create_inherent(self, data: dict[bytes, bytes]) -> Call | None:
        """The inherent call this pallet makes of the author's data, where it has one."""
        return None

    def check_inherent(self, call: Call, data: dict[bytes, bytes]) -> None:
        """Compares an inherent with one's own data; raises `InvalidBlock`."""

    def attach(self, runtime: Runtime, codecs: Codecs) -> None:
        """Makes the pallet part of a runtime instance."""
        self.runtime, self.state, self.codecs = runtime, runtime.state, codecs
        self.items, self.deposit = _Bound(self), runtime.deposit


class _Bound(dict[str, Any]):
    """Storage items bound on first use, so that a runtime instance costs only what it touches."""

    def __init__(self, pallet: Pallet) -> None:
        self.pallet = pallet

    def __missing__(self, attribute: str) -> Any:
        bound = self[attribute] = getattr(type(self.pallet), attribute).bind(self.pallet)
        return bound


def _indexed(pallet: type[Pallet], classes: Any) -> list[Any]:
    """Gives each declared event or error its index (its place, unless its class header says) and the pallet's name."""
    found = []
    for place, cls in enumerate(classes):
        rename(cls, f"{pallet.__qualname__}.{cls.__name__}")
        if cls.index < 0:
            cls.index = place
        found.append(cls)
    return found


def call_specs(pallet: Pallet, encode: Callable[[Call], bytes]) -> dict[int, CallSpec]:
    """The calls of a pallet by index; `encode` is the runtime's, for any call."""
    specs: dict[int, CallSpec] = {}
    members = {name: thing for cls in reversed(type(pallet).__mro__) for name, thing in vars(cls).items()}
    for name, method in members.items():
        if not hasattr(method, "__call_mark__"):
            continue
        hints = typing.get_type_hints(method, localns=vars(type(pallet)), include_extras=True)
        hints.pop("return", None)
        (_, first), *params = hints.items()
        origin = Origin("any").kind if first is Origin else _origin_kind(first)
        addresses = tuple(
            place for place, (_, kind) in enumerate(params) if find_marker(split_annotation(kind)[1], AddressForm)
        )
        mark: CallMark = method.__call_mark__
        if mark.index in specs:
            raise TypeError(f"{pallet.wire_name}.{name}: call index {mark.index} is taken by {specs[mark.index].name}")
        wire = tuple((param.rstrip("_"), kind) for param, kind in params)
        specs[mark.index] = CallSpec(
            pallet.index, pallet.wire_name, mark.index, name.rstrip("_"), origin, wire, method, mark, addresses, encode
        )
    return specs


def _origin_kind(annotation: Any) -> Kind:
    found = find_marker(split_annotation(annotation)[1], OriginKind)
    if found is None:
        raise TypeError(f"a call's first parameter is its origin; {annotation} is none")
    return found.kind


def constants_of(pallet: Pallet) -> list[tuple[str, str, Any, Any]]:
    """A pallet's constants: attribute, wire name, annotation, value."""
    from pallets.frame.storage import pascal

    names = {**vars(type(pallet)), "Runtime": Any}  # what this module imports for the type checker only
    hints = typing.get_type_hints(type(pallet), localns=names, include_extras=True)
    found = []
    for name, annotation in hints.items():
        if get_origin(annotation) is Annotated and any(isinstance(m, Constant) for m in get_args(annotation)[1:]):
            found.append((name, pallet.constant_names.get(name, pascal(name)), annotation, getattr(pallet, name)))
    return found
