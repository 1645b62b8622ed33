"""What a job is on the wire: what goes in, what comes out, and what the worker signs of it.

Code, inputs and outputs are named by the BLAKE2b-256 of their raw bytes, without a length. The enums are whole,
though a chain may refuse some of their variants (`pallets.jobs` says which).
"""

from __future__ import annotations

from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import H256, U8, U32, U64, Bound, Bytes32, UnitEnum, Variant, struct
from pallets.primitives.worker import VERSION

MAX_INPUT = 1 << 16
"""Bytes of an input on-chain."""
MAX_OUTPUT = 1 << 16
"""Bytes of an output."""
MAX_SEALED_OUTPUT = MAX_OUTPUT + 80
"""Bytes of an output on-chain: of a sealed job it comes in a box, with a hash before it."""
MAX_BOX = MAX_INPUT + 1024
MAX_STORED = 4 << 20
"""Bytes of an input, or of a script's output, that is not on the chain but in the workers' store."""
MAX_STORED_OUTPUT = MAX_STORED + 80
"""Bytes of such an output, of a sealed job with what it comes in."""
NO_TRANSCRIPT = bytes(32)
"""The transcript root of a run to which nothing came from outside."""

JobId = U64


class Mode(UnitEnum):
    """What a job's script may ask of the world outside, and how its outputs are compared."""

    Deterministic = 0
    """Nothing from outside: every worker must get the same output and gas."""
    Recorded = 1
    """A leader records what came from outside, the others replay it."""
    Oracle = 2
    """Each worker fetches for itself; the vote is on the output."""


class Word(UnitEnum):
    """What a worker says of a job that it was given, before it has an output."""

    Acknowledge = 0
    """It is at work."""
    Abstain = 1
    """It won't have an output: somebody else should be given the job."""
    Unavailable = 2
    """The transcript that it should replay can't be had: whoever recorded it is asked in vain."""
    Large = 3
    """It is at work, and its output is too large for the chain: it will be given by its hash."""


class Input(Variant):
    """What a job's script is run on."""


@struct(name="Inline")
class InlineInput(Input):
    """The bytes themselves."""

    __unnamed__ = True

    data: Annotated[bytes, Bound(MAX_INPUT)]


@struct(name="Hash")
class HashInput(Input):
    """Bytes of this hash, in the workers' store."""

    __unnamed__ = True

    hash: Bytes32


@struct(name="Sealed")
class SealedInput(Input):
    """Bytes that only workers read: the hash of salt and plaintext, and boxes that workers' keys open."""

    commitment: Bytes32
    boxes: list[Annotated[bytes, Bound(MAX_BOX)]]


class Output(Variant):
    """What a job's script left."""


@struct(name="Inline")
class InlineOutput(Output):
    """The bytes themselves."""

    __unnamed__ = True

    data: Annotated[bytes, Bound(MAX_SEALED_OUTPUT)]


@struct(name="Hash")
class HashOutput(Output):
    """Bytes of this hash and length, in the workers' store."""

    __unnamed__ = True

    hash: Bytes32
    length: U32
    """Not signed: for whoever reads the call."""


def most_inline(*, sealed: bool) -> int:
    """Bytes of the longest output that goes on the chain itself; any longer one is in the workers' store."""
    return MAX_SEALED_OUTPUT if sealed else MAX_OUTPUT


def output_hash(output: Output) -> bytes:
    """What is signed and voted on of an output: the hash of its bytes."""
    if isinstance(output, HashOutput):
        return output.hash
    return blake2_256(output.data if isinstance(output, InlineOutput) else b"")


def job_output_bytes(
    *,
    genesis: bytes,
    job: int,
    attempt: int,
    code: bytes,
    input: bytes,
    output: bytes,
    transcript_root: bytes = NO_TRANSCRIPT,
    gas: int,
    runtime_id: bytes,
) -> bytes:
    """What a worker signs of a finished run. `code`, `input` and `output` are their hashes, 32 bytes each."""
    fields = (VERSION, genesis, job, attempt, code, input, output, transcript_root, gas, runtime_id)
    return JOB_OUTPUT_TAG + JOB_OUTPUT.encode(fields)


def commit_hash(signed: bytes, *, salt: bytes, worker: bytes, attempt: int) -> bytes:
    """What a worker commits to, of `job_output_bytes` and 32 random bytes: they keep the output secret until revealed.

    The worker is in it, so that nobody gains by committing to another's hash.
    """
    return blake2_256(signed.removeprefix(JOB_OUTPUT_TAG) + salt + worker + ATTEMPT.encode(attempt))


def job_commit_bytes(*, genesis: bytes, job: int, attempt: int, hash: bytes) -> bytes:
    """What a worker signs to commit to a hash, see `commit_hash`, before it reveals its output."""
    return JOB_COMMIT_TAG + JOB_COMMIT.encode((VERSION, genesis, job, attempt, hash))


def job_word_bytes(*, genesis: bytes, job: int, attempt: int, word: Word) -> bytes:
    """What a worker signs to say a word of a job."""
    return JOB_WORD_TAG + JOB_WORD.encode((VERSION, genesis, job, attempt, word))


def job_record_bytes(*, genesis: bytes, job: int, attempt: int, transcript_root: bytes) -> bytes:
    """What a leader signs of the transcript that the others replay, named by its root."""
    return JOB_RECORD_TAG + JOB_RECORD.encode((VERSION, genesis, job, attempt, transcript_root))


JOB_OUTPUT_TAG = b"fathom/job-output"
JOB_OUTPUT = codec_of(tuple[U8, H256, JobId, U32, Bytes32, Bytes32, Bytes32, Bytes32, U64, H256])
JOB_COMMIT_TAG = b"fathom/job-commit"
JOB_COMMIT = codec_of(tuple[U8, H256, JobId, U32, Bytes32])
JOB_RECORD_TAG = b"fathom/job-record"
JOB_RECORD = codec_of(tuple[U8, H256, JobId, U32, H256])
JOB_WORD_TAG = b"fathom/job-word"
JOB_WORD = codec_of(tuple[U8, H256, JobId, U32, Word])
ATTEMPT = codec_of(U32)
