"""How a job ends: with an output that counts and a fee that is split, or given up and refunded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.frame import AccountId
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import NO_TRANSCRIPT, HashOutput, InlineOutput, Output
from pallets.primitives.job_record import ExpiryReason, Job, JobState, Outcome

if TYPE_CHECKING:
    from pallets.jobs import Jobs

POT: AccountId = b"modlfthmjobs".ljust(32, b"\0")
"""The keyless account that holds what is owed."""


def check_commit(
    jobs: Jobs, id: int, attempt: int, output: Output, transcript_root: bytes, gas: int, worker: bytes, signature: bytes
) -> tuple[Job, bytes, Outcome]:
    """The job's record, the output's bytes and how the job is to end; raises why the commit doesn't count.

    The signature comes first: only the worker itself learns by name why what it signed isn't taken.
    """
    job, known = jobs.job[id], jobs.workers.worker.get(worker)
    if known is None:
        raise jobs.WrongWorker
    content = output.data if isinstance(output, InlineOutput) else None
    output_hash = output.hash if isinstance(output, HashOutput) else blake2_256(content or b"")
    runtime_id, now = known.info.runtime_id, jobs.timestamp.now
    genesis = jobs.system.block_hash[0]
    signed = job.output_bytes(genesis, id, attempt, output_hash, transcript_root, gas, runtime_id)
    if not jobs.runtime.verify(Ed25519(signature), signed, worker):
        raise jobs.BadSignature
    if content is None:
        raise jobs.InlineOutputOnly
    if job.outcome is not None and (job.attempt, job.outcome.worker) == (attempt, worker):
        raise jobs.AlreadyCommitted
    if job.state in (JobState.Settled, JobState.Expired):
        raise jobs.NotAssigned
    if attempt != job.attempt:
        raise jobs.WrongAttempt
    if job.state is not JobState.Assigned:
        raise jobs.NotAssigned
    if worker not in job.workers:
        raise jobs.WrongWorker
    if jobs.workers.excused_until < job.due <= now:
        raise jobs.TooLate
    if gas > job.gas_limit:
        raise jobs.GasAboveLimit
    if transcript_root != NO_TRANSCRIPT:
        raise jobs.UnexpectedTranscript
    fault = jobs.attestation.fault(worker)
    if fault is not None:
        raise fault
    fee = min(gas * job.price, job.max_fee)
    outcome = Outcome(worker, runtime_id, known.simulated, output_hash, transcript_root, gas, fee, now)
    return job, content, outcome


def settle(jobs: Jobs, id: int, job: Job, outcome: Outcome) -> None:
    """Pays for a job: moves the fee out of the hold, credits it, and releases the rest."""
    fee, operator = outcome.fee, jobs.workers.worker[outcome.worker].info.operator
    if fee:
        jobs.currency.transfer_held(jobs.HoldReason.Fee, job.submitter, POT, fee)
    _close(jobs, id, job, JobState.Settled, release=job.max_fee - fee)
    job.outcome = outcome
    jobs.job[id] = job
    release_seat(jobs, id, outcome.worker, kept=True)
    jobs.deposit(jobs.Settled(id, outcome.output, outcome.gas, fee))
    to_worker, to_treasury, to_chain = job.shares.split(fee)
    parts = ((operator, to_worker), (job.treasury, to_treasury), (jobs.chain_treasury, to_chain))
    for who, amount in parts:
        if amount:
            jobs.claimable[who] += amount
            jobs.deposit(jobs.Paid(id, who, amount))


def expire(jobs: Jobs, id: int, job: Job, reason: ExpiryReason) -> None:
    """Gives a job up and releases its fee."""
    _close(jobs, id, job, JobState.Expired, release=job.max_fee)
    jobs.job[id] = job
    jobs.deposit(jobs.Expired(id, job.max_fee, reason))


def release_seat(jobs: Jobs, id: int, worker: bytes, *, kept: bool) -> None:
    """Takes a job from a worker, which has kept it or missed it."""
    left = [assignment for assignment in jobs.assignments[worker] if assignment.job != id]
    if left:
        jobs.assignments[worker] = left
    else:
        del jobs.assignments[worker]
    if worker in jobs.workers.worker:  # root may have removed it
        jobs.workers.finish(worker, kept=kept)


def _close(jobs: Jobs, id: int, job: Job, state: JobState, *, release: int) -> None:
    """The job is over: it waits for nothing any more, and what is left of its hold is free."""
    del jobs.deadlines[job.due, id]
    del jobs.input[id]
    job.state = state
    if release:
        jobs.currency.release(jobs.HoldReason.Fee, job.submitter, release)
