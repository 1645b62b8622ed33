"""What agents may do in the name of who submits their jobs: to the unit, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pallets.anchors.pallet import Anchors
from pallets.assets.pallet import Assets
from pallets.curves.pallet import Curves
from pallets.frame import DispatchError
from pallets.frame.runtime import Call
from pallets.frame.testing import noop
from pallets.mandates import Curves as OnCurves
from pallets.mandates import Kind, Mandates, Token, Transfers
from pallets.mandates import Pools as InPools
from pallets.primitives.curves import Linear
from pallets.primitives.curves.pool import Side
from pallets.primitives.curves.presets import Preset
from pallets.primitives.curves.record import Fees
from pallets.primitives.effects import CallAction
from pallets.proxy.terms import ProxyType
from tests.pallets.curve_market import ALICE, BOB, CAROL, CREATOR, START, Market, market, terms
from tests.pallets.effect_chain import leave

UNTIL = START + 60_000
SHAPE, TERMS = Linear(1_000, 7, 3), terms(max_supply=10_000, fees=Fees(10_000, 5_000, 5_000))


@pytest.fixture
def shop() -> Iterator[Market]:
    with market(Preset(SHAPE, TERMS, 0)) as made:
        yield made


def grant(shop: Market, *kinds: Kind, allowance: int = 0, who: bytes = ALICE, until: int = UNTIL) -> None:
    shop.call(who, "Mandates", "grant", agent=0, allowance=allowance, kinds=list(kinds), until=until)


def call(shop: Market, pallet: str, name: str, **arguments: Any) -> Call:
    return shop.rt.call(pallet, name, **arguments)


def act(shop: Market, *calls: Call, who: bytes = ALICE) -> str:
    """What becomes of a job's actions: "" or why not. Then nothing of them is left."""
    output = leave(*(CallAction(each.encoded()) for each in calls), writes={b"done": b"yes"})
    state, before = dict(shop.rt.state.changes), dict(shop.rt.anchors.value.items())
    shop.rt.anchors.apply(0, 7, who, output)
    last = shop.rt.events[-1]
    if isinstance(last, Anchors.Refused):
        assert dict(shop.rt.anchors.value.items()) == before
        changed = {key for key, value in shop.rt.state.changes.items() if state.get(key, ...) != value}
        assert not changed, changed
        return type(last.error).__name__
    assert isinstance(last, Anchors.Applied)
    return ""


def left(shop: Market, who: bytes = ALICE) -> int:
    mandate = shop.rt.mandates.mandate.get(who, 0)
    assert mandate is not None
    return mandate.left


def buy(shop: Market, units: int = 10, max_cost: int = 10**20) -> Call:
    return call(shop, "Curves", "buy", curve=0, units=units, max_cost=max_cost)


def send(shop: Market, amount: int, to: bytes = BOB) -> Call:
    return call(shop, "Balances", "transfer_keep_alive", dest=to, value=amount)


def batch(shop: Market, *calls: Call, name: str = "batch_all") -> Call:
    return call(shop, "Utility", name, calls=list(calls))


def test_the_cap_is_exact_under_fees_and_moved_prices(shop: Market) -> None:
    quote = shop.rt.curves.quote_buy(0, 10)
    assert quote is not None and quote.fee
    grant(shop, OnCurves(), allowance=quote.net - 1)
    assert act(shop, buy(shop)) == "MandateExceeded"
    grant(shop, OnCurves(), allowance=quote.net)
    shop.buy(BOB, 1)  # in the same block, before the job is settled
    assert act(shop, buy(shop)) == "MandateExceeded" and left(shop) == quote.net
    shop.sell(BOB, 1)
    money = shop.money(ALICE)
    assert act(shop, buy(shop)) == "" and left(shop) == 0 and money - shop.money(ALICE) == quote.net
    assert act(shop, buy(shop, 1)) == "MandateExceeded"
    used = [event for event in shop.rt.events if isinstance(event, Mandates.Used)]
    assert used == [Mandates.Used(ALICE, 0, 7, quote.net, 0)]


def test_the_scripts_own_bound_holds_too(shop: Market) -> None:
    quote = shop.rt.curves.quote_buy(0, 10)
    assert quote is not None
    grant(shop, OnCurves(), allowance=10**20)
    shop.buy(BOB, 1)
    assert act(shop, buy(shop, max_cost=quote.net)) == "Slippage"


def test_several_actions_share_the_rest(shop: Market) -> None:
    grant(shop, Transfers(), allowance=10)
    assert act(shop, send(shop, 6), send(shop, 5)) == "MandateExceeded" and left(shop) == 10
    assert act(shop, batch(shop, send(shop, 6), send(shop, 5))) == "MandateExceeded"
    assert act(shop, send(shop, 6), batch(shop, send(shop, 3), send(shop, 1))) == "" and left(shop) == 0


def test_who_has_granted_nothing_is_left_alone(shop: Market) -> None:
    assert act(shop, send(shop, 1)) == "NoMandate"
    grant(shop, Transfers(), allowance=10)
    assert act(shop, send(shop, 1), who=BOB) == "NoMandate"
    assert act(shop, send(shop, 1)) == ""
    shop.rt.timestamp.now = UNTIL
    assert act(shop, send(shop, 1)) == "MandateExpired"
    grant(shop, Transfers(), allowance=10, until=UNTIL + 1)
    shop.call(ALICE, "Mandates", "revoke", agent=0)
    assert act(shop, send(shop, 1)) == "NoMandate"
    with noop(shop.rt, Mandates.NoMandate):
        shop.call(ALICE, "Mandates", "revoke", agent=0)


@pytest.mark.parametrize(
    ("kinds", "until", "error"),
    [
        ([Transfers()], START, Mandates.EndInThePast),
        ([], UNTIL, Mandates.NothingAllowed),
        ([Token(1, 2), Token(1, 3)], UNTIL, Mandates.TokenTwice),
    ],
)
def test_what_is_no_mandate(shop: Market, kinds: list[Kind], until: int, error: type[DispatchError]) -> None:
    with noop(shop.rt, error):
        shop.call(ALICE, "Mandates", "grant", agent=0, allowance=1, kinds=kinds, until=until)


def test_only_calls_of_the_kinds_however_deep(shop: Market) -> None:
    grant(shop, OnCurves(), InPools(), allowance=10**20)
    for other in (
        send(shop, 1),
        call(shop, "Assets", "transfer", id=shop.curve.token, target=BOB, amount=1),
        call(shop, "Balances", "transfer_allow_death", dest=BOB, value=1),
        call(shop, "Balances", "transfer_all", dest=BOB, keep_alive=False),
        call(shop, "Mandates", "grant", agent=0, allowance=10**30, kinds=[Transfers()], until=UNTIL),
        call(shop, "Utility", "as_derivative", index=0, call=buy(shop)),
        call(shop, "Proxy", "add_proxy", delegate=BOB, proxy_type=ProxyType.Any, delay=0),
        call(shop, "Anchors", "fill", agent=0, amount=1),
        call(shop, "Sudo", "sudo", call=buy(shop)),
    ):
        assert act(shop, other) == "CallNotAllowed"
        for outer in ("batch", "batch_all", "force_batch"):
            deep = batch(shop, buy(shop), batch(shop, other, name=outer), name=outer)
            assert act(shop, deep) == "CallNotAllowed"
        either = call(shop, "Utility", "if_else", main=buy(shop), fallback=other)
        assert act(shop, either) == "CallNotAllowed"
    assert act(shop, batch(shop, batch(shop, buy(shop)), name="force_batch")) == ""


def test_tokens_leave_by_their_own_count(shop: Market) -> None:
    token = shop.curve.token
    shop.buy(ALICE, 100)
    sell = call(shop, "Curves", "sell", curve=0, units=10, min_refund=0)
    give = call(shop, "Assets", "transfer", id=token, target=BOB, amount=10)
    swap = call(shop, "Pools", "swap_exact_in", pool=0, side=Side.Sell, amount_in=1, min_out=0)
    grant(shop, OnCurves(), InPools(), Transfers(), allowance=10**20)
    assert act(shop, sell) == act(shop, give) == act(shop, batch(shop, sell)) == "TokenNotAllowed"
    assert act(shop, swap) == "UnknownPool"
    grant(shop, OnCurves(), Transfers(), Token(token, 25))
    assert act(shop, sell) == "" and act(shop, give) == "" and act(shop, sell) == "MandateExceeded"
    assert shop.units(ALICE) == 80


def test_what_comes_in_is_not_the_agents_to_give_away(shop: Market) -> None:
    shop.buy(ALICE, 100)
    quote = shop.rt.curves.quote_sell(0, 50)
    assert quote is not None
    grant(shop, OnCurves(), Transfers(), Token(shop.curve.token, 50), allowance=quote.net - 1)
    loot = [call(shop, "Curves", "sell", curve=0, units=50, min_refund=0), send(shop, quote.net)]
    for name in ("batch", "batch_all", "force_batch"):
        assert act(shop, batch(shop, *loot, name=name)) == "MandateExceeded"
    assert act(shop, *loot) == "MandateExceeded"
    grant(shop, OnCurves(), Transfers(), Token(shop.curve.token, 50), allowance=quote.net)
    assert act(shop, batch(shop, *loot)) == "" and left(shop) == 0


def test_what_a_batch_undoes_never_counts_too_little(shop: Market) -> None:
    grant(shop, Transfers(), allowance=100)
    failing = send(shop, shop.money(ALICE) + 1)
    assert act(shop, batch(shop, send(shop, 10), batch(shop, send(shop, 5), failing), name="force_batch")) == ""
    assert shop.money(BOB) - 10 == shop.money(CAROL) and left(shop) in (85, 90)


def test_of_a_job_that_fails_later_a_trade_is_undone(shop: Market) -> None:
    grant(shop, OnCurves(), Transfers(), allowance=10**20)
    level = shop.level
    assert act(shop, buy(shop), send(shop, 10**20)) == "MandateExceeded"
    assert shop.level == level and shop.units(ALICE) == 0


def test_unknown_things_say_so_themselves(shop: Market) -> None:
    grant(shop, OnCurves(), Transfers(), Token(99, 5), allowance=10)
    unknown = call(shop, "Curves", "sell", curve=9, units=1, min_refund=0)
    assert act(shop, unknown) == Curves.UnknownCurve.__name__
    nothing = call(shop, "Assets", "transfer", id=99, target=CREATOR, amount=1)
    assert act(shop, nothing) in (Assets.Unknown.__name__, Assets.NoAccount.__name__)
