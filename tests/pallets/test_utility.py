"""Batches: what stops them, what they undo, and what they say to have used. Calls by other origins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pallets.balances.pallet import Balances
from pallets.frame import BadOrigin, DispatchClass, DispatchError, DispatchInfo, Event, Origin, PostInfo, Token, Weight
from pallets.frame.origin import NONE, ROOT, OriginCaller, RawNone, RawRoot, RawSigned, SystemOrigin, signed
from pallets.frame.runtime import Call
from pallets.frame.testing import externalities, noop
from pallets.primitives.hashing import blake2_256
from pallets.primitives.ss58 import encode
from pallets.sudo import Sudo
from pallets.system.pallet import System
from pallets.utility import Utility, derivative_account
from tests.pallets.frame_metadata import Vocabulary, assert_all_of_frames, frame
from tests.pallets.small_runtime import ALICE, ALICE_KEY, BOB, UNIT, SmallChain, SmallRuntime, genesis

TRANSFER = Weight(163_159_000, 3_593)
NO_FUNDS = Token("FundsUnavailable")
BATCHES = ("batch", "batch_all", "force_batch")
OWN_WEIGHT = {"batch": (19_388_813, 4_591_113), "batch_all": (22_628_420, 4_797_007)}


@pytest.fixture
def rt() -> Iterator[SmallRuntime]:
    with externalities(SmallRuntime, **genesis(alice=10_000, bob=2_000)) as runtime:
        yield runtime


def pay(rt: SmallRuntime, value: int) -> Call:
    """Alice has less than 11,000."""
    return rt.call("Balances", "transfer_keep_alive", dest=BOB, value=value)


def batch(rt: SmallRuntime, name: str, *calls: Call) -> Call:
    return rt.call("Utility", name, calls=list(calls))


def own_weight(name: str, calls: int) -> Weight:
    fixed, each = OWN_WEIGHT[name]
    return Weight(fixed + each * calls)


def interruption(event: Event) -> tuple[int, DispatchError]:
    assert isinstance(event, Utility.BatchInterrupted)
    return event.index_, event.error


def test_vocabulary_is_frames() -> None:
    assert_all_of_frames("Utility")


def test_the_limit_is_frames(rt: SmallRuntime) -> None:
    _, value = Vocabulary(frame(), "Utility").constants["batched_calls_limit"]
    assert rt.utility.batched_calls_limit == int.from_bytes(value, "little")


# What they do


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_runs_its_calls_in_order(rt: SmallRuntime, name: str) -> None:
    rt.dispatch(batch(rt, name, pay(rt, 100), pay(rt, 200)), signed(ALICE))
    assert rt.events == [
        Balances.Transfer(ALICE, BOB, 100),
        Utility.ItemCompleted(),
        Balances.Transfer(ALICE, BOB, 200),
        Utility.ItemCompleted(),
        Utility.BatchCompleted(),
    ]


def test_batch_stops_at_a_failure_and_keeps_what_was_done(rt: SmallRuntime) -> None:
    rt.dispatch(batch(rt, "batch", pay(rt, 100), pay(rt, 11_000), pay(rt, 300)), signed(ALICE))
    assert rt.events == [
        Balances.Transfer(ALICE, BOB, 100),
        Utility.ItemCompleted(),
        Utility.BatchInterrupted(index_=1, error=NO_FUNDS),
    ]
    assert rt.balances.free(BOB) == 2_100


def test_batch_all_undoes_everything(rt: SmallRuntime) -> None:
    with noop(rt, NO_FUNDS):
        rt.dispatch(batch(rt, "batch_all", pay(rt, 100), pay(rt, 11_000), pay(rt, 300)), signed(ALICE))


def test_force_batch_goes_on(rt: SmallRuntime) -> None:
    rt.dispatch(batch(rt, "force_batch", pay(rt, 100), pay(rt, 11_000), pay(rt, 300)), signed(ALICE))
    assert rt.events == [
        Balances.Transfer(ALICE, BOB, 100),
        Utility.ItemCompleted(),
        Utility.ItemFailed(NO_FUNDS),
        Balances.Transfer(ALICE, BOB, 300),
        Utility.ItemCompleted(),
        Utility.BatchCompletedWithErrors(),
    ]


@pytest.mark.parametrize("name", BATCHES)
def test_an_empty_batch_is_complete(rt: SmallRuntime, name: str) -> None:
    rt.dispatch(batch(rt, name), signed(ALICE))
    assert rt.events == [Utility.BatchCompleted()]


# Who may


@pytest.mark.parametrize("name", BATCHES)
def test_calls_have_the_batchs_origin(rt: SmallRuntime, name: str) -> None:
    forced = rt.call("Balances", "force_set_balance", who=BOB, new_free=7_000)
    rt.dispatch(batch(rt, name, forced), ROOT)
    assert rt.balances.free(BOB) == 7_000
    with noop(rt, BadOrigin):
        rt.dispatch(batch(rt, "batch_all", forced), signed(ALICE))
    with noop(rt, BadOrigin):
        rt.dispatch(batch(rt, name), NONE)


@pytest.mark.parametrize("name", BATCHES)
def test_too_many_calls(rt: SmallRuntime, name: str) -> None:
    rt.utility.batched_calls_limit = 2
    rt.dispatch(batch(rt, name, *[pay(rt, 1)] * 2), signed(ALICE))
    with noop(rt, Utility.TooManyCalls):
        rt.dispatch(batch(rt, name, *[pay(rt, 1)] * 3), signed(ALICE))


def test_a_signer_nests_no_batch_all_in_batch_all(rt: SmallRuntime) -> None:
    with noop(rt, System.CallFiltered):
        rt.dispatch(batch(rt, "batch_all", batch(rt, "batch_all", pay(rt, 1))), signed(ALICE))
    rt.dispatch(batch(rt, "batch", batch(rt, "batch_all", pay(rt, 1))), signed(ALICE))
    assert rt.events[-1] == Utility.BatchCompleted()
    rt.dispatch(batch(rt, "batch_all", batch(rt, "batch", pay(rt, 1))), signed(ALICE))
    assert rt.events[-1] == Utility.BatchCompleted()


def test_nor_through_other_batches(rt: SmallRuntime) -> None:
    inner = batch(rt, "batch", batch(rt, "force_batch", batch(rt, "batch_all", pay(rt, 1))))
    rt.dispatch(batch(rt, "batch_all", inner), signed(ALICE))
    (failed,) = (event for event in rt.events if isinstance(event, Utility.ItemFailed))
    assert isinstance(failed.error, System.CallFiltered)
    assert rt.balances.free(BOB) == 2_000


def test_root_and_another_origin_may(rt: SmallRuntime) -> None:
    set_free = rt.call("Balances", "force_set_balance", who=BOB, new_free=7_000)
    rt.dispatch(batch(rt, "batch_all", batch(rt, "batch_all", set_free)), ROOT)
    assert rt.balances.free(BOB) == 7_000
    as_bob = rt.call("Sudo", "sudo_as", who=BOB, call=batch(rt, "batch_all", pay(rt, 1)))
    rt.dispatch(batch(rt, "batch_all", as_bob), signed(ALICE))
    assert rt.events[-4:-2] == [Utility.BatchCompleted(), Sudo.SudoAsDone(None)]


# Calls by another origin


@pytest.mark.parametrize(  # `encodeDerivedAddress` of @polkadot/util-crypto, of //Alice
    ("index", "address"),
    [
        (0, "5Ep769A4Ka6QrHYoPfzA1fTWRSXpf28vhdbWHWmkWmi4SNHi"),
        (1, "5HfyUeY7jWfArT21FcynErXqZUDBgHirZsSkZsQVje9Ner6m"),
        (65_535, "5HTo8VedA5jGxCuDUTL3SnwEZTnmzJFSDomtszuZfi4TGYV4"),
    ],
)
def test_a_derivative_account_is_the_one_that_clients_derive(rt: SmallRuntime, index: int, address: str) -> None:
    account = derivative_account(ALICE, index)
    assert encode(account) == address
    rt.balances.mint_into(account, 5_000)
    rt.dispatch(rt.call("Utility", "as_derivative", index=index, call=pay(rt, 1_000)), signed(ALICE))
    assert rt.balances.free(account) == 4_000


def test_derivatives_are_derived_from(rt: SmallRuntime) -> None:
    account = derivative_account(derivative_account(ALICE, 1), 2)
    remark = rt.call("System", "remark_with_event", remark=b"")
    inner = rt.call("Utility", "as_derivative", index=2, call=remark)
    rt.dispatch(rt.call("Utility", "as_derivative", index=1, call=inner), signed(ALICE))
    assert rt.events == [System.Remarked(account, blake2_256(b""))]
    for origin in (ROOT, NONE):
        with noop(rt, BadOrigin):
            rt.dispatch(inner, origin)


def dispatched(rt: SmallRuntime, name: str, caller: OriginCaller, call: Call) -> DispatchError | None:
    """How a call went that root made as another."""
    rt.dispatch(rt.call("Utility", name, as_origin=caller, call=call), ROOT)
    event = rt.events[-1]
    assert isinstance(event, Utility.DispatchedAs)
    return event.result


@pytest.mark.parametrize("name", ["dispatch_as", "dispatch_as_fallible"])
def test_root_calls_as_anyone(rt: SmallRuntime, name: str) -> None:
    bob, root = SystemOrigin(RawSigned(BOB)), SystemOrigin(RawRoot())
    to_alice = rt.call("Balances", "transfer_keep_alive", dest=ALICE, value=100)
    assert dispatched(rt, name, bob, to_alice) is None
    assert rt.balances.free(BOB) == 1_900
    forced = rt.call("Balances", "force_set_balance", who=BOB, new_free=7_000)
    assert dispatched(rt, name, root, forced) is None
    assert rt.balances.free(BOB) == 7_000
    with noop(rt, BadOrigin):
        rt.dispatch(rt.call("Utility", name, as_origin=bob, call=to_alice), signed(BOB))


def test_as_another_a_failure_is_told_of_or_handed_on(rt: SmallRuntime) -> None:
    alice, nobody = SystemOrigin(RawSigned(ALICE)), SystemOrigin(RawNone())
    assert dispatched(rt, "dispatch_as", alice, pay(rt, 11_000)) == NO_FUNDS
    assert isinstance(dispatched(rt, "dispatch_as", nobody, pay(rt, 1)), BadOrigin)
    failing = batch(rt, "batch_all", rt.call("Escrow", "frugal", used=5), pay(rt, 11_000))
    error = failure_of(rt, rt.call("Utility", "dispatch_as_fallible", as_origin=alice, call=failing), ROOT)
    assert (error, error.post_info) == (NO_FUNDS, None)  # all it declared


def test_root_says_what_a_call_weighs(rt: SmallRuntime) -> None:
    forced = rt.call("Balances", "force_set_balance", who=BOB, new_free=7_000)
    made = rt.call("Utility", "with_weight", call=forced, weight=Weight(5, 7))
    assert made.dispatch_info() == DispatchInfo(Weight(5, 7))
    assert rt.dispatch(made, ROOT) == PostInfo()
    assert rt.balances.free(BOB) == 7_000
    with noop(rt, BadOrigin):
        rt.dispatch(made, signed(ALICE))
    with noop(rt, BadOrigin):
        rt.dispatch(rt.call("Utility", "with_weight", call=pay(rt, 1), weight=Weight()), ROOT)


# One call or the other


def if_else(rt: SmallRuntime, main: Call, fallback: Call) -> Call:
    return rt.call("Utility", "if_else", main=main, fallback=fallback)


def test_the_fallback_is_called_if_the_main_call_fails(rt: SmallRuntime) -> None:
    rt.dispatch(if_else(rt, pay(rt, 100), pay(rt, 200)), signed(ALICE))
    rt.dispatch(if_else(rt, batch(rt, "batch_all", pay(rt, 300), pay(rt, 11_000)), pay(rt, 400)), signed(ALICE))
    assert rt.events == [
        Balances.Transfer(ALICE, BOB, 100),
        Utility.IfElseMainSuccess(),
        Balances.Transfer(ALICE, BOB, 400),
        Utility.IfElseFallbackCalled(NO_FUNDS),
    ]
    with noop(rt, BadOrigin):
        rt.dispatch(
            if_else(rt, rt.call("Balances", "force_set_balance", who=BOB, new_free=0), batch(rt, "batch")), NONE
        )
    with noop(rt, NO_FUNDS):
        rt.dispatch(if_else(rt, rt.call("Sudo", "remove_key"), pay(rt, 11_000)), signed(BOB))


# What they weigh


@pytest.mark.parametrize("name", ["batch", "batch_all"])
def test_a_batch_declares_its_own_weight_and_that_of_its_calls(rt: SmallRuntime, name: str) -> None:
    info = batch(rt, name, pay(rt, 1), pay(rt, 2)).dispatch_info()
    assert info == DispatchInfo(own_weight(name, 2) + TRANSFER * 2)


def test_a_batch_is_operational_if_no_call_in_it_is_normal(rt: SmallRuntime) -> None:
    operational = rt.call("System", "kill_storage", keys=[])
    assert batch(rt, "batch", operational, operational).dispatch_info().class_ is DispatchClass.Operational
    assert batch(rt, "batch", operational, pay(rt, 1)).dispatch_info().class_ is DispatchClass.Normal
    assert batch(rt, "batch", pay(rt, 1), operational).dispatch_info().class_ is DispatchClass.Normal
    assert batch(rt, "batch").dispatch_info().class_ is DispatchClass.Operational


def test_a_batch_reports_what_was_used(rt: SmallRuntime) -> None:
    frugal = rt.call("Escrow", "frugal", used=5)
    assert rt.dispatch(batch(rt, "batch", frugal, pay(rt, 1)), signed(ALICE)) == PostInfo(
        own_weight("batch", 2) + Weight(5) + TRANSFER
    )
    assert rt.dispatch(batch(rt, "batch", frugal, pay(rt, 11_000), pay(rt, 1)), signed(ALICE)) == PostInfo(
        own_weight("batch", 2) + Weight(5) + TRANSFER
    )
    assert rt.dispatch(batch(rt, "force_batch", frugal, pay(rt, 11_000), pay(rt, 1)), signed(ALICE)) == PostInfo(
        own_weight("batch", 3) + Weight(5) + TRANSFER * 2
    )


def test_a_call_that_claims_to_have_used_more_counts_as_declared(rt: SmallRuntime) -> None:
    greedy = rt.call("Escrow", "frugal", used=9_000_000_000)
    post = rt.dispatch(batch(rt, "batch", greedy), signed(ALICE))
    assert post == PostInfo(own_weight("batch", 1) + Weight(2_000_000_000, 0))


def failure_of(rt: SmallRuntime, call: Call, origin: Origin) -> DispatchError:
    with pytest.raises(DispatchError) as raised:
        rt.dispatch(call, origin)
    return raised.value


def test_a_failing_batch_all_reports_what_was_used(rt: SmallRuntime) -> None:
    calls = rt.call("Escrow", "frugal", used=5), pay(rt, 11_000), pay(rt, 1)
    error = failure_of(rt, batch(rt, "batch_all", *calls), signed(ALICE))
    used = own_weight("batch_all", 2) + Weight(5) + TRANSFER
    assert error.post_info == PostInfo(used)
    nested = batch(rt, "batch", batch(rt, "batch_all", *calls))
    assert rt.dispatch(nested, signed(ALICE)) == PostInfo(own_weight("batch", 1) + used)


def test_the_unused_part_of_a_failing_batch_all_is_not_paid_for() -> None:
    chain = SmallChain(alice=10 * UNIT, bob=UNIT)
    declared = batch(chain.rt, "batch_all", pay(chain.rt, 20 * UNIT), pay(chain.rt, 1)).dispatch_info()
    data = chain.signed(ALICE_KEY, batch(chain.rt, "batch_all", pay(chain.rt, 10 * UNIT), pay(chain.rt, 1)))
    assert chain.executive.apply_extrinsic(data) == NO_FUNDS
    used = DispatchInfo(own_weight("batch_all", 1) + TRANSFER)
    assert used.weight.ref_time < declared.weight.ref_time
    assert chain.rt.events[-1] == System.ExtrinsicFailed(NO_FUNDS, used)
    assert chain.rt.balances.free(ALICE) == 10 * UNIT - chain.rt.transaction_payment.compute_fee(len(data), used, 0)


def test_calls_around_one_or_two_weigh_what_those_do_and_their_own(rt: SmallRuntime) -> None:
    frugal, operational = rt.call("Escrow", "frugal", used=5), rt.call("System", "kill_storage", keys=[])
    most = frugal.dispatch_info().weight
    derivative = rt.call("Utility", "as_derivative", index=0, call=frugal)
    assert derivative.dispatch_info() == DispatchInfo(Weight(135_896_000) + most)
    assert rt.dispatch(derivative, signed(ALICE)) == PostInfo(Weight(135_896_000 + 5))
    failing = rt.call("Utility", "as_derivative", index=0, call=pay(rt, 1))
    assert failure_of(rt, failing, signed(ALICE)).post_info == PostInfo(Weight(135_896_000) + TRANSFER)
    for name, own in (("dispatch_as", 6_985_000), ("dispatch_as_fallible", 7_434_000)):
        made = rt.call("Utility", name, as_origin=SystemOrigin(RawRoot()), call=operational)
        assert made.dispatch_info() == DispatchInfo(
            Weight(own) + operational.dispatch_info().weight, DispatchClass.Operational
        )
    either, around = if_else(rt, frugal, pay(rt, 1)), Weight(23_143_000)
    assert either.dispatch_info() == DispatchInfo(around + most + TRANSFER)
    assert rt.dispatch(either, signed(ALICE)) == PostInfo(around + Weight(5))
    second = if_else(rt, pay(rt, 11_000), frugal)
    assert rt.dispatch(second, signed(ALICE)) == PostInfo(around + TRANSFER + Weight(5))
    neither = if_else(rt, pay(rt, 11_000), pay(rt, 12_000))
    assert failure_of(rt, neither, signed(ALICE)).post_info == PostInfo(around + TRANSFER + TRANSFER)
    assert if_else(rt, operational, operational).dispatch_info().class_ is DispatchClass.Operational
    assert if_else(rt, operational, frugal).dispatch_info().class_ is DispatchClass.Normal
