"""How the pool admits what workers say in bare transactions: by the same check that the call makes.

A refused one answers `BadProof` where the signature is wrong, else the index of the error. A transaction's tag says
what it is about, so that of two which say the same thing the pool keeps one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pallets.attestation.pallet import refusal
from pallets.frame import U8, U32, Error, ValidTransaction
from pallets.frame.validity import BadProof
from pallets.jobs.commit import check_commit
from pallets.jobs.recorded import check_record
from pallets.jobs.sealed import RESEAL_PHASE, RESEAL_TAG, check_reseal
from pallets.jobs.vote import check_hash, check_reveal, check_word
from pallets.primitives.codec import codec_of
from pallets.primitives.job import JobId, Word
from pallets.primitives.worker import WorkerKey
from pallets.workers.pallet import JOB_PRIORITY

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs

COMMIT_PHASE, HASH_PHASE, REVEAL_PHASE, WORD_PHASE, RECORD_PHASE = 0, 1, 2, 3, 7
"""What a bare call of a worker is about; an acknowledgement is of `WORD_PHASE`, another word of the one after it."""
LONGEVITY = 256
TAG = codec_of(tuple[JobId, U32, WorkerKey, U8])


def admit(jobs: Jobs, check: Callable[[], object], provides: bytes) -> ValidTransaction:
    """What the pool is told of a transaction that passes the check."""
    try:
        check()
    except jobs.BadSignature:
        raise BadProof from None
    except Error as error:
        raise refusal(error) from None
    return ValidTransaction(JOB_PRIORITY, [], [provides], LONGEVITY, True)


def _of_seat(check: Callable[..., object], phase: int) -> Callable[..., ValidTransaction]:
    """Admits what a worker says of a job that it has: job and attempt come first, its key and signature last."""

    def validate(jobs: Jobs, job: int, attempt: int, *said: Any) -> ValidTransaction:
        worker = said[-2]
        return admit(jobs, lambda: check(jobs, job, attempt, *said), TAG.encode((job, attempt, worker, phase)))

    return validate


validate_commit = _of_seat(check_commit, COMMIT_PHASE)
validate_record = _of_seat(check_record, RECORD_PHASE)
validate_reveal = _of_seat(check_reveal, REVEAL_PHASE)
validate_commit_hash = _of_seat(check_hash, HASH_PHASE)


def validate_word(jobs: Jobs, job: int, attempt: int, word: Word, worker: bytes, signature: bytes) -> ValidTransaction:
    """Admits a word that changes something."""
    return _of_seat(check_word, WORD_PHASE + word.value)(jobs, job, attempt, word, worker, signature)


def validate_reseal(
    jobs: Jobs, job: int, receiver: bytes, box: bytes, worker: bytes, signature: bytes
) -> ValidTransaction:
    """Admits a box for a worker that waits for one."""
    tag = RESEAL_TAG.encode((job, receiver, worker, RESEAL_PHASE))
    return admit(jobs, lambda: check_reseal(jobs, job, receiver, box, worker, signature), tag)
