"""The seats of a job, as its workers come to them: whether they may speak, and what is asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.primitives.job_record import Job, JobState, Seat, Task

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs


def find_seat(jobs: Jobs, job: Job, attempt: int, worker: bytes) -> Seat:
    """A worker's seat at an open job; raises why it has none."""
    if job.state in (JobState.Settled, JobState.Expired):
        raise jobs.NotAssigned
    if attempt != job.attempt:
        raise jobs.WrongAttempt
    if not job.seats:
        raise jobs.NotAssigned
    seat = job.seat_of(worker)
    if seat is None:
        raise jobs.WrongWorker
    return seat


def require_trust(jobs: Jobs, worker: bytes) -> None:
    """Raises why nothing is taken of a worker now: it isn't attested any more, or was revoked."""
    fault = jobs.attestation.fault(worker)
    if fault is not None:
        raise fault


def set_task(jobs: Jobs, id: int, worker: bytes, task: Task) -> None:
    """Asks something else of a worker that has a job."""
    found = jobs.assignments[worker]
    for assignment in found:
        if assignment.job == id:
            assignment.task = task
    jobs.assignments[worker] = found
