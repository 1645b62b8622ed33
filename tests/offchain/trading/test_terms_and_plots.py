"""What needs no chain: amounts as people write them, terms as JSON, plots as files."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from node.cli import app
from offchain.trading import plots, terms
from offchain.trading.amounts import Unit, duration, percent
from offchain.trading.errors import NoPlots, NotAnAmount, NothingToDraw, NotTerms
from offchain.trading.history import HOLDERS, TRADES, Earned, Traded
from pallets.primitives.curves.presets import PRESETS

MONEY, TOKEN = Unit("UNIT", 12), Unit("ECH", 6)
SECOND = 1_700_000_000_000
TRADED = [
    Traded(1, SECOND, "buy", "5x", 10, 10**12, 10**11, None),
    Traded(2, SECOND + 6_000, "sell", "5x", 5, 10**11, 10**10, None),
    Traded(3, SECOND + 12_000, "buy", "5x", 5, 10**11, 10**12, 0),
]


@given(st.integers(0, 2**128 - 1), st.integers(0, 38))
def test_what_is_printed_is_read_back(amount: int, decimals: int) -> None:
    unit = Unit("ECH", decimals)
    assert unit.parse(unit.text(amount).replace(",", "")) == amount == unit.parse(str(amount))


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1e3", "1.5BTC", "1.0000000000001UNIT", ".5UNIT", "٣"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(NotAnAmount):
        MONEY.parse(text)


def test_shares_and_durations() -> None:
    assert [percent(text) for text in ("1%", "0.5", "100 %".replace(" ", ""), "0.0001%")] == [10_000, 5_000, 10**6, 1]
    assert [duration(text) for text in ("5", "5s", "2m", "1h", "30d")] == [5, 5_000, 120_000, 3_600_000, 2_592_000_000]
    for text in ("101%", "x", "1.00001%", "-1%"):
        with pytest.raises(NotAnAmount):
            percent(text)
    with pytest.raises(NotAnAmount):
        duration("1 fortnight")


@pytest.mark.parametrize("name", PRESETS)
def test_terms_are_read_as_they_are_printed(name: str) -> None:
    curve = terms.preset(name, MONEY.whole)
    assert terms.from_json(json.loads(json.dumps(terms.as_json(curve)))) == curve


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": {"Cubic": {}}}, "one of Linear"),
        ({"shape": {"Linear": {"base": 1, "slope": 1}}}, "Linear is an object with base, slope, divisor"),
        ({"shape": {"Linear": {"base": 1, "slope": 1, "divisor": 0}}}, "divisor is zero"),
        ({"shape": {"Linear": {"base": 2**128, "slope": 1, "divisor": 1}}}, "no such curve"),
        ({"shape": {"Piecewise": {"segments": []}}}, "segments end before"),
        ({"decimals": 256}, "255 at most"),
        ({"max_supply": 1.5}, "`max_supply` is a whole number"),
        ({"more": 1}, "is an object with shape"),
    ],
)
def test_what_are_no_terms(change: dict[str, Any], said: str) -> None:
    told = copy.deepcopy(terms.as_json(terms.preset("straight", MONEY.whole))) | change
    with pytest.raises(NotTerms, match=said):
        terms.from_json(told)


def test_presets_and_their_figures() -> None:
    def said(*arguments: str) -> str:
        found = CliRunner().invoke(app, ["curve", "presets", *arguments])
        assert (found.exit_code, found.stderr) == (0, "")
        return found.stdout

    assert all(name in said() for name in PRESETS)
    assert "793,100,000 sold" in said("pump.fun") and "reserve 85.005" in said("pump.fun")
    lines = said("friend.tech").splitlines()
    assert [line.split()[3] for line in lines if line.split()[0] in ("10", "50", "100")] == [
        "0.00625",
        "0.15625",
        "0.625",
    ]
    assert terms.from_json(json.loads(said("virtuals", "--json"))) == terms.preset("virtuals", MONEY.whole)


def texts(path: Path) -> set[str]:
    return {text.text or "" for text in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")}


def test_plots_say_what_they_show_and_are_the_same_each_time(tmp_path: Path) -> None:
    curve = terms.preset("pump.fun", MONEY.whole)
    one, two, png = tmp_path / "one.svg", tmp_path / "two.SVG", tmp_path / "one.png"
    for path in (one, two, png):
        plots.price_over_supply(path, curve, title="Price", money=MONEY, token=TOKEN, supply=10**14)
    assert one.read_bytes() == two.read_bytes() and png.read_bytes().startswith(b"\x89PNG")
    assert {"Price", "now", "becomes a pool", "price of one, UNIT", "sold, ECH"} <= texts(one)
    plots.price_over_time(one, TRADED, title="Price", money=MONEY)
    assert {"buy", "sell", "in the pool", "UTC"} <= texts(one)
    earned = [Earned(1, SECOND, TRADES, 10**12), Earned(2, SECOND + 6_000, HOLDERS, 10**11)]
    plots.revenue(one, earned, title="Revenue", money=MONEY)
    assert {"Revenue", "fees of trades", "so far, UNIT"} <= texts(one)


def test_why_nothing_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoPlots, match="PNG and SVG"):
        plots.check_file(tmp_path / "plot.gif")
    with pytest.raises(NothingToDraw):
        plots.price_over_time(tmp_path / "plot.svg", [], title="Price", money=MONEY)
    with pytest.raises(NothingToDraw):
        plots.revenue(tmp_path / "plot.svg", [], title="Revenue", money=MONEY)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(NoPlots, match=r"fathom-node\[plot\]"):
        plots.check_file(tmp_path / "plot.svg")
    assert list(tmp_path.iterdir()) == []
