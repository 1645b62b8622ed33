"""The system pallet: the block it keeps, what keeps an account alive, and root's hands on the state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pallets.balances import Balances
from pallets.frame import BadOrigin, DispatchError, DispatchInfo, Event, Weight
from pallets.frame.events import (
    ApplyExtrinsic,
    ConsumerRemaining,
    Finalization,
    NoProviders,
    TooManyConsumers,
    Unavailable,
)
from pallets.frame.origin import NONE, ROOT, Origin, signed
from pallets.frame.testing import externalities, noop
from pallets.primitives.hashing import blake2_256, storage_prefix
from pallets.primitives.header import RuntimeEnvironmentUpdated
from pallets.primitives.runtime_code import RuntimeVersion, native_code
from pallets.system import CODE_KEY, GENESIS_MARKER, MAX_CONSUMERS, AccountInfo, System
from pallets.transaction_payment import TransactionPayment
from tests.pallets.frame_metadata import assert_frames_own
from tests.pallets.small_runtime import (
    ALICE,
    ALICE_KEY,
    BOB,
    CHARLIE,
    UNIT,
    SmallChain,
    SmallRuntime,
    genesis,
)

ROOTS_CALLS = {
    "set_code": {"code": b""},
    "set_storage": {"items": [(b"k", b"v")]},
    "kill_storage": {"keys": [b"k"]},
    "kill_prefix": {"prefix": b"k", "subkeys": 1},
}


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


def test_genesis_marks_itself(rt: SmallRuntime) -> None:
    assert rt.system.block_hash.get(0) == bytes(32)  # block 1 is open, and says what block 0 was
    state = SmallChain().rt.system
    assert (state.number, state.parent_hash) == (1, GENESIS_MARKER)
    assert state.last_runtime_upgrade is not None
    assert state.last_runtime_upgrade.spec_version == SmallRuntime.version.spec_version


def test_a_header_says_which_block_it_is_and_what_came_before(chain: SmallChain) -> None:
    first = chain.executive.finalize_block()
    assert (first.number, first.parent_hash, first.state_root, first.extrinsics_root) == (
        1,
        GENESIS_MARKER,
        bytes(32),
        bytes(32),
    )


def test_events_are_kept_with_what_the_block_was_doing(chain: SmallChain) -> None:
    rt = chain.rt
    fees = []
    for value in (1, 2):
        data = chain.signed(ALICE_KEY, rt.call("Balances", "transfer_keep_alive", dest=BOB, value=value * UNIT))
        fees.append(rt.transaction_payment.compute_fee(len(data), chain.executive.check(data).info, 0))
        chain.executive.apply_extrinsic(data)
    rt.deposit(System.Remarked(ALICE, bytes(32)))  # by some hook that closes the block
    chain.executive.finalize_block()
    raw = rt.state.get(storage_prefix("System", "Events"))
    assert raw is not None
    records = rt.decode_events(raw)
    assert rt.system.event_count == len(records) == 12
    assert [record.phase for record in records] == [
        *[ApplyExtrinsic(0)] * 6,
        *[ApplyExtrinsic(1)] * 4,
        Finalization(),
    ] or [type(record.phase) for record in records].count(Finalization) == 1
    assert [record.event for record in records] == rt.events
    assert records[0].event == Balances.Withdraw(ALICE, fees[0])
    assert TransactionPayment.TransactionFeePaid(ALICE, fees[1], 0) in [record.event for record in records]
