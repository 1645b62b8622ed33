"""Audits: whether a run of an `Oracle` job that is settled was what its transcript says.

Nobody can say what the world showed a worker. But that its run, shown that, leaves this output at this gas can be
checked by anybody who has the transcript. Of the settled jobs the chain picks one in 64, by the randomness of a later
block, and one of its seats: three fresh seats replay that seat's transcript, as in a challenge without a bond. The
job stays as it was settled; an author whose transcript doesn't replay, or can't be had, is slashed. An audit is a job
record of its own, for which nothing is held; its seats are paid from what is owed to the chain's treasury.

Where there is no challenge window there are no audits either; nor of sealed jobs that came without boxes, whose input
nobody else could open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.jobs.calendar import enqueue
from pallets.jobs.end import outcome_of, pay_seats, settle, slash
from pallets.jobs.window import barred_operators, draw_from_treasury, free_operators
from pallets.primitives.evidence import SlashReason
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import Input, Mode, SealedInput
from pallets.primitives.job_record import CHALLENGE_SEATS, Ballot, Challenge, Job, JobState, Seat, SeatPhase
from pallets.randomness.beacon import DRAW_DELAY
from pallets.state_counts import count_change

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs


def expect_audit(jobs: Jobs, id: int, job: Job) -> None:
    """Keeps what an audit of a job that is about to be settled would need, until its lot is drawn."""
    input = jobs.input.get(id)
    if job.mode is Mode.Oracle and jobs.window and input is not None and _can_be_opened(input):
        jobs.audit_input[id] = input
        jobs.lots[jobs.system.number + DRAW_DELAY, id] = None


def _can_be_opened(input: Input) -> bool:
    """Whether those who would judge could read it; boxes that the submitter gave its workers are of no use to them."""
    return not isinstance(input, SealedInput) or bool(input.boxes)


def draw_audit(jobs: Jobs, id: int, lot: bytes, *, hit: bool) -> None:
    """A settled job's lot was drawn: has one of its seats judged, if it was hit and somebody is there to judge it."""
    input = jobs.audit_input.get(id)
    del jobs.audit_input[id]
    if not hit or input is None:
        return
    job = jobs.job[id]
    seats = [seat for seat in job.seats if seat.phase is SeatPhase.Revealed and seat.ballot is not None]
    judged = seats[int.from_bytes(blake2_256(lot), "little") % len(seats)]
    barred = barred_operators(jobs, job)
    if jobs.workers.has_class(job.class_id) and free_operators(jobs, job, barred) >= CHALLENGE_SEATS:
        _begin(jobs, id, job, judged, input)


def finish_audit(jobs: Jobs, id: int, job: Job, ballot: Ballot, winners: list[Seat]) -> None:
    """A majority has replayed a transcript."""
    judged = job.seats[0]
    outcome = outcome_of(jobs, job, ballot, winners, jobs.timestamp.now)
    settle(jobs, id, job, outcome, winners)
    pay_seats(jobs, id, winners, draw_from_treasury(jobs, len(winners) * ballot.gas * job.price))
    if judged.ballot != ballot:
        claimed = 0 if judged.ballot is None else judged.ballot.gas
        slash(jobs, id, job, judged, SlashReason.LostChallenge, pay=max(ballot.gas, claimed) * job.price)


def _begin(jobs: Jobs, id: int, job: Job, judged: Seat, input: Input) -> None:
    assert judged.ballot is not None
    now, number = jobs.timestamp.now, jobs.next_job
    jobs.next_job = number + 1
    jobs.input[number] = input
    if job.sealed:
        jobs.newest_sealed = number
    jobs.workers.hold_class(job.class_id)
    ballot = judged.ballot
    audit = Job(
        agent=job.agent,
        submitter=job.submitter,
        code=job.code,
        input=job.input,
        mode=Mode.Recorded,
        replicas=1,
        max_fee=0,
        price=job.price,
        gas_limit=job.gas_limit,
        shares=job.shares,
        treasury=job.treasury,
        submitted_at=job.submitted_at,
        deadline=job.deadline,
        narrow_allowed=job.narrow_allowed,
        state=JobState.Disputed,
        attempt=1,
        due=now + job.deadline,
        ends=now + job.deadline,
        class_id=job.class_id,
        sealed=job.sealed,
        round=1,
        seats=[Seat(judged.worker, judged.operator, 0, judged.at, judged.phase, judged.commitment, ballot)],
        challenge=Challenge(None, 0),
        transcript=ballot.transcript_root,
        reads_at=job.reads_at,
        audits=id,
    )
    audit.outcome = outcome_of(jobs, audit, ballot, audit.seats, 0)
    count_change(jobs.in_state, None, audit.state)
    jobs.deposit(jobs.Audited(id, number, judged.worker))
    enqueue(jobs, number, audit, seats=CHALLENGE_SEATS)
