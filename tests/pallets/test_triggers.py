"""Triggers: a job for each event that is waited for, exactly one, bounded, and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from pallets.agents.pallet import Agents
from pallets.frame.events import Token
from pallets.frame.testing import noop
from pallets.job_orders import EndReason
from pallets.jobs.pallet import Jobs
from pallets.primitives.job import InlineInput, Mode
from pallets.primitives.job_record import JobState
from pallets.primitives.trigger_input import TriggerEvent, read_trigger_input
from pallets.system.pallet import System
from pallets.triggers import MATCH_WEIGHT, Condition, Trigger, Triggers
from tests.pallets.job_chain import ALICE, BOB, CAROL, UNIT, JobChain

REMARKED = (0, System.Remarked.index)
SUBMITTED = (22, Jobs.Submitted.index)


@pytest.fixture
def chain() -> JobChain:
    return chain_with_agent()


def chain_with_agent() -> JobChain:
    chain = JobChain()
    chain.agent()
    return chain


def trigger(chain: JobChain, who: bytes = ALICE, on: tuple[int, int] = REMARKED, **changes: Any) -> int:
    terms: dict[str, Any] = {
        "agent": 0,
        "path": b"/on",
        "mode": Mode.Deterministic,
        "replicas": 1,
        "max_fee": UNIT,
        "deadline": 60_000,
        "callback": None,
        "pallet": on[0],
        "event": on[1],
        "condition": None,
        "interval": 1_000,
        "count": 100,
    }
    id = chain.rt.triggers.next_trigger
    chain.call(who, "Triggers", "set_trigger", **(terms | changes))
    return id


def remark(chain: JobChain, who: bytes = BOB) -> tuple[int, int]:
    """An event; the block and its place there."""
    chain.call(who, "System", "remark_with_event", remark=b"something")
    return chain.rt.system.number, len(chain.rt.events) - 1


def record(chain: JobChain, id: int) -> Trigger:
    return chain.rt.triggers.trigger_of[id]


def found_by(chain: JobChain, job: int) -> tuple[int, TriggerEvent]:
    """The trigger and the event of a job."""
    input = chain.rt.jobs.input[job]
    assert isinstance(input, InlineInput)
    return read_trigger_input(input.data)


def nothing_left(chain: JobChain) -> bool:
    triggers = chain.rt.triggers
    lists = (triggers.trigger_of, triggers.by_event.items(), triggers.waiting.items(), triggers.runs)
    held = chain.rt.balances.held(Triggers.HoldReason.Trigger, ALICE)
    return not (triggers.total or held or triggers.count_of.get(ALICE) or any(list(each) for each in lists))


def test_an_event_has_one_job_that_is_told_of_it(chain: JobChain) -> None:
    id = trigger(chain)
    assert chain.rt.events[-1] == Triggers.TriggerSet(id, 0, ALICE, *REMARKED)
    assert chain.rt.balances.held(Triggers.HoldReason.Trigger, ALICE) == record(chain, id).deposit > UNIT
    block, index = remark(chain)
    assert not list(chain.rt.jobs.job)
    chain.next_block()
    assert chain.events(Triggers.Ran) == [Triggers.Ran(id, 0, block, index)]
    job = chain.job(0)
    assert (job.submitter, job.state) == (ALICE, JobState.Queued)
    trigger_id, found = found_by(chain, 0)
    assert (trigger_id, found.block, found.place) == (id, block, index)
    (event,) = chain.rt.decode_events(b"\x04" + b"\x01" + found.event + b"\x00")
    assert isinstance(event.event, System.Remarked) and event.event.sender == BOB
    chain.blocks(20)
    assert chain.rt.jobs.next_job == 1


def test_events_of_one_block_have_their_runs_in_order_at_the_interval(chain: JobChain) -> None:
    id = trigger(chain, interval=2_000)
    places = [remark(chain) for _ in range(3)]
    chain.next_block()
    assert chain.rt.jobs.next_job == 1 and record(chain, id).waiting == 2
    chain.next_block(after=1_900)
    assert chain.rt.jobs.next_job == 1
    chain.next_block()
    assert chain.rt.jobs.next_job == 2
    chain.next_block(after=3_600_000)  # travel in time makes up for nothing, and loses nothing
    chain.blocks(3)
    assert chain.rt.jobs.next_job == 3
    found = [found_by(chain, job)[1] for job in range(3)]
    assert [(each.block, each.place) for each in found] == places


def test_a_field_must_be_what_is_wanted(chain: JobChain) -> None:
    trigger(chain, condition=Condition(0, CAROL))
    remark(chain, BOB)
    place = remark(chain, CAROL)
    chain.blocks(30)
    assert chain.rt.jobs.next_job == 1
    assert (found_by(chain, 0)[1].block, found_by(chain, 0)[1].place) == place


def test_what_its_own_jobs_do_comes_back_no_faster_than_its_interval(chain: JobChain) -> None:
    id = trigger(chain, on=SUBMITTED, count=4)
    trigger(chain, BOB, on=SUBMITTED, count=4)
    chain.submit()
    began = chain.rt.timestamp.now
    while chain.rt.triggers.total:
        chain.next_block()
        assert chain.rt.jobs.next_job - 1 <= 2 * ((chain.rt.timestamp.now - began) // 1_000 + 1)
    assert chain.rt.jobs.next_job == 1 + 2 * 4
    chain.blocks(30)
    assert chain.rt.jobs.next_job == 1 + 2 * 4
    assert id == 0 and not list(chain.rt.triggers.waiting.items())


def test_too_many_at_once_are_missed_by_name(chain: JobChain) -> None:
    id = trigger(chain)
    places = [remark(chain) for _ in range(7)]
    chain.executive.finalize_block()
    missed = [event for event in chain.rt.events if isinstance(event, Triggers.Missed)]
    assert missed == [Triggers.Missed(id, *places[5])]  # and what follows: a full block makes no second block of events
    assert record(chain, id).waiting == 5 == chain.rt.triggers.max_waiting


def test_a_block_does_a_bounded_number(chain: JobChain) -> None:
    for who in (ALICE, BOB, CAROL):
        trigger(chain, who)
    remark(chain)
    chain.next_block()
    assert chain.rt.jobs.next_job == 2 == chain.rt.triggers.max_due
    chain.next_block()
    assert chain.rt.jobs.next_job == 3


def test_it_ends_with_its_runs_or_three_that_are_skipped(chain: JobChain) -> None:
    id = trigger(chain, count=1)
    remark(chain)
    remark(chain)
    chain.next_block()
    assert chain.events(Triggers.Ended) == [Triggers.Ended(id, EndReason.Done)] and nothing_left(chain)
    id = trigger(chain)
    chain.call(CAROL, "Agents", "pause", agent=0)
    for _ in range(4):
        remark(chain)
    chain.next_block()
    (skipped,) = chain.events(Triggers.RunSkipped)
    assert skipped.trigger == id and isinstance(skipped.error, Agents.AgentPaused)
    chain.next_block(after=1_000)
    chain.next_block(after=1_000)
    assert chain.events(Triggers.Ended) == [Triggers.Ended(id, EndReason.Skipped)] and nothing_left(chain)
    assert chain.rt.jobs.next_job == 1


def test_taking_it_back_leaves_nothing(chain: JobChain) -> None:
    free = chain.rt.balances.free(ALICE)
    id = trigger(chain)
    with noop(chain.rt, Triggers.NotOwner):
        chain.call(BOB, "Triggers", "remove", trigger=id)
    remark(chain)
    remark(chain)
    chain.next_block()
    chain.call(ALICE, "Triggers", "remove", trigger=id)
    assert chain.events(Triggers.Ended) == [Triggers.Ended(id, EndReason.Cancelled)] and nothing_left(chain)
    with noop(chain.rt, Triggers.UnknownTrigger):
        chain.call(ALICE, "Triggers", "remove", trigger=id)
    chain.blocks(20)
    assert chain.rt.jobs.next_job == 1
    assert chain.rt.balances.free(ALICE) == free - UNIT - UNIT // 50


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"count": 0}, Triggers.NoRuns),
        ({"interval": 999}, Triggers.BadInterval),
        ({"interval": 86_400_001}, Triggers.BadInterval),
        ({"pallet": 99}, Triggers.UnknownEvent),
        ({"event": 99}, Triggers.UnknownEvent),
        ({"pallet": 36, "event": 0}, Triggers.UnknownEvent),
        ({"condition": Condition(2, b"")}, Triggers.UnknownField),
        ({"path": b"on"}, Triggers.BadPath),
        ({"path": b"/\xff"}, Triggers.BadPath),
        ({"agent": 9}, Agents.UnknownAgent),
        ({"deadline": 1}, Jobs.DeadlineTooShort),
        ({"max_fee": 10_001 * UNIT}, Token("FundsUnavailable")),
    ],
)
def test_refusals(chain: JobChain, changes: dict[str, Any], error: Any) -> None:
    with noop(chain.rt, error):
        trigger(chain, **changes)


def test_how_many_there_may_be(chain: JobChain) -> None:
    for _ in range(3):
        trigger(chain)
    with noop(chain.rt, Triggers.TooManyTriggers):
        trigger(chain)
    trigger(chain, BOB)
    with noop(chain.rt, Triggers.TooManyOfKind):
        trigger(chain, BOB)
    trigger(chain, BOB, on=SUBMITTED)


def test_a_block_without_triggers_weighs_nothing_more_and_others_are_not_looked_at(chain: JobChain) -> None:
    def weight() -> int:
        chain.executive.finalize_block()
        weight: int = chain.rt.system.block_weight.mandatory.ref_time
        chain._open(chain.rt.timestamp.now + 100)
        return weight

    remark(chain)
    none = weight()
    trigger(chain, on=SUBMITTED)
    remark(chain)
    weight()
    remark(chain)
    kinds = len({type(event) for event in chain.rt.events})
    assert weight() == none + MATCH_WEIGHT.ref_time * kinds


def test_names_on_the_wire(chain: JobChain) -> None:
    calls = {spec.name: spec.index for spec in chain.rt.tables.calls.values()}
    assert (calls["set_trigger"], calls["remove"]) == (0, 1)
    names = [item.wire_name for item in Triggers.items_declared]
    assert names == ["NextTrigger", "Trigger", "Total", "ByEvent", "Waiting", "Runs", "CountOf"]
