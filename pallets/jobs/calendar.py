"""Where a job stands, when its time is up, and from when on it may be drawn for.

Every job that isn't over has one entry in `Deadlines`, its alarm: when there is something to do unless its workers do
it before. A job that waits for a draw is also in `Draws`, by the block from which on it may be drawn for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.primitives.job_record import ATTEMPTS, Job, JobState, SeatPhase, Stage
from pallets.randomness.beacon import DRAW_DELAY
from pallets.state_counts import count_change

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs


def enter(jobs: Jobs, job: Job, state: JobState) -> None:
    """Puts a job into a state; the caller writes it."""
    if state is not job.state:
        count_change(jobs.in_state, job.state, state)
        job.state = state


def enqueue(jobs: Jobs, id: int, job: Job, *, seats: int) -> None:
    """Lets a job wait for a draw of so many seats, and writes it."""
    job.stage, job.wanted, job.due = Stage.Draw, seats, job.ends
    arm(jobs, id, job)
    jobs.draws[jobs.system.number + DRAW_DELAY, id] = 0
    jobs.job[id] = job


def give_time(jobs: Jobs, job: Job) -> None:
    """Lets the time of an attempt or a round begin: a third of the job's, of a vote half of that for the hashes."""
    now, third = jobs.timestamp.now, job.deadline // ATTEMPTS
    job.due = now + third
    job.commit_by = now + third // 2 if job.voted else job.due
    job.acknowledge_by = min(now + jobs.acknowledge_within, job.commit_by)


def reveal_time(job: Job) -> int:
    """How long a vote's seats have to reveal, in milliseconds."""
    third = job.deadline // ATTEMPTS
    return third - third // 2


def arm(jobs: Jobs, id: int, job: Job) -> None:
    """Enters a job's alarm for what it waits for now."""
    when = _alarm_of(job)
    if when != job.alarm:
        disarm(jobs, id, job)
        job.alarm = when
        jobs.deadlines[when, id] = None


def disarm(jobs: Jobs, id: int, job: Job) -> None:
    """Nothing falls due for a job any more."""
    del jobs.deadlines[job.alarm, id]


def is_armed(jobs: Jobs, id: int, job: Job) -> bool:
    """Whether something falls due for a job; not once it was abandoned."""
    return (job.alarm, id) in jobs.deadlines


def is_past(jobs: Jobs, moment: int) -> bool:
    """Whether a time is up, and wasn't up while the chain stood still."""
    return jobs.workers.excused_until < moment <= jobs.timestamp.now


def _alarm_of(job: Job) -> int:
    if job.stage not in (Stage.Record, Stage.Commits):
        return job.due
    awaited = job.seats[:1] if job.stage is Stage.Record else job.voters
    unheard = any(seat.phase is SeatPhase.Drawn for seat in awaited)
    return job.acknowledge_by if unheard else job.commit_by
