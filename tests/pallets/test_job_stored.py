"""Inputs and outputs that are too large for the chain, and sealed jobs that reach the world outside."""

from __future__ import annotations

from typing import Any

import pytest

from pallets.frame.validity import BadProof
from pallets.jobs.pallet import Jobs
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import (
    MAX_OUTPUT,
    MAX_SEALED_OUTPUT,
    MAX_STORED_OUTPUT,
    HashInput,
    HashOutput,
    Mode,
    SealedInput,
    Word,
)
from pallets.primitives.job_record import JobState, SeatPhase, Stage
from tests.pallets.bare_calls import refused
from tests.pallets.job_chain import ALICE, BOB, STAKE, UNIT, JobChain, TestWorker
from tests.pallets.voting import Crew, balanced_chain, charges, crew_of_16, seated

INPUT = HashInput(blake2_256(b"far away"))
LARGE = bytes(MAX_OUTPUT + 1)
SMALL = b"small"
ROUND = 40_000


def named(content: bytes) -> HashOutput:
    return HashOutput(blake2_256(content), max(len(content), MAX_OUTPUT + 1))


chain, team = balanced_chain, crew_of_16


def begun(chain: JobChain, team: Crew, replicas: int = 1, **terms: Any) -> tuple[int, list[TestWorker]]:
    job = chain.submit(replicas=replicas, deadline=3 * ROUND, **terms)
    chain.blocks(2)
    return job, seated(chain, team, job)


def test_a_large_output_is_named_by_who_said_so_before(chain: JobChain, team: Crew) -> None:
    job, (worker,) = begun(chain, team, input=INPUT)
    assert chain.job(job).input == INPUT.hash
    refused(chain, worker.commit(job, LARGE), Jobs.BadLength)
    # whoever carries what a worker signed of a small output can't leave its bytes out
    refused(chain, worker.commit(job, SMALL, output=named(SMALL)), Jobs.InlineOutputOnly)
    chain.send(worker.word(job, Word.Large))
    for again in (Word.Large, Word.Acknowledge):
        refused(chain, worker.word(job, again), Jobs.AlreadyAcknowledged)
    for length in (0, MAX_OUTPUT, MAX_STORED_OUTPUT + 1, (1 << 32) - 1):
        refused(chain, worker.commit(job, LARGE, output=HashOutput(blake2_256(LARGE), length)), Jobs.BadLength)
    with pytest.raises(BadProof):
        chain.send(worker.commit(job, LARGE, output=HashOutput(bytes(32), len(LARGE))))
    chain.send(worker.commit(job, LARGE, output=named(LARGE)))
    outcome = chain.job(job).outcome
    assert outcome is not None and (outcome.output, outcome.large) == (blake2_256(LARGE), True)
    assert job not in chain.rt.jobs.output and chain.job(job).state is JobState.Settled


def test_a_word_counts_for_its_attempt_alone(chain: JobChain, team: Crew) -> None:
    job, (worker,) = begun(chain, team)
    said = worker.word(job, Word.Large)
    chain.send(worker.word(job, Word.Abstain))
    refused(chain, said, Jobs.WrongAttempt)


def test_a_sealed_output_has_its_wrapping_besides(chain: JobChain, team: Crew) -> None:
    job, (worker,) = begun(chain, team, input=SealedInput(bytes(32), []))
    chain.send(worker.word(job, Word.Large))
    most, more = bytes(MAX_SEALED_OUTPUT), bytes(MAX_SEALED_OUTPUT + 1)
    refused(chain, worker.commit(job, most, output=named(most)), Jobs.BadLength)
    chain.send(worker.commit(job, more, output=named(more)))
    assert chain.job(job).state is JobState.Settled


def test_who_calls_a_small_output_large_is_outvoted(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, replicas=3)
    liar, *honest = seats
    chain.send(liar.word(job, Word.Large))
    for each in seats:
        chain.send(each.commit_hash(job, SMALL))
    chain.send(liar.reveal(job, SMALL, output=named(SMALL)))
    for each in honest:
        chain.send(each.reveal(job, SMALL))
    assert chain.rt.jobs.output.get(job) == SMALL
    assert [who for who, _, _ in charges(chain)] == [liar.key]


def test_a_vote_on_a_large_output(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, replicas=3)
    for each in seats:
        chain.send(each.word(job, Word.Large))
        chain.send(each.commit_hash(job, LARGE))
    refused(chain, seats[0].word(job, Word.Large), Jobs.AlreadyCommitted)
    for each in seats:
        chain.send(each.reveal(job, LARGE, output=named(LARGE)))
    outcome = chain.job(job).outcome
    assert outcome is not None and outcome.large and job not in chain.rt.jobs.output
    assert not charges(chain) and [each.record.kept for each in seats] == [1, 1, 1]


def test_a_judged_output_is_replaced_whichever_is_large(chain: JobChain, team: Crew) -> None:
    chain.sudo("Jobs", "set_window", window=30_000)
    for false, right in ((SMALL, LARGE), (LARGE, SMALL)):
        job, (worker,) = begun(chain, team)
        if false is LARGE:
            chain.send(worker.word(job, Word.Large))
        chain.send(worker.commit(job, false, output=named(false) if false is LARGE else None))
        chain.call(BOB, "Jobs", "challenge", job=job)
        chain.blocks(2)
        judges = seated(chain, team, job, 1)
        for each in judges:
            if right is LARGE:
                chain.send(each.word(job, Word.Large))
            chain.send(each.commit_hash(job, right))
        for each in judges:
            chain.send(each.reveal(job, right, output=named(right) if right is LARGE else None))
        outcome = chain.job(job).outcome
        assert outcome is not None and (outcome.output, outcome.large) == (blake2_256(right), right is LARGE)
        assert chain.rt.jobs.output.get(job) == (None if right is LARGE else right)
        assert [who for who, _, _ in charges(chain)] == [worker.key]
        chain.next_block()


def test_an_input_that_nobody_has_costs_the_submitter_its_attempts(chain: JobChain, team: Crew) -> None:
    job, (worker,) = begun(chain, team, input=INPUT)
    tried = []
    for _ in range(3):
        (worker,) = seated(chain, team, job)
        tried.append(worker)
        chain.send(worker.word(job, Word.Abstain))
        chain.blocks(2)
    assert chain.job(job).state is JobState.Expired and not charges(chain)
    assert all((each.record.kept, each.record.missed) == (0, 0) for each in tried)
    job, (worker,) = begun(chain, team)  # an input that is there is no excuse
    chain.send(worker.word(job, Word.Abstain))
    assert worker.record.missed == 1


@pytest.mark.parametrize("mode", [Mode.Deterministic, Mode.Recorded])
def test_an_output_stands_where_its_input_is_kept_from_the_judges(chain: JobChain, team: Crew, mode: Mode) -> None:
    """Else who submitted it would read the output, and have the fee back."""
    chain.sudo("Jobs", "set_window", window=30_000)
    root = {} if mode is Mode.Deterministic else {"transcript_root": b"\x11" * 32}
    job, (worker,) = begun(chain, team, input=INPUT, mode=mode)
    chain.send(worker.commit(job, SMALL, **root))  # type: ignore[arg-type]
    chain.call(BOB, "Jobs", "challenge", job=job)
    for round in (1, 2, 3):
        chain.blocks(2)
        for each in seated(chain, team, job, round):
            chain.send(each.word(job, Word.Abstain))
    assert chain.job(job).state is JobState.Settled and not charges(chain)
    assert chain.rt.balances.held(Jobs.HoldReason.ChallengeBond, BOB) == 0


# Sealed, and reaching outside


def test_boxes_are_given_while_the_leader_records(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, replicas=3, mode=Mode.Recorded, input=SealedInput(bytes(32), []))
    assert chain.job(job).stage is Stage.Record
    chain.call(ALICE, "Jobs", "provide_key", job=job, boxes=[(each.key, b"box") for each in seats])
    content, root = bytes(MAX_SEALED_OUTPUT), b"\x11" * 32
    chain.send(seats[0].record_transcript(job, root))
    for each in seats:
        chain.send(each.commit_hash(job, content, transcript_root=root))
    for each in seats:
        chain.send(each.reveal(job, content, transcript_root=root))
    assert chain.rt.jobs.output.get(job) == content and not charges(chain)


def test_a_leader_without_a_box_misses_nothing(chain: JobChain, team: Crew) -> None:
    job, (leader, *_) = begun(chain, team, replicas=3, mode=Mode.Recorded, input=SealedInput(bytes(32), []))
    chain.send(leader.word(job))
    chain.next_block(ROUND // 2 - 1_000)
    chain.send(leader.word(job, Word.Abstain))
    assert (leader.record.kept, leader.record.missed) == (0, 0)
    assert chain.events(Jobs.Paid)[0].amount == UNIT // (16 * 3)
    assert chain.job(job).attempt == 2


@pytest.mark.parametrize("boxes", [[], [b"box to the cluster"]])
def test_a_sealed_oracle_is_audited_where_others_can_open_it(
    chain: JobChain, team: Crew, boxes: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pallets.jobs.lots.ONE_IN", 1)
    chain.sudo("Jobs", "set_window", window=30_000)
    job, (worker,) = begun(chain, team, mode=Mode.Oracle, input=SealedInput(bytes(32), boxes))
    sealed, root = bytes(80), b"\x11" * 32
    chain.send(worker.commit(job, sealed, transcript_root=root))
    chain.blocks(4)
    audit = job + 1
    if not boxes:
        assert chain.rt.jobs.next_job == audit
        return
    record = chain.job(audit)
    assert record.sealed and record.audits == job and chain.rt.jobs.newest_sealed == audit
    judges = seated(chain, team, audit, 1)
    chain.call(ALICE, "Jobs", "provide_key", job=audit, boxes=[(each.key, b"box") for each in judges])
    other = b"\x01" * 80
    for each in judges:
        chain.send(each.commit_hash(audit, other, transcript_root=root))
    for each in judges:
        chain.send(each.reveal(audit, other, transcript_root=root))
    assert [(who, amount) for who, _, amount in charges(chain)] == [(worker.key, STAKE // 10)]
    assert {seat.phase for seat in chain.job(audit).seats} == {SeatPhase.Revealed}
