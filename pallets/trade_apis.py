"""What agents' tokens cost and fetch: quotes for any client, by `state_call`.

A quote agrees with a trade in the same state to the last unit. It is of what there is: one for more units than are left
says how many that would be.
"""

from __future__ import annotations

from pallets.curves.pallet import Curves
from pallets.frame import U32, Balance
from pallets.frame.runtime_api import RuntimeApi
from pallets.pools import Pools
from pallets.primitives.curves.pool import Side
from pallets.primitives.curves.record import CurveId, PoolId
from pallets.primitives.curves.trade import Quote


class CurvesApi(RuntimeApi, version=1):
    """What a trade on a curve would cost or pay now; `None` of a curve that is unknown, or has graduated."""

    def quote_buy(self, curve: CurveId, units: Balance) -> Quote | None:
        """What so many units would cost."""
        return self._curves.quote_buy(curve, units)

    def quote_buy_for(self, curve: CurveId, money: Balance) -> Quote | None:
        """How many units so much money would buy, and what of it they would cost."""
        return self._curves.quote_buy_for(curve, money)

    def quote_sell(self, curve: CurveId, units: Balance) -> Quote | None:
        """What so many units would fetch."""
        return self._curves.quote_sell(curve, units)

    def price(self, curve: CurveId) -> Balance | None:
        """What a whole token costs at the margin, rounded up."""
        return self._curves.price(curve)

    @property
    def _curves(self) -> Curves:
        curves: Curves = self.runtime.curves
        return curves


class PoolsApi(RuntimeApi, version=1):
    """What a swap in a pool would give or cost now; `None` of an unknown pool."""

    def pool_of(self, token: U32) -> PoolId | None:
        """The pool of a token, if its curve has graduated."""
        return self._pools.of_token.get(token)

    def quote_exact_in(self, pool: PoolId, side: Side, amount_in: Balance) -> Balance | None:
        """What an exact amount would get."""
        return self._pools.quote_exact_in(pool, side, amount_in)

    def quote_exact_out(self, pool: PoolId, side: Side, amount_out: Balance) -> Balance | None:
        """What an exact amount would cost; `None` of more than there is of either."""
        return self._pools.quote_exact_out(pool, side, amount_out)

    def price(self, pool: PoolId) -> Balance | None:
        """What a whole token costs at the margin without the fee, rounded up; at most the largest balance."""
        return self._pools.price(pool)

    @property
    def _pools(self) -> Pools:
        pools: Pools = self.runtime.pools
        return pools
