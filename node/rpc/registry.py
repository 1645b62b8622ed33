"""From a JSON-RPC call to a Python function and back.

## Overview

```python
@method()
def chain_getHeader(node: Context, hash: Hash | None = None) -> Any: ...

@subscription("chain_newHead", unsubscribe="chain_unsubscribeNewHead")
async def chain_subscribeNewHead(node: Context) -> AsyncIterator[Any]: ...
```
The annotation of a parameter is its gate: `Hex` and `Hash` turn strings into bytes, `int` takes numbers, `str` takes
strings. Clients differ in what they leave out, so a missing, `null` or `[null]` optional parameter is the same, and a
`null` too many is none. By name, `child_trie` is `childTrie` too.

A subscription function checks its parameters when awaited and answers an iterator of notifications, so that a refused
subscription is an error reply and never a dead identifier.

A function whose second parameter is a `Session` works on the connection it is called on; over HTTP there is none. That
of a subscription function may be its `Subscription`.
"""

from __future__ import annotations

import inspect
import re
import typing
from binascii import unhexlify
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from node.rpc.errors import RpcError, invalid_params
from node.rpc.serving.session import Session, Subscription
from pallets.primitives.annotations import option_of

MAX_ITEMS = 1 << 15
"""Of a list that is a parameter: each costs a look-up, during which nobody else is served."""

CAPITAL = re.compile("[A-Z]")

Gate = Callable[[Any], Any]


def hex_bytes(value: Any) -> bytes:
    """Bytes from hex, with or without `0x`; raises `ValueError`."""
    if not isinstance(value, str):
        raise ValueError("a hex string is expected")
    return unhexlify(value[2:] if value.startswith("0x") else value)


def hash_bytes(value: Any) -> bytes:
    """A 32-byte hash; raises `ValueError`."""
    found = hex_bytes(value)
    if len(found) != 32:
        raise ValueError(f"a hash has 32 bytes, this one has {len(found)}")
    return found


def unsigned(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("an unsigned integer is expected")
    return value


def bounded_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list is expected")
    if len(value) > MAX_ITEMS:
        raise ValueError(f"at most {MAX_ITEMS} items are taken, {len(value)} were given")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string is expected")
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def as_given(value: Any) -> Any:
    """Any JSON; the method looks at it itself."""
    return value


@dataclass(frozen=True)
class GatedBy:
    """Marks a parameter with the function that reads it."""

    gate: Gate


Hex = Annotated[bytes, GatedBy(hex_bytes)]
Hash = Annotated[bytes, GatedBy(hash_bytes)]


@dataclass(frozen=True)
class Method:
    """A callable method; a subscription has the name of its notification and of the method that ends it."""

    name: str
    function: Callable[..., Any]
    gates: tuple[tuple[str, Gate, bool], ...]
    of_session: bool = False
    """Whether it is called with the connection's session, too."""
    of_subscription: bool = False
    """Whether it is called with its own subscription, too."""
    notification: str | None = None
    unsubscribe: str | None = None
    tells_end: bool = True
    """Whether `unsubscribe` answers if there was such a subscription; the others answer `null`."""
    unsafe: bool = False
    """Whether it is for the node's operator alone: it changes the node, tells its secrets or costs it much."""
    unsafe_without: str | None = None
    """The parameter without which it is that."""

    def arguments(self, params: Any) -> list[Any]:
        """Positional arguments from `params`; raises `invalid_params`."""
        if isinstance(params, list):
            count = len(params)
            while count and params[count - 1] is None:
                count -= 1
            given = params[:count]
        elif params is None:
            given = []
        elif isinstance(params, dict):
            by_name = {_snake_case(name): value for name, value in params.items()}
            names = [_snake_case(name) for name, _, _ in self.gates]
            unknown = by_name.keys() - names
            if unknown:
                raise invalid_params(f"{self.name} has no parameter {min(unknown)[:80]!r}")
            given = [by_name.get(name) for name in names]
        else:
            raise invalid_params("params should be a list or an object")
        if len(given) > len(self.gates):
            raise invalid_params(f"{self.name} takes at most {len(self.gates)} parameters, {len(given)} were given")
        found: list[Any] = []
        for place, (name, gate, optional) in enumerate(self.gates):
            value = given[place] if place < len(given) else None
            if value is not None:
                try:
                    found.append(gate(value))
                except ValueError as error:
                    raise invalid_params(f"parameter {name!r} of {self.name}: {error}") from None
            elif optional:
                found.append(None)
            else:
                raise invalid_params(f"parameter {name!r} of {self.name} is missing")
        return found


def _snake_case(name: str) -> str:
    """Clients write parameters as their own language does."""
    return CAPITAL.sub(r"_\g<0>", name).lower()


class Registry:
    """The methods a server offers."""

    def __init__(self) -> None:
        self.methods: dict[str, Method] = {}
        self.unsubscribes: dict[str, Method] = {}  # unsubscribe method -> what it ends

    @property
    def names(self) -> list[str]:
        """What `rpc_methods` lists."""
        return sorted([*self.methods, *self.unsubscribes])

    def add_module(self, module: Any) -> None:
        """Offers everything that a namespace module declares."""
        for thing in vars(module).values():
            for made in getattr(thing, "rpc_methods_declared", ()):
                self.methods[made.name] = made
                if made.unsubscribe is not None:
                    self.unsubscribes[made.unsubscribe] = made


def method(
    *, aliases: tuple[str, ...] = (), unsafe: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares a method under its function's name, and under further names where clients use them."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        gates, connection = _gates(function)
        function.rpc_methods_declared = [  # type: ignore[attr-defined]
            Method(name, function, gates, connection is Session, unsafe=unsafe)
            for name in (function.__name__, *aliases)
        ]
        return function

    return declare


def subscription(
    notification: str,
    *,
    unsubscribe: str,
    aliases: Mapping[str, str] | None = None,
    tells_end: bool = True,
    unsafe_without: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares a subscription; `aliases` maps further subscribe names to their unsubscribe names."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        gates, connection = _gates(function)
        of = connection is Session, connection is Subscription
        names = {function.__name__: unsubscribe, **(aliases or {})}
        function.rpc_methods_declared = [  # type: ignore[attr-defined]
            Method(name, function, gates, *of, notification, end, tells_end, unsafe_without=unsafe_without)
            for name, end in names.items()
        ]
        return function

    return declare


def _gates(function: Callable[..., Any]) -> tuple[tuple[tuple[str, Gate, bool], ...], type | None]:
    """How the parameters are read, and what of the connection the function takes, if anything."""
    hints = typing.get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    (_, _), *params = hints.items()
    connection = params[0][1] if params and params[0][1] in (Session, Subscription) else None
    if connection is not None:
        del params[0]
    defaults = inspect.signature(function).parameters
    found = []
    for name, annotation in params:
        inner = option_of(annotation) if not _is_gated(annotation) else None
        optional = inner is not None or defaults[name].default is not inspect.Parameter.empty
        found.append((name, _gate(inner if inner is not None else annotation), optional))
    return tuple(found), connection


def _is_gated(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated


def _gate(annotation: Any) -> Gate:
    if _is_gated(annotation):
        return next(m.gate for m in get_args(annotation)[1:] if isinstance(m, GatedBy))
    if get_origin(annotation) is list:
        inner = _gate(get_args(annotation)[0])

        def each(value: Any) -> list[Any]:
            return [inner(item) for item in bounded_list(value)]

        return each
    return {int: unsigned, str: text, bool: flag, Any: as_given}[annotation]


__all__ = [
    "Hash",
    "Hex",
    "Method",
    "Registry",
    "RpcError",
    "method",
    "subscription",
]
