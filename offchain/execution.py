"""From a job on the chain to an output under a worker's signature.

What a run is told follows from the chain alone, so that every honest worker, now or in an audit years later, finds the
same output and gas: the clock stands at the job's submission, `Math.random` starts from genesis hash and job number.

Errors:

    Refusal
    ├── InputElsewhere   the input is not there
    ├── Unopened         the input is sealed, and no box that the worker was given opens
    ├── CodeMissing      the code is not on the chain
    ├── OutsideBounds    the record has numbers that no chain would let a job have
    ├── Unfinished       the run had no end: its time was up, or its process died
    └── WrongBytes       code or input are not what the job's record names by hash
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import NamedTuple, Protocol

from offchain.journal import SignedOutput
from offchain.keys import WorkerKeys
from offchain.sandbox.base import Context, Failure, Limits, Outcome, Success, World
from offchain.sealed import open_input
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import MAX_STORED, NO_TRANSCRIPT, HashInput, InlineInput, Input, SealedInput, most_inline
from pallets.primitives.job_record import Job
from pallets.primitives.sealed import GivenBox, NotSealed, Opener, SealedRequest, sealed_output

MAX_CODE = 512 * 1024
"""Bytes of code on the chain."""


class Refusal(Exception):
    """The worker doesn't run the job; the message says why."""


class InputElsewhere(Refusal):
    """The chain has no input of the job, or of another kind than its record says, or its bytes weren't found."""


class Unopened(Refusal):
    """No box of the input opens, or holds what the job is committed to: a better one may still come.

    The same where the output can't be sealed, since the key it should be sealed to is none.
    """


class CodeMissing(Refusal):
    """The chain has no code of the hash that the job names."""


class OutsideBounds(Refusal):
    """Code, gas limit or time are beyond what a sandbox takes and a sound chain gives."""


class Unfinished(Refusal):
    """A run began and left nothing, which says nothing about the program: somebody else may get further."""


class WrongBytes(Refusal):
    """Code or input don't have the hash that the job's record names: the node gave other bytes than were approved."""


class SandboxPool(Protocol):
    """Where programs run; `offchain.sandbox.pool.Pool` is one."""

    @property
    def runtime_id(self) -> bytes:
        """What everything run here runs in."""

    async def run(
        self, code: bytes, input: bytes, limits: Limits, context: Context, world: World | None = None
    ) -> Outcome:
        """Raises `PoolFull`, and what the world raises."""

    def lend(self) -> AbstractAsyncContextManager[None]:
        """To be held while a run only waits for another. Raises `PoolFull`."""


def run_context(genesis: bytes, id: int, job: Job) -> Context:
    """What a run is told of the world: the job's submission time, and a seed that no attempt changes."""
    return Context(block_time_ms=job.submitted_at, seed=blake2_256(genesis + id.to_bytes(8, "little")))


class Program(NamedTuple):
    """What is run, and on what; `request` is where a sealed input came from, and its output goes to."""

    code: bytes
    input: bytes
    request: SealedRequest | None = None


def program_of(
    job: Job,
    code: bytes | None,
    input: Input | None,
    given: Iterable[GivenBox] = (),
    openers: Iterable[Opener] = (),
    stored: bytes | None = None,
) -> Program:
    """Code and input that a job names, as the node gave them; raises `Refusal` where they are not.

    Of a sealed input, `given` are the boxes that the worker was given and `openers` its keys to open them; of one in
    the workers' store, `stored` are the bytes that were found.
    """
    if code is None:
        raise CodeMissing(f"there is no code 0x{job.code.hex()} on the chain")
    if len(code) > MAX_CODE:
        raise OutsideBounds(f"its code has {len(code)} bytes, more than {MAX_CODE}")
    if isinstance(input, HashInput) and stored is not None:
        if len(stored) > MAX_STORED:
            raise OutsideBounds(f"its input has {len(stored)} bytes, more than {MAX_STORED}")
        input = InlineInput(stored)
    if not isinstance(input, (SealedInput if job.sealed else InlineInput)):
        raise InputElsewhere("its input is not there")
    if blake2_256(code) != job.code:
        raise WrongBytes(f"the node's code 0x{job.code.hex()} has another hash")
    if isinstance(input, SealedInput):
        try:
            request = open_input(job, input, given, openers)
        except NotSealed as error:
            raise Unopened(f"its input is sealed: {error}") from None
        return Program(code, request.data, request)
    if blake2_256(input.data) != job.input:
        raise WrongBytes(f"the input doesn't have the hash that the job names, 0x{job.input.hex()}")
    return Program(code, input.data)


ASKS, ASK_BYTES, ANSWER_BYTES = 1024, 4 << 20, 4 << 20
"""What a job's run may ask, and be answered: a transcript has to travel in one message."""


def job_limits(job: Job, wall_seconds: float) -> Limits:
    """Bounds of a job's run. Raises `OutsideBounds`."""
    try:
        return Limits(
            gas=job.gas_limit,
            wall_seconds=wall_seconds,
            output_bytes=MAX_STORED,
            asks=ASKS,
            ask_bytes=ASK_BYTES,
            answer_bytes=ANSWER_BYTES,
        )
    except ValueError as error:
        raise OutsideBounds(str(error)) from None


async def run_job(
    pool: SandboxPool, genesis: bytes, id: int, job: Job, program: Program, wall_seconds: float, pinned: World
) -> Outcome:
    """Runs a `Deterministic` job in a world of the chain alone. Raises `PoolFull`, `OutsideBounds`, what that does."""
    limits = job_limits(job, wall_seconds)
    try:
        context = replace(run_context(genesis, id if job.audits is None else job.audits, job), pinned=True)
    except ValueError as error:
        raise OutsideBounds(str(error)) from None
    return await pool.run(program.code, program.input, limits, context, pinned)


def signed_output(
    keys: WorkerKeys,
    genesis: bytes,
    id: int,
    attempt: int,
    job: Job,
    program: Program,
    outcome: Success | Failure,
    runtime_id: bytes,
    salt: bytes = b"",
    transcript_root: bytes = NO_TRANSCRIPT,
    keep: Callable[[bytes], None] | None = None,
) -> SignedOutput:
    """What the worker says of a finished run; a sealed input's output is sealed. Raises `Unopened`.

    `salt` is 32 random bytes where the job is voted on. `keep` is handed an output that is too large for the chain, and
    may refuse it; of that what is signed has the hash.
    """
    content = outcome.output
    if program.request is not None:
        try:
            content = sealed_output(program.request, id if job.audits is None else job.audits, content)
        except NotSealed as error:
            raise Unopened(f"its output can't be sealed: {error}") from None
    hash, length = blake2_256(content), 0
    if len(content) > most_inline(sealed=job.sealed):
        if keep is None:
            raise OutsideBounds(f"its output has {len(content)} bytes, and nobody to keep it")
        keep(content)
        content, length = hash, len(content)
    message = job.output_bytes(genesis, id, attempt, hash, transcript_root, outcome.gas, runtime_id)
    fields = keys.sign(message), job.submitted_at, salt, transcript_root, length
    return SignedOutput(message, content, outcome.gas, *fields)


def is_of(signed: SignedOutput, genesis: bytes, id: int, attempt: int, job: Job, runtime_id: bytes) -> bool:
    """Whether this is what a run of this very job left: on a chain that was set back, others have had its number."""
    message = job.output_bytes(genesis, id, attempt, signed.hash, signed.transcript_root, signed.gas, runtime_id)
    return (signed.message, signed.submitted_at) == (message, job.submitted_at)
