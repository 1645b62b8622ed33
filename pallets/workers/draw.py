"""Draws a worker of a class: by weighted chance, in a bounded number of tries, each a bounded number of reads.

A try takes a random place of the class's list, and the worker there with its weight's probability. Whoever turns out to
be unattested on the way leaves the lists; who has lost what the class asks for, such as a GPU, leaves that one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from pallets.primitives.hashing import blake2_256
from pallets.primitives.worker_record import EVERYONE, Worker, WorkerState, heaviest
from pallets.workers.classes import match
from pallets.workers.stake import counted_stake

if TYPE_CHECKING:
    from pallets.workers.pallet import Workers

MAX_TRIES = 64


class Draw(NamedTuple):
    """Whom a draw took, if anyone, and after how many tries."""

    worker: bytes | None
    tries: int


def draw(
    workers: Workers, seed: bytes, class_id: int, *, operators: Collection[bytes], rather_not: Collection[bytes]
) -> Draw:
    """A worker of the class whose operator is none of `operators`; of `rather_not` only after half the tries."""
    limit = heaviest(workers.max_counted_stake)
    count = workers.eligible_count[class_id]
    known = None if class_id == EVERYONE else workers.classes.get(class_id)
    for turn in range(MAX_TRIES):
        if not count:
            return Draw(None, turn)
        chance = blake2_256(seed + turn.to_bytes(4, "little"))
        worker = workers.eligible[class_id, int.from_bytes(chance[:16], "little") % count]
        record = workers.worker[worker]
        if workers.attestation.fault(worker) is not None:
            workers.enter(worker, record, WorkerState.Registered)
            count -= 1
            continue
        if known is not None and not known.fit(record.info, workers.attestation.attested[worker]):
            match(workers, worker, record)
            workers.worker[worker] = record
            count -= 1
            continue
        if record.info.operator in operators or (worker in rather_not and turn < MAX_TRIES // 2):
            continue
        if int.from_bytes(chance[16:], "little") % limit < weight_of(workers, record):
            return Draw(worker, turn + 1)
    return Draw(None, MAX_TRIES)


def weight_of(workers: Workers, record: Worker) -> int:
    """A worker's weight in a draw."""
    return record.weight(counted_stake(workers, record))
