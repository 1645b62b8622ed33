"""Events as a sequence that can be asked for what matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

from node.testing.errors import UnknownName
from pallets.frame.events import Event

E = TypeVar("E", bound=Event)
FindClass = Callable[[type[Event] | str], type[Event]]


class Events(Sequence[Event]):
    """Events in the order they happened: instances of the pallets' own classes, equal by their fields."""

    def __init__(self, events: Sequence[Event], find_class: FindClass) -> None:
        self._events, self._find_class = events, find_class

    @overload
    def of(self, kind: type[E], **fields: Any) -> list[E]: ...
    @overload
    def of(self, kind: str, **fields: Any) -> list[Any]: ...
    def of(self, kind: type[Event] | str, **fields: Any) -> list[Any]:
        """Those of a kind, `Balances.Transfer` or `"Balances.Transfer"`, whose named fields have these values.

        Raises `UnknownName` for a kind or a field that there isn't: a typo is not an absence.
        """
        wanted = self._find_class(kind)
        names = {name.rstrip("_"): name for name in wanted.__match_args__}  # type: ignore[attr-defined]
        unknown = next((name for name in fields if name.rstrip("_") not in names), None)
        if unknown is not None:
            raise UnknownName.among(f"field of {wanted.__qualname__}", unknown.rstrip("_"), names)
        pairs = [(names[name.rstrip("_")], value) for name, value in fields.items()]
        return [
            event
            for event in self._events
            if type(event) is wanted and all(getattr(event, name) == value for name, value in pairs)
        ]

    @overload
    def one(self, kind: type[E], **fields: Any) -> E: ...
    @overload
    def one(self, kind: str, **fields: Any) -> Any: ...
    def one(self, kind: type[Event] | str, **fields: Any) -> Any:
        """The only one that `of` finds; an `AssertionError` says what there was where it isn't one."""
        found = self.of(kind, **fields)
        if len(found) != 1:
            there = "\n  ".join(map(repr, found or self._events)) or "no events"
            raise AssertionError(f"{len(found)} events are {self._find_class(kind).__qualname__} {fields}:\n  {there}")
        return found[0]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        return self._events[index]

    def __repr__(self) -> str:
        return f"Events({list(self._events)!r})"
