"""What jobs leave on the chain: all of it or nothing, never before they are settled, within what the agent has."""

from __future__ import annotations

import pytest

from pallets.agents.pallet import Agents
from pallets.anchors.pallet import DAY, Anchors
from pallets.frame import DispatchError, Event
from pallets.frame.testing import noop
from pallets.jobs.callback import JobResult
from pallets.jobs.pallet import Jobs
from pallets.jobs.terms import EFFECTS_WEIGHT
from pallets.primitives.effects import (
    EFFECTS,
    MAGIC,
    MAX_CALL,
    MAX_VALUE,
    CallAction,
    Effects,
    Emit,
    Pay,
    Send,
    Update,
    enveloped,
    opened,
)
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import Mode
from pallets.primitives.job_record import JobState
from pallets.primitives.pots import purse
from pallets.primitives.scale import compact
from pallets.system.pallet import System
from tests.pallets.effect_chain import MAX_STORED, EffectChain, leave, lock
from tests.pallets.job_chain import ALICE, BOB, CAROL, OPERATORS, UNIT, JobChain


@pytest.fixture
def chain() -> EffectChain:
    return EffectChain()


def said(chain: EffectChain) -> list[Event]:
    """What the open block has to say of effects."""
    return [event for event in chain.rt.events if type(event).__qualname__.startswith("Anchors.")]


def refused(chain: EffectChain, error: type[DispatchError], job: int) -> None:
    """The block's last word is that a settled job's effects were refused for this."""
    *_, last = said(chain)
    assert isinstance(last, Anchors.Refused) and (last.agent, last.job, type(last.error)) == (0, job, error)
    assert chain.job(job).state is JobState.Settled


def kept(chain: EffectChain) -> dict[bytes, bytes]:
    """What the agent keeps; the count of bytes is right."""
    anchors = chain.rt.anchors
    found = {key: value for (_, key), value in anchors.value.items()}
    assert anchors.stored[0] == sum(len(key) + len(value) for key, value in found.items())
    return found


# Writes


def test_of_two_jobs_that_read_and_write_one_key_one_wins_and_one_is_told(chain: EffectChain) -> None:
    chain.hire("b", OPERATORS[1])
    chain.run(leave(writes={b"count": b"1"}))
    first, second = chain.submit(), chain.submit(BOB)
    chain.blocks(3)
    effects = leave(writes={b"count": b"2", b"mine": b"x"}, locks=[lock(b"count", b"1"), lock(b"mine", None)])
    (winner, won), (loser, lost) = [(chain.hands[chain.job(id).workers[0]], id) for id in (first, second)]
    assert winner is not loser
    chain.next_block()
    chain.send(winner.commit(won, effects))
    assert said(chain) == [Anchors.Applied(0, won, 2, 0)]
    state = kept(chain)
    chain.send(loser.commit(lost, effects))
    assert Anchors.LockLost(0, lost, b"count") in said(chain)
    refused(chain, Anchors.Conflict, lost)
    assert kept(chain) == state == {b"count": b"2", b"mine": b"x"}
    again = leave(writes={b"count": b"3", b"mine": None}, locks=[lock(b"count", b"2")])
    chain.run(again, BOB)
    assert kept(chain) == {b"count": b"3"}


def test_what_is_stored_is_counted_to_the_byte(chain: EffectChain) -> None:
    full = {bytes((i,)): bytes(MAX_VALUE - 1) for i in range(MAX_STORED // MAX_VALUE)}
    chain.run(leave(writes=dict(list(full.items())[:2])))
    chain.run(leave(writes=dict(list(full.items())[2:])))
    assert chain.rt.anchors.stored[0] == MAX_STORED and kept(chain) == full
    refused(chain, Anchors.StoreFull, chain.run(leave(writes={b"k": b""})))
    assert kept(chain) == full
    # what is over in between doesn't matter, nor how often a key is written
    swapped = Effects([], [Update(b"k", b""), Update(bytes(1), None), Update(b"k", b"v"), Update(b"none", None)])
    chain.run(enveloped(EFFECTS.encode(swapped), b""))
    del full[bytes(1)]
    assert kept(chain) == full | {b"k": b"v"}
    gone = dict.fromkeys([*full, b"k"])
    chain.run(leave(writes=gone))
    assert kept(chain) == {} and not list(chain.rt.anchors.stored.items())


def test_agents_keep_apart(chain: EffectChain) -> None:
    chain.agent(b"another")
    chain.run(leave(writes={b"k": b"v"}))
    job = chain.run(leave(writes={b"k": b"w"}, locks=[lock(b"k", None)]), agent=1)
    assert said(chain) == [Anchors.Applied(1, job, 1, 0)]
    assert [*chain.rt.anchors.value.items()] != [] and chain.rt.anchors.value.get(0, b"k") == b"v"
    prefix = chain.rt.anchors.value.start_of(1)
    assert sum(key.startswith(prefix) for key in chain.rt.state.changes) == 1  # keys are listed by it


# What undoes it


@pytest.mark.parametrize(
    ("action", "error"),
    [
        (Pay(BOB, 1), Anchors.OverJobLimit),
        (CallAction(b"\xff\xff"), Anchors.BadCall),
        (Send(bytes(32), b"refused", 0), Anchors.NoCrossings),
    ],
)
def test_an_action_that_fails_undoes_the_rest_and_not_the_settlement(
    chain: EffectChain, action: Pay | CallAction | Send, error: type[DispatchError]
) -> None:
    chain.run(leave(writes={b"k": b"v"}))
    called = chain.rt.call("System", "remark_with_event", remark=b"").encoded()[:-1]
    output = leave(Emit([], b"gone"), action, writes={b"k": b"w", b"new": b""}, locks=[lock(b"k", b"v")])
    chain.next_block()
    job = chain.run(output, callback=called)
    refused(chain, error, job)
    assert kept(chain) == {b"k": b"v"} and not chain.events(Anchors.Emitted)
    assert chain.events(Jobs.CalledBack) == [Jobs.CalledBack(job, None)]
    # with the output as it was signed, and after the effects
    names = [type(event).__name__ for event in chain.rt.events]
    assert names.index("Settled") < names.index("Refused") < names.index("CalledBack")
    signed = JobResult(job, 0, blake2_256(output), output, 1_000)
    assert chain.rt.jobs.output.get(job) == output and chain.events(Jobs.Settled)[0].output == signed.output_hash
    assert chain.rt.jobs.claimable[OPERATORS[0]]


@pytest.mark.parametrize(
    "output",
    [
        MAGIC,
        MAGIC + b"\xff" * 40,
        MAGIC + EFFECTS.encode(Effects(updates=[Update(b"k", b"v")]))[:-1],
        MAGIC + b"\x00\x04" + b"\x81\x04" + bytes(129),  # a key of too many bytes
        MAGIC + compact(257) + b"\x04k\x00" * 257 + b"\x00\x00",
        MAGIC + b"\x00\x00" + compact(17) + b"\x03\x00\x00" * 17,
        MAGIC + b"\x00\x04\x04k\x01" + compact(MAX_VALUE + 1) + bytes(MAX_VALUE + 1) + b"\x00",
        MAGIC + b"\x00\x00\x04\x09",  # an action of no known kind
    ],
)
def test_what_is_no_envelope_is_refused_by_name(chain: EffectChain, output: bytes) -> None:
    refused(chain, Anchors.Malformed, chain.run(output))


def test_too_much_at_once_is_refused_by_weight(chain: EffectChain) -> None:
    job = chain.run(leave(writes={bytes((i,)): b"" for i in range(200)}))
    refused(chain, Anchors.TooHeavy, job)
    job = chain.submit()
    chain.blocks(2)
    before = chain.rt.system.block_weight.mandatory
    chain.send(chain.at(job).commit(job, leave(writes={bytes((i,)): b"" for i in range(100)})))
    assert len(kept(chain)) == 100
    used = chain.rt.system.block_weight.mandatory.ref_time - before.ref_time
    assert EFFECTS_WEIGHT.ref_time // 2 < used <= EFFECTS_WEIGHT.ref_time


def test_what_is_long_is_not_decoded_to_be_refused(chain: EffectChain) -> None:
    """A batch of four kilobytes has a thousand calls: sixteen such take as long as a block may."""
    refused(chain, Anchors.BadCall, chain.run(leave(CallAction(b"\xff" * MAX_CALL))))
    refused(chain, Anchors.TooHeavy, chain.run(leave(CallAction(b"\xff" * MAX_CALL), CallAction(b"\xff" * MAX_CALL))))


def test_a_lock_counts_however_often_it_is_named(chain: EffectChain) -> None:
    chain.run(leave(writes={b"k": b"v"}))
    held = lock(b"k", b"v")
    job = chain.run(leave(writes={b"k": b"w"}, locks=[held, lock(b"none", None), held]))
    assert said(chain) == [Anchors.Applied(0, job, 1, 0)]
    for twice in ([lock(b"k", b"w"), held], [held, lock(b"k", b"w")]):
        refused(chain, Anchors.Conflict, chain.run(leave(writes={b"k": b"x"}, locks=twice)))


def test_without_effects_nothing_is_said(chain: EffectChain) -> None:
    for output in (b"", b"plain", MAGIC[:-1], enveloped(b"", MAGIC + b"twice"), leave(locks=[lock(b"k", b"lost")])):
        chain.run(output)
        assert said(chain) == []
    assert opened(enveloped(b"", MAGIC)) == (Effects(), MAGIC)


def test_a_chain_without_anchors_settles_all_the_same() -> None:
    chain = JobChain()
    chain.agent()
    worker, job = chain.worker("a").register(), chain.submit()
    chain.blocks(2)
    chain.send(worker.commit(job, leave(writes={b"k": b"v"})))
    assert chain.job(job).state is JobState.Settled


# When


def test_a_provisional_output_writes_when_its_window_ends(chain: EffectChain) -> None:
    chain.sudo("Jobs", "set_window", window=30_000)
    job = chain.run(leave(writes={b"k": b"v"}))
    assert chain.job(job).state is JobState.Committed and said(chain) == [] and kept(chain) == {}
    chain.next_block(30_000)
    assert said(chain) == [Anchors.Applied(0, job, 1, 0)] and kept(chain) == {b"k": b"v"}


def test_a_block_ends_no_more_windows_than_it_has_room_to_write(
    chain: EffectChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.sudo("Jobs", "set_window", window=30_000)
    chain.hire("b", OPERATORS[1])
    jobs = [chain.run(leave(writes={b"k%d" % place: b"v"})) for place in range(2)]
    monkeypatch.setattr("pallets.jobs.queue.CALLED_A_BLOCK", 0)
    chain.next_block(40_000)
    assert said(chain) == [Anchors.Applied(0, jobs[0], 1, 0)]
    chain.next_block()
    assert said(chain) == [Anchors.Applied(0, jobs[1], 1, 0)]


def test_a_vote_writes_once_and_its_runs_read_one_block(chain: EffectChain) -> None:
    for i in (1, 2):
        chain.hire(f"w{i}", OPERATORS[i])
    drawn = chain.rt.system.number + 2
    job, output = chain.submit(replicas=3, mode=Mode.Deterministic), leave(writes={b"k": b"v"})
    chain.blocks(2)
    assert chain.job(job).reads_at == drawn
    for act in ("commit_hash", "reveal"):
        for key in chain.job(job).workers:
            chain.send(getattr(chain.hands[key], act)(job, output))
    assert said(chain) == [Anchors.Applied(0, job, 1, 0)] and chain.job(job).reads_at == drawn


# The purse


def test_the_purse_pays_within_its_limits(chain: EffectChain) -> None:
    account = chain.fill(10 * UNIT, per_job=2 * UNIT, per_day=5 * UNIT)
    assert account == purse(0) == b"modlfthmpurs".ljust(32, b"\0")
    before = chain.rt.balances.free(BOB)
    job = chain.run(leave(Pay(BOB, UNIT), Pay(BOB, UNIT), Emit([bytes(32)], b"paid")))
    assert said(chain) == [
        Anchors.Paid(0, job, BOB, UNIT),
        Anchors.Paid(0, job, BOB, UNIT),
        Anchors.Emitted(0, job, [bytes(32)], b"paid"),
        Anchors.Applied(0, job, 0, 3),
    ]
    refused(chain, Anchors.OverJobLimit, chain.run(leave(Pay(BOB, UNIT), Pay(CAROL, UNIT + 1))))
    chain.run(leave(Pay(BOB, 2 * UNIT)))
    refused(chain, Anchors.OverDayLimit, chain.run(leave(Pay(BOB, UNIT + 1))))
    chain.run(leave(Pay(BOB, UNIT)))  # the day's last unit
    refused(chain, Anchors.OverDayLimit, chain.run(leave(Pay(BOB, 1))))
    assert chain.rt.balances.free(BOB) - before == 5 * UNIT
    chain.rt.timestamp.now += DAY
    chain.rt.anchors.apply(0, 99, ALICE, leave(Pay(BOB, 2 * UNIT)))
    chain.rt.anchors.apply(0, 100, ALICE, leave(Pay(BOB, 2 * UNIT)))
    assert chain.rt.balances.free(account) == UNIT
    chain.rt.anchors.apply(0, 101, ALICE, leave(Pay(BOB, UNIT - 1)))  # the rest would be dust
    assert isinstance(said(chain)[-1], Anchors.Refused) and chain.rt.balances.free(account) == UNIT
    spent = chain.rt.anchors.spent.get(0)
    assert spent is not None and spent.amount == 4 * UNIT
    chain.rt.anchors.apply(0, 102, ALICE, leave(Pay(BOB, UNIT)))  # as of a contract that ends itself
    assert said(chain)[-1] == Anchors.Applied(0, 102, 0, 1) and account not in chain.rt.system.account


def test_limits_are_the_governors_to_set(chain: EffectChain) -> None:
    with noop(chain.rt, Agents.NotDao):
        chain.call(ALICE, "Anchors", "set_limits", agent=0, per_job=1, per_day=1)
    with noop(chain.rt, Agents.UnknownAgent):
        chain.call(ALICE, "Anchors", "set_limits", agent=9, per_job=1, per_day=1)
    account = chain.fill(per_job=1, per_day=1)
    chain.fill(per_job=0, per_day=5)
    assert not list(chain.rt.anchors.limits.items())
    refused(chain, Anchors.OverJobLimit, chain.run(leave(Pay(BOB, 1))))
    assert chain.rt.balances.free(account) == 200 * UNIT


def test_what_goes_to_another_chain_is_handed_on(chain: EffectChain) -> None:
    job = chain.run(leave(Send(b"\x07" * 32, b"call", 5)))
    assert chain.rt.sent.calls == [(0, job, b"\x07" * 32, b"call", 5)]
    assert said(chain) == [Anchors.Applied(0, job, 0, 1)] and not chain.events(System.Remarked)
