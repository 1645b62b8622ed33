"""What is measured while a node is soaked: its memory over time, and how soon its subscribers are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import linear_regression, median, quantiles
from typing import Any

MIB = 1024 * 1024
SPAN = 600.0
"""Seconds over which growth is told."""


@dataclass(frozen=True)
class Sample:
    """The node's memory in MiB at a moment, in seconds: all of it, and what its parts say of themselves."""

    at: float
    rss: float
    heap: float
    """Of C's allocator, which Python's large objects and RocksDB's buffers come from."""
    database: float
    """RocksDB's buffers, cache and tables."""
    objects: int
    """Blocks that Python's own allocator has given out."""


@dataclass
class Window:
    """A while with those that stop reading, or without: seconds from a transfer's sending to each reader's news."""

    with_stopped: bool
    told: list[float] = field(default_factory=list)


def growth(samples: Sequence[Sample]) -> dict[str, float]:
    """MiB in ten minutes, by a straight line through the samples; `objects` in thousands."""
    times = [sample.at for sample in samples]

    def slope(values: list[float]) -> float:
        return round(linear_regression(times, values).slope * SPAN, 3)

    return {
        "rss_mib": slope([sample.rss for sample in samples]),
        "heap_mib": slope([sample.heap for sample in samples]),
        "database_mib": slope([sample.database for sample in samples]),
        "rss_without_database_mib": slope([sample.rss - sample.database for sample in samples]),
        "objects_k": slope([sample.objects / 1000 for sample in samples]),
    }


def growths(samples: Sequence[Sample]) -> list[dict[str, float]]:
    """The growth of each ten minutes, or of all of them where there are fewer."""
    spans: list[list[Sample]] = []
    for sample in samples:
        if not spans or (sample.at - spans[-1][0].at >= SPAN and samples[-1].at - sample.at >= SPAN / 2):
            spans.append([])
        spans[-1].append(sample)
    return [growth(span) for span in spans]


def latencies(windows: Sequence[Window]) -> dict[str, Any]:
    """Milliseconds without and with those that stop reading, and how many times the former the latter are.

    The figures are medians over the windows, which take turns.
    """
    found: dict[str, Any] = {}
    for name, point in (("p50", 49), ("p99", 98)):
        without, among = (
            median(quantiles(window.told, n=100)[point] for window in windows if window.with_stopped is wanted)
            for wanted in (False, True)
        )
        found[f"{name}_ms_without"], found[f"{name}_ms_with"] = round(without * 1000, 2), round(among * 1000, 2)
        found[f"{name}_ratio"] = round(among / without, 3)
    return {**found, "news": sum(len(window.told) for window in windows)}
