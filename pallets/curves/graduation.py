"""The end of a curve: what it has goes into a pool, at the price at which the curve ends.

The pool gets the whole reserve and, as far as tokens are left for it, the launch tax; beside it as many new tokens as
that is worth at the curve's last price. What is left of the largest supply will never be. The rest of the tax is the
chain's treasury's. The price of the pool differs from the last one by less than one token in all it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.primitives.curves.record import Curve, Level

if TYPE_CHECKING:
    from pallets.curves.pallet import Curves


def graduate(curves: Curves, id: int, pot: bytes, curve: Curve, level: Level) -> None:
    """Ends a curve whose last unit was sold. The caller writes the level back."""
    price, per = curve.shape.price(level.supply)
    room = curve.terms.max_supply - level.supply
    there = level.reserve + level.liquidity
    base = min(there, room * price // per)
    tokens = base * per // price
    level.pool = curves.pools.open(curve.token, pot, base, tokens)
    level.dues.chain += there - base
    level.reserve = level.liquidity = 0
    curves.deposit(curves.Graduated(id, level.pool))
    curves.deposit(curves.Stocked(id, base, tokens, room - tokens, there - base))
