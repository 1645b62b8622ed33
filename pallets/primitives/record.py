"""Dataclasses whose methods are written when they are first needed.

`dataclass` compiles three functions for every class, which is a third of a millisecond; a chain declares hundreds of
records, and a program uses a few of them. Here a class gets its `__init__`, the very one that `dataclass` would write,
when the first instance is made; comparing and showing need no code of their own.

Out of scope: `__post_init__`, `InitVar`, keyword-only fields, ordering. Such a class is a plain `dataclass`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

T = TypeVar("T")


def record(cls: type[T], *, slots: bool) -> type[T]:
    """Makes a class a dataclass, of the same fields and behaviour; with `slots` without a `__dict__`."""
    made = dataclass(init=False, repr=False, eq=False, slots=slots)(cls)

    def first(self: Any, *values: Any, **named: Any) -> None:
        written = _init_of(made)
        _set(made, __init__=written)
        written(self, *values, **named)

    first.is_of_record = True  # type: ignore[attr-defined]
    _set(made, __init__=first, __eq__=_equal, __hash__=None, __repr__=_shown)
    return made


def is_record(cls: type[Any]) -> bool:
    """Whether an instance is its fields and nothing else, so that it may be put together without `__init__`."""
    return getattr(cls.__init__, "is_of_record", False)


def _set(cls: type[Any], **methods: Any) -> None:
    for name, method in methods.items():
        setattr(cls, name, method)


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return all(getattr(self, name) == getattr(other, name) for name in self.__match_args__)


def _shown(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__qualname__}({shown})"


def _init_of(cls: type[Any]) -> Callable[..., None]:
    scope: dict[str, Any] = {"MISSING": MISSING}
    parameters, lines = ["self"], []
    for field in fields(cls):
        name = field.name
        value = name
        if field.default is not MISSING:
            scope[f"default_{name}"] = field.default
            parameters.append(f"{name}=default_{name}")
        elif field.default_factory is not MISSING:
            scope[f"make_{name}"] = field.default_factory
            parameters.append(f"{name}=MISSING")
            value = f"make_{name}() if {name} is MISSING else {name}"
        else:
            parameters.append(name)
        lines.append(f"    self.{name} = {value}")
    source = "\n".join([f"def __init__({', '.join(parameters)}):", *(lines or ["    pass"])])
    exec(compile(source, f"<init of {cls.__qualname__}>", "exec"), scope)
    made: Callable[..., None] = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.is_of_record = True  # type: ignore[attr-defined]
    return made
