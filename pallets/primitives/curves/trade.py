"""What a trade costs and pays. A quote and the trade in the same state agree to the last unit.

Fees are rounded up in all, so that splitting a trade never saves any; of a fee each part is rounded down, and what that
leaves is the agent's treasury's. Purchases are cut down to what the curve sells, before fees.
"""

from __future__ import annotations

from pallets.primitives.curves.record import MILLION, Curve, Level
from pallets.primitives.types import Balance, struct


@struct(path="pallet_curves::Quote")
class Quote:
    """What a trade would do now."""

    units: Balance
    """How many units it would be: fewer than asked for where there are no more."""
    gross: Balance
    """By the curve alone."""
    fee: Balance
    """All fees, with the launch tax."""
    net: Balance
    """What a purchase costs, or a sale pays, in all."""
    price_after: Balance
    """Of a whole token at the margin, rounded up."""


def charge(gross: int, rate: int) -> int:
    """So many millionths of an amount, rounded up."""
    return -(-gross * rate // MILLION)


def most_within(money: int, rate: int) -> int:
    """The largest amount that is within some money with its charge on top."""
    return money * MILLION // (MILLION + rate)


def buying_rate(curve: Curve, now: int) -> int:
    """The fees and the launch tax of a purchase, in millionths."""
    return curve.terms.fees.total + curve.terms.tax(curve.created_at, now)


def units_for(curve: Curve, level: Level, money: int, rate: int) -> int:
    """How many units some money buys, at most all that the curve still sells."""
    return curve.shape.units_for(level.reserve + most_within(money, rate), curve.terms.last) - level.supply


def token_price(curve: Curve, supply: int) -> int:
    """The price of a whole token, 10^decimals units, at a supply; rounded up."""
    price, per = curve.shape.price(supply)
    token: int = 10**curve.decimals
    return -(-price * token // per)


def quote_buy(curve: Curve, level: Level, units: int, now: int) -> Quote:
    """Of buying so many units, or those that are left."""
    units = min(units, curve.terms.last - level.supply)
    gross = curve.shape.reserve(level.supply + units) - level.reserve
    fee = charge(gross, buying_rate(curve, now))
    return Quote(units, gross, fee, gross + fee, token_price(curve, level.supply + units))


def quote_buy_for(curve: Curve, level: Level, money: int, now: int) -> Quote:
    """Of buying as many units as some money pays for."""
    return quote_buy(curve, level, units_for(curve, level, money, buying_rate(curve, now)), now)


def quote_sell(curve: Curve, level: Level, units: int) -> Quote:
    """Of selling so many units, or all there are."""
    supply = max(level.supply - units, 0)
    gross = level.reserve - curve.shape.reserve(supply)
    fee = charge(gross, curve.terms.fees.total)
    return Quote(level.supply - supply, gross, fee, gross - fee, token_price(curve, supply))
