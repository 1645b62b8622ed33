"""The bytes between a pool and its slots' processes: frames of parts, jobs and outcomes.

A frame is a u32 length and that many bytes; these are parts, each a u32 length and its bytes. All little-endian.
A slot is not believed: its frames are bounded, and decode to plain values or not at all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from offchain.sandbox.base import REASONS, Abstained, Context, Failure, Limits, Outcome, Success

LENGTH = struct.Struct("<I")
MAX_JOB_FRAME = 64 << 20

_GAS = struct.Struct("<Q")
_JOB = struct.Struct("<QdQIIQ")


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


def pack_job(code: bytes, input: bytes, limits: Limits, context: Context) -> bytes:
    """The frame of one run's arguments."""
    head = _JOB.pack(
        limits.gas,
        limits.wall_seconds,
        limits.memory_bytes,
        limits.output_bytes,
        limits.log_bytes,
        context.block_time_ms,
    )
    return pack(head, context.seed, code, input)


def unpack_job(body: bytes) -> tuple[bytes, bytes, Limits, Context]:
    """Code, input, limits and context of a job's frame."""
    head, seed, code, input = unpack(body)
    gas, wall_seconds, memory_bytes, output_bytes, log_bytes, block_time_ms = _JOB.unpack(head)
    limits = Limits(
        gas=gas,
        wall_seconds=wall_seconds,
        memory_bytes=memory_bytes,
        output_bytes=output_bytes,
        log_bytes=log_bytes,
    )
    return code, input, limits, Context(block_time_ms=block_time_ms, seed=seed)


def max_outcome_frame(limits: Limits) -> int:
    """What an outcome's frame can't exceed: a log line costs its bytes threefold at worst, a message 4 KiB."""
    return limits.output_bytes + 3 * limits.log_bytes + 8192


def pack_outcome(outcome: Outcome) -> bytes:
    """The frame of one run's outcome."""
    match outcome:
        case Success(output, gas, logs):
            return pack(b"success", _GAS.pack(gas), output, *(line.encode() for line in logs))
        case Failure(reason, gas, logs):
            lines = (line.encode() for line in logs)
            return pack(b"failure", _GAS.pack(gas), reason.kind.encode(), reason.message.encode(), *lines)
        case Abstained(text):
            return pack(b"abstained", text.encode())


def unpack_outcome(body: bytes, limits: Limits) -> Outcome:
    """The outcome in a frame, if a run under `limits` can have it. Raises `BadFrame`."""
    try:
        match unpack(body):
            case [b"success", gas, output, *logs] if len(output) <= limits.output_bytes:
                return Success(output, _gas(gas, limits), tuple(line.decode() for line in logs))
            case [b"failure", gas, kind, message, *logs] if kind.decode() in REASONS:
                reason = REASONS[kind.decode()](message.decode())
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
