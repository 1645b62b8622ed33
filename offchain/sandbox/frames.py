"""The bytes between a pool and its slots' processes: frames of parts, jobs, turns and outcomes.

A frame is a u32 length and that many bytes; these are parts, each a u32 length and its bytes. All little-endian.
A slot is not believed: its frames are bounded, and decode to plain values or not at all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from offchain.sandbox.base import (
    OPERATIONS,
    REASONS,
    Abstained,
    Answer,
    Ask,
    Context,
    Failure,
    Limits,
    Outcome,
    Success,
)

LENGTH = struct.Struct("<I")
MAX_JOB_FRAME = 64 << 20

_GAS = struct.Struct("<Q")
_JOB = struct.Struct("<QdQIIIIIQ??")
_LIMITS = (
    *("gas", "wall_seconds", "memory_bytes", "output_bytes", "log_bytes"),
    *("asks", "ask_bytes", "answer_bytes"),
)
_ASK = struct.Struct("<IB")
_ANSWER = struct.Struct("<I?Q")


class BadFrame(ValueError):
    """Bytes that are no frame, or not the one expected."""


def pack(*parts: bytes) -> bytes:
    """One frame of `parts`, its length in front."""
    body = b"".join(LENGTH.pack(len(part)) + part for part in parts)
    return LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> list[bytes]:
    """The parts of a frame without its length."""
    return list(_parts(body))


def _parts(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        start = at + LENGTH.size
        if start > len(body):
            raise BadFrame("the frame ends inside a length")
        at = start + int(LENGTH.unpack_from(body, at)[0])
        if at > len(body):
            raise BadFrame("the frame ends inside a part")
        yield body[start:at]


class Job(NamedTuple):
    """What a slot is asked to run."""

    code: bytes
    input: bytes
    limits: Limits
    context: Context
    has_world: bool


def pack_job(job: Job) -> bytes:
    """The frame of one run's arguments."""
    limits, context = job.limits, job.context
    head = _JOB.pack(
        limits.gas,
        limits.wall_seconds,
        limits.memory_bytes,
        limits.output_bytes,
        limits.log_bytes,
        limits.asks,
        limits.ask_bytes,
        limits.answer_bytes,
        context.block_time_ms,
        context.pinned,
        job.has_world,
    )
    return pack(b"job", head, context.seed, context.derive_key or b"", job.code, job.input)


def unpack_job(parts: list[bytes]) -> Job:
    """The job of a frame's parts."""
    kind, head, seed, key, code, input = parts
    if kind != b"job":
        raise BadFrame("the frame is no job")
    numbers = _JOB.unpack(head)
    limits = Limits(**dict(zip(_LIMITS, numbers, strict=False)))
    context = Context(block_time_ms=numbers[-3], seed=seed, derive_key=key or None, pinned=numbers[-2])
    return Job(code, input, limits, context, numbers[-1])


def pack_asks(asks: Sequence[Ask]) -> bytes:
    """The frame of what a run asks of the world in one turn."""
    parts = [b"asks"]
    for ask in asks:
        parts += (_ASK.pack(ask.id, OPERATIONS.index(ask.op)), ask.head, ask.body)
    return pack(*parts)


def unpack_asks(parts: list[bytes]) -> tuple[Ask, ...] | None:
    """The asks of a frame's parts; None if it is something else. Raises `BadFrame`."""
    if not parts or parts[0] != b"asks":
        return None
    try:
        return tuple(_asks(parts[1:]))
    except (struct.error, IndexError, ValueError) as error:
        raise BadFrame(f"the frame's asks are none: {error}") from error


def _asks(parts: list[bytes]) -> Iterator[Ask]:
    for head, text, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        id, op = _ASK.unpack(head)
        yield Ask(id, OPERATIONS[op], text, body)


def pack_answer(answer: Answer) -> bytes:
    """The frame of what the world answers."""
    return pack(b"answer", _ANSWER.pack(answer.id, answer.ok, answer.now_ms), answer.head, answer.body)


def unpack_answer(parts: list[bytes]) -> Answer | None:
    """The answer of a frame's parts; None if it is something else."""
    match parts:
        case [b"answer", head, text, body]:
            id, ok, now_ms = _ANSWER.unpack(head)
            return Answer(id, ok, text, body, now_ms)
    return None


ABORT = pack(b"abort")
"""The pool wants the run no more; a slot hears this once, after the signal, whether or not the run still goes on."""


def max_slot_frame(limits: Limits) -> int:
    """What a slot's frame can't exceed: a log line costs its bytes threefold at worst, message and stack 20 KiB."""
    return max(limits.output_bytes + 3 * limits.log_bytes + 24_576, limits.ask_bytes + 32 * (limits.asks + 1))


def pack_outcome(outcome: Outcome) -> bytes:
    """The frame of one run's outcome."""
    match outcome:
        case Success(output, gas, logs, kind):
            return pack(b"success", kind.encode(), _GAS.pack(gas), output, *(line.encode() for line in logs))
        case Failure(reason, gas, logs):
            texts = (reason.kind, reason.message, reason.stack, *logs)
            return pack(b"failure", _GAS.pack(gas), *(text.encode() for text in texts))
        case Abstained(text):
            return pack(b"abstained", text.encode())


def unpack_outcome(parts: list[bytes], limits: Limits) -> Outcome:
    """The outcome of a frame's parts, if a run under `limits` can have it. Raises `BadFrame`."""
    try:
        match parts:
            case [b"success", (b"text" | b"bytes") as kind, gas, output, *logs] if len(output) <= limits.output_bytes:
                lines = tuple(line.decode() for line in logs)
                return Success(output, _gas(gas, limits), lines, "text" if kind == b"text" else "bytes")
            case [b"failure", gas, kind, message, stack, *logs] if kind.decode() in REASONS:
                reason = REASONS[kind.decode()](message.decode(), stack.decode())
                return Failure(reason, _gas(gas, limits), tuple(line.decode() for line in logs))
            case [b"abstained", text]:
                return Abstained(text.decode())
    except (UnicodeDecodeError, struct.error) as error:
        raise BadFrame(str(error)) from error
    raise BadFrame("the frame is no outcome of this run")


def _gas(packed: bytes, limits: Limits) -> int:
    gas = int(_GAS.unpack(packed)[0])
    if gas > limits.gas:
        raise BadFrame(f"{gas} gas is more than the run's limit")
    return gas
