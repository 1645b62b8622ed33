"""What the calls of `Jobs` weigh, and what it does in each block."""

from __future__ import annotations

from pallets.frame import PostInfo, Weight
from pallets.jobs.callback import MAX_CALLBACK_WEIGHT
from pallets.jobs.submission import MAX_REPLICAS
from pallets.jobs.terms import EFFECTS_WEIGHT
from pallets.primitives.job import Input, Mode
from pallets.primitives.job_record import MAX_SEATS, Job, Stage
from pallets.workers.pallet import SIGNATURE_REF_TIME

SUBMIT_WEIGHT = Weight(800_000_000, 30_000)
SEAT_CALLS_WEIGHT = Weight(2_100_000_000, 120_000)
"""Of the calls, three at most, that a worker makes of a job for nothing: `submit` weighs them, and so pays for them."""
COMMIT_WEIGHT = Weight(SIGNATURE_REF_TIME + 900_000_000, 40_000)
BOX_WEIGHT = Weight(150_000_000, 6_000)
VOTE_WEIGHT = Weight(SIGNATURE_REF_TIME + 600_000_000, 40_000)
SEAT_WEIGHT = Weight(300_000_000, 12_000)
"""Of a call that ends a stage of a vote, for each seat of it."""
VOTE_AT_MOST = VOTE_WEIGHT + SEAT_WEIGHT * MAX_SEATS
LOT_WEIGHT = Weight(100_000_000, 2_000)
DUE_WEIGHT = Weight(250_000_000, 12_000)
DRAW_WEIGHT = Weight(500_000_000, 20_000)
TRY_WEIGHT = Weight(50_000_000, 2_000)


def submit_weight(
    agent: int, input: Input, mode: Mode, replicas: int, max_fee: int, deadline: int, callback: bytes | None
) -> Weight:
    """Of `submit`."""
    weight = SUBMIT_WEIGHT + SEAT_CALLS_WEIGHT * min(replicas, MAX_REPLICAS) + EFFECTS_WEIGHT
    return weight if callback is None else weight + MAX_CALLBACK_WEIGHT


def used(job: Job, before: Stage) -> PostInfo:
    """Of a call of a vote that was at this stage before."""
    return PostInfo(VOTE_WEIGHT if job.stage is before else VOTE_WEIGHT + SEAT_WEIGHT * len(job.seats))
