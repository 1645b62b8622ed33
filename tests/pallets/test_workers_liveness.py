"""Challenges, heartbeats and silence, what an answer earns, and benchmark reports."""

from __future__ import annotations

from collections import Counter

import pytest

from pallets.attestation.pallet import Attestation
from pallets.frame.runtime import Call
from pallets.frame.testing import noop
from pallets.frame.validity import Custom
from pallets.primitives.worker import benchmark_bytes
from pallets.primitives.worker_record import WorkerState
from pallets.workers.liveness import REWARDS
from pallets.workers.pallet import HEARTBEAT_PRIORITY, Workers
from tests.pallets.bare_calls import refused
from tests.pallets.job_chain import ALICE, OPERATORS, SGX, STAKE, START, UNIT, JobChain, TestWorker
from tests.pallets.test_workers import CHALLENGE, INTERVAL, WINDOW, full_speed, listed

STEP = 50_000
"""Milliseconds between blocks: beyond any pause between challenges, below what counts as standing still."""
HOUR = 3_600_000


@pytest.fixture
def chain() -> JobChain:
    return JobChain()


def challenge(chain: JobChain, *workers: TestWorker) -> None:
    """Opens a block that challenges these, who have just been heard."""
    chain.next_block(CHALLENGE * 3 // 2)
    until = chain.rt.timestamp.now + WINDOW
    for worker in workers:
        assert (worker.record.challenged, worker.record.due) == (True, until)
        assert Workers.Challenged(worker.key, until) in chain.events(Workers.Challenged)


# Heartbeats


def test_heartbeat(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block(INTERVAL)
    call = worker.heartbeat()
    chain.send(call)
    record = worker.record
    assert (record.last_heartbeat, record.heartbeat_block) == (START + INTERVAL, 1)
    assert INTERVAL + CHALLENGE // 2 <= record.due - START < INTERVAL + CHALLENGE * 3 // 2
    listed(chain)
    refused(chain, call, Workers.StaleHeartbeat)


def test_pool_takes_one_heartbeat_a_worker_the_newest(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block(INTERVAL)
    chain.next_block()
    # Over the newest block, which only the block under construction knows as its parent.
    chain.next_block()
    older = chain.validate(worker.heartbeat())
    number = chain.rt.system.number
    newer = chain.validate(worker.heartbeat(number - 1, chain.head))
    assert older.provides == newer.provides == [b"fathom/heartbeat" + worker.key]
    assert older.priority + 1 == newer.priority == HEARTBEAT_PRIORITY + number - 1
    assert older.requires == [] and older.propagate and older.longevity == 64


def test_heartbeat_over_the_head_is_admitted_before_the_next_block(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block(INTERVAL)
    chain.head = chain.executive.finalize_block().hash
    number, head = chain.rt.system.number, chain.head
    call = worker.heartbeat(number, head)
    chain._open(chain.rt.timestamp.now + 100)
    chain.send(call)
    assert worker.record.heartbeat_block == number


def test_heartbeat_refusals(chain: JobChain) -> None:
    worker, stranger = chain.worker("w").register(), chain.worker("stranger")
    chain.next_block(INTERVAL)
    refused(chain, stranger.heartbeat(), Workers.UnknownWorker)
    forged = worker.heartbeat()
    forged.arguments = (*forged.arguments[:3], stranger.heartbeat().arguments[3])
    refused(chain, forged, None)
    refused(chain, worker.heartbeat(genesis=b"\x99" * 32), None)
    refused(chain, worker.heartbeat(number=7), Workers.UnknownBlock)
    refused(chain, worker.heartbeat(hash=b"\x99" * 32), Workers.UnknownBlock)
    refused(chain, worker.heartbeat(0, chain.genesis_hash), Workers.StaleHeartbeat)


def test_heartbeats_of_a_serving_worker_keep_their_distance(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block(INTERVAL - 100)
    with pytest.raises(Custom) as error:
        chain.send(worker.heartbeat())
    assert error.value.code == Workers.TooSoon.index
    chain.next_block()
    chain.send(worker.heartbeat())


def test_heartbeat_over_an_old_block(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block()
    number, block = 1, chain.head
    chain.next_block(STEP)
    chain.next_block(WINDOW - STEP)
    with noop(chain.rt, Workers.StaleHeartbeat):
        chain.rt.workers.heartbeat(None, *worker.heartbeat(number, block).arguments)


def test_the_parent_is_new_enough_however_long_ago(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.blocks(2)
    chain.next_block(100 * WINDOW)
    chain.send(worker.heartbeat())
    assert worker.record.state is WorkerState.Idle


def test_an_unattested_worker_doesnt_beat(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block(INTERVAL)
    chain.sudo("Attestation", "disallow_measurement", measurement=SGX.measurement)
    refused(chain, worker.heartbeat(), Attestation.MeasurementNotAllowed)
    chain.sudo("Attestation", "allow_measurement", measurement=SGX.measurement, name=b"n", version=b"1")
    chain.sudo("Attestation", "revoke", worker=worker.key)
    refused(chain, worker.heartbeat(), Attestation.KeyRevoked)


# Challenges and silence


def test_a_challenge_and_its_answer(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    due = worker.record.due
    assert chain.rt.workers.next_due() == due
    chain.next_block(due - START - 100)
    assert not worker.record.challenged
    chain.next_block()
    until = chain.rt.timestamp.now + WINDOW
    assert chain.events(Workers.Challenged) == [Workers.Challenged(worker.key, until)]
    assert chain.rt.workers.next_due() == worker.record.due == until
    assert listed(chain) == [worker.key]  # it is drawn until its time is up
    chain.send(worker.heartbeat())
    record = worker.record
    assert (record.challenged, record.last_heartbeat) == (False, chain.rt.timestamp.now)
    assert CHALLENGE // 2 <= record.due - chain.rt.timestamp.now < CHALLENGE * 3 // 2
    listed(chain)


def test_an_answer_is_never_too_soon(chain: JobChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain.rt.workers, "challenge_interval", 2)
    worker = chain.worker("w").register()
    chain.next_block()
    chain.send(worker.heartbeat())
    chain.next_block(INTERVAL - 200)  # challenged again
    chain.send(worker.heartbeat())


def test_silence(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    challenge(chain, worker)
    chain.next_block(STEP)
    chain.next_block(WINDOW - STEP - 100)
    assert listed(chain) == [worker.key]
    chain.next_block()
    assert (worker.record.state, worker.record.challenged) == (WorkerState.Unresponsive, False)
    assert chain.events(Workers.StateChanged) == [
        Workers.StateChanged(worker.key, WorkerState.Idle, WorkerState.Unresponsive)
    ]
    assert listed(chain) == []
    assert chain.rt.workers.next_due() is None
    chain.send(worker.heartbeat())
    assert listed(chain) == [worker.key]


def test_a_heartbeat_nobody_asked_for_puts_the_challenge_off(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    for _ in range(20):
        chain.next_block(CHALLENGE // 2 - 100)
        assert not chain.events(Workers.Challenged)
        chain.send(worker.heartbeat())


def test_what_fell_due_while_the_chain_stood_still_is_armed_again(chain: JobChain) -> None:
    challenged = [chain.worker(f"c{i}").register() for i in range(5)]
    challenge(chain, *challenged)
    idle = [chain.worker(f"i{i}").register() for i in range(5)]  # with the others, more than a block takes note of
    asked = Counter(worker.record.due for worker in challenged)
    chain.next_block(60_100 * 1000)
    end = chain.rt.timestamp.now
    assert chain.rt.workers.excused_until == end
    chain.next_block()
    assert not chain.events(Workers.Challenged)
    states = {worker.record.state for worker in challenged + idle}
    assert states == {WorkerState.Idle} and len(asked) == 1
    assert all(worker.record.challenged for worker in challenged)
    assert {worker.record.due for worker in challenged} <= {end + WINDOW, end + 100 + WINDOW}
    for worker in idle:
        assert not worker.record.challenged and end + CHALLENGE // 2 <= worker.record.due < end + 2 * CHALLENGE
    listed(chain)
    chain.next_block(STEP)
    chain.next_block(WINDOW - STEP)
    assert all(worker.record.state is WorkerState.Unresponsive for worker in challenged)
    assert all(worker.record.state is WorkerState.Idle for worker in idle)


def test_a_minute_is_no_gap(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block(60_000)
    chain.next_block(60_000)
    chain.next_block(WINDOW - 60_000)
    assert worker.record.state is WorkerState.Unresponsive


def test_a_block_challenges_and_finds_silent_a_bounded_number(chain: JobChain) -> None:
    workers = [chain.worker(f"{i}").register() for i in range(10)]
    chain.next_block(STEP)
    assert len(chain.events(Workers.Challenged)) == 8
    overdue = chain.rt.workers.next_due()
    assert overdue is not None and overdue < chain.rt.timestamp.now
    chain.next_block()
    assert len(chain.events(Workers.Challenged)) == 2
    chain.next_block(STEP)
    chain.next_block(WINDOW - STEP)
    assert len(chain.events(Workers.StateChanged)) == 8
    chain.next_block()
    assert all(worker.record.state is WorkerState.Unresponsive for worker in workers)


def test_a_worker_that_root_removed_stops_nothing(chain: JobChain) -> None:
    removed, other = chain.worker("r").register(), chain.worker("o", OPERATORS[1]).register()
    chain.sudo("System", "kill_storage", keys=[chain.rt.workers.worker.key(removed.key)])
    chain.next_block(STEP)
    (abandoned,) = chain.events(Workers.Abandoned)
    assert (abandoned.worker, type(abandoned.error)) == (removed.key, Workers.UnknownWorker)
    assert other.record.challenged
    assert chain.rt.workers.next_due() == other.record.due


def test_with_blocks_over_a_minute_apart_nothing_is_punished(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    for _ in range(5):
        chain.next_block(61_000)
    assert (worker.record.state, worker.record.missed) == (WorkerState.Idle, 0)


def test_an_unattested_worker_is_challenged_too(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.sudo("Attestation", "disallow_measurement", measurement=SGX.measurement)
    assert chain.rt.workers.draw(bytes(32), 0, operators=[ALICE], rather_not=[]).worker is None
    challenge(chain, worker)
    states = [worker.record.state]
    chain.next_block(STEP)
    chain.next_block(WINDOW - STEP)
    states.append(worker.record.state)
    assert states == [WorkerState.Registered, WorkerState.Unresponsive]
    listed(chain)


# Rewards


def test_an_answer_is_paid_by_weight_as_long_as_the_pot_has_it(chain: JobChain) -> None:
    best, half = chain.worker("best").register(4 * STAKE), chain.worker("half", OPERATORS[1]).register(4 * STAKE)
    full_speed(best)
    workers, balances = chain.rt.workers, chain.rt.balances
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=REWARDS, value=2 * UNIT)
    deposit = balances.free(REWARDS) - 2 * UNIT
    assert deposit == balances.existential_deposit
    for times in (1, 2):
        challenge(chain, best, half)
        for worker in (best, half):
            chain.send(worker.heartbeat())
        # The second time there is not enough left for the best.
        assert workers.owed[OPERATORS[0]] == UNIT
        assert workers.owed[OPERATORS[1]] == times * UNIT // 2
    assert balances.free(REWARDS) == deposit
    issuance, before = balances.total_issuance, balances.free(OPERATORS[0])
    chain.call(OPERATORS[0], "Workers", "claim_rewards", operator=OPERATORS[0])
    assert (balances.free(OPERATORS[0]), balances.total_issuance) == (before + UNIT, issuance)


def test_only_answers_are_paid(chain: JobChain) -> None:
    worker = chain.worker("w").register(4 * STAKE)
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=REWARDS, value=9 * UNIT)
    chain.next_block(INTERVAL)
    chain.send(worker.heartbeat())
    challenge(chain, worker)
    chain.next_block(STEP)
    chain.next_block(STEP)
    assert worker.record.state is WorkerState.Unresponsive
    chain.send(worker.heartbeat())
    assert chain.rt.workers.owed[OPERATORS[0]] == 0


# Benchmarks


def report(
    worker: TestWorker,
    work: int = 500_000,
    elapsed: int = 1_000,
    number: int | None = None,
    hash: bytes | None = None,
    genesis: bytes | None = None,
) -> Call:
    """A signed report, over the last block unless told otherwise."""
    chain = worker.chain
    number = chain.rt.system.number - 1 if number is None else number
    hash = chain.head if hash is None else hash
    signed = benchmark_bytes(genesis or chain.genesis_hash, worker.key, work, elapsed, number, hash)
    signature = worker.signer.sign(signed).signature
    given = {"worker": worker.key, "work": work, "elapsed": elapsed, "number": number, "hash": hash}
    return chain.rt.call("Workers", "report_benchmark", signature=signature, **given)


@pytest.mark.parametrize(
    ("work", "elapsed", "speed"),
    [
        (1_000_000, 1_000, 1_000),
        (700_000, 1_000, 700),
        (100_000, 1_000, 250),  # the reference machine runs a thousand units a millisecond
        (1 << 63, 1, 1_000),
        (0, 0, 250),
        (600, 0, 600),  # sealed at once, or timed by a coarse clock: no time counts as a millisecond
    ],
)
def test_speed_is_work_by_time_within_bounds(chain: JobChain, work: int, elapsed: int, speed: int) -> None:
    worker = chain.worker("w").register()
    assert worker.record.speed == 500
    chain.next_block()
    call = report(worker, work, elapsed)
    assert chain.validate(call).provides == [b"fathom/benchmark" + worker.key]
    chain.send(call)
    assert (worker.record.speed, worker.record.speed_at) == (speed, chain.rt.timestamp.now)
    assert chain.events(Workers.Benchmarked) == [Workers.Benchmarked(worker.key, speed)]
    listed(chain)


def test_speed_is_reported_once_an_attestation_and_once_an_hour(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block()
    chain.send(report(worker))
    refused(chain, report(worker), Workers.BenchmarkTooSoon)
    chain.next_block()
    chain.call(OPERATORS[0], "Workers", "reattest", info=worker.info, quote=worker.quote())
    refused(chain, report(worker), Workers.BenchmarkTooSoon)
    chain.next_block(HOUR)
    chain.send(report(worker, 900_000))
    assert worker.record.speed == 900
    chain.next_block(HOUR)
    chain.next_block()
    refused(chain, report(worker), Workers.BenchmarkTooSoon)


def test_report_refusals(chain: JobChain) -> None:
    worker, stranger = chain.worker("w").register(), chain.worker("stranger")
    chain.next_block()
    number, block = chain.rt.system.number - 1, chain.head
    refused(chain, report(stranger), Workers.UnknownWorker)
    forged = report(worker)
    forged.arguments = (forged.arguments[0], forged.arguments[1] + 1, *forged.arguments[2:])
    refused(chain, forged, None)
    refused(chain, report(worker, genesis=b"\x99" * 32), None)
    refused(chain, report(worker, number=7), Workers.UnknownBlock)
    refused(chain, report(worker, hash=b"\x99" * 32), Workers.UnknownBlock)
    chain.sudo("Attestation", "disallow_measurement", measurement=SGX.measurement)
    refused(chain, report(worker), Attestation.MeasurementNotAllowed)
    chain.next_block(WINDOW)
    refused(chain, report(worker, number=number, hash=block), Workers.StaleBenchmark)
    chain.call(OPERATORS[0], "Workers", "exit", worker=worker.key)
    refused(chain, report(worker), Workers.NotServing)
