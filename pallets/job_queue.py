"""What the chain does with jobs of its own accord: draws workers for those that wait, ends what takes too long.

A job waits in one of two calendars: `draws`, by the block from which on it may be drawn for, or, where no worker could
be, `parked`, by the count of workers that had become eligible till then. It is drawn for again once that count is
higher. An entry of a job that was cancelled, or whose time ran out meanwhile, is dropped when its turn comes.

In `deadlines` every job that isn't over has one entry: the end of its attempt, or while it is queued its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.calendar import due, first_due
from pallets.frame import H256, U32
from pallets.job_end import expire, release_seat
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import JobId
from pallets.primitives.job_record import ATTEMPTS, Assignment, ExpiryReason, Job, JobState

if TYPE_CHECKING:
    from pallets.jobs import Jobs

DRAW_DELAY = 2
"""Blocks from a job's inclusion to its first draw, at least."""
LEAST_OPERATORS = 16
OPERATORS_A_REPLICA = 4
UNPREDICTABLE_FROM = 3
"""Authorities from which on none of them can foresee a draw."""
FIRST_ROUND = 0
SEED = codec_of(tuple[H256, JobId, U32, U32])


def enqueue(jobs: Jobs, id: int, job: Job) -> None:
    """Lets a job wait for a draw, and writes it."""
    job.state = JobState.Queued
    _arm(jobs, id, job, job.ends)
    jobs.draws[jobs.system.number + DRAW_DELAY, id] = None
    jobs.job[id] = job


def is_narrow(operators: int, replicas: int) -> bool:
    """Whether so few operators are too few for a draw that anybody should trust."""
    return operators < max(LEAST_OPERATORS, OPERATORS_A_REPLICA * replicas)


def next_due(jobs: Jobs) -> int | None:
    """When there is something to do next, in milliseconds; at once where a worker may be drawn."""
    found = [when for when in (first_due(jobs.deadlines), jobs.workers.next_due()) if when is not None]
    if len(jobs.workers.eligible):
        parked = first_due(jobs.parked)
        if first_due(jobs.draws) is not None or (parked is not None and parked < jobs.workers.arrivals):
            found.append(jobs.timestamp.now)
    return min(found, default=None)


def fall_due(jobs: Jobs) -> int:
    """Ends the attempts and jobs whose time is up; answers how many entries were due."""
    now, excused = jobs.timestamp.now, jobs.workers.excused_until
    fallen = due(jobs.deadlines, now, jobs.max_due)
    for when, id in fallen:
        job = jobs.job[id]
        if job.ends <= excused:
            job.ends = now + job.deadline
        if when <= excused:
            _arm(jobs, id, job, job.ends if job.state is JobState.Queued else now + job.deadline // ATTEMPTS)
            jobs.job[id] = job
        else:
            _end_attempt(jobs, id, job, now)
    return len(fallen)


def draw_all(jobs: Jobs, mix: bytes) -> int:
    """Draws for the jobs that wait, those first that were parked; answers for how many."""
    workers = jobs.workers
    returned = due(jobs.parked, workers.arrivals - 1, jobs.max_due // 2)
    fresh = due(jobs.draws, jobs.system.number, jobs.max_due - len(returned))
    drawn = 0
    for calendar, entries in ((jobs.parked, returned), (jobs.draws, fresh)):
        for when, id in entries:
            if not len(workers.eligible):
                return drawn
            del calendar[when, id]
            job = jobs.job[id]
            if job.state is JobState.Queued:
                _draw(jobs, id, job, mix)
                drawn += 1
    return drawn


def _draw(jobs: Jobs, id: int, job: Job, mix: bytes) -> None:
    workers = jobs.workers
    operators = workers.operators_besides(job.submitter)
    narrow = is_narrow(operators, job.replicas)
    if not operators or (narrow and not job.narrow_allowed):
        jobs.parked[workers.arrivals, id] = None
        return
    seed = blake2_256(SEED.encode((mix, id, job.attempt, FIRST_ROUND)))
    worker = workers.draw(seed, never=job.submitter, rather_not=job.tried)
    if worker is None:
        jobs.draws[jobs.system.number + 1, id] = None
        return
    job.state, job.workers, job.narrow = JobState.Assigned, [worker], narrow
    job.predictable = len(jobs.authority_set.authorities) < UNPREDICTABLE_FROM
    _arm(jobs, id, job, jobs.timestamp.now + job.deadline // ATTEMPTS)
    jobs.job[id] = job
    jobs.assignments[worker] = [*jobs.assignments[worker], Assignment(id, job.attempt)]
    workers.assign(worker)
    jobs.deposit(jobs.Assigned(id, job.attempt, [worker]))


def _end_attempt(jobs: Jobs, id: int, job: Job, now: int) -> None:
    used = job.attempt == ATTEMPTS and job.state is JobState.Assigned
    for worker in job.workers:
        release_seat(jobs, id, worker, kept=False)
        job.tried.append(worker)
    job.workers = []
    if used:
        expire(jobs, id, job, ExpiryReason.AttemptsUsed)
    elif job.ends <= now:
        expire(jobs, id, job, ExpiryReason.DeadlinePassed)
    else:
        job.attempt += 1
        enqueue(jobs, id, job)
        jobs.deposit(jobs.Requeued(id, job.attempt))


def _arm(jobs: Jobs, id: int, job: Job, when: int) -> None:
    del jobs.deadlines[job.due, id]
    job.due = when
    jobs.deadlines[when, id] = None
