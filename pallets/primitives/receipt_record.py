"""A batch of receipts as the chain remembers it, and a channel that a caller pays from.

```
commit_receipts -> Draw -> Openings -> Paid -> forgotten
              \\              \\---------> Void -> forgotten
               \\-> Unpaid ------------------> forgotten
```
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import (
    H256,
    U32,
    U64,
    AccountId,
    Balance,
    BlockNumber,
    Bound,
    Moment,
    UnitEnum,
    struct,
)
from pallets.primitives.worker import WorkerKey

MAX_DRAWN = 64
"""The most leaves that may be drawn of a batch."""
MAX_CLAIMS = 16
"""Pairs of worker and agent that one channel pays."""
MILLION = 1_000_000

ChannelId = U64


class BatchStage(UnitEnum):
    """What becomes of a batch."""

    __type_path__ = "pallet_jobs::BatchStage"
    Draw = 0
    """It waits for some of its leaves to be drawn."""
    Openings = 1
    """It waits for the leaves that were drawn."""
    Paid = 2
    """They were shown, and paid for."""
    Void = 3
    """They weren't shown, or weren't what they should be."""
    Unpaid = 4
    """Its worker wasn't trusted any more when it came: nothing is drawn, and nothing paid."""


class VoidReason(UnitEnum):
    """Why a batch is void."""

    __type_path__ = "pallet_jobs::VoidReason"
    NotOpened = 0
    """The leaves that were drawn weren't shown in time."""
    WrongLeaf = 1
    """A leaf is neither a receipt of its number nor a void one, signed by the worker."""
    WrongTotal = 2
    """The charges shown don't fit the total that the worker signed."""


@struct(path="pallet_jobs::BatchRecord")
class BatchRecord:
    """A batch of a worker's receipts; worker and first number are its key."""

    count: U32
    root: H256
    """Of the Merkle tree over its leaves."""
    total_charge: Balance
    committed_at: Moment
    block: BlockNumber
    """In which it was committed."""
    stage: BatchStage
    due: Moment
    """Until when its leaves are to be shown, once they are drawn; of one that is over, when it is forgotten."""
    drawn: Annotated[list[U32], Bound(MAX_DRAWN)] = field(default_factory=list)
    """The places of the leaves to be shown, ascending; the first leaf of the batch has place 0."""
    predictable: bool = False
    """Whether they were drawn from randomness that few authorities could foresee."""
    paid: Balance = 0
    """By agents, for the leaves that were drawn."""

    @property
    def weight(self) -> int:
        """How many of its leaves one that was drawn stands for, in millionths."""
        return self.count * MILLION // len(self.drawn)


@struct(path="pallet_jobs::TicketCount")
class TicketCount:
    """How many tickets of a gateway a worker has shown and been paid for."""

    known: U64
    """As many tickets there are: one more than the highest number that was shown."""
    paid: Balance
    """In millionths; a leaf that was drawn counts for all that it stands for."""


@struct(path="pallet_jobs::Claim")
class Claim:
    """What a channel has paid a worker for its answers in an agent's name."""

    worker: WorkerKey
    agent: U64
    cumulative: Balance


@struct(path="pallet_jobs::Channel")
class Channel:
    """Money held for vouchers."""

    payer: AccountId
    worker: WorkerKey | None
    """Who alone may be paid from it; none for any worker."""
    held: Balance
    """What is left."""
    closes: Moment | None = None
    """When the rest may be taken back, once that was asked for."""
    claims: Annotated[list[Claim], Bound(MAX_CLAIMS)] = field(default_factory=list)


def draw_places(mix: bytes, worker: bytes, first: int, count: int, wanted: int) -> list[int]:
    """The places that are drawn of a batch of `count` leaves: `wanted` different ones, or all, ascending."""
    swapped: dict[int, int] = {}
    found = []
    for turn in range(min(wanted, count)):
        seed = blake2_256(DRAW.encode((mix, worker, first, turn)))
        place = turn + int.from_bytes(seed, "little") % (count - turn)
        found.append(swapped.get(place, place))
        swapped[place] = swapped.get(turn, turn)
    return sorted(found)


DRAW = codec_of(tuple[H256, WorkerKey, U64, U32])
BATCH_RECORD = codec_of(tuple[U64, BatchRecord])
"""Evidence of a fault that the chain saw: a batch's first number, and its record."""
