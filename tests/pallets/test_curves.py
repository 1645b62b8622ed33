"""Curves: what a trade moves, when a curve ends, and every way to be refused."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from pallets.agents.pallet import Agents
from pallets.assets.pallet import Assets
from pallets.curves.pallet import Curves, pot
from pallets.dividends import POT as DIVIDENDS
from pallets.frame import DispatchError, Event, Token
from pallets.frame.runtime_api import ApiDispatcher
from pallets.frame.testing import noop
from pallets.pools import Pools
from pallets.pools import pot as pool_pot
from pallets.primitives.agent_record import AgentKind
from pallets.primitives.codec import codec_of
from pallets.primitives.curves import Linear, Piecewise, Product, Quadratic, Segment, Shape
from pallets.primitives.curves.pool import Side
from pallets.primitives.curves.presets import PRESETS, Preset
from pallets.primitives.curves.record import CurveTerms, Dues, Fees, LaunchTax
from pallets.primitives.curves.trade import Quote
from pallets.primitives.fixed import U128_MAX
from pallets.primitives.pots import dao_account, treasury
from pallets.primitives.types import U64, U128
from pallets.runtime import CHAIN_TREASURY
from tests.pallets.curve_market import (
    ALICE,
    BOB,
    CAROL,
    CREATOR,
    POLICY,
    RICH,
    START,
    TRADERS,
    UNIT,
    Market,
    market,
    terms,
)

FLAT = Linear(10, 0, 1)
"""Ten for each unit."""
SLOW = Linear(1000, 1, 1)
FEES = Fees(creator=20_000, treasury=10_000, holders=15_000)
SELL = Side.Sell
STARVED = b"\xee" * 32
"""Somebody without any money."""


def straight(**given: Any) -> Preset:
    """A curve from 1000 up, by one a unit."""
    return Preset(SLOW, terms(**given), 0)


def events(chain: Market, kind: type[Event]) -> list[Any]:
    """What happened of a kind."""
    return [event for event in chain.rt.events if isinstance(event, kind)]


def test_launching_makes_a_token_nobody_else_mints() -> None:
    with market() as chain:
        before = chain.money(CREATOR)
        chain.launch(SLOW, terms(graduates_at=100_000), decimals=3)
        curve, deposit = chain.curve, chain.rt.balances.existential_deposit
        assert chain.money(pot(0)) == 2 * deposit == before - chain.money(CREATOR)
        assert (curve.agent, curve.decimals, curve.created_at, chain.level.supply) == (0, 3, START, 0)
        assert chain.rt.agents.token(0) == curve.token and chain.rt.curves.of_agent.get(0) == 0
        details = chain.rt.assets.asset[curve.token]
        assert {details.owner, details.issuer, details.admin, details.freezer} == {pot(0)}
        assert chain.rt.assets.metadata[curve.token].symbol == b"AGT"
        assert events(chain, Curves.Created) == [Curves.Created(0, 0, curve.token, CREATOR)]
        with noop(chain.rt, Assets.NoPermission):
            chain.call(CREATOR, "Assets", "mint", id=curve.token, beneficiary=CREATOR, amount=1)


def test_buying_and_selling_move_what_the_events_say() -> None:
    with market(straight(fees=FEES)) as chain:
        before = chain.money(ALICE)
        chain.buy(ALICE, 100, 110_000)
        gross = sum(range(1000, 1100))
        fee = -(-gross * 45 // 1000)
        assert events(chain, Curves.Bought) == [Curves.Bought(0, ALICE, 100, gross + fee, fee, 100)]
        assert chain.units(ALICE) == 100 and before - chain.money(ALICE) == gross + fee == chain.pot
        chain.sell(ALICE, 40, 40_000)
        back = sum(range(1060, 1100))
        kept = -(-back * 45 // 1000)
        assert events(chain, Curves.Sold) == [Curves.Sold(0, ALICE, 40, back - kept, kept, 60)]
        assert (chain.level.supply, chain.level.reserve) == (60, gross - back)
        assert chain.units(ALICE) == 60 and chain.pot == chain.level.reserve + fee + kept == gross + fee - back + kept
        parts = [(gross * rate // 10**6) + (back * rate // 10**6) for rate in (20_000, 15_000)]
        assert (chain.level.dues.creator, chain.level.dues.holders) == tuple(parts)
        assert chain.level.dues.total == fee + kept


def test_fees_reach_whom_they_are_due() -> None:
    with market(straight(fees=FEES)) as chain:
        chain.buy(ALICE, 10_000)
        dues, wanted = chain.level.dues, (CREATOR, treasury(0), DIVIDENDS)
        before = [chain.money(who) for who in wanted]
        chain.call(BOB, "Curves", "collect", curve=0)
        after = [chain.money(who) for who in wanted]
        paid = [new - old for new, old in zip(after, before, strict=True)]
        assert paid == [dues.creator, dues.treasury, dues.holders] and all(paid)
        assert chain.level.dues == Dues() and chain.pot == chain.level.reserve
        assert events(chain, Curves.Collected) == [Curves.Collected(0, dues.creator, dues.treasury, dues.holders, 0)]
        with noop(chain.rt, Curves.NothingDue):
            chain.call(BOB, "Curves", "collect", curve=0)


def test_what_cannot_be_paid_stays_due() -> None:
    with market(straight(fees=FEES)) as chain:
        chain.buy(ALICE, 10_000)
        chain.rt.balances.force_set_balance(None, CREATOR, 0)
        creator = chain.level.dues.creator
        assert creator < chain.rt.balances.existential_deposit
        chain.call(BOB, "Curves", "collect", curve=0)
        assert chain.level.dues == Dues(creator=creator)
        chain.rt.balances.mint_into(CREATOR, UNIT)
        chain.call(BOB, "Curves", "collect", curve=0)
        assert chain.money(CREATOR) == UNIT + creator


def test_a_gift_to_the_pot_changes_nothing() -> None:
    with market(straight()) as chain:
        quote = chain.rt.curves.quote_buy(0, 50)
        chain.call(BOB, "Balances", "transfer_keep_alive", dest=pot(0), value=UNIT)
        assert chain.rt.curves.quote_buy(0, 50) == quote
        chain.buy(ALICE, 50)
        chain.sell(ALICE, 50)
        assert chain.level.reserve == 0 and chain.pot == UNIT and chain.money(ALICE) == RICH


def test_buying_for_money_takes_what_the_units_cost() -> None:
    with market(straight(fees=FEES)) as chain:
        quote = chain.rt.curves.quote_buy_for(0, 1_000_000)
        assert quote is not None
        chain.buy_for(ALICE, 1_000_000, quote.units)
        assert chain.units(ALICE) == quote.units and RICH - chain.money(ALICE) == quote.net <= 1_000_000
        dearer = chain.rt.curves.quote_buy(0, 1)
        assert dearer is not None and quote.net + dearer.net > 1_000_000
        with noop(chain.rt, Curves.Slippage):
            chain.buy_for(ALICE, 1_000_000, quote.units)
        with noop(chain.rt, Curves.TooLittleMoney):
            chain.buy_for(ALICE, 1_000)


def test_limits_are_money_with_fees() -> None:
    with market(straight(fees=FEES)) as chain:
        cost = chain.rt.curves.quote_buy(0, 77)
        assert cost is not None
        with noop(chain.rt, Curves.Slippage):
            chain.buy(ALICE, 77, cost.net - 1)
        chain.buy(ALICE, 77, cost.net)
        refund = chain.rt.curves.quote_sell(0, 33)
        assert refund is not None
        with noop(chain.rt, Curves.Slippage):
            chain.sell(ALICE, 33, refund.net + 1)
        chain.sell(ALICE, 33, refund.net)
        assert RICH - chain.money(ALICE) == cost.net - refund.net


def graduating(tax: LaunchTax) -> Preset:
    """Sells 1000 of 2000 units from 1000 up: then 1999 a unit, and a reserve of 1,499,500."""
    return straight(max_supply=2_000, graduates_at=1_000, fees=FEES, launch_tax=tax)


def test_the_purchase_that_crosses_the_end_is_cut_down_and_opens_a_pool() -> None:
    with market(graduating(LaunchTax(100_000, 60_000))) as chain:
        chain.rt.balances.mint_into(CHAIN_TREASURY, UNIT)
        chain.buy(ALICE, 900)
        chain.rt.timestamp.now = START + 30_000
        chain.buy(BOB, 5_000)
        gross = [sum(range(1000, 1900)), sum(range(1900, 2000))]
        tax = gross[0] * 100_000 // 10**6 + gross[1] * 50_000 // 10**6
        fees = [-(-gross[0] * 145 // 1000), -(-gross[1] * 95 // 1000)]
        assert RICH - chain.money(BOB) == gross[1] + fees[1] and chain.units(BOB) == 100
        base, price = sum(gross) + tax, 2000
        assert chain.pool == (base, base // price)
        curve = chain.curve
        assert (chain.level.pool, chain.level.supply, chain.level.reserve, chain.level.liquidity, chain.level.dues) == (
            0,
            1000,
            0,
            0,
            Dues(),
        )
        assert chain.pot == 0
        burned = 1000 - base // price
        assert events(chain, Curves.Graduated) == [Curves.Graduated(0, 0)]
        assert events(chain, Curves.Stocked) == [Curves.Stocked(0, base, base // price, burned, 0)]
        assert events(chain, Pools.Opened) == [Pools.Opened(0, curve.token, base, base // price)]
        (paid,) = events(chain, Curves.Collected)
        assert paid.creator + paid.treasury + paid.holders == sum(fees) - tax and paid.chain == 0
        assert chain.rt.assets.total_issuance(curve.token) == 1000 + base // price
        assert 0 <= Fraction(base, base // price) - price < Fraction(price, base // price)  # the price doesn't jump
        for refused in (chain.buy, chain.buy_for, chain.sell):
            with noop(chain.rt, Curves.HasGraduated):
                refused(ALICE, 1)
        assert chain.rt.curves.quote_buy(0, 1) is None and chain.rt.curves.quote_sell(0, 1) is None
        assert chain.rt.curves.price(0) is None
        chain.call(ALICE, "Pools", "swap_exact_in", pool=0, side=SELL, amount_in=500, min_out=1)


def test_tax_beyond_the_tokens_is_the_chains() -> None:
    with market(Preset(SLOW, terms(1_760, 1_000, FEES, LaunchTax(100_000, 60_000)), 0)) as chain:
        chain.rt.balances.mint_into(CHAIN_TREASURY, UNIT)
        before = chain.money(CHAIN_TREASURY)
        chain.buy_for(ALICE, RICH, 0)
        gross = sum(range(1000, 2000))
        (stocked,) = events(chain, Curves.Stocked)
        assert stocked.tokens == 760 and stocked.burned == 0 and stocked.base == 760 * 2000
        assert stocked.surplus == gross + gross // 10 - stocked.base == chain.money(CHAIN_TREASURY) - before > 0
        assert chain.pot == 0 and chain.pool == (760 * 2000, 760)


def test_a_purchase_cut_down_is_judged_by_its_price() -> None:
    with market(graduating(LaunchTax(0, 0))) as chain:
        chain.buy(ALICE, 990)
        left = chain.rt.curves.quote_buy(0, 10_000)
        assert left is not None and left.units == 10
        with noop(chain.rt, Curves.Slippage):  # it has the money for ten, but won't pay that price
            chain.buy(BOB, 10_000, left.net * 1000 - 1)
        with noop(chain.rt, Curves.Slippage):
            chain.buy_for(BOB, 10 * left.net, 101)
        chain.buy_for(BOB, 10 * left.net, 100)
        assert chain.units(BOB) == 10 and RICH - chain.money(BOB) == left.net and chain.level.pool == 0


def test_pump_fun_completes_at_85_005_and_hands_206_9_million_to_its_pool() -> None:
    with market(PRESETS["pump.fun"](UNIT)) as chain:
        for who in TRADERS:
            chain.buy_for(who, 15 * UNIT)
        base, tokens = chain.pool
        assert round(Fraction(base, UNIT), 3) == Fraction("85.005") and tokens // 10**11 == 2_068
        held = sum(map(chain.units, TRADERS))
        assert held == 793_100_000 * 10**6
        for who in TRADERS:  # what the pool pays for everything is less than the curve took
            if chain.units(who):
                chain.call(who, "Pools", "swap_exact_in", pool=0, side=SELL, amount_in=chain.units(who), min_out=1)
        assert sum(map(chain.units, TRADERS)) == 0 and sum(map(chain.money, TRADERS)) < RICH * len(TRADERS)
        assert chain.rt.pools.pool[0].tokens == held + tokens


def test_no_overflow_at_the_bounds_of_a_balance() -> None:
    """The dearest curves that may be launched sell out and take everything back."""
    with market() as chain:
        chain.rt.balances.burn_from(ALICE, RICH - UNIT, keep_alive=True)
        rest = U128_MAX - chain.rt.balances.total_issuance
        chain.rt.balances.mint_into(ALICE, rest)
        most = U128_MAX
        for number, (shape, supply) in enumerate(
            (
                (Linear(0, 1, most), most - 1),
                (Quadratic(0, 1, most), 2**63),
                (Product(rest // 2, most), most // 4),
                (Piecewise([Segment(most, most, 0, 0, 0, most), Segment(most, 0, 0, 0, 0, 1)][:1]), rest // 2),
            ),
            start=1,
        ):
            name = f"agent-{number}".encode()
            chain.call(CREATOR, "Agents", "create", name=name, kind=AgentKind.JavaScript, policy=POLICY)
            chain.launch(shape, terms(supply), agent=number)
            curve = number - 1
            before = chain.money(ALICE)
            chain.call(ALICE, "Curves", "buy", curve=curve, units=supply, max_cost=U128_MAX)
            assert chain.rt.curves.level[curve].reserve == shape.reserve(supply) == before - chain.money(ALICE)
            with noop(chain.rt, Curves.OverCap):
                chain.call(ALICE, "Curves", "buy", curve=curve, units=U128_MAX, max_cost=U128_MAX)
            chain.call(ALICE, "Curves", "sell", curve=curve, units=supply, min_refund=0)
            assert chain.money(ALICE) == before and chain.rt.curves.level[curve].reserve == 0


def pause(chain: Market) -> None:
    who = CREATOR if not chain.rt.dividends.circulating(chain.curve.token) else dao_account(0)
    chain.call(who, "Agents", "pause", agent=0)


Refused = tuple[str, dict[str, int], type[DispatchError] | DispatchError]

BUY, BUY_FOR, SALE, COLLECT = "buy", "buy_for", "sell", "collect"
REFUSALS: list[Refused] = [
    (BUY, {"curve": 7, "units": 1, "max_cost": RICH}, Curves.UnknownCurve),
    (BUY, {"curve": U128_MAX >> 64, "units": 1, "max_cost": RICH}, Curves.UnknownCurve),
    (BUY_FOR, {"curve": 7, "money": UNIT, "min_units": 0}, Curves.UnknownCurve),
    (SALE, {"curve": 7, "units": 1, "min_refund": 0}, Curves.UnknownCurve),
    (COLLECT, {"curve": 7}, Curves.UnknownCurve),
    (COLLECT, {"curve": 0}, Curves.NothingDue),
    (BUY, {"curve": 0, "units": 0, "max_cost": RICH}, Curves.ZeroUnits),
    (BUY_FOR, {"curve": 0, "money": 0, "min_units": 0}, Curves.ZeroMoney),
    (SALE, {"curve": 0, "units": 0, "min_refund": 0}, Curves.ZeroUnits),
    (BUY, {"curve": 0, "units": U128_MAX, "max_cost": U128_MAX}, Curves.OverCap),
    (BUY, {"curve": 0, "units": 999_901, "max_cost": RICH}, Curves.OverCap),
    (BUY, {"curve": 0, "units": 1, "max_cost": 0}, Curves.Slippage),
    (BUY_FOR, {"curve": 0, "money": UNIT, "min_units": U128_MAX}, Curves.Slippage),
    (BUY_FOR, {"curve": 0, "money": 1, "min_units": 0}, Curves.TooLittleMoney),
    (SALE, {"curve": 0, "units": 101, "min_refund": 0}, Curves.TooLittleSupply),
    (SALE, {"curve": 0, "units": U128_MAX, "min_refund": 0}, Curves.TooLittleSupply),
    (SALE, {"curve": 0, "units": 61, "min_refund": 0}, Token("FundsUnavailable")),
    (SALE, {"curve": 0, "units": 1, "min_refund": U128_MAX}, Curves.Slippage),
]


def test_every_bad_trade_has_its_own_error_and_leaves_no_trace() -> None:
    with market(straight()) as chain:
        chain.buy(ALICE, 60)
        chain.buy(BOB, 40)
        for name, arguments, error in REFUSALS:
            with noop(chain.rt, error):
                chain.call(ALICE, "Curves", name, **arguments)
        for trade in (chain.buy, chain.buy_for, chain.sell):
            for dealer in (dao_account(0), treasury(0), pot(0), pool_pot(0)):
                with noop(chain.rt, Curves.SelfDealing):
                    trade(dealer, 1)
        with noop(chain.rt, Token("FundsUnavailable")):
            chain.sell(CAROL, 1)
        with noop(chain.rt, Token("FundsUnavailable")):
            chain.buy(STARVED, 1)
        pause(chain)
        for trade in (chain.buy, chain.buy_for):
            with noop(chain.rt, Curves.AgentPaused):
                trade(ALICE, 1)
        chain.sell(ALICE, 60)


def test_a_curve_that_is_sold_out_says_so() -> None:
    with market(straight(max_supply=10)) as chain:
        chain.buy_for(ALICE, UNIT)
        assert chain.units(ALICE) == 10 == chain.level.supply
        for trade in (chain.buy, chain.buy_for):
            with noop(chain.rt, Curves.OverCap):
                trade(BOB, UNIT)
        chain.sell(ALICE, 10)


BAD_LAUNCHES: list[tuple[Shape, CurveTerms, int, type[DispatchError]]] = [
    (SLOW, terms(max_supply=0), 0, Curves.NoSupply),
    (Linear(1, 1, 0), terms(), 0, Curves.UnsoundShape),
    (Product(1, 1000), terms(1000), 0, Curves.UnsoundShape),
    (Piecewise([]), terms(), 0, Curves.UnsoundShape),
    (Piecewise([Segment(9, 5, 0, 0, 0, 1), Segment(1 << 99, 4, 0, 0, 0, 1)]), terms(), 0, Curves.FallingPrices),
    (Linear(1, 1, 1), terms(max_supply=U128_MAX), 0, Curves.BeyondBalance),
    (Linear(U128_MAX, 0, 1), terms(max_supply=2), 0, Curves.BeyondBalance),
    (Linear(U128_MAX - 1, 0, 1), terms(1, fees=Fees(1, 0, 0)), 0, Curves.BeyondBalance),
    (FLAT, terms(), 38, Curves.BeyondBalance),
    (FLAT, terms(), 255, Curves.BeyondBalance),
    (SLOW, terms(fees=Fees(250_001, 0, 0)), 0, Curves.FeesTooHigh),
    (SLOW, terms(fees=Fees(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)), 0, Curves.FeesTooHigh),
    (SLOW, terms(2000, 1000, Fees(50_000, 0, 0), LaunchTax(940_001, 1)), 0, Curves.TaxTooHigh),
    (SLOW, terms(2000, None, Fees(0, 0, 0), LaunchTax(1, 1)), 0, Curves.TaxWithoutPool),
    (SLOW, terms(2000, 1000, Fees(0, 0, 0), LaunchTax(1, 0)), 0, Curves.TaxTooLong),
    (SLOW, terms(2000, 1000, Fees(0, 0, 0), LaunchTax(1, (1 << 64) - 1)), 0, Curves.TaxTooLong),
    (SLOW, terms(2000, 0), 0, Curves.CannotStockPool),
    (SLOW, terms(2000, 2000), 0, Curves.CannotStockPool),
    (SLOW, terms(2000, U128_MAX), 0, Curves.CannotStockPool),
    (SLOW, terms(1749, 1000), 0, Curves.CannotStockPool),
    (Linear(0, 0, 1), terms(2000, 1000), 0, Curves.CannotStockPool),
    (Linear(0, 1, 1), terms(2000, 2), 0, Curves.CannotStockPool),
]


def test_every_bad_launch_has_its_own_error_and_leaves_no_trace() -> None:
    with market() as chain:
        for shape, given, decimals, error in BAD_LAUNCHES:
            with noop(chain.rt, error):
                chain.launch(shape, given, decimals)
        with noop(chain.rt, Agents.UnknownAgent):
            chain.launch(SLOW, terms(), agent=1)
        with noop(chain.rt, Curves.NotCreator):
            chain.launch(SLOW, terms(), who=ALICE)
        with noop(chain.rt, Assets.BadMetadata):
            chain.call(
                CREATOR,
                "Curves",
                "create",
                agent=0,
                shape=SLOW,
                terms=terms(),
                name=bytes(200),
                symbol=b"",
                decimals=0,
            )
        chain.launch(SLOW, terms(1750, 1000))
        with noop(chain.rt, Curves.AlreadyLaunched):
            chain.launch(SLOW, terms())


def test_clients_get_quotes_that_the_trades_keep() -> None:
    with market(straight(fees=FEES)) as chain:
        rt = chain.rt
        apis = ApiDispatcher(rt, rt.apis)
        wire, quote_of = codec_of(tuple[U64, U128]), codec_of(Quote | None)

        def quote(name: str, curve: int, amount: int) -> Quote | None:
            answer = apis.call(rt, f"CurvesApi_quote_{name}", wire.encode((curve, amount)))
            found: Quote | None = quote_of.decode_all(answer)
            return found

        trades: list[tuple[str, int, Callable[..., None]]] = [
            ("buy", 321, chain.buy),
            ("buy_for", 54_321, chain.buy_for),
            ("sell", 123, chain.sell),
        ]
        for name, amount, trade in trades:
            promised = quote(name, 0, amount)
            assert promised is not None and quote(name, 1, amount) is None
            money, units = chain.money(ALICE), chain.units(ALICE)
            trade(ALICE, amount)
            assert abs(chain.money(ALICE) - money) == promised.net
            assert abs(chain.units(ALICE) - units) == promised.units
            price = apis.call(rt, "CurvesApi_price", codec_of(U64).encode(0))
            assert codec_of(U128 | None).decode_all(price) == promised.price_after == 1000 + chain.level.supply
