"""Arguments and options that the commands of `fathom curve` share, and how each is run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from offchain.authoring.on_chain import on_chain

if TYPE_CHECKING:
    from offchain.chain import Chain
    from offchain.trading.history import History
    from offchain.trading.market import Market

T = TypeVar("T")

Tokens = Annotated[str, typer.Argument(help="How much of the token, as 1.5WTHR; a number alone is smallest units.")]
Money = Annotated[str, typer.Argument(help="How much money, as 1.5UNIT; a number alone is smallest units.")]
Slippage = Annotated[
    str, typer.Option(metavar="PERCENT", help="How far the price may move against you, without a limit of its own.")
]
Plot = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it into a .png or .svg as well.")]
Start = Annotated[
    int | None, typer.Option("--from", min=0, help="The first block.", show_default="where the curve was created")
]


def in_market(url: str, agent: str, do: Callable[[Market], Awaitable[T]]) -> tuple[Market, T]:
    """An agent's market, and what `do` answers of it."""
    from offchain.trading.market import Market

    async def of(chain: Chain) -> tuple[Market, T]:
        market = await Market.of(chain, agent)
        return market, await do(market)

    return on_chain(url, of)


def history_in(url: str, agent: str, start: int | None, plot: Path | None) -> tuple[Market, History]:
    """An agent's market and its history from a block on; a plot that can't be drawn is refused before."""
    from offchain.trading.history import history_of

    check_plot(plot)
    return in_market(url, agent, lambda market: history_of(market, start))


def check_plot(plot: Path | None) -> None:
    """Refuses a plot before anything is done for it."""
    if plot is not None:
        from offchain.trading.plots import check_file

        check_file(plot)
