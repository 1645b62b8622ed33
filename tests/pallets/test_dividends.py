"""What holders of a token earn: by what they have and how long, in any order of claims, to the last unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations

import pytest

from pallets.dividends import POT, SCALE, Dividends, Earned, Stream
from pallets.frame.events import Token
from pallets.frame.origin import signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime_api import ApiDispatcher
from pallets.frame.testing import noop
from pallets.primitives.codec import codec_of
from pallets.primitives.fixed import U128_MAX
from pallets.runtime_apis import DividendsApi
from tests.pallets.dividend_chain import DEPOSIT, EPOCH, PAYER, PEOPLE, POOL, START, DividendChain, DividendRuntime
from tests.pallets.small_runtime import ALICE, BOB, CHARLIE, DAVE, UNIT


@pytest.fixture
def chain() -> DividendChain:
    return DividendChain()


def test_revenue_streams_to_holders_by_what_they_have(chain: DividendChain) -> None:
    chain.mint(ALICE, 1)
    chain.mint(BOB, 3)
    chain.pay(UNIT)
    assert chain.rt.events[-1] == Dividends.RevenueAdded(chain.token, UNIT, START + EPOCH)
    assert chain.claimable(ALICE) == chain.claimable(BOB) == 0
    chain.wait(EPOCH // 2)
    assert (chain.claimable(ALICE), chain.claimable(BOB)) == (UNIT // 8, 3 * UNIT // 8)
    chain.claim(ALICE)
    assert list(chain.rt.events)[-1] == Dividends.Claimed(chain.token, ALICE, UNIT // 8)
    assert chain.rt.balances.free(ALICE) == DEPOSIT + UNIT // 8
    chain.wait(EPOCH)
    assert (chain.claimable(ALICE), chain.claimable(BOB)) == (UNIT // 8, 3 * UNIT // 4)
    for who in (ALICE, BOB):
        chain.claim(who)
    assert chain.pot() == 0


def test_nobody_earns_for_time_in_which_it_had_nothing(chain: DividendChain) -> None:
    chain.mint(ALICE, 10)
    chain.pay(UNIT)
    chain.mint(BOB, 10**9)  # who comes for the payment and goes in the same moment
    chain.rt.assets.burn_from(chain.token, BOB, 10**9)
    chain.wait(EPOCH // 4)
    chain.rt.assets.transfer(chain.token, ALICE, CHARLIE, 10)
    assert (chain.claimable(ALICE), chain.claimable(BOB), chain.claimable(CHARLIE)) == (UNIT // 4, 0, 0)
    chain.wait(EPOCH)
    chain.mint(BOB, 10)
    chain.wait(EPOCH)
    assert [chain.claimable(who) for who in (ALICE, BOB, CHARLIE)] == [UNIT // 4, 0, 3 * UNIT // 4]


def test_pots_neither_earn_nor_count(chain: DividendChain) -> None:
    chain.mint(POOL, 10**6)
    assert chain.rt.dividends.circulating(chain.token) == chain.rt.dividends.holder_count(chain.token) == 0
    chain.mint(ALICE, 5)
    chain.rt.assets.transfer(chain.token, POOL, BOB, 5)
    assert (chain.rt.dividends.circulating(chain.token), chain.rt.dividends.holder_count(chain.token)) == (10, 2)
    chain.pay(UNIT)
    chain.wait(EPOCH)
    assert [chain.claimable(who) for who in (ALICE, BOB, POOL)] == [UNIT // 2, UNIT // 2, 0]
    with noop(chain.rt, Dividends.NothingToClaim):
        chain.claim(POOL)
    chain.rt.assets.transfer(chain.token, BOB, POOL, 5)
    assert (chain.rt.dividends.circulating(chain.token), chain.rt.dividends.holder_count(chain.token)) == (5, 1)
    assert chain.claimable(BOB) == UNIT // 2


def test_a_stream_without_holders_stands_still(chain: DividendChain) -> None:
    chain.pay(UNIT)
    chain.wait(10 * EPOCH)
    chain.mint(ALICE, 1)
    assert chain.claimable(ALICE) == 0
    chain.wait(EPOCH // 4)
    chain.rt.assets.burn_from(chain.token, ALICE, 1)
    chain.wait(EPOCH)
    chain.mint(BOB, 1)
    chain.wait(3 * EPOCH // 4)
    assert (chain.claimable(ALICE), chain.claimable(BOB)) == (UNIT // 4, 3 * UNIT // 4)


def test_what_is_left_joins_the_next_payment(chain: DividendChain) -> None:
    chain.mint(ALICE, 1)
    chain.pay(UNIT)
    chain.wait(EPOCH // 2)
    chain.pay(UNIT // 2)  # half is left, for half an epoch; with as much again for a whole one
    until = chain.rt.timestamp.now + 3 * EPOCH // 4
    assert chain.rt.events[-1] == Dividends.RevenueAdded(chain.token, UNIT // 2, until)
    chain.wait(3 * EPOCH // 8)
    assert chain.claimable(ALICE) == UNIT
    chain.wait(3 * EPOCH // 8)
    assert chain.claimable(ALICE) == 3 * UNIT // 2


def test_small_payments_hold_nothing_up(chain: DividendChain) -> None:
    chain.mint(ALICE, 1)
    chain.pay(UNIT)
    for _ in range(100):
        chain.wait(EPOCH // 100)
        chain.pay(1)
    assert chain.claimable(ALICE) >= UNIT


def test_claims_are_paid_in_any_order() -> None:
    paid = []
    for order in permutations(PEOPLE):
        chain = DividendChain()
        for number, who in enumerate(PEOPLE):
            chain.mint(who, 7**number)
            chain.pay(UNIT + number)
            chain.wait(EPOCH // 7)
        for who in order:
            chain.claim(who)
        paid.append([chain.rt.balances.free(who) for who in PEOPLE])
    assert all(each == paid[0] for each in paid)


def test_when_others_claim_changes_nothing() -> None:
    ends = []
    for claims in (0, 1, 9):
        chain = DividendChain()
        for who, amount in ((ALICE, 3), (BOB, 10**6 + 7)):
            chain.mint(who, amount)
        chain.pay(UNIT + 1)
        for _ in range(claims):
            chain.wait(EPOCH // 13)
            chain.claim(BOB)
        chain.wait(EPOCH - claims * (EPOCH // 13))
        for who in (ALICE, BOB):
            chain.claim(who)
        ends.append((chain.rt.balances.free(ALICE), chain.rt.balances.free(BOB)))
    assert len(set(ends)) == 1


def claim(runtime: DividendRuntime, token: int) -> None:
    runtime.dispatch(runtime.call("Dividends", "claim", token=token), signed(ALICE))


def transfer(runtime: DividendRuntime, token: int) -> None:
    runtime.assets.transfer(token, ALICE, BOB, 5)


def pay(runtime: DividendRuntime, token: int) -> None:
    runtime.dividends.pay_in(token, PAYER, UNIT)


class Counting:
    """A backend that knows how often it was read."""

    def __init__(self, pairs: dict[bytes, bytes]) -> None:
        self.pairs, self.reads = DictBackend(pairs), 0

    def get(self, key: bytes, /) -> bytes | None:
        self.reads += 1
        return self.pairs.get(key)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        raise AssertionError("nothing is gone through")


@pytest.mark.parametrize("act", [claim, transfer, pay])
def test_it_costs_the_same_however_many_hold(act: Callable[[DividendRuntime, int], None]) -> None:
    def cost(holders: int) -> tuple[int, int]:
        chain = DividendChain()
        for number in range(holders):
            chain.mint(number.to_bytes(32, "big"), 10)
        chain.mint(ALICE, 10)
        chain.mint(BOB, 10)
        chain.pay(UNIT)
        chain.wait(EPOCH // 2)
        chain.claim(ALICE)
        chain.wait(EPOCH // 4)
        backend = Counting({key: value for key, value in chain.state().items() if value is not None})
        runtime = DividendRuntime(Overlay(backend))
        act(runtime, chain.token)
        return backend.reads, len(runtime.state.changes)

    assert cost(3) == cost(300)


def test_less_than_an_account_needs_is_refused_and_kept(chain: DividendChain) -> None:
    newcomer = b"\x42" * 32
    chain.mint(newcomer, 1)
    chain.pay(DEPOSIT)
    chain.wait(EPOCH - 1)
    with noop(chain.rt, Token("BelowMinimum")):
        chain.claim(newcomer)
    chain.wait(1)
    chain.claim(newcomer)
    assert chain.rt.balances.free(newcomer) == DEPOSIT


def test_what_a_leaver_has_earned_waits_for_it(chain: DividendChain) -> None:
    chain.mint(ALICE, 1)
    chain.mint(BOB, 2)
    chain.pay(UNIT)
    chain.wait(EPOCH)
    for who, amount in ((ALICE, 1), (BOB, 2)):
        chain.rt.assets.burn_from(chain.token, who, amount)
    assert dict(chain.rt.dividends.earned.items()).keys() == {(chain.token, ALICE), (chain.token, BOB)}
    for who in (ALICE, BOB):
        chain.claim(who)
    assert not dict(chain.rt.dividends.earned.items())
    assert chain.accounted(chain.token) == chain.pot() * SCALE == SCALE  # what neither had a whole unit of


def test_refused(chain: DividendChain) -> None:
    with noop(chain.rt, Dividends.NotFollowed):
        chain.claim(ALICE, token=99)
    with noop(chain.rt, Dividends.NothingToClaim):
        chain.claim(ALICE)
    with noop(chain.rt, Dividends.NotFollowed):
        chain.pay(1, token=99)
    with noop(chain.rt, Token("NotExpendable")):
        chain.pay(chain.rt.balances.free(PAYER))
    chain.mint(ALICE, 1)
    unfollowed = chain.rt.assets.next_id()
    chain.rt.assets.create_token(unfollowed, POOL, b"Other", b"O", 0)
    chain.mint(ALICE, 5, unfollowed)
    for token in (chain.token, unfollowed):
        with noop(chain.rt, Dividends.AlreadyIssued):
            chain.rt.dividends.follow(token)
    assert chain.rt.dividends.circulating(unfollowed) == chain.claimable(ALICE, unfollowed) == 0
    events = len(chain.rt.events)
    chain.pay(0)
    assert len(chain.rt.events) == events


def test_a_gift_to_the_pot_changes_nothing(chain: DividendChain) -> None:
    chain.mint(ALICE, 1)
    chain.rt.balances.transfer(PAYER, POT, 5 * UNIT)
    chain.pay(UNIT)
    chain.wait(EPOCH)
    assert chain.claimable(ALICE) == UNIT


@pytest.mark.parametrize("supply", [1, U128_MAX])
def test_the_largest_sums_fit(supply: int) -> None:
    chain, amount = DividendChain(money=U128_MAX - 10 * UNIT), U128_MAX - 11 * UNIT
    chain.mint(DAVE, supply)
    chain.pay(amount)
    chain.wait(EPOCH)
    carried = amount - chain.claimable(DAVE)
    assert 0 <= carried <= supply // SCALE  # less than a part for each unit of the token
    chain.claim(DAVE)
    assert chain.rt.balances.free(DAVE) == amount - carried + DEPOSIT
    assert chain.accounted(chain.token, DAVE) == chain.pot() * SCALE


def test_anyone_can_ask_what_is_claimable(chain: DividendChain) -> None:
    api = ApiDispatcher(chain.rt, (DividendsApi,))
    chain.mint(ALICE, 2)
    chain.mint(BOB, 1)
    chain.pay(UNIT)
    chain.wait(EPOCH)
    before = dict(chain.rt.state.changes)
    for token, amount in ((chain.token, 2 * UNIT // 3), (99, 0)):
        asked = token.to_bytes(4, "little") + ALICE
        assert api.call(chain.rt, "DividendsApi_claimable", asked) == amount.to_bytes(16, "little")
    assert dict(chain.rt.state.changes) == before


def test_on_the_wire() -> None:
    stream = codec_of(Stream).encode(Stream(1, 2, 3, 4, 5, 6, 7, 8, 9))
    numbers = [(1, 8), (2, 16), (3, 4)]
    big, rest = [(4, 32), (5, 32)], [(6, 16), (7, 16), (8, 8), (9, 8)]
    assert stream == b"".join(
        [n.to_bytes(w, "little") for n, w in numbers]
        + [n.to_bytes(w, "little") for n, w in big]
        + [n.to_bytes(w, "little") for n, w in rest]
    )
    assert codec_of(Earned).encode(Earned(1, 2)) == (1).to_bytes(32, "little") + (2).to_bytes(32, "little")
