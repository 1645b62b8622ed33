"""A few seconds of what `make soak` does for half an hour: everything is told, and nothing logged as an error."""

from __future__ import annotations

import json

import pytest

from tests.soak import __main__ as soak
from tests.soak.measured import Sample, growths


def test_growth_is_told_however_the_subscribers_take_turns() -> None:
    """0.1 MiB a minute, besides 5 MiB for those that don't read, in turns of three minutes."""
    samples = [
        Sample(at, at // 180 % 2 == 1, 100 + at / 600 + 5 * (at // 180 % 2) + at / 6000, 0, at / 6000, 0)
        for at in range(0, 1800, 10)
    ]
    told = growths(samples)
    assert [round(each["rss_without_database_mib"], 6) for each in told] == [1.0, 1.0, 1.0]
    assert [round(each["database_mib"], 6) for each in told] == [0.1, 0.1, 0.1]


def test_a_short_soak(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(soak, "WINDOWS", 4)
    monkeypatch.setattr(soak, "SAMPLED", 0.2)
    arguments = ["soak", "--minutes", "0.1", "--subscribers", "12", "--stopped", "2", "--warm-blocks", "100"]
    monkeypatch.setattr("sys.argv", arguments)
    assert soak.main() == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["errors_logged"] == 0
    heads, final = (figures["news_by_subscription"][f"chain_subscribe{name}Heads"] for name in ("New", "Finalized"))
    assert heads >= 2 * figures["transfers"] > 0
    assert final >= 2 * (figures["transfers"] - 2)
    assert figures["growth_in_ten_minutes"][0].keys() == {
        "rss_mib",
        "heap_mib",
        "database_mib",
        "rss_without_database_mib",
        "objects_k",
    }
