"""Workers: registration, heartbeats, silence, leaving, and the draw."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pallets.attestation.pallet import Attestation
from pallets.frame.events import Error, Token
from pallets.frame.testing import noop
from pallets.primitives.hashing import blake2_256
from pallets.primitives.worker import WorkerInfo
from pallets.primitives.worker_record import EVERYONE, FULL_SPEED, LEAST_SPEED, Worker, WorkerState, heaviest
from pallets.workers.pallet import Workers
from tests.pallets.bare_calls import refused
from tests.pallets.job_chain import ALICE, OPERATORS, RUNTIME_ID, SGX, STAKE, START, TDX, UNIT, JobChain, TestWorker

WINDOW, INTERVAL, CHALLENGE, COOL_DOWN = 65_000, 5_000, 20_000, 3_600_000


@pytest.fixture
def chain() -> JobChain:
    return JobChain()


def listed(chain: JobChain, class_id: int = EVERYONE) -> list[bytes]:
    """The eligible workers of a class; fails where any list contradicts itself, the records or the classes."""
    workers = chain.rt.workers
    records = dict(workers.worker.items())
    places = dict(workers.place.items())
    lists = {id for id, _ in places}
    assert dict(workers.eligible_count.items()).keys() == dict(workers.eligible_operators.items()).keys() == lists
    for id in lists:
        keys = [workers.eligible[id, i] for i in range(workers.eligible_count[id])]
        assert {key: i for i, key in enumerate(keys)} == {key: at for (of, key), at in places.items() if of == id}
        operators = Counter(records[key].info.operator for key in keys)
        assert operators == {who: count for (of, who), count in workers.eligible_of.items() if of == id}
        assert workers.eligible_operators[id] == len(operators)
    fit = {
        key
        for key, record in records.items()
        if record.state in (WorkerState.Idle, WorkerState.Working) and record.load < workers.max_load
    }
    assert places.keys() == {(id, key) for key in fit for id in records[key].classes}
    assert {key for key in fit if EVERYONE in records[key].classes} == fit
    watched = {
        key: record.due for key, record in records.items() if record.state.value < WorkerState.Unresponsive.value
    }
    assert sorted((due, key) for key, due in watched.items()) == list(workers.silence)
    assert len(workers.silence) == len(watched)
    return [workers.eligible[class_id, i] for i in range(workers.eligible_count[class_id])]


# Registration


def test_register(chain: JobChain) -> None:
    worker = chain.worker("w", measurements=TDX).register(STAKE + 5)
    assert worker.record == Worker(
        info=worker.info,
        stake=STAKE + 5,
        state=WorkerState.Idle,
        confidence=1,
        simulated=True,
        registered_at=START,
        last_heartbeat=START,
        heartbeat_block=0,
        due=worker.record.due,
        classes=[EVERYONE],
    )
    assert CHALLENGE // 2 <= worker.record.due - START < CHALLENGE * 3 // 2
    assert chain.rt.balances.held(Workers.HoldReason.Stake, OPERATORS[0]) == STAKE + 5
    assert chain.events(Workers.Registered) == [Workers.Registered(worker.key, OPERATORS[0], 1, True)]
    assert chain.events(Workers.StateChanged) == [
        Workers.StateChanged(worker.key, WorkerState.Registered, WorkerState.Idle)
    ]
    assert listed(chain) == [worker.key]


def test_register_refusals(chain: JobChain) -> None:
    worker = chain.worker("w")
    arguments: dict[str, Any] = {"info": worker.info, "quote": worker.quote(), "stake": STAKE}
    with noop(chain.rt, Workers.StakeTooLow):
        chain.call(OPERATORS[0], "Workers", "register", **(arguments | {"stake": STAKE - 1}))
    with noop(chain.rt, Workers.NotOperator):
        chain.call(OPERATORS[1], "Workers", "register", **arguments)
    with noop(chain.rt, Attestation.InfoNotBound):
        chain.call(ALICE, "Workers", "register", **(arguments | {"info": replace(worker.info, operator=ALICE)}))
    for stake in (10_001 * UNIT, 10_000 * UNIT):  # the operator's account must live on, whoever else provides for it
        operator = chain.rt.system.account[OPERATORS[0]]
        chain.rt.system.inc_providers(OPERATORS[0], operator)
        chain.rt.system.account[OPERATORS[0]] = operator
        with noop(chain.rt, Token("FundsUnavailable")):
            chain.call(OPERATORS[0], "Workers", "register", **(arguments | {"stake": stake}))
    worker.register()
    chain.next_block()
    with noop(chain.rt, Workers.AlreadyRegistered):
        worker.register()


def test_reattest(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    with noop(chain.rt, Workers.UnknownWorker):
        stranger = chain.worker("s")
        chain.call(OPERATORS[0], "Workers", "reattest", info=stranger.info, quote=stranger.quote())
    chain.next_block(7_000)
    info = replace(worker.info, endpoint=b"elsewhere:1")
    quote = worker.quote(info=info)
    with noop(chain.rt, Workers.NotOperator):
        chain.call(OPERATORS[1], "Workers", "reattest", info=info, quote=quote)
    taken = replace(worker.info, operator=OPERATORS[1])
    for who in OPERATORS[:2]:
        with noop(chain.rt, Workers.NotOperator):
            chain.call(who, "Workers", "reattest", info=taken, quote=worker.quote(info=taken))
    chain.call(OPERATORS[0], "Workers", "reattest", info=info, quote=quote)
    assert worker.record.info.endpoint == b"elsewhere:1"
    assert (worker.record.last_heartbeat, worker.record.heartbeat_block) == (START + 7_000, 1)
    listed(chain)


def test_bond_more(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    with noop(chain.rt, Workers.NotOperator):
        chain.call(OPERATORS[1], "Workers", "bond_more", worker=worker.key, amount=1)
    operator = chain.rt.system.account[OPERATORS[0]]
    chain.rt.system.inc_providers(OPERATORS[0], operator)
    chain.rt.system.account[OPERATORS[0]] = operator
    with noop(chain.rt, Token("FundsUnavailable")):
        chain.call(OPERATORS[0], "Workers", "bond_more", worker=worker.key, amount=10_000 * UNIT - STAKE)
    chain.call(OPERATORS[0], "Workers", "bond_more", worker=worker.key, amount=7)
    assert worker.record.stake == chain.rt.balances.held(Workers.HoldReason.Stake, OPERATORS[0]) == STAKE + 7


# Leaving


def test_exit_and_withdraw(chain: JobChain) -> None:
    worker, operator = chain.worker("w").register(), OPERATORS[0]
    for name in ("exit", "withdraw"):
        with noop(chain.rt, Workers.NotOperator):
            chain.call(OPERATORS[1], "Workers", name, worker=worker.key)
    with noop(chain.rt, Workers.NotLeaving):
        chain.call(operator, "Workers", "withdraw", worker=worker.key)
    chain.call(operator, "Workers", "exit", worker=worker.key)
    assert chain.events(Workers.StateChanged)[-1].new is WorkerState.CoolingDown
    assert listed(chain) == [] and chain.rt.workers.next_due() is None
    chain.next_block(COOL_DOWN - 100)
    with noop(chain.rt, Workers.StillCoolingDown):
        chain.call(operator, "Workers", "withdraw", worker=worker.key)
    with noop(chain.rt, Workers.NotServing):
        chain.call(operator, "Workers", "exit", worker=worker.key)
    with noop(chain.rt, Workers.NotServing):
        chain.call(operator, "Workers", "bond_more", worker=worker.key, amount=1)
    with noop(chain.rt, Workers.NotServing):
        chain.call(operator, "Workers", "reattest", info=worker.info, quote=worker.quote())
    refused(chain, worker.heartbeat(), Workers.NotServing)
    with noop(chain.rt, Workers.AlreadyRegistered):
        worker.register()
    chain.next_block()
    chain.call(operator, "Workers", "withdraw", worker=worker.key)
    assert worker.record.state is WorkerState.Left
    assert chain.rt.balances.held(Workers.HoldReason.Stake, operator) == worker.record.stake == 0
    with noop(chain.rt, Workers.NotLeaving):
        chain.call(operator, "Workers", "withdraw", worker=worker.key)


def test_coming_back_keeps_the_record(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    for kept in (True, True, False):
        chain.rt.workers.assign(worker.key)
        chain.rt.workers.finish(worker.key, kept=kept)
    record = worker.record
    record.slashed, record.speed, record.speed_at = 3, 700, START
    chain.rt.workers.worker[worker.key] = record
    chain.call(OPERATORS[0], "Workers", "exit", worker=worker.key)
    cooling = worker.record
    chain.next_block()
    for name in ("register", "reattest"):  # neither by a fresh quote, nor with more stake
        stake = {"stake": 4 * STAKE} if name == "register" else {}
        refusal = Workers.AlreadyRegistered if name == "register" else Workers.NotServing
        with noop(chain.rt, refusal):
            chain.call(OPERATORS[0], "Workers", name, info=worker.info, quote=worker.quote(), **stake)
    refused(chain, worker.heartbeat(), Workers.NotServing)
    assert worker.record == cooling
    chain.next_block(COOL_DOWN - 300)
    with noop(chain.rt, Workers.StillCoolingDown):
        chain.call(OPERATORS[0], "Workers", "withdraw", worker=worker.key)
    chain.next_block()
    chain.call(OPERATORS[0], "Workers", "withdraw", worker=worker.key)
    chain.next_block()
    worker.register(2 * STAKE)
    now = worker.record
    assert (now.kept, now.missed, now.slashed, now.speed, now.stake) == (2, 1, 3, 700, 2 * STAKE)
    assert (now.registered_at, now.speed_at, now.state) == (START, START, WorkerState.Idle)
    assert listed(chain) == [worker.key]


def test_a_job_in_hand_holds_the_stake(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.rt.workers.assign(worker.key)
    chain.call(OPERATORS[0], "Workers", "exit", worker=worker.key)
    chain.next_block(COOL_DOWN)
    with noop(chain.rt, Workers.StillCoolingDown):
        chain.call(OPERATORS[0], "Workers", "withdraw", worker=worker.key)
    chain.rt.workers.finish(worker.key, kept=True)
    assert worker.record.state is WorkerState.CoolingDown
    chain.call(OPERATORS[0], "Workers", "withdraw", worker=worker.key)


# The draw


def seeds(count: int) -> list[bytes]:
    return [blake2_256(i.to_bytes(4, "little")) for i in range(count)]


def full_speed(*workers: TestWorker) -> None:
    """Puts on record that these are as fast as any can be."""
    for worker in workers:
        record = worker.record
        record.speed = FULL_SPEED
        worker.chain.rt.workers.worker[worker.key] = record


def draws(chain: JobChain, count: int, **rules: Any) -> Counter[bytes | None]:
    rules = dict[str, Any](class_id=EVERYONE, operators=[ALICE], rather_not=[]) | rules
    return Counter(chain.rt.workers.draw(seed, **rules).worker for seed in seeds(count))


def test_load_and_state_follow_the_jobs(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    workers = chain.rt.workers
    workers.assign(worker.key)
    assert (worker.record.state, listed(chain)) == (WorkerState.Working, [worker.key])
    workers.assign(worker.key)
    assert (worker.record.load, listed(chain)) == (2, [])
    workers.finish(worker.key, kept=True)
    assert (worker.record.state, listed(chain)) == (WorkerState.Working, [worker.key])
    workers.finish(worker.key, kept=False)
    assert (worker.record.state, worker.record.kept, worker.record.missed) == (WorkerState.Idle, 1, 1)
    assert workers.arrivals == 2  # registered, and below its limit again


def test_draw_grows_with_stake_up_to_the_cap(chain: JobChain) -> None:
    small = chain.worker("small").register()
    double = chain.worker("double").register(2 * STAKE)
    capped, huge = chain.worker("capped").register(4 * STAKE), chain.worker("huge").register(40 * STAKE)
    found = draws(chain, 1100)
    expected = {small.key: 100, double.key: 200, capped.key: 400, huge.key: 400}
    assert found.keys() == expected.keys()
    for key, mean in expected.items():
        assert abs(found[key] - mean) < 5 * mean**0.5


def test_draw_follows_score_and_confidence(chain: JobChain) -> None:
    good, bad = chain.worker("good").register(), chain.worker("bad").register()
    record = bad.record
    record.missed, record.confidence = 8, 5  # half the score, 0.7 of the confidence
    chain.rt.workers.worker[bad.key] = record
    found = draws(chain, 1350)
    for key, mean in {good.key: 1000, bad.key: 350}.items():
        assert abs(found[key] - mean) < 5 * mean**0.5


def test_draw_never_takes_the_operators_own(chain: JobChain) -> None:
    mine, other = chain.worker("mine").register(), chain.worker("other", OPERATORS[1]).register()
    assert draws(chain, 50, operators=OPERATORS[:1]).keys() == {other.key}
    assert chain.rt.workers.operators_besides(OPERATORS[0], EVERYONE) == 1
    assert chain.rt.workers.operators_besides(ALICE, EVERYONE) == 2
    chain.call(OPERATORS[1], "Workers", "exit", worker=other.key)
    assert draws(chain, 5, operators=OPERATORS[:1]) == {None: 5}
    assert draws(chain, 5) == {mine.key: 5}


def test_draw_prefers_others_to_those_that_failed(chain: JobChain) -> None:
    failed, fresh = chain.worker("failed").register(40 * STAKE), chain.worker("fresh").register()
    full_speed(failed, fresh)
    assert draws(chain, 200, rather_not=[failed.key])[fresh.key] > 190
    chain.call(OPERATORS[0], "Workers", "exit", worker=fresh.key)
    assert draws(chain, 20, rather_not=[failed.key]) == {failed.key: 20}


def test_draw_drops_the_unattested_on_the_way(chain: JobChain) -> None:
    revoked, fine = chain.worker("revoked").register(40 * STAKE), chain.worker("fine", measurements=TDX).register()
    chain.sudo("Attestation", "revoke", worker=revoked.key)
    assert draws(chain, 20) == {fine.key: 20}
    assert revoked.record.state is WorkerState.Registered
    assert listed(chain) == [fine.key]
    chain.sudo("Attestation", "disallow_measurement", measurement=TDX.measurement)
    assert draws(chain, 2) == {None: 2}
    assert listed(chain) == []


def test_draw_drops_workers_of_a_disallowed_runtime(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.sudo("Attestation", "disallow_runtime", runtime_id=RUNTIME_ID)
    assert draws(chain, 2) == {None: 2}
    assert (worker.record.state, listed(chain)) == (WorkerState.Registered, [])


def test_draw_counts_its_tries(chain: JobChain) -> None:
    worker = chain.worker("w").register(4 * STAKE)
    full_speed(worker)
    assert chain.rt.workers.draw(bytes(32), EVERYONE, operators=[ALICE], rather_not=[]) == (worker.key, 1)
    assert chain.rt.workers.draw(bytes(32), EVERYONE, operators=[ALICE], rather_not=[worker.key]) == (worker.key, 33)
    assert chain.rt.workers.draw(bytes(32), EVERYONE, operators=OPERATORS[:1], rather_not=[]) == (None, 64)
    chain.sudo("Attestation", "revoke", worker=worker.key)
    assert chain.rt.workers.draw(bytes(32), EVERYONE, operators=[ALICE], rather_not=[]) == (None, 1)


def test_a_heartbeat_brings_a_lapsed_worker_back(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.sudo("Attestation", "disallow_measurement", measurement=SGX.measurement)
    assert draws(chain, 1) == {None: 1}
    chain.next_block()
    chain.sudo("Attestation", "allow_measurement", measurement=SGX.measurement, name=b"n", version=b"1")
    chain.send(worker.heartbeat())  # no matter how soon after the last
    assert (worker.record.state, listed(chain)) == (WorkerState.Idle, [worker.key])


def test_draw_takes_at_most_64_tries(chain: JobChain, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        chain.worker(f"{i}").register()
    asked, fault = list[bytes](), chain.rt.attestation.fault

    def counting(worker: bytes) -> type[Error] | None:
        asked.append(worker)
        return fault(worker)

    monkeypatch.setattr(chain.rt.attestation, "fault", counting)
    assert draws(chain, 1, operators=OPERATORS[:1]) == {None: 1}
    assert len(asked) == 64


INFO = WorkerInfo(1, bytes(32), bytes(32), OPERATORS[0], bytes(32), bytes(32))
BEGINNER = Worker(INFO, 1, WorkerState.Idle, 1, True, 0, 0, 0, 0)


@given(
    stake=st.integers(1, 10**24),
    kept=st.integers(0, 10**6),
    missed=st.integers(0, 10**6),
    confidence=st.integers(1, 5),
    slashed=st.integers(0, 100),
    speed=st.integers(LEAST_SPEED, FULL_SPEED),
)
def test_weight_lies_within_its_bounds(
    stake: int, kept: int, missed: int, slashed: int, confidence: int, speed: int
) -> None:
    record = replace(BEGINNER, kept=kept, missed=missed, slashed=slashed, confidence=confidence, speed=speed)
    assert 0 < record.weight(stake) <= heaviest(stake)
    assert 125 <= record.score <= 1000
    assert replace(record, slashed=slashed + 1).score <= record.score
    assert replace(record, missed=missed + 1).score <= record.score <= replace(record, kept=kept + 1).score


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["exit", "load", "free", "lapse"]), st.integers(0, 4)), max_size=25))
def test_list_of_the_eligible_stays_right(steps: list[tuple[str, int]]) -> None:
    chain = JobChain()
    team: list[TestWorker] = [chain.worker(f"{i}", OPERATORS[i % 3]).register() for i in range(5)]
    for step, i in steps:
        worker, workers = team[i], chain.rt.workers
        record = worker.record
        if step == "exit" and record.state is not WorkerState.CoolingDown:
            chain.call(worker.info.operator, "Workers", "exit", worker=worker.key)
        elif step == "load" and (EVERYONE, worker.key) in workers.place:
            workers.assign(worker.key)
        elif step == "free" and record.load:
            workers.finish(worker.key, kept=True)
        elif step == "lapse" and (EVERYONE, worker.key) in workers.place:
            chain.sudo("Attestation", "revoke", worker=worker.key)
            draws(chain, 3)
        listed(chain)


def test_constants_that_make_no_sense_are_refused(chain: JobChain) -> None:
    workers = chain.rt.workers
    for name, value in (
        ("min_stake", 0),
        ("max_counted_stake", STAKE - 1),
        ("max_load", 0),
        ("max_due", 0),
        ("heartbeat_window", 60_000),
        ("heartbeat_interval", WINDOW),
    ):
        kept = getattr(workers, name)
        setattr(workers, name, value)
        with pytest.raises(ValueError):
            workers.integrity_test()
        setattr(workers, name, kept)
    workers.integrity_test()
