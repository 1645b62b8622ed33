"""Batches of receipts: how they come, what is drawn of them, and when they are forgotten.

A worker's batches are contiguous, so that a number is in one batch at most. Which of its leaves are shown is drawn with
randomness that nobody has when the batch comes; where the chain has few authorities it can be foreseen, and the record
says so. A key that isn't trusted any more still brings what it has signed before, unpaid.

What falls due while the chain stands still is waited for once more.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pallets.calendar import carry_out, due
from pallets.frame import U8, U64, DispatchError
from pallets.primitives.codec import codec_of
from pallets.primitives.evidence import SlashReason, receipt_subject
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.receipt import MAX_RECEIPTS, ReceiptBatch, receipt_batch_bytes
from pallets.primitives.receipt_record import (
    BATCH_RECORD,
    MAX_DRAWN,
    BatchRecord,
    BatchStage,
    VoidReason,
    draw_places,
)
from pallets.primitives.worker import WorkerKey
from pallets.primitives.worker_record import WorkerState
from pallets.randomness.beacon import DRAW_DELAY

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs

BATCH_PHASE, OPENINGS_PHASE = 0, 1
LAST_NUMBER = (1 << 64) - 1
TAG = codec_of(tuple[bytes, WorkerKey, U64, U8])


def check_terms(jobs: Jobs) -> None:
    """Raises what is wrong with the constants."""
    if not (0 < jobs.leaves_drawn <= MAX_DRAWN and jobs.receipt_time and jobs.open_within and jobs.batch_interval):
        raise ValueError(f"Jobs: leaves_drawn is 1 to {MAX_DRAWN}, the times of receipts are above zero")
    if jobs.receipt_time + jobs.open_within >= jobs.penalties.discovery:
        raise ValueError("Jobs: a receipt must be overdue, and a batch void, before the fault is too old")
    if jobs.batches_kept < jobs.workers.unbonding:
        raise ValueError("Jobs: batches are evidence, and kept as long as stake is bound")


def batch_tag(worker: bytes, first: int, phase: int) -> bytes:
    """Of what a bare transaction about a batch says."""
    return TAG.encode((b"receipts", worker, first, phase))


def check_batch(jobs: Jobs, batch: ReceiptBatch, signature: bytes) -> None:
    """Raises why a batch doesn't count."""
    known = jobs.workers.worker.get(batch.worker)
    if known is None or known.state is WorkerState.Left:
        raise jobs.NotAtStake
    if not jobs.runtime.verify(Ed25519(signature), receipt_batch_bytes(jobs.system.block_hash[0], batch), batch.worker):
        raise jobs.BadSignature
    if not 0 < batch.count <= MAX_RECEIPTS or batch.first + batch.count > LAST_NUMBER:
        raise jobs.BadCount
    if batch.first != jobs.next_receipt[batch.worker]:
        raise jobs.WrongFirst
    if jobs.timestamp.now < jobs.last_batch[batch.worker] + jobs.batch_interval:
        raise jobs.TooSoon


def take_batch(jobs: Jobs, batch: ReceiptBatch) -> None:
    """Remembers a batch, and lets it wait for a draw."""
    worker, now, block = batch.worker, jobs.timestamp.now, jobs.system.number
    jobs.next_receipt[worker] = batch.first + batch.count
    jobs.last_batch[worker] = now
    record = BatchRecord(batch.count, batch.root, batch.total_charge, now, block, BatchStage.Draw, 0)
    if jobs.attestation.fault(worker) is None:
        jobs.batch_draws[block + DRAW_DELAY, (worker, batch.first)] = None
        jobs.receipt_batch[worker, batch.first] = record
    else:
        end_batch(jobs, worker, batch.first, record, BatchStage.Unpaid)
    jobs.deposit(jobs.ReceiptsCommitted(worker, batch.first, batch.count, batch.root))


def draw_leaves(jobs: Jobs) -> int:
    """Draws leaves of the batches whose randomness is settled; answers of how many."""
    found = due(jobs.batch_draws, jobs.system.number, jobs.max_due)
    for place, (when, (worker, first)) in enumerate(found):
        settled = jobs.beacon().settled(when - DRAW_DELAY)
        if settled is None:
            return place
        del jobs.batch_draws[when, (worker, first)]
        record = jobs.receipt_batch.get(worker, first)
        if record is None:  # root may have removed it
            continue
        record.drawn = draw_places(settled.mix, worker, first, record.count, jobs.leaves_drawn)
        record.predictable, record.stage = settled.predictable, BatchStage.Openings
        _wait(jobs, worker, first, record, jobs.open_within)
        jobs.deposit(jobs.LeavesDrawn(worker, first, record.drawn, record.due))
    return len(found)


def batches_fall_due(jobs: Jobs) -> int:
    """Voids the batches whose leaves weren't shown, and forgets those that are long over; answers how many."""
    found = due(jobs.batch_alarms, jobs.timestamp.now, jobs.max_due)
    for entry in found:
        carry_out(jobs.runtime, jobs.batch_alarms, entry, partial(_fall_due, jobs), partial(_give_up, jobs))
    return len(found)


def end_batch(jobs: Jobs, worker: bytes, first: int, record: BatchRecord, stage: BatchStage) -> None:
    """Nothing more comes of a batch: it is remembered for a while."""
    if record.stage is BatchStage.Openings:
        del jobs.batch_alarms[record.due, (worker, first)]
    record.stage = stage
    _wait(jobs, worker, first, record, jobs.batches_kept)


def void_batch(
    jobs: Jobs, worker: bytes, first: int, record: BatchRecord, reason: VoidReason, evidence: bytes | None = None
) -> None:
    """A batch counts for nothing, and its worker is slashed for it."""
    evidence = BATCH_RECORD.encode((first, record)) if evidence is None else evidence
    end_batch(jobs, worker, first, record, BatchStage.Void)
    jobs.deposit(jobs.ReceiptsVoid(worker, first, reason))
    jobs.penalties.punish(
        worker,
        SlashReason.UnopenedBatch if reason is VoidReason.NotOpened else SlashReason.FalseBatch,
        max(jobs.min_slash, record.total_charge),
        subject=receipt_subject(first),
        evidence=evidence,
        at=record.committed_at,
    )


def is_overdue(jobs: Jobs, worker: bytes, number: int, moment: int) -> bool:
    """Whether a receipt's number, over a block of that moment, should be in a batch by now and isn't."""
    since = max(moment, jobs.workers.excused_until)
    return number >= jobs.next_receipt[worker] and since + jobs.receipt_time < jobs.timestamp.now


def _wait(jobs: Jobs, worker: bytes, first: int, record: BatchRecord, time: int) -> None:
    record.due = jobs.timestamp.now + time
    jobs.batch_alarms[record.due, (worker, first)] = None
    jobs.receipt_batch[worker, first] = record


def _fall_due(jobs: Jobs, when: int, batch: tuple[bytes, int]) -> None:
    record = jobs.receipt_batch.get(*batch)
    if record is None or record.stage is not BatchStage.Openings:
        del jobs.batch_alarms[when, batch]
        del jobs.receipt_batch[batch]
    elif when <= jobs.workers.excused_until:
        del jobs.batch_alarms[when, batch]
        _wait(jobs, *batch, record, jobs.open_within)
    else:
        void_batch(jobs, *batch, record, VoidReason.NotOpened)


def _give_up(jobs: Jobs, batch: tuple[bytes, int], error: DispatchError) -> None:
    jobs.deposit(jobs.BatchAbandoned(*batch, error))
