"""What `Jobs` has for receipts of HTTP requests: terms, vocabulary, state and calls, for which its page has no room.

## Overview

```
commit_receipts ──> leaves are drawn ──> open_receipts ──> agents pay
                                     └─> nothing in time ──> void, slashed
open_channel ──> vouchers, off the chain ──> claim_voucher ──> the caller pays
```
How batches go is in `receipts`, who pays for what in `openings`, channels are in `channels`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

from pallets.frame import (
    H256,
    U32,
    U64,
    U128,
    AccountId,
    Balance,
    Bound,
    Bytes32,
    Bytes64,
    Compact,
    Const,
    DoubleMap,
    DueKey,
    Error,
    Event,
    Map,
    Moment,
    NoneOrigin,
    Signed,
    ValidTransaction,
    Value,
    Weight,
    call,
)
from pallets.frame.runtime import DispatchErrorType
from pallets.jobs.admission import admit
from pallets.jobs.channels import claim_voucher, close_channel, open_channel, top_up, withdraw_channel
from pallets.jobs.openings import check_openings, take_openings
from pallets.jobs.receipts import (
    BATCH_PHASE,
    OPENINGS_PHASE,
    batch_tag,
    check_batch,
    is_overdue,
    take_batch,
)
from pallets.primitives.hashing import Blake2_128Concat, Identity
from pallets.primitives.receipt import MAX_NEWEST, Opening, ReceiptBatch, SignedTicket, SignedVoucher
from pallets.primitives.receipt_record import (
    MAX_DRAWN,
    BatchRecord,
    Channel,
    ChannelId,
    TicketCount,
    VoidReason,
)
from pallets.primitives.worker import WorkerKey
from pallets.workers.pallet import SIGNATURE_REF_TIME

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs

HASHERS = (Blake2_128Concat, Blake2_128Concat)
BATCH_WEIGHT = Weight(SIGNATURE_REF_TIME + 400_000_000, 20_000)
OPENING_WEIGHT = Weight(2 * SIGNATURE_REF_TIME + 500_000_000, 30_000)
CHANNEL_WEIGHT = Weight(300_000_000, 12_000)


def _openings_weight(
    worker: bytes, first: int, openings: list[Opening], newest: list[SignedTicket], signature: bytes
) -> Weight:
    return BATCH_WEIGHT + OPENING_WEIGHT * len(openings) + Weight(SIGNATURE_REF_TIME) * len(newest)


@dataclass(kw_only=True, eq=False, repr=False)
class ReceiptPage:
    """Receipts, of `Jobs`."""

    receipt_time: Const[U64]
    """How long after the block that it names a receipt's number must be in a batch, in milliseconds."""
    open_within: Const[U64]
    """How long a worker has to show the leaves that were drawn, in milliseconds."""
    leaves_drawn: Const[U32]
    """How many leaves of a batch are drawn; of a batch with fewer, all."""
    batch_interval: Const[U64]
    """The least time between two batches of a worker, in milliseconds."""
    batches_kept: Const[U64]
    """How long a batch is remembered once it is over, in milliseconds."""
    min_channel: Const[Balance]
    """The least that a channel is opened with."""
    channel_notice: Const[U64]
    """How long the workers can still claim once a payer wants a channel's money back, in milliseconds."""

    class ReceiptsCommitted(Event):
        """A worker committed receipts, or that their numbers are void."""

        worker: WorkerKey
        first: U64
        count: U32
        root: H256

    class LeavesDrawn(Event):
        """These leaves of a batch are to be shown until `due`, by their places in it."""

        worker: WorkerKey
        first: U64
        places: list[U32]
        due: Moment

    class ReceiptsPaid(Event):
        """The leaves that were drawn of a batch were shown; agents paid so much for them."""

        worker: WorkerKey
        first: U64
        paid: Balance

    class ReceiptsVoid(Event):
        """A batch counts for nothing, and its worker is slashed."""

        worker: WorkerKey
        first: U64
        reason: VoidReason

    class BudgetSpent(Event):
        """An agent paid a worker for requests, out of its budget; what of it stays with the agent isn't counted."""

        agent: U64
        worker: WorkerKey
        amount: Balance

    class BatchAbandoned(Event):
        """What fell due for a batch couldn't be done, for this reason, and won't be tried again."""

        worker: WorkerKey
        first: U64
        error: DispatchErrorType

    class ChannelOpened(Event):
        """Money is held for vouchers to one worker, or to any."""

        channel: ChannelId
        payer: AccountId
        worker: WorkerKey | None
        amount: Balance

    class ChannelToppedUp(Event):
        """More is held for a channel."""

        channel: ChannelId
        amount: Balance

    class ChannelClosing(Event):
        """Workers can claim from a channel until then, at least."""

        channel: ChannelId
        until: Moment

    class ChannelClosed(Event):
        """What was left of a channel was released."""

        channel: ChannelId
        released: Balance

    class VoucherClaimed(Event):
        """A worker was paid from a channel for answers in an agent's name."""

        channel: ChannelId
        worker: WorkerKey
        agent: U64
        amount: Balance

    class SharePaid(Event):
        """A share of what requests to an agent cost was credited, to be claimed; holders' went to `Dividends`' pot."""

        agent: U64
        who: AccountId
        amount: Balance

    class CallsPaid(Event):
        """An agent has paid, out of its purse, for calls of another that a worker answered."""

        caller: U64
        agent: U64
        worker: WorkerKey
        amount: Balance

    class NotAtStake(Error):
        """No worker of this key has anything at stake."""

    class BadCount(Error):
        """A batch has 1 to 65,536 leaves."""

    class WrongFirst(Error):
        """Batches are contiguous: this one begins elsewhere than at `NextReceipt`."""

    class TooSoon(Error):
        """The worker's last batch was less than `BatchInterval` ago."""

    class UnknownBatch(Error):
        """The worker has no batch with this first number, or it was forgotten."""

    class NothingToOpen(Error):
        """Nothing is drawn of the batch yet, or it is over."""

    class WrongOpenings(Error):
        """The openings are not of the leaves that were drawn, in their order, or don't lead to the batch's root."""

    class UnknownChannel(Error):
        """There is no channel of this number: it was never opened, or is closed."""

    class NotPayer(Error):
        """Somebody else pays from this channel."""

    class ChannelTooSmall(Error):
        """A channel is opened with at least `MinChannel`."""

    class AlreadyClosing(Error):
        """The channel's payer has asked for its money back."""

    class StillOpen(Error):
        """The payer hasn't asked for the channel's money back, or `ChannelNotice` isn't over."""

    class WrongVoucher(Error):
        """The voucher names another payer or worker than the channel has."""

    class VoucherExpired(Error):
        """The voucher's time is up."""

    class TooManyClaims(Error):
        """The channel has paid as many pairs of worker and agent as it can."""

    receipt_batch = DoubleMap[WorkerKey, U64, BatchRecord](missing=UnknownBatch, hashers=HASHERS)
    """The batches of each worker's receipts by their first number, until they are forgotten."""
    next_receipt = Map[WorkerKey, U64](default=0)
    """The first number of each worker's next batch."""
    last_batch = Map[WorkerKey, Moment](default=0)
    """When each worker's last batch was committed."""
    batch_draws = Map[tuple[DueKey, tuple[WorkerKey, U64]], None](hasher=Identity)
    """From which block on leaves of which batch are drawn."""
    batch_alarms = Map[tuple[DueKey, tuple[WorkerKey, U64]], None](hasher=Identity)
    """When which batch has been waited for, or remembered, long enough."""
    tickets = DoubleMap[Bytes32, WorkerKey, TicketCount](hashers=HASHERS)
    """Of each gateway's tickets, how many each worker was paid for."""
    next_channel = Value[ChannelId](default=0)
    """The number of the next channel."""
    channel = Map[ChannelId, Channel](missing=UnknownChannel)
    """All channels that aren't closed."""

    # Batches

    def validate_commit_receipts(
        self, worker: bytes, first: int, count: int, root: bytes, total_charge: int, signature: bytes
    ) -> ValidTransaction:
        """Admits the next batch of a worker."""
        batch = ReceiptBatch(worker, first, count, root, total_charge)
        check = partial(check_batch, self._jobs, batch, signature)
        return admit(self._jobs, check, batch_tag(worker, first, BATCH_PHASE))

    @call(8, weight=BATCH_WEIGHT, validate=validate_commit_receipts)
    def commit_receipts(
        self,
        none: NoneOrigin,
        worker: WorkerKey,
        first: U64,
        count: U32,
        root: H256,
        total_charge: U128,
        signature: Bytes64,
    ) -> None:
        """Commit a worker's receipts from number `first` on, `count` of them, by the root of their Merkle tree.

        The next blocks' randomness draws leaves to be shown by `open_receipts`; only then agents pay.

        A bare transaction that anyone may submit.
        """
        batch = ReceiptBatch(worker, first, count, root, total_charge)
        check_batch(self._jobs, batch, signature)
        take_batch(self._jobs, batch)

    def validate_open_receipts(
        self, worker: bytes, first: int, openings: list[Opening], newest: list[SignedTicket], signature: bytes
    ) -> ValidTransaction:
        """Admits the openings that the chain waits for."""
        check = partial(check_openings, self._jobs, worker, first, openings, newest, signature)
        return admit(self._jobs, check, batch_tag(worker, first, OPENINGS_PHASE))

    @call(13, weight=_openings_weight, validate=validate_open_receipts)
    def open_receipts(
        self,
        none: NoneOrigin,
        worker: WorkerKey,
        first: U64,
        openings: Annotated[list[Opening], Bound(MAX_DRAWN)],
        newest: Annotated[list[SignedTicket], Bound(MAX_NEWEST)],
        signature: Bytes64,
    ) -> None:
        """Show the leaves that were drawn of a batch, all of them, in the order of their places.

        Agents pay for those that come with a ticket of their gateways, each as for all the leaves that it stands for,
        and for no more than there are tickets: `newest` are the last that the worker has of the gateways. A leaf that
        can't be right, or charges that don't fit the batch's total, void the batch; its worker is slashed.

        A bare transaction that anyone may submit.
        """
        jobs = self._jobs
        found = check_openings(jobs, worker, first, openings, newest, signature)
        take_openings(jobs, worker, first, openings, newest, *found)

    # Channels

    @call(14, weight=CHANNEL_WEIGHT)
    def open_channel(self, who: Signed, worker: WorkerKey | None, amount: Compact[Balance]) -> None:
        """Hold an amount, for vouchers to one worker, or to any that answers."""
        open_channel(self._jobs, who, worker, amount)

    @call(15, weight=CHANNEL_WEIGHT)
    def top_up(self, who: Signed, channel: ChannelId, amount: Compact[Balance]) -> None:
        """Hold more for a channel."""
        top_up(self._jobs, who, channel, amount)

    @call(16, weight=CHANNEL_WEIGHT)
    def close_channel(self, who: Signed, channel: ChannelId) -> None:
        """Ask for a channel's money back: workers have `ChannelNotice` to claim what they are owed."""
        close_channel(self._jobs, who, channel)

    @call(17, weight=CHANNEL_WEIGHT)
    def withdraw_channel(self, who: Signed, channel: ChannelId) -> None:
        """Release what is left of a channel to its payer, once the notice is over. Anyone may."""
        withdraw_channel(self._jobs, channel)

    @call(18, weight=CHANNEL_WEIGHT + Weight(SIGNATURE_REF_TIME + 300_000_000, 20_000))
    def claim_voucher(self, who: Signed, voucher: SignedVoucher) -> None:
        """Have a channel pay a worker what a voucher says, less what it has paid it for that agent before.

        Anyone may; the worker's share is its operator's. What the channel lacks can be claimed once it has more.
        """
        claim_voucher(self._jobs, voucher)

    # What others may ask

    def batch_of(self, worker: bytes, first: int) -> BatchRecord | None:
        """A worker's batch of receipts, by its first number."""
        return self.receipt_batch.get(worker, first)

    def is_overdue(self, worker: bytes, number: int, moment: int) -> bool:
        """Whether a receipt's number, over a block of that moment, should be in a batch by now and isn't."""
        return is_overdue(self._jobs, worker, number, moment)

    # Inside

    @property
    def _jobs(self) -> Jobs:
        return cast("Jobs", self)
