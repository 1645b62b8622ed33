"""Jobs that reach the world outside: leaders and what they record, replays, outputs that each fetched for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pallets.jobs.end import SLASH_TIMES
from pallets.jobs.pallet import Jobs
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import NO_TRANSCRIPT, Mode, Word
from pallets.primitives.job_record import ExpiryReason, JobState, SeatPhase, Stage, Task
from tests.pallets.bare_calls import refused
from tests.pallets.job_chain import ALICE, BOB, STAKE, UNIT, JobChain, TestWorker
from tests.pallets.voting import PAY, Crew, balanced_chain, charges, crew_of_16, seated

ROOT, OTHER = b"\x11" * 32, b"\x22" * 32
ROUND, HALF = 40_000, 20_000
A, B = b"right", b"wrong"

chain, team = balanced_chain, crew_of_16


def begun(chain: JobChain, team: Crew, mode: Mode, replicas: int = 3) -> tuple[int, list[TestWorker]]:
    job = chain.submit(mode=mode, replicas=replicas, deadline=3 * ROUND)
    chain.blocks(2)
    return job, seated(chain, team, job)


def task(chain: JobChain, worker: TestWorker) -> Task:
    (assignment,) = chain.rt.jobs.assignments[worker.key]
    return assignment.task


def vote(chain: JobChain, job: int, seats: Sequence[TestWorker], contents: Sequence[bytes], **found: Any) -> None:
    """Each commits to its output and reveals it."""
    for worker, content in zip(seats, contents, strict=True):
        chain.send(worker.commit_hash(job, content, **found))
    for worker, content in zip(seats, contents, strict=True):
        chain.send(worker.reveal(job, content, **found))


def challenged(chain: JobChain, team: Crew, content: bytes = A) -> tuple[int, TestWorker, list[TestWorker]]:
    """A job of one replica whose output Bob has challenged, its worker, and those that judge it."""
    chain.sudo("Jobs", "set_window", window=30_000)
    job, (worker,) = begun(chain, team, Mode.Recorded, replicas=1)
    chain.send(worker.commit(job, content, transcript_root=ROOT))
    assert chain.job(job).stage is Stage.Window
    chain.call(BOB, "Jobs", "challenge", job=job)
    chain.blocks(2)
    return job, worker, seated(chain, team, job, 1)


# One replica


@pytest.mark.parametrize("mode", [Mode.Recorded, Mode.Oracle])
def test_one_worker_commits_with_its_transcript(chain: JobChain, team: Crew, mode: Mode) -> None:
    job, (worker,) = begun(chain, team, mode, replicas=1)
    assert (chain.job(job).stage, task(chain, worker)) == (Stage.Commits, Task.Run)
    refused(chain, worker.commit(job, A), Jobs.MissingTranscript)
    refused(chain, worker.record_transcript(job, ROOT), Jobs.NothingToRecord)
    chain.send(worker.commit(job, A, transcript_root=ROOT))
    outcome = chain.job(job).outcome
    assert outcome is not None and (outcome.transcript_root, outcome.output) == (ROOT, blake2_256(A))
    assert chain.job(job).state is JobState.Settled


def test_an_oracles_output_has_no_window(chain: JobChain, team: Crew) -> None:
    chain.sudo("Jobs", "set_window", window=30_000)
    job, (worker,) = begun(chain, team, Mode.Oracle, replicas=1)
    chain.send(worker.commit(job, A, transcript_root=ROOT))
    assert chain.job(job).state is JobState.Settled


# A leader and those that replay


def test_the_leader_records_and_the_others_replay(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, Mode.Recorded)
    leader, *others = seats
    assert chain.job(job).stage is Stage.Record and chain.job(job).alarm == chain.job(job).acknowledge_by
    assert [task(chain, each) for each in seats] == [Task.Run, Task.Wait, Task.Wait]
    refused(chain, others[0].commit_hash(job, A, transcript_root=ROOT), Jobs.NothingRecorded)
    refused(chain, others[0].word(job, Word.Unavailable), Jobs.NothingRecorded)
    refused(chain, others[0].record_transcript(job, ROOT), Jobs.NotLeader)
    refused(chain, leader.record_transcript(job, NO_TRANSCRIPT), Jobs.MissingTranscript)
    chain.next_block(10_000)
    chain.send(leader.record_transcript(job, ROOT))
    now = chain.rt.timestamp.now
    assert chain.events(Jobs.Recorded) == [Jobs.Recorded(job, 1, leader.key, ROOT)]
    assert (chain.job(job).stage, chain.job(job).commit_by) == (Stage.Commits, now + HALF)
    assert [task(chain, each) for each in seats] == [Task.Run] * 3
    refused(chain, leader.record_transcript(job, OTHER), Jobs.AlreadyRecorded)
    refused(chain, leader.word(job, Word.Unavailable), Jobs.NothingRecorded)
    vote(chain, job, seats, [A, A, A], transcript_root=ROOT)
    outcome = chain.job(job).outcome
    assert outcome is not None and (outcome.transcript_root, outcome.fee) == (ROOT, 3 * PAY)
    assert [each.record.kept for each in seats] == [1, 1, 1] and not charges(chain)


def test_another_transcript_is_no_replay(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, Mode.Recorded)
    chain.send(seats[0].record_transcript(job, ROOT))
    for each, root in zip(seats, [ROOT, OTHER, NO_TRANSCRIPT], strict=True):
        chain.send(each.commit_hash(job, A, transcript_root=root))
    refused(chain, seats[1].reveal(job, A, transcript_root=OTHER), Jobs.WrongTranscript)
    refused(chain, seats[2].reveal(job, A), Jobs.MissingTranscript)
    chain.send(seats[0].reveal(job, A, transcript_root=ROOT))
    chain.next_block(ROUND)
    assert sorted(who for who, _, _ in charges(chain)) == []  # they may follow it by another round's votes first
    assert [each.phase for each in chain.job(job).seats] == [
        SeatPhase.Revealed,
        SeatPhase.Unrevealed,
        SeatPhase.Unrevealed,
    ]
    chain.blocks(2)
    vote(chain, job, seated(chain, team, job, 1), [A, A], transcript_root=ROOT)
    assert chain.job(job).state is JobState.Settled
    assert sorted(charges(chain)) == sorted((each.key, "NotRevealed", STAKE // 10) for each in seats[1:])


def test_wrong_execution_costs_the_leader(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, Mode.Recorded)
    chain.send(seats[0].record_transcript(job, ROOT))
    vote(chain, job, seats, [B, A, A], transcript_root=ROOT)
    assert chain.job(job).state is JobState.Settled and chain.rt.jobs.output[job] == A
    assert charges(chain) == [(seats[0].key, "WrongOutput", max(SLASH_TIMES * PAY, STAKE // 10))]


@pytest.mark.parametrize("how", ["silent", "abstains", "acknowledged and late"])
def test_a_leader_that_records_nothing_is_followed_by_another(chain: JobChain, team: Crew, how: str) -> None:
    job, seats = begun(chain, team, Mode.Recorded)
    if how == "abstains":
        chain.send(seats[0].word(job, Word.Abstain))
    else:
        if how != "silent":
            chain.send(seats[0].word(job))
        chain.next_block(HALF)
    assert (chain.job(job).state, chain.job(job).attempt) == (JobState.Queued, 2)
    assert [each.record.missed for each in seats] == [1, 0, 0] and all(each.record.load == 0 for each in seats)
    assert not charges(chain)
    chain.blocks(2)
    again = seated(chain, team, job)
    assert len(again) == 3 and again[0].key != seats[0].key and chain.job(job).stage is Stage.Record
    chain.send(again[0].record_transcript(job, ROOT))
    vote(chain, job, again, [A, A, A], transcript_root=ROOT)
    assert chain.job(job).state is JobState.Settled


def test_three_leaders_in_vain_end_the_job(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, Mode.Recorded)
    for _ in range(2):
        chain.send(seats[0].word(job, Word.Abstain))
        chain.blocks(2)
        seats = seated(chain, team, job)
    chain.send(seats[0].word(job, Word.Abstain))
    assert chain.events(Jobs.Expired) == [Jobs.Expired(job, UNIT, ExpiryReason.AttemptsUsed)]
    assert chain.job(job).state is JobState.Expired
    assert chain.rt.balances.held(Jobs.HoldReason.Fee, ALICE) == 0


def test_a_transcript_that_most_cant_get_is_the_leaders_fault(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, Mode.Recorded)
    leader, *others = seats
    chain.send(leader.record_transcript(job, ROOT))
    chain.send(leader.commit_hash(job, A, transcript_root=ROOT))
    chain.send(others[0].word(job, Word.Unavailable))
    assert chain.job(job).seats[1].phase is SeatPhase.Uninformed and chain.job(job).attempt == 1
    chain.send(others[1].word(job, Word.Unavailable))
    assert (chain.job(job).attempt, chain.job(job).transcript, chain.job(job).seats) == (2, None, [])
    assert [each.record.missed for each in seats] == [1, 0, 0] and not charges(chain)
    assert all(each.record.load == 0 for each in seats)


def test_a_transcript_that_one_cant_get_stops_nobody(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, Mode.Recorded, replicas=5)
    chain.send(seats[0].record_transcript(job, ROOT))
    chain.send(seats[1].word(job, Word.Unavailable))
    chain.send(seats[2].word(job, Word.Unavailable))
    vote(chain, job, [seats[0], *seats[3:]], [A, A, A], transcript_root=ROOT)
    assert chain.job(job).state is JobState.Settled and seats[1].record.missed == 0


@pytest.mark.parametrize("attempt", [1, 3])
def test_what_seats_did_before_the_leader_is_changed_counts(chain: JobChain, team: Crew, attempt: int) -> None:
    """One has an output, another keeps it back, a third differs; the seats that follow can't get the transcript."""
    job, seats = begun(chain, team, Mode.Recorded, replicas=5)
    for _ in range(attempt - 1):
        chain.send(seats[0].word(job, Word.Abstain))
        chain.blocks(2)
        seats = seated(chain, team, job)
    chain.send(seats[0].record_transcript(job, ROOT))
    for each, content in zip(seats[:3], [B, A, A], strict=True):
        chain.send(each.commit_hash(job, content, transcript_root=ROOT))
    for each in seats[3:]:
        chain.send(each.word(job, Word.Unavailable))
    for each, content in zip(seats[:2], [B, A], strict=True):
        chain.send(each.reveal(job, content, transcript_root=ROOT))
    chain.next_block(ROUND)
    for _ in range(20):  # a draw may take nobody at first
        chain.next_block() if chain.job(job).stage is Stage.Draw else None
    more = seated(chain, team, job, 1)
    assert chain.job(job).state is JobState.Disputed and chain.job(job).round == 1
    for each in more:
        if chain.job(job).attempt == attempt and chain.job(job).state is JobState.Disputed:
            chain.send(each.word(job, Word.Unavailable))
    assert charges(chain) == [
        (seats[2].key, "NotRevealed", max(SLASH_TIMES * chain.job(job).gas_limit * 3, STAKE // 10))
    ]
    assert not list(chain.rt.jobs.candidate) and not list(chain.rt.jobs.assignments)
    for each in seats[:2]:
        assert chain.rt.jobs.claimable[each.info.operator] > 0
    ended = chain.job(job)
    if attempt == 1:
        assert (ended.state, ended.attempt, ended.seats, ended.transcript) == (JobState.Queued, 2, [], None)
    else:
        assert (ended.state, ended.attempt) == (JobState.Expired, 3)


def test_only_who_replays_can_find_that_there_is_no_run(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, Mode.Recorded)
    chain.send(seats[0].record_transcript(job, ROOT))
    for each in seats:
        chain.send(each.commit_hash(job, B, transcript_root=ROOT, gas=0))
    refused(chain, seats[0].reveal(job, B, transcript_root=ROOT, gas=0), Jobs.NoGas)
    for each in seats[1:]:
        chain.send(each.reveal(job, B, transcript_root=ROOT, gas=0))
    chain.next_block(ROUND)
    assert chain.job(job).state is JobState.Settled
    assert [(who, why) for who, why, _ in charges(chain)] == [(seats[0].key, "NotRevealed")]
    for mode in (Mode.Recorded, Mode.Oracle):
        job, (worker,) = begun(chain, team, mode, replicas=1)
        refused(chain, worker.commit(job, B, transcript_root=ROOT, gas=0), Jobs.NoGas)


# A challenge


def test_judges_replay_what_was_recorded(chain: JobChain, team: Crew) -> None:
    job, worker, judges = challenged(chain, team)
    assert (chain.job(job).stage, chain.job(job).transcript) == (Stage.Commits, ROOT)
    vote(chain, job, judges, [A, A, A], transcript_root=ROOT)
    assert chain.job(job).state is JobState.Settled and worker.record.kept == 1 and not charges(chain)


def test_a_wrong_replay_is_found(chain: JobChain, team: Crew) -> None:
    job, worker, judges = challenged(chain, team, B)
    vote(chain, job, judges, [A, A, A], transcript_root=ROOT)
    assert chain.rt.jobs.output[job] == A
    assert [(who, why) for who, why, _ in charges(chain)] == [(worker.key, "LostChallenge")]


def test_who_keeps_the_transcript_back_is_slashed_and_unpaid(chain: JobChain, team: Crew) -> None:
    job, worker, judges = challenged(chain, team, B)
    free = chain.rt.balances.held(Jobs.HoldReason.ChallengeBond, BOB)
    assert free > 0
    for judge in judges[:2]:
        chain.send(judge.word(job, Word.Unavailable))
    assert chain.job(job).state is JobState.Expired
    (expired,) = chain.events(Jobs.Expired)
    assert (expired.reason, expired.refunded) == (ExpiryReason.TranscriptMissing, UNIT)
    assert [(who, why) for who, why, _ in charges(chain)] == [(worker.key, "LostChallenge")]
    assert chain.rt.balances.held(Jobs.HoldReason.ChallengeBond, BOB) == 0
    assert chain.rt.jobs.claimable[worker.info.operator] == 0


# Each for itself


def test_an_oracle_votes_on_the_output_alone_and_pays_the_gas_in_the_middle(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, Mode.Oracle)
    assert [task(chain, each) for each in seats] == [Task.Run] * 3
    found = [{"gas": gas, "transcript_root": bytes([gas % 251 + 1]) * 32} for gas in (900, 700, 800)]
    for worker, each in zip(seats, found, strict=True):
        chain.send(worker.commit_hash(job, A, **each))  # type: ignore[arg-type]
    for worker, each in zip(seats, found, strict=True):
        chain.send(worker.reveal(job, A, **each))  # type: ignore[arg-type]
    outcome = chain.job(job).outcome
    assert outcome is not None and (outcome.gas, outcome.worker) == (800, seats[2].key)
    assert outcome.transcript_root == found[2]["transcript_root"] and outcome.fee == 3 * 800 * chain.job(job).price
    assert [each.record.kept for each in seats] == [1, 1, 1]


def test_who_is_alone_with_an_oracles_output_is_unpaid_and_not_slashed(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, Mode.Oracle)
    vote(chain, job, seats, [A, B, A], transcript_root=ROOT)
    assert chain.job(job).state is JobState.Settled and chain.rt.jobs.output[job] == A
    assert not charges(chain) and chain.rt.jobs.claimable[seats[1].info.operator] == 0
    assert [each.record.missed for each in seats] == [0, 1, 0]


# An audit


@pytest.fixture
def every_lot(chain: JobChain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain has every output judged that it may."""
    monkeypatch.setattr("pallets.jobs.lots.ONE_IN", 1)
    chain.sudo("Jobs", "set_window", window=30_000)


def audited(chain: JobChain, team: Crew) -> tuple[int, TestWorker, list[TestWorker]]:
    """The audit of a settled job of three, the worker whose transcript is replayed, and those that do it."""
    job, seats = begun(chain, team, Mode.Oracle)
    free = chain.rt.balances.free(ALICE) + chain.rt.balances.held(Jobs.HoldReason.Fee, ALICE)
    vote(chain, job, seats, [A, A, A], transcript_root=ROOT)
    assert chain.job(job).state is JobState.Settled
    chain.blocks(2)
    (begun_audit,) = chain.events(Jobs.Audited)
    assert begun_audit.job == job and begun_audit.worker in {each.key for each in seats}
    audit = begun_audit.audit
    assert (chain.job(audit).audits, chain.job(audit).max_fee, chain.job(audit).state) == (job, 0, JobState.Disputed)
    assert chain.job(audit).reads_at == chain.job(job).reads_at > 0  # what its judges read is what it has read
    assert not list(chain.rt.jobs.audit_input) and free >= chain.rt.balances.free(ALICE)
    chain.blocks(2)
    judges = seated(chain, team, audit, 1)
    assert len(judges) == 3 and not {each.key for each in judges} & {each.key for each in seats}
    return audit, team[begun_audit.worker], judges


@pytest.mark.usefixtures("every_lot")
def test_a_transcript_that_replays_costs_nobody(chain: JobChain, team: Crew) -> None:
    audit, worker, judges = audited(chain, team)
    owed = [chain.rt.jobs.claimable[each.info.operator] for each in judges]
    vote(chain, audit, judges, [A, A, A], transcript_root=ROOT)
    assert chain.job(audit).state is JobState.Settled and not charges(chain)
    assert [chain.rt.jobs.claimable[each.info.operator] for each in judges] > owed  # from the treasury's share
    assert worker.record.missed == 0


@pytest.mark.usefixtures("every_lot")
def test_a_transcript_that_replays_to_something_else_is_slashed(chain: JobChain, team: Crew) -> None:
    audit, worker, judges = audited(chain, team)
    vote(chain, audit, judges, [B, B, B], transcript_root=ROOT)
    assert [(who, why) for who, why, _ in charges(chain)] == [(worker.key, "LostChallenge")]
    job = chain.job(audit).audits
    assert job is not None and chain.rt.jobs.output[job] == A and chain.job(job).state is JobState.Settled


@pytest.mark.usefixtures("every_lot")
def test_a_wrong_replay_costs_as_much_as_a_right_one_is_worth(chain: JobChain, team: Crew) -> None:
    gas = 10**9
    worth = SLASH_TIMES * gas * 3
    assert worth < STAKE // 10  # so the price is what makes it more
    audit, worker, judges = audited(chain, team)
    record = chain.job(audit)
    record.price = 300
    chain.rt.jobs.job[audit] = record
    for each, content in zip(judges, [B, A, A], strict=True):
        chain.send(each.commit_hash(audit, content, transcript_root=ROOT, gas=gas))
    for each, content in zip(judges, [B, A, A], strict=True):
        chain.send(each.reveal(audit, content, transcript_root=ROOT, gas=gas))
    wanted = SLASH_TIMES * gas * 300
    assert sorted(charges(chain)) == sorted(
        [(worker.key, "LostChallenge", wanted), (judges[0].key, "WrongOutput", wanted)]
    )


@pytest.mark.usefixtures("every_lot")
def test_a_transcript_that_is_kept_back_is_slashed(chain: JobChain, team: Crew) -> None:
    audit, worker, judges = audited(chain, team)
    for judge in judges[:2]:
        chain.send(judge.word(audit, Word.Unavailable))
    assert chain.job(audit).state is JobState.Expired
    assert [(who, why) for who, why, _ in charges(chain)] == [(worker.key, "LostChallenge")]


@pytest.mark.usefixtures("every_lot")
def test_an_audit_that_nobody_does_ends(chain: JobChain, team: Crew) -> None:
    audit, worker, _ = audited(chain, team)
    for _ in range(20):
        chain.next_block(20_000)
        for each in team.values():
            chain.send(each.heartbeat()) if each.record.challenged else None
    assert chain.job(audit).state is JobState.Settled  # nobody found anything else
    assert not charges(chain) and worker.record.slashed == 0


def test_without_a_window_there_are_no_audits(chain: JobChain, team: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pallets.jobs.lots.ONE_IN", 1)
    job, seats = begun(chain, team, Mode.Oracle)
    vote(chain, job, seats, [A, A, A], transcript_root=ROOT)
    assert not list(chain.rt.jobs.lots) and not list(chain.rt.jobs.audit_input)
