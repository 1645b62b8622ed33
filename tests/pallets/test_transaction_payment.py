"""Fees: FRAME's formulas, and who pays what when through whole transactions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pallets.balances.pallet import Balances
from pallets.frame import DispatchClass, DispatchInfo, Pays, Token, Weight
from pallets.frame.runtime import Call
from pallets.frame.testing import externalities
from pallets.frame.validity import Payment, TransactionSource
from pallets.primitives.codec import codec_of
from pallets.primitives.fixed import ONE, U128_MAX, FixedU128
from pallets.system.pallet import System
from pallets.transaction_payment import FeeDetails, InclusionFee, Releases, RuntimeDispatchInfo, TransactionPayment
from tests.pallets.frame_metadata import assert_frames_own
from tests.pallets.small_runtime import (
    ALICE,
    ALICE_KEY,
    BOB,
    BOB_KEY,
    DEPOSIT,
    UNIT,
    SmallChain,
    SmallRuntime,
    genesis,
)

BASE_FEE = 124_414_000 * 10
TRANSFER = Weight(163_159_000, 3_593)
NORMAL = DispatchInfo(TRANSFER)


@pytest.fixture
def rt() -> Iterator[SmallRuntime]:
    with externalities(SmallRuntime, **genesis(alice=10 * UNIT)) as runtime:
        yield runtime


@pytest.fixture
def chain() -> SmallChain:
    return SmallChain(alice=10 * UNIT, bob=UNIT)


def transfer(chain: SmallChain, value: int = UNIT) -> Call:
    return chain.rt.call("Balances", "transfer_keep_alive", dest=BOB, value=value)


def frugal(chain: SmallChain, used: int) -> Call:
    return chain.rt.call("Escrow", "frugal", used=used)


def test_vocabulary_is_frames() -> None:
    assert_frames_own("TransactionPayment")


def test_genesis_and_every_block_leave_a_multiplier_of_one(chain: SmallChain) -> None:
    payment = chain.rt.transaction_payment
    assert (payment.releases, payment.next_fee_multiplier) == (Releases.V2, FixedU128(ONE))
    payment.next_fee_multiplier = FixedU128(7 * ONE)
    chain.next_block()
    assert payment.next_fee_multiplier == FixedU128(ONE)


# What a transaction costs


def test_a_fee_is_base_length_and_weight(rt: SmallRuntime) -> None:
    payment = rt.transaction_payment
    inclusion = InclusionFee(BASE_FEE, 146 * 1_000_000, 163_159_000 * 10)
    assert payment.fee_details(146, NORMAL, 5) == FeeDetails(inclusion, 5)
    assert payment.compute_fee(146, NORMAL, 5) == 1_244_140_000 + 146_000_000 + 1_631_590_000 + 5
    assert payment.runtime_dispatch_info(146, NORMAL) == RuntimeDispatchInfo(
        TRANSFER, DispatchClass.Normal, payment.compute_fee(146, NORMAL, 0)
    )


def test_a_transfer_costs_some_thousandths_of_a_unit(rt: SmallRuntime) -> None:
    assert UNIT // 1_000 <= rt.transaction_payment.compute_fee(146, NORMAL, 0) <= UNIT // 100


def test_what_pays_no_fee_pays_the_tip(rt: SmallRuntime) -> None:
    free = DispatchInfo(TRANSFER, pays_fee=Pays.No)
    assert rt.transaction_payment.fee_details(146, free, 9) == FeeDetails(None, 9)
    assert rt.transaction_payment.compute_fee(146, free, 9) == 9


def test_the_multiplier_is_of_the_weight_fee_alone(rt: SmallRuntime) -> None:
    payment = rt.transaction_payment
    payment.next_fee_multiplier = FixedU128.from_rational(5, 2)
    assert payment.fee_details(146, NORMAL).inclusion_fee == InclusionFee(
        BASE_FEE, 146 * 1_000_000, 163_159_000 * 10 * 5 // 2
    )


def test_no_weight_costs_more_than_the_blocks(rt: SmallRuntime) -> None:
    most = rt.transaction_payment.weight_to_fee(Weight((1 << 64) - 1))
    assert most == rt.system.block_weights.max_block.ref_time * 10


def test_a_fee_saturates(rt: SmallRuntime) -> None:
    assert rt.transaction_payment.compute_fee(146, NORMAL, U128_MAX) == U128_MAX


def test_fees_on_the_wire(rt: SmallRuntime) -> None:
    details = codec_of(FeeDetails).encode(FeeDetails(InclusionFee(1, 2, 3), 0))
    assert details == b"\1" + b"".join(number.to_bytes(16, "little") for number in (1, 2, 3, 0))
    info = codec_of(RuntimeDispatchInfo).encode(RuntimeDispatchInfo(Weight(1, 2), DispatchClass.Operational, 3))
    assert info == bytes((4, 8, 1)) + (3).to_bytes(16, "little")


# Who goes first


def test_priority_is_frames_formula(rt: SmallRuntime) -> None:
    payment = rt.transaction_payment
    # By weight 60 ms / 163.159 µs = 367 fit, by proof 5 MB / 3,593 = 1,391, by length 0.75 MiB / 146 = 5,386.
    assert payment.priority(146, NORMAL, 0, 99) == 367
    assert payment.priority(146, NORMAL, 10, 99) == 11 * 367
    assert payment.priority(1 << 19, NORMAL, 10, 99) == 11
    assert payment.priority(146, DispatchInfo(Weight(1, 2_500_000)), 10, 99) == 11 * 2


def test_an_operational_call_counts_its_fee_as_tip(rt: SmallRuntime) -> None:
    operational = DispatchInfo(TRANSFER, DispatchClass.Operational)
    assert rt.transaction_payment.priority(146, operational, 10, 1_000) == 11 * 367 + 5 * 1_000 * 367


@given(
    st.integers(0, 1 << 32),
    st.builds(Weight, st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1)),
    st.sampled_from(DispatchClass),
    st.integers(0, U128_MAX),
    st.integers(0, U128_MAX),
)
def test_priority_is_a_u64_and_grows_with_the_tip(
    length: int, weight: Weight, kind: DispatchClass, tip: int, fee: int
) -> None:
    with externalities(SmallRuntime) as rt:
        info = DispatchInfo(weight, kind)
        priority = rt.transaction_payment.priority(length, info, tip, fee)
        assert 1 <= priority < 1 << 64
        assert priority <= rt.transaction_payment.priority(length, info, min(tip + 1, U128_MAX), fee)


# Who pays when


def test_the_fee_is_withdrawn_first_and_burned_last(chain: SmallChain) -> None:
    data = chain.signed(ALICE_KEY, transfer(chain), tip=77)
    fee = chain.rt.transaction_payment.compute_fee(len(data), NORMAL, 77)
    assert chain.executive.apply_extrinsic(data) is None
    assert chain.rt.events == [
        Balances.Withdraw(ALICE, fee),
        Balances.Transfer(ALICE, BOB, UNIT),
        TransactionPayment.TransactionFeePaid(ALICE, fee, 77),
        System.ExtrinsicSuccess(NORMAL),
    ]
    assert chain.rt.balances.free(ALICE) == 9 * UNIT - fee
    assert chain.rt.balances.total_issuance == 11 * UNIT - fee


def test_weight_that_was_not_used_is_refunded(chain: SmallChain) -> None:
    data = chain.signed(ALICE_KEY, frugal(chain, used=500_000_000))
    declared = DispatchInfo(Weight(2_000_000_000, 5_000))
    actual = DispatchInfo(Weight(500_000_000, 0))
    paid = chain.rt.transaction_payment.compute_fee(len(data), declared, 0)
    fee = chain.rt.transaction_payment.compute_fee(len(data), actual, 0)
    assert paid - fee == 1_500_000_000 * 10
    chain.executive.apply_extrinsic(data)
    assert chain.rt.events == [
        Balances.Withdraw(ALICE, paid),
        Balances.Deposit(ALICE, paid - fee),
        TransactionPayment.TransactionFeePaid(ALICE, fee, 0),
        System.ExtrinsicSuccess(actual),
    ]
    assert chain.rt.balances.free(ALICE) == 10 * UNIT - fee
    assert chain.rt.balances.total_issuance == 11 * UNIT - fee


def test_using_more_than_declared_costs_what_was_declared(chain: SmallChain) -> None:
    data = chain.signed(ALICE_KEY, frugal(chain, used=9_000_000_000))
    chain.executive.apply_extrinsic(data)
    fee = chain.rt.transaction_payment.compute_fee(len(data), DispatchInfo(Weight(2_000_000_000, 5_000)), 0)
    assert chain.rt.balances.free(ALICE) == 10 * UNIT - fee


def test_a_call_that_turns_out_free_pays_the_tip(chain: SmallChain) -> None:
    remark = chain.rt.call("System", "remark", remark=b"")
    data = chain.signed(ALICE_KEY, chain.rt.call("Sudo", "sudo", call=remark), tip=11)
    chain.executive.apply_extrinsic(data)
    assert chain.rt.balances.free(ALICE) == 10 * UNIT - 11
    assert TransactionPayment.TransactionFeePaid(ALICE, 11, 11) in chain.rt.events


def test_a_call_that_fails_pays_too(chain: SmallChain) -> None:
    data = chain.signed(BOB_KEY, chain.rt.call("Balances", "transfer_keep_alive", dest=ALICE, value=5 * UNIT))
    fee = chain.rt.transaction_payment.compute_fee(len(data), NORMAL, 0)
    assert chain.executive.apply_extrinsic(data) == Token("FundsUnavailable")
    assert chain.rt.balances.free(BOB) == UNIT - fee
    assert chain.rt.events[-2:] == [
        TransactionPayment.TransactionFeePaid(BOB, fee, 0),
        System.ExtrinsicFailed(Token("FundsUnavailable"), NORMAL),
    ]


def test_who_spends_all_in_the_call_gets_no_refund_into_a_dead_account(chain: SmallChain) -> None:
    calls = [
        chain.rt.call("Balances", "transfer_all", dest=ALICE, keep_alive=False),
        transfer(chain),  # fails: there is nothing left
        chain.rt.call("System", "remark", remark=b"never reached"),
    ]
    data = chain.signed(BOB_KEY, chain.rt.call("Utility", "batch", calls=calls))
    issuance = chain.rt.balances.total_issuance
    chain.executive.apply_extrinsic(data)
    withdrawn = next(event for event in chain.rt.events if isinstance(event, Balances.Withdraw))
    assert BOB not in chain.rt.system.account
    assert not any(isinstance(event, Balances.Deposit) for event in chain.rt.events)
    assert chain.rt.balances.total_issuance == issuance - withdrawn.amount


def test_a_fee_may_not_kill_its_payer(chain: SmallChain) -> None:
    data = chain.signed(BOB_KEY, transfer(chain, 1))
    fee = chain.rt.transaction_payment.compute_fee(len(data), NORMAL, 0)
    for free, accepted in ((fee + DEPOSIT, True), (fee + DEPOSIT - 1, False), (fee - 1, False)):
        chain.rt.balances.force_set_balance(None, BOB, free)
        if accepted:
            chain.executive.validate_transaction(TransactionSource.External, data)
        else:
            before = dict(chain.rt.state.changes)
            with pytest.raises(Payment):
                chain.executive.apply_extrinsic(data)
            assert chain.rt.state.changes == before


def test_a_free_transaction_without_a_tip_withdraws_nothing(chain: SmallChain) -> None:
    payment = chain.rt.transaction_payment
    payment.fee_per_byte = payment.fee_per_ref_time = 0
    chain.executive.apply_extrinsic(chain.signed(ALICE_KEY, transfer(chain)))
    assert [type(event) for event in chain.rt.events] == [
        Balances.Transfer,
        TransactionPayment.TransactionFeePaid,
        System.ExtrinsicSuccess,
    ]


def test_held_money_pays_no_fee(chain: SmallChain) -> None:
    chain.rt.balances.hold(chain.rt.escrow.HoldReason.Deal, BOB, UNIT - DEPOSIT)
    with pytest.raises(Payment):
        chain.executive.apply_extrinsic(chain.signed(BOB_KEY, transfer(chain, 1)))
