"""Sealed jobs: who may give which worker a box of the input, and what stands for the hash of an output.

The chain opens nothing. It has the commitment as the input's hash, and keeps boxes where the workers they are for find
them (`pallets.primitives.sealed`).

Boxes come with the job, to the cluster key, or once it is drawn, each to a seat's seal key: by the submitter
(`provide_key`), or by a worker that has, or had, the job, or that has the cluster's key (`reseal`). Whoever gives one
can't take the place of another's: a seat has the submitter's latest, and two of workers.

A worker that finds no box it can open abstains, which is the submitter's loss and not the worker's: abstaining from a
sealed job is no miss. Where the chain itself sees that a seat was never given a box, in half of the time it had, the
seat counts as one that ran the job: it is owed the base fee.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import HashInput, InlineInput, Input, JobId, SealedInput
from pallets.primitives.job_record import Job, Seat, Stage
from pallets.primitives.sealed import GivenBox, reseal_bytes
from pallets.primitives.types import U8
from pallets.primitives.worker import WorkerKey

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs

MAX_BOXES = 4
"""Boxes that come with a job: one will do, more serve while the cluster key rotates."""
RESEALED = 2
"""Boxes that a seat may be given by other workers."""
RESEAL_PHASE = 5
RESEAL_TAG = codec_of(tuple[JobId, WorkerKey, WorkerKey, U8])


def input_hash(jobs: Jobs, input: Input) -> bytes:
    """What names an input in the job's record: its hash, a sealed one's commitment. Raises why it isn't taken."""
    if isinstance(input, InlineInput):
        return blake2_256(input.data)
    if isinstance(input, HashInput):
        return input.hash
    assert isinstance(input, SealedInput)
    if len(input.boxes) > MAX_BOXES:
        raise jobs.TooManyBoxes
    return input.commitment


def provide(jobs: Jobs, who: bytes, id: int, boxes: list[tuple[bytes, bytes]]) -> None:
    """Keeps the boxes that a job's submitter gives its seats."""
    job = jobs.job[id]
    if job.submitter != who:
        raise jobs.NotSubmitter
    if not job.sealed:
        raise jobs.NotSealed
    if not boxes:
        raise jobs.NoBoxes
    for receiver, box in boxes:
        _check_receiver(jobs, job, receiver)
        others = [given for given in jobs.boxes.get(id, receiver) or [] if given.by != who]
        jobs.boxes[id, receiver] = [*others, GivenBox(who, box)]
        jobs.deposit(jobs.BoxGiven(id, receiver, who))


def check_reseal(jobs: Jobs, id: int, receiver: bytes, box: bytes, worker: bytes, signature: bytes) -> list[GivenBox]:
    """What the receiver will have been given; raises why the box isn't taken, the signature first."""
    job = jobs.job[id]
    if not jobs.runtime.verify(
        Ed25519(signature), reseal_bytes(jobs.system.block_hash[0], id, worker, receiver, box), worker
    ):
        raise jobs.BadSignature
    if not job.sealed:
        raise jobs.NotSealed
    holders = jobs.key_holders
    if not (worker in job.workers or worker in job.tried or (holders is not None and holders.holds_key(worker))):
        raise jobs.WrongWorker
    _check_receiver(jobs, job, receiver)
    given = jobs.boxes.get(id, receiver) or []
    if any(each.by == worker for each in given):
        raise jobs.AlreadyResealed
    if sum(each.by != job.submitter for each in given) >= RESEALED:
        raise jobs.TooManyBoxes
    return [*given, GivenBox(worker, box)]


def take_reseal(jobs: Jobs, id: int, receiver: bytes, given: list[GivenBox]) -> None:
    """Keeps the boxes that a seat has now, the last of which is new."""
    jobs.boxes[id, receiver] = given
    jobs.deposit(jobs.BoxGiven(id, receiver, given[-1].by))


def lacked_box(jobs: Jobs, id: int, job: Job, seat: Seat) -> bool:
    """Whether a seat has waited for a box for half of its time, and nobody gave it one.

    Not of one that judges a challenged output: what is paid for that is fixed.
    """
    if not job.sealed or job.challenge is not None or jobs.timestamp.now < (seat.at + job.commit_by) // 2:
        return False
    input = jobs.input.get(id)
    return isinstance(input, SealedInput) and not input.boxes and (id, seat.worker) not in jobs.boxes


def drop_boxes(jobs: Jobs, id: int, job: Job) -> None:
    """The job is over: nobody needs its boxes any more."""
    if job.sealed:
        jobs.boxes.clear(id)


def _check_receiver(jobs: Jobs, job: Job, receiver: bytes) -> None:
    seated = job.stage in (Stage.Record, Stage.Commits) and any(
        seat.worker == receiver and seat.is_pending for seat in job.seats
    )
    if not seated:
        raise jobs.NotSeated
