from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest
from nacl.public import PrivateKey

from offchain.execution import (
    CodeMissing,
    InputElsewhere,
    OutsideBounds,
    Program,
    Unopened,
    WrongBytes,
    is_of,
    program_of,
    run_context,
    run_job,
    signed_output,
)
from offchain.journal import SignedOutput
from offchain.keys import WorkerKeys
from offchain.sandbox.base import Answer, Ask, Failure, OutOfGas, Success
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import (
    MAX_OUTPUT,
    MAX_STORED,
    HashInput,
    HashOutput,
    InlineInput,
    InlineOutput,
    Input,
    Mode,
    SealedInput,
)
from pallets.primitives.job_record import Job, JobState, Shares
from pallets.primitives.keys import verify_ed25519
from pallets.primitives.sealed import GivenBox, SealedRequest, open_output, opener, seal

CODE, INPUT, GENESIS, RUNTIME = b"code", b"input", b"g" * 32, b"r" * 32
JOB = Job(
    agent=3,
    submitter=bytes(32),
    code=blake2_256(CODE),
    input=blake2_256(INPUT),
    mode=Mode.Deterministic,
    replicas=1,
    max_fee=10,
    price=1,
    gas_limit=10,
    shares=Shares(1_000_000, 0, 0, 0),
    treasury=bytes(32),
    submitted_at=1_700_000_000_123,
    deadline=45_000,
    narrow_allowed=True,
    state=JobState.Assigned,
    attempt=1,
    due=1_700_000_015_000,
    ends=1_700_000_045_000,
)


def test_the_program_is_what_the_job_names() -> None:
    assert program_of(JOB, CODE, InlineInput(INPUT)) == Program(CODE, INPUT)


@pytest.mark.parametrize(
    ("changes", "code", "input", "error"),
    [
        ({}, None, InlineInput(INPUT), CodeMissing),
        ({}, b"other", InlineInput(INPUT), WrongBytes),
        ({}, bytes(512 * 1024 + 1), InlineInput(INPUT), OutsideBounds),
        ({}, CODE, InlineInput(b"other"), WrongBytes),
        ({}, CODE, None, InputElsewhere),
        ({}, CODE, HashInput(blake2_256(INPUT)), InputElsewhere),
        ({}, CODE, SealedInput(blake2_256(INPUT), []), InputElsewhere),
        ({"sealed": True}, CODE, HashInput(blake2_256(INPUT)), InputElsewhere),
        ({"sealed": True}, CODE, InlineInput(INPUT), InputElsewhere),
        ({"sealed": True}, CODE, SealedInput(blake2_256(INPUT), [b"box"]), Unopened),
    ],
)
def test_anything_else_is_refused(
    changes: dict[str, Any], code: bytes | None, input: Input | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        program_of(replace(JOB, **changes), code, input)


def test_bytes_of_the_store_are_what_the_job_names() -> None:
    named = HashInput(blake2_256(INPUT))
    assert program_of(JOB, CODE, named, stored=INPUT) == Program(CODE, INPUT)
    with pytest.raises(WrongBytes):
        program_of(JOB, CODE, named, stored=b"other")
    with pytest.raises(OutsideBounds):
        program_of(JOB, CODE, named, stored=bytes(MAX_STORED + 1))


class NoWorld:
    async def turn(self, asks: Sequence[Ask]) -> Answer:
        raise AssertionError("a job outside the bounds asks nothing")


class Nowhere:
    runtime_id = RUNTIME

    async def run(self, *_: object) -> Success:
        raise AssertionError("a job outside the bounds isn't run")

    def lend(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


@pytest.mark.parametrize("changes", [{"gas_limit": 1 << 63}, {"submitted_at": 1 << 43}])
async def test_a_job_outside_the_bounds_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(OutsideBounds):
        await run_job(Nowhere(), GENESIS, 7, replace(JOB, **changes), Program(CODE, INPUT), 1.0, NoWorld())


def test_a_run_is_told_what_no_attempt_changes() -> None:
    first, later = (run_context(GENESIS, 7, replace(JOB, attempt=attempt, due=attempt)) for attempt in (1, 2))
    assert first == later
    assert first.block_time_ms == JOB.submitted_at
    assert first.seed == blake2_256(GENESIS + bytes([7, 0, 0, 0, 0, 0, 0, 0]))
    assert first.seed != run_context(GENESIS, 8, JOB).seed != run_context(b"h" * 32, 8, JOB).seed


def test_the_signature_covers_what_the_protocol_lists() -> None:
    keys = WorkerKeys(b"s" * 32, b"x" * 32)
    signed = signed_output(keys, GENESIS, 7, 2, JOB, Program(CODE, INPUT), Success(b"output", 9), RUNTIME)
    parts = (
        b"fathom/job-output",
        b"\1",
        GENESIS,
        (7).to_bytes(8, "little"),
        (2).to_bytes(4, "little"),
        JOB.code,
        JOB.input,
        blake2_256(b"output"),
        bytes(32),
        (9).to_bytes(8, "little"),
        RUNTIME,
    )
    assert signed.message == b"".join(parts)
    assert (signed.output, signed.gas) == (b"output", 9)
    assert verify_ed25519(signed.signature, signed.message, keys.worker_key)


def test_a_failure_is_signed_like_any_output() -> None:
    keys, failure = WorkerKeys(b"s" * 32, b"x" * 32), Failure(OutOfGas("all of it"), 10)
    signed = signed_output(keys, GENESIS, 7, 1, JOB, Program(CODE, INPUT), failure, RUNTIME)
    assert (signed.output, signed.gas) == (b'{"error":"out-of-gas","message":"all of it"}', 10)
    assert blake2_256(signed.output) in signed.message


MINE = PrivateKey(b"m" * 32)
REQUEST = SealedRequest(b"salt" * 8, MINE.public_key.encode(), JOB.submitter, JOB.agent, INPUT)
SEALED = replace(JOB, input=REQUEST.commitment, sealed=True)


@pytest.mark.parametrize("outcome", [Success(b"output", 9), Failure(OutOfGas("all of it"), 10)])
def test_a_sealed_job_is_run_and_its_output_sealed(outcome: Success | Failure) -> None:
    keys = WorkerKeys(b"s" * 32, b"x" * 32)
    box = seal(REQUEST.encoded, keys.seal_key, b"once" * 8)
    program = program_of(
        SEALED, CODE, SealedInput(SEALED.input, []), [GivenBox(bytes(32), box)], [opener(keys.sealing)]
    )
    assert program == Program(CODE, INPUT, REQUEST)
    signed = signed_output(keys, GENESIS, 7, 1, SEALED, program, outcome, RUNTIME)
    assert open_output(signed.output, REQUEST, 7, bytes(MINE)) == outcome.output
    assert blake2_256(signed.output) in signed.message and SEALED.input in signed.message
    assert is_of(signed, GENESIS, 7, 1, SEALED, RUNTIME)
    assert not is_of(signed, GENESIS, 7, 1, replace(SEALED, input=bytes(32)), RUNTIME)


def test_a_reply_key_that_is_none_is_known_before_anything_is_signed() -> None:
    program = Program(CODE, INPUT, replace(REQUEST, reply_key=bytes(32)))
    with pytest.raises(Unopened, match="can't be sealed"):
        signed_output(WorkerKeys(b"s" * 32, b"x" * 32), GENESIS, 7, 1, SEALED, program, Success(b"", 1), RUNTIME)


@pytest.mark.parametrize("sealed", [False, True])
def test_what_is_too_large_for_the_chain_is_kept_and_named(sealed: bool) -> None:
    keys, kept = WorkerKeys(b"s" * 32, b"x" * 32), list[bytes]()
    mine = PrivateKey(b"m" * 32)
    request = SealedRequest(bytes(32), mine.public_key.encode(), JOB.submitter, JOB.agent, INPUT) if sealed else None
    job, program = replace(JOB, sealed=sealed), Program(CODE, INPUT, request)

    def signed(output: bytes, keep: Callable[[bytes], None] | None = kept.append) -> SignedOutput:
        return signed_output(keys, GENESIS, 7, 2, job, program, Success(output, 9), RUNTIME, keep=keep)

    inline = signed(bytes(MAX_OUTPUT))
    assert isinstance(inline.on_chain, InlineOutput) and not kept and inline.hash == blake2_256(inline.on_chain.data)
    large = signed(bytes(MAX_OUTPUT + 1))
    (content,) = kept
    assert large.on_chain == HashOutput(blake2_256(content), len(content)) and large.hash == blake2_256(content)
    assert is_of(large, GENESIS, 7, 2, job, RUNTIME) and not is_of(large, GENESIS, 8, 2, job, RUNTIME)
    if request is not None:
        assert open_output(content, request, 7, bytes(mine)) == bytes(MAX_OUTPUT + 1)
    with pytest.raises(OutsideBounds):
        signed(bytes(MAX_OUTPUT + 1), None)


def test_who_audits_seals_as_who_is_audited() -> None:
    keys, mine = WorkerKeys(b"s" * 32, b"x" * 32), PrivateKey(b"m" * 32)
    program = Program(CODE, INPUT, SealedRequest(bytes(32), mine.public_key.encode(), bytes(32), 1, INPUT))
    judged, judge = (
        signed_output(
            keys, GENESIS, id, 1, replace(JOB, sealed=True, audits=audits), program, Success(b"o", 9), RUNTIME
        )
        for id, audits in ((7, None), (8, 7))
    )
    assert judged.output == judge.output
