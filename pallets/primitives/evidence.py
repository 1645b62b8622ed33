"""What a worker can be slashed for, and what proves it.

## Overview

Of some faults the chain itself is the witness: a vote lost, a commit not revealed. Of the others anyone may show two
things that one worker's key signed for this chain and that can't both be honest, or a receipt that no batch of the
worker has. Such evidence needs nothing but the signatures and what the chain knows. A fault is named by worker, reason
and subject, whoever shows it and however often: it counts once.

## Out of scope

What is signed (`job`, `receipt`), what a fault costs (`pallets.slashing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import JobId, job_commit_bytes, job_output_bytes
from pallets.primitives.receipt import (
    MAX_LEAF,
    MAX_PATH,
    SIGNATURE_LENGTH,
    SignedReceipt,
    receipt_bytes,
    receipt_void_bytes,
)
from pallets.primitives.types import H256, U8, U32, U64, Bound, Bytes32, Bytes64, UnitEnum, Variant, struct
from pallets.primitives.worker import WorkerKey


class SlashReason(UnitEnum):
    """What a worker did."""

    __type_path__ = "pallet_slashing::SlashReason"

    WrongOutput = 0
    """A majority of the seats had another output."""
    NotRevealed = 1
    """It committed to an output and kept it to itself."""
    DoubleCommit = 2
    """It committed to two outputs of one attempt."""
    DoubleOutput = 3
    """It signed two outputs of one attempt."""
    DoubleReceipt = 4
    """It signed two receipts of one number, or a receipt and that its number was never sent."""
    LostChallenge = 5
    """Its output was challenged, and a vote found another."""
    OverdueReceipt = 6
    """It signed a receipt, and committed no batch with that number in time."""
    FalseBatch = 7
    """A batch of its has something else at a receipt's number, or leaves or a total that can't be right."""
    UnopenedBatch = 8
    """It didn't show the leaves that were drawn of a batch."""


@struct(path="pallet_slashing::SignedCommit")
class SignedCommit:
    """A commit's hash, and the worker's signature of `fathom/job-commit`."""

    hash: H256
    signature: Bytes64


@struct(path="pallet_slashing::SignedOutput")
class SignedOutput:
    """What a worker signed of a finished run in `fathom/job-output`, behind job and attempt."""

    code: Bytes32
    input: Bytes32
    output: Bytes32
    transcript_root: Bytes32
    gas: U64
    runtime_id: H256
    signature: Bytes64


class Evidence(Variant):
    """What convicts a worker by its own signatures alone."""

    __type_path__ = "pallet_slashing::Evidence"


@struct
class DoubleCommit(Evidence):
    """Two commits of one attempt with different hashes."""

    job: JobId
    attempt: U32
    worker: WorkerKey
    first: SignedCommit
    second: SignedCommit


@struct
class DoubleOutput(Evidence):
    """Two outputs of one attempt that differ in anything."""

    job: JobId
    attempt: U32
    worker: WorkerKey
    first: SignedOutput
    second: SignedOutput


@struct
class DoubleReceipt(Evidence):
    """Two receipts of one number that differ in anything."""

    worker: WorkerKey
    first: SignedReceipt
    second: SignedReceipt


@struct
class VoidAndReceipt(Evidence):
    """A receipt, and the worker's signature of `fathom/receipt-void` for the same number."""

    worker: WorkerKey
    receipt: SignedReceipt
    void: Bytes64


@struct
class OverdueReceipt(Evidence):
    """A receipt whose number no batch has, though its time is up."""

    worker: WorkerKey
    receipt: SignedReceipt


@struct
class ReceiptNotInBatch(Evidence):
    """A receipt, and what the batch that has its number holds in its place."""

    worker: WorkerKey
    receipt: SignedReceipt
    first: U64
    """The batch's first number."""
    content: Annotated[bytes, Bound(MAX_LEAF)]
    """Of the leaf, see `receipt.leaf_bytes`."""
    path: Annotated[list[H256], Bound(MAX_PATH)]


AnyEvidence = DoubleCommit | DoubleOutput | DoubleReceipt | VoidAndReceipt | OverdueReceipt | ReceiptNotInBatch
"""The variants of `Evidence`."""


def attempt_subject(job: int, attempt: int) -> bytes:
    """The subject of a fault in one attempt at a job."""
    return ATTEMPT.encode((job, attempt))


def receipt_subject(sequence: int) -> bytes:
    """The subject of a fault in the receipt of this number."""
    return SEQUENCE.encode(sequence)


def fault_key(worker: bytes, reason: SlashReason, subject: bytes) -> bytes:
    """32 bytes that name a fault."""
    return blake2_256(FAULT.encode((worker, reason.value, subject)))


def contradicts(evidence: AnyEvidence) -> bool:
    """Whether the two things can't both be honest, supposing that the worker signed both."""
    if isinstance(evidence, DoubleCommit):
        return evidence.first.hash != evidence.second.hash
    if isinstance(evidence, DoubleOutput):
        return _fields(evidence.first) != _fields(evidence.second)
    if isinstance(evidence, DoubleReceipt):
        one, other = evidence.first.receipt, evidence.second.receipt
        return one.sequence == other.sequence and one != other
    return True


def signature_in(genesis: bytes, shown: SignedReceipt, content: bytes) -> bytes | None:
    """The signature in a leaf that says the same as a receipt; none in one that says something else."""
    signed, signature = content[:-SIGNATURE_LENGTH], content[-SIGNATURE_LENGTH:]
    return signature if signed == receipt_bytes(genesis, shown.receipt) else None


def signed(evidence: AnyEvidence, genesis: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The byte strings that the worker must have signed on the chain of this genesis, each with its signature."""
    if isinstance(evidence, DoubleCommit):
        for commit in (evidence.first, evidence.second):
            yield (
                job_commit_bytes(genesis=genesis, job=evidence.job, attempt=evidence.attempt, hash=commit.hash),
                commit.signature,
            )
    elif isinstance(evidence, DoubleOutput):
        for output in (evidence.first, evidence.second):
            code, input, hash, transcript_root, gas, runtime_id = _fields(output)
            yield (
                job_output_bytes(
                    genesis=genesis,
                    job=evidence.job,
                    attempt=evidence.attempt,
                    code=code,
                    input=input,
                    output=hash,
                    transcript_root=transcript_root,
                    gas=gas,
                    runtime_id=runtime_id,
                ),
                output.signature,
            )
    elif isinstance(evidence, DoubleReceipt):
        for shown in (evidence.first, evidence.second):
            yield receipt_bytes(genesis, shown.receipt), shown.signature
    else:
        yield receipt_bytes(genesis, evidence.receipt.receipt), evidence.receipt.signature
    if isinstance(evidence, VoidAndReceipt):
        yield receipt_void_bytes(genesis, evidence.receipt.receipt.sequence), evidence.void


def _fields(output: SignedOutput) -> tuple[bytes, bytes, bytes, bytes, int, bytes]:
    return output.code, output.input, output.output, output.transcript_root, output.gas, output.runtime_id


EVIDENCE = codec_of(Evidence)
ATTEMPT = codec_of(tuple[JobId, U32])
SEQUENCE = codec_of(U64)
FAULT = codec_of(tuple[WorkerKey, U8, bytes])
