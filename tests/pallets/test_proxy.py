"""Proxies: what they may do for others, what they may not however they try, and pure accounts. The cases are FRAME's
own; the kinds of proxies are this chain's.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import pytest
from scalecodec.base import RuntimeConfigurationObject
from scalecodec.type_registry import load_type_registry_preset

from pallets.balances.pallet import Balances
from pallets.frame import DispatchClass, DispatchError, DispatchInfo, Pays, PostInfo, Weight
from pallets.frame.origin import signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Call
from pallets.frame.testing import externalities, noop
from pallets.primitives.hashing import blake2_256
from pallets.primitives.portable_types import Cases, Composite
from pallets.proxy.pallet import Proxy
from pallets.proxy.terms import (
    CANCELLING,
    CANCELS,
    TRANSFERRING,
    TRANSFERS,
    Announcement,
    DepositKind,
    ProxyDefinition,
    ProxyType,
    pure_account,
)
from pallets.runtime import DevRuntime
from pallets.system.pallet import System
from pallets.utility import Utility, derivative_account
from tests.pallets.frame_metadata import assert_all_of_frames, frame, ours
from tests.pallets.small_runtime import ALICE, BOB, CHARLIE, DAVE, SmallRuntime, genesis

ANY, NON_TRANSFER, CANCEL = ProxyType
EVE, BENEFICIARY = b"\x05" * 32, b"\x06" * 32
TRANSFER = Weight(173_363_000, 3_593)


@pytest.fixture
def rt() -> Iterator[SmallRuntime]:
    with externalities(SmallRuntime, **genesis(alice=10_000, bob=10_000, charlie=10_000, dave=10_000)) as runtime:
        yield runtime


def pay(rt: SmallRuntime, value: int = 600) -> Call:
    return rt.call("Balances", "transfer_allow_death", dest=BENEFICIARY, value=value)


def do(rt: SmallRuntime, who: bytes, name: str, **arguments: object) -> PostInfo:
    """A call of the pallet by an account."""
    return rt.dispatch(rt.call("Proxy", name, **arguments), signed(who))


def add(rt: SmallRuntime, who: bytes, delegate: bytes, kind: ProxyType = ANY, delay: int = 0) -> None:
    do(rt, who, "add_proxy", delegate=delegate, proxy_type=kind, delay=delay)


def remove(rt: SmallRuntime, who: bytes, delegate: bytes, kind: ProxyType = ANY, delay: int = 0) -> None:
    do(rt, who, "remove_proxy", delegate=delegate, proxy_type=kind, delay=delay)


def announce(rt: SmallRuntime, who: bytes, real: bytes, call_hash: bytes) -> None:
    do(rt, who, "announce", real=real, call_hash=call_hash)


def proxied(
    rt: SmallRuntime, who: bytes, real: bytes, call: Call, kind: ProxyType | None = None
) -> DispatchError | None:
    """How a call went that `who` made for `real`."""
    do(rt, who, "proxy", real=real, force_proxy_type=kind, call=call)
    return outcome(rt)


def announced(rt: SmallRuntime, delegate: bytes, real: bytes, call: Call) -> DispatchError | None:
    """The same, of a call that `delegate` announced; anyone may bring it."""
    do(rt, EVE, "proxy_announced", delegate=delegate, real=real, force_proxy_type=None, call=call)
    return outcome(rt)


def outcome(rt: SmallRuntime) -> DispatchError | None:
    event = rt.events[-1]
    assert isinstance(event, Proxy.ProxyExecuted)
    return event.result


def reserved(rt: SmallRuntime, who: bytes) -> int:
    return rt.system.account[who].data.reserved


def batch(rt: SmallRuntime, *calls: Call, name: str = "batch") -> Call:
    return rt.call("Utility", name, calls=list(calls))


# What it says


def test_vocabulary_is_frames() -> None:
    assert_all_of_frames("Proxy")


def test_a_definition_has_frames_fields() -> None:
    mine, theirs = (
        next(
            entry.type.definition for entry in metadata.types if entry.type.path == ["pallet_proxy", "ProxyDefinition"]
        )
        for metadata in (ours(), frame())
    )
    assert isinstance(mine, Composite)
    assert isinstance(theirs, Composite)
    assert [field.name for field in mine.fields] == [field.name for field in theirs.fields]


def test_kinds_that_substrates_node_has_too_have_its_indices() -> None:
    (theirs,) = (entry.type.definition for entry in frame().types if entry.type.path[-1:] == ["ProxyType"])
    assert isinstance(theirs, Cases)
    known = {case.name: case.index for case in theirs.cases}
    mine = {kind.name: kind.value for kind in ProxyType}
    assert {name: mine[name] for name in mine.keys() & known.keys()} == {"Any": 0, "NonTransfer": 1}
    assert {case.index for case in theirs.cases} & {CANCEL.value} == set()  # Polkadot's 6 is free there
    assert {name: known[name] for name in known.keys() - mine.keys()} == {"Governance": 2, "Staking": 3}


def test_calls_that_kinds_name_are_there() -> None:
    runtime = DevRuntime(Overlay(DictBackend()))
    calls = {f"{spec.pallet_name}.{spec.name}" for spec in runtime.tables.calls.values()}
    assert calls >= TRANSFERS | CANCELS
    assert {name.split(".")[0] for name in calls} >= TRANSFERRING | CANCELLING


@pytest.mark.parametrize("kind", ProxyType)
@pytest.mark.parametrize("other", ProxyType)
def test_a_kind_covers_another_if_it_allows_whatever_that_one_does(kind: ProxyType, other: ProxyType) -> None:
    runtime = DevRuntime(Overlay(DictBackend()))
    calls = [Call(spec, ()) for spec in runtime.tables.calls.values()]
    allowed, others = ({call.name for call in calls if each.allows(call)} for each in (kind, other))
    assert kind.covers(other) == (others <= allowed)


# Adding and removing


def test_proxies_come_and_go_with_their_deposits(rt: SmallRuntime) -> None:
    rt.proxy.max_proxies = 4
    add(rt, ALICE, BOB)
    assert rt.events == [Balances.Reserved(ALICE, 110), Proxy.ProxyAdded(ALICE, BOB, ANY, 0)]
    with noop(rt, Proxy.Duplicate):
        add(rt, ALICE, BOB)
    add(rt, ALICE, DAVE, CANCEL)
    add(rt, ALICE, BOB, NON_TRANSFER)
    add(rt, ALICE, BOB, ANY, delay=5)
    assert rt.proxy.proxies[ALICE] == (
        [
            ProxyDefinition(DAVE, CANCEL, 0),
            ProxyDefinition(BOB, ANY, 0),
            ProxyDefinition(BOB, ANY, 5),
            ProxyDefinition(BOB, NON_TRANSFER, 0),
        ],
        140,
    )
    assert reserved(rt, ALICE) == 140
    with noop(rt, Proxy.TooMany):
        add(rt, ALICE, CHARLIE)
    with noop(rt, Proxy.NotFound):
        remove(rt, ALICE, DAVE, NON_TRANSFER)
    remove(rt, ALICE, DAVE, CANCEL)
    assert rt.events[-2:] == [Balances.Unreserved(ALICE, 10), Proxy.ProxyRemoved(ALICE, DAVE, CANCEL, 0)]
    for kind, delay in ((ANY, 0), (NON_TRANSFER, 0), (ANY, 5)):
        remove(rt, ALICE, BOB, kind, delay)
    assert reserved(rt, ALICE) == 0
    assert ALICE not in rt.proxy.proxies
    with noop(rt, Proxy.NotFound):
        remove(rt, ALICE, BOB)


def test_nobody_is_his_own_proxy_or_one_for_nothing(rt: SmallRuntime) -> None:
    with noop(rt, Proxy.NoSelfProxy):
        add(rt, ALICE, ALICE)
    rt.proxy.proxy_deposit_base = 20_000
    with noop(rt, Balances.InsufficientBalance):
        add(rt, ALICE, BOB)


def test_all_proxies_go_at_once(rt: SmallRuntime) -> None:
    add(rt, ALICE, BOB)
    add(rt, ALICE, CHARLIE)
    do(rt, ALICE, "remove_proxies")
    assert (reserved(rt, ALICE), ALICE in rt.proxy.proxies) == (0, False)


# Calling


def test_a_proxy_calls_for_another(rt: SmallRuntime) -> None:
    add(rt, ALICE, BOB)
    add(rt, ALICE, CHARLIE, NON_TRANSFER)
    for who, kind in ((DAVE, None), (CHARLIE, ANY), (BOB, NON_TRANSFER)):
        with noop(rt, Proxy.NotProxy):
            proxied(rt, who, ALICE, pay(rt), kind)
    assert proxied(rt, BOB, ALICE, pay(rt)) is None
    assert rt.balances.free(BENEFICIARY) == 600
    assert (rt.balances.free(ALICE), rt.balances.free(BOB)) == (10_000 - 600 - 120, 10_000)
    assert str(proxied(rt, BOB, ALICE, pay(rt, 20_000))).startswith("Token")
    assert proxied(rt, CHARLIE, ALICE, rt.call("System", "remark", remark=b"")) is None


def filtered(rt: SmallRuntime, who: bytes, call: Call) -> bool:
    """Whether a call for Alice would be refused by the proxy's kind, itself or, in a batch, at its first call."""
    rt.state.begin()
    error = proxied(rt, who, ALICE, call)
    rt.state.rollback()
    before = rt.events[-2]
    if error is None and isinstance(before, Utility.BatchInterrupted):
        error = before.error
    return isinstance(error, System.CallFiltered)


@pytest.fixture
def three(rt: SmallRuntime) -> SmallRuntime:
    """Alice's proxies: Bob may all, Charlie not transfer, Dave only cancel."""
    for who, kind in ((BOB, ANY), (CHARLIE, NON_TRANSFER), (DAVE, CANCEL)):
        add(rt, ALICE, who, kind)
    rt.balances.mint_into(derivative_account(ALICE, 0), 5_000)
    return rt


def test_what_kinds_forbid_stays_forbidden_inside_other_calls(three: SmallRuntime) -> None:
    rt = three
    attempts = [
        pay(rt),
        rt.call("Balances", "transfer_all", dest=BENEFICIARY, keep_alive=False),
        batch(rt, pay(rt)),
        batch(rt, pay(rt), name="batch_all"),
        batch(rt, batch(rt, pay(rt), name="batch_all"), name="batch_all"),
        batch(rt, rt.call("Utility", "as_derivative", index=0, call=pay(rt)), name="batch_all"),
        rt.call("Utility", "as_derivative", index=0, call=pay(rt)),
        rt.call("Utility", "if_else", main=pay(rt), fallback=pay(rt)),
        rt.call("Sudo", "sudo", call=rt.call("Balances", "force_set_balance", who=BENEFICIARY, new_free=9_000)),
        rt.call("Proxy", "add_proxy", delegate=EVE, proxy_type=ANY, delay=0),
        batch(rt, rt.call("Proxy", "add_proxy", delegate=EVE, proxy_type=ANY, delay=0)),
        rt.call("Proxy", "remove_proxy", delegate=BOB, proxy_type=ANY, delay=0),
        rt.call("Proxy", "remove_proxies"),
        rt.call("Proxy", "kill_pure", spawner=ALICE, proxy_type=ANY, index=0, height=1, ext_index=0),
    ]
    for who in (CHARLIE, DAVE):
        assert [call for call in attempts if not filtered(rt, who, call)] == []
    refused = [call for call in attempts if filtered(rt, BOB, call)]
    assert [call.name for call in refused] == ["Utility.batch_all"]  # the nested one, which is nobody's


def test_a_proxy_adds_and_removes_what_may_do_no_more(three: SmallRuntime) -> None:
    rt = three
    for kind in (NON_TRANSFER, CANCEL):
        for name in ("add_proxy", "remove_proxy"):
            change = rt.call("Proxy", name, delegate=EVE, proxy_type=kind, delay=0)
            assert proxied(rt, CHARLIE, ALICE, batch(rt, change, name="batch_all")) is None
    assert filtered(rt, DAVE, rt.call("Proxy", "add_proxy", delegate=EVE, proxy_type=CANCEL, delay=0))
    assert len(rt.proxy.proxies[ALICE][0]) == 3


def test_a_proxy_of_a_proxy_has_the_limits_of_each(three: SmallRuntime) -> None:
    rt = three
    add(rt, CHARLIE, EVE)
    through = rt.call("Proxy", "proxy", real=ALICE, force_proxy_type=None, call=pay(rt))
    assert proxied(rt, EVE, CHARLIE, through) is None  # Charlie called, and Alice's call was refused:
    inner = rt.events[-2]
    assert isinstance(inner, Proxy.ProxyExecuted)
    assert isinstance(inner.result, System.CallFiltered)
    wide = rt.call("Proxy", "proxy", real=ALICE, force_proxy_type=ANY, call=pay(rt))
    for who, real in ((CHARLIE, ALICE), (EVE, CHARLIE)):
        assert isinstance(proxied(rt, who, real, wide), Proxy.NotProxy)
    assert rt.balances.free(BENEFICIARY) == 0
    assert filtered(rt, DAVE, wide)


def test_a_proxy_that_only_cancels_rejects_announcements(three: SmallRuntime) -> None:
    rt = three
    add(rt, ALICE, EVE, ANY, delay=10)
    rt.balances.mint_into(EVE, 5_000)
    for number in range(2):
        announce(rt, EVE, ALICE, bytes([number]) * 32)
    reject = rt.call("Proxy", "reject_announcement", delegate=EVE, call_hash=bytes(32))
    assert proxied(rt, DAVE, ALICE, reject) is None
    again = rt.call("Proxy", "reject_announcement", delegate=EVE, call_hash=b"\1" * 32)
    assert proxied(rt, DAVE, ALICE, batch(rt, again, name="batch_all")) is None
    assert EVE not in rt.proxy.announcements


# Announcing


def test_announcements_have_deposits_and_a_limit(rt: SmallRuntime) -> None:
    rt.proxy.max_pending = 2
    with noop(rt, Proxy.NotProxy):
        announce(rt, CHARLIE, ALICE, bytes(32))
    for who in (ALICE, BOB):
        add(rt, who, CHARLIE, ANY, delay=1)
    announce(rt, CHARLIE, ALICE, b"\1" * 32)
    assert rt.events[-2:] == [Balances.Reserved(CHARLIE, 220), Proxy.Announced(ALICE, CHARLIE, b"\1" * 32)]
    announce(rt, CHARLIE, BOB, b"\2" * 32)
    first, second = Announcement(ALICE, b"\1" * 32, 1), Announcement(BOB, b"\2" * 32, 1)
    assert rt.proxy.announcements[CHARLIE] == ([first, second], 240)
    assert reserved(rt, CHARLIE) == 240
    with noop(rt, Proxy.TooMany):
        announce(rt, CHARLIE, ALICE, b"\3" * 32)


@pytest.mark.parametrize("by", ["remove_announcement", "reject_announcement"])
def test_announcements_are_taken_back(rt: SmallRuntime, by: str) -> None:
    def withdraw(real: bytes, call_hash: bytes) -> None:
        if by == "remove_announcement":
            do(rt, CHARLIE, by, real=real, call_hash=call_hash)
        else:
            do(rt, real, by, delegate=CHARLIE, call_hash=call_hash)

    for who in (ALICE, BOB):
        add(rt, who, CHARLIE, ANY, delay=1)
        announce(rt, CHARLIE, who, who)
    for real, call_hash in ((ALICE, bytes(32)), (ALICE, BOB), (DAVE, ALICE)):
        with noop(rt, Proxy.NotFound):
            withdraw(real, call_hash)
    withdraw(ALICE, ALICE)
    assert rt.proxy.announcements[CHARLIE] == ([Announcement(BOB, BOB, 1)], 220)
    assert reserved(rt, CHARLIE) == 220
    withdraw(BOB, BOB)
    assert (reserved(rt, CHARLIE), CHARLIE in rt.proxy.announcements) == (0, False)


def test_a_delayed_proxy_announces_and_waits(rt: SmallRuntime) -> None:
    call = pay(rt)
    call_hash = blake2_256(call.encoded())
    for who in (ALICE, BOB):
        add(rt, who, CHARLIE, ANY, delay=2)
    with noop(rt, Proxy.Unannounced):
        proxied(rt, CHARLIE, ALICE, call)
    with noop(rt, Proxy.Unannounced):
        announced(rt, CHARLIE, ALICE, call)
    for who in (ALICE, BOB):
        announce(rt, CHARLIE, who, call_hash)
    for number in (1, 2):
        rt.system.number = number
        with noop(rt, Proxy.Unannounced):
            announced(rt, CHARLIE, ALICE, call)
    rt.system.number = 3
    with noop(rt, Proxy.Unannounced):
        announced(rt, CHARLIE, ALICE, pay(rt, 601))
    with noop(rt, Proxy.Unannounced):
        proxied(rt, CHARLIE, ALICE, call)
    assert announced(rt, CHARLIE, ALICE, call) is None
    assert rt.balances.free(BENEFICIARY) == 600
    assert rt.proxy.announcements[CHARLIE] == ([Announcement(BOB, call_hash, 1)], 220)
    with noop(rt, Proxy.Unannounced):
        announced(rt, CHARLIE, ALICE, call)


def test_a_proxy_without_delay_needs_no_announcement_and_leaves_it(rt: SmallRuntime) -> None:
    add(rt, ALICE, BOB)
    announce(rt, BOB, ALICE, blake2_256(pay(rt).encoded()))
    assert proxied(rt, BOB, ALICE, pay(rt)) is None
    assert len(rt.proxy.announcements[BOB][0]) == 1


def test_announced_calls_have_the_proxys_limits(rt: SmallRuntime) -> None:
    add(rt, ALICE, BOB, NON_TRANSFER, delay=1)
    call = batch(rt, pay(rt), name="batch_all")
    announce(rt, BOB, ALICE, blake2_256(call.encoded()))
    rt.system.number = 2
    assert isinstance(announced(rt, BOB, ALICE, call), System.CallFiltered)


# Pure accounts


def test_the_account_is_derived_as_frame_does() -> None:
    judge = RuntimeConfigurationObject()
    judge.update_type_registry(load_type_registry_preset("core"))
    parts = [("[u8; 32]", f"0x{ALICE.hex()}"), ("u32", 70_000), ("u32", 258), ("u8", CANCEL.value), ("u16", 259)]
    encoded = b"".join(bytes(judge.create_scale_object(kind).encode(value).data) for kind, value in parts)
    expected = blake2b(b"modlpy/proxy____" + encoded, digest_size=32).digest()
    assert pure_account(ALICE, 70_000, 258, CANCEL, 259) == expected


def test_a_pure_account_lives_through_its_proxies_alone(rt: SmallRuntime) -> None:
    def create(who: bytes, kind: ProxyType = ANY, index: int = 0) -> bytes:
        do(rt, who, "create_pure", proxy_type=kind, delay=0, index=index)
        event = rt.events[-1]
        assert isinstance(event, Proxy.PureCreated)
        assert (event.who, event.proxy_type, event.disambiguation_index) == (who, kind, index)
        return event.pure

    def kill(who: bytes, spawner: bytes, height: int = 1, index: int = 0) -> Call:
        return rt.call("Proxy", "kill_pure", spawner=spawner, proxy_type=ANY, index=index, height=height, ext_index=0)

    pure = create(ALICE)
    assert pure == pure_account(ALICE, 1, 0, ANY, 0)
    assert reserved(rt, ALICE) == 110
    with noop(rt, Proxy.Duplicate):
        create(ALICE)
    others = {create(ALICE, NON_TRANSFER), create(ALICE, index=1), create(BOB)}
    rt.system.extrinsic_count = 1
    others.add(create(ALICE))
    rt.system.number, rt.system.extrinsic_count = 2, 0
    others.add(create(ALICE))
    assert len(others - {pure}) == 5
    rt.balances.transfer(CHARLIE, pure, 5_000)
    assert proxied(rt, ALICE, pure, pay(rt)) is None
    assert rt.balances.free(BENEFICIARY) == 600
    bobs = pure_account(BOB, 1, 0, ANY, 0)
    assert isinstance(proxied(rt, BOB, bobs, kill(bobs, ALICE)), Proxy.NoPermission)
    with noop(rt, Proxy.NoPermission):
        rt.dispatch(kill(ALICE, ALICE), signed(ALICE))
    before = reserved(rt, ALICE)
    assert proxied(rt, ALICE, pure, kill(pure, ALICE)) is None
    assert rt.events[-2] == Proxy.PureKilled(pure, ALICE, ANY, 0)
    assert reserved(rt, ALICE) == before - 110
    with noop(rt, Proxy.NotProxy):
        proxied(rt, ALICE, pure, pay(rt))


def test_a_pure_account_is_handed_on(rt: SmallRuntime) -> None:
    do(rt, ALICE, "create_pure", proxy_type=ANY, delay=0, index=0)
    pure = pure_account(ALICE, 1, 0, ANY, 0)
    rt.balances.transfer(CHARLIE, pure, 5_000)
    handing = [
        rt.call("Proxy", "add_proxy", delegate=BOB, proxy_type=ANY, delay=0),
        rt.call("Proxy", "remove_proxy", delegate=ALICE, proxy_type=ANY, delay=0),
    ]
    assert proxied(rt, ALICE, pure, batch(rt, *handing, name="batch_all")) is None
    with noop(rt, Proxy.NotProxy):
        proxied(rt, ALICE, pure, pay(rt))
    assert proxied(rt, BOB, pure, pay(rt)) is None


# Deposits brought up to date, and weights


def test_deposits_are_brought_up_to_date(rt: SmallRuntime) -> None:
    add(rt, BOB, CHARLIE)
    add(rt, ALICE, BOB, ANY, delay=1)
    announce(rt, BOB, ALICE, bytes(32))
    assert do(rt, BOB, "poke_deposit") == PostInfo(pays_fee=Pays.Yes)
    rt.proxy.proxy_deposit_base, rt.proxy.announcement_deposit_base = 150, 120
    assert do(rt, BOB, "poke_deposit") == PostInfo(pays_fee=Pays.No)
    assert rt.events[-4:] == [
        Balances.Reserved(BOB, 50),
        Proxy.DepositPoked(BOB, DepositKind.Proxies, 110, 160),
        Balances.Unreserved(BOB, 80),
        Proxy.DepositPoked(BOB, DepositKind.Announcements, 220, 140),
    ]
    assert reserved(rt, BOB) == 300
    assert do(rt, BOB, "poke_deposit") == do(rt, DAVE, "poke_deposit") == PostInfo(pays_fee=Pays.Yes)
    assert DAVE not in rt.proxy.proxies
    rt.proxy.proxy_deposit_base = 50_000
    with noop(rt, Balances.InsufficientBalance):
        do(rt, BOB, "poke_deposit")


def test_weight_and_class_come_from_the_call(rt: SmallRuntime) -> None:
    operational = rt.call("System", "kill_storage", keys=[])
    inner = operational.dispatch_info().weight
    made = rt.call("Proxy", "proxy", real=ALICE, force_proxy_type=None, call=operational)
    own = Weight(19_655_145 + 36_306 * 32 + 150_000_000, 4_706)
    assert made.dispatch_info() == DispatchInfo(own + inner, DispatchClass.Operational)
    made = rt.call("Proxy", "proxy_announced", delegate=BOB, real=ALICE, force_proxy_type=None, call=pay(rt))
    own = Weight(41_812_078 + (163_029 + 79_539) * 32 + 400_000_000, 5_698)
    assert made.dispatch_info() == DispatchInfo(own + TRANSFER)
    add(rt, ALICE, BOB)
    assert do(rt, BOB, "proxy", real=ALICE, force_proxy_type=None, call=pay(rt)) == PostInfo()
