"""Trades by many on every kind of curve: whatever they do in whatever order, the pot pays for everybody's exit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pallets.assets.pallet import Assets
from pallets.curves.pallet import Curves, pot
from pallets.frame import Token
from pallets.pools import Pools
from pallets.pools import pot as pool_pot
from pallets.primitives.curves import Linear, Piecewise, Product, Quadratic, Segment, Shape
from pallets.primitives.curves.pool import Side
from pallets.primitives.curves.presets import PRESETS
from pallets.primitives.curves.record import MILLION, CurveTerms, Fees, LaunchTax
from pallets.primitives.curves.trade import Quote
from pallets.primitives.fixed import U128_MAX
from tests.pallets.curve_market import CREATOR, RICH, TRADERS, UNIT, Market, market

MINUTE = 60_000
EXPECTED = (
    Curves.AgentPaused,
    Curves.HasGraduated,
    Curves.NothingDue,
    Curves.OverCap,
    Curves.TooLittleMoney,
    Curves.TooLittleSupply,
    Pools.TooLarge,
    Pools.TooSmall,
    Pools.UnknownPool,
    Assets.BalanceLow,
    Assets.NoAccount,
    Token,
)
numbers = st.one_of(st.integers(0, 9), st.integers(0, 10**10))
divisors = st.one_of(st.integers(1, 9), st.integers(1, 10**9))
rates = st.one_of(st.just(0), st.integers(0, 80_000))
traders = st.sampled_from(TRADERS)


class Undone(Exception):
    """What was tried is to be undone."""


@st.composite
def shapes(draw: st.DrawFn, last: int) -> Shape:
    """A curve of any kind, up to a supply."""
    kind = draw(st.sampled_from([Linear, Quadratic, Product, Piecewise]))
    if kind is Product:
        return Product(1 + draw(numbers), last + 1 + draw(numbers))
    base, first, divisor = draw(numbers), draw(numbers), draw(divisors)
    if kind is Linear:
        return Linear(base, first, divisor)
    if kind is Quadratic:
        return Quadratic(base, first, divisor)
    turn = 2 + last // (2 + draw(st.integers(0, 9)))
    start = Segment(turn, base, first, draw(numbers), 0, divisor)
    price, per = start.price(turn - 1)
    drop = draw(numbers) * turn
    ceiling = -(-price // per) + -(-drop // (turn * (turn - 1)))
    return Piecewise([start, Segment(max(last, turn) + 1, ceiling, draw(numbers), draw(st.integers(0, 9)), drop, 1)])


@st.composite
def launches(draw: st.DrawFn) -> tuple[Shape, CurveTerms]:
    """A curve that may be launched: that never ends, or with tokens enough for its pool."""
    last = draw(st.one_of(st.integers(1, 60), st.integers(1, 10**6)))
    shape = draw(shapes(last))
    fees = Fees(draw(rates), draw(rates), draw(rates))
    price, per = shape.price(last)
    reserve = shape.reserve(last)
    if draw(st.booleans()) or reserve * per < price or not price:
        return shape, CurveTerms(last, fees, LaunchTax(0, 0))
    room = -(-reserve * per // price) + draw(st.sampled_from([0, 1, last]))
    tax = LaunchTax(draw(st.integers(0, 700_000)), draw(st.integers(1, 10 * MINUTE)))
    return shape, CurveTerms(last + max(room, 1), fees, tax, last)


class Markets(RuleBasedStateMachine):
    """Traders, who also give tokens away, on a curve and in the pool that it may leave."""

    @initialize(launch=launches())
    def begin(self, launch: tuple[Shape, CurveTerms]) -> None:
        shape, terms = launch
        self.stage = market()
        self.chain: Market = self.stage.__enter__()
        self.chain.launch(shape, terms)
        self.rt = self.chain.rt
        self.given = 0
        self.issued = self.rt.balances.total_issuance

    def teardown(self) -> None:
        if hasattr(self, "chain"):
            self.everybody_leaves()
            self.stage.__exit__(None, None, None)

    @property
    def trading(self) -> bool:
        return self.chain.level.pool is None

    def tried(self, call: Callable[[], None]) -> bool:
        """Whether a trade took place; where it didn't, it says why and nothing is changed."""
        before, events = dict(self.rt.state.changes), len(self.rt.events)
        try:
            call()
        except EXPECTED:
            assert {key: value for key, value in self.rt.state.changes.items() if before.get(key, ...) != value} == {}
            assert len(self.rt.events) == events
            return False
        return True

    def outcome(self, *trades: Callable[[], None]) -> tuple[int, ...] | None:
        """What everybody would have after some trades, which are undone; `None` where one is refused."""
        found: tuple[int, ...] | None = None
        with suppress(Undone), self.rt.transactional():
            with suppress(*EXPECTED):
                for trade in trades:
                    trade()
                who = (*TRADERS, pot(0), pool_pot(0))
                found = *map(self.chain.money, who), *map(self.chain.units, who)
            raise Undone
        return found

    def units(self, share: int) -> int:
        """A number of units: a share of what the curve sells, in millionths, and at least one."""
        return max(self.chain.curve.terms.last * share // MILLION, 1)

    # Trades, each as its quote says

    def agrees(self, who: bytes, quote: Quote | None, trade: Callable[[], None], sign: int) -> None:
        money, units = self.chain.money(who), self.chain.units(who)
        if self.tried(trade):
            assert quote is not None
            assert (self.chain.money(who) - money, self.chain.units(who) - units) == (
                -sign * quote.net,
                sign * quote.units,
            )
            assert self.chain.level.pool is not None or self.rt.curves.price(0) == quote.price_after

    @rule(who=traders, share=st.one_of(st.integers(0, 300_000), st.just(10 * MILLION)))
    def buy(self, who: bytes, share: int) -> None:
        units = self.units(share)
        self.agrees(who, self.rt.curves.quote_buy(0, units), lambda: self.chain.buy(who, units), 1)

    @rule(who=traders, share=st.integers(1, MILLION))
    def buy_for(self, who: bytes, share: int) -> None:
        curve = self.chain.curve
        money = max(curve.shape.reserve(curve.terms.last) * share // MILLION, 1)
        quote = self.rt.curves.quote_buy_for(0, money)
        assert quote is None or quote.net <= money
        self.agrees(who, quote, lambda: self.chain.buy_for(who, money), 1)

    @rule(who=traders, share=st.integers(1, MILLION))
    def sell(self, who: bytes, share: int) -> None:
        units = max(self.chain.units(who) * share // MILLION, 1)
        self.agrees(who, self.rt.curves.quote_sell(0, units), lambda: self.chain.sell(who, units), -1)

    @rule(who=traders, to=traders, share=st.integers(1, MILLION))
    def give_tokens(self, who: bytes, to: bytes, share: int) -> None:
        units, token = self.chain.units(who) * share // MILLION, self.chain.curve.token
        self.tried(lambda: self.chain.call(who, "Assets", "transfer", id=token, target=to, amount=max(units, 1)))

    @rule(who=traders, amount=numbers)
    def give_money_to_the_pot(self, who: bytes, amount: int) -> None:
        self.chain.call(who, "Balances", "transfer_keep_alive", dest=pot(0), value=amount)
        self.given += amount

    @rule(time=st.integers(1, 3 * MINUTE))
    def wait(self, time: int) -> None:
        self.rt.timestamp.now += time

    @rule()
    def collect(self) -> None:
        self.tried(lambda: self.chain.call(CREATOR, "Curves", "collect", curve=0))

    @precondition(lambda self: not self.trading)
    @rule(who=traders, side=st.sampled_from(Side), share=st.integers(1, MILLION), exact_in=st.booleans())
    def swap(self, who: bytes, side: Side, share: int, exact_in: bool) -> None:
        pool = self.rt.pools.pool[0]
        limits = {"amount_in": 0, "min_out": 0} if exact_in else {"amount_out": 0, "max_in": U128_MAX}
        for name, there in zip(list(limits)[:1], pool.reserves(side)[:: 1 if exact_in else -1][:1], strict=True):
            limits[name] = max(there * share // MILLION, 1)
        name = "swap_exact_in" if exact_in else "swap_exact_out"
        if self.tried(lambda: self.chain.call(who, "Pools", name, pool=0, side=side, **limits)):
            after = self.rt.pools.pool[0]
            assert after.base * after.tokens >= pool.base * pool.tokens

    # What nobody gains by

    @precondition(lambda self: self.trading)
    @rule(who=traders, share=st.integers(0, MILLION))
    def a_round_trip_gains_nothing(self, who: bytes, share: int) -> None:
        units = self.units(share)
        money, had = self.chain.money(who), self.chain.units(who)
        with suppress(Undone), self.rt.transactional():
            if self.tried(lambda: self.chain.buy(who, units)) and self.trading:
                got = self.chain.units(who) - had
                self.chain.sell(who, got)
                assert self.chain.units(who) == had and self.chain.money(who) <= money
            raise Undone

    @precondition(lambda self: self.trading)
    @rule(who=traders, first=st.integers(0, 200_000), second=st.integers(0, 200_000), sale=st.booleans())
    def splitting_gains_nothing(self, who: bytes, first: int, second: int, sale: bool) -> None:
        trade = self.chain.sell if sale else self.chain.buy
        a, b, place = self.units(first), self.units(second), TRADERS.index(who)
        whole = self.outcome(lambda: trade(who, a + b))
        split = self.outcome(lambda: trade(who, a), lambda: trade(who, b))
        assert whole is None or split is None or split[place] <= whole[place]

    @precondition(lambda self: self.trading)
    @rule(pair=st.permutations(TRADERS), share=st.integers(0, 200_000), sale=st.booleans())
    def the_order_of_equal_trades_is_irrelevant(self, pair: list[bytes], share: int, sale: bool) -> None:
        trade, units, (one, other, *_) = self.chain.sell if sale else self.chain.buy, self.units(share), pair
        first = self.outcome(lambda: trade(one, units), lambda: trade(other, units))
        second = self.outcome(lambda: trade(other, units), lambda: trade(one, units))
        assert (first is None) == (second is None)
        if first is not None and second is not None:
            a, b = TRADERS.index(one), TRADERS.index(other)
            before = self.outcome()
            assert before is not None
            assert (first[a] - before[a], first[b] - before[b]) == (second[b] - before[b], second[a] - before[a])
            assert first[len(TRADERS) : len(TRADERS) + 2] == second[len(TRADERS) : len(TRADERS) + 2]

    # What always holds

    @invariant()
    def the_pot_has_what_it_should(self) -> None:
        curve = self.chain.curve
        assert (
            self.chain.pot
            == self.chain.level.reserve + self.chain.level.liquidity + self.chain.level.dues.total + self.given
        )
        if self.trading:
            assert self.chain.level.reserve == curve.shape.reserve(self.chain.level.supply)
        else:
            pool = self.rt.pools.pool[0]
            assert self.chain.level.reserve == self.chain.level.liquidity == 0 and self.chain.pool == (
                pool.base,
                pool.tokens,
            )

    @invariant()
    def nothing_is_lost(self) -> None:
        curve, held = self.chain.curve, sum(map(self.chain.units, TRADERS))
        assert self.rt.assets.total_issuance(curve.token) == held + self.chain.units(pool_pot(0))
        assert held == self.chain.level.supply or not self.trading
        assert self.rt.dividends.circulating(curve.token) == held
        assert self.rt.balances.total_issuance == self.issued

    @invariant()
    def graduation_leaves_what_it_says(self) -> None:
        curve = self.chain.curve
        assert self.trading == (self.chain.level.supply < curve.terms.last or curve.terms.graduates_at is None)
        found = [event for event in self.rt.events if isinstance(event, Curves.Stocked)]
        assert len(found) == (not self.trading)
        for stocked in found:
            price = Fraction(*curve.shape.price(self.chain.level.supply))
            assert stocked.tokens + stocked.burned + self.chain.level.supply == curve.terms.max_supply
            assert stocked.base - price < stocked.tokens * price <= stocked.base
            assert stocked.base >= curve.shape.reserve(self.chain.level.supply)
            assert not stocked.surplus or stocked.burned * price < 1 + price  # nothing that tokens are left for

    def everybody_leaves(self) -> None:
        """Whoever has anything sells it all; then nobody is owed anything by the curve."""
        if not self.trading:
            return
        for who in TRADERS:
            with suppress(Token):
                units = self.chain.units(who)
                if units:
                    self.chain.sell(who, units)
        assert self.chain.level.supply == self.chain.level.reserve == 0 and sum(map(self.chain.units, TRADERS)) == 0
        assert sum(map(self.chain.money, TRADERS)) <= RICH * len(TRADERS)


@pytest.mark.parametrize("name", PRESETS)
def test_thousands_of_trades_leave_everybody_an_exit(name: str) -> None:
    with market(PRESETS[name](UNIT)) as chain:
        chance, issued = Random(name), chain.rt.balances.total_issuance
        least = 10**chain.curve.decimals
        for _ in range(1_500):
            who, curve = chance.choice(TRADERS), chain.curve
            assert chain.pot == chain.level.reserve + chain.level.liquidity + chain.level.dues.total
            assert chain.level.reserve == curve.shape.reserve(chain.level.supply)
            chain.rt.timestamp.now += chance.randrange(10_000)
            room = curve.terms.last * 9 // 10 - chain.level.supply  # so that it doesn't end yet
            some = chance.randrange(1, least * chance.choice((1, 2, 10, 1_000)) + 1)
            match chance.randrange(3):
                case 0 if some < room:
                    chain.buy(who, some)
                case 1 if some < room:
                    quote = chain.rt.curves.quote_buy(0, some)
                    assert quote is not None
                    if quote.net:
                        chain.buy_for(who, quote.net, some)
                case _ if units := min(chain.units(who), chance.choice((1, 2, 3)) * some):
                    chain.sell(who, units)
        assert chain.level.dues.total > 0
        for who in TRADERS:
            if units := chain.units(who):
                chain.sell(who, units)
        curve = chain.curve
        assert (
            chain.level.supply == chain.level.reserve == 0
            and chain.pot == chain.level.liquidity + chain.level.dues.total
        )
        assert RICH * len(TRADERS) - sum(map(chain.money, TRADERS)) == chain.pot
        assert chain.rt.balances.total_issuance == issued


Markets.TestCase.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
TestMarkets = Markets.TestCase
