"""How a host function is declared: its Python signature is its Wasm signature.

## Overview

```python
@host_function
def ext_storage_get_version_1(call: Call, key: Slice) -> NewSlice:
    return optional_bytes(call.storage.get(key))
```

An argument's annotation says how it is read: `Slice` is an address and a length in one i64 and arrives as bytes,
`Bytes32` an i32 to so many bytes, `Room` a slice to write into, which arrives as address and length. A result is a
number, or bytes for which the runtime's memory gets an allocation: `NewSlice` is answered by address and length,
`NewBytes` by the address alone.

Mirrors `sp_runtime_interface`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from inspect import signature
from typing import Annotated, Any, NamedTuple, TypeAlias, get_args, get_type_hints


class Kind(Enum):
    """How a value crosses; the value is its Wasm type."""

    SLICE = "i64", "slice"
    ROOM = "i64", "room"
    POINTER = "i32", "pointer"
    U32 = "i32", "number"
    U64 = "i64", "number"
    NEW_SLICE = "i64", "new slice"
    NEW_BYTES = "i32", "new bytes"

    @property
    def wasm_type(self) -> str:
        return self.value[0]


class Crossing(NamedTuple):
    """An argument or a result; of bytes at a pointer, how many."""

    kind: Kind
    size: int = 0


Slice: TypeAlias = Annotated[bytes, Crossing(Kind.SLICE)]
Room: TypeAlias = Annotated[tuple[int, int], Crossing(Kind.ROOM)]
Bytes4: TypeAlias = Annotated[bytes, Crossing(Kind.POINTER, 4)]
Bytes32: TypeAlias = Annotated[bytes, Crossing(Kind.POINTER, 32)]
Bytes33: TypeAlias = Annotated[bytes, Crossing(Kind.POINTER, 33)]
Bytes64: TypeAlias = Annotated[bytes, Crossing(Kind.POINTER, 64)]
Bytes65: TypeAlias = Annotated[bytes, Crossing(Kind.POINTER, 65)]
U32: TypeAlias = Annotated[int, Crossing(Kind.U32)]
U64: TypeAlias = Annotated[int, Crossing(Kind.U64)]
NewSlice: TypeAlias = Annotated[bytes, Crossing(Kind.NEW_SLICE)]
NewBytes: TypeAlias = Annotated[bytes, Crossing(Kind.NEW_BYTES)]


class HostFunction(NamedTuple):
    """A function that runtimes import: what it does, of a call and its arguments, and how they cross."""

    name: str
    body: Callable[..., Any]
    arguments: tuple[Crossing, ...]
    result: Crossing | None

    @property
    def wasm_signature(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The Wasm types of arguments and results."""
        results = () if self.result is None else (self.result.kind.wasm_type,)
        return tuple(crossing.kind.wasm_type for crossing in self.arguments), results


HOST_FUNCTIONS: dict[str, HostFunction] = {}
"""All that are declared, by name: those of the modules that `node.wasm.host.all` imports."""


def host_function(body: Callable[..., Any]) -> Callable[..., Any]:
    """Declares a host function under its own name."""
    hints = get_type_hints(body, include_extras=True)
    names = list(signature(body).parameters)[1:]
    result = hints["return"]
    HOST_FUNCTIONS[body.__name__] = HostFunction(
        body.__name__,
        body,
        tuple(_crossing(hints[name]) for name in names),
        None if result is type(None) else _crossing(result),
    )
    return body


def _crossing(annotation: Any) -> Crossing:
    _, crossing = get_args(annotation)
    if not isinstance(crossing, Crossing):
        raise TypeError(f"{annotation} is no way to cross into Wasm")
    return crossing
