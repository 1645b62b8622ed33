"""A job as the chain remembers it.

```
Queued -> Assigned(attempt) -> Committed -> [window] -> Settled
   ^           | deadline          | challenged, or outputs differ
   +-----------+  three attempts,  Disputed(round) -> more seats -> Settled | Expired
                  then Expired
```

A job of one replica has one seat an attempt. One of more is voted on: each seat commits to a hash, then reveals its
output; who is absent, or disagrees, is followed by more seats in a round of its own. Of a `Recorded` vote the first
seat leads: it runs the script first and records what comes from outside, and the others replay that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import field
from typing import Annotated

from pallets.primitives.job import JobId, Mode, job_output_bytes
from pallets.primitives.types import (
    H256,
    U8,
    U32,
    U64,
    AccountId,
    Balance,
    BlockNumber,
    Bound,
    Bytes64,
    Moment,
    UnitEnum,
    struct,
)
from pallets.primitives.worker import WorkerKey
from pallets.primitives.worker_record import EVERYONE, ClassId

MILLION = 1_000_000
ATTEMPTS = 3
"""Attempts at a job of one replica, and rounds of a vote."""
CHALLENGE_SEATS = 3
"""Seats that judge a challenged output, in the first round."""
MAX_SEATS = 64
"""Seats of a job, over all rounds of a vote."""


class JobState(UnitEnum):
    """Where a job stands."""

    __type_path__ = "pallet_jobs::JobState"
    Queued = 0
    """Waits to be given to workers."""
    Assigned = 1
    """Workers have it."""
    Committed = 2
    """It has an output, which is provisional: it can be challenged until the window ends."""
    Disputed = 3
    """Its output was challenged, or its seats' outputs differ: more seats decide."""
    Settled = 4
    """Done and paid."""
    Expired = 5
    """Given up, refunded."""


class Stage(UnitEnum):
    """What a job waits for."""

    __type_path__ = "pallet_jobs::Stage"
    Draw = 0
    """To be given to workers; of a vote in a later round, to more of them."""
    Commits = 1
    """For its seats' outputs; in a vote, for the hashes that they commit to."""
    Reveals = 2
    """For the outputs of the seats that have committed to one."""
    Window = 3
    """For the end of the challenge window."""
    Over = 4
    """Nothing: it is settled, or has expired."""
    Record = 5
    """For what the first seat records, and the others replay."""


class SeatPhase(UnitEnum):
    """How far a worker is with a job that it was given."""

    __type_path__ = "pallet_jobs::SeatPhase"
    Drawn = 0
    """It hasn't said anything yet."""
    Acknowledged = 1
    """It said that it is at work."""
    Committed = 2
    """It has committed to a hash."""
    Revealed = 3
    """Its output is known."""
    Abstained = 4
    """It said that it won't have an output."""
    Absent = 5
    """It didn't say in time what it had to."""
    Unrevealed = 6
    """It committed to a hash and kept the output to itself."""
    Equivocated = 7
    """It committed to two hashes."""
    Uninformed = 8
    """It said that the transcript, which it should have replayed, can't be had."""


PENDING = (SeatPhase.Drawn, SeatPhase.Acknowledged)
VACANT = (
    SeatPhase.Abstained,
    SeatPhase.Absent,
    SeatPhase.Unrevealed,
    SeatPhase.Equivocated,
    SeatPhase.Uninformed,
)


class Task(UnitEnum):
    """What a worker has to do for a job next."""

    __type_path__ = "pallet_jobs::Task"
    Run = 0
    """Acknowledge it, run it, and commit: the output of a job of one replica, else a hash."""
    Wait = 1
    """Nothing, until the others have committed."""
    Reveal = 2
    """Reveal what it has committed to."""


class ExpiryReason(UnitEnum):
    """Why a job was given up."""

    __type_path__ = "pallet_jobs::ExpiryReason"
    DeadlinePassed = 0
    """Its time ran out before a worker finished it, or could be given it."""
    AttemptsUsed = 1
    """None of the workers that were given it finished in time."""
    Cancelled = 2
    """Its submitter took it back."""
    NoMajority = 3
    """No output had a majority of its seats."""
    TranscriptMissing = 4
    """Those who were to judge its output couldn't get the transcript of the run."""


@struct(path="pallet_jobs::Shares")
class Shares:
    """How a fee is split, in millionths that add up to a million; what rounding leaves is the worker's."""

    worker: U32
    treasury: U32
    """To the agent's treasury."""
    holders: U32
    """To the holders of the agent's token; to its treasury, as long as there are none."""
    chain: U32
    """To the chain's treasury."""

    @property
    def add_up(self) -> bool:
        """Whether they make a whole."""
        return self.worker + self.treasury + self.holders + self.chain == MILLION

    def split(self, fee: int) -> tuple[int, int, int]:
        """What of a fee goes to the worker, to the agent's treasury, to the chain's."""
        to_treasury = fee * (self.treasury + self.holders) // MILLION
        to_chain = fee * self.chain // MILLION
        return fee - to_treasury - to_chain, to_treasury, to_chain


@struct(path="pallet_jobs::Assignment")
class Assignment:
    """A job that a worker has, which attempt at it, and what the worker has to do next."""

    job: JobId
    attempt: U32
    task: Task = Task.Run


@struct(path="pallet_jobs::Commitment")
class Commitment:
    """What a seat has committed to, and the signature under it; what ran it is fixed with it."""

    hash: H256
    signature: Bytes64
    runtime_id: H256


@struct(path="pallet_jobs::Ballot")
class Ballot:
    """What a seat found: seats agree where all of it is equal."""

    output: H256
    transcript_root: H256
    gas: U64
    large: bool = False
    """Whether the output is in the workers' store, and not on the chain."""

    @property
    def key(self) -> tuple[bytes, bytes, int, bool]:
        """The same as a key to count by."""
        return self.output, self.transcript_root, self.gas, self.large


@struct(path="pallet_jobs::Seat")
class Seat:
    """A worker that a job was given to."""

    worker: WorkerKey
    operator: AccountId
    round: U8
    at: Moment
    """When it was drawn; once it has committed, when it did."""
    phase: SeatPhase = SeatPhase.Drawn
    commitment: Commitment | None = None
    ballot: Ballot | None = None
    large: bool = False
    """Whether it has said that its output is too large for the chain."""

    @property
    def is_pending(self) -> bool:
        """Whether its output, or its hash, may still come."""
        return self.phase in PENDING

    @property
    def is_vacant(self) -> bool:
        """Whether nothing comes of it any more."""
        return self.phase in VACANT


@struct(path="pallet_jobs::Challenge")
class Challenge:
    """That the output of a job of one replica, whose seat is the first, is judged by others."""

    who: AccountId | None
    """Who challenged it; none where the chain itself did."""
    bond: Balance


@struct(path="pallet_jobs::Outcome")
class Outcome:
    """How a job was done."""

    worker: WorkerKey
    """Who found it; of a vote, the first of those who agreed."""
    runtime_id: H256
    simulated: bool
    """Whether the worker's enclave is simulated hardware."""
    output: H256
    transcript_root: H256
    gas: U64
    """Of one run."""
    fee: Balance
    """What was paid for all; until it is settled, what is to be."""
    settled_at: Moment
    """Zero as long as the output is provisional."""
    large: bool = False
    """Whether the output is in the workers' store, and not in `Output`."""

    @property
    def ballot(self) -> Ballot:
        """What those said who found it."""
        return Ballot(self.output, self.transcript_root, self.gas, self.large)


@struct(path="pallet_jobs::Job")
class Job:
    """A job's record. Price, shares and code are those of its submission."""

    agent: U64
    submitter: AccountId
    code: H256
    input: H256
    """The hash of the input's bytes."""
    mode: Mode
    replicas: U8
    max_fee: Balance
    """What is held, until the job is settled or expires."""
    price: Balance
    """Of a unit of gas."""
    gas_limit: U64
    shares: Shares
    treasury: AccountId
    """The agent's, where its share goes."""
    submitted_at: Moment
    deadline: U64
    """How long it may take, in milliseconds; an attempt has a third of it."""
    narrow_allowed: bool
    """Whether few operators to draw from are enough."""
    state: JobState
    attempt: U32
    """1 is the first. A vote has one, of several rounds."""
    due: Moment
    """When the attempt, the round or the window is over; of a queued job, when the job is."""
    ends: Moment
    """When the job is over, whatever attempts or rounds are left: none begins after it."""
    class_id: ClassId = EVERYONE
    """The capability class that its workers are drawn from."""
    sealed: bool = False
    """Whether only its workers read the input, and only who asked the output, see `sealed`."""
    stage: Stage = Stage.Draw
    round: U8 = 0
    """Of the vote; a challenge begins the first."""
    wanted: U8 = 1
    """How many seats the next draw adds."""
    replaced: U8 = 0
    """How many of the seats that nothing came of have been followed by others."""
    acknowledge_by: Moment = 0
    """Until when a seat must have said something."""
    commit_by: Moment = 0
    """Until when outputs, or hashes, are taken."""
    alarm: Moment = 0
    """Its place in `Deadlines`: when there is something to do unless its workers do it before."""
    narrow: bool = False
    """Whether it was drawn from few operators."""
    predictable: bool = False
    """Whether it was drawn from randomness that few authorities could foresee."""
    seats: Annotated[list[Seat], Bound(MAX_SEATS)] = field(default_factory=list)
    """Who was given it, in this attempt."""
    tried: Annotated[list[WorkerKey], Bound(ATTEMPTS)] = field(default_factory=list)
    """Who had it in earlier attempts, and didn't finish in time."""
    challenge: Challenge | None = None
    outcome: Outcome | None = None
    transcript: H256 | None = None
    """The root of what a leader, or the worker that is judged, has recorded: seats replay it."""
    reads_at: BlockNumber = 0
    """The block in which the attempt's first seats were drawn: the state after it is what runs read."""
    audits: JobId | None = None
    """The settled job of which the first seat's run is replayed; this one then has no fee."""

    @property
    def workers(self) -> list[bytes]:
        """The keys of its seats."""
        return [seat.worker for seat in self.seats]

    @property
    def voted(self) -> bool:
        """Whether its output is, or was, found by vote, with hashes first."""
        return self.replicas > 1 or self.challenge is not None

    @property
    def led(self) -> bool:
        """Whether its first seat records what comes from outside before the others run it."""
        return self.mode is Mode.Recorded and self.replicas > 1

    @property
    def missed_by(self) -> int:
        """How many seats couldn't get the transcript that they should have replayed."""
        return sum(seat.phase is SeatPhase.Uninformed for seat in self.voters)

    @property
    def proves(self) -> bool:
        """Whether it speaks for a worker that it kept it.

        Not of a class with few operators: whoever asks for what its own workers alone have can give them any number of
        jobs, and make them forget what they missed.
        """
        return self.class_id == EVERYONE or not self.narrow

    @property
    def turn(self) -> int:
        """Which of its attempts, or rounds, it is at: 0 is the first, `ATTEMPTS - 1` the last."""
        if not self.voted:
            return self.attempt - 1
        return self.round - (1 if self.challenge is not None else 0)

    @property
    def voters(self) -> list[Seat]:
        """The seats that count: in a challenge, all but the one that is judged."""
        return self.seats[1:] if self.challenge is not None else self.seats

    @property
    def threshold(self) -> int:
        """How many equal ballots decide: more than half of all seats that were ever drawn."""
        return len(self.voters) // 2 + 1

    def seat_of(self, worker: bytes) -> Seat | None:
        """A worker's seat among those that count."""
        return next((seat for seat in self.voters if seat.worker == worker), None)

    def vote_of(self, ballot: Ballot) -> tuple[bytes, bytes, int, bool]:
        """What of a ballot is voted on: who fetched for itself can agree in the output alone."""
        return (ballot.output, bytes(32), 0, ballot.large) if self.mode is Mode.Oracle else ballot.key

    def tally(self) -> Counter[tuple[bytes, bytes, int, bool]]:
        """How many of the seats' ballots say what, the most frequent first."""
        return Counter(self.vote_of(seat.ballot) for seat in self.voters if seat.ballot is not None)

    def output_bytes(
        self, genesis: bytes, id: int, attempt: int, output: bytes, transcript_root: bytes, gas: int, runtime_id: bytes
    ) -> bytes:
        """What a worker signs of this job's output, given the output's hash."""
        return job_output_bytes(
            genesis=genesis,
            job=id,
            attempt=attempt,
            code=self.code,
            input=self.input,
            output=output,
            transcript_root=transcript_root,
            gas=gas,
            runtime_id=runtime_id,
        )
