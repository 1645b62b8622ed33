"""What the chain does with jobs of its own accord: draws workers for those that wait, ends what takes too long.

A job waits in one of three calendars. In `draws`, by the block from which on it may be drawn for. In `retries`, by
time, after draws that took nobody: the next is a slot later, then two, four, up to 64. In `parked`, where nobody could
be drawn, by the count of workers that had become eligible till then; it is drawn for again once that count is higher.
An entry of a job that was cancelled, or whose time ran out meanwhile, is dropped when its turn comes.

In `deadlines` every job that isn't over has one entry: the end of its attempt, or while it is queued its own.

A block's draws have a budget of tries, and no calendar takes all of it; what it doesn't do stays for the next. Each
entry is done in a storage layer of its own: what goes wrong with one job undoes only that, and the job is abandoned.
Whoever submitted it can still cancel it, and gets back what is held once that can be released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pallets.calendar import due, first_due
from pallets.frame import H256, U32, DispatchError
from pallets.frame.bound_items import BoundMap
from pallets.job_end import expire, release_seat
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import JobId
from pallets.primitives.job_record import ATTEMPTS, Assignment, ExpiryReason, Job, JobState
from pallets.workers import MAX_TRIES

if TYPE_CHECKING:
    from pallets.jobs import Jobs

DRAW_DELAY = 2
"""Blocks from a job's inclusion to its first draw, at least."""
LEAST_OPERATORS = 16
OPERATORS_A_REPLICA = 4
UNPREDICTABLE_FROM = 3
"""Authorities from which on none of them can foresee a draw."""
MAX_DOUBLINGS = 6
"""How often the time between two draws for a job doubles: up to 64 slots."""
TRIES_A_BLOCK = 16 * MAX_TRIES
"""How often a block tries a worker, for all jobs together."""
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
    found = [first_due(jobs.deadlines), jobs.workers.next_due()]
    if len(jobs.workers.eligible):
        found.append(first_due(jobs.retries))
        parked = first_due(jobs.parked)
        if first_due(jobs.draws) is not None or (parked is not None and parked < jobs.workers.arrivals):
            found.append(jobs.timestamp.now)
    return min((when for when in found if when is not None), default=None)


def fall_due(jobs: Jobs) -> int:
    """Ends the attempts and jobs whose time is up; answers how many entries were due."""
    fallen = due(jobs.deadlines, jobs.timestamp.now, jobs.max_due)
    for when, id in fallen:
        try:
            with jobs.runtime.transactional():
                _fall_due(jobs, when, id)
        except DispatchError as error:
            _abandon(jobs, when, id, error)
    return len(fallen)


def draw_all(jobs: Jobs, mix: bytes) -> tuple[int, int]:
    """Draws for the jobs that wait, a share for each calendar; answers for how many, and in how many tries."""
    calendars: tuple[tuple[BoundMap[tuple[int, int], Any], int], ...] = (
        (jobs.parked, jobs.workers.arrivals - 1),
        (jobs.retries, jobs.timestamp.now),
        (jobs.draws, jobs.system.number),
    )
    drawn = tried = 0
    for place, (calendar, until) in enumerate(calendars):
        shares = len(calendars) - place
        last_try = tried + (TRIES_A_BLOCK - tried) // shares
        for when, id in due(calendar, until, (jobs.max_due - drawn) // shares):
            if tried + MAX_TRIES > last_try or not len(jobs.workers.eligible):
                break
            failures = calendar[when, id] or 0
            del calendar[when, id]
            try:
                with jobs.runtime.transactional():
                    tried += _draw(jobs, id, mix, failures)
            except DispatchError as error:
                tried += MAX_TRIES
                jobs.deposit(jobs.Abandoned(id, error))
            drawn += 1
    return drawn, tried


def _draw(jobs: Jobs, id: int, mix: bytes, failures: int) -> int:
    """Draws for a job for which so many draws in a row took nobody; answers how many tries it took."""
    job, workers = jobs.job[id], jobs.workers
    if job.state is not JobState.Queued or (job.due, id) not in jobs.deadlines:
        return 0
    operators = workers.operators_besides(job.submitter)
    narrow = is_narrow(operators, job.replicas)
    if not operators or (narrow and not job.narrow_allowed):
        jobs.parked[workers.arrivals, id] = None
        return 0
    seed = blake2_256(SEED.encode((mix, id, job.attempt, FIRST_ROUND)))
    worker, tries = workers.draw(seed, never=job.submitter, rather_not=job.tried)
    now = jobs.timestamp.now
    if worker is None:
        slot = 2 * jobs.timestamp.minimum_period
        jobs.retries[now + (slot << failures), id] = min(failures + 1, MAX_DOUBLINGS)
        return tries
    job.state, job.workers, job.narrow = JobState.Assigned, [worker], narrow
    job.predictable = len(jobs.authority_set.authorities) < UNPREDICTABLE_FROM
    _arm(jobs, id, job, now + job.deadline // ATTEMPTS)
    jobs.job[id] = job
    jobs.assignments[worker] = [*jobs.assignments[worker], Assignment(id, job.attempt)]
    workers.assign(worker)
    jobs.deposit(jobs.Assigned(id, job.attempt, [worker]))
    return tries


def _fall_due(jobs: Jobs, when: int, id: int) -> None:
    job, now, excused = jobs.job[id], jobs.timestamp.now, jobs.workers.excused_until
    if job.ends <= excused:
        job.ends = now + job.deadline
    if when > excused:
        _end_attempt(jobs, id, job, now)
        return
    third = job.deadline // ATTEMPTS
    job.ends = max(job.ends, now + (ATTEMPTS - job.attempt + 1) * third)  # no attempt is lost to the gap
    _arm(jobs, id, job, job.ends if job.state is JobState.Queued else now + third)
    jobs.job[id] = job


def _abandon(jobs: Jobs, when: int, id: int, error: DispatchError) -> None:
    """Nothing falls due for a job any more, and nobody has it; what is held for it stays so until it is cancelled."""
    del jobs.deadlines[when, id]
    job = jobs.job.get(id)
    if job is not None:
        _vacate(jobs, id, job)
        job.state = JobState.Queued
        jobs.job[id] = job
    jobs.deposit(jobs.Abandoned(id, error))


def _end_attempt(jobs: Jobs, id: int, job: Job, now: int) -> None:
    used = job.attempt == ATTEMPTS and job.state is JobState.Assigned
    _vacate(jobs, id, job)
    if used:
        expire(jobs, id, job, ExpiryReason.AttemptsUsed)
    elif job.ends <= now:
        expire(jobs, id, job, ExpiryReason.DeadlinePassed)
    else:
        job.attempt += 1
        enqueue(jobs, id, job)
        jobs.deposit(jobs.Requeued(id, job.attempt))


def _vacate(jobs: Jobs, id: int, job: Job) -> None:
    """Takes a job from those that have it and didn't finish in time."""
    for worker in job.workers:
        release_seat(jobs, id, worker, kept=False)
        job.tried.append(worker)
    job.workers = []


def _arm(jobs: Jobs, id: int, job: Job, when: int) -> None:
    del jobs.deadlines[job.due, id]
    job.due = when
    jobs.deadlines[when, id] = None
