"""What Prometheus would read from a node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from node.service import RunningNode
from node.web import request


@dataclass(frozen=True)
class Scraped:
    """One answer, as text and as Prometheus' own client reads it."""

    text: str

    @property
    def families(self) -> list[Metric]:
        return list(text_string_to_metric_families(self.text))

    @property
    def types(self) -> dict[str, str]:
        """Names and types, as written: the client would put `_total` behind a counter's."""
        lines = (line.split() for line in self.text.splitlines() if line.startswith("# TYPE "))
        return {name: kind for _, _, name, kind in lines}

    def labels(self) -> Iterator[dict[str, str]]:
        for family in self.families:
            for sample in family.samples:
                yield sample.labels

    def value(self, name: str, /, **labels: str) -> float:
        """The only sample of a name with these labels, the chain's besides."""
        name += "_total" if self.types.get(name) == "counter" else ""
        (found,) = [
            sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == name and {key: text for key, text in sample.labels.items() if key != "chain"} == labels
        ]
        return float(found)


async def scraped(node: RunningNode) -> Scraped:
    """The metrics of a node, over HTTP."""
    assert node.metrics_url is not None
    response = await request(node.metrics_url)
    assert response.status == 200
    assert response.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    return Scraped(response.body.decode())
