"""Plots: price over supply, price over time, revenue; as PNG or SVG, by the ending of the file's name.

They need matplotlib, which is the extra `plot` of this package. The same plot is the same bytes, SVG text is text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from offchain.trading.amounts import Unit
from offchain.trading.errors import NoPlots, NothingToDraw
from offchain.trading.history import HOLDERS, TRADES, WORK, Earned, Traded
from pallets.primitives.curves.presets import Preset

KINDS = (".png", ".svg")
POINTS = 400
SIZE, DPI = (8.0, 4.5), 144
STYLE: Any = {"svg.hashsalt": "fathom", "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False}
LINE, MARK, QUIET = "#2a6f97", "#d1495b", "#8d99ae"
TOLD = {TRADES: "fees of trades", WORK: "paid for its work", HOLDERS: "of that to holders"}


def check_file(path: Path) -> None:
    """Raises `NoPlots` unless a plot can be drawn into such a file."""
    if path.suffix.lower() not in KINDS:
        raise NoPlots(f"--plot draws {' and '.join(kind[1:].upper() for kind in KINDS)}, not {path.name!r}")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise NoPlots("--plot needs matplotlib: install the extra `plot`, pip install 'fathom-node[plot]'") from None


def price_over_supply(
    path: Path, curve: Preset, *, title: str, money: Unit, token: Unit, supply: int | None = None
) -> None:
    """Draws what a whole token costs by how many there are, up to the curve's end; `supply` is where it is now."""
    check_file(path)
    from matplotlib.ticker import EngFormatter

    last, whole = curve.terms.last, token.whole
    if supply is not None and curve.terms.graduates_at is None:
        last = min(last, max(2 * supply, 10 * whole))
    elif curve.terms.graduates_at is None:
        last = min(last, 1000 * whole)
    supplies = sorted({last * step // POINTS for step in range(POINTS + 1)})

    def price(at: int) -> float:
        numerator, denominator = curve.shape.price(at)
        return numerator * whole / denominator / money.whole

    def draw(axes: Any) -> None:
        axes.plot([at / whole for at in supplies], [price(at) for at in supplies], color=LINE)
        if curve.terms.graduates_at is not None:
            axes.axvline(last / whole, color=QUIET, linestyle="--", label="becomes a pool")
        if supply is not None:
            axes.plot([supply / whole], [price(supply)], "o", color=MARK, label="now")
        if supply is not None or curve.terms.graduates_at is not None:
            axes.legend(frameon=False)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xlabel(f"sold, {token.symbol or 'tokens'}")
        axes.set_ylabel(f"price of one, {money.symbol}")

    _save(path, title, draw)


def price_over_time(path: Path, trades: Sequence[Traded], *, title: str, money: Unit) -> None:
    """Draws the price after each trade; raises `NothingToDraw`."""
    if not trades:
        raise NothingToDraw("nobody has traded the token yet: there is no price over time")
    end = next((trade.at for trade in trades if trade.pool is not None), None)

    def draw(axes: Any) -> None:
        times = [_time(trade.at) for trade in trades]
        axes.step(times, [trade.price / money.whole for trade in trades], where="post", color=LINE)
        for kind, marker in (("buy", "^"), ("sell", "v")):
            of_kind = [trade for trade in trades if trade.kind == kind]
            prices = [trade.price / money.whole for trade in of_kind]
            axes.plot([_time(trade.at) for trade in of_kind], prices, marker, color=LINE, markersize=4, label=kind)
        if end is not None:
            axes.axvline(_time(end), color=QUIET, linestyle="--", label="in the pool")
        axes.legend(frameon=False)
        axes.set_ylabel(f"price of one, {money.symbol}")
        _dates(axes)

    _save(path, title, draw)


def revenue(path: Path, earned: Sequence[Earned], *, title: str, money: Unit) -> None:
    """Draws what came in so far, by source; raises `NothingToDraw`."""
    if not earned:
        raise NothingToDraw("the agent hasn't earned anything yet: there is no revenue to draw")

    def draw(axes: Any) -> None:
        end = _time(earned[-1].at)
        for source, color, style in ((TRADES, LINE, "-"), (WORK, MARK, "-"), (HOLDERS, QUIET, "--")):
            amounts, times, total = [0.0], [_time(earned[0].at)], 0
            for each in earned:
                if each.source == source:
                    total += each.amount
                    times.append(_time(each.at))
                    amounts.append(total / money.whole)
            axes.step([*times, end], [*amounts, amounts[-1]], style, where="post", color=color, label=TOLD[source])
        axes.legend(frameon=False)
        axes.set_ylabel(f"so far, {money.symbol}")
        _dates(axes)

    _save(path, title, draw)


def _save(path: Path, title: str, draw: Callable[[Any], None]) -> None:
    check_file(path)
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=SIZE, dpi=DPI, layout="tight")
        axes = figure.subplots()
        axes.set_title(title)
        draw(axes)
        axes.set_ylim(bottom=0)
        kind = path.suffix[1:].lower()
        figure.savefig(path, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": None})


def _dates(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlabel("UTC")


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
