"""Multisig: who is asked, what they must bring, and what their account then does. The cases are FRAME's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scalecodec.base import RuntimeConfigurationObject
from scalecodec.type_registry import load_type_registry_preset

from pallets.balances.pallet import Balances
from pallets.frame import BadOrigin, DispatchInfo, Pays, PostInfo, Token, Weight
from pallets.frame.origin import ROOT, signed
from pallets.frame.runtime import Call
from pallets.frame.testing import externalities, noop
from pallets.multisig.pallet import Multisig
from pallets.multisig.terms import Operation, Timepoint, multi_account
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import dev_keypair
from pallets.primitives.ss58 import encode
from pallets.system.pallet import System
from tests.pallets.frame_metadata import assert_all_of_frames
from tests.pallets.small_runtime import ALICE, ALICE_KEY, BOB, UNIT, SmallChain, SmallRuntime, genesis

FIRST, SECOND, THIRD = sorted((ALICE, BOB, b"\x03" * 32))
THREE = [FIRST, SECOND, THIRD]
NOBODY, BENEFICIARY = b"\x05" * 32, b"\x06" * 32
NOW = Timepoint(1, 0)
TRANSFER = Weight(173_363_000, 3_593)
NOTHING = Weight()


@pytest.fixture
def rt() -> Iterator[SmallRuntime]:
    with externalities(SmallRuntime, **genesis(alice=10_000, bob=10_000, charlie=10_000)) as runtime:
        for threshold in (1, 2, 3):
            runtime.balances.mint_into(multi_account(THREE, threshold), 5_000)
        runtime.events.clear()
        yield runtime


def pay(rt: SmallRuntime, value: int = 1_500) -> Call:
    return rt.call("Balances", "transfer_allow_death", dest=BENEFICIARY, value=value)


def others(who: bytes) -> list[bytes]:
    return [one for one in THREE if one != who]


def approve(
    rt: SmallRuntime,
    who: bytes,
    threshold: int,
    call: Call,
    when: Timepoint | None,
    signatories: list[bytes] | None = None,
) -> PostInfo:
    """By the hash of the call."""
    made = rt.call(
        "Multisig",
        "approve_as_multi",
        threshold=threshold,
        other_signatories=others(who) if signatories is None else signatories,
        maybe_timepoint=when,
        call_hash=blake2_256(call.encoded()),
        max_weight=NOTHING,
    )
    return rt.dispatch(made, signed(who))


def as_multi(
    rt: SmallRuntime,
    who: bytes,
    threshold: int,
    call: Call,
    when: Timepoint | None,
    signatories: list[bytes] | None = None,
    max_weight: Weight = TRANSFER,
) -> PostInfo:
    """With the call itself."""
    made = rt.call(
        "Multisig",
        "as_multi",
        threshold=threshold,
        other_signatories=others(who) if signatories is None else signatories,
        maybe_timepoint=when,
        call=call,
        max_weight=max_weight,
    )
    return rt.dispatch(made, signed(who))


def on_hash(rt: SmallRuntime, name: str, who: bytes, threshold: int, call: Call, **more: object) -> PostInfo:
    """`cancel_as_multi` or `poke_deposit`."""
    arguments = {"threshold": threshold, "other_signatories": others(who), "call_hash": blake2_256(call.encoded())}
    return rt.dispatch(rt.call("Multisig", name, **arguments, **more), signed(who))


def reserved(rt: SmallRuntime, who: bytes) -> int:
    return rt.system.account[who].data.reserved


def executed(rt: SmallRuntime) -> Multisig.MultisigExecuted:
    """The last event."""
    event = rt.events[-1]
    assert isinstance(event, Multisig.MultisigExecuted)
    return event


def test_vocabulary_is_frames() -> None:
    assert_all_of_frames("Multisig")


# The account


@pytest.mark.parametrize(  # `encodeMultiAddress` of @polkadot/util-crypto, of //Alice, //Bob and //Charlie
    ("threshold", "address"),
    [
        (1, "5EHUL6UecjEEsiBCFcHmpNATySPeVtPz8TeT1YK1Q4RcVwtJ"),
        (2, "5DjYJStmdZ2rcqXbXGX7TW85JsrW6uG4y9MUcLq2BoPMpRA7"),
        (3, "5EAkPWNziBqEnrw6hkjFVu6EJej7Xf9wEK4CXir6YDS4kvUL"),
    ],
)
def test_the_account_is_the_one_that_clients_derive(threshold: int, address: str) -> None:
    signatories = sorted(dev_keypair(name).account_id for name in ("Alice", "Bob", "Charlie"))
    account = multi_account(signatories, threshold)
    assert encode(account) == address
    judge = RuntimeConfigurationObject(ss58_format=42)
    judge.update_type_registry(load_type_registry_preset("core"))
    judge.update_type_registry(load_type_registry_preset("legacy"))
    found = judge.get_decoder_class("MultiAccountId").create_from_account_list(
        [f"0x{who.hex()}" for who in reversed(signatories)], threshold
    )
    assert found.value == f"0x{account.hex()}"


# Approving


def test_two_of_three(rt: SmallRuntime) -> None:
    call, account = pay(rt), multi_account(THREE, 2)
    call_hash = blake2_256(call.encoded())
    approve(rt, FIRST, 2, call, None)
    assert rt.events == [Balances.Reserved(FIRST, 120), Multisig.NewMultisig(FIRST, account, call_hash)]
    assert rt.multisig.multisigs[account, call_hash] == Operation(NOW, 120, FIRST, [FIRST])
    assert reserved(rt, FIRST) == 120
    as_multi(rt, SECOND, 2, call, NOW)
    assert rt.balances.free(BENEFICIARY) == 1_500
    assert executed(rt) == Multisig.MultisigExecuted(SECOND, NOW, account, call_hash, None)
    assert (rt.balances.free(FIRST), reserved(rt, FIRST)) == (10_000, 0)
    assert (account, call_hash) not in rt.multisig.multisigs


def test_three_of_three_sorted_whoever_comes_first(rt: SmallRuntime) -> None:
    call, account = pay(rt), multi_account(THREE, 3)
    as_multi(rt, THIRD, 3, call, None)
    as_multi(rt, FIRST, 3, call, NOW)
    assert rt.events[-1] == Multisig.MultisigApproval(FIRST, NOW, account, blake2_256(call.encoded()))
    assert rt.multisig.multisigs[account, blake2_256(call.encoded())].approvals == [FIRST, THIRD]
    assert rt.balances.free(BENEFICIARY) == 0
    as_multi(rt, SECOND, 3, call, NOW)
    assert rt.balances.free(BENEFICIARY) == 1_500


def test_if_all_approved_a_hash_any_of_them_may_bring_the_call(rt: SmallRuntime) -> None:
    call = pay(rt)
    for who in THREE:
        approve(rt, who, 3, call, None if who == FIRST else NOW)
    assert rt.balances.free(BENEFICIARY) == 0
    as_multi(rt, THIRD, 3, call, NOW)
    assert rt.balances.free(BENEFICIARY) == 1_500


def test_one_of_three_needs_nobody(rt: SmallRuntime) -> None:
    call, account = pay(rt), multi_account(THREE, 1)
    made = rt.call("Multisig", "as_multi_threshold_1", other_signatories=others(SECOND), call=call)
    rt.dispatch(made, signed(SECOND))
    assert rt.balances.free(BENEFICIARY) == 1_500
    assert executed(rt) == Multisig.MultisigExecuted(SECOND, NOW, account, blake2_256(call.encoded()), None)
    too_much = rt.call("Multisig", "as_multi_threshold_1", other_signatories=others(SECOND), call=pay(rt, 9_000))
    with noop(rt, Token("FundsUnavailable")):
        rt.dispatch(too_much, signed(SECOND))


def test_a_call_that_fails_ends_the_operation_all_the_same(rt: SmallRuntime) -> None:
    call = pay(rt, 9_000)
    as_multi(rt, FIRST, 2, call, None)
    as_multi(rt, SECOND, 2, call, NOW)
    assert executed(rt).result == Token("FundsUnavailable")
    assert reserved(rt, FIRST) == 0
    as_multi(rt, SECOND, 2, call, None)  # and it can be opened again
    assert reserved(rt, SECOND) == 120


def test_operations_of_one_account_go_on_side_by_side(rt: SmallRuntime) -> None:
    for value, who in ((1_000, FIRST), (600, SECOND)):
        as_multi(rt, who, 2, pay(rt, value), None)
    rt.system.number, rt.system.extrinsic_count = 7, 3
    as_multi(rt, THIRD, 2, pay(rt, 700), None)
    account = multi_account(THREE, 2)
    assert [operation.when for _, operation in rt.multisig.multisigs.prefix(account)].count(Timepoint(7, 3)) == 1
    for value in (1_000, 600):
        as_multi(rt, THIRD, 2, pay(rt, value), NOW)
    assert rt.balances.free(BENEFICIARY) == 1_600


def test_a_call_that_comes_back_finds_its_operation_gone(rt: SmallRuntime) -> None:
    account = multi_account(THREE, 2)
    inner = rt.call("System", "remark_with_event", remark=b"again")
    as_multi(rt, FIRST, 2, inner, None)
    as_multi(rt, SECOND, 2, inner, NOW, max_weight=inner.dispatch_info().weight)
    assert rt.events[-2] == System.Remarked(account, blake2_256(b"again"))


# What is refused


def test_timepoints(rt: SmallRuntime) -> None:
    call = pay(rt)
    with noop(rt, Multisig.UnexpectedTimepoint):
        approve(rt, SECOND, 2, call, NOW)
    approve(rt, FIRST, 2, call, None)
    with noop(rt, Multisig.NoTimepoint):
        as_multi(rt, SECOND, 2, call, None)
    for wrong in (Timepoint(1, 1), Timepoint(2, 0)):
        with noop(rt, Multisig.WrongTimepoint):
            as_multi(rt, SECOND, 2, call, wrong)


def test_nobody_approves_twice_nor_more_than_needed(rt: SmallRuntime) -> None:
    call = pay(rt)
    approve(rt, FIRST, 2, call, None)
    with noop(rt, Multisig.AlreadyApproved):
        as_multi(rt, FIRST, 2, call, NOW)
    approve(rt, SECOND, 2, call, NOW)
    with noop(rt, Multisig.AlreadyApproved):
        approve(rt, THIRD, 2, call, NOW)


@pytest.mark.parametrize(
    ("threshold", "signatories", "error"),
    [
        (0, [FIRST, THIRD], Multisig.MinimumThreshold),
        (1, [FIRST, THIRD], Multisig.MinimumThreshold),
        (2, [], Multisig.TooFewSignatories),
        (2, [bytes([0, number]) + bytes(30) for number in range(100)], Multisig.TooManySignatories),
        (2, [THIRD, FIRST], Multisig.SignatoriesOutOfOrder),
        (2, [FIRST, FIRST], Multisig.SignatoriesOutOfOrder),
        (2, [FIRST, SECOND], Multisig.SenderInSignatories),
        (2, [SECOND, FIRST], Multisig.SenderInSignatories),  # the list is read in order
    ],
)
def test_lists_of_signatories(
    rt: SmallRuntime, threshold: int, signatories: list[bytes], error: type[Multisig.NotFound]
) -> None:
    with noop(rt, error):
        as_multi(rt, SECOND, threshold, pay(rt), None, signatories)
    with noop(rt, error):
        approve(rt, SECOND, threshold, pay(rt), None, signatories)
    more = {"threshold": threshold, "other_signatories": signatories, "call_hash": bytes(32)}
    with noop(rt, error):
        rt.dispatch(rt.call("Multisig", "cancel_as_multi", **more, timepoint=NOW), signed(SECOND))
    with noop(rt, error):
        rt.dispatch(rt.call("Multisig", "poke_deposit", **more), signed(SECOND))
    if threshold == 2:
        made = rt.call("Multisig", "as_multi_threshold_1", other_signatories=signatories, call=pay(rt))
        with noop(rt, error):
            rt.dispatch(made, signed(SECOND))


def test_a_hundred_signatories_are_not_too_many(rt: SmallRuntime) -> None:
    signatories = [bytes([0, number]) + bytes(30) for number in range(99)]
    as_multi(rt, SECOND, 2, pay(rt), None, signatories)
    assert multi_account([*signatories, SECOND], 2) == next(iter(rt.multisig.multisigs.items()))[0][0]


def test_the_call_may_weigh_no_more_than_was_said(rt: SmallRuntime) -> None:
    call = pay(rt)
    as_multi(rt, FIRST, 2, call, None, max_weight=NOTHING)
    for less in (NOTHING, Weight(TRANSFER.ref_time - 1, 9_999), Weight(9_999_999_999, TRANSFER.proof_size - 1)):
        with noop(rt, Multisig.MaxWeightTooLow):
            as_multi(rt, SECOND, 2, call, NOW, max_weight=less)
    as_multi(rt, SECOND, 2, call, NOW, max_weight=TRANSFER)


def test_who_cannot_pay_the_deposit_opens_nothing(rt: SmallRuntime) -> None:
    rt.multisig.deposit_base = 20_000
    with noop(rt, Balances.InsufficientBalance):
        approve(rt, FIRST, 2, pay(rt), None)
    made = rt.call("Multisig", "as_multi_threshold_1", other_signatories=[FIRST], call=pay(rt))
    with noop(rt, BadOrigin):
        rt.dispatch(made, ROOT)


# Cancelling, and the deposit


def test_who_opened_an_operation_cancels_it(rt: SmallRuntime) -> None:
    call = pay(rt)
    with noop(rt, Multisig.NotFound):
        on_hash(rt, "cancel_as_multi", FIRST, 3, call, timepoint=NOW)
    approve(rt, FIRST, 3, call, None)
    approve(rt, SECOND, 3, call, NOW)
    with noop(rt, Multisig.NotOwner):
        on_hash(rt, "cancel_as_multi", SECOND, 3, call, timepoint=NOW)
    with noop(rt, Multisig.WrongTimepoint):
        on_hash(rt, "cancel_as_multi", FIRST, 3, call, timepoint=Timepoint(1, 1))
    assert (rt.balances.free(FIRST), reserved(rt, FIRST)) == (9_870, 130)
    on_hash(rt, "cancel_as_multi", FIRST, 3, call, timepoint=NOW)
    assert (rt.balances.free(FIRST), reserved(rt, FIRST)) == (10_000, 0)
    account = multi_account(THREE, 3)
    assert rt.events[-1] == Multisig.MultisigCancelled(FIRST, NOW, account, blake2_256(call.encoded()))
    assert list(rt.multisig.multisigs.items()) == []


@pytest.mark.parametrize("base", [70, 150])
def test_a_deposit_is_brought_up_to_date(rt: SmallRuntime, base: int) -> None:
    call, account = pay(rt), multi_account(THREE, 2)
    with noop(rt, Multisig.NotFound):
        on_hash(rt, "poke_deposit", FIRST, 2, call)
    approve(rt, FIRST, 2, call, None)
    with noop(rt, Multisig.NotOwner):
        on_hash(rt, "poke_deposit", SECOND, 2, call)
    assert on_hash(rt, "poke_deposit", FIRST, 2, call) == PostInfo(pays_fee=Pays.Yes)
    rt.multisig.deposit_base = base
    assert on_hash(rt, "poke_deposit", FIRST, 2, call) == PostInfo(pays_fee=Pays.No)
    assert rt.events[-1] == Multisig.DepositPoked(FIRST, blake2_256(call.encoded()), 120, base + 20)
    assert reserved(rt, FIRST) == base + 20 == rt.multisig.multisigs[account, blake2_256(call.encoded())].deposit


# What it weighs


def test_weights(rt: SmallRuntime) -> None:
    call = pay(rt)
    length = len(call.encoded())
    open_, complete = 156_518_927 + 115_804 * 2, 293_677_970 + 154_697 * 2 + 1_534 * length
    made = rt.call(
        "Multisig",
        "as_multi",
        threshold=2,
        other_signatories=others(FIRST),
        maybe_timepoint=None,
        call=call,
        max_weight=Weight(5, 7),
    )
    assert made.dispatch_info() == DispatchInfo(Weight(complete + 5, 6_811 + 7))
    assert approve(rt, FIRST, 3, call, None) == PostInfo(Weight(open_, 6_811))
    assert as_multi(rt, SECOND, 3, call, NOW) == PostInfo(Weight(142_806_361 + 107_042 * 2 + 1_491 * length, 6_811))
    assert as_multi(rt, THIRD, 3, call, NOW) == PostInfo()
    frugal = rt.call("Escrow", "frugal", used=5)
    length, most = len(frugal.encoded()), frugal.dispatch_info().weight
    as_multi(rt, FIRST, 2, frugal, None)
    complete = 293_677_970 + 154_697 * 2 + 1_534 * length
    assert as_multi(rt, SECOND, 2, frugal, NOW, max_weight=most) == PostInfo(Weight(complete + 5, 6_811))
    alone = rt.call("Multisig", "as_multi_threshold_1", other_signatories=others(FIRST), call=frugal)
    own = 21_362_808 + 432 * length
    assert alone.dispatch_info() == DispatchInfo(Weight(own + 125_000_000) + most)
    assert rt.dispatch(alone, signed(FIRST)) == PostInfo(Weight(own + 5))


def test_a_call_within_weighs_the_same_decoded_or_made(rt: SmallRuntime) -> None:
    inner = rt.call("Multisig", "as_multi_threshold_1", other_signatories=others(FIRST), call=pay(rt))
    made = rt.call("Utility", "batch", calls=[pay(rt), inner])
    data = rt.encode_call(made)
    decoded = rt.decode_call(data)
    assert decoded.encoded() == made.encoded() == data
    assert [call.encoded() for call in decoded.arguments[0]] == [pay(rt).encoded(), inner.encoded()]
    assert decoded.dispatch_info() == made.dispatch_info()


def test_the_timepoint_is_the_transactions_place_in_its_block() -> None:
    chain = SmallChain(alice=10 * UNIT, bob=UNIT)
    remark, call = chain.rt.call("System", "remark", remark=b""), pay(chain.rt)
    opening = chain.rt.call(
        "Multisig",
        "approve_as_multi",
        threshold=2,
        other_signatories=[BOB],
        maybe_timepoint=None,
        call_hash=blake2_256(call.encoded()),
        max_weight=NOTHING,
    )
    chain.next_block()
    for each in (remark, opening):
        assert chain.executive.apply_extrinsic(chain.signed(ALICE_KEY, each)) is None
    operation = chain.rt.multisig.multisigs[multi_account(sorted([ALICE, BOB]), 2), blake2_256(call.encoded())]
    assert operation.when == Timepoint(2, 1)
