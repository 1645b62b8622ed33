"""What evidence convicts a worker of, and when that happened.

Signatures bear no date. A fault in a job counts as of the job's submission, or of the worker's registration if that was
later; one in a receipt as of the later block that the receipts name, to the block where the chain still knows its hash,
else as of the first of the 64 blocks around it; one in a batch as of when that was committed. That is never later than
it really was, so that nobody is slashed for what was done before it staked.

The functions are parts of `Slashing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pallets.primitives.evidence import (
    AnyEvidence,
    DoubleCommit,
    DoubleOutput,
    DoubleReceipt,
    OverdueReceipt,
    ReceiptNotInBatch,
    SlashReason,
    attempt_subject,
    contradicts,
    receipt_subject,
    signature_in,
    signed,
)
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.merkle import root_of
from pallets.primitives.receipt import Receipt, receipt_bytes

if TYPE_CHECKING:
    from pallets.slashing.pallet import Slashing

CHARGE_MULTIPLE = 64
"""A false receipt costs at least so many times what it charges."""
STRIDE = 64
"""Blocks from one whose moment is kept to the next."""


class Verdict(NamedTuple):
    """A fault, as of when it counts, and what it costs."""

    reason: SlashReason
    subject: bytes
    at: int
    amount: int


def judge(slashing: Slashing, evidence: AnyEvidence) -> Verdict:
    """What the evidence proves; raises why it proves nothing."""
    if not contradicts(evidence):
        raise slashing.NoContradiction
    for content, signature in signed(evidence, slashing.system.block_hash[0]):
        if not slashing.runtime.verify(Ed25519(signature), content, evidence.worker):
            raise slashing.BadSignature
    if isinstance(evidence, DoubleCommit | DoubleOutput):
        reason = SlashReason.DoubleCommit if isinstance(evidence, DoubleCommit) else SlashReason.DoubleOutput
        at = _began(slashing, evidence.job, evidence.worker)
        return Verdict(reason, attempt_subject(evidence.job, evidence.attempt), at, slashing.equivocation)
    shown = [evidence.first, evidence.second] if isinstance(evidence, DoubleReceipt) else [evidence.receipt]
    receipts = [one.receipt for one in shown]
    amount = max(slashing.equivocation, CHARGE_MULTIPLE * max(receipt.charge for receipt in receipts))
    if isinstance(evidence, ReceiptNotInBatch):
        reason, at = SlashReason.FalseBatch, _batch_moment(slashing, evidence)
    else:
        reason, at = SlashReason.DoubleReceipt, max(_moment_of(slashing, receipt) for receipt in receipts)
    if isinstance(evidence, OverdueReceipt):
        reason = SlashReason.OverdueReceipt
        latest = _latest_moment_of(slashing, receipts[0])
        if latest is None or not slashing.jobs().is_overdue(evidence.worker, receipts[0].sequence, latest):
            raise slashing.NotOverdue
    return Verdict(reason, receipt_subject(receipts[0].sequence), at, amount)


def note_moment(slashing: Slashing, now: int) -> None:
    """Keeps the block's moment where it is its turn, and forgets at most two that are too old."""
    place, odd = divmod(slashing.system.number, STRIDE)
    if odd and place in slashing.moment:
        return
    slashing.moment[place] = now
    first = slashing.first_moment
    for _ in range(2):
        following = slashing.moment.get(first + 1)
        if following is None or following >= now - slashing.workers.unbonding:
            break
        del slashing.moment[first]
        first += 1
    slashing.first_moment = first


def _began(slashing: Slashing, job: int, worker: bytes) -> int:
    submitted = slashing.jobs().submitted_at(job)
    if submitted is None:
        raise slashing.UnknownJob
    return max(submitted, slashing.workers.worker[worker].registered_at)


def _batch_moment(slashing: Slashing, evidence: ReceiptNotInBatch) -> int:
    """When the batch was committed that has something else than the receipt; raises why it doesn't, or isn't known."""
    number, genesis = evidence.receipt.receipt.sequence, slashing.system.block_hash[0]
    batch = slashing.jobs().batch_of(evidence.worker, evidence.first)
    if batch is None:
        raise slashing.UnknownBatch
    place = number - evidence.first
    if root_of(evidence.content, place, batch.count, evidence.path) != batch.root:
        raise slashing.NotInBatch
    signature = signature_in(genesis, evidence.receipt, evidence.content)
    content = receipt_bytes(genesis, evidence.receipt.receipt)
    if signature is not None and slashing.runtime.verify(Ed25519(signature), content, evidence.worker):
        raise slashing.NoContradiction
    return batch.committed_at


def _moment_of(slashing: Slashing, receipt: Receipt) -> int:
    known = slashing.attestation.recent_block(receipt.block_hash)
    if known is not None and known.number == receipt.block_number:
        return known.moment
    number = receipt.block_number
    moment = slashing.moment.get(number // STRIDE) if number < slashing.system.number else None
    if moment is None:
        raise slashing.UnknownBlock
    return moment


def _latest_moment_of(slashing: Slashing, receipt: Receipt) -> int | None:
    """No earlier than the receipt's block was; `None` where the chain can't tell."""
    known = slashing.attestation.recent_block(receipt.block_hash)
    if known is not None and known.number == receipt.block_number:
        return known.moment
    return slashing.moment.get(receipt.block_number // STRIDE + 1)
