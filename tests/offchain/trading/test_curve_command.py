"""`fathom curve` before a real node: a token from its launch to its pool, and every way to get it wrong."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from offchain.trading.market import Market
from pallets.dividends import Dividends
from tests.offchain.command import Fathom
from tests.offchain.real_node import ECHO, UNIT, Scene

TERMS = {
    "shape": {"Linear": {"base": UNIT, "slope": UNIT // 10, "divisor": 1}},
    "decimals": 0,
    "max_supply": 100,
    "graduates_at": 20,
    "fees": {"creator": 10_000, "treasury": 10_000, "holders": 20_000},
    "launch_tax": {"start": 0, "duration": 0},
}


async def test_a_token_from_its_launch_to_its_pool(scene: Scene, tmp_path: Path) -> None:
    curve = Fathom(scene.node.ws_url, "curve")
    agent = await scene.deploy(ECHO)
    assert "no token yet" in await curve.refused("show", "echo")
    terms = tmp_path / "terms.json"
    terms.write_text(json.dumps(TERMS))
    launched = await curve("create", "echo", "--terms", terms, "--symbol", "ECH", suri="//Alice")
    assert launched == {"agent": agent, "curve": 0, "token": scene.state.curves.curve[0].token}
    assert (await curve("show", "echo"))["terms"] == TERMS
    assert "AlreadyLaunched" in await curve.refused("create", "echo", "--terms", terms, "--symbol", "X", suri="//Alice")

    # a quote is what the trade then costs, to the last unit
    offer = await curve("quote", "echo", "--buy", "10ECH")
    assert offer["units"] == 10 and offer["money"] == 145 * UNIT // 10 + offer["fee"]
    bought = await curve("buy", "echo", "10ECH", "--max-cost", offer["money"], suri="//Bob")
    assert bought == {**offer, "pool": None, "graduated": False}
    offer = await curve("quote", "echo", "--for", "8UNIT")
    assert offer["units"] == 3 and await curve("buy-for", str(agent), "8UNIT", suri="//Charlie") == {
        **offer,
        "pool": None,
        "graduated": False,
    }
    offer = await curve("quote", "echo", "--sell", "4")
    assert await curve("sell", "echo", "4ECH", suri="//Bob") == {**offer, "pool": None, "graduated": False}

    # what can't be is said in the chain's words, in one line
    assert (await curve.refused("buy", "echo", "5ECH", "--max-cost", "1UNIT")).startswith("Curves.Slippage: The price")
    assert (await curve.refused("sell", "echo", "9", "--min-refund", "0")).startswith("Token.FundsUnavailable")
    assert "Curves.ZeroUnits" in await curve.refused("buy", "echo", "0", "--max-cost", "1UNIT")
    assert "has to be of UNIT" in await curve.refused("buy-for", "echo", "5ECH")
    assert "no agent 'nobody'" in await curve.refused("buy", "nobody", "5ECH")
    assert "one of --buy" in await curve.refused("quote", "echo", "--buy", "1", "--sell", "1")

    # fees, and what holders have of them
    due = (await curve("show", "echo"))["dues"]
    paid = await curve("collect", "echo", suri="//Dave")
    assert paid == due and paid["holders"] > 0
    assert "Curves.NothingDue" in await curve.refused("collect", "echo")
    await scene.seen(Dividends.RevenueAdded)
    await scene.travel(600_000)
    claimed = await curve("claim", "echo", suri="//Bob")
    assert 0 < claimed["amount"] < paid["holders"]
    assert "NothingToClaim" in await curve.refused("claim", "echo", suri="//Bob")

    # the purchase that ends the curve is cut down; from then on the same words trade in the pool
    said = await curve.text("buy", "echo", "50ECH", suri="//Bob")
    assert said.startswith("bought 11 ECH for") and "ended the curve" in said
    shown = await curve("show", "echo")
    assert shown["supply"] == 20 and shown["pool"]["id"] == 0 and shown["reserve"] == 0
    for kind, amount, spelled in (("buy", "3ECH", "--buy"), ("buy-for", "9UNIT", "--for"), ("sell", "3ECH", "--sell")):
        offer = await curve("quote", "echo", spelled, amount)
        assert await curve(kind, "echo", amount, suri="//Charlie") == {**offer, "pool": 0, "graduated": False}
    assert "never sells all" in await curve.refused("buy", "echo", "1000000")
    assert "Pools.Slippage" in await curve.refused("buy", "echo", "1ECH", "--max-cost", "1")

    # what happened, replayed from events, agrees with what the chain has
    trades = await curve("history", "echo")
    assert [trade["kind"] for trade in trades] == ["buy", "buy", "sell", "buy", "buy", "buy", "sell"]
    assert [trade["pool"] for trade in trades] == [None] * 4 + [0] * 3
    assert trades[-1]["price"] == (await curve("show", "echo"))["price"]
    later = await curve("history", "echo", "--from", trades[4]["block"])
    assert later == trades[4:]
    revenue = await curve("revenue", "echo")
    fees = sum(paid.values()) + sum(event.fee for event in scene.all(type(scene.state.curves).Bought)[-1:])
    assert revenue["totals"]["trades"] == fees
    assert revenue["totals"]["holders"] == sum(event.amount for event in scene.all(Dividends.RevenueAdded))

    for command in ("show", "history", "revenue"):
        plot = tmp_path / f"{command}.svg"
        await curve.text(command, "echo", "--plot", plot)
        title = [text.text for text in ElementTree.parse(plot).iter("{http://www.w3.org/2000/svg}text")]
        assert any("ECH" in (text or "") for text in title)


async def test_records_are_read_as_the_pallets_write_them(scene: Scene) -> None:
    await scene.deploy(ECHO)
    curve = Fathom(scene.node.ws_url, "curve")
    await curve("create", "echo", "--preset", "virtuals", "--symbol", "ECH", suri="//Alice")
    await curve("buy-for", "echo", "50000UNIT", "--min-units", "1", suri="//Alice")
    market = await Market.of(scene.chain, "echo")
    state = scene.state
    assert market.curve == state.curves.curve[0] and market.level == state.curves.level[0]
    assert market.level.liquidity > 0 and market.token.symbol == "ECH"
    earned = (await curve("revenue", "echo"))["totals"]  # the launch tax is the pool's, and no revenue
    assert earned == {"trades": market.level.dues.total, "work": 0, "holders": 0}
