"""Jobs that reach the world outside: whose transcript counts, and who answers for it.

| mode | who fetches | what the others do | what is voted on |
| --- | --- | --- | --- |
| `Recorded` | the leader, which is the first seat | replay what it recorded | output, gas and transcript |
| `Oracle` | every seat | fetch for themselves | the output; pay is the gas of the one in the middle |

Of a `Recorded` job of several replicas the leader runs the script first, and says by `record` which transcript the
others get from it. Where it says nothing in time, or more than half of the seats can't get the transcript, that is its
fault: it is unpaid, has missed the job, and another leader is drawn with the next attempt. A job of one replica is
committed with the root of its transcript; seats that judge it replay that, and where most of them can't get it the
worker is slashed as for a wrong output, or silence would be cheaper than that. What seats did before another leader is
drawn counts: a base fee for an output that is known, a slash for one that was kept back.

That a transcript doesn't replay, at no gas, only those can find that replay it.

Who was wrong in an `Oracle` vote is unpaid and not slashed: the world may have shown it something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.jobs.calendar import arm, give_time, is_past
from pallets.jobs.end import clear_candidates, end_attempt, expire, pay_base_fee, slash, slash_unrevealed
from pallets.jobs.seats import find_seat, require_trust, set_task
from pallets.primitives.evidence import SlashReason
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.job import NO_TRANSCRIPT, Mode, job_record_bytes
from pallets.primitives.job_record import ExpiryReason, Job, Seat, SeatPhase, Stage, Task

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs


def check_transcript(jobs: Jobs, job: Job, seat: Seat, root: bytes, gas: int) -> None:
    """Refuses an output whose run can't have had a transcript of this root, or can't have been one."""
    if job.mode is Mode.Deterministic:
        if root != NO_TRANSCRIPT:
            raise jobs.UnexpectedTranscript
    elif root == NO_TRANSCRIPT:
        raise jobs.MissingTranscript
    elif job.transcript not in (None, root):
        raise jobs.WrongTranscript
    elif not gas and not replays(job, seat):
        raise jobs.NoGas


def check_record(jobs: Jobs, id: int, attempt: int, root: bytes, worker: bytes, signature: bytes) -> tuple[Job, Seat]:
    """The job's record and its leader's seat; raises why a transcript doesn't count."""
    signed = job_record_bytes(genesis=jobs.system.block_hash[0], job=id, attempt=attempt, transcript_root=root)
    if not jobs.runtime.verify(Ed25519(signature), signed, worker):
        raise jobs.BadSignature
    job = jobs.job[id]
    seat = find_seat(jobs, job, attempt, worker)
    if not job.led:
        raise jobs.NothingToRecord
    if seat is not job.seats[0]:
        raise jobs.NotLeader
    if job.stage is not Stage.Record:
        raise jobs.AlreadyRecorded
    if is_past(jobs, job.commit_by):
        raise jobs.TooLate
    if root == NO_TRANSCRIPT:
        raise jobs.MissingTranscript
    require_trust(jobs, worker)
    return job, seat


def take_record(jobs: Jobs, id: int, job: Job, leader: Seat, root: bytes) -> None:
    """Notes what the leader has recorded: from now on every seat has the time of a vote's round."""
    job.transcript, job.stage, leader.phase = root, Stage.Commits, SeatPhase.Acknowledged
    give_time(jobs, job)
    for seat in job.voters:
        if seat.is_pending:
            set_task(jobs, id, seat.worker, Task.Run)
    arm(jobs, id, job)
    jobs.job[id] = job
    jobs.deposit(jobs.Recorded(id, job.attempt, leader.worker, root))


def change_leader(jobs: Jobs, id: int, job: Job, phase: SeatPhase, *, kept: bool | None = False) -> None:
    """Nothing comes of the leader: the next attempt has another one. With `kept` none that isn't held against it."""
    clear_candidates(jobs, id, job)
    for seat in job.voters:
        if seat.phase is SeatPhase.Revealed:
            pay_base_fee(jobs, id, job, seat)
    slash_unrevealed(jobs, id, job, pay=job.gas_limit * job.price)
    if not job.seats[0].is_vacant:
        jobs.deposit(jobs.Vacated(id, job.attempt, job.seats[0].worker, phase))
    end_attempt(jobs, id, job, kept=kept)


def replays(job: Job, seat: Seat) -> bool:
    """Whether a seat is to replay what another worker has recorded."""
    return job.transcript is not None and job.voted and (job.challenge is not None or seat is not job.seats[0])


def give_up_transcript(jobs: Jobs, id: int, job: Job) -> None:
    """More than half of the seats couldn't get the transcript: that is the fault of whoever recorded it."""
    if job.challenge is None:
        change_leader(jobs, id, job, SeatPhase.Absent)
        return
    judged, who = job.seats[0], job.challenge.who
    pay = 0 if job.outcome is None else job.outcome.fee
    judged.phase = SeatPhase.Unrevealed  # what nobody can check earns nothing
    expire(jobs, id, job, ExpiryReason.TranscriptMissing)
    slash(jobs, id, job, judged, SlashReason.LostChallenge, pay=pay, reporter=who)
