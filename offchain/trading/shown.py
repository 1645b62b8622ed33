"""A curve, its terms and its market, for people and for scripts."""

from __future__ import annotations

from typing import Any

from offchain.trading.amounts import Unit, share
from offchain.trading.market import Market
from offchain.trading.terms import as_json
from pallets.primitives.curves.presets import Preset


def summary(curve: Preset, money: Unit) -> str:
    """A curve's terms in a line."""
    terms, tokens = curve.terms, Unit("", curve.decimals)
    ends = "" if terms.graduates_at is None else f", a pool from {tokens.text(terms.graduates_at)} sold"
    tax = f", launch tax from {share(terms.launch_tax.start)}" if terms.launch_tax.start else ""
    return f"{type(curve.shape).__name__}, {curve.decimals} decimals{ends}, fees {share(terms.fees.total)}{tax}"


def preset_of(market: Market) -> Preset:
    """What a curve was launched with."""
    return Preset(market.curve.shape, market.curve.terms, market.curve.decimals)


def name_of(market: Market) -> str:
    """What a token is called in a title."""
    return market.token.symbol or market.record.name.decode("utf-8", "replace")


def told(market: Market, price: int) -> dict[str, Any]:
    """A market as JSON; `price` is of a whole token."""
    level, pool = market.level, market.pool
    return {
        "agent": market.agent,
        "curve": market.id,
        "token": market.curve.token,
        "symbol": market.token.symbol,
        "price": price,
        "supply": level.supply,
        "reserve": level.reserve,
        "liquidity": level.liquidity,
        "dues": {name: getattr(level.dues, name) for name in ("creator", "treasury", "holders", "chain")},
        "pool": None if pool is None else {"id": level.pool, "base": pool.base, "tokens": pool.tokens},
        "paused": market.record.paused,
        "terms": as_json(preset_of(market)),
    }


def lines(market: Market, price: int) -> list[str]:
    """A market for people."""
    level, money, token = market.level, market.money, market.token
    agent = market.record.name.decode("utf-8", "replace")
    found = [
        f"{agent}  curve {market.id}  token {market.curve.token} {token.symbol}"
        + ("  paused: nobody buys, anybody may sell" if market.record.paused and market.pool is None else ""),
        f"price    {money.text(price)} for one",
    ]
    if market.pool is not None:
        found.append(f"pool     {level.pool}: {money.text(market.pool.base)} and {token.text(market.pool.tokens)}")
    else:
        found.append(f"sold     {token.text(level.supply)} of {token.text(market.curve.terms.last)}")
        found.append(f"reserve  {money.text(level.reserve)}")
    if level.liquidity:
        found.append(f"for the pool besides  {money.text(level.liquidity)}")
    if level.dues.total:
        found.append(f"due      {money.text(level.dues.total)}: `fathom curve collect {agent}` pays it out")
    return [*found, f"terms    {summary(preset_of(market), money)}"]
