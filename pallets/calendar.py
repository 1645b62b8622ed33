"""What falls due: maps ordered by when, so that a block touches only what is due, however much waits.

A calendar is a storage map whose key starts with a big-endian number (`DueKey`) and whose hasher keeps it, so that
the order of the storage keys is the order of that number: of time, or of blocks. A second part of the key says what is
due; the value, mostly empty, is the owner's. A jump of a year costs no more than the entries it passes, and those a
bounded number a block.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pallets.frame.bound_items import BoundMap

K = TypeVar("K")

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


def first_due(calendar: BoundMap[tuple[int, K], Any]) -> int | None:
    """When the first entry is due; `None` of an empty calendar."""
    return next((when for when, _ in calendar), None)
