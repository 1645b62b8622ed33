"""A job of one replica: its worker commits the output itself, which counts at once or after a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.jobs.audit import expect_audit
from pallets.jobs.calendar import is_past
from pallets.jobs.end import outcome_of, settle
from pallets.jobs.recorded import check_transcript
from pallets.jobs.seats import find_seat, require_trust
from pallets.jobs.stored import check_output
from pallets.jobs.window import open_window
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.job import Mode, Output, output_hash
from pallets.primitives.job_record import Ballot, Job, Seat, SeatPhase

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs


def check_commit(
    jobs: Jobs, id: int, attempt: int, output: Output, transcript_root: bytes, gas: int, worker: bytes, signature: bytes
) -> tuple[Job, Seat, bytes | None, Ballot]:
    """The job's record, the seat, the output's bytes and what was found; raises why the commit doesn't count.

    The signature comes first: only the worker itself learns by name why what it signed isn't taken.
    """
    job, known = jobs.job[id], jobs.workers.worker.get(worker)
    if known is None:
        raise jobs.WrongWorker
    named = output_hash(output)
    genesis = jobs.system.block_hash[0]
    signed = job.output_bytes(genesis, id, attempt, named, transcript_root, gas, known.info.runtime_id)
    if not jobs.runtime.verify(Ed25519(signature), signed, worker):
        raise jobs.BadSignature
    if job.outcome is not None and (job.attempt, job.outcome.worker) == (attempt, worker):
        raise jobs.AlreadyCommitted
    seat = find_seat(jobs, job, attempt, worker)
    if job.voted:
        raise jobs.HashesFirst
    if is_past(jobs, job.due):
        raise jobs.TooLate
    if gas > job.gas_limit:
        raise jobs.GasAboveLimit
    content = check_output(jobs, job, seat, output)
    check_transcript(jobs, job, seat, transcript_root, gas)
    require_trust(jobs, worker)
    return job, seat, content, Ballot(named, transcript_root, gas, large=content is None)


def take_commit(jobs: Jobs, id: int, job: Job, seat: Seat, content: bytes | None, ballot: Ballot) -> None:
    """Stores a job's output, and settles the job or opens its window."""
    now = jobs.timestamp.now
    if content is not None:
        jobs.output[id] = content
    jobs.deposit(jobs.Committed(id, job.attempt, seat.worker, ballot.output, ballot.gas))
    seat.phase, seat.ballot, seat.at = SeatPhase.Revealed, ballot, now
    if job.mode is Mode.Recorded:
        job.transcript = ballot.transcript_root
    if jobs.window and job.mode is not Mode.Oracle:
        open_window(jobs, id, job, outcome_of(jobs, job, ballot, [seat], 0))
    else:
        expect_audit(jobs, id, job)
        settle(jobs, id, job, outcome_of(jobs, job, ballot, [seat], now), [seat])
