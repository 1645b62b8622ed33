"""Curves: the token of an agent, minted to whoever buys along a curve, burned when it is sold back.

## Overview

Who created an agent may launch its token, once: a shape, fees, a largest supply, and where the curve ends, if it does.
The price depends on the supply alone. A keyless pot per curve has what was paid: always

    pot = what keeps it alive + reserve + liquidity + dues

where the reserve is `shape.reserve(supply)`, so that everybody can sell everything at any time, also while the agent is
paused. It is tracked, not read from the balance: a gift changes nothing. Rounding is in the reserve's favour and once
per reserve, so neither splitting a trade nor buying and selling back gains anything (`pallets.primitives.curves`).

Of each trade the agent's creator, its treasury and its holders get their fees, which `collect` pays out whoever asks,
the holders' as a stream (`Dividends`). A launch tax on early purchases goes to the pool's liquidity.

The purchase that reaches `graduates_at` is cut down to what is left, and ends the curve: it pays its dues and moves
into a pool of its own, for good (`graduation`). From then on the token trades in `Pools`.

## Usage

`buy` wants exactly so many units, `buy_for` spends at most so much money, `sell` burns exactly so many. Limits are
money with all fees; of a purchase that is cut down the price is judged. The transaction's era is the deadline.
`CurvesApi` has quotes, which agree with a trade in the same state to the last unit; the events, each with the supply
that it left, are the price's history.

## Out of scope

The tokens: `pallets.assets`. What they are good for: `pallets.dao`, `pallets.dividends`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from pallets.companies import Companies, Government, Holders
from pallets.curves.errors import CurveErrors
from pallets.curves.graduation import graduate
from pallets.curves.launch import check_launch
from pallets.frame import (
    U8,
    U32,
    U64,
    AccountId,
    Balance,
    Compact,
    Const,
    DispatchError,
    Event,
    Map,
    Pallet,
    Signed,
    Value,
    Weight,
    call,
)
from pallets.fungible import Currency
from pallets.fungibles import AssetId, Fungibles
from pallets.pools import Pools
from pallets.primitives.agent_record import AgentId
from pallets.primitives.codec import codec_of
from pallets.primitives.curves.record import MAX_CHARGE, MILLION, Curve, CurveId, CurveTerms, Dues, Level, PoolId
from pallets.primitives.curves.shape import Shape
from pallets.primitives.curves.trade import (
    Quote,
    buying_rate,
    charge,
    quote_buy,
    quote_buy_for,
    quote_sell,
    token_price,
    units_for,
)
from pallets.primitives.pots import is_pot, pot_account
from pallets.system.pallet import System
from pallets.timestamp import Timestamp

CURVE = codec_of(Curve)
TRADE_WEIGHT = Weight(500_000_000, 16_000)
COLLECT_WEIGHT = Weight(900_000_000, 24_000)
GRADUATION_WEIGHT = Weight(700_000_000, 20_000)
"""Of opening a pool; the dues come on top."""


class Curves(CurveErrors, Pallet):
    """The token of an agent, minted to whoever buys along a curve, burned when it is sold back."""

    system: System
    timestamp: Timestamp
    currency: Currency
    tokens: Fungibles
    companies: Companies
    holders: Holders
    pools: Pools
    government: Callable[[], Government]
    chain_treasury: AccountId
    max_fees: Const[U32]
    """The most that all fees of a curve may be together, in millionths of a trade."""
    max_tax_duration: Const[U64]
    """The longest time that a launch tax may last, in milliseconds."""

    class Created(Event):
        """An agent's token is for sale."""

        curve: CurveId
        agent: AgentId
        token: AssetId
        who: AccountId

    class Bought(Event):
        """Units were minted to a buyer, who paid `cost`; `fee` is what of that the curve didn't take."""

        curve: CurveId
        who: AccountId
        units: Balance
        cost: Balance
        fee: Balance
        supply: Balance
        """What the curve has sold now; with its shape, the price."""

    class Sold(Event):
        """A seller's units were burned, and `refund` paid; `fee` is what the curve gave besides, to others."""

        curve: CurveId
        who: AccountId
        units: Balance
        refund: Balance
        fee: Balance
        supply: Balance
        """What of it the curve has still sold."""

    class Graduated(Event):
        """A curve has ended; its token trades in a pool."""

        curve: CurveId
        pool: PoolId

    class Stocked(Event):
        """What a curve has left its pool; what of the largest supply will never be; what the chain's treasury gets."""

        curve: CurveId
        base: Balance
        tokens: Balance
        burned: Balance
        surplus: Balance

    class Collected(Event):
        """A curve's fees were paid out: to the agent's creator, its treasury, its holders, and the chain's treasury."""

        curve: CurveId
        creator: Balance
        treasury: Balance
        holders: Balance
        chain: Balance

    next_curve = Value[CurveId](default=0)
    """The number of the next curve."""
    curve = Map[CurveId, Curve](missing=CurveErrors.UnknownCurve)
    """All curves, as they were launched."""
    level = Map[CurveId, Level](missing=CurveErrors.UnknownCurve)
    """How far each curve is."""
    of_agent = Map[AgentId, CurveId]()
    """The curve of each agent that has one."""

    def integrity_test(self) -> None:
        if not 0 <= self.max_fees <= MAX_CHARGE:
            raise ValueError(f"Curves: max_fees must be at most {MAX_CHARGE}")

    # Calls

    @call(0, weight=Weight(1_500_000_000, 40_000))
    def create(
        self,
        who: Signed,
        agent: AgentId,
        shape: Shape,
        terms: CurveTerms,
        name: bytes,
        symbol: bytes,
        decimals: U8,
    ) -> None:
        """Launch an agent's token on a curve. The signer pays what keeps the curve's pot alive, and its pool's.

        From the first purchase on, which may come in the same block, the holders govern: what the creator wants to
        set before, such as `Dao.set_rules`, it sets before this call, or in a batch with it.
        """
        if self.companies.owner(agent) != who:
            raise self.NotCreator
        if agent in self.of_agent:
            raise self.AlreadyLaunched
        id, token = self.next_curve, self.tokens.next_id()
        curve = Curve(agent, token, decimals, self.timestamp.now, terms, shape)
        check_launch(self, curve)
        deposits = self.currency.existential_deposit * (1 if terms.graduates_at is None else 2)
        self.currency.transfer(who, pot(id), deposits, keep_alive=True)
        self.tokens.create_token(token, pot(id), name, symbol, decimals)
        self.holders.follow(token)
        self.companies.set_token(agent, token)
        self.government().check_launch(agent, terms.last)
        self.next_curve = id + 1
        self.curve[id] = curve
        self.level[id] = Level()
        self.of_agent[agent] = id
        self.deposit(self.Created(id, agent, token, who))

    @call(1, weight=TRADE_WEIGHT)
    def buy(self, who: Signed, curve: CurveId, units: Compact[Balance], max_cost: Compact[Balance]) -> None:
        """Buy so many units for at most `max_cost`, or, at the same price, those that are left before graduation."""
        chosen, level = self._for_sale(who, curve)
        if not units:
            raise self.ZeroUnits
        terms = chosen.terms
        bought = min(units, terms.last - level.supply)
        if bought < units and terms.graduates_at is None:
            raise self.OverCap
        rate = buying_rate(chosen, self.timestamp.now)
        reserve = chosen.shape.reserve(level.supply + bought)
        gross = reserve - level.reserve
        fee = charge(gross, rate)
        if (gross + fee) * units > max_cost * bought:
            raise self.Slippage
        self._buy(who, curve, chosen, level, bought, reserve, fee, rate)

    @call(2, weight=TRADE_WEIGHT)
    def buy_for(self, who: Signed, curve: CurveId, money: Compact[Balance], min_units: Compact[Balance]) -> None:
        """Buy as many units as `money` pays for, at least `min_units`; what pays for no further unit isn't taken.

        Where those are all that the curve has left, as many of them as `min_units` asks for at their price will do.
        """
        chosen, level = self._for_sale(who, curve)
        if not money:
            raise self.ZeroMoney
        rate = buying_rate(chosen, self.timestamp.now)
        bought = units_for(chosen, level, money, rate)
        last = level.supply + bought == chosen.terms.last
        if not bought:
            raise self.OverCap if last else self.TooLittleMoney
        reserve = chosen.shape.reserve(level.supply + bought)
        gross = reserve - level.reserve
        fee = charge(gross, rate)
        if bought * money < min_units * (gross + fee if last else money):
            raise self.Slippage
        self._buy(who, curve, chosen, level, bought, reserve, fee, rate)

    @call(3, weight=TRADE_WEIGHT)
    def sell(self, who: Signed, curve: CurveId, units: Compact[Balance], min_refund: Compact[Balance]) -> None:
        """Sell so many units for at least `min_refund`."""
        chosen, level = self._tradable(who, curve)
        if not units:
            raise self.ZeroUnits
        if units > level.supply:
            raise self.TooLittleSupply
        reserve = chosen.shape.reserve(level.supply - units)
        gross = level.reserve - reserve
        fee = charge(gross, chosen.terms.fees.total)
        refund = gross - fee
        if refund < min_refund:
            raise self.Slippage
        self.tokens.burn_from(chosen.token, who, units)
        self.currency.transfer(pot(curve), who, refund, keep_alive=True)
        level.supply -= units
        level.reserve = reserve
        if fee:
            _note_fees(chosen, level, gross, fee, 0)
        self.level[curve] = level
        self.deposit(self.Sold(curve, who, units, refund, fee, level.supply))

    @call(4, weight=COLLECT_WEIGHT)
    def collect(self, who: Signed, curve: CurveId) -> None:
        """Pay out a curve's fees to whom they are due; anybody may ask. What can't be paid now stays due."""
        chosen, level = self._chosen(curve), self.level[curve]
        if not self._pay_dues(curve, chosen, level):
            raise self.NothingDue
        self.level[curve] = level

    # What `CurvesApi` asks: `None` of a curve that is unknown, or over

    def token_of(self, curve: int) -> int | None:
        """The token that a curve sells; `None` of an unknown curve."""
        record = self.curve.get(curve)
        return None if record is None else record.token

    def quote_buy(self, curve: int, units: int) -> Quote | None:
        """What buying so many units would cost."""
        found = self._trading(curve)
        return None if found is None else quote_buy(*found, units, self.timestamp.now)

    def quote_buy_for(self, curve: int, money: int) -> Quote | None:
        """What so much money would buy."""
        found = self._trading(curve)
        return None if found is None else quote_buy_for(*found, money, self.timestamp.now)

    def quote_sell(self, curve: int, units: int) -> Quote | None:
        """What selling so many units would pay."""
        found = self._trading(curve)
        return None if found is None else quote_sell(*found, units)

    def price(self, curve: int) -> int | None:
        """What a whole token costs at the margin, rounded up."""
        found = self._trading(curve)
        return None if found is None else token_price(found[0], found[1].supply)

    # Inside

    def _chosen(self, curve: int) -> Curve:
        """What was chosen of a curve. It never changes, so it is decoded once."""
        curves = self.curve
        raw = self.state.get(curves.key(curve))
        if raw is None:
            raise self.UnknownCurve
        return _decoded(raw)

    def _trading(self, curve: int) -> tuple[Curve, Level] | None:
        level = self.level.get(curve)
        return None if level is None or level.pool is not None else (self._chosen(curve), level)

    def _tradable(self, who: bytes, curve: int) -> tuple[Curve, Level]:
        """A curve on which this account may trade."""
        level = self.level[curve]
        if level.pool is not None:
            raise self.HasGraduated
        if is_pot(who):
            raise self.SelfDealing
        return self._chosen(curve), level

    def _for_sale(self, who: bytes, curve: int) -> tuple[Curve, Level]:
        """A curve on which this account may buy."""
        found = self._tradable(who, curve)
        if self.companies.is_paused(found[0].agent):
            raise self.AgentPaused
        return found

    def _buy(
        self, who: bytes, id: int, chosen: Curve, level: Level, units: int, reserve: int, fee: int, rate: int
    ) -> None:
        gross = reserve - level.reserve
        account = pot(id)
        self.currency.transfer(who, account, gross + fee, keep_alive=True)
        self.tokens.mint_into(chosen.token, who, units)
        level.supply += units
        level.reserve = reserve
        if fee:
            _note_fees(chosen, level, gross, fee, rate - chosen.terms.fees.total)
        self.deposit(self.Bought(id, who, units, gross + fee, fee, level.supply))
        if level.supply == chosen.terms.graduates_at:
            graduate(self, id, account, chosen, level)
            self._pay_dues(id, chosen, level)
            self.system.register_weight(GRADUATION_WEIGHT + COLLECT_WEIGHT)
        self.level[id] = level

    def _pay_dues(self, id: int, chosen: Curve, level: Level) -> bool:
        """Pays what can be paid of a curve's dues; whether that is anything."""
        source, dues, companies, money = pot(id), level.dues, self.companies, self.currency
        owner, treasury = companies.owner(chosen.agent), companies.treasury(chosen.agent)
        paid = Dues(
            _paid(dues.creator, lambda amount: money.transfer(source, owner, amount, keep_alive=True)),
            _paid(dues.treasury, lambda amount: money.transfer(source, treasury, amount, keep_alive=True)),
            _paid(dues.holders, lambda amount: self.holders.pay_in(chosen.token, source, amount)),
            _paid(dues.chain, lambda amount: money.transfer(source, self.chain_treasury, amount, keep_alive=True)),
        )
        if not paid.total:
            return False
        dues.creator -= paid.creator
        dues.treasury -= paid.treasury
        dues.holders -= paid.holders
        dues.chain -= paid.chain
        self.deposit(self.Collected(id, paid.creator, paid.treasury, paid.holders, paid.chain))
        return True


def _paid(amount: int, pay: Callable[[int], object]) -> int:
    """What of an amount could be paid: all or nothing, as where it is too little to open an account."""
    if not amount:
        return 0
    try:
        pay(amount)
    except DispatchError:
        return 0
    return amount


def _note_fees(chosen: Curve, level: Level, gross: int, fee: int, tax: int) -> None:
    """Notes whose a fee is; what rounding leaves is the treasury's."""
    fees, dues = chosen.terms.fees, level.dues
    creator, holders, liquidity = gross * fees.creator // MILLION, gross * fees.holders // MILLION, 0
    if tax:
        liquidity = gross * tax // MILLION
        level.liquidity += liquidity
    dues.creator += creator
    dues.holders += holders
    dues.treasury += fee - creator - holders - liquidity


@lru_cache(maxsize=1024)
def _decoded(curve: bytes) -> Curve:
    found: Curve = CURVE.decode_all(curve)
    return found


def pot(curve: int) -> bytes:
    """The keyless account of what was paid along a curve; mirrors `PalletId::into_sub_account_truncating`."""
    return pot_account(b"fthmcurv", curve)
