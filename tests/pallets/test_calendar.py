"""Calendars: the first that is due, in order, and no more than asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pallets.calendar import due, first_due
from pallets.frame import DueKey, Map, Pallet
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Runtime
from pallets.primitives.hashing import Identity

entries = st.lists(st.tuples(st.integers(0, 2**64 - 1) | st.integers(0, 9), st.integers(0, 9)), max_size=12)


class Diary(Pallet):
    """Something that falls due."""

    calendar = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """When what falls due."""


class DiaryRuntime(Runtime):
    """Nothing but a diary."""

    def compose(self) -> None:
        self.diary = Diary(index=1)


@given(entries, entries, st.integers(0, 12), st.integers(0, 13))
def test_due(below: list[tuple[int, int]], above: list[tuple[int, int]], until: int, at_most: int) -> None:
    written = DiaryRuntime(Overlay(DictBackend()))
    for entry in below:
        written.diary.calendar[entry] = None
    state = {key: value for key, value in written.state.changes.items() if value is not None}
    calendar = DiaryRuntime(Overlay(DictBackend(state))).diary.calendar
    for entry in above:
        calendar[entry] = None
    everything = sorted(set(below + above))
    assert due(calendar, until, at_most) == [entry for entry in everything if entry[0] <= until][:at_most]
    assert first_due(calendar) == (everything[0][0] if everything else None)
    for entry in everything:
        del calendar[entry]
    assert first_due(calendar) is None and due(calendar, 2**64 - 1, 99) == []
