"""The treasury: what root approves, when it is paid, and what becomes of what isn't. The cases are FRAME's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pallets.frame import BadOrigin, DispatchError, Pays, PostInfo
from pallets.frame.origin import ROOT, signed
from pallets.frame.testing import externalities, noop
from pallets.primitives.fixed import Permill
from pallets.treasury import PAYMENT_WEIGHT, TREASURY, Attempted, Native, NativeOrWithId, Pending, Treasury, WithId
from tests.pallets.frame_metadata import assert_all_of_frames
from tests.pallets.small_runtime import ALICE, BOB, CHARLIE, DAVE, DEPOSIT, SmallRuntime, genesis


class TreasuryRuntime(SmallRuntime):
    """The small runtime, with a treasury that burns half of what is left every second block."""

    def compose(self) -> None:
        super().compose()
        self.treasury = Treasury(
            index=13,
            system=self.system,
            currency=self.balances,
            tokens=self.assets,
            spend_period=2,
            burn=Permill(500_000),
            payout_period=5,
        )


@pytest.fixture
def rt() -> Iterator[TreasuryRuntime]:
    with externalities(TreasuryRuntime, **genesis(alice=100_000, bob=10_000)) as runtime:
        yield runtime


def act(rt: TreasuryRuntime, who: bytes | None, name: str, **arguments: object) -> PostInfo:
    return rt.dispatch(rt.call("Treasury", name, **arguments), ROOT if who is None else signed(who))


def approve(rt: TreasuryRuntime, amount: int, beneficiary: bytes = BOB) -> None:
    act(rt, None, "spend_local", amount=amount, beneficiary=beneficiary)


def spend(rt: TreasuryRuntime, kind: NativeOrWithId, amount: int, valid_from: int | None = None) -> None:
    act(rt, None, "spend", asset_kind=kind, amount=amount, beneficiary=BOB, valid_from=valid_from)


def refused(rt: TreasuryRuntime, error: type[DispatchError], who: bytes | None, name: str, **arguments: object) -> None:
    with noop(rt, error):
        act(rt, who, name, **arguments)


def turn(rt: TreasuryRuntime, number: int) -> None:
    """Begins a block."""
    rt.events.clear()
    rt.system.number = number
    rt.treasury.on_initialize(number)


def test_vocabulary_is_frames() -> None:
    assert_all_of_frames("Treasury", TreasuryRuntime)


def test_the_pot_is_there_from_the_first_and_never_ends(rt: TreasuryRuntime) -> None:
    assert rt.balances.free(TREASURY) == DEPOSIT and rt.treasury.pot() == 0
    rt.balances.transfer(ALICE, TREASURY, 100)
    assert rt.treasury.pot() == 100
    approve(rt, 101)
    turn(rt, 2)
    assert rt.balances.free(TREASURY) == DEPOSIT + 100  # too much to pay


def test_what_was_approved_is_paid_at_the_end_of_a_period(rt: TreasuryRuntime) -> None:
    rt.balances.transfer(ALICE, TREASURY, 1_000)
    approve(rt, 300)
    assert rt.events[-1] == Treasury.SpendApproved(0, 300, BOB)
    turn(rt, 1)
    assert rt.balances.free(BOB) == 10_000
    assert rt.events == [Treasury.UpdatedInactive(0, 1_000)]
    turn(rt, 2)
    assert rt.balances.free(BOB) == 10_300
    told = [event for event in rt.events if type(event).__qualname__.startswith("Treasury.")]
    assert told == [
        Treasury.Spending(1_000),
        Treasury.Awarded(0, 300, BOB),
        Treasury.Burnt(350),
        Treasury.Rollover(350),
    ]
    assert rt.treasury.approvals == [] and 0 not in rt.treasury.proposals
    turn(rt, 3)
    assert rt.events == [Treasury.UpdatedInactive(1_000, 350)]
    assert rt.balances.inactive_issuance == 350


def test_payments_weigh_in_the_block_that_makes_them(rt: TreasuryRuntime) -> None:
    idle = rt.treasury.on_initialize(2)
    for _ in range(3):
        approve(rt, DEPOSIT)
    assert rt.treasury.on_initialize(3).ref_time < idle.ref_time
    assert (rt.treasury.on_initialize(4).ref_time - idle.ref_time) == 3 * PAYMENT_WEIGHT.ref_time


def test_what_cant_be_paid_waits_and_nothing_burns(rt: TreasuryRuntime) -> None:
    rt.balances.transfer(ALICE, TREASURY, 1_000)
    approve(rt, 5_000)
    approve(rt, DEPOSIT - 1, DAVE)  # too little for an account
    approve(rt, 200)
    turn(rt, 2)
    assert rt.treasury.approvals == [0, 1] and rt.treasury.pot() == 800
    act(rt, None, "remove_approval", proposal_id=1)
    refused(rt, Treasury.ProposalNotApproved, None, "remove_approval", proposal_id=1)
    rt.balances.transfer(ALICE, TREASURY, 5_000)
    turn(rt, 4)
    assert rt.treasury.approvals == [] and rt.treasury.pot() == 400


def test_the_queue_has_an_end(rt: TreasuryRuntime) -> None:
    for _ in range(100):
        approve(rt, 1)
    refused(rt, Treasury.TooManyApprovals, None, "spend_local", amount=1, beneficiary=BOB)


def test_root_alone_approves(rt: TreasuryRuntime) -> None:
    calls: dict[str, dict[str, Any]] = {
        "spend_local": {"amount": 1, "beneficiary": BOB},
        "remove_approval": {"proposal_id": 0},
        "spend": {"asset_kind": Native(), "amount": 1, "beneficiary": BOB, "valid_from": None},
        "void_spend": {"index": 0},
    }
    for name, arguments in calls.items():
        refused(rt, BadOrigin, ALICE, name, **arguments)
    refused(rt, BadOrigin, None, "payout", index=0)


def test_anyone_has_a_spend_paid_in_its_time(rt: TreasuryRuntime) -> None:
    rt.balances.transfer(ALICE, TREASURY, 1_000)
    spend(rt, Native(), 400, 3)
    assert Treasury.AssetSpendApproved(0, Native(), 400, BOB, 3, 8) in rt.events
    spend(rt, Native(), 5_000)
    refused(rt, Treasury.EarlyPayout, CHARLIE, "payout", index=0)
    refused(rt, Treasury.InvalidIndex, CHARLIE, "payout", index=2)
    refused(rt, Treasury.PayoutError, CHARLIE, "payout", index=1)
    assert rt.treasury.spends[1].status == Pending()
    refused(rt, Treasury.NotAttempted, CHARLIE, "check_status", index=0)
    rt.system.number = 7
    act(rt, CHARLIE, "payout", index=0)
    assert rt.balances.free(BOB) == 10_400 and rt.treasury.spends[0].status == Attempted()
    assert Treasury.Paid(0, None) in rt.events
    refused(rt, Treasury.AlreadyAttempted, CHARLIE, "payout", index=0)
    refused(rt, Treasury.AlreadyAttempted, None, "void_spend", index=0)
    refused(rt, Treasury.SpendExpired, CHARLIE, "payout", index=1)
    for index in (0, 1):
        assert act(rt, CHARLIE, "check_status", index=index).pays_fee is Pays.No
        assert Treasury.SpendProcessed(index) in rt.events
        assert index not in rt.treasury.spends


def test_a_spend_is_voided(rt: TreasuryRuntime) -> None:
    spend(rt, Native(), 400)
    act(rt, None, "void_spend", index=0)
    assert rt.events[-1] == Treasury.AssetSpendVoided(0)
    refused(rt, Treasury.InvalidIndex, CHARLIE, "payout", index=0)
    rt.system.number = 20
    late = {"asset_kind": Native(), "amount": 1, "beneficiary": BOB, "valid_from": 15}
    refused(rt, Treasury.SpendExpired, None, "spend", **late)


def test_tokens_are_spent_too(rt: TreasuryRuntime) -> None:
    unknown = {"asset_kind": WithId(7), "amount": 1, "beneficiary": BOB, "valid_from": None}
    refused(rt, Treasury.FailedToConvertBalance, None, "spend", **unknown)
    rt.assets.create_token(rt.assets.next_id(), ALICE, b"Agent", b"AGT", 12)
    token = rt.assets.next_id() - 1
    rt.assets.mint_into(token, TREASURY, 90)
    spend(rt, WithId(token), 90)
    act(rt, CHARLIE, "payout", index=0)
    assert rt.assets.balance(token, BOB) == 90
