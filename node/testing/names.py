"""Names of the runtime as attributes: `chain.query.system.account`, with tab completion, and help for a typo."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, TypeVar

from node.testing.errors import UnknownName
from pallets.frame.events import Event
from pallets.frame.pallet import CallSpec, Pallet, constants_of
from pallets.frame.runtime import Runtime
from pallets.frame.runtime_api import ApiMethod
from pallets.frame.storage import Item

T = TypeVar("T")
CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Namespace:
    """What is found by name; `make` makes each thing when it is asked for."""

    def __init__(self, what: str, names: Collection[str], make: Callable[[str], Any]) -> None:
        self._what, self._names, self._make = what, names, make

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python's own questions
            raise AttributeError(name)
        if name not in self._names:
            raise UnknownName.among(self._what, name, self._names)
        return self._make(name)

    def __dir__(self) -> list[str]:
        return sorted(self._names)

    def __repr__(self) -> str:
        return f"<{self._what}: {', '.join(sorted(self._names))}>"


def two_levels(
    outer: str, inner: str, members: Mapping[str, Mapping[str, T]], make: Callable[[str, T], Any]
) -> Namespace:
    """Names inside names, such as a pallet's calls; `make` is given the outer name and what is behind the inner."""

    def inside(name: str) -> Namespace:
        mine = members[name]
        return Namespace(f"{inner} of {name}", mine, lambda found: make(name, mine[found]))

    return Namespace(outer, members, inside)


class Names:
    """All names that a runtime class declares, by pallet where they belong to one."""

    def __init__(self, runtime: Runtime) -> None:
        found = {name: thing for name, thing in vars(runtime).items() if isinstance(thing, Pallet)}
        self._pallets, self._apis = found, runtime.apis
        by_index = {pallet.index: name for name, pallet in found.items()}
        self.calls: dict[str, dict[str, CallSpec]] = {name: {} for name in found}
        for spec in runtime.tables.calls.values():
            self.calls[by_index[spec.pallet_index]][spec.name] = spec
        self.items: dict[str, dict[str, Item]] = {
            name: {item.attribute.strip("_"): item for item in pallet.items_declared} for name, pallet in found.items()
        }
        self.events: dict[str, type[Event]] = {
            f"{pallet.wire_name}.{event.__name__}": event for pallet in found.values() for event in pallet.events
        }
        self.errors = [f"{pallet.wire_name}.{error.__name__}" for pallet in found.values() for error in pallet.errors]

    @cached_property
    def constants(self) -> dict[str, dict[str, str]]:
        """Attributes of the pallets, by pallet and name."""
        return {
            name: {attribute.strip("_"): attribute for attribute, *_ in constants_of(pallet)}
            for name, pallet in self._pallets.items()
        }

    @cached_property
    def apis(self) -> dict[str, dict[str, ApiMethod]]:
        """Functions of the runtime APIs, by API and name."""
        return {
            CAPITAL.sub("_", api.__name__).lower(): {method.name: method for method in api.methods()}
            for api in self._apis
        }

    def event(self, kind: type[Event] | str) -> type[Event]:
        """An event's class; raises `UnknownName`."""
        if not isinstance(kind, str):
            return kind
        if kind not in self.events:
            raise UnknownName.among("event", kind, self.events)
        return self.events[kind]
