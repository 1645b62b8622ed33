"""A worker as the chain remembers it: what it said, what is staked on it, how it has done.

The chance to be drawn grows with stake, score, confidence and speed, each bounded: no stake, and no luck, makes it
certain. Jobs that ask for more than any worker draw from a capability class: those that meet its `Requirements`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pallets.primitives.attestation_record import Measurement, Tee, WorkerAttestation
from pallets.primitives.types import U8, U16, U32, Balance, BlockNumber, Bound, Moment, UnitEnum, struct
from pallets.primitives.worker import WorkerInfo, memory_of, region_word

SCORE = 1000
"""The best score; the worst is an eighth of it."""
FULL_SPEED, UNKNOWN_SPEED, LEAST_SPEED = 1000, 500, 250
"""Benchmark scores, in thousandths of the reference machine: the best, one never reported, the worst."""
ANY_CONFIDENCE = 5
MAX_REQUIRED = 8
"""How many features a class may ask for."""
MAX_MEASUREMENTS = 8
"""How many enclaves a class may be limited to, and how many it may be without."""

ClassId = U32
"""A capability class; `EVERYONE` has all workers."""
EVERYONE = 0
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


@struct(path="pallet_workers::Requirements")
class Requirements:
    """What a worker must be for a job."""

    tee: Tee | None
    """The kind of enclave; none for any."""
    confidence: U8
    """The worst level that will do, 1 (best) to 5 (any)."""
    gpu: bool
    """Whether evidence of a GPU is needed."""
    memory: U32
    """MiB, at least."""
    region: U16 | None
    """Two capital letters, see `worker.region_word`; none for any."""
    features: Annotated[list[U32], Bound(MAX_REQUIRED)]
    """Feature words, each of which must be declared, models among them."""

    def normal(self) -> Requirements:
        """The same, in the one way in which equal requirements are written."""
        features = sorted(set(self.features))
        return Requirements(self.tee, self.confidence, self.gpu, self.memory, self.region, features)

    def fit(self, info: WorkerInfo, attestation: WorkerAttestation) -> bool:
        """Whether a worker that said this of itself in this enclave meets them."""
        return (
            self.tee in (None, attestation.tee)
            and attestation.confidence <= self.confidence
            and not (self.gpu and attestation.gpu is None)
            and (not self.memory or memory_of(info.features) >= self.memory)
            and (self.region is None or region_word(self.region) in info.features)
            and all(feature in info.features for feature in self.features)
        )


ANY = Requirements(None, ANY_CONFIDENCE, False, 0, None, [])
"""Every worker meets these."""


Measurements = Annotated[list[Measurement], Bound(MAX_MEASUREMENTS)]


@struct(path="pallet_workers::Staff")
class Staff:
    """Whose enclaves will do, by their measurements."""

    hired: Measurements
    """These alone; none for all."""
    banned: Measurements
    """Not these."""

    def normal(self) -> Staff:
        """The same, in the one way in which equal ones are written."""
        return Staff(sorted(set(self.hired)), sorted(set(self.banned)))

    def fit(self, measurement: bytes) -> bool:
        """Whether an enclave of this measurement will do."""
        return measurement not in self.banned and (not self.hired or measurement in self.hired)


def anybody() -> Staff:
    """Every enclave will do."""
    return Staff([], [])


@struct(path="pallet_workers::WorkerClass")
class WorkerClass:
    """A capability class: what it asks for, and how many hold it open.

    One that only jobs hold makes room for another where there is none.
    """

    requirements: Requirements
    users: U32
    jobs: U32 = 0
    staff: Staff = field(default_factory=anybody)

    def fit(self, info: WorkerInfo, attestation: WorkerAttestation) -> bool:
        """Whether a worker that said this of itself in this enclave may be of it."""
        return self.requirements.fit(info, attestation) and self.staff.fit(attestation.measurement)


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
    """When it is challenged next; of a challenged one, when its silence is noticed; of one that leaves, when its stake
    is free."""
    load: U32 = 0
    """Jobs it has now."""
    kept: U32 = 0
    """Jobs it has finished, over all its time; none of a class with few operators, see `Job.proves`."""
    missed: U32 = 0
    """Jobs it was given and didn't finish in time."""
    slashed: U32 = 0
    """How often it was slashed; each counts like `FREE_ROUNDS` missed jobs."""
    challenged: bool = False
    """Whether the chain waits for a heartbeat, until `due`."""
    speed: U32 = UNKNOWN_SPEED
    """Its benchmark score, `LEAST_SPEED` to `FULL_SPEED`."""
    speed_at: Moment = 0
    """When it was reported; 0 for never."""
    classes: list[ClassId] = field(default_factory=list)
    """The capability classes it was found to fit, ascending."""
    matched: U32 = 0
    """`Workers.ClassChanges` then."""

    @property
    def score(self) -> int:
        """The share of jobs it kept, in thousandths, never below an eighth."""
        kept, failed = self.kept + FREE_ROUNDS, self.missed + FREE_ROUNDS * self.slashed
        return max(SCORE // 8, SCORE * kept // (kept + failed))

    def weight(self, counted_stake: int) -> int:
        """Its weight in a draw with so much stake counted, at most `heaviest` of that."""
        return counted_stake * self.score * CONFIDENCE_WEIGHT[self.confidence - 1] * self.speed


def heaviest(max_counted_stake: int) -> int:
    """The weight of the best worker there can be."""
    return max_counted_stake * SCORE * max(CONFIDENCE_WEIGHT) * FULL_SPEED
