"""Balances: FRAME's rules one by one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pallets.balances.pallet import MAX_HOLDS, Balances
from pallets.frame import Arithmetic, BadOrigin, DispatchError, Token
from pallets.frame.events import ConsumerRemaining
from pallets.frame.genesis import InvalidGenesis, build_genesis
from pallets.frame.origin import NONE, ROOT, signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.testing import externalities, noop
from pallets.fungible import Currency
from pallets.primitives.codec import codec_of
from pallets.primitives.fixed import U128_MAX
from pallets.primitives.types import U16
from pallets.system.account import AccountData, AccountInfo
from pallets.system.pallet import System
from tests.pallets.frame_metadata import assert_frames_own
from tests.pallets.small_runtime import ALICE, BOB, CHARLIE, DAVE, DEPOSIT, Escrow, SmallRuntime, genesis

DEAL, BOND = Escrow.HoldReason.Deal, Escrow.HoldReason.Bond
VERSION_KEY = bytes.fromhex("c2261276cc9d1f8598ea4b6a74b15c2f4e7b9012096b41c4eb3aaf947f6ea429")
"""twox128("Balances") and twox128(":__STORAGE_VERSION__:"), as subkey prints them."""


@pytest.fixture
def rt() -> Iterator[SmallRuntime]:
    with externalities(SmallRuntime, **genesis(alice=10_000, bob=2_000)) as runtime:
        yield runtime


def info(rt: SmallRuntime, who: bytes) -> AccountInfo:
    return rt.system.account[who]


def provided_by_another(rt: SmallRuntime, who: bytes) -> None:
    account = info(rt, who)
    rt.system.inc_providers(who, account)
    rt.system.account[who] = account


def test_vocabulary_is_frames() -> None:
    assert_frames_own("Balances")


def test_a_balances_pallet_is_a_currency(rt: SmallRuntime) -> None:
    currency: Currency = rt.balances
    assert currency.existential_deposit == DEPOSIT


# Genesis


def test_genesis_provides_for_its_accounts(rt: SmallRuntime) -> None:
    assert rt.balances.total_issuance == 12_000
    alice = info(rt, ALICE)
    assert (alice.providers, alice.consumers, alice.sufficients, alice.nonce) == (1, 0, 0, 0)
    assert (alice.data.free, alice.data.reserved, alice.data.frozen, alice.data.flags) == (10_000, 0, 0, 1 << 127)
    assert CHARLIE not in rt.system.account
    assert rt.state.get(VERSION_KEY) == codec_of(U16).encode(1)


@pytest.mark.parametrize("balances", [[(ALICE, DEPOSIT - 1)], [(ALICE, 1_000), (ALICE, 2_000)]])
def test_genesis_refuses_dust_and_doubles(balances: list[tuple[bytes, int]]) -> None:
    with pytest.raises(InvalidGenesis):
        build_genesis(SmallRuntime, {"balances": {"balances": balances}})


# Transfers


def test_a_transfer_moves_money_and_says_so(rt: SmallRuntime) -> None:
    rt.balances.transfer_allow_death(ALICE, BOB, 700)
    assert (rt.balances.free(ALICE), rt.balances.free(BOB)) == (9_300, 2_700)
    assert rt.events == [Balances.Transfer(from_=ALICE, to=BOB, amount=700)]
    assert rt.balances.total_issuance == 12_000


def test_the_first_money_creates_an_account(rt: SmallRuntime) -> None:
    rt.balances.transfer_keep_alive(ALICE, CHARLIE, DEPOSIT)
    assert info(rt, CHARLIE).providers == 1
    assert rt.events == [
        System.NewAccount(CHARLIE),
        Balances.Endowed(CHARLIE, DEPOSIT),
        Balances.Transfer(ALICE, CHARLIE, DEPOSIT),
    ]


def test_the_last_money_reaps_an_account(rt: SmallRuntime) -> None:
    rt.balances.transfer_allow_death(BOB, CHARLIE, 2_000)
    assert BOB not in rt.system.account
    assert rt.events == [
        System.KilledAccount(BOB),
        System.NewAccount(CHARLIE),
        Balances.Endowed(CHARLIE, 2_000),
        Balances.Transfer(BOB, CHARLIE, 2_000),
    ]


def test_dust_is_burned_with_its_account(rt: SmallRuntime) -> None:
    rt.balances.transfer_allow_death(BOB, ALICE, 1_600)
    assert BOB not in rt.system.account
    assert rt.balances.total_issuance == 11_600
    assert rt.events == [
        System.KilledAccount(BOB),
        Balances.DustLost(BOB, 400),
        Balances.Transfer(BOB, ALICE, 1_600),
    ]


def test_a_reaped_account_starts_over_with_nonce_zero(rt: SmallRuntime) -> None:
    bob = info(rt, BOB)
    bob.nonce = 7
    rt.system.account[BOB] = bob
    rt.balances.transfer_allow_death(BOB, ALICE, 2_000)
    rt.balances.transfer_allow_death(ALICE, BOB, DEPOSIT)
    assert info(rt, BOB).nonce == 0


def test_exactly_the_deposit_keeps_an_account(rt: SmallRuntime) -> None:
    rt.balances.transfer_keep_alive(BOB, ALICE, 2_000 - DEPOSIT)
    assert rt.balances.free(BOB) == DEPOSIT


@pytest.mark.parametrize(
    ("source", "dest", "value", "keep_alive", "error"),
    [
        (ALICE, BOB, 10_001, False, Token("FundsUnavailable")),
        (ALICE, BOB, 12_001, False, Arithmetic("Underflow")),  # more than there is at all
        (ALICE, CHARLIE, DEPOSIT - 1, False, Token("BelowMinimum")),
        (BOB, ALICE, 2_000, True, Token("NotExpendable")),
        (BOB, ALICE, 2_000 - DEPOSIT + 1, True, Token("NotExpendable")),
        (CHARLIE, ALICE, 1, False, Token("FundsUnavailable")),
    ],
)
def test_refused_transfers(
    rt: SmallRuntime, source: bytes, dest: bytes, value: int, keep_alive: bool, error: DispatchError
) -> None:
    with noop(rt, error):
        rt.balances.transfer(source, dest, value, keep_alive=keep_alive)


def test_a_balance_never_overflows(rt: SmallRuntime) -> None:
    rich = info(rt, CHARLIE)
    rich.data.free, rich.providers = U128_MAX - 10, 1
    rt.system.account[CHARLIE] = rich
    with noop(rt, Arithmetic("Overflow")):
        rt.balances.transfer(ALICE, CHARLIE, 11)
    rich.data.reserved, rich.data.free = 20, U128_MAX - 25
    rt.system.account[CHARLIE] = rich
    with noop(rt, Arithmetic("Overflow")):
        rt.balances.transfer(ALICE, CHARLIE, 6)


def test_a_transfer_to_oneself_is_checked_and_then_nothing(rt: SmallRuntime) -> None:
    rt.balances.transfer(ALICE, ALICE, 10_000)
    assert rt.events == []
    with noop(rt, Token("FundsUnavailable")):
        rt.balances.transfer(ALICE, ALICE, 10_001)


def test_a_transfer_of_nothing_is_an_event(rt: SmallRuntime) -> None:
    rt.balances.transfer(ALICE, CHARLIE, 0)
    assert rt.events == [Balances.Transfer(ALICE, CHARLIE, 0)]
    assert CHARLIE not in rt.system.account


def test_an_account_that_something_depends_on_keeps_its_deposit(rt: SmallRuntime) -> None:
    bob = info(rt, BOB)
    bob.inc_consumers()
    rt.system.account[BOB] = bob
    assert rt.balances.reducible(BOB, keep_alive=False) == 2_000 - DEPOSIT
    with noop(rt, Token("Frozen")):
        rt.balances.transfer(BOB, ALICE, 2_000)
    rt.balances.transfer(BOB, ALICE, 2_000 - DEPOSIT)


def test_with_a_second_provider_the_balance_may_go_and_the_account_stays(rt: SmallRuntime) -> None:
    provided_by_another(rt, BOB)
    bob = info(rt, BOB)
    bob.inc_consumers()
    rt.system.account[BOB] = bob
    rt.balances.transfer(BOB, ALICE, 1_600)
    assert (info(rt, BOB).providers, info(rt, BOB).data.free) == (1, 0)
    assert rt.events == [Balances.DustLost(BOB, 400), Balances.Transfer(BOB, ALICE, 1_600)]
    rt.balances.transfer(ALICE, BOB, 600)
    assert info(rt, BOB).providers == 2
    assert rt.events[2:] == [Balances.Endowed(BOB, 600), Balances.Transfer(ALICE, BOB, 600)]


@pytest.mark.parametrize(("keep_alive", "sent"), [(True, 2_000 - DEPOSIT), (False, 2_000)])
def test_transfer_all_sends_what_may_be_sent(rt: SmallRuntime, keep_alive: bool, sent: int) -> None:
    rt.balances.transfer_all(BOB, ALICE, keep_alive)
    assert rt.events[-1] == Balances.Transfer(BOB, ALICE, sent)
    assert (BOB in rt.system.account) is keep_alive


def test_force_transfer_is_roots(rt: SmallRuntime) -> None:
    call = rt.call("Balances", "force_transfer", source=ALICE, dest=BOB, value=100)
    rt.dispatch(call, ROOT)
    assert rt.balances.free(BOB) == 2_100
    for origin in (signed(ALICE), NONE):
        with noop(rt, BadOrigin):
            rt.dispatch(call, origin)


def test_frozen_money_stays_in_the_account(rt: SmallRuntime) -> None:
    bob = info(rt, BOB)
    bob.data.frozen = 1_500
    rt.system.account[BOB] = bob
    assert rt.balances.reducible(BOB, keep_alive=False) == 500
    with noop(rt, Token("Frozen")):
        rt.balances.transfer(BOB, ALICE, 501)
    bob.data.reserved = 1_000  # what is held counts towards what is frozen
    rt.system.account[BOB] = bob
    assert rt.balances.reducible(BOB, keep_alive=False) == 1_500


# Issuance


def test_root_sets_a_balance(rt: SmallRuntime) -> None:
    rt.dispatch(rt.call("Balances", "force_set_balance", who=BOB, new_free=5_000), ROOT)
    assert rt.events == [Balances.Issued(3_000), Balances.BalanceSet(BOB, 5_000)]
    assert rt.balances.total_issuance == 15_000
    rt.events.clear()
    rt.dispatch(rt.call("Balances", "force_set_balance", who=CHARLIE, new_free=DEPOSIT), ROOT)
    assert rt.events == [
        System.NewAccount(CHARLIE),
        Balances.Endowed(CHARLIE, DEPOSIT),
        Balances.Issued(DEPOSIT),
        Balances.BalanceSet(CHARLIE, DEPOSIT),
    ]


def test_root_sets_less_than_the_deposit_to_nothing(rt: SmallRuntime) -> None:
    rt.dispatch(rt.call("Balances", "force_set_balance", who=BOB, new_free=DEPOSIT - 1), ROOT)
    assert rt.events == [System.KilledAccount(BOB), Balances.Rescinded(2_000), Balances.BalanceSet(BOB, 0)]
    assert rt.balances.total_issuance == 10_000


def test_not_even_root_reaps_an_account_that_is_depended_on(rt: SmallRuntime) -> None:
    rt.balances.hold(DEAL, BOB, 100)
    with noop(rt, ConsumerRemaining):
        rt.dispatch(rt.call("Balances", "force_set_balance", who=BOB, new_free=0), ROOT)


def test_burning_lowers_the_issuance(rt: SmallRuntime) -> None:
    rt.dispatch(rt.call("Balances", "burn", value=1_000, keep_alive=True), signed(BOB))
    assert rt.events == [Balances.Burned(BOB, 1_000)]
    assert rt.balances.total_issuance == 11_000
    with noop(rt, Token("FundsUnavailable")):
        rt.dispatch(rt.call("Balances", "burn", value=501, keep_alive=True), signed(BOB))
    rt.dispatch(rt.call("Balances", "burn", value=900, keep_alive=False), signed(BOB))
    assert rt.events[1:] == [System.KilledAccount(BOB), Balances.DustLost(BOB, 100), Balances.Burned(BOB, 900)]
    assert rt.balances.total_issuance == 10_000


def test_minting_raises_it(rt: SmallRuntime) -> None:
    rt.balances.mint_into(CHARLIE, DEPOSIT)
    assert rt.events == [
        System.NewAccount(CHARLIE),
        Balances.Endowed(CHARLIE, DEPOSIT),
        Balances.Minted(CHARLIE, DEPOSIT),
    ]
    assert rt.balances.total_issuance == 12_000 + DEPOSIT
    for who, amount, error in (
        (DAVE, DEPOSIT - 1, Token("BelowMinimum")),
        (DAVE, 0, Token("BelowMinimum")),
        (ALICE, U128_MAX - 12_000 - DEPOSIT + 1, Arithmetic("Overflow")),
    ):
        with noop(rt, error):
            rt.balances.mint_into(who, amount)


# Holds


def test_a_hold_takes_from_the_free_balance_and_ties_the_account(rt: SmallRuntime) -> None:
    rt.balances.hold(DEAL, BOB, 700)
    rt.balances.hold(BOND, BOB, 300)
    rt.balances.hold(DEAL, BOB, 50)
    bob = info(rt, BOB)
    assert (bob.data.free, bob.data.reserved, bob.consumers) == (950, 1_050, 1)
    assert (rt.balances.held(DEAL, BOB), rt.balances.held(BOND, BOB)) == (750, 300)
    assert rt.balances.held(DEAL, ALICE) == 0
    assert rt.events == []
    assert rt.balances.total_issuance == 12_000


def test_a_hold_leaves_the_deposit_free(rt: SmallRuntime) -> None:
    with noop(rt, Token("FundsUnavailable")):
        rt.balances.hold(DEAL, BOB, 2_000 - DEPOSIT + 1)
    rt.balances.hold(DEAL, BOB, 2_000 - DEPOSIT)
    assert rt.balances.reducible(BOB, keep_alive=False) == 0


def test_nothing_is_held_of_an_account_that_is_not_there(rt: SmallRuntime) -> None:
    with noop(rt, Token("FundsUnavailable")):
        rt.balances.hold(DEAL, CHARLIE, 1)
    with noop(rt, Token("CannotCreateHold")):
        rt.balances.hold(DEAL, CHARLIE, 0)


def test_released_money_is_free_and_the_account_untied(rt: SmallRuntime) -> None:
    rt.balances.hold(DEAL, BOB, 700)
    rt.balances.release(DEAL, BOB, 200)
    assert (info(rt, BOB).data.reserved, info(rt, BOB).consumers) == (500, 1)
    for reason, amount in ((DEAL, 501), (BOND, 1)):
        with noop(rt, Token("FundsUnavailable")):
            rt.balances.release(reason, BOB, amount)
    rt.balances.release(DEAL, BOB, 500)
    assert (info(rt, BOB).data.free, info(rt, BOB).consumers) == (2_000, 0)
    assert BOB not in rt.balances.holds
    rt.balances.transfer(BOB, ALICE, 2_000)


def test_held_money_goes_to_another(rt: SmallRuntime) -> None:
    rt.balances.hold(DEAL, BOB, 1_200)
    rt.balances.transfer_held(DEAL, BOB, ALICE, 300)
    assert (rt.balances.free(ALICE), rt.balances.held(DEAL, BOB)) == (10_300, 900)
    with noop(rt, Token("CannotCreate")):
        rt.balances.transfer_held(DEAL, BOB, CHARLIE, DEPOSIT - 1)
    with noop(rt, Token("FundsUnavailable")):
        rt.balances.transfer_held(BOND, BOB, ALICE, 1)
    with noop(rt, Token("Frozen")):
        rt.balances.transfer_held(DEAL, BOB, ALICE, 901)
    rt.balances.hold(BOND, BOB, 100)
    with noop(rt, Token("FundsUnavailable")):
        rt.balances.transfer_held(BOND, BOB, CHARLIE, 101)
    rt.balances.release(BOND, BOB, 100)
    rt.balances.transfer_held(DEAL, BOB, CHARLIE, 900)
    assert rt.balances.free(CHARLIE) == 900
    assert info(rt, BOB).consumers == 0
    assert rt.events == [System.NewAccount(CHARLIE), Balances.Endowed(CHARLIE, 900)]


def test_held_money_transferred_to_oneself_is_released(rt: SmallRuntime) -> None:
    rt.balances.hold(DEAL, BOB, 1_200)
    rt.balances.transfer_held(DEAL, BOB, BOB, 200)
    assert (rt.balances.free(BOB), rt.balances.held(DEAL, BOB)) == (1_000, 1_000)


def test_with_a_second_provider_everything_may_be_held(rt: SmallRuntime) -> None:
    provided_by_another(rt, BOB)
    rt.balances.hold(DEAL, BOB, 1_900)
    bob = info(rt, BOB)
    assert (bob.data.free, bob.data.reserved, bob.providers, bob.consumers) == (100, 1_900, 1, 1)
    with noop(rt, Token("FundsUnavailable")):
        rt.balances.hold(BOND, BOB, 100)  # the other is the only provider now
    rt.balances.release(DEAL, BOB, 1_900)
    assert (info(rt, BOB).data.free, info(rt, BOB).providers) == (2_000, 2)
    rt.balances.hold(DEAL, BOB, 2_000)
    rt.balances.release(DEAL, BOB, 500)
    assert rt.events == []  # the account was there all the time
    assert rt.balances.total_issuance == 12_000


def test_a_hold_that_keeps_the_account_alive_counts_on_no_other_provider(rt: SmallRuntime) -> None:
    provided_by_another(rt, BOB)
    with noop(rt, Token("FundsUnavailable")):
        rt.balances.hold(DEAL, BOB, 2_000 - DEPOSIT + 1, keep_alive=True)
    rt.balances.hold(DEAL, BOB, 2_000 - DEPOSIT, keep_alive=True)
    assert rt.balances.free(BOB) == DEPOSIT


def test_the_largest_balance_is_released(rt: SmallRuntime) -> None:
    rt.balances.force_set_balance(None, BOB, U128_MAX)
    rt.balances.hold(DEAL, BOB, 700)
    rt.balances.transfer_held(DEAL, BOB, BOB, 200)
    rt.balances.release(DEAL, BOB, 500)
    assert rt.balances.free(BOB) == U128_MAX
    rt.balances.hold(DEAL, BOB, 700)
    rt.balances.force_set_balance(None, BOB, U128_MAX - 699)
    with noop(rt, Token("CannotCreate")):
        rt.balances.release(DEAL, BOB, 700)
    rt.balances.release(DEAL, BOB, 699)
    assert rt.balances.free(BOB) == U128_MAX


@pytest.mark.parametrize("released", [1, DEPOSIT - 1])
def test_a_release_below_the_deposit_is_dust_once_nothing_is_held(rt: SmallRuntime, released: int) -> None:
    provided_by_another(rt, BOB)
    rt.balances.hold(DEAL, BOB, released)
    rt.balances.transfer(BOB, ALICE, 2_000 - released)
    rt.balances.mint_into(ALICE, 0)
    issued, events = rt.balances.total_issuance, len(rt.events)
    rt.balances.release(DEAL, BOB, released)
    bob = info(rt, BOB)
    assert (bob.data.free, bob.data.reserved, bob.providers, bob.consumers) == (0, 0, 1, 0)
    assert rt.events[events:] == [Balances.DustLost(BOB, released)]
    assert rt.balances.total_issuance == issued - released
    assert BOB not in rt.balances.holds


def test_a_release_below_the_deposit_stays_while_more_is_held(rt: SmallRuntime) -> None:
    provided_by_another(rt, BOB)
    rt.balances.hold(DEAL, BOB, DEPOSIT)
    rt.balances.transfer(BOB, ALICE, 2_000 - DEPOSIT)
    for released in range(1, DEPOSIT):
        rt.balances.release(DEAL, BOB, 1)
        assert (info(rt, BOB).data.free, info(rt, BOB).data.reserved) == (released, DEPOSIT - released)
    rt.balances.release(DEAL, BOB, 1)
    assert (info(rt, BOB).data.free, info(rt, BOB).providers, info(rt, BOB).consumers) == (DEPOSIT, 2, 0)
    assert rt.balances.total_issuance == 12_000


def test_a_hold_adds_its_consumer_to_those_of_others(rt: SmallRuntime) -> None:
    bob = info(rt, BOB)
    bob.inc_consumers()
    rt.system.account[BOB] = bob
    rt.balances.hold(DEAL, BOB, 100)
    assert info(rt, BOB).consumers == 2
    rt.balances.release(DEAL, BOB, 100)
    assert info(rt, BOB).consumers == 1


def test_a_hold_through_a_call_is_undone_with_it(rt: SmallRuntime) -> None:
    with noop(rt, Token("FundsUnavailable")):
        rt.dispatch(rt.call("Escrow", "hold", amount=2_000), signed(BOB))


# Reserves


def test_reserved_money_is_tied_until_it_is_unreserved(rt: SmallRuntime) -> None:
    rt.balances.reserve(ALICE, 600)
    account = info(rt, ALICE)
    assert (account.data.free, account.data.reserved, account.consumers) == (9_400, 600, 1)
    rt.balances.unreserve(ALICE, 200)
    rt.balances.unreserve(ALICE, 500)  # of which 400 are left
    account = info(rt, ALICE)
    assert (account.data.free, account.data.reserved, account.consumers) == (10_000, 0, 0)
    assert rt.events == [
        Balances.Reserved(ALICE, 600),
        Balances.Unreserved(ALICE, 200),
        Balances.Unreserved(ALICE, 400),
    ]
    rt.balances.reserve(ALICE, 0)
    rt.balances.unreserve(ALICE, 0)
    rt.balances.unreserve(CHARLIE, 10)
    assert len(rt.events) == 3


def test_what_cannot_be_reserved(rt: SmallRuntime) -> None:
    with noop(rt, Balances.InsufficientBalance):
        rt.balances.reserve(ALICE, 10_001)
    with noop(rt, ConsumerRemaining):  # the deposit stays free
        rt.balances.reserve(ALICE, 10_000 - DEPOSIT + 1)
    account = info(rt, ALICE)
    account.data.frozen = 9_000
    rt.system.account[ALICE] = account
    with noop(rt, Balances.LiquidityRestrictions):
        rt.balances.reserve(ALICE, 1_001)
    rt.balances.reserve(ALICE, 1_000)


def test_a_runtime_of_too_many_hold_reasons_fails_its_integrity_test(
    rt: SmallRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    rt.integrity_test()
    monkeypatch.setattr(rt.sudo, "hold_reasons", range(MAX_HOLDS), raising=False)  # as many reasons, on top of two
    with pytest.raises(ValueError, match="66 hold reasons"):
        rt.integrity_test()


def test_no_deposit_at_all_fails_the_integrity_test() -> None:
    runtime = SmallRuntime(Overlay(DictBackend()))
    runtime.balances.existential_deposit = 0
    with pytest.raises(ValueError, match="existential deposit"):
        runtime.integrity_test()


# Fees and signs


def test_what_pays_a_fee_lives_on(rt: SmallRuntime) -> None:
    for amount, possible in ((2_000 - DEPOSIT, True), (2_000 - DEPOSIT + 1, False), (2_001, False)):
        assert rt.balances.can_withdraw(rt.system.account[BOB], amount) is possible
    bob = rt.system.account[BOB]
    with noop(rt, Token("FundsUnavailable")):
        rt.balances.withdraw(BOB, bob, 2_000 - DEPOSIT + 1)
    rt.balances.withdraw(BOB, bob, 1_000)
    rt.system.account[BOB] = bob
    assert rt.balances.total_issuance == 12_000
    assert rt.balances.refund(BOB, 400) == 400
    rt.balances.drop_credit(600)
    assert rt.balances.total_issuance == 11_400
    assert rt.events == [Balances.Withdraw(BOB, 1_000), Balances.Deposit(BOB, 400)]


def test_a_refund_needs_an_account_and_makes_none(rt: SmallRuntime) -> None:
    assert rt.balances.refund(CHARLIE, 10_000) == 0
    provided_by_another(rt, BOB)
    rt.balances.hold(DEAL, BOB, 2_000)
    assert rt.balances.refund(BOB, DEPOSIT - 1) == 0  # there is nothing free that it could be added to
    assert rt.events == [Balances.Deposit(BOB, 0)]
    assert rt.balances.refund(BOB, DEPOSIT) == DEPOSIT


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("transfer", (ALICE, BOB, -1)),
        ("hold", (DEAL, ALICE, -1)),
        ("release", (DEAL, ALICE, -1)),
        ("transfer_held", (DEAL, ALICE, BOB, -1)),
        ("mint_into", (ALICE, -1)),
        ("withdraw", (ALICE, AccountInfo(providers=1, data=AccountData(free=1_000)), -1)),
    ],
)
def test_balances_have_no_sign(rt: SmallRuntime, operation: str, arguments: tuple[object, ...]) -> None:
    rt.balances.hold(DEAL, ALICE, 100)
    before = dict(rt.state.changes)
    with pytest.raises(Token):
        getattr(rt.balances, operation)(*arguments)
    assert rt.state.changes == before
