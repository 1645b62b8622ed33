"""Schedules: jobs submitted by the chain, over gaps and travels in time, skipped, bounded, and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from pallets.agents.pallet import Agents
from pallets.balances.pallet import Balances
from pallets.frame.events import Token
from pallets.frame.testing import noop
from pallets.job_orders import RUN_WEIGHT, EndReason
from pallets.jobs.pallet import Jobs
from pallets.primitives.job import InlineInput, Mode
from pallets.primitives.job_record import JobState
from pallets.schedules import Schedule, Schedules
from tests.pallets.job_chain import ALICE, BOB, CAROL, START, UNIT, JobChain

FIRST = START + 5_000
EVERY = 10_000
FEE = UNIT // 50


@pytest.fixture
def chain() -> JobChain:
    chain = JobChain()
    chain.agent()
    return chain


def schedule(chain: JobChain, who: bytes = ALICE, **changes: Any) -> int:
    terms: dict[str, Any] = {
        "agent": 0,
        "input": InlineInput(b"input"),
        "mode": Mode.Deterministic,
        "replicas": 1,
        "max_fee": UNIT,
        "deadline": 60_000,
        "callback": None,
        "first": FIRST,
        "interval": EVERY,
        "count": 3,
    }
    id = chain.rt.schedules.next_schedule
    chain.call(who, "Schedules", "schedule", **(terms | changes))
    return id


def until(chain: JobChain, moment: int) -> None:
    """Opens the block of that moment."""
    chain.next_block(after=moment - chain.rt.timestamp.now)


def record(chain: JobChain, id: int) -> Schedule:
    return chain.rt.schedules.schedule_of[id]


def deposit(chain: JobChain, who: bytes = ALICE) -> int:
    return chain.rt.balances.held(Schedules.HoldReason.Schedule, who)


def ended(chain: JobChain, id: int, who: bytes = ALICE) -> bool:
    """Whether nothing of a schedule is left."""
    schedules = chain.rt.schedules
    return not (
        schedules.schedule_of.get(id) or schedules.count_of.get(who) or deposit(chain, who) or list(schedules.runs)
    )


def test_runs_when_it_is_due_as_often_as_it_says(chain: JobChain) -> None:
    id = schedule(chain)
    assert chain.rt.events[-1] == Schedules.Scheduled(id, 0, ALICE, FIRST)
    assert not list(chain.rt.jobs.job) and not chain.rt.balances.held(Jobs.HoldReason.Fee, ALICE)
    held, free = deposit(chain), chain.rt.balances.free(ALICE)
    assert held == record(chain, id).deposit > UNIT
    until(chain, FIRST - 100)
    assert not list(chain.rt.jobs.job) and chain.rt.schedules.next_due() == FIRST
    for run in range(3):
        until(chain, FIRST + run * EVERY)
        job = chain.job(run)
        assert chain.events(Schedules.Ran) == [Schedules.Ran(id, run)]
        assert (job.submitter, job.state, job.submitted_at) == (ALICE, JobState.Queued, FIRST + run * EVERY)
        assert chain.events(Balances.Burned) == [Balances.Burned(ALICE, FEE)]
        chain.next_block()
        assert chain.rt.jobs.next_job == run + 1
    assert ended(chain, id) and chain.rt.schedules.next_due() is None
    until(chain, FIRST + 5 * EVERY)
    assert chain.rt.jobs.next_job == 3
    assert chain.rt.balances.free(ALICE) == free + held - 3 * (FEE + UNIT)


def test_each_replica_has_its_fee(chain: JobChain) -> None:
    schedule(chain, replicas=3)
    until(chain, FIRST)
    assert chain.events(Balances.Burned) == [Balances.Burned(ALICE, 3 * FEE)]


def test_the_end_is_told(chain: JobChain) -> None:
    id = schedule(chain, count=1, interval=0)  # a single run has no interval
    until(chain, FIRST)
    assert chain.events(Schedules.Ended) == [Schedules.Ended(id, EndReason.Done)]
    assert ended(chain, id)


def test_a_gap_is_not_made_up_for(chain: JobChain) -> None:
    id = schedule(chain, count=9)
    until(chain, FIRST + 7 * EVERY + 300)  # the chain stood still, or travelled
    assert chain.rt.jobs.next_job == 1
    assert record(chain, id).next == FIRST + 8 * EVERY and record(chain, id).left == 8
    chain.blocks(5)
    assert chain.rt.jobs.next_job == 1
    until(chain, FIRST + 8 * EVERY)
    assert chain.rt.jobs.next_job == 2
    until(chain, FIRST + 9 * EVERY)
    assert chain.rt.jobs.next_job == 3


def test_a_block_does_a_bounded_number_and_the_next_the_rest(chain: JobChain) -> None:
    for who in (ALICE, BOB):
        for _ in range(2):
            schedule(chain, who)
    schedule(chain, CAROL, first=FIRST + 50)
    until(chain, FIRST + 100)
    assert chain.rt.jobs.next_job == 2 == chain.rt.schedules.max_due
    assert chain.rt.schedules.next_due() == FIRST
    chain.next_block()
    assert chain.rt.jobs.next_job == 4
    chain.next_block()
    assert chain.rt.jobs.next_job == 5
    assert {record(chain, id).next for id in range(4)} == {FIRST + EVERY}


def test_runs_weigh(chain: JobChain) -> None:
    until(chain, FIRST - 200)
    before = chain.rt.system.block_weight.mandatory
    schedule(chain)
    until(chain, FIRST - 100)
    assert chain.rt.system.block_weight.mandatory == before
    until(chain, FIRST)
    assert chain.rt.system.block_weight.mandatory == before + RUN_WEIGHT


def test_an_owner_too_poor_is_skipped_and_three_in_a_row_end_it(chain: JobChain) -> None:
    id = schedule(chain, count=9, deadline=900_000)
    until(chain, FIRST)
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=BOB, value=chain.rt.balances.free(ALICE) - UNIT)
    for run in (1, 2):
        until(chain, FIRST + run * EVERY)
        (skipped,) = chain.events(Schedules.RunSkipped)
        assert skipped.schedule == id and repr(skipped.error) == repr(Token("FundsUnavailable"))
        assert chain.rt.balances.free(ALICE) == UNIT  # neither the fee of a run
    chain.call(BOB, "Balances", "transfer_keep_alive", dest=ALICE, value=5 * UNIT)
    until(chain, FIRST + 3 * EVERY)
    assert chain.rt.jobs.next_job == 2 and record(chain, id).skips == 0
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=BOB, value=chain.rt.balances.free(ALICE) - UNIT)
    for run in (4, 5, 6):
        until(chain, FIRST + run * EVERY)
    assert chain.events(Schedules.Ended) == [Schedules.Ended(id, EndReason.Skipped)]
    assert ended(chain, id) and chain.rt.jobs.next_job == 2


def test_what_submit_refuses_is_skipped(chain: JobChain) -> None:
    id = schedule(chain)
    chain.call(CAROL, "Agents", "pause", agent=0)
    until(chain, FIRST)
    (skipped,) = chain.events(Schedules.RunSkipped)
    assert skipped.schedule == id and isinstance(skipped.error, Agents.AgentPaused)
    chain.call(CAROL, "Agents", "resume", agent=0)
    until(chain, FIRST + EVERY)
    assert chain.events(Schedules.Ran) == [Schedules.Ran(id, 0)]


def test_unschedule(chain: JobChain) -> None:
    free = chain.rt.balances.free(ALICE)
    id, other = schedule(chain), schedule(chain)
    with noop(chain.rt, Schedules.NotOwner):
        chain.call(BOB, "Schedules", "unschedule", schedule=id)
    with noop(chain.rt, Schedules.UnknownSchedule):
        chain.call(ALICE, "Schedules", "unschedule", schedule=9)
    for each in (id, other):
        chain.call(ALICE, "Schedules", "unschedule", schedule=each)
        assert chain.rt.events[-1] == Schedules.Ended(each, EndReason.Cancelled)
    assert ended(chain, id) and chain.rt.balances.free(ALICE) == free
    with noop(chain.rt, Schedules.UnknownSchedule):
        chain.call(ALICE, "Schedules", "unschedule", schedule=id)
    until(chain, FIRST)
    assert not chain.rt.jobs.next_job


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"count": 0}, Schedules.NoRuns),
        ({"first": START}, Schedules.FirstInThePast),
        ({"first": 0}, Schedules.FirstInThePast),
        ({"first": START + 86_400_001}, Schedules.TooFarAhead),
        ({"first": (1 << 64) - 1}, Schedules.TooFarAhead),
        ({"interval": 86_400_001}, Schedules.TooFarAhead),
        ({"interval": 9_999}, Schedules.IntervalTooShort),
        ({"agent": 9}, Agents.UnknownAgent),
        ({"deadline": 1}, Jobs.DeadlineTooShort),
        ({"max_fee": 2}, Jobs.FeeTooLow),
        ({"max_fee": 10_001 * UNIT}, Token("FundsUnavailable")),
    ],
)
def test_refusals(chain: JobChain, changes: dict[str, Any], error: Any) -> None:
    with noop(chain.rt, error):
        schedule(chain, **changes)


def test_an_account_has_so_many(chain: JobChain) -> None:
    for _ in range(3):
        schedule(chain)
    with noop(chain.rt, Schedules.TooManySchedules):
        schedule(chain)
    schedule(chain, BOB)
    chain.call(ALICE, "Schedules", "unschedule", schedule=1)
    schedule(chain)


def test_the_deposit_grows_with_what_is_stored(chain: JobChain) -> None:
    small = record(chain, schedule(chain)).deposit
    large = record(chain, schedule(chain, input=InlineInput(bytes(1_000)))).deposit
    assert large - small == (1_000 - 5 + 1) * UNIT // 1000  # and a byte of its length
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=BOB, value=chain.rt.balances.free(ALICE) - 60 * UNIT)
    with noop(chain.rt, Token("FundsUnavailable")):
        schedule(chain, input=InlineInput(bytes(65_536)))


def test_names_on_the_wire(chain: JobChain) -> None:
    calls = {spec.name: (spec.index, [name for name, _ in spec.params]) for spec in chain.rt.tables.calls.values()}
    submit = ["agent", "input", "mode", "replicas", "max_fee", "deadline", "callback"]
    assert calls["schedule"] == (0, [*submit, "first", "interval", "count"])
    assert calls["unschedule"] == (1, ["schedule"])
    assert [item.wire_name for item in Schedules.items_declared] == ["NextSchedule", "Schedule", "Runs", "CountOf"]
