"""How a job ends: with an output that counts and a fee that is split, or given up and refunded.

Whoever found the output that counts is paid for its gas, all of them together at most what is held; the shares of a fee
are the agent's. Of a job that expires, each seat that has an output gets a base fee, and the rest is released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.frame import U32, AccountId
from pallets.jobs.calendar import disarm, enqueue, enter
from pallets.jobs.callback import JobResult, call_back
from pallets.jobs.sealed import drop_boxes
from pallets.jobs.shares import pay_agent
from pallets.primitives.codec import codec_of
from pallets.primitives.evidence import SlashReason, attempt_subject
from pallets.primitives.job import JobId
from pallets.primitives.job_record import (
    ATTEMPTS,
    CHALLENGE_SEATS,
    Ballot,
    ExpiryReason,
    Job,
    JobState,
    Outcome,
    Seat,
    SeatPhase,
    Stage,
)
from pallets.primitives.pots import pot_account

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs

POT: AccountId = pot_account(b"fthmjobs")
"""The keyless account that holds what is owed."""
BASE_FEES = 16
"""A seat's base fee is this part of what is held for it."""
SLASH_TIMES = 64
"""How often its pay a worker is slashed."""
WITNESSED = codec_of(tuple[JobId, U32, Seat])
"""Evidence of a fault that the chain saw: job, attempt and the seat as it was then."""


def price_of(job: Job, ballot: Ballot, seats: int) -> int:
    """What each of so many seats is paid for one output."""
    return min(ballot.gas * job.price, job.max_fee // seats)


def outcome_of(jobs: Jobs, job: Job, ballot: Ballot, winners: list[Seat], settled_at: int) -> Outcome:
    """What is remembered of how a job was done by these seats."""
    first = winners[0]
    known = [record for seat in winners if (record := jobs.workers.worker.get(seat.worker)) is not None]
    if first.commitment is not None:
        runtime_id = first.commitment.runtime_id
    else:
        runtime_id = known[0].info.runtime_id if known else bytes(32)
    simulated = any(record.simulated for record in known)
    fee = price_of(job, ballot, len(winners)) * len(winners)
    return Outcome(
        first.worker,
        runtime_id,
        simulated,
        ballot.output,
        ballot.transcript_root,
        ballot.gas,
        fee,
        settled_at,
        ballot.large,
    )


def settle(jobs: Jobs, id: int, job: Job, outcome: Outcome, winners: list[Seat]) -> None:
    """Pays for a job: moves the fee out of the hold, credits it, and releases the rest."""
    fee, workers = outcome.fee, seated(job)
    right = job.vote_of(outcome.ballot)
    kept = {seat.worker for seat in job.voters if seat.ballot is not None and job.vote_of(seat.ballot) == right}
    callback = jobs.callback.get(id)
    if fee:
        jobs.currency.transfer_held(jobs.HoldReason.Fee, job.submitter, POT, fee)
    _close(jobs, id, job, JobState.Settled, release=job.max_fee - fee)
    job.outcome = outcome
    jobs.job[id] = job
    for worker in workers:
        release_seat(jobs, id, job, worker, kept=worker in kept)
    jobs.deposit(jobs.Settled(id, outcome.output, outcome.gas, fee))
    to_workers, _, to_chain = job.shares.split(fee)
    pay_seats(jobs, id, winners, to_workers)
    pay_agent(jobs, POT, fee, job.shares, job.agent, lambda who, amount: jobs.deposit(jobs.Paid(id, who, amount)))
    credit(jobs, id, jobs.chain_treasury, to_chain)
    output = jobs.output.get(id) or b""
    if jobs.effects is not None and not job.sealed and job.audits is None:
        jobs.effects.apply(job.agent, id, job.submitter, output)
    if callback is not None:
        call_back(jobs, callback, JobResult(id, job.agent, outcome.output, output, outcome.gas))


def expire(jobs: Jobs, id: int, job: Job, reason: ExpiryReason) -> None:
    """Gives a job up: pays base fees to the seats that have an output, and releases the rest of its fee."""
    executed = [seat for seat in job.seats if seat.phase is SeatPhase.Revealed]
    base = 0
    if executed:
        replicas = CHALLENGE_SEATS if job.challenge is not None else job.replicas
        base = min(job.max_fee // (BASE_FEES * replicas), job.max_fee // len(executed))
    paid = base * len(executed)
    if paid:
        jobs.currency.transfer_held(jobs.HoldReason.Fee, job.submitter, POT, paid)
    workers = seated(job)
    _close(jobs, id, job, JobState.Expired, release=job.max_fee - paid)
    if job.challenge is not None and job.challenge.who is not None:
        jobs.currency.release(jobs.HoldReason.ChallengeBond, job.challenge.who, job.challenge.bond)
    job.outcome = None
    del jobs.output[id]
    jobs.job[id] = job
    for worker in workers:
        release_seat(jobs, id, job, worker, kept=True)
    jobs.deposit(jobs.Expired(id, job.max_fee - paid, reason))
    pay_seats(jobs, id, executed, paid)


def pay_base_fee(jobs: Jobs, id: int, job: Job, seat: Seat) -> None:
    """Pays a seat the base fee at once, out of what is held for the job."""
    base = job.max_fee // (BASE_FEES * job.replicas)
    if base:
        jobs.currency.transfer_held(jobs.HoldReason.Fee, job.submitter, POT, base)
        job.max_fee -= base
        pay_seats(jobs, id, [seat], base)


def end_attempt(jobs: Jobs, id: int, job: Job, *, kept: bool | None = False) -> None:
    """Takes a job from its worker, or from its leader, which missed it: others are drawn, or the job expires.

    With `kept` none it isn't held against the worker.
    """
    used = job.attempt == ATTEMPTS and job.state is not JobState.Queued
    for worker in seated(job):
        release_seat(jobs, id, job, worker, kept=kept if worker == job.seats[0].worker else None)
    if job.seats:
        job.tried.append(job.seats[0].worker)
    job.seats, job.transcript, job.round, job.replaced = [], None, 0, 0
    if used:
        expire(jobs, id, job, ExpiryReason.AttemptsUsed)
    elif job.ends <= jobs.timestamp.now:
        expire(jobs, id, job, ExpiryReason.DeadlinePassed)
    else:
        job.attempt += 1
        enter(jobs, job, JobState.Queued)
        enqueue(jobs, id, job, seats=job.replicas)
        jobs.deposit(jobs.Requeued(id, job.attempt))


def seated(job: Job) -> list[bytes]:
    """The workers that have a job now: those that something may still come of, or that wait for the others."""
    if job.stage is Stage.Window:
        return []
    return [seat.worker for seat in job.voters if not seat.is_vacant]


def release_seat(jobs: Jobs, id: int, job: Job, worker: bytes, *, kept: bool | None) -> None:
    """Takes a job from a worker, which has kept it or missed it, or neither where `kept` is none."""
    if kept and not job.proves:
        kept = None
    left = [assignment for assignment in jobs.assignments[worker] if assignment.job != id]
    if left:
        jobs.assignments[worker] = left
    else:
        del jobs.assignments[worker]
    if worker in jobs.workers.worker:  # root may have removed it
        jobs.workers.finish(worker, kept=kept)


def pay_seats(jobs: Jobs, id: int, seats: list[Seat], amount: int) -> None:
    """Credits seats with an amount in equal parts, and the first with what is over."""
    for place, seat in enumerate(seats):
        part = amount // len(seats) + (amount % len(seats) if not place else 0)
        if part:
            credit(jobs, id, seat.operator, jobs.workers.earn(seat.operator, part, POT))


def credit(jobs: Jobs, id: int, who: bytes, amount: int) -> None:
    """Credits an account with what lies in the pot for it."""
    if amount:
        jobs.claimable[who] += amount
        jobs.deposit(jobs.Paid(id, who, amount))


def slash(
    jobs: Jobs,
    id: int,
    job: Job,
    seat: Seat,
    reason: SlashReason,
    *,
    pay: int,
    evidence: bytes | None = None,
    reporter: bytes | None = None,
) -> None:
    """Has a worker slashed for what it did with a job, that would have brought it this pay."""
    if evidence is None:
        evidence = WITNESSED.encode((id, job.attempt, seat))
    jobs.penalties.punish(
        seat.worker,
        reason,
        max(SLASH_TIMES * pay, jobs.min_slash),
        subject=attempt_subject(id, job.attempt),
        evidence=evidence,
        at=seat.at,
        reporter=reporter,
    )


def slash_unrevealed(jobs: Jobs, id: int, job: Job, *, pay: int) -> None:
    """Has the workers slashed that committed to an output and kept it to themselves."""
    for seat in job.voters:
        if seat.phase is SeatPhase.Unrevealed:
            slash(jobs, id, job, seat, SlashReason.NotRevealed, pay=pay)


def keep_output(jobs: Jobs, id: int, ballot: Ballot) -> None:
    """Makes the output that a vote was won by the job's; a large one isn't on the chain."""
    if ballot.large:
        del jobs.output[id]
    else:
        jobs.output[id] = jobs.candidate[id, ballot.output]


def clear_candidates(jobs: Jobs, id: int, job: Job) -> None:
    """Drops the outputs that a vote's seats have revealed."""
    for output in {seat.ballot.output for seat in job.voters if seat.ballot is not None}:
        del jobs.candidate[id, output]


def _close(jobs: Jobs, id: int, job: Job, state: JobState, *, release: int) -> None:
    """The job is over: it waits for nothing any more, and what is left of its hold is free."""
    disarm(jobs, id, job)
    clear_candidates(jobs, id, job)
    del jobs.input[id]
    del jobs.callback[id]
    drop_boxes(jobs, id, job)
    jobs.workers.free_class(job.class_id)
    enter(jobs, job, state)
    job.stage = Stage.Over
    if release:
        jobs.currency.release(jobs.HoldReason.Fee, job.submitter, release)
