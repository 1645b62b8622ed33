"""A job's vote: its seats commit to hashes, reveal what they found, and are tallied, over rounds.

| stage | ends | what comes of a seat that is late |
| --- | --- | --- |
| commits | when every seat has committed or abstained, at the latest after half of the round | absent |
| reveals | when every seat that committed has revealed, at the latest with the round | unrevealed: it is slashed |

A seat that hasn't said anything within `AcknowledgeWithin` is absent at once. More than half of all seats that were
ever drawn decide, those of which nothing came included. Without a decision another round follows: a seat for each of
which nothing came, and as many as the first round had less one where the outputs differ; an odd number in all. It
follows at once where the seats that are left can't decide any more: what they have committed to stays secret till then.
After three rounds the job expires.

Who agreed is paid. Who had another output is slashed, but only by a majority; who committed and didn't reveal is
slashed however the vote ends, unless governance took the worker's attestation away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.attestation.pallet import Attestation
from pallets.jobs.audit import expect_audit, finish_audit
from pallets.jobs.calendar import arm, enqueue, enter, is_past, reveal_time
from pallets.jobs.end import (
    end_attempt,
    expire,
    keep_output,
    outcome_of,
    pay_base_fee,
    price_of,
    release_seat,
    settle,
    slash,
    slash_unrevealed,
)
from pallets.jobs.recorded import change_leader, check_transcript, give_up_transcript, replays
from pallets.jobs.sealed import lacked_box
from pallets.jobs.seats import find_seat, require_trust, set_task
from pallets.jobs.stored import check_output, has_stored_input
from pallets.jobs.window import let_stand, rule, stands_unjudged
from pallets.primitives.codec import codec_of
from pallets.primitives.evidence import DoubleCommit, Evidence, SignedCommit, SlashReason
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.job import (
    Mode,
    Output,
    Word,
    commit_hash,
    job_commit_bytes,
    job_word_bytes,
    output_hash,
)
from pallets.primitives.job_record import (
    ATTEMPTS,
    CHALLENGE_SEATS,
    MAX_SEATS,
    Ballot,
    Commitment,
    ExpiryReason,
    Job,
    JobState,
    Seat,
    SeatPhase,
    Stage,
    Task,
)

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs

EVIDENCE = codec_of(Evidence)

# What a worker may say


def check_hash(jobs: Jobs, id: int, attempt: int, hash: bytes, worker: bytes, signature: bytes) -> tuple[Job, Seat]:
    """The job's record and the seat that commits to a hash; raises why that doesn't count.

    Of a seat that has committed to another hash this is evidence, and counts as such.
    """
    signed = job_commit_bytes(genesis=jobs.system.block_hash[0], job=id, attempt=attempt, hash=hash)
    if not jobs.runtime.verify(Ed25519(signature), signed, worker):
        raise jobs.BadSignature
    job = jobs.job[id]
    seat = find_seat(jobs, job, attempt, worker)
    if not job.voted:
        raise jobs.NoVote
    if seat.commitment is not None:
        if seat.is_vacant or hash == seat.commitment.hash:
            raise jobs.AlreadyCommitted
        return job, seat
    if job.stage is Stage.Record:
        raise jobs.NothingRecorded
    if seat.is_vacant or (job.stage is Stage.Commits and is_past(jobs, job.commit_by)):
        raise jobs.TooLate
    require_trust(jobs, worker)
    return job, seat


def take_hash(jobs: Jobs, id: int, job: Job, seat: Seat, hash: bytes, signature: bytes) -> None:
    """Notes what a seat commits to, or that it has committed to two things."""
    if seat.commitment is not None:
        first, second = SignedCommit(seat.commitment.hash, seat.commitment.signature), SignedCommit(hash, signature)
        evidence = EVIDENCE.encode(DoubleCommit(id, job.attempt, seat.worker, first, second))
        _vacate(jobs, id, job, seat, SeatPhase.Equivocated)
        pay = job.gas_limit * job.price
        slash(jobs, id, job, seat, SlashReason.DoubleCommit, pay=pay, evidence=evidence)
    else:
        runtime_id = jobs.workers.worker[seat.worker].info.runtime_id
        seat.commitment = Commitment(hash, signature, runtime_id)
        seat.phase, seat.at = SeatPhase.Committed, jobs.timestamp.now
        set_task(jobs, id, seat.worker, Task.Wait)
        jobs.deposit(jobs.HashCommitted(id, job.attempt, seat.worker, hash))
    advance(jobs, id, job)


def check_reveal(
    jobs: Jobs,
    id: int,
    attempt: int,
    output: Output,
    transcript_root: bytes,
    gas: int,
    salt: bytes,
    worker: bytes,
    signature: bytes,
) -> tuple[Job, Seat, bytes | None, Ballot]:
    """The job's record, the seat, the output's bytes and what it votes for; raises why the reveal doesn't count."""
    job = jobs.job[id]
    commitment = next((seat.commitment for seat in job.voters if seat.worker == worker), None)
    named = output_hash(output)
    if commitment is not None:
        runtime_id = commitment.runtime_id
    elif (known := jobs.workers.worker.get(worker)) is not None:
        runtime_id = known.info.runtime_id
    else:
        raise jobs.WrongWorker
    genesis = jobs.system.block_hash[0]
    signed = job.output_bytes(genesis, id, attempt, named, transcript_root, gas, runtime_id)
    if not jobs.runtime.verify(Ed25519(signature), signed, worker):
        raise jobs.BadSignature
    seat = find_seat(jobs, job, attempt, worker)
    if not job.voted:
        raise jobs.NoVote
    if seat.phase is SeatPhase.Revealed:
        raise jobs.AlreadyRevealed
    if seat.is_vacant:
        raise jobs.TooLate
    if commitment is None:
        raise jobs.NothingCommitted
    if commit_hash(signed, salt=salt, worker=worker, attempt=attempt) != commitment.hash:
        raise jobs.WrongReveal
    if job.stage is not Stage.Reveals:
        raise jobs.TooEarly
    if is_past(jobs, job.due):
        raise jobs.TooLate
    if gas > job.gas_limit:
        raise jobs.GasAboveLimit
    content = check_output(jobs, job, seat, output)
    check_transcript(jobs, job, seat, transcript_root, gas)
    require_trust(jobs, worker)
    return job, seat, content, Ballot(named, transcript_root, gas, large=content is None)


def take_reveal(jobs: Jobs, id: int, job: Job, seat: Seat, content: bytes | None, ballot: Ballot) -> None:
    """Counts what a seat found."""
    seat.phase, seat.ballot = SeatPhase.Revealed, ballot
    if content is not None:
        jobs.candidate[id, ballot.output] = content
    set_task(jobs, id, seat.worker, Task.Wait)
    jobs.deposit(jobs.Revealed(id, job.attempt, seat.worker, ballot.output, ballot.gas))
    advance(jobs, id, job)


def check_word(jobs: Jobs, id: int, attempt: int, word: Word, worker: bytes, signature: bytes) -> tuple[Job, Seat]:
    """The job's record and the seat that says a word; raises why that doesn't count."""
    signed = job_word_bytes(genesis=jobs.system.block_hash[0], job=id, attempt=attempt, word=word)
    if not jobs.runtime.verify(Ed25519(signature), signed, worker):
        raise jobs.BadSignature
    job = jobs.job[id]
    seat = find_seat(jobs, job, attempt, worker)
    if seat.phase in (SeatPhase.Committed, SeatPhase.Revealed):
        raise jobs.AlreadyCommitted
    until = job.acknowledge_by if seat.phase is SeatPhase.Drawn else job.commit_by
    if seat.is_vacant or (job.stage in (Stage.Record, Stage.Commits) and is_past(jobs, until)):
        raise jobs.TooLate
    if word is Word.Unavailable and not replays(job, seat):
        raise jobs.NothingRecorded
    if word in (Word.Acknowledge, Word.Large):
        if seat.large or (word is Word.Acknowledge and seat.phase is SeatPhase.Acknowledged):
            raise jobs.AlreadyAcknowledged
        require_trust(jobs, worker)
    return job, seat


def take_word(jobs: Jobs, id: int, job: Job, seat: Seat, word: Word) -> None:
    """Notes what a seat says."""
    if word in (Word.Acknowledge, Word.Large):
        seat.phase, seat.large = SeatPhase.Acknowledged, word is Word.Large
        jobs.deposit(jobs.Acknowledged(id, job.attempt, seat.worker))
        arm(jobs, id, job)
        jobs.job[id] = job
        return
    if lacked_box(jobs, id, job, seat):
        pay_base_fee(jobs, id, job, seat)
    kept = None if job.sealed or has_stored_input(jobs, id) or word is Word.Unavailable else False
    if job.stage is Stage.Record and seat is job.seats[0]:
        change_leader(jobs, id, job, SeatPhase.Abstained, kept=kept)
    elif job.voted:
        phase = SeatPhase.Uninformed if word is Word.Unavailable else SeatPhase.Abstained
        _vacate(jobs, id, job, seat, phase, kept=kept)
        if job.missed_by >= job.threshold:
            give_up_transcript(jobs, id, job)
        else:
            advance(jobs, id, job)
    else:
        jobs.deposit(jobs.Vacated(id, job.attempt, seat.worker, SeatPhase.Abstained))
        end_attempt(jobs, id, job, kept=kept)


# How a vote goes on


def advance(jobs: Jobs, id: int, job: Job) -> None:
    """Takes a vote as far as what its seats have said allows, and writes it."""
    if job.stage is Stage.Record:
        _keep(jobs, id, job)
    elif job.stage is Stage.Commits:
        if not _may_decide(job) and _more_seats(jobs, job):
            _next_round(jobs, id, job)
        elif any(seat.is_pending for seat in job.voters):
            _keep(jobs, id, job)
        elif _committed(job):
            _open_reveals(jobs, id, job)
        else:
            _judge(jobs, id, job)
    elif job.stage is Stage.Draw or _committed(job):
        _keep(jobs, id, job)
    else:
        _judge(jobs, id, job)


def run_out(jobs: Jobs, id: int, job: Job) -> None:
    """A vote's alarm rang: the seats that are late are vacant."""
    if job.stage is Stage.Record:
        change_leader(jobs, id, job, SeatPhase.Absent)
        return
    at_work = job.stage is Stage.Commits and jobs.timestamp.now < job.commit_by
    for seat in job.voters:
        if job.stage is Stage.Reveals:
            if seat.phase is SeatPhase.Committed:
                _vacate(jobs, id, job, seat, SeatPhase.Absent if _is_barred(jobs, seat) else SeatPhase.Unrevealed)
        elif seat.phase is SeatPhase.Drawn or (seat.is_pending and not at_work):
            _vacate(jobs, id, job, seat, SeatPhase.Absent)
    if job.stage is not Stage.Draw:
        advance(jobs, id, job)
    elif _committed(job):
        _open_reveals(jobs, id, job)  # nobody else could be drawn: what there is earns its base fee
    else:
        _judge(jobs, id, job)


def _keep(jobs: Jobs, id: int, job: Job) -> None:
    arm(jobs, id, job)
    jobs.job[id] = job


def _committed(job: Job) -> list[Seat]:
    return [seat for seat in job.voters if seat.phase is SeatPhase.Committed]


def _may_decide(job: Job) -> bool:
    """Whether the seats that are left can still make a majority."""
    most = max(job.tally().values(), default=0)
    left = sum(seat.is_pending or seat.phase is SeatPhase.Committed for seat in job.voters)
    return most + left >= job.threshold


def _more_seats(jobs: Jobs, job: Job) -> int:
    """How many seats another round adds; none where there is no other."""
    if job.turn + 1 >= ATTEMPTS or job.ends <= jobs.timestamp.now:
        return 0
    vacant, voters = sum(seat.is_vacant for seat in job.voters), len(job.voters)
    wanted = vacant - job.replaced
    if len(job.tally()) > 1:
        wanted += (job.replicas if job.challenge is None else CHALLENGE_SEATS) - 1
    if not (voters + wanted) % 2:
        wanted += 1
    room = MAX_SEATS - len(job.seats)
    return wanted if wanted <= room else 0


def _next_round(jobs: Jobs, id: int, job: Job) -> None:
    wanted = _more_seats(jobs, job)
    job.replaced = sum(seat.is_vacant for seat in job.voters)
    job.round += 1
    if len(job.tally()) > 1:
        enter(jobs, job, JobState.Disputed)
    if job.state is JobState.Disputed:
        jobs.deposit(jobs.Disputed(id, job.round))
    enqueue(jobs, id, job, seats=wanted)


def _open_reveals(jobs: Jobs, id: int, job: Job) -> None:
    due = jobs.timestamp.now + reveal_time(job)
    job.due = due if job.stage is Stage.Draw else max(job.due, due)
    job.stage = Stage.Reveals
    for seat in _committed(job):
        set_task(jobs, id, seat.worker, Task.Reveal)
    _keep(jobs, id, job)


def _judge(jobs: Jobs, id: int, job: Job) -> None:
    """Every seat has said what it had to, or won't: is there a majority?"""
    found, count = next(iter(job.tally().most_common(1)), (None, 0))
    if found is not None and count >= job.threshold:
        _decide(jobs, id, job, [seat for seat in job.voters if seat.ballot and job.vote_of(seat.ballot) == found])
    elif _more_seats(jobs, job):
        _next_round(jobs, id, job)
    else:
        if stands_unjudged(jobs, id, job):
            let_stand(jobs, id, job)
        else:
            expire(jobs, id, job, ExpiryReason.NoMajority if job.tally() else ExpiryReason.AttemptsUsed)
        slash_unrevealed(jobs, id, job, pay=job.gas_limit * job.price)


def _decide(jobs: Jobs, id: int, job: Job, winners: list[Seat]) -> None:
    if job.mode is Mode.Oracle:
        winners = _by_middle(winners)
    ballot = winners[0].ballot
    assert ballot is not None
    if job.audits is not None:
        finish_audit(jobs, id, job, ballot, winners)
    elif job.challenge is not None:
        rule(jobs, id, job, ballot, winners)
    else:
        keep_output(jobs, id, ballot)
        expect_audit(jobs, id, job)
        settle(jobs, id, job, outcome_of(jobs, job, ballot, winners, jobs.timestamp.now), winners)
    pay = _worth(job, ballot, len(winners))
    for seat in job.voters:
        if seat.ballot is not None and seat not in winners and job.mode is not Mode.Oracle:
            hoped_for = _worth(job, seat.ballot, len(winners))
            slash(jobs, id, job, seat, SlashReason.WrongOutput, pay=max(pay, hoped_for))
    slash_unrevealed(jobs, id, job, pay=pay)


def _worth(job: Job, ballot: Ballot, seats: int) -> int:
    """What each of so many seats would be paid for this; of an audit, where nothing is held, by the treasury."""
    return ballot.gas * job.price if job.audits is not None else price_of(job, ballot, seats)


def _by_middle(winners: list[Seat]) -> list[Seat]:
    """Seats that agree, led by the one whose gas is in the middle: it is what each is paid for."""
    by_gas = sorted(winners, key=lambda seat: seat.ballot.gas if seat.ballot else 0)
    middle = by_gas[(len(by_gas) - 1) // 2]
    return [middle, *(seat for seat in winners if seat is not middle)]


def _vacate(jobs: Jobs, id: int, job: Job, seat: Seat, phase: SeatPhase, *, kept: bool | None = False) -> None:
    """Nothing comes of a seat any more; with `kept` none it isn't held against the worker."""
    gone, seat.phase, seat.ballot = seat.ballot, phase, None
    if gone is not None and all(each.ballot is None or each.ballot.output != gone.output for each in job.voters):
        del jobs.candidate[id, gone.output]
    release_seat(jobs, id, job, seat.worker, kept=kept)
    jobs.deposit(jobs.Vacated(id, job.attempt, seat.worker, phase))


def _is_barred(jobs: Jobs, seat: Seat) -> bool:
    """Whether governance keeps a worker from revealing; that its attestation has expired is its own fault."""
    return jobs.attestation.fault(seat.worker) not in (None, Attestation.AttestationExpired)
