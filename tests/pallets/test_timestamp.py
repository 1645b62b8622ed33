from __future__ import annotations

import gzip
import json

import pytest

from pallets.frame.events import BadOrigin
from pallets.frame.executive import Executive, InvalidBlock
from pallets.frame.origin import NONE, ROOT, signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Runtime
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import UncheckedExtrinsic, bare_extrinsic
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.types import Moment
from pallets.timestamp import Timestamp
from tests.pallets.dev_chain import FIRST_SLOT, DevChain
from tests.vectors import vector

PERIOD = 50


class Witness:
    """Remembers the times it is told."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def on_timestamp_set(self, now: int) -> None:
        self.told.append(now)


class ClockRuntime(Runtime):
    """Nothing but a clock."""

    def compose(self) -> None:
        self.witness = Witness()
        self.timestamp = Timestamp(index=2, minimum_period=PERIOD, on_set=self.witness)


def clock(last: int = 0) -> ClockRuntime:
    runtime = ClockRuntime(Overlay(DictBackend()))
    if last:
        runtime.timestamp.now = last
    return runtime


def test_the_time_is_stored_and_handed_on() -> None:
    runtime = clock()
    runtime.timestamp.set(None, 1_000)
    assert runtime.timestamp.now == 1_000
    assert runtime.timestamp.did_update
    assert runtime.witness.told == [1_000]


def test_only_the_chain_itself_sets_the_time() -> None:
    runtime = clock()
    call = runtime.call("Timestamp", "set", now=1_000)
    for origin in (ROOT, signed(b"\1" * 32)):
        with pytest.raises(BadOrigin):
            runtime.dispatch(call, origin)
    runtime.dispatch(call, NONE)
    assert runtime.timestamp.now == 1_000


def test_the_time_is_set_once_a_block() -> None:
    runtime = clock()
    runtime.timestamp.set(None, 1_000)
    with pytest.raises(InvalidBlock, match="twice"):
        runtime.timestamp.set(None, 2_000)
    runtime.timestamp.on_finalize(1)
    runtime.timestamp.set(None, 2_000)
    assert runtime.timestamp.now == 2_000


@pytest.mark.parametrize("after", [PERIOD, PERIOD + 1, 10**9])
def test_time_moves_by_at_least_the_minimum_period(after: int) -> None:
    runtime = clock(last=1_000)
    runtime.timestamp.set(None, 1_000 + after)
    assert runtime.timestamp.now == 1_000 + after


def test_the_first_block_may_have_any_time() -> None:
    runtime = clock()
    runtime.timestamp.set(None, PERIOD - 1)
    assert runtime.timestamp.now == PERIOD - 1


@pytest.mark.parametrize("after", [PERIOD - 1, 0, -1])
def test_time_that_moves_less_is_refused(after: int) -> None:
    runtime = clock(last=1_000)
    with pytest.raises(InvalidBlock, match=f"{1_000 + after} is not 50 ms after the last, 1000"):
        runtime.timestamp.set(None, 1_000 + after)
    assert runtime.timestamp.now == 1_000


def test_a_block_without_a_time_is_refused_at_its_end() -> None:
    runtime = clock(last=1_000)
    with pytest.raises(InvalidBlock, match="the timestamp was not set"):
        runtime.timestamp.on_finalize(1)


def test_the_flag_leaves_no_trace_in_the_state() -> None:
    runtime = clock()
    runtime.timestamp.set(None, 1_000)
    runtime.timestamp.on_finalize(1)
    assert runtime.state.get(storage_prefix("Timestamp", "DidUpdate")) is None
    assert runtime.state.get(storage_prefix("Timestamp", "Now")) == (1_000).to_bytes(8, "little")


def test_westends_first_times_are_made_and_taken_byte_for_byte() -> None:
    file = vector("recorded/westend/westend_blocks_1_256.decoded.json.gz")
    times = [bytes.fromhex(block["extrinsics"][0][2:]) for block in json.loads(gzip.decompress(file.read_bytes()))]
    assert len(times) == 256
    runtime = clock()
    for number, recorded in enumerate(times, 1):
        call = runtime.decode_call(UncheckedExtrinsic.decode(recorded).call)
        data = {b"timstap0": codec_of(Moment).encode(call.arguments[0])}
        assert bare_extrinsic(runtime.encode_call(runtime.timestamp.create_inherent(data))) == recorded
        runtime.timestamp.check_inherent(call, data)
        runtime.dispatch(call, NONE)
        runtime.timestamp.on_finalize(number)
    assert runtime.witness.told[0] == 1_586_278_602_000
    assert len(runtime.witness.told) == 256


@pytest.mark.parametrize(
    ("data", "reason"),
    [({}, "has no time"), ({b"timstap0": b"\1"}, "not a u64"), ({b"timstap0": bytes(9)}, "not a u64")],
)
def test_inherent_data_without_a_time_is_refused(data: dict[bytes, bytes], reason: str) -> None:
    with pytest.raises(InvalidBlock, match=reason):
        clock().timestamp.create_inherent(data)


@pytest.mark.parametrize("ahead", [-(10**6), 0, 60_000])
def test_a_block_within_the_drift_passes_the_check(ahead: int) -> None:
    runtime = clock(last=10**6)
    data = {b"timstap0": codec_of(Moment).encode(10**7)}
    runtime.timestamp.check_inherent(runtime.call("Timestamp", "set", now=10**7 + ahead), data)


def test_a_block_too_far_ahead_of_the_clock_fails_the_check() -> None:
    runtime = clock()
    data = {b"timstap0": codec_of(Moment).encode(10**7)}
    with pytest.raises(InvalidBlock, match="over 60000 ms ahead of the clock"):
        runtime.timestamp.check_inherent(runtime.call("Timestamp", "set", now=10**7 + 60_001), data)


def test_a_block_too_early_fails_the_check() -> None:
    runtime = clock(last=10**7)
    data = {b"timstap0": codec_of(Moment).encode(10**7 + 1_000)}
    with pytest.raises(InvalidBlock, match="not 50 ms after the last"):
        runtime.timestamp.check_inherent(runtime.call("Timestamp", "set", now=10**7 + PERIOD - 1), data)


def test_the_dev_chain_keeps_the_time_of_its_slots() -> None:
    chain = DevChain()
    chain.author(slot=FIRST_SLOT + 7)
    assert chain.runtime().timestamp.now == (FIRST_SLOT + 7) * 100
    assert not chain.runtime().timestamp.did_update


def test_a_second_clock_checks_the_dev_chains_block() -> None:
    chain = DevChain()
    made = chain.make(slot=FIRST_SLOT)
    executive = Executive(chain.runtime())
    behind = {b"timstap0": codec_of(Moment).encode(FIRST_SLOT * 100 - 60_001)}
    with pytest.raises(InvalidBlock, match="ahead of the clock"):
        executive.check_inherents(made.extrinsics, behind)
    executive.check_inherents(made.extrinsics, {b"timstap0": codec_of(Moment).encode(FIRST_SLOT * 100 - 60_000)})
