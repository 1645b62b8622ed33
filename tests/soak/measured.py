"""What is measured while a node is soaked: its memory over time, and how soon its subscribers are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, linear_regression, median, quantiles
from typing import Any

MIB = 1024 * 1024
SPAN = 600.0
"""Seconds over which growth is told."""


@dataclass(frozen=True)
class Sample:
    """The node's memory in MiB at a moment, in seconds: all of it, and what its parts say of themselves."""

    at: float
    with_stopped: bool
    """Whether there were subscribers that don't read: what waits for them is memory, too."""
    rss: float
    heap: float
    """Of C's allocator, which Python's large objects and RocksDB's buffers come from."""
    database: float
    """RocksDB's buffers, cache and tables."""
    objects: int
    """Blocks that Python's own allocator has given out."""


@dataclass
class Window:
    """A while with those that stop reading, or without."""

    with_stopped: bool
    told: list[float] = field(default_factory=list)
    """Seconds from a transfer's sending to each reader's news of it."""
    samples: list[Sample] = field(default_factory=list)


def growth(samples: Sequence[Sample]) -> dict[str, float]:
    """MiB in ten minutes, by straight lines through the samples; `objects` in thousands.

    One slope fits the samples with subscribers that don't read and those without, each kind around its mean.
    """
    return {
        "rss_mib": _slope(samples, lambda sample: sample.rss),
        "heap_mib": _slope(samples, lambda sample: sample.heap),
        "database_mib": _slope(samples, lambda sample: sample.database),
        "rss_without_database_mib": _slope(samples, lambda sample: sample.rss - sample.database),
        "objects_k": _slope(samples, lambda sample: sample.objects / 1000),
    }


def _slope(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    times: list[float] = []
    values: list[float] = []
    for kind in (False, True):
        some = [sample for sample in samples if sample.with_stopped is kind]
        if some:
            middle, level = fmean(sample.at for sample in some), fmean(map(value, some))
            times += [sample.at - middle for sample in some]
            values += [value(sample) - level for sample in some]
    return round(linear_regression(times, values).slope * SPAN, 3)


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
