"""Records beside the dataclasses that they stand for."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from pallets.primitives.record import record


def declared() -> Any:
    class Point:
        """A place."""

        x: int
        y: int = 0
        tags: list[str] = field(default_factory=list)

    return Point


Ours = record(declared(), slots=True)
Theirs = dataclass(slots=True)(declared())


@pytest.mark.parametrize(
    ("values", "named"),
    [((1,), {}), ((1, 2), {}), ((1, 2, ["a"]), {}), ((), {"x": 3, "tags": ["b"]}), ((1,), {"y": 5})],
)
def test_it_is_made_and_shown_as_a_dataclass(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, theirs = Ours(*values, **named), Theirs(*values, **named)
    assert repr(ours) == repr(theirs)
    assert [getattr(ours, f.name) for f in fields(Ours)] == [getattr(theirs, f.name) for f in fields(Theirs)]
    assert replace(ours, x=9) == Ours(9, ours.y, ours.tags)


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, [], 4), {}), ((1,), {"x": 1}), ((1,), {"z": 1})])
def test_what_a_dataclass_refuses_is_refused(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    for cls in (record(declared(), slots=True), Ours, Theirs):  # the first one has no instance yet
        with pytest.raises(TypeError):
            cls(*values, **named)


def test_equality_is_by_class_and_fields() -> None:
    assert Ours(1, 2) == Ours(1, 2)
    assert Ours(1, 2) != Ours(1, 3)
    assert Ours(1, 2) != Theirs(1, 2)
    with pytest.raises(TypeError):
        hash(Ours(1))


def test_every_instance_has_its_own_default() -> None:
    one, other = Ours(1), Ours(1)
    one.tags.append("a")
    assert other.tags == []


def test_slots_are_slots() -> None:
    with pytest.raises(AttributeError):
        Ours(1).z = 1
    assert record(declared(), slots=False)(1).__dict__ == {"x": 1, "y": 0, "tags": []}
