"""Counting calls, and how the counts are written: judged by Prometheus' own parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.counts import RPC_BUCKETS, UNKNOWN, Histogram, RpcCounts
from node.metrics.exposition import Family, exposition
from node.metrics.families import rpc_families
from tests.node.metrics.scraped import Scraped


def written(counts: RpcCounts) -> Scraped:
    return Scraped(exposition(rpc_families(counts), {"chain": "test"}).decode())


def test_calls_by_protocol_method_and_end() -> None:
    counts = RpcCounts()
    counts.know(["a", "b"])
    for micros, failed in ((5, False), (5.9, False), (6, True), (20_000_000, False)):
        counts.ws.started("a").finished(micros / 1e6 + 1e-9, is_error=failed)
    counts.ws.started("a").finished(0.5, is_error=True, is_rate_limited=True)
    counts.http.started("b")  # still under way
    metrics = written(counts)
    assert metrics.value("substrate_rpc_calls_started", protocol="ws", method="a") == 5
    assert metrics.value("substrate_rpc_calls_started", protocol="http", method="b") == 1
    ended = {"protocol": "ws", "method": "a"}
    finished = {
        (failed, limited): metrics.value(
            "substrate_rpc_calls_finished", **ended, is_error=failed, is_rate_limited=limited
        )
        for failed, limited in (("false", "false"), ("true", "false"), ("true", "true"))
    }
    assert finished == {("false", "false"): 3, ("true", "false"): 1, ("true", "true"): 1}
    name, free = "substrate_rpc_calls_time", {**ended, "is_rate_limited": "false"}
    found = {bound: metrics.value(f"{name}_bucket", **free, le=bound) for bound in ("5", "25", "10000000", "+Inf")}
    assert found == {"5": 2, "25": 3, "10000000": 3, "+Inf": 4}
    assert metrics.value(f"{name}_count", **free) == 4
    assert metrics.value(f"{name}_sum", **free) == 5 + 5 + 6 + 20_000_000
    assert metrics.value(f"{name}_sum", **ended, is_rate_limited="true") == 500_000


def test_names_that_strangers_make_up_are_one() -> None:
    """Also a name that comes to be known only later, and one that is called as they are called together."""
    counts = RpcCounts()
    counts.know(["a"])
    for number in range(1000):
        counts.ws.started(f"made_up_{number}").finished(0, is_error=True)
    counts.ws.started(UNKNOWN).finished(0, is_error=True)
    counts.ws.started("a").finished(0, is_error=False)
    counts.ws.started("b")
    counts.know(["b"])
    counts.ws.started("b")
    metrics = written(counts)
    started = {
        method: metrics.value("substrate_rpc_calls_started", protocol="ws", method=method)
        for method in ("a", "b", UNKNOWN)
    }
    assert started == {"a": 1, "b": 1, UNKNOWN: 1002}
    assert len([labels for labels in metrics.labels() if "is_error" in labels]) == 2


def test_sessions() -> None:
    counts = RpcCounts()
    counts.sessions_opened += 2
    counts.session_closed(7.9)
    metrics = written(counts)
    assert metrics.value("substrate_rpc_sessions_opened") == 2
    assert metrics.value("substrate_rpc_sessions_closed") == 1
    assert metrics.value("substrate_rpc_sessions_time_bucket", protocol="ws", le="5") == 0
    assert metrics.value("substrate_rpc_sessions_time_bucket", protocol="ws", le="25") == 1
    assert metrics.value("substrate_rpc_sessions_time_sum", protocol="ws") == 7


@given(st.lists(st.integers(0, 20_000_000) | st.sampled_from(RPC_BUCKETS)))
def test_a_bucket_counts_all_up_to_its_bound(values: list[int]) -> None:
    histogram = Histogram(RPC_BUCKETS)
    for value in values:
        histogram.observe(value)
    assert histogram.cumulative() == [sum(value <= bound for value in values) for bound in (*RPC_BUCKETS, 1e12)]
    assert histogram.sum == sum(values)


@given(st.text(), st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_is_in_a_label_is_read_back(help: str, text: str) -> None:
    help = help.encode(errors="ignore").decode()
    family = Family("name", "gauge", help, (({"label": text}, 1),))
    (line, *_) = exposition([family], {"chain": text}).decode().split("\n# TYPE")
    assert "\n" not in line
    metrics = Scraped(exposition([family], {"chain": text}).decode())
    assert list(metrics.labels()) == [{"label": text, "chain": text}]
