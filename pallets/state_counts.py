"""How many things are in which state, counted as they change, so that whoever watches needn't walk the state."""

from __future__ import annotations

from typing import TypeVar

from pallets.frame.bound_items import BoundMap

K = TypeVar("K")


def count_change(counts: BoundMap[K, int], old: K | None, new: K) -> None:
    """One thing has gone from a state to another, or into its first."""
    if old is not None:
        counts[old] = max(counts[old] - 1, 0)  # root can write records past the count
    counts[new] += 1
