"""What a worker reads of the chain's workers and jobs, and the calls it makes: keys, codecs and call bytes.

Pallets and calls stand at fixed places on the wire; call bytes are pallet index, call index, arguments.
"""

from __future__ import annotations

from offchain.chain import StorageItem
from pallets.primitives.attestation_record import WorkerAttestation
from pallets.primitives.codec import codec_of
from pallets.primitives.gpu import GpuEvidence
from pallets.primitives.hashing import Blake2_128Concat, Identity, Twox64Concat
from pallets.primitives.job import Input, JobId, Output, Word
from pallets.primitives.job_record import Assignment, Job
from pallets.primitives.scale import compact
from pallets.primitives.sealed import Box, GivenBox
from pallets.primitives.types import H256, U32, U64, Balance, BlockNumber, Bytes32, Bytes64, Compact, Moment
from pallets.primitives.worker import WorkerInfo, WorkerKey
from pallets.primitives.worker_record import Worker

UTILITY, WORKERS, ATTESTATION, JOBS = 8, 20, 21, 22
BY_KEY = (WorkerKey, Blake2_128Concat)
BY_JOB = (JobId, Blake2_128Concat)

NOW: StorageItem[int] = StorageItem("Timestamp", "Now", Moment)
WORKER: StorageItem[Worker] = StorageItem("Workers", "Worker", Worker, BY_KEY)
ATTESTED: StorageItem[WorkerAttestation] = StorageItem("Attestation", "Attested", WorkerAttestation, BY_KEY)
ASSIGNMENTS: StorageItem[list[Assignment]] = StorageItem("Jobs", "Assignments", list[Assignment], BY_KEY)
NEXT_JOB: StorageItem[int] = StorageItem("Jobs", "NextJob", JobId)
JOB: StorageItem[Job] = StorageItem("Jobs", "Job", Job, BY_JOB)
INPUT: StorageItem[Input] = StorageItem("Jobs", "Input", Input, BY_JOB)
NEWEST_SEALED: StorageItem[int] = StorageItem("Jobs", "NewestSealed", JobId)
BOXES: StorageItem[list[GivenBox]] = StorageItem("Jobs", "Boxes", list[GivenBox], BY_JOB, (WorkerKey, Twox64Concat))
CANDIDATE: StorageItem[bytes] = StorageItem("Jobs", "Candidate", bytes, BY_JOB, (H256, Blake2_128Concat))
CODE: StorageItem[bytes] = StorageItem("Agents", "Code", bytes, (H256, Identity))

REGISTER = codec_of(tuple[WorkerInfo, bytes, Compact[Balance]])
REATTEST = codec_of(tuple[WorkerInfo, bytes])
ATTEST_GPU = codec_of(tuple[WorkerKey, GpuEvidence])
HEARTBEAT = codec_of(tuple[WorkerKey, BlockNumber, H256, Bytes64])
RESEAL = codec_of(tuple[JobId, WorkerKey, Box, WorkerKey, Bytes64])
WORD = codec_of(tuple[JobId, U32, Word, WorkerKey, Bytes64])
BENCHMARK = codec_of(tuple[WorkerKey, U64, U32, BlockNumber, H256, Bytes64])
COMMIT = codec_of(tuple[JobId, U32, Output, H256, U64, WorkerKey, Bytes64])
RECORD = codec_of(tuple[JobId, U32, H256, WorkerKey, Bytes64])
COMMIT_HASH = codec_of(tuple[JobId, U32, H256, WorkerKey, Bytes64])
REVEAL = codec_of(tuple[JobId, U32, Output, H256, U64, Bytes32, WorkerKey, Bytes64])


def register(info: WorkerInfo, quote: bytes, stake: int) -> bytes:
    """`Workers.register`, to be signed by the operator."""
    return bytes((WORKERS, 0)) + REGISTER.encode((info, quote, stake))


def reattest(info: WorkerInfo, quote: bytes) -> bytes:
    """`Workers.reattest`, to be signed by the operator."""
    return bytes((WORKERS, 1)) + REATTEST.encode((info, quote))


def attest_gpu(worker: bytes, evidence: GpuEvidence) -> bytes:
    """`Attestation.attest_gpu`, to be signed by anyone, once the worker is attested with the evidence's hash."""
    return bytes((ATTESTATION, 11)) + ATTEST_GPU.encode((worker, evidence))


def heartbeat(worker: bytes, number: int, block_hash: bytes, signature: bytes) -> bytes:
    """`Workers.heartbeat`, bare."""
    return bytes((WORKERS, 2)) + HEARTBEAT.encode((worker, number, block_hash, signature))


def report_benchmark(worker: bytes, work: int, elapsed: int, number: int, block_hash: bytes, signature: bytes) -> bytes:
    """`Workers.report_benchmark`, bare."""
    return bytes((WORKERS, 8)) + BENCHMARK.encode((worker, work, elapsed, number, block_hash, signature))


def leave(worker: bytes) -> bytes:
    """`Workers.exit`, to be signed by the operator."""
    return bytes((WORKERS, 4)) + worker


def together(calls: list[bytes]) -> bytes:
    """`Utility.batch_all`: all of them or none."""
    return bytes((UTILITY, 2)) + compact(len(calls)) + b"".join(calls)


def word(job: int, attempt: int, said: Word, worker: bytes, signature: bytes) -> bytes:
    """`Jobs.word`, bare."""
    return bytes((JOBS, 3)) + WORD.encode((job, attempt, said, worker, signature))


def reseal(job: int, receiver: bytes, box: bytes, worker: bytes, signature: bytes) -> bytes:
    """`Jobs.reseal`, bare."""
    return bytes((JOBS, 11)) + RESEAL.encode((job, receiver, box, worker, signature))


def commit(
    job: int, attempt: int, output: Output, transcript_root: bytes, gas: int, worker: bytes, signature: bytes
) -> bytes:
    """`Jobs.commit`, bare."""
    fields = (job, attempt, output, transcript_root, gas, worker, signature)
    return bytes((JOBS, 1)) + COMMIT.encode(fields)


def commit_hash(job: int, attempt: int, hash: bytes, worker: bytes, signature: bytes) -> bytes:
    """`Jobs.commit_hash`, bare: of a job that is voted on."""
    return bytes((JOBS, 9)) + COMMIT_HASH.encode((job, attempt, hash, worker, signature))


def record(job: int, attempt: int, transcript_root: bytes, worker: bytes, signature: bytes) -> bytes:
    """`Jobs.record`, bare: by the leader of a `Recorded` job."""
    return bytes((JOBS, 12)) + RECORD.encode((job, attempt, transcript_root, worker, signature))


def reveal(
    job: int,
    attempt: int,
    output: Output,
    transcript_root: bytes,
    gas: int,
    salt: bytes,
    worker: bytes,
    signature: bytes,
) -> bytes:
    """`Jobs.reveal`, bare."""
    fields = (job, attempt, output, transcript_root, gas, salt, worker, signature)
    return bytes((JOBS, 2)) + REVEAL.encode(fields)
