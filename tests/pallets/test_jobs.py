"""Jobs, from submission to settlement or expiry; every refusal by its own error, in the pool and in a block."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pallets.agents.pallet import Agents
from pallets.attestation.pallet import Attestation
from pallets.frame.events import Token
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.testing import noop
from pallets.frame.validity import Custom
from pallets.frame.weights import Weight
from pallets.jobs.end import POT
from pallets.jobs.pallet import Jobs
from pallets.jobs.queue import draw_all
from pallets.jobs.weights import DRAW_WEIGHT, TRY_WEIGHT
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256, storage_prefix
from pallets.primitives.job import HashOutput, InlineInput, Mode, SealedInput
from pallets.primitives.job_record import ExpiryReason, JobState, Shares
from pallets.primitives.pots import treasury
from pallets.primitives.types import U8, U32, U64, Bytes32
from pallets.runtime import DevRuntime
from pallets.workers.draw import MAX_TRIES, Draw
from pallets.workers.pallet import HEARTBEAT_PRIORITY, JOB_PRIORITY, Workers
from tests.pallets.bare_calls import refused
from tests.pallets.job_chain import (
    ALICE,
    BOB,
    CAROL,
    CHAIN_TREASURY,
    CODE,
    DEPOSIT,
    OPERATORS,
    POLICY,
    RUNTIME_ID,
    STAKE,
    START,
    TDX,
    UNIT,
    JobChain,
    TestWorker,
)
from tests.pallets.turn_chain import takes_transactions

THIRD = 20_000
"""Milliseconds of an attempt at a job of a minute, the default here."""
HOUR = 3_600_000


def unlucky(*_: Any, **__: Any) -> Draw:
    """A draw that takes nobody, in place of `Workers.draw`."""
    return Draw(None, MAX_TRIES)


@pytest.fixture
def chain() -> JobChain:
    """A chain with an agent, and no workers."""
    chain = JobChain()
    chain.agent()
    return chain


@pytest.fixture
def team(chain: JobChain) -> dict[bytes, TestWorker]:
    """Three workers of two operators."""
    workers = [chain.worker("a"), chain.worker("b", OPERATORS[1], TDX), chain.worker("c", OPERATORS[1])]
    return {worker.key: worker.register() for worker in workers}


def assigned(chain: JobChain, team: dict[bytes, TestWorker], **terms: Any) -> tuple[int, TestWorker]:
    """A job that was just given to a worker."""
    job = chain.submit(**terms)
    chain.blocks(2)
    return job, team[chain.job(job).workers[0]]


def held(chain: JobChain, who: bytes = ALICE) -> int:
    return chain.rt.balances.held(Jobs.HoldReason.Fee, who)


# Submission


def test_submit(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job = chain.submit(input=b"hello", max_fee=10**9, deadline=60_000)
    record = chain.job(job)
    assert chain.rt.events[-1] == Jobs.Submitted(job, 0, ALICE)
    assert (job, chain.rt.jobs.next_job) == (0, 1)
    assert (record.agent, record.submitter) == (0, ALICE)
    assert (record.code, record.input) == (blake2_256(CODE), blake2_256(b"hello"))
    assert (record.state, record.attempt, record.workers) == (JobState.Queued, 1, [])
    assert (record.price, record.gas_limit, record.shares) == (3, 10**9 // 3, POLICY.shares)
    assert (record.submitted_at, record.deadline, record.due, record.ends) == (
        START,
        60_000,
        START + 60_000,
        START + 60_000,
    )
    assert chain.rt.jobs.input.get(job) == InlineInput(b"hello")
    assert held(chain) == 10**9
    chain.submit(max_fee=7 * 10**8)
    assert held(chain) == 17 * 10**8


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        ({"input": SealedInput(bytes(32), [b"box"] * 5)}, Jobs.TooManyBoxes),
        ({"replicas": 0}, Jobs.BadReplicas),
        ({"replicas": 2}, Jobs.BadReplicas),
        ({"replicas": 11}, Jobs.BadReplicas),
        ({"callback": b""}, Jobs.BadCallback),
        ({"deadline": 44_999}, Jobs.DeadlineTooShort),
        ({"deadline": 900_001}, Jobs.DeadlineTooLong),
        ({"max_fee": 2}, Jobs.FeeTooLow),
        ({"agent": 9}, Agents.UnknownAgent),
        ({"max_fee": 10_001 * UNIT}, Token("FundsUnavailable")),
    ],
)
def test_submit_refusals(chain: JobChain, terms: dict[str, Any], error: Any) -> None:
    arguments = {
        "agent": 0,
        "input": InlineInput(b""),
        "mode": Mode.Deterministic,
        "replicas": 1,
        "max_fee": UNIT,
        "deadline": 45_000,
        "callback": None,
    }
    with noop(chain.rt, error):
        chain.call(ALICE, "Jobs", "submit", **(arguments | terms))


def test_paused_agent_and_unapproved_code(chain: JobChain) -> None:
    chain.call(CAROL, "Agents", "pause", agent=0)
    with noop(chain.rt, Agents.AgentPaused):
        chain.submit()
    chain.call(CAROL, "Agents", "create", name=b"empty", kind=chain.rt.agents.agent[0].kind, policy=POLICY)
    with noop(chain.rt, Agents.NoApprovedCode):
        chain.submit(agent=1)


@pytest.mark.parametrize(
    ("price", "agents_gas", "max_fee", "limit"),
    [
        (3, 10**9, 3, 1),
        (3, 10**9, 8, 2),
        (3, 10**9, UNIT, 10**9),
        (0, 10**9, 5, 5),
        (0, 10**10, UNIT, 10**10),
        (10**30, 10**9, UNIT, None),
    ],
)
def test_gas_limit(chain: JobChain, price: int, agents_gas: int, max_fee: int, limit: int | None) -> None:
    policy = replace(POLICY, price=price, max_gas=agents_gas)
    chain.call(CAROL, "Agents", "set_policy", agent=0, policy=policy)
    if limit is None:
        with noop(chain.rt, Jobs.FeeTooLow):
            chain.submit(max_fee=max_fee)
    else:
        assert chain.job(chain.submit(max_fee=max_fee)).gas_limit == limit


def test_terms_are_those_of_submission(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    chain.call(CAROL, "Agents", "upload_code", code=b"other")
    chain.call(CAROL, "Agents", "approve_code", agent=0, hash=blake2_256(b"other"))
    policy = replace(POLICY, price=50, shares=Shares(0, 0, 0, 1_000_000))
    chain.call(CAROL, "Agents", "set_policy", agent=0, policy=policy)
    chain.call(CAROL, "Agents", "pause", agent=0)
    chain.send(worker.commit(job, gas=1000))
    outcome = chain.job(job).outcome
    assert outcome and outcome.fee == 3000
    assert chain.rt.jobs.claimable[worker.info.operator] == 2100
    refused(chain, worker.commit(job, signing={"code": blake2_256(b"other")}), None)


# The draw


def test_drawn_two_blocks_after_inclusion(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job = chain.submit()
    assert chain.rt.jobs.next_due() == START  # at once: the next block is due
    chain.next_block()
    assert chain.job(job).state is JobState.Queued and chain.rt.jobs.next_due() == START + 100
    chain.next_block()
    record = chain.job(job)
    assert record.state is JobState.Assigned and len(record.workers) == 1
    assert chain.events(Jobs.Assigned) == [Jobs.Assigned(job, 1, record.workers)]
    assert (record.due, record.ends) == (START + 200 + THIRD, START + 60_000)
    assert chain.rt.jobs.next_due() == min(record.due, chain.rt.workers.next_due() or 0)
    (assignment,) = chain.rt.jobs.assignments[record.workers[0]]
    assert (assignment.job, assignment.attempt) == (job, 1)
    inherents = [event for event in chain.rt.events if type(event).__name__ == "ExtrinsicSuccess"]
    assert chain.rt.events.index(chain.events(Jobs.Assigned)[0]) < chain.rt.events.index(
        inherents[1]
    )  # inside the second


def test_seed_is_of_mix_job_attempt_and_round(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    jobs = [chain.submit() for _ in range(4)]
    chain.next_block()
    workers, drawn = chain.rt.workers, list[bytes]()
    real = type(workers).draw

    def noting(self: Workers, seed: bytes, class_id: int, **rules: Any) -> Draw:
        drawn.append(seed)
        return real(self, seed, class_id, **rules)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workers, "draw", noting)
        chain.next_block()
    mix = chain.rt.randomness.mix
    encode = codec_of(tuple[Bytes32, U64, U32, U32]).encode
    assert drawn == [blake2_256(encode((mix, job, 1, 0))) for job in jobs]


def test_own_workers_never_get_a_job(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    jobs = [chain.submit(OPERATORS[1]) for _ in range(2)]
    chain.blocks(8)  # most tries hit their own
    mine = {worker.key for worker in team.values() if worker.info.operator == OPERATORS[1]}
    assert all(not mine & set(chain.job(job).workers) and chain.job(job).workers for job in jobs)


def test_draws_spread_by_chance(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    found = Counter[bytes]()
    for _ in range(40):
        job, worker = assigned(chain, team)
        chain.send(worker.commit(job))
        found[worker.key] += 1
    assert found.keys() == team.keys() and min(found.values()) >= 3


def test_marks(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, _ = assigned(chain, team)
    assert (chain.job(job).narrow, chain.job(job).predictable) == (True, True)
    three = JobChain(authorities=3)
    three.agent()
    for i in range(16):
        operator = bytes((i + 1,)) * 32
        three.call(ALICE, "Balances", "transfer_allow_death", dest=operator, value=200 * UNIT)
        three.worker(f"{i}", operator).register()
    job = three.submit()
    three.blocks(2)
    assert (three.job(job).narrow, three.job(job).predictable) == (False, False)


def test_few_operators_are_refused_where_nobody_allows_them() -> None:
    chain = JobChain(narrow=False)
    chain.agent()
    chain.agent(b"narrow", replace(POLICY, narrow=True))
    for i in range(15):
        operator = bytes((i + 1,)) * 32
        chain.call(ALICE, "Balances", "transfer_allow_death", dest=operator, value=200 * UNIT)
        chain.worker(f"{i}", operator).register()
    with noop(chain.rt, Jobs.TooFewOperators):
        chain.submit()
    allowed = chain.submit(agent=1)
    last = chain.worker("last").register()
    wide = chain.submit()
    with noop(chain.rt, Jobs.TooFewOperators):
        chain.submit(OPERATORS[0])  # its own worker doesn't count
    chain.call(OPERATORS[0], "Workers", "exit", worker=last.key)
    chain.blocks(2)
    assert chain.job(allowed).narrow and chain.job(allowed).state is JobState.Assigned
    assert chain.job(wide).state is JobState.Queued  # there were enough when it was submitted: it waits for more
    chain.blocks(2)
    chain.worker("another").register()
    chain.next_block()
    assert chain.job(wide).state is JobState.Assigned and not chain.job(wide).narrow


def test_without_a_worker_a_job_waits_at_no_cost(chain: JobChain) -> None:
    job = chain.submit()
    assert chain.rt.jobs.next_due() == chain.job(job).ends
    chain.next_block()
    chain.next_block(30_000)
    assert chain.rt.jobs.next_due() == chain.job(job).ends
    chain.worker("w").register()
    assert chain.rt.jobs.next_due() == chain.rt.timestamp.now
    chain.next_block()
    assert chain.job(job).state is JobState.Assigned


def test_with_only_the_submitters_own_workers_a_job_waits_at_no_cost(chain: JobChain) -> None:
    mine = chain.worker("mine").register()
    job = chain.submit(OPERATORS[0])
    chain.blocks(2)
    assert chain.rt.jobs.next_due() == min(chain.job(job).ends, mine.record.due)
    assert draw_all(chain.rt.jobs, bytes(32)) == (0, 0)  # it isn't even looked at
    too = chain.worker("mine too").register()
    assert chain.rt.jobs.next_due() == chain.rt.timestamp.now  # it is looked at again
    chain.next_block()
    assert chain.rt.jobs.next_due() == min(chain.job(job).ends, mine.record.due, too.record.due)
    assert chain.job(job).state is JobState.Queued
    other = chain.worker("other", OPERATORS[1]).register()
    chain.next_block()
    assert chain.job(job).workers == [other.key]


def test_full_workers_get_no_more(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    jobs = [chain.submit() for _ in range(3)]
    chain.blocks(2)
    assert [chain.job(job).state for job in jobs] == [JobState.Assigned, JobState.Assigned, JobState.Queued]
    assert [a.job for a in chain.rt.jobs.assignments[worker.key]] == jobs[:2]
    chain.send(worker.commit(jobs[0]))
    chain.next_block()
    assert chain.job(jobs[2]).workers == [worker.key]
    assert [a.job for a in chain.rt.jobs.assignments[worker.key]] == jobs[1:]


def test_unlucky_draw_has_a_fresh_seed_in_the_next_block(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    job = chain.submit()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workers, "draw", unlucky)
        chain.blocks(2)
    assert chain.job(job).state is JobState.Queued and chain.rt.jobs.next_due() == chain.rt.timestamp.now + 100
    chain.next_block()
    assert chain.job(job).workers == [worker.key]


def test_unlucky_draws_back_off(chain: JobChain, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = chain.worker("w").register()
    job = chain.submit(deadline=60_000)
    chain.next_block()
    with monkeypatch.context() as patch:
        patch.setattr(Workers, "draw", unlucky)
        chain.next_block()
        for slots in (1, 2, 4, 8, 16, 32, 64, 64):
            due = chain.rt.timestamp.now + slots * 100
            assert list(chain.rt.jobs.retries) == [(due, job)] and list(chain.rt.jobs.draws) == []
            assert chain.rt.jobs.next_due() == due  # no block before it has anything to do
            if slots > 1:
                chain.next_block(due - chain.rt.timestamp.now - 100)
                assert list(chain.rt.jobs.retries) == [(due, job)]
            chain.next_block()
    chain.next_block(6_300)
    assert chain.job(job).state is JobState.Queued
    chain.next_block()
    assert chain.job(job).workers == [worker.key] and list(chain.rt.jobs.retries) == []


def test_another_attempt_begins_without_back_off(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workers, "draw", unlucky)
        job = chain.submit()
        for _ in range(8):
            chain.next_block()
    chain.next_block(3_200)
    assert chain.job(job).state is JobState.Assigned
    chain.next_block(THIRD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workers, "draw", unlucky)
        chain.blocks(2)
    assert [when for when, _ in chain.rt.jobs.retries] == [chain.rt.timestamp.now + 100]


def test_a_block_tries_a_bounded_number_of_workers(chain: JobChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pallets.jobs.queue.TRIES_A_BLOCK", 6 * MAX_TRIES)
    chain.worker("w").register()
    chain.rt.jobs.max_due = 256
    tried = list[int]()

    def counting(*_: Any, **__: Any) -> Draw:
        tried[-1] += MAX_TRIES
        return Draw(None, MAX_TRIES)

    monkeypatch.setattr(Workers, "draw", counting)
    jobs = [chain.submit(max_fee=10**9) for _ in range(20)]
    chain.next_block()
    for _ in range(8):
        tried.append(0)
        chain.next_block()
        assert chain.rt.system.block_weight.mandatory.ref_time >= tried[-1] * TRY_WEIGHT.ref_time
    assert tried[0] == max(tried) == 6 * MAX_TRIES and min(tried) >= 3 * MAX_TRIES
    assert not list(chain.rt.jobs.draws)  # the new ones got their turn, for all the old ones' bad luck
    assert {id for _, id in chain.rt.jobs.retries} == set(jobs)


def test_what_a_draw_costs_is_counted(chain: JobChain, monkeypatch: pytest.MonkeyPatch) -> None:
    chain.worker("w").register()
    chain.blocks(3)
    idle = chain.rt.system.block_weight.mandatory
    chain.submit()
    chain.next_block()
    monkeypatch.setattr(Workers, "draw", unlucky)
    chain.next_block()
    assert chain.rt.system.block_weight.mandatory == idle + DRAW_WEIGHT + TRY_WEIGHT * MAX_TRIES


@pytest.mark.parametrize("authorities", [1, 3])
def test_draws_that_take_nobody_hold_up_nothing_else(authorities: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = JobChain(authorities=authorities)
    chain.agent()
    chain.worker("w").register()
    chain.rt.jobs.max_due = 256
    monkeypatch.setattr("pallets.jobs.queue.MAX_DOUBLINGS", 2)  # each tries again after four slots at most
    monkeypatch.setattr(Workers, "draw", unlucky)
    jobs = [chain.submit(max_fee=UNIT // 100) for _ in range(150)]
    chain.blocks(40)
    open_blocks = 0
    for _ in range(60):
        chain.next_block()
        open_blocks += takes_transactions(chain.rt.system)
    assert open_blocks > 50
    while chain.rt.timestamp.now < START + 61_000:
        chain.next_block(1_000)
    assert {chain.job(id).state for id in jobs} == {JobState.Expired}
    while list(chain.rt.jobs.retries) or list(chain.rt.jobs.draws):
        chain.next_block()


def test_revoked_workers_are_passed_over(chain: JobChain) -> None:
    revoked, fine = chain.worker("r").register(40 * STAKE), chain.worker("f", OPERATORS[1]).register()
    chain.sudo("Attestation", "revoke", worker=revoked.key)
    jobs = [chain.submit() for _ in range(2)]
    chain.blocks(2)
    assert all(chain.job(job).workers == [fine.key] for job in jobs)


def test_a_block_draws_for_a_bounded_number(chain: JobChain) -> None:
    for i in range(10):
        chain.worker(f"{i}").register()
    jobs = [chain.submit(max_fee=UNIT) for _ in range(12)]
    chain.blocks(2)
    assert sum(chain.job(job).state is JobState.Assigned for job in jobs) == 8
    assert chain.rt.jobs.next_due() == chain.rt.timestamp.now
    consumed = chain.rt.system.block_weight.mandatory
    assert not Weight(8 * 500_000_000, 8 * 20_000).any_gt(consumed)
    chain.next_block()
    assert all(chain.job(job).state is JobState.Assigned for job in jobs)


# Commits


def test_commit_settles_at_once(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team, max_fee=UNIT)
    free, pot = chain.rt.balances.free(ALICE), chain.rt.balances.free(POT)
    assert (held(chain), pot) == (UNIT, DEPOSIT)
    chain.next_block(1_000)
    chain.send(worker.commit(job, b"the output", gas=1_001))
    fee = 3 * 1_001
    output = blake2_256(b"the output")
    assert chain.events(Jobs.Committed) == [Jobs.Committed(job, 1, worker.key, output, 1_001)]
    assert chain.events(Jobs.Settled) == [Jobs.Settled(job, output, 1_001, fee)]
    shares = {worker.info.operator: fee - 750 - 150, treasury(0): 750, CHAIN_TREASURY: 150}
    assert chain.events(Jobs.Paid) == [Jobs.Paid(job, who, amount) for who, amount in shares.items()]
    assert dict(chain.rt.jobs.claimable.items()) == shares
    assert (held(chain), chain.rt.balances.free(ALICE)) == (0, free + UNIT - fee)
    assert chain.rt.balances.free(POT) == DEPOSIT + fee
    record = chain.job(job)
    assert record.state is JobState.Settled and record.outcome
    assert record.outcome.settled_at == START + 1_200
    assert (record.outcome.worker, record.outcome.output, record.outcome.simulated) == (worker.key, output, True)
    assert chain.rt.jobs.output.get(job) == b"the output"
    assert job not in chain.rt.jobs.input
    assert worker.record.kept == 1 and worker.record.load == 0
    assert worker.key not in chain.rt.jobs.assignments
    assert list(chain.rt.jobs.deadlines) == list(chain.rt.jobs.draws) == []


def test_no_tip_puts_a_transaction_before_what_workers_have_to_say() -> None:
    runtime = DevRuntime(Overlay(DictBackend({})))
    payment = runtime.transaction_payment
    for call in (
        runtime.call("System", "remark", remark=b""),
        runtime.call("Balances", "transfer_all", dest=ALICE, keep_alive=True),
    ):
        info = call.dispatch_info()
        bought = payment.priority(150, info, 100 * UNIT, payment.compute_fee(150, info, 0))
        assert 1 << 32 < bought < HEARTBEAT_PRIORITY < JOB_PRIORITY


def test_pool_tags_a_commit(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    valid = chain.validate(worker.commit(job))
    tag = codec_of(tuple[U64, U32, Bytes32, U8]).encode((job, 1, worker.key, 0))
    assert (valid.requires, valid.provides, valid.propagate) == ([], [tag], True)
    assert (valid.longevity, valid.priority) == (256, JOB_PRIORITY)


@pytest.mark.parametrize(
    "lie",
    [
        {"genesis": b"\x99" * 32},
        {"job": 7},
        {"attempt": 2},
        {"code": b"\x99" * 32},
        {"input": b"\x99" * 32},
        {"output": b"\x99" * 32},
        {"transcript_root": b"\x99" * 32},
        {"gas": 999},
        {"runtime_id": b"\x99" * 32},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_signature_covers_everything(chain: JobChain, team: dict[bytes, TestWorker], lie: dict[str, Any]) -> None:
    job, worker = assigned(chain, team)
    refused(chain, worker.commit(job, signing=lie), None)
    chain.send(worker.commit(job))


def test_other_keys(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    idle = next(other for other in team.values() if other is not worker)
    stranger = chain.worker("stranger")
    refused(chain, idle.commit(job), Jobs.WrongWorker)
    refused(chain, stranger.commit(job), Jobs.WrongWorker)
    stolen = worker.commit(job)
    stolen.arguments = (*stolen.arguments[:5], worker.key, idle.commit(job).arguments[6])
    refused(chain, stolen, None)
    stolen.arguments = (*stolen.arguments[:5], idle.key, worker.commit(job).arguments[6])
    refused(chain, stolen, None)


def test_unknown_job_and_wrong_attempt(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    other = worker.commit(job)
    other.arguments = (7, *other.arguments[1:])
    refused(chain, other, Jobs.UnknownJob)
    for attempt in (0, 2):
        refused(chain, worker.commit(job, attempt=attempt), Jobs.WrongAttempt)


def test_commit_before_the_draw(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job = chain.submit()
    for worker in team.values():
        with pytest.raises(Custom) as error:
            chain.send(worker.commit(job))
        assert error.value.code == Jobs.NotAssigned.index


def test_commit_twice(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    chain.send(worker.commit(job))
    refused(chain, worker.commit(job), Jobs.AlreadyCommitted)
    refused(chain, worker.commit(job, b"something else"), Jobs.AlreadyCommitted)
    other = next(other for other in team.values() if other is not worker)
    refused(chain, other.commit(job), Jobs.NotAssigned)


def test_outputs_and_gas_out_of_bounds(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team, max_fee=300)
    refused(chain, worker.commit(job, gas=101), Jobs.GasAboveLimit)
    refused(chain, worker.commit(job, transcript_root=b"\x01" * 32, gas=1), Jobs.UnexpectedTranscript)
    hashed = HashOutput(blake2_256(b"output"), 6)
    refused(chain, worker.commit(job, output=hashed, gas=1), Jobs.InlineOutputOnly)
    unsigned = worker.commit(job, output=hashed, gas=1, signing={"output": b"\x99" * 32})
    refused(chain, unsigned, None)  # not by name: anyone could have made it up
    chain.send(worker.commit(job, bytes(65_536), gas=100))
    outcome = chain.job(job).outcome
    assert outcome and outcome.fee == 300


@pytest.mark.parametrize("fault", ["measurement", "runtime", "key", "expiry"])
def test_attestation_is_checked_again(chain: JobChain, team: dict[bytes, TestWorker], fault: str) -> None:
    job, worker = assigned(chain, team)
    if fault == "measurement":
        measurement = worker.measurements.measurement
        chain.sudo("Attestation", "disallow_measurement", measurement=measurement)
        refused(chain, worker.commit(job), Attestation.MeasurementNotAllowed)
        chain.sudo("Attestation", "allow_measurement", measurement=measurement, name=b"n", version=b"1")
        chain.send(worker.commit(job))
    elif fault == "runtime":
        chain.sudo("Attestation", "disallow_runtime", runtime_id=RUNTIME_ID)
        refused(chain, worker.commit(job), Attestation.RuntimeNotAllowed)
        chain.sudo("Attestation", "allow_runtime", runtime_id=RUNTIME_ID)
        chain.send(worker.commit(job))
    elif fault == "key":
        chain.sudo("Attestation", "revoke", worker=worker.key)
        refused(chain, worker.commit(job), Attestation.KeyRevoked)
    else:
        record = chain.rt.attestation.attested[worker.key]
        record.expires = chain.rt.timestamp.now
        chain.rt.attestation.attested[worker.key] = record
        refused(chain, worker.commit(job), Attestation.AttestationExpired)


def test_silent_and_leaving_workers_may_still_commit(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team, deadline=10 * 60_000)
    chain.call(worker.info.operator, "Workers", "exit", worker=worker.key)
    chain.send(worker.commit(job))
    job, worker = assigned(chain, {key: w for key, w in team.items() if w is not worker}, deadline=10 * 60_000)
    chain.send(worker.word(job))
    for _ in range(3):
        chain.next_block(59_000)
    assert worker.record.state.name == "Unresponsive"
    chain.send(worker.commit(job))
    assert worker.record.state.name == "Unresponsive" and worker.record.load == 0


# Deadlines


def test_late(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    call = worker.commit(job)
    chain.next_block(THIRD - 100)
    with chain.rt.transactional():
        assert chain.validate(call)
    assert chain.job(job).attempt == 2  # the block after it
    refused(chain, call, Jobs.WrongAttempt)


def test_late_though_the_block_had_no_room_to_say_so(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    chain.rt.timestamp.now = chain.job(job).due
    with noop(chain.rt, Jobs.TooLate):
        call = worker.commit(job)
        call.spec.method(chain.rt.jobs, None, *call.arguments)
    chain.rt.timestamp.now -= 1
    call.spec.method(chain.rt.jobs, None, *call.arguments)


def test_a_killed_worker_loses_the_job_to_another(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, dead = assigned(chain, team)
    chain.next_block(THIRD)
    assert chain.events(Jobs.Requeued) == [Jobs.Requeued(job, 2)]
    record = chain.job(job)
    assert (record.state, record.attempt, record.workers, record.tried) == (JobState.Queued, 2, [], [dead.key])
    assert (dead.record.missed, dead.record.load, dead.record.state.name) == (1, 0, "Idle")
    assert dead.key not in chain.rt.jobs.assignments
    assert held(chain) == UNIT
    chain.blocks(2)
    worker = team[chain.job(job).workers[0]]
    assert worker is not dead
    refused(chain, dead.commit(job), Jobs.WrongWorker)
    chain.send(worker.commit(job))
    assert chain.events(Jobs.Settled)
    assert (worker.record.kept, dead.record.kept) == (1, 0)


def test_after_three_attempts_expired_and_refunded(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    free = chain.rt.balances.free(ALICE)
    job, first = assigned(chain, team)
    tried = [first.key]
    for _ in range(2):
        chain.next_block(THIRD)
        chain.blocks(2)
        tried += chain.job(job).workers
    assert set(tried) == set(team)  # each another
    chain.next_block(THIRD)
    assert chain.events(Jobs.Expired) == [Jobs.Expired(job, UNIT, ExpiryReason.AttemptsUsed)]
    record = chain.job(job)
    assert (record.state, record.attempt, record.tried) == (JobState.Expired, 3, tried)
    assert (held(chain), chain.rt.balances.free(ALICE)) == (0, free)
    assert [worker.record.missed for worker in team.values()] == [1, 1, 1]
    assert list(chain.rt.jobs.deadlines) == [] and job not in chain.rt.jobs.input
    refused(chain, team[tried[-1]].commit(job), Jobs.NotAssigned)


def test_nobody_there_until_the_deadline(chain: JobChain) -> None:
    free = chain.rt.balances.free(ALICE)
    job = chain.submit()
    chain.next_block(59_900)
    assert chain.job(job).state is JobState.Queued
    chain.next_block()
    assert chain.events(Jobs.Expired) == [Jobs.Expired(job, UNIT, ExpiryReason.DeadlinePassed)]
    assert chain.rt.balances.free(ALICE) == free
    chain.worker("late").register()
    chain.blocks(2)
    assert chain.job(job).state is JobState.Expired
    assert list(chain.rt.jobs.draws) == [] and chain.rt.workers.next_due() is not None
    assert chain.rt.jobs.next_due() is None  # challenges can wait for the block that comes anyway


def test_no_attempt_begins_after_the_deadline(chain: JobChain) -> None:
    job = chain.submit()
    chain.next_block(50_000)
    worker = chain.worker("w").register()
    chain.next_block()
    assert chain.job(job).workers == [worker.key]
    chain.next_block(THIRD - 100)
    assert chain.job(job).state is JobState.Assigned  # it has its third, beyond the deadline
    chain.next_block()
    assert chain.events(Jobs.Expired) == [Jobs.Expired(job, UNIT, ExpiryReason.DeadlinePassed)]
    assert worker.record.missed == 1


def test_a_block_ends_a_bounded_number(chain: JobChain) -> None:
    jobs = [chain.submit(max_fee=10**9) for _ in range(11)]
    chain.next_block(60_000)
    assert len(chain.events(Jobs.Expired)) == 8
    assert chain.rt.jobs.next_due() == START + 60_000
    chain.next_block()
    assert [event.job for event in chain.events(Jobs.Expired)] == jobs[8:]


def test_what_fell_due_while_the_chain_stood_still_is_armed_again(
    chain: JobChain, team: dict[bytes, TestWorker]
) -> None:
    job, worker = assigned(chain, team)
    chain.rt.jobs.max_due = 2
    soon, later = chain.submit(max_fee=10**9, deadline=70_000), chain.submit(max_fee=10**9, deadline=80_000)
    chain.next_block(365 * 24 * HOUR)
    end = chain.rt.timestamp.now
    assert not chain.events(Jobs.Requeued) and not chain.events(Jobs.Expired)
    assert (chain.job(job).due, chain.job(job).ends) == (end + THIRD, end + 60_000)
    assert (chain.job(soon).due, chain.job(soon).ends) == (end + 70_000, end + 70_000)
    assert chain.job(later).due == START + 200 + 80_000  # its turn comes
    chain.next_block()
    assert (chain.job(later).state, chain.job(later).ends) == (JobState.Assigned, end + 100 + 80_000)
    chain.send(team[chain.job(later).workers[0]].word(later))
    chain.send(worker.commit(job))
    assert worker.record.missed == 0
    chain.next_block(25_000)
    assert [event.job for event in chain.events(Jobs.Requeued)] == [soon]


def test_a_commit_in_the_block_after_the_gap_counts(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    for _ in range(9):
        chain.submit(max_fee=10**9)
    chain.blocks(3)
    jobs = [job for job in range(9) if chain.job(job).workers]
    last = max(jobs, key=lambda job: (chain.job(job).due, job))
    chain.rt.jobs.max_due = 2
    chain.next_block(HOUR)
    assert chain.job(last).due < chain.rt.timestamp.now  # carried over, and excused all the same
    chain.send(team[chain.job(last).workers[0]].commit(last))


def test_a_gap_takes_no_attempt_from_a_job(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team, deadline=240_000)
    chain.send(worker.word(job))
    chain.next_block(230_000)  # not the whole of its time, but all of the attempt's and most of the others'
    now = chain.rt.timestamp.now
    assert (chain.job(job).due, chain.job(job).ends) == (now + 80_000, now + 240_000)
    for _ in range(2):
        for step in (40_000, 40_000):
            chain.next_block(step)
            for worker in team.values():
                with suppress(Custom):
                    chain.send(worker.heartbeat())
        chain.blocks(2)
        assert chain.job(job).state is JobState.Assigned
        chain.send(team[chain.job(job).workers[0]].word(job))
    assert chain.job(job).attempt == 3
    for step in (40_000, 40_000):
        chain.next_block(step)
    (expired,) = chain.events(Jobs.Expired)
    assert expired.reason is ExpiryReason.AttemptsUsed


def test_a_gap_within_an_attempt_leaves_the_others_their_time(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team, deadline=240_000)
    chain.send(worker.word(job))
    before = chain.job(job)
    chain.next_block(70_000)  # a gap, at the end of which nothing is due
    assert (chain.job(job).due, chain.job(job).ends) == (before.due, before.ends)


# What can't be done


OVERFLOW = Token("CannotCreate")


def test_a_balance_near_the_largest_takes_its_fee_back(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    chain.sudo("Balances", "force_set_balance", who=ALICE, new_free=2**128 - 1)
    settled, worker = assigned(chain, team)
    expired = chain.submit(deadline=45_000)
    chain.send(worker.commit(settled, gas=10))
    chain.next_block(59_000)
    for _ in range(4):
        chain.next_block(30_000)
    assert chain.job(expired).state is JobState.Expired and chain.events(Jobs.Abandoned) == []
    assert (held(chain), chain.rt.balances.free(ALICE)) == (0, 2**128 - 1 - 30)


def test_money_that_cannot_move_costs_one_job(chain: JobChain) -> None:
    stuck, fine = chain.submit(max_fee=UNIT), chain.submit(BOB, max_fee=UNIT)
    chain.sudo("Balances", "force_set_balance", who=ALICE, new_free=2**128 - 1)
    chain.next_block(60_000)
    assert chain.events(Jobs.Abandoned) == [Jobs.Abandoned(stuck, OVERFLOW)]
    assert [event.job for event in chain.events(Jobs.Expired)] == [fine]
    assert list(chain.rt.jobs.deadlines) == [] and held(chain) == UNIT
    chain.worker("w").register()
    chain.blocks(3)
    assert chain.job(stuck).state is JobState.Queued  # nobody is given it any more
    with noop(chain.rt, OVERFLOW):
        chain.call(ALICE, "Jobs", "cancel", job=stuck)
    chain.sudo("Balances", "force_set_balance", who=ALICE, new_free=UNIT)
    chain.call(ALICE, "Jobs", "cancel", job=stuck)
    assert (held(chain), chain.rt.balances.free(ALICE)) == (0, 2 * UNIT)
    assert chain.job(stuck).state is JobState.Expired


def test_an_abandoned_job_sets_its_worker_free(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team, deadline=45_000)
    chain.sudo("Balances", "force_set_balance", who=ALICE, new_free=2**128 - 1)
    record = chain.job(job)
    record.attempt = 3
    chain.rt.jobs.job[job] = record
    chain.next_block(15_000)
    assert chain.events(Jobs.Abandoned) == [Jobs.Abandoned(job, OVERFLOW)]
    assert (worker.record.load, worker.record.missed, chain.job(job).workers) == (0, 1, [])
    assert worker.key not in chain.rt.jobs.assignments and held(chain) == UNIT
    refused(chain, worker.commit(job), Jobs.NotAssigned)


def test_a_job_of_a_second_providers_account_is_refunded(chain: JobChain) -> None:
    account = chain.rt.system.account[ALICE]
    chain.rt.system.inc_providers(ALICE, account)
    chain.rt.system.account[ALICE] = account
    free, issued = chain.rt.balances.free(ALICE), chain.rt.balances.total_issuance
    with noop(chain.rt, Token("FundsUnavailable")):
        chain.submit(max_fee=free - DEPOSIT + 1)  # FRAME lets such an account hold all it has
    small, rest = chain.submit(max_fee=3), chain.submit(max_fee=free - DEPOSIT - 3, deadline=70_000)
    chain.call(ALICE, "Balances", "transfer_allow_death", dest=BOB, value=DEPOSIT)
    assert chain.rt.balances.free(ALICE) == 0
    chain.next_block(60_000)
    assert [event.job for event in chain.events(Jobs.Expired)] == [small]
    chain.next_block(10_000)
    assert [event.job for event in chain.events(Jobs.Expired)] == [rest]
    assert (held(chain), chain.rt.balances.free(ALICE)) == (0, free - DEPOSIT)
    assert chain.rt.balances.total_issuance == issued


def test_records_that_root_removed_stop_nothing(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    jobs, workers = chain.rt.jobs, chain.rt.workers
    waiting, queued = chain.submit(), chain.submit()
    chain.sudo("System", "kill_storage", keys=[jobs.job.key(waiting)])
    chain.blocks(2)
    assert [(event.job, type(event.error)) for event in chain.events(Jobs.Abandoned)] == [(waiting, Jobs.UnknownJob)]
    assert waiting not in {id for calendar in (jobs.draws, jobs.parked, jobs.retries) for _, id in calendar}
    seated = chain.job(queued).workers[0]
    chain.sudo("System", "kill_storage", keys=[workers.worker.key(seated)])
    chain.next_block(THIRD)
    assert chain.events(Jobs.Requeued) == [Jobs.Requeued(queued, 2)]  # though its worker is nowhere
    chain.next_block(THIRD)
    chain.next_block(THIRD)
    assert [event.job for event in chain.events(Jobs.Abandoned)] == [waiting]
    assert waiting not in {id for _, id in jobs.deadlines}


# Cancelling and claiming


def test_cancel(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    free = chain.rt.balances.free(ALICE)
    job = chain.submit()
    with noop(chain.rt, Jobs.UnknownJob):
        chain.call(ALICE, "Jobs", "cancel", job=7)
    with noop(chain.rt, Jobs.NotSubmitter):
        chain.call(BOB, "Jobs", "cancel", job=job)
    chain.call(ALICE, "Jobs", "cancel", job=job)
    assert chain.rt.events[-1] == Jobs.Expired(job, UNIT, ExpiryReason.Cancelled)
    assert (held(chain), chain.rt.balances.free(ALICE)) == (0, free)
    with noop(chain.rt, Jobs.NotQueued):
        chain.call(ALICE, "Jobs", "cancel", job=job)
    chain.blocks(2)
    assert chain.job(job).state is JobState.Expired and list(chain.rt.jobs.draws) == []


def test_an_assigned_job_cant_be_cancelled(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, _ = assigned(chain, team)
    with noop(chain.rt, Jobs.NotQueued):
        chain.call(ALICE, "Jobs", "cancel", job=job)


def test_claim(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    with noop(chain.rt, Jobs.NothingToClaim):
        chain.call(OPERATORS[0], "Jobs", "claim")
    job, worker = assigned(chain, team)
    operator = worker.info.operator
    chain.send(worker.commit(job, gas=10))
    free = chain.rt.balances.free(operator)
    chain.call(operator, "Jobs", "claim")
    assert chain.rt.events[-1] == Jobs.Claimed(operator, 22)
    assert chain.rt.balances.free(operator) == free + 22
    assert chain.rt.balances.free(POT) == DEPOSIT + 30 - 22
    with noop(chain.rt, Jobs.NothingToClaim):
        chain.call(operator, "Jobs", "claim")


def test_a_fee_of_nothing_pays_nobody(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    chain.call(CAROL, "Agents", "set_policy", agent=0, policy=replace(POLICY, price=0))
    job, worker = assigned(chain, team)
    chain.send(worker.commit(job))
    assert chain.events(Jobs.Settled)[0].fee == 0 and chain.events(Jobs.Paid) == []


@given(
    fee=st.integers(0, 2**128 - 1),
    cuts=st.lists(st.integers(0, 1_000_000), min_size=3, max_size=3).map(sorted),
)
def test_shares_split_a_fee_exactly(fee: int, cuts: list[int]) -> None:
    first, second, third = cuts
    shares = Shares(first, second - first, third - second, 1_000_000 - third)
    assert shares.add_up
    worker, agent, chain = shares.split(fee)
    assert worker + agent + chain == fee and min(worker, agent, chain) >= 0
    assert agent == fee * (third - first) // 1_000_000 and chain == fee * (1_000_000 - third) // 1_000_000


# The wire


def test_names_on_the_wire(chain: JobChain) -> None:
    calls = {
        (spec.pallet_name, spec.index): (spec.name, [name for name, _ in spec.params])
        for spec in chain.rt.tables.calls.values()
    }
    submit = ["agent", "input", "mode", "replicas", "max_fee", "deadline", "callback"]
    commit = ["job", "attempt", "output", "transcript_root", "gas", "worker", "signature"]
    hashed = ["job", "attempt", "hash", "worker", "signature"]
    expected = {
        0: ("submit", submit),
        1: ("commit", commit),
        2: ("reveal", [*commit[:5], "salt", *commit[5:]]),
        3: ("word", ["job", "attempt", "word", "worker", "signature"]),
        4: ("challenge", ["job"]),
        6: ("cancel", ["job"]),
        7: ("claim", []),
        9: ("commit_hash", hashed),
        10: ("set_window", ["window"]),
    }
    assert {index: calls["Jobs", index] for index in expected} == expected
    assert {index: calls["Workers", index][0] for index in range(6)} == dict(
        enumerate(["register", "reattest", "heartbeat", "bond_more", "exit", "withdraw"])
    )
    assert calls["Workers", 0][1] == ["info", "quote", "stake"]
    assert calls["Workers", 2][1] == ["worker", "number", "hash", "signature"]
    attestation = [
        "set_collateral",
        "set_policy",
        "allow_measurement",
        "disallow_measurement",
        "revoke",
        "allow_runtime",
        "disallow_runtime",
    ]
    assert [calls["Attestation", index][0] for index in range(7)] == attestation
    agents = ["upload_code", "create", "approve_code", "set_policy", "fund", "pause", "resume"]
    assert [calls["Agents", index][0] for index in range(7)] == agents


def test_calls_in_the_bytes_of_the_protocol(chain: JobChain) -> None:
    submit = chain.rt.encode_call(
        chain.rt.call(
            "Jobs",
            "submit",
            agent=1,
            input=InlineInput(b"in"),
            mode=Mode.Deterministic,
            replicas=1,
            max_fee=64,
            deadline=5,
            callback=None,
        )
    )
    assert (
        submit
        == b"\x16\x00"
        + b"\x01"
        + bytes(7)
        + b"\x00\x08in"
        + b"\x00"
        + b"\x01"
        + b"\x01\x01"
        + b"\x05"
        + bytes(7)
        + b"\x00"
    )


def test_calendars_sort_by_time() -> None:
    chain = JobChain()
    deadlines = chain.rt.jobs.deadlines
    key = deadlines.key((0x0102, 3))
    assert key == storage_prefix("Jobs", "Deadlines") + bytes(6) + b"\x01\x02" + bytes(7) + b"\x03"
    for entry in [(300, 1), (255, 9), (256, 0), (2**40, 2), (255, 8)]:
        deadlines[entry] = None
    assert list(deadlines) == [(255, 8), (255, 9), (256, 0), (300, 1), (2**40, 2)]


def test_constants_that_make_no_sense_are_refused(chain: JobChain) -> None:
    jobs = chain.rt.jobs
    for name, value in (
        ("min_deadline", 2),
        ("max_deadline", 44_999),
        ("max_gas", 0),
        ("acknowledge_within", 0),
        ("max_window", 600_000),
        ("max_due", 2),
    ):
        kept = getattr(jobs, name)
        setattr(jobs, name, value)
        with pytest.raises(ValueError):
            jobs.integrity_test()
        setattr(jobs, name, kept)
    jobs.integrity_test()
