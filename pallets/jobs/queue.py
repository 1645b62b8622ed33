"""What the chain does with jobs of its own accord: draws workers for those that wait, ends what takes too long.

A job waits in one of three calendars. In `draws`, by the block from which on it may be drawn for. In `retries`, by
time, after draws that took nobody: the next is a slot later, then two, four, up to 64. In `parked`, where too few could
be drawn, by the count of workers that had become eligible till then; it is drawn for again once that count is higher.
An entry of a job that was cancelled, or whose time ran out meanwhile, is dropped when its turn comes.

All seats of a round are drawn at once or none is, from distinct operators, none of them the submitter.

In `deadlines` every job that isn't over has one entry, see `job_calendar`.

A block's draws have a budget of tries, and no calendar takes all of it; what it doesn't do stays for the next. Only the
last of its draws may go beyond it, for there are jobs of many seats. Each entry is done in a storage layer of its own:
what goes wrong with one job undoes only that, and the job is abandoned. Whoever submitted it can still cancel it, and
gets back what is held once that can be released.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pallets.calendar import carry_out, due, first_due
from pallets.frame import H256, U32, DispatchError
from pallets.frame.bound_items import BoundMap
from pallets.jobs.calendar import arm, enter, give_time, is_armed, is_past, reveal_time
from pallets.jobs.end import clear_candidates, end_attempt, release_seat, seated
from pallets.jobs.terms import EFFECTS_WEIGHT
from pallets.jobs.vote import run_out
from pallets.jobs.window import barred_operators, close_window, free_operators
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import JobId
from pallets.primitives.job_record import ATTEMPTS, Assignment, Job, JobState, Seat, Stage, Task
from pallets.primitives.worker_record import EVERYONE
from pallets.randomness.beacon import DRAW_DELAY
from pallets.workers.draw import MAX_TRIES

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs

LEAST_OPERATORS = 16
OPERATORS_A_REPLICA = 4
MAX_DOUBLINGS = 6
"""How often the time between two draws for a job doubles: up to 64 slots."""
TRIES_A_BLOCK = 16 * MAX_TRIES
"""How often a block tries a worker, for all jobs together."""
RETRIES_A_BLOCK = TRIES_A_BLOCK // MAX_TRIES // 2
"""How many draws that took nobody are queued again in a block, where authorities share the randomness.

Half of what a block has tries for: while draws are carried over, blocks take no transactions and nothing falls due, and
enough jobs that nobody can be drawn for would keep it so for good.
"""
SEATS_A_BLOCK = 1024
"""Of how many jobs and seats a block ends the time, but for the last job's seats."""
CALLED_A_BLOCK = 64 * EFFECTS_WEIGHT.ref_time
"""Picoseconds that what settled jobs leave for the chain, and callbacks, take in a block beyond that, but for the last.
"""
SEED = codec_of(tuple[H256, JobId, U32, U32])


def is_narrow(operators: int, replicas: int) -> bool:
    """Whether so few operators are too few for a draw that anybody should trust."""
    return operators < max(LEAST_OPERATORS, OPERATORS_A_REPLICA * replicas)


def next_due(jobs: Jobs) -> int | None:
    """When there is something to do next, in milliseconds; at once where a worker may be drawn.

    As long as there is no job, whether workers live can wait for the blocks that come anyway.
    """
    deadline = first_due(jobs.deadlines)
    found = [deadline, jobs.workers.next_due() if deadline is not None else None]
    found.append(first_due(jobs.batch_alarms))
    if first_due(jobs.lots) is not None or first_due(jobs.batch_draws) is not None:
        found.append(jobs.timestamp.now)
    if jobs.workers.eligible_count[EVERYONE]:
        found.append(first_due(jobs.retries))
        parked = first_due(jobs.parked)
        if first_due(jobs.draws) is not None or (parked is not None and parked < jobs.workers.arrivals):
            found.append(jobs.timestamp.now)
    return min((when for when in found if when is not None), default=None)


def fall_due(jobs: Jobs) -> int:
    """Ends the attempts, rounds, windows and jobs whose time is up; answers of how many, counting seats."""
    done, begun = 0, jobs.system.block_weight.mandatory.ref_time
    step, give_up = partial(_fall_due, jobs), partial(_abandon, jobs)
    for entry in due(jobs.deadlines, jobs.timestamp.now, jobs.max_due):
        if done >= SEATS_A_BLOCK or jobs.system.block_weight.mandatory.ref_time - begun > CALLED_A_BLOCK:
            break
        done += 1 + (carry_out(jobs.runtime, jobs.deadlines, entry, step, give_up) or 0)
    return done


def draw_all(jobs: Jobs, mix: bytes) -> tuple[int, int]:
    """Draws for the jobs that wait, a share for each calendar; answers for how many seats, and in how many tries."""
    calendars: tuple[tuple[BoundMap[tuple[int, int], Any], int], ...] = (
        (jobs.parked, jobs.workers.arrivals - 1),
        (jobs.retries, jobs.timestamp.now),
        (jobs.draws, jobs.system.number),
    )
    tally = _Tally()
    for place, (calendar, until) in enumerate(calendars):
        shares = len(calendars) - place
        last_try = tally.tries + (TRIES_A_BLOCK - tally.tries) // shares
        for when, id in due(calendar, until, (jobs.max_due - tally.entries) // shares):
            if tally.tries + MAX_TRIES > last_try or not jobs.workers.eligible_count[EVERYONE]:
                break
            _draw_entry(jobs, calendar, when, id, mix, tally, predictable=True)
    return tally.seats, tally.tries


def draw_settled(jobs: Jobs) -> tuple[int, int]:
    """`draw_all` where authorities share the randomness: each is drawn for with what its block's draws settled on.

    Another mix would leave it to somebody which; so would any at all for what waits elsewhere, which is queued instead.
    """
    tally = _Tally()
    for when, id in due(jobs.draws, jobs.system.number, jobs.max_due):
        settled = jobs.beacon().settled(when - DRAW_DELAY)
        if settled is None:
            break
        if tally.tries + MAX_TRIES > TRIES_A_BLOCK:
            return tally.seats, tally.tries
        _draw_entry(jobs, jobs.draws, when, id, settled.mix, tally, predictable=settled.predictable)
    if jobs.workers.eligible_count[EVERYONE]:
        _queue_again(jobs, jobs.parked, jobs.workers.arrivals - 1, jobs.max_due // 2)
        _queue_again(jobs, jobs.retries, jobs.timestamp.now, min(RETRIES_A_BLOCK, jobs.max_due // 2))
    return tally.seats, tally.tries


def _queue_again(jobs: Jobs, calendar: BoundMap[tuple[int, int], Any], until: int, at_most: int) -> None:
    for when, id in due(calendar, until, at_most):
        jobs.draws[jobs.system.number + DRAW_DELAY, id] = calendar[when, id] or 0
        del calendar[when, id]


def first_waiting(jobs: Jobs) -> int | None:
    """The block in which the first of the draws that wait was queued."""
    calendars = (first_due(jobs.draws), first_due(jobs.lots), first_due(jobs.batch_draws))
    found = [when for when in calendars if when is not None]
    return min(found) - DRAW_DELAY if found else None


@dataclass(slots=True)
class _Tally:
    """What a block's draws have cost so far."""

    entries: int = 0
    seats: int = 0
    tries: int = 0


def _draw_entry(
    jobs: Jobs,
    calendar: BoundMap[tuple[int, int], Any],
    when: int,
    id: int,
    mix: bytes,
    tally: _Tally,
    *,
    predictable: bool,
) -> None:
    failures = calendar[when, id] or 0
    del calendar[when, id]
    try:
        with jobs.runtime.transactional():
            turns = _draw(jobs, id, mix, failures, predictable=predictable)
    except DispatchError as error:
        turns = [MAX_TRIES]
        jobs.deposit(jobs.Abandoned(id, error))
    tally.entries += 1
    tally.seats += max(len(turns), 1)
    tally.tries += sum(turns)


def _draw(jobs: Jobs, id: int, mix: bytes, failures: int, *, predictable: bool) -> list[int]:
    """Draws for a job for which so many draws in a row took nobody; answers how many tries each seat took."""
    job, workers = jobs.job[id], jobs.workers
    if job.stage is not Stage.Draw or not is_armed(jobs, id, job) or is_past(jobs, job.ends):
        return []
    barred = barred_operators(jobs, job)
    narrow = is_narrow(workers.operators_besides(job.submitter, job.class_id), job.replicas)
    if free_operators(jobs, job, barred) < job.wanted or (narrow and not job.narrow_allowed):
        jobs.parked[workers.arrivals, id] = None
        return []
    seed = blake2_256(SEED.encode((mix, id, job.attempt, job.round)))
    now, drawn, tries = jobs.timestamp.now, list[Seat](), list[int]()
    while len(drawn) < job.wanted:
        number = len(drawn).to_bytes(4, "little") if job.voted else b""
        found = workers.draw(seed + number, job.class_id, operators=barred, rather_not=job.tried)
        tries.append(found.tries)
        if found.worker is None:
            slot = 2 * jobs.timestamp.minimum_period
            jobs.retries[now + (slot << failures), id] = min(failures + 1, MAX_DOUBLINGS)
            return tries
        operator = workers.worker[found.worker].info.operator
        drawn.append(Seat(found.worker, operator, job.round, now))
        barred.add(operator)
    job.narrow = narrow or (bool(job.seats) and job.narrow)
    job.predictable = predictable or (bool(job.seats) and job.predictable)
    _seat(jobs, id, job, drawn)
    return tries


def _seat(jobs: Jobs, id: int, job: Job, drawn: list[Seat]) -> None:
    """Gives a job to the workers that were drawn for it."""
    if job.state is JobState.Queued:
        enter(jobs, job, JobState.Assigned)
    job.stage = Stage.Record if job.led and job.transcript is None else Stage.Commits
    if not job.seats:
        job.reads_at = jobs.system.number
    job.seats.extend(drawn)
    give_time(jobs, job)
    arm(jobs, id, job)
    jobs.job[id] = job
    for seat in drawn:
        waits = job.stage is Stage.Record and seat is not job.seats[0]
        assignment = Assignment(id, job.attempt, Task.Wait if waits else Task.Run)
        jobs.assignments[seat.worker] = [*jobs.assignments[seat.worker], assignment]
        jobs.workers.assign(seat.worker)
    jobs.deposit(jobs.Assigned(id, job.attempt, [seat.worker for seat in drawn]))


def _fall_due(jobs: Jobs, when: int, id: int) -> int:
    """A job's alarm has rung; answers how many seats that concerned."""
    job, now, excused = jobs.job[id], jobs.timestamp.now, jobs.workers.excused_until
    if job.ends <= excused:
        job.ends = now + job.deadline
    if when <= excused:
        _excuse(jobs, id, job, now)
    elif job.stage is Stage.Window:
        close_window(jobs, id, job)
    elif job.voted and job.seats:
        run_out(jobs, id, job)
    else:
        end_attempt(jobs, id, job)
    return len(job.seats)


def _excuse(jobs: Jobs, id: int, job: Job, now: int) -> None:
    """The time that was up while the chain stood still begins again, and no attempt or round is lost to the gap."""
    job.ends = max(job.ends, now + (ATTEMPTS - job.turn) * (job.deadline // ATTEMPTS))
    if job.stage is Stage.Draw:
        job.due = job.ends
    elif job.stage in (Stage.Record, Stage.Commits):
        give_time(jobs, job)
    elif job.stage is Stage.Reveals:
        job.due = now + reveal_time(job)
    else:
        job.due = now + jobs.window
    arm(jobs, id, job)
    jobs.job[id] = job


def _abandon(jobs: Jobs, id: int, error: DispatchError) -> None:
    """Nothing falls due for a job any more, and nobody has it; what is held for it stays so until it is cancelled."""
    job = jobs.job.get(id)
    if job is not None:
        for worker in seated(job):
            release_seat(jobs, id, job, worker, kept=False)
        clear_candidates(jobs, id, job)
        enter(jobs, job, JobState.Queued)
        job.seats, job.stage = [], Stage.Draw
        jobs.job[id] = job
    jobs.deposit(jobs.Abandoned(id, error))
