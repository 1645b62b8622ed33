"""A worker as the chain remembers it: what it said, what is staked on it, how it has done.

The chance to be drawn grows with stake, score and confidence, each bounded: no stake, and no luck, makes it certain.
"""

from __future__ import annotations

from pallets.primitives.types import U8, U32, Balance, BlockNumber, Moment, UnitEnum, struct
from pallets.primitives.worker import WorkerInfo

SCORE = 1000
"""The best score; the worst is an eighth of it."""
CONFIDENCE_WEIGHT = (10, 10, 10, 8, 7)
"""What the levels of confidence 1 to 5 count, in tenths: Phala's score multipliers."""
FREE_ROUNDS = 8
"""Jobs every worker is taken to have kept before its first, so that one miss doesn't ruin it."""


class WorkerState(UnitEnum):
    """Where a worker stands."""

    __type_path__ = "pallet_workers::WorkerState"

    Registered = 0
    """Known, but its attestation was found not to hold: it isn't drawn."""
    Idle = 1
    """Waits for a job."""
    Working = 2
    """Has one job or more."""
    Unresponsive = 3
    """Silent for longer than the window: it isn't drawn."""
    CoolingDown = 4
    """Leaving; its stake is still held."""
    Left = 5
    """Gone, its stake released."""


SERVING = (WorkerState.Idle, WorkerState.Working)
LEAVING = (WorkerState.CoolingDown, WorkerState.Left)


@struct(path="pallet_workers::Worker")
class Worker:
    """A worker's record."""

    info: WorkerInfo
    stake: Balance
    state: WorkerState
    confidence: U8
    simulated: bool
    registered_at: Moment
    last_heartbeat: Moment
    heartbeat_block: BlockNumber
    """The block that the last heartbeat or quote named."""
    due: Moment
    """When its silence will be noticed; of a leaving worker, when its stake is free."""
    load: U32 = 0
    """Jobs it has now."""
    kept: U32 = 0
    """Jobs it has finished, over all its time."""
    missed: U32 = 0
    """Jobs it was given and didn't finish in time."""

    @property
    def score(self) -> int:
        """The share of jobs it kept, in thousandths, never below an eighth."""
        kept = self.kept + FREE_ROUNDS
        return max(SCORE // 8, SCORE * kept // (kept + self.missed))

    def weight(self, max_counted_stake: int) -> int:
        """Its weight in a draw, at most `heaviest(max_counted_stake)`."""
        return min(self.stake, max_counted_stake) * self.score * CONFIDENCE_WEIGHT[self.confidence - 1]


def heaviest(max_counted_stake: int) -> int:
    """The weight of the best worker there can be."""
    return max_counted_stake * SCORE * max(CONFIDENCE_WEIGHT)
