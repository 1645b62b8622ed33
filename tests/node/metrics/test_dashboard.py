"""The dashboard and the page about metrics speak of what a node exports, and of nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trio.testing import MockClock

from node.config import PrometheusConfig
from tests.node.metrics.scraped import Scraped, scraped
from tests.node.nodes import running_node
from tests.node.scratch import scratch_directory

DOCS = Path(__file__).resolve().parents[3] / "docs"
NOT_METRICS = {"deriv", "histogram_quantile", "rate", "sum", "time", "topk"}
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|\n]*)\|", re.MULTILINE)


async def exported() -> Scraped:
    with scratch_directory() as directory:
        async with running_node(directory, prometheus=PrometheusConfig(port=0)) as node:
            return await scraped(node)


def queries(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        for target in panel.get("targets", ()):
            yield target["expr"]


def names(query: str) -> set[str]:
    """The metrics in a PromQL expression: what is left of its words without labels, ranges and functions."""
    assert query.count("(") == query.count(")"), query
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|ignoring) ?\([^)]*\)", "", query)
    return set(re.findall(r"[A-Za-z_]\w*", bare)) - NOT_METRICS


async def test_the_dashboard_asks_for_what_there_is(autojump_clock: MockClock) -> None:
    dashboard = json.loads((DOCS / "grafana" / "fathom.json").read_text())
    types = (await exported()).types
    series = set(types) | {
        f"{name}_{part}" for name, kind in types.items() if kind == "histogram" for part in ("bucket", "sum", "count")
    }
    series -= {name for name, kind in types.items() if kind == "histogram"}
    asked = set().union(*(names(query) for query in queries(dashboard["panels"])))
    assert asked <= series
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    assert set(types) - shown == set()  # and all of it
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)", json.dumps(dashboard)))
    assert used == variables == {"chain", "datasource"}
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


async def test_the_page_lists_what_there_is(autojump_clock: MockClock) -> None:
    page = (DOCS / "metrics.md").read_text()
    listed = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in ROW.findall(page)}
    metrics = await exported()
    assert {name: kind for name, (kind, _) in listed.items()} == metrics.types
    for family in metrics.families:
        kind, labels = listed[family.name]
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == labels | {"chain"}, (family.name, kind)
