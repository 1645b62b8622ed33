"""The system pallet: the block it keeps, what keeps an account alive, and root's hands on the state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pallets.frame import BadOrigin, Error, Event, Pays
from pallets.frame.events import (
    ApplyExtrinsic,
    ConsumerRemaining,
    Finalization,
    NoProviders,
    TooManyConsumers,
)
from pallets.frame.executive import Executive
from pallets.frame.origin import NONE, ROOT, Origin, signed
from pallets.frame.runtime import Call
from pallets.frame.testing import externalities, noop
from pallets.frame.validity import Call as CallNotExpected
from pallets.frame.validity import TransactionSource
from pallets.primitives.extrinsic import bare_extrinsic
from pallets.primitives.hashing import blake2_256, storage_prefix
from pallets.primitives.header import RuntimeEnvironmentUpdated
from pallets.primitives.runtime_code import CODE_KEY, RuntimeVersion, native_code
from pallets.system.account import MAX_CONSUMERS, AccountInfo
from pallets.system.pallet import GENESIS_MARKER, System
from tests.pallets.dev_chain import DevChain
from tests.pallets.frame_metadata import assert_frames_own
from tests.pallets.small_runtime import ALICE, ALICE_KEY, BOB, CHARLIE, UNIT, SmallChain, SmallRuntime, genesis

ROOTS_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("set_code", {"code": b""}),
    ("set_code_without_checks", {"code": b""}),
    ("authorize_upgrade", {"code_hash": bytes(32)}),
    ("authorize_upgrade_without_checks", {"code_hash": bytes(32)}),
    ("set_storage", {"items": [(b"k", b"v")]}),
    ("kill_storage", {"keys": [b"k"]}),
    ("kill_prefix", {"prefix": b"k", "subkeys": 1}),
]


@pytest.fixture
def rt() -> Iterator[SmallRuntime]:
    with externalities(SmallRuntime, **genesis(alice=10_000)) as runtime:
        yield runtime


@pytest.fixture
def chain() -> SmallChain:
    return SmallChain(alice=10 * UNIT)


def test_vocabulary_is_frames() -> None:
    assert_frames_own("System")


# The block


def test_the_first_block_follows_genesis(chain: SmallChain) -> None:
    system = chain.rt.system
    assert (system.number, system.parent_hash, system.block_hash[0]) == (1, GENESIS_MARKER, GENESIS_MARKER)
    assert system.last_runtime_upgrade is not None
    assert system.last_runtime_upgrade.spec_version == SmallRuntime.version.spec_version
    header = chain.executive.finalize_block()
    assert (header.number, header.parent_hash, header.digest) == (1, GENESIS_MARKER, [])
    assert (header.state_root, header.extrinsics_root) == (bytes(32), bytes(32))


def test_events_are_kept_with_what_the_block_was_doing(chain: SmallChain) -> None:
    rt = chain.rt
    for value in (1, 2):
        call = rt.call("Balances", "transfer_keep_alive", dest=BOB, value=value * UNIT)
        chain.executive.apply_extrinsic(chain.signed(ALICE_KEY, call))
    chain.executive.system.note_finished_extrinsics()
    rt.deposit(System.Remarked(ALICE, bytes(32)))  # as a hook that closes the block would
    rt.system.finalize()
    raw = rt.state.get(storage_prefix("System", "Events"))
    assert raw is not None
    records = rt.decode_events(raw)
    phases = [ApplyExtrinsic(0)] * 6 + [ApplyExtrinsic(1)] * 4 + [Finalization()]
    assert [record.phase for record in records] == phases
    assert [record.event for record in records] == rt.events
    assert rt.system.event_count == len(records)


def test_the_next_block_starts_clean(chain: SmallChain) -> None:
    call = chain.rt.call("System", "remark_with_event", remark=b"hello")
    chain.executive.apply_extrinsic(chain.signed(ALICE_KEY, call))
    used = chain.rt.system.block_weight.normal
    assert used.ref_time > call.dispatch_info().weight.ref_time
    assert (chain.rt.system.extrinsic_count, chain.rt.system.all_extrinsics_len is not None) == (1, True)
    chain.next_block()
    system = chain.rt.system
    assert (system.extrinsic_count, system.all_extrinsics_len, system.event_count) == (0, None, 0)
    assert system.block_weight.normal.ref_time == 0
    assert chain.rt.events == []


def test_hashes_of_the_last_blocks_are_kept_and_that_of_genesis(chain: SmallChain) -> None:
    for _ in range(20):
        chain.next_block()
    kept = [number for number, _ in chain.rt.system.block_hash.items()]
    assert sorted(kept) == [0, *range(4, 21)]  # block_hash_count is 16, and block 21 is open
    assert chain.rt.system.block_hash[20] == chain.rt.system.parent_hash


# What keeps an account alive

refs = st.integers(0, 3)


@given(refs, refs, refs)
def test_references_are_frames(providers: int, consumers: int, sufficients: int) -> None:
    """`frame_system::Pallet::dec_providers` and `inc_consumers`, arm by arm."""
    with externalities(SmallRuntime) as rt:
        info = AccountInfo(providers=providers, consumers=consumers, sufficients=sufficients)
        effective = max(providers, 1)  # FRAME takes none for one, with an error in the log
        if effective == 1 and consumers:
            with noop(rt, ConsumerRemaining):
                info.dec_providers()
            assert info.providers == providers
        else:
            assert info.dec_providers() is (effective == 1 and not sufficients)
            assert info.providers == effective - 1

        info = AccountInfo(providers=providers, consumers=consumers, sufficients=sufficients)
        if providers:
            info.inc_consumers()
            assert info.consumers == consumers + 1
        else:
            with noop(rt, NoProviders):
                info.inc_consumers()

        info = AccountInfo(providers=providers, consumers=consumers, sufficients=sufficients)
        rt.system.inc_providers(BOB, info)
        assert info.providers == providers + 1
        assert rt.events == ([] if providers or sufficients else [System.NewAccount(BOB)])


def test_consumers_are_bounded(rt: SmallRuntime) -> None:
    info = AccountInfo(providers=1, consumers=MAX_CONSUMERS - 1)
    info.inc_consumers()
    with noop(rt, TooManyConsumers):
        info.inc_consumers()


def test_a_reaped_account_is_gone(rt: SmallRuntime) -> None:
    rt.system.reap(ALICE)
    assert ALICE not in rt.system.account
    assert rt.events == [System.KilledAccount(ALICE)]


# Calls


@pytest.mark.parametrize("origin", [signed(ALICE), ROOT, NONE])
def test_anybody_may_remark(rt: SmallRuntime, origin: Origin) -> None:
    rt.dispatch(rt.call("System", "remark", remark=b"hello"), origin)
    assert rt.events == []


def test_a_remark_with_event_leaves_its_hash(rt: SmallRuntime) -> None:
    rt.dispatch(rt.call("System", "remark_with_event", remark=b"hello"), signed(ALICE))
    assert rt.events == [System.Remarked(ALICE, blake2_256(b"hello"))]


@pytest.mark.parametrize(("name", "arguments"), ROOTS_CALLS)
def test_only_root_touches_the_state(rt: SmallRuntime, name: str, arguments: dict[str, Any]) -> None:
    for origin in (signed(ALICE), NONE):
        with noop(rt, BadOrigin):
            rt.dispatch(rt.call("System", name, **arguments), origin)


def test_root_sets_and_kills_storage(rt: SmallRuntime) -> None:
    items = [(bytes((prefix, index)), b"v") for prefix in (1, 2) for index in range(4)]
    rt.dispatch(rt.call("System", "set_storage", items=items), ROOT)
    assert all(rt.state.get(key) == value for key, value in items)
    rt.dispatch(rt.call("System", "kill_storage", keys=[b"\1\0", b"absent"]), ROOT)
    rt.dispatch(rt.call("System", "kill_prefix", prefix=b"\1", subkeys=2), ROOT)
    assert list(rt.state.keys(b"\1")) == [b"\1\3"]
    assert len(list(rt.state.keys(b"\2"))) == 4


# The code


def code_of(spec_name: str = "small", spec_version: int = 8) -> bytes:
    return native_code(RuntimeVersion(spec_name, "small", 1, spec_version, 1, [], 3, 1))


LATER, OTHER = code_of(), code_of(spec_name="other")
UNFIT: list[tuple[bytes, type[Error]]] = [
    (b"", System.FailedToExtractRuntimeVersion),
    (b"\0asm\1\0\0\0", System.FailedToExtractRuntimeVersion),
    (OTHER, System.InvalidSpecName),
    (code_of(spec_version=7), System.SpecVersionNeedsToIncrease),
]


def assert_upgraded(rt: SmallRuntime, code: bytes, *before: Event) -> None:
    assert rt.state.get(CODE_KEY) == code
    assert rt.events == [*before, System.CodeUpdated()]
    assert rt.system.digest == [RuntimeEnvironmentUpdated()]


@pytest.mark.parametrize("code", [LATER, code_of(spec_version=1 << 31)])
def test_root_upgrades_to_a_later_version(rt: SmallRuntime, code: bytes) -> None:
    rt.dispatch(rt.call("System", "set_code", code=code), ROOT)
    assert_upgraded(rt, code)


@pytest.mark.parametrize(("code", "error"), UNFIT)
def test_other_code_is_refused_unless_root_wants_it_unchecked(
    rt: SmallRuntime, code: bytes, error: type[Error]
) -> None:
    with noop(rt, error):
        rt.dispatch(rt.call("System", "set_code", code=code), ROOT)
    rt.dispatch(rt.call("System", "set_code_without_checks", code=code), ROOT)
    assert_upgraded(rt, code)


@pytest.mark.parametrize("origin", [signed(BOB), ROOT, NONE])
def test_anybody_may_bring_the_code_that_root_authorized_once(rt: SmallRuntime, origin: Origin) -> None:
    bring = rt.call("System", "apply_authorized_upgrade", code=LATER)
    with noop(rt, System.NothingAuthorized):
        rt.dispatch(bring, origin)
    rt.dispatch(rt.call("System", "authorize_upgrade", code_hash=blake2_256(OTHER)), ROOT)
    with noop(rt, System.Unauthorized):
        rt.dispatch(bring, origin)
    rt.dispatch(rt.call("System", "authorize_upgrade", code_hash=blake2_256(LATER)), ROOT)
    assert rt.state.get(storage_prefix("System", "AuthorizedUpgrade")) == blake2_256(LATER) + b"\1"
    assert rt.dispatch(bring, origin).pays_fee is Pays.No
    authorized = [System.UpgradeAuthorized(blake2_256(code), check_version=True) for code in (OTHER, LATER)]
    assert_upgraded(rt, LATER, *authorized)
    with noop(rt, System.NothingAuthorized):
        rt.dispatch(bring, origin)


@pytest.mark.parametrize(("code", "error"), UNFIT)
def test_authorized_code_that_is_no_later_version_uses_the_authorization_up(
    rt: SmallRuntime, code: bytes, error: type[Error]
) -> None:
    bring = rt.call("System", "apply_authorized_upgrade", code=code)
    rt.dispatch(rt.call("System", "authorize_upgrade", code_hash=blake2_256(code)), ROOT)
    assert rt.dispatch(bring, signed(BOB)).pays_fee is Pays.No
    rejected = rt.events[-1]
    assert isinstance(rejected, System.RejectedInvalidAuthorizedUpgrade)
    assert (rejected.code_hash, type(rejected.error)) == (blake2_256(code), error)
    assert (rt.state.get(CODE_KEY), rt.system.authorized_upgrade, rt.system.digest) == (None, None, [])

    rt.events.clear()
    rt.dispatch(rt.call("System", "authorize_upgrade_without_checks", code_hash=blake2_256(code)), ROOT)
    rt.dispatch(bring, signed(BOB))
    assert_upgraded(rt, code, System.UpgradeAuthorized(blake2_256(code), check_version=False))


def test_a_bare_transaction_may_bring_it() -> None:
    chain = DevChain()
    code = native_code(RuntimeVersion("fathom", "fathom-node", 1, 2, 1, [], 1, 1))
    bring = bare_extrinsic(chain.runtime().encode_call(call_of(chain, "apply_authorized_upgrade", code=code)))
    for source in TransactionSource:
        with pytest.raises(CallNotExpected):
            Executive(chain.runtime()).validate_transaction(source, bring)
    authorize = call_of(chain, "authorize_upgrade", code_hash=blake2_256(code))
    chain.author(chain.sign(ALICE_KEY, "Sudo", "sudo", call=authorize))
    found = Executive(chain.runtime()).validate_transaction(TransactionSource.External, bring)
    assert (found.requires, found.provides, found.propagate) == ([], [blake2_256(code)], True)
    assert RuntimeEnvironmentUpdated() in chain.author(bring).header.digest
    assert chain.state[CODE_KEY] == code
    with pytest.raises(CallNotExpected):
        Executive(chain.runtime()).apply_extrinsic(bring)


def call_of(chain: DevChain, name: str, **arguments: Any) -> Call:
    return chain.runtime().call("System", name, **arguments)


def test_accounts_lie_where_substrate_clients_look(rt: SmallRuntime) -> None:
    """The key of Alice's account on every Substrate chain, and the record as FRAME encodes it."""
    key = bytes.fromhex(
        "26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9"
        "de1e86a9a8c739864cf3cc5ec2bea59fd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
    )
    words = [number.to_bytes(4, "little") for number in (0, 0, 1, 0)]
    amounts = [number.to_bytes(16, "little") for number in (10_000, 0, 0, 1 << 127)]
    assert rt.state.get(key) == b"".join(words + amounts)
    assert rt.system.account.get(CHARLIE) is None
