"""What falls due: maps ordered by when, so that a block touches only what is due, however much waits.

A calendar is a storage map whose key starts with a big-endian number (`DueKey`) and whose hasher keeps it, so that
the order of the storage keys is the order of that number: of time, or of blocks. A second part of the key says what is
due; the value, mostly empty, is the owner's. A jump of a year costs no more than the entries it passes, and those a
bounded number a block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pallets.frame import DispatchError
from pallets.frame.bound_items import BoundMap
from pallets.frame.runtime import Runtime

K = TypeVar("K")
T = TypeVar("T")

GAP = 60_000
"""Milliseconds between two blocks over which the chain is taken to have stood still: a restart, or travel in time."""


def due(calendar: BoundMap[tuple[int, K], Any], until: int, at_most: int) -> list[tuple[int, K]]:
    """The first entries up to and including `until`, in order, `at_most` of them."""
    found: list[tuple[int, K]] = []
    for entry in calendar:
        if entry[0] > until or len(found) == at_most:
            break
        found.append(entry)
    return found


def carry_out(
    runtime: Runtime,
    calendar: BoundMap[tuple[int, K], Any],
    entry: tuple[int, K],
    step: Callable[[int, K], T],
    give_up: Callable[[K, DispatchError], object],
) -> T | None:
    """Does what fell due, in a storage layer of its own. Where that fails the entry goes, and `give_up` sees to it."""
    try:
        with runtime.transactional():
            return step(*entry)
    except DispatchError as error:
        del calendar[entry]
        give_up(entry[1], error)
        return None


def first_due(calendar: BoundMap[tuple[int, K], Any]) -> int | None:
    """When the first entry is due; `None` of an empty calendar."""
    return next((when for when, _ in calendar), None)
