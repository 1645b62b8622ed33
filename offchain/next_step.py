"""What a worker does next, by what the chain says of it.

| the chain says | the worker |
| --- | --- |
| unknown, or left | registers: a quote over the best block, stake by the operator |
| restarted, time has jumped, attestation expired or about to | attests again |
| challenged, or counted as unresponsive or unattested | sends a heartbeat |
| not challenged, though it was due long ago: the chain may be waiting for a transaction | sends a heartbeat |
| leaving | finishes what it has |
| key revoked | ends |
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from pallets.primitives.attestation_record import WorkerAttestation
from pallets.primitives.worker_record import LEAVING, Worker, WorkerState

RENEWAL = 3_600_000
"""How long before its attestation expires a worker attests again, in milliseconds; of a short one the last tenth."""
RENEWAL_PAUSE = 600_000
"""How long a worker leaves a fresh attestation alone, even one that expires soon, in milliseconds."""


class Step(enum.Enum):
    """What a worker does next."""

    REGISTER = enum.auto()
    ATTEST = enum.auto()
    BEAT = enum.auto()
    WAIT = enum.auto()


class Plan(NamedTuple):
    """A step; of `WAIT` the moment, in milliseconds of chain time, at which something else is due."""

    step: Step
    until: int = 0


def is_older(record: Worker | None, before: Worker) -> bool:
    """Whether a record is from an earlier moment than another one: then the chain was set back."""
    if record is None:
        return True
    ended = (record.kept - before.kept) + (record.missed - before.missed)
    return (
        record.kept < before.kept
        or record.missed < before.missed
        or record.slashed < before.slashed
        or record.speed_at < before.speed_at
        or record.heartbeat_block < before.heartbeat_block
        or record.last_heartbeat < before.last_heartbeat
        or before.load - record.load > ended  # a job that was given is over without having ended
    )


def next_step(record: Worker | None, attestation: WorkerAttestation | None, now: int) -> Plan:
    """What a worker of this record should do at `now`, in milliseconds of chain time."""
    if record is None or record.state is WorkerState.Left:
        return Plan(Step.REGISTER)
    if record.state in LEAVING:
        return Plan(Step.WAIT, record.due)
    if record.state in (WorkerState.Registered, WorkerState.Unresponsive):
        return Plan(Step.BEAT)
    beat = now if record.challenged else 2 * record.due - record.last_heartbeat
    renewal = beat
    if attestation is not None:
        life = attestation.expires - attestation.attested_at
        renewal = max(attestation.expires - min(RENEWAL, life // 10), attestation.attested_at + RENEWAL_PAUSE)
        if now >= renewal:
            return Plan(Step.ATTEST)
    return Plan(Step.BEAT) if now >= beat else Plan(Step.WAIT, min(beat, renewal))
