"""An agent's token on its curve, in the development chain's runtime: traders with money, and what a pot must have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pallets.curves.pallet import pot
from pallets.frame.origin import signed
from pallets.frame.testing import externalities
from pallets.pools import pot as pool_pot
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.curves import Shape
from pallets.primitives.curves.presets import NO_TAX, Preset
from pallets.primitives.curves.record import Curve, CurveTerms, Fees, LaunchTax, Level
from pallets.primitives.job_record import Shares
from pallets.runtime import DevRuntime

UNIT = 10**12
RICH = 10**34
"""What every trader has: more than any curve of these tests can take."""
START = 1_772_323_200_000
"""2026-03-01 in milliseconds."""
CREATOR = b"\xc0" * 32
TRADERS = tuple(bytes((0x70 + i,)) * 32 for i in range(6))
ALICE, BOB, CAROL, *_ = TRADERS
NO_FEES = Fees(0, 0, 0)
POLICY = AgentPolicy(price=1, max_gas=10**9, shares=Shares(700_000, 200_000, 50_000, 50_000), narrow=False)


class Market:
    """A chain with one agent, which has one curve once it is launched."""

    def __init__(self, rt: DevRuntime) -> None:
        self.rt = rt
        rt.timestamp.now = START
        self.call(CREATOR, "Agents", "create", name=b"agent", kind=AgentKind.JavaScript, policy=POLICY)

    def call(self, who: bytes, pallet: str, call: str, /, **arguments: Any) -> None:
        """Dispatches a call; raises `DispatchError`."""
        self.rt.dispatch(self.rt.call(pallet, call, **arguments), signed(who))

    def launch(self, shape: Shape, terms: CurveTerms, decimals: int = 0, who: bytes = CREATOR, agent: int = 0) -> None:
        """Creates the agent's curve."""
        words: dict[str, Any] = {"name": b"Agent", "symbol": b"AGT", "decimals": decimals}
        self.call(who, "Curves", "create", agent=agent, shape=shape, terms=terms, **words)

    def buy(self, who: bytes, units: int, max_cost: int = RICH) -> None:
        self.call(who, "Curves", "buy", curve=0, units=units, max_cost=max_cost)

    def buy_for(self, who: bytes, money: int, min_units: int = 0) -> None:
        self.call(who, "Curves", "buy_for", curve=0, money=money, min_units=min_units)

    def sell(self, who: bytes, units: int, min_refund: int = 0) -> None:
        self.call(who, "Curves", "sell", curve=0, units=units, min_refund=min_refund)

    @property
    def curve(self) -> Curve:
        """What was chosen of the curve."""
        return self.rt.curves.curve[0]

    @property
    def level(self) -> Level:
        """How far the curve is."""
        return self.rt.curves.level[0]

    def money(self, who: bytes) -> int:
        """What an account has."""
        return self.rt.balances.free(who)

    def units(self, who: bytes) -> int:
        """How many units of the agent's token an account has."""
        return self.rt.assets.balance(self.curve.token, who)

    @property
    def pot(self) -> int:
        """What the curve's pot has, beside what keeps it alive, and its pool while there is none."""
        curve = self.curve
        pools = curve.terms.graduates_at is not None and self.level.pool is None
        return self.money(pot(0)) - (1 + pools) * self.rt.balances.existential_deposit

    @property
    def pool(self) -> tuple[int, int]:
        """What the pool's account has of money, beside what keeps it alive, and of tokens."""
        account = pool_pot(0)
        return self.money(account) - self.rt.balances.existential_deposit, self.units(account)


@contextmanager
def market(preset: Preset | None = None) -> Iterator[Market]:
    """A chain with an agent, its creator and the traders; with its token on a curve, if one is given."""
    endowed = [(who, RICH) for who in (CREATOR, *TRADERS)]
    with externalities(DevRuntime, balances={"balances": endowed}) as rt:
        made = Market(rt)
        if preset is not None:
            made.launch(*preset)
        yield made


def terms(
    max_supply: int = 1_000_000,
    graduates_at: int | None = None,
    fees: Fees = NO_FEES,
    launch_tax: LaunchTax = NO_TAX,
) -> CurveTerms:
    """A curve's terms: without fees or an end, unless told otherwise."""
    return CurveTerms(max_supply, fees, launch_tax, graduates_at)
