"""A job as the chain remembers it.

```
Queued -> Assigned(attempt) -> Settled
   ^           | deadline
   +-----------+  at most three attempts, then Expired
```
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pallets.primitives.job import JobId, Mode, job_output_bytes
from pallets.primitives.types import H256, U8, U32, U64, AccountId, Balance, Bound, Moment, UnitEnum, struct
from pallets.primitives.worker import WorkerKey

MILLION = 1_000_000
ATTEMPTS = 3
MAX_SEATS = 1


class JobState(UnitEnum):
    """Where a job stands."""

    __type_path__ = "pallet_jobs::JobState"
    Queued = 0
    """Waits to be given to a worker."""
    Assigned = 1
    """A worker has it."""
    Settled = 2
    """Done and paid."""
    Expired = 3
    """Given up, refunded."""


class ExpiryReason(UnitEnum):
    """Why a job was given up."""

    __type_path__ = "pallet_jobs::ExpiryReason"
    DeadlinePassed = 0
    """Its time ran out before a worker finished it, or could be given it."""
    AttemptsUsed = 1
    """None of the workers that were given it finished in time."""
    Cancelled = 2
    """Its submitter took it back."""


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
    """A job that a worker has, and which attempt at it."""

    job: JobId
    attempt: U32


@struct(path="pallet_jobs::Outcome")
class Outcome:
    """How a job was done."""

    worker: WorkerKey
    runtime_id: H256
    simulated: bool
    """Whether the worker's enclave is simulated hardware."""
    output: H256
    transcript_root: H256
    gas: U64
    fee: Balance
    settled_at: Moment


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
    """1 is the first."""
    due: Moment
    """When the attempt is over; of a queued job, when the job is."""
    ends: Moment
    """When the job is over, whatever attempts are left: none begins after it."""
    narrow: bool = False
    """Whether it was drawn from few operators."""
    predictable: bool = False
    """Whether it was drawn from randomness that few authorities could foresee."""
    workers: Annotated[list[WorkerKey], Bound(MAX_SEATS)] = field(default_factory=list)
    """Who has it, or had it last."""
    tried: Annotated[list[WorkerKey], Bound(ATTEMPTS)] = field(default_factory=list)
    """Who had it and didn't finish in time."""
    outcome: Outcome | None = None

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
