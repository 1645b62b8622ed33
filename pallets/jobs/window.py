"""The time in which the output of a job of one replica is provisional, and how it is judged.

Until the window ends the output can be seen, but nobody is paid for it and nothing follows from it. A challenge makes
it a vote of fresh seats, in which the worker's own doesn't count but is judged. Who challenges holds a bond: it goes to
the worker and to the seats that agree with it where the output stands; else it is returned, the worker is slashed, and
the job's fee goes to the seats. Without a decision the job expires, and the bond is returned.

Of all provisional outputs the chain challenges one in 64 by itself, drawn from the randomness of a later block than the
one that has the output: neither its author nor the worker knows which. There is no bond then: where the output stands
the seats are paid from what is owed to the chain's treasury, as long as it suffices; without a decision, and without a
different output, it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.jobs.calendar import arm, enqueue, enter, is_past
from pallets.jobs.end import POT, keep_output, outcome_of, pay_seats, price_of, release_seat, settle, slash
from pallets.jobs.stored import has_stored_input
from pallets.primitives.evidence import SlashReason
from pallets.primitives.job_record import CHALLENGE_SEATS, Ballot, Challenge, Job, JobState, Outcome, Seat, Stage
from pallets.randomness.beacon import DRAW_DELAY

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs


def open_window(jobs: Jobs, id: int, job: Job, outcome: Outcome) -> None:
    """The output of a job of one replica is there, and provisional."""
    enter(jobs, job, JobState.Committed)
    job.stage, job.outcome = Stage.Window, outcome
    job.due = jobs.timestamp.now + jobs.window
    arm(jobs, id, job)
    jobs.lots[jobs.system.number + DRAW_DELAY, id] = None
    jobs.job[id] = job
    release_seat(jobs, id, job, outcome.worker, kept=True)


def close_window(jobs: Jobs, id: int, job: Job) -> None:
    """The provisional output stands."""
    assert job.outcome is not None
    job.outcome.settled_at = jobs.timestamp.now
    settle(jobs, id, job, job.outcome, job.seats[:1])


def let_stand(jobs: Jobs, id: int, job: Job) -> None:
    """Nobody has decided on a challenged output, and it stands: the bond is returned."""
    close_window(jobs, id, job)
    if job.challenge is not None and job.challenge.who is not None:
        jobs.currency.release(jobs.HoldReason.ChallengeBond, job.challenge.who, job.challenge.bond)


def challenge(jobs: Jobs, id: int, who: bytes | None) -> None:
    """Has a provisional output judged, for a bond, or by the chain itself; raises why it can't be."""
    job = jobs.job[id]
    if job.stage is not Stage.Window or job.outcome is None or is_past(jobs, job.due):
        raise jobs.NotProvisional
    barred = barred_operators(jobs, job) | ({who} if who is not None else set())
    if free_operators(jobs, job, barred) < CHALLENGE_SEATS:
        raise jobs.TooFewOperators
    bond = 0
    if who is not None:
        bond = max(jobs.challenge_bond, (1 + CHALLENGE_SEATS) * job.outcome.fee)
        jobs.currency.hold(jobs.HoldReason.ChallengeBond, who, bond, keep_alive=True)
    enter(jobs, job, JobState.Disputed)
    job.challenge, job.round = Challenge(who, bond), 1
    job.ends = jobs.timestamp.now + job.deadline
    jobs.deposit(jobs.Challenged(id, who, bond))
    jobs.deposit(jobs.Disputed(id, job.round))
    enqueue(jobs, id, job, seats=CHALLENGE_SEATS)


def rule(jobs: Jobs, id: int, job: Job, ballot: Ballot, winners: list[Seat]) -> None:
    """A majority has spoken on a challenged output."""
    assert job.challenge is not None and job.outcome is not None
    judged, who, bond = job.seats[0], job.challenge.who, job.challenge.bond
    if judged.ballot == ballot:
        close_window(jobs, id, job)
        if who is not None:
            jobs.currency.transfer_held(jobs.HoldReason.ChallengeBond, who, POT, bond)
            pay_seats(jobs, id, [judged, *winners], bond)
        else:
            pay_seats(jobs, id, winners, draw_from_treasury(jobs, len(winners) * price_of(job, ballot, 1)))
        return
    keep_output(jobs, id, ballot)
    settle(jobs, id, job, outcome_of(jobs, job, ballot, winners, jobs.timestamp.now), winners)
    if who is not None:
        jobs.currency.release(jobs.HoldReason.ChallengeBond, who, bond)
    pay = max(price_of(job, ballot, 1), price_of(job, judged.ballot or ballot, 1))
    slash(jobs, id, job, judged, SlashReason.LostChallenge, pay=pay, reporter=who)


def stands_unjudged(jobs: Jobs, id: int, job: Job) -> bool:
    """Whether a challenged output stands though no majority was found: nobody found another.

    That is so where the chain had it judged, and of a job whose input isn't on the chain for all to read: its
    submitter, who has the output, could else challenge it, keep the judges from the input, and have the fee back.
    """
    if job.challenge is None or not (job.challenge.who is None or job.sealed or has_stored_input(jobs, id)):
        return False
    return all(seat.ballot in (None, job.seats[0].ballot) for seat in job.seats)


def barred_operators(jobs: Jobs, job: Job) -> set[bytes]:
    """Whose workers aren't drawn for a job: its submitter's, its seats', its challenger's, those of what it audits."""
    barred = {job.submitter, *(seat.operator for seat in job.seats)}
    if job.audits is not None:
        barred |= {seat.operator for seat in jobs.job[job.audits].seats}
    if job.challenge is not None and job.challenge.who is not None:
        barred.add(job.challenge.who)
    return barred


def free_operators(jobs: Jobs, job: Job, barred: set[bytes]) -> int:
    """How many operators a job's next seats may be drawn from: none once the job's class is gone."""
    workers = jobs.workers
    if not workers.has_class(job.class_id):
        return 0
    return workers.eligible_operators[job.class_id] - sum(
        1 for operator in barred if workers.eligible_of[job.class_id, operator]
    )


def draw_from_treasury(jobs: Jobs, wanted: int) -> int:
    """Takes from what is owed to the chain's treasury, as much of it as there is."""
    owed = jobs.claimable[jobs.chain_treasury]
    taken = min(wanted, owed)
    if taken:
        jobs.claimable[jobs.chain_treasury] = owed - taken
    return taken
