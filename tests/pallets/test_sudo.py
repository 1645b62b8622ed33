"""Sudo: root for the holder of the key, for nobody else, and without a fee."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pallets.frame import BadOrigin, DispatchClass, DispatchError, DispatchInfo, Pays, Token, Weight
from pallets.frame.origin import NONE, ROOT, Origin, signed
from pallets.frame.runtime import Call
from pallets.frame.testing import externalities, noop
from pallets.sudo import Sudo
from tests.pallets.frame_metadata import assert_frames_own
from tests.pallets.small_runtime import ALICE, BOB, CHARLIE, DEPOSIT, SmallRuntime, genesis


@pytest.fixture
def rt() -> Iterator[SmallRuntime]:
    with externalities(SmallRuntime, **genesis(alice=10_000, bob=2_000)) as runtime:
        yield runtime


def set_balance(rt: SmallRuntime, new_free: int = 5_000) -> Call:
    return rt.call("Balances", "force_set_balance", who=CHARLIE, new_free=new_free)


def sudo_calls(rt: SmallRuntime) -> list[Call]:
    """Every call of the pallet."""
    inner = rt.call("System", "remark", remark=b"")
    return [
        rt.call("Sudo", "sudo", call=inner),
        rt.call("Sudo", "sudo_unchecked_weight", call=inner, weight=Weight(1, 2)),
        rt.call("Sudo", "set_key", new=BOB),
        rt.call("Sudo", "sudo_as", who=BOB, call=inner),
        rt.call("Sudo", "remove_key"),
    ]


def outcome(rt: SmallRuntime) -> DispatchError | None:
    """The outcome that the last event tells of."""
    event = rt.events[-1]
    assert isinstance(event, Sudo.Sudid | Sudo.SudoAsDone)
    return event.sudo_result


def test_vocabulary_is_frames() -> None:
    assert_frames_own("Sudo")


def test_genesis_names_the_holder(rt: SmallRuntime) -> None:
    assert rt.sudo.key == ALICE
    with externalities(SmallRuntime) as nobody:
        assert nobody.sudo.key is None


@pytest.mark.parametrize("origin", [signed(ALICE), ROOT])
def test_the_holder_and_root_may_all(rt: SmallRuntime, origin: Origin) -> None:
    for call in sudo_calls(rt):
        rt.sudo.key = ALICE
        assert rt.dispatch(call, origin).pays_fee is Pays.No


@pytest.mark.parametrize(("origin", "error"), [(signed(BOB), Sudo.RequireSudo), (NONE, BadOrigin)])
def test_nobody_else_may_anything(rt: SmallRuntime, origin: Origin, error: type[DispatchError]) -> None:
    for call in sudo_calls(rt):
        with noop(rt, error):
            rt.dispatch(call, origin)


def test_without_a_key_only_root_is_left(rt: SmallRuntime) -> None:
    rt.dispatch(rt.call("Sudo", "remove_key"), signed(ALICE))
    assert rt.events == [Sudo.KeyRemoved()]
    with noop(rt, Sudo.RequireSudo):
        rt.dispatch(rt.call("Sudo", "set_key", new=ALICE), signed(ALICE))
    rt.dispatch(rt.call("Sudo", "set_key", new=BOB), ROOT)
    assert rt.events[1:] == [Sudo.KeyChanged(old=None, new=BOB)]


def test_sudo_runs_a_call_as_root(rt: SmallRuntime) -> None:
    rt.dispatch(rt.call("Sudo", "sudo", call=set_balance(rt)), signed(ALICE))
    assert rt.balances.free(CHARLIE) == 5_000
    assert rt.events[-1] == Sudo.Sudid(None)


def test_a_failing_call_is_undone_and_told_of(rt: SmallRuntime) -> None:
    too_much = rt.call("Balances", "force_transfer", source=BOB, dest=ALICE, value=3_000)
    rt.dispatch(rt.call("Sudo", "sudo", call=too_much), signed(ALICE))
    assert outcome(rt) == Token("FundsUnavailable")
    assert len(rt.events) == 1
    batch = rt.call("Utility", "batch_all", calls=[set_balance(rt), too_much])
    rt.dispatch(rt.call("Sudo", "sudo", call=batch), signed(ALICE))
    assert CHARLIE not in rt.system.account
    assert len(rt.events) == 2


def test_sudo_as_runs_a_call_for_another(rt: SmallRuntime) -> None:
    call = rt.call("Balances", "transfer_keep_alive", dest=ALICE, value=100)
    rt.dispatch(rt.call("Sudo", "sudo_as", who=BOB, call=call), signed(ALICE))
    assert rt.balances.free(BOB) == 1_900
    assert rt.events[-1] == Sudo.SudoAsDone(None)
    rt.dispatch(rt.call("Sudo", "sudo_as", who=BOB, call=set_balance(rt)), signed(ALICE))
    assert isinstance(outcome(rt), BadOrigin)  # as a signer, not as root


def test_the_key_is_handed_on(rt: SmallRuntime) -> None:
    rt.dispatch(rt.call("Sudo", "set_key", new=BOB), signed(ALICE))
    assert rt.events == [Sudo.KeyChanged(old=ALICE, new=BOB)]
    with noop(rt, Sudo.RequireSudo):
        rt.dispatch(rt.call("Sudo", "sudo", call=set_balance(rt)), signed(ALICE))
    rt.dispatch(rt.call("Sudo", "sudo", call=set_balance(rt, DEPOSIT)), signed(BOB))
    assert outcome(rt) is None


def test_weight_and_class_come_from_the_call(rt: SmallRuntime) -> None:
    inner = rt.call("System", "set_storage", items=[(b"k", b"v")])
    own = inner.dispatch_info()
    assert own.class_ is DispatchClass.Operational
    info = rt.call("Sudo", "sudo", call=inner).dispatch_info()
    assert info == DispatchInfo(own.weight + Weight(35_729_000, 1_517), DispatchClass.Operational)
    unchecked = rt.call("Sudo", "sudo_unchecked_weight", call=inner, weight=Weight(3, 4)).dispatch_info()
    assert unchecked == DispatchInfo(Weight(3, 4), DispatchClass.Operational)
    sudo_as = rt.call("Sudo", "sudo_as", who=BOB, call=set_balance(rt)).dispatch_info()
    assert sudo_as == DispatchInfo(set_balance(rt).dispatch_info().weight + Weight(36_003_000, 1_517))
