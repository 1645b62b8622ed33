"""What a worker reads of the chain's workers and jobs, and the calls it makes: keys, codecs and call bytes.

Pallets and calls stand at fixed places on the wire; call bytes are pallet index, call index, arguments.
"""

from __future__ import annotations

from offchain.chain import StorageItem
from pallets.primitives.attestation_record import WorkerAttestation
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import Blake2_128Concat, Identity
from pallets.primitives.job import InlineOutput, Input, JobId, Output
from pallets.primitives.job_record import Assignment, Job
from pallets.primitives.scale import compact
from pallets.primitives.types import H256, U32, U64, Balance, BlockNumber, Bytes64, Compact, Moment
from pallets.primitives.worker import WorkerInfo, WorkerKey
from pallets.primitives.worker_record import Worker

UTILITY, WORKERS, JOBS = 8, 20, 22
BY_KEY = (WorkerKey, Blake2_128Concat)
BY_JOB = (JobId, Blake2_128Concat)

NOW: StorageItem[int] = StorageItem("Timestamp", "Now", Moment)
WORKER: StorageItem[Worker] = StorageItem("Workers", "Worker", Worker, BY_KEY)
ATTESTED: StorageItem[WorkerAttestation] = StorageItem("Attestation", "Attested", WorkerAttestation, BY_KEY)
ASSIGNMENTS: StorageItem[list[Assignment]] = StorageItem("Jobs", "Assignments", list[Assignment], BY_KEY)
NEXT_JOB: StorageItem[int] = StorageItem("Jobs", "NextJob", JobId)
JOB: StorageItem[Job] = StorageItem("Jobs", "Job", Job, BY_JOB)
INPUT: StorageItem[Input] = StorageItem("Jobs", "Input", Input, BY_JOB)
CODE: StorageItem[bytes] = StorageItem("Agents", "Code", bytes, (H256, Identity))

REGISTER = codec_of(tuple[WorkerInfo, bytes, Compact[Balance]])
REATTEST = codec_of(tuple[WorkerInfo, bytes])
HEARTBEAT = codec_of(tuple[WorkerKey, BlockNumber, H256, Bytes64])
COMMIT = codec_of(tuple[JobId, U32, Output, H256, U64, WorkerKey, Bytes64])


def register(info: WorkerInfo, quote: bytes, stake: int) -> bytes:
    """`Workers.register`, to be signed by the operator."""
    return bytes((WORKERS, 0)) + REGISTER.encode((info, quote, stake))


def reattest(info: WorkerInfo, quote: bytes) -> bytes:
    """`Workers.reattest`, to be signed by the operator."""
    return bytes((WORKERS, 1)) + REATTEST.encode((info, quote))


def heartbeat(worker: bytes, number: int, block_hash: bytes, signature: bytes) -> bytes:
    """`Workers.heartbeat`, bare."""
    return bytes((WORKERS, 2)) + HEARTBEAT.encode((worker, number, block_hash, signature))


def leave(worker: bytes) -> bytes:
    """`Workers.exit`, to be signed by the operator."""
    return bytes((WORKERS, 4)) + worker


def together(calls: list[bytes]) -> bytes:
    """`Utility.batch_all`: all of them or none."""
    return bytes((UTILITY, 2)) + compact(len(calls)) + b"".join(calls)


def commit(
    job: int, attempt: int, output: bytes, transcript_root: bytes, gas: int, worker: bytes, signature: bytes
) -> bytes:
    """`Jobs.commit` of an output given inline, bare."""
    fields = (job, attempt, InlineOutput(output), transcript_root, gas, worker, signature)
    return bytes((JOBS, 1)) + COMMIT.encode(fields)
