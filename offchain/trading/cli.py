"""`fathom curve`: an agent's token, launched on a bonding curve, bought and sold, and drawn."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain.authoring.on_chain import on_chain
from offchain.authoring.one_line import one_line
from offchain.authoring.options import NODE_URL, Agent, AsJson, Suri, Url, keypair
from offchain.trading.amounts import Unit, moment, percent
from offchain.trading.errors import NotTerms, TradingError
from offchain.trading.options import Money, Plot, Slippage, Start, Tokens, check_plot, history_in, in_market

if TYPE_CHECKING:
    from offchain.chain import Chain
    from offchain.trading.market import Market, Offer, Trade

app = typer.Typer(
    name="curve",
    help="Trade agents' tokens: launch one on a bonding curve, buy, sell, and see what it is worth.\n\n"
    "fathom curve create weather --preset straight --symbol WTHR && fathom curve buy weather 10WTHR --suri //Bob",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

DEV_MONEY = Unit("UNIT", 12)
SHARES, TOKENS = (0, 10, 25, 50, 75, 100), (0, 10, 50, 100, 200, 500, 1000)
"""Where prices are shown: in percent of what a curve sells, or tokens where it has no end."""


@app.command()
def presets(
    name: Annotated[str | None, typer.Argument(help="One of them.", show_default="all")] = None,
    decimals: Annotated[int, typer.Option(min=0, max=38, help="Decimals of the chain's money.")] = DEV_MONEY.decimals,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Show the well-known curves, or one of them in full, without a chain; `--json` prints what `create --terms` takes.

    [bold]Example[/bold]

    fathom curve presets pump.fun --plot pump.svg
    """
    from offchain.trading import plots, shown, terms
    from pallets.primitives.curves.presets import PRESETS

    money = Unit(DEV_MONEY.symbol, decimals)
    with one_line():
        if name is None:
            if plot is not None:
                raise TradingError("a plot is of one curve: name the preset")
            found = {each: terms.preset(each, money.whole) for each in PRESETS}
            if as_json:
                print(json.dumps({each: terms.as_json(curve) for each, curve in found.items()}))
                return
            for each, curve in found.items():
                print(f"{each:12} {shown.summary(curve, money)}")
            return
        curve = terms.preset(name, money.whole)
        if plot is not None:
            plots.price_over_supply(
                plot, curve, title=f"Price of {name}", money=money, token=Unit("tokens", curve.decimals)
            )
    if as_json:
        print(json.dumps(terms.as_json(curve)))
        return
    print(f"{name}  {shown.summary(curve, money)}")
    last, whole = curve.terms.last, 10**curve.decimals
    ends = curve.terms.graduates_at is not None
    for at in [last * share // 100 for share in SHARES] if ends else [each * whole for each in TOKENS]:
        numerator, denominator = curve.shape.price(at)
        price = money.text(-(-numerator * whole // denominator))
        print(f"{at // whole:>13,} sold  price {price:<24}  reserve {money.text(curve.shape.reserve(at))}")


@app.command()
def create(
    agent: Agent,
    symbol: Annotated[str, typer.Option(help="The token's symbol.")],
    name: Annotated[str | None, typer.Option(help="The token's name.", show_default="the agent's")] = None,
    preset: Annotated[str | None, typer.Option(help="A well-known curve: see `fathom curve presets`.")] = None,
    terms: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Terms of your own: what `presets NAME --json` prints, edited.")
    ] = None,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Launch an agent's token on a curve, once and for all; its creator signs.

    [bold]Example[/bold]

    fathom curve create weather --preset pump.fun --symbol WTHR
    """
    from offchain.trading import terms as curve_terms
    from offchain.trading.market import launch, money_of

    async def do(chain: Chain) -> Market:
        if terms is not None:
            chosen = curve_terms.from_json(_json_in(terms))
        else:
            chosen = curve_terms.preset(preset or "", (await money_of(chain)).whole)
        return await launch(chain, keypair(suri), agent, chosen, name or agent, symbol)

    with one_line():
        if (preset is None) == (terms is None):
            raise NotTerms("say by --preset NAME or by --terms FILE which curve it is to be: one of the two")
        market = on_chain(url, do)
    if as_json:
        print(json.dumps({"agent": market.agent, "curve": market.id, "token": market.curve.token}))
    else:
        print(f"curve {market.id}  token {market.curve.token} {market.token.symbol}  of agent {market.agent}")


@app.command()
def show(agent: Agent, plot: Plot = None, url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Show an agent's token: what it costs, how many there are, what is due to whom; plots price over supply.

    [bold]Example[/bold]

    fathom curve show weather --plot weather.svg
    """
    from offchain.trading import plots, shown

    with one_line():
        check_plot(plot)
        market, price = in_market(url, agent, lambda market: market.price())
        if plot is not None:
            curve = shown.preset_of(market)
            supply = market.level.supply if market.pool is None else None
            title = f"Price of {shown.name_of(market)}, by the curve"
            plots.price_over_supply(plot, curve, title=title, money=market.money, token=market.token, supply=supply)
    print(json.dumps(shown.told(market, price)) if as_json else "\n".join(shown.lines(market, price)))


@app.command()
def quote(
    agent: Agent,
    buy: Annotated[str | None, typer.Option(metavar="TOKENS", help="What so many would cost.")] = None,
    buy_for: Annotated[str | None, typer.Option("--for", metavar="MONEY", help="What so much would buy.")] = None,
    sell: Annotated[str | None, typer.Option(metavar="TOKENS", help="What so many would fetch.")] = None,
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Say what a trade would cost or pay now, to the last unit.

    [bold]Example[/bold]

    fathom curve quote weather --buy 10WTHR
    """

    async def do(market: Market) -> Offer:
        if buy is not None:
            return await market.offer_to_buy(market.token.parse(buy))
        if buy_for is not None:
            return await market.offer_to_buy_for(market.money.parse(buy_for))
        return await market.offer_to_sell(market.token.parse(sell or ""))

    with one_line():
        if sum(each is not None for each in (buy, buy_for, sell)) != 1:
            raise TradingError("say one of --buy TOKENS, --for MONEY and --sell TOKENS")
        market, offer = in_market(url, agent, do)
    if as_json:
        print(json.dumps(offer._asdict()))
    else:
        does = "fetch" if sell is not None else "cost"
        fee = "" if offer.fee is None else f"  (fees {market.money.text(offer.fee)})"
        print(f"{market.token.text(offer.units)} {does} {market.money.text(offer.money)}{fee}")


@app.command("buy")
def buy_units(
    agent: Agent,
    units: Tokens,
    max_cost: Annotated[str | None, typer.Option(metavar="MONEY", help="The most to pay for them, with fees.")] = None,
    slippage: Slippage = "1%",
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Buy so many tokens: of the curve, or once that has ended of the pool.

    [bold]Example[/bold]

    fathom curve buy weather 10WTHR --max-cost 2UNIT --suri //Bob
    """

    async def do(market: Market) -> Trade:
        limit = None if max_cost is None else market.money.parse(max_cost)
        return await market.buy(keypair(suri), market.token.parse(units), limit, percent(slippage))

    _print_trade(url, agent, do, "bought", as_json)


@app.command("buy-for")
def buy_for_money(
    agent: Agent,
    money: Money,
    min_units: Annotated[str | None, typer.Option(metavar="TOKENS", help="The fewest tokens to get for it.")] = None,
    slippage: Slippage = "1%",
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Buy what so much money pays for; of the curve, what pays for no further token isn't taken.

    [bold]Example[/bold]

    fathom curve buy-for weather 5UNIT --suri //Bob
    """

    async def do(market: Market) -> Trade:
        limit = None if min_units is None else market.token.parse(min_units)
        return await market.buy_for(keypair(suri), market.money.parse(money), limit, percent(slippage))

    _print_trade(url, agent, do, "bought", as_json)


@app.command("sell")
def sell_units(
    agent: Agent,
    units: Tokens,
    min_refund: Annotated[str | None, typer.Option(metavar="MONEY", help="The least to get, less fees.")] = None,
    slippage: Slippage = "1%",
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Sell so many tokens: to the curve, or once that has ended to the pool.

    [bold]Example[/bold]

    fathom curve sell weather 10WTHR --suri //Bob
    """

    async def do(market: Market) -> Trade:
        limit = None if min_refund is None else market.money.parse(min_refund)
        return await market.sell(keypair(suri), market.token.parse(units), limit, percent(slippage))

    _print_trade(url, agent, do, "sold", as_json)


@app.command()
def collect(agent: Agent, suri: Suri = "//Bob", url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Pay a curve's fees to whom they are due; anybody may ask for it.

    [bold]Example[/bold]

    fathom curve collect weather
    """

    with one_line():
        market, paid = in_market(url, agent, lambda market: market.collect(keypair(suri)))
    if as_json:
        print(json.dumps(paid))
        return
    for who, amount in paid.items():
        if amount:
            print(f"{who:8} {market.money.text(amount)}")


@app.command()
def claim(agent: Agent, suri: Suri = "//Bob", url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Take what you have earned by holding an agent's token.

    [bold]Example[/bold]

    fathom curve claim weather --suri //Bob
    """

    with one_line():
        market, amount = in_market(url, agent, lambda market: market.claim(keypair(suri)))
    print(json.dumps({"amount": amount}) if as_json else f"claimed {market.money.text(amount)}")


@app.command()
def history(agent: Agent, start: Start = None, plot: Plot = None, url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """List what was traded of an agent's token, on its curve and in its pool; plots price over time.

    [bold]Example[/bold]

    fathom curve history weather --plot price.svg
    """
    from offchain.trading import plots, shown

    with one_line():
        market, found = history_in(url, agent, start, plot)
        if plot is not None:
            plots.price_over_time(plot, found.trades, title=f"Price of {shown.name_of(market)}", money=market.money)
    if as_json:
        print(json.dumps([trade._asdict() for trade in found.trades]))
        return
    for trade in found.trades:
        units, money = market.token.text(trade.units), market.money.text(trade.money)
        place = "curve" if trade.pool is None else f"pool {trade.pool}"
        then = f"{place}, {market.money.text(trade.price)}"
        print(f"{moment(trade.at)}  #{trade.block}  {trade.who[:8]}… {trade.kind:4} {units} for {money}  {then}")


@app.command()
def revenue(agent: Agent, start: Start = None, plot: Plot = None, url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Sum up what an agent earned by trades and by its work, and what of that streams to its holders; plots it.

    [bold]Example[/bold]

    fathom curve revenue weather --plot revenue.png
    """
    from offchain.trading import plots, shown

    with one_line():
        market, found = history_in(url, agent, start, plot)
        if plot is not None:
            plots.revenue(plot, found.earned, title=f"Revenue of {shown.name_of(market)}", money=market.money)
    totals = {source: sum(each.amount for each in found.earned if each.source == source) for source in plots.TOLD}
    if as_json:
        print(json.dumps({"totals": totals, "earned": [each._asdict() for each in found.earned]}))
        return
    for source, text in plots.TOLD.items():
        print(f"{text:18} {market.money.text(totals[source])}")


# What these have in common


def _print_trade(url: str, agent: str, do: Callable[[Market], Awaitable[Trade]], did: str, as_json: bool) -> None:
    with one_line():
        market, trade = in_market(url, agent, do)
    if as_json:
        print(json.dumps(trade._asdict()))
        return
    fee = "" if trade.fee is None else f"  (fees {market.money.text(trade.fee)})"
    place = "" if trade.pool is None else f"  in pool {trade.pool}"
    print(f"{did} {market.token.text(trade.units)} for {market.money.text(trade.money)}{fee}{place}")
    if trade.graduated:
        print("that ended the curve: from now on the token trades in a pool")


def _json_in(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise NotTerms(f"{path} is no JSON: {error}") from None
