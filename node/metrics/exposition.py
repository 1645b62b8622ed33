"""The text format that Prometheus reads, version 0.0.4.

Written here because Substrate's counters have no `_total` behind their names, which Prometheus' own Python client
can't leave out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from node.counts import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]
Value = int | float | Histogram


@dataclass(frozen=True, slots=True)
class Family:
    """The samples of one name; each is told from the others by its labels."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    samples: tuple[tuple[Labels, Value], ...]


def exposition(families: Iterable[Family], common: Labels) -> bytes:
    """All families as text; every sample has the `common` labels too."""
    return "".join(line for family in families for line in _lines(family, common)).encode()


def _lines(family: Family, common: Labels) -> Iterator[str]:
    yield f"# HELP {family.name} {_escaped(family.help)}\n# TYPE {family.name} {family.kind}\n"
    for labels, value in family.samples:
        pairs = ",".join(f'{name}="{_quoted(text)}"' for name, text in (*labels.items(), *common.items()))
        if isinstance(value, Histogram):
            counts = value.cumulative()
            for bound, count in zip((*value.bounds, "+Inf"), counts, strict=True):
                yield f'{family.name}_bucket{{{pairs},le="{bound}"}} {count}\n'
            yield f"{family.name}_sum{{{pairs}}} {value.sum}\n{family.name}_count{{{pairs}}} {counts[-1]}\n"
        else:
            yield f"{family.name}{{{pairs}}} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")
