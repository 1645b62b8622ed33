"""Jobs: an agent's script run once by an attested worker, paid for when its output is on-chain.

## Overview

| step | who | what happens |
| --- | --- | --- |
| `submit` | anyone | the fee is held; price, shares, code and gas limit are fixed |
| draw | the chain | two blocks later or more, from the block's fresh randomness, never the submitter's own worker |
| `commit` | anyone, with the worker's signature | the output is stored, the worker paid, the rest released |
| deadline | the chain | a third of the job's time; then another worker is preferred, after three the job expires, refunded |
| `claim` | whoever is owed | pays out |

Draws and deadlines are the work of the randomness inherent (`on_randomness`): there the block's time is known, and no transaction
of the block has run. Each block does a bounded number and carries the rest over. A job that no worker can be drawn for waits
without costing anything until a worker becomes eligible. What fell due while the chain stood still is armed again.

Fees stay held with the submitter until a job is settled. What is then owed lies in one keyless account, which also has the
existential deposit; `Claimable` says whose it is, so that no share is too small to be credited.

## Refused commits

A bare commit that isn't admitted answers `BadProof` where the signature is wrong, for whatever reason (another key, job, attempt,
chain, code, input or output than was signed), else `Custom` with the index of the error here, or 128 + the index of an error of
`Attestation`.

## Out of scope

More than one replica, `Hash` and `Sealed` inputs, `Recorded` and `Oracle` modes, callbacks: each is refused by an error of its
own. A worker's output is taken on its word: there is no window in which to challenge it.
"""

from __future__ import annotations

from pallets.attestation import Attestation, refusal
from pallets.calendar import due, first_due
from pallets.frame import (
    H256,
    U8,
    U32,
    U64,
    AccountId,
    Balance,
    Bytes64,
    Compact,
    Const,
    DueKey,
    Error,
    Event,
    Map,
    Moment,
    NoneOrigin,
    Pallet,
    Reasons,
    Signed,
    ValidTransaction,
    Value,
    Weight,
    call,
)
from pallets.frame.validity import BadProof
from pallets.fungible import Currency
from pallets.job_record import (
    ATTEMPTS,
    MILLION,
    AuthoritySet,
    ExpiryReason,
    Job,
    JobState,
    Outcome,
    Payees,
)
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.hashing import Identity, blake2_256
from pallets.primitives.job import (
    NO_TRANSCRIPT,
    InlineInput,
    InlineOutput,
    Input,
    JobId,
    Mode,
    Output,
    job_output_bytes,
)
from pallets.primitives.worker import WorkerKey
from pallets.system import System
from pallets.timestamp import Timestamp
from pallets.workers import SIGNATURE_REF_TIME, Workers

DRAW_DELAY = 2
"""Blocks from a job's inclusion to its first draw, at least."""
LEAST_OPERATORS = 16
OPERATORS_A_REPLICA = 4
UNPREDICTABLE_FROM = 3
"""Authorities from which on none of them can foresee a draw."""
COMMIT_PHASE = 0
COMMIT_LONGEVITY = 256
DUE_WEIGHT = Weight(250_000_000, 12_000)
DRAW_WEIGHT = Weight(500_000_000, 20_000)

POT: AccountId = b"modlfthmjobs".ljust(32, b"\0")
"""The keyless account that holds what is owed."""
SEED = codec_of(tuple[H256, JobId, U32, U32])
COMMIT_TAG = codec_of(tuple[JobId, U32, WorkerKey, U8])


class Jobs(Pallet):
    """An agent's script run once by an attested worker, paid for when its output is on-chain."""

    system: System
    timestamp: Timestamp
    currency: Currency
    attestation: Attestation
    workers: Workers
    payees: Payees
    authority_set: AuthoritySet
    chain_treasury: AccountId
    max_gas: Const[U64]
    """The most gas that a job may use, whatever its fee."""
    min_deadline: Const[U64]
    """The shortest deadline of a job, in milliseconds."""
    max_deadline: Const[U64]
    """The longest deadline of a job, in milliseconds."""
    max_due: Const[U32]
    """How many deadlines, and how many draws, a block does."""

    class Submitted(Event):
        """A job was submitted, its fee is held."""

        job: JobId
        agent: U64
        who: AccountId

    class Assigned(Event):
        """A job was given to workers."""

        job: JobId
        attempt: U32
        workers: list[WorkerKey]

    class Committed(Event):
        """A worker committed a job's output, of which this is the hash."""

        job: JobId
        attempt: U32
        worker: WorkerKey
        output: H256
        gas: U64

    class Settled(Event):
        """A job is done: the hash of its output, the gas it used, what it cost."""

        job: JobId
        output: H256
        gas: U64
        fee: Balance

    class Paid(Event):
        """A share of a job's fee was credited, to be claimed."""

        job: JobId
        who: AccountId
        amount: Balance

    class Requeued(Event):
        """A job's attempt ended without an output; this is the next."""

        job: JobId
        attempt: U32

    class Expired(Event):
        """A job was given up, its fee released."""

        job: JobId
        refunded: Balance
        reason: ExpiryReason

    class Claimed(Event):
        """What was owed to an account was paid out."""

        who: AccountId
        amount: Balance

    class UnknownJob(Error):
        """No job has this number."""

    class InlineInputOnly(Error):
        """This runtime takes only inputs given inline."""

    class DeterministicOnly(Error):
        """This runtime takes only jobs of mode `Deterministic`."""

    class OneReplicaOnly(Error):
        """This runtime takes only jobs of one replica."""

    class NoCallbacks(Error):
        """This runtime calls nothing back."""

    class DeadlineTooShort(Error):
        """The deadline is shorter than `MinDeadline`."""

    class DeadlineTooLong(Error):
        """The deadline is longer than `MaxDeadline`."""

    class FeeTooLow(Error):
        """The fee doesn't buy one unit of gas."""

    class TooFewOperators(Error):
        """Fewer operators than a draw needs have an eligible worker, and neither genesis nor the agent allows so few."""

    class NotSubmitter(Error):
        """Somebody else submitted the job."""

    class NotQueued(Error):
        """Only a job that waits for a worker can be cancelled."""

    class BadSignature(Error):
        """The worker's key didn't sign this output for this job, attempt, code, input and chain."""

    class AlreadyCommitted(Error):
        """The worker has committed this attempt's output."""

    class NotAssigned(Error):
        """No worker has the job now: it waits for one, or is over."""

    class WrongAttempt(Error):
        """The job is at another attempt."""

    class WrongWorker(Error):
        """The job was given to another worker."""

    class TooLate(Error):
        """The attempt's time is up."""

    class GasAboveLimit(Error):
        """The output cost more gas than the job's limit."""

    class InlineOutputOnly(Error):
        """This runtime takes only outputs given inline."""

    class UnexpectedTranscript(Error):
        """A deterministic run has no transcript: its root is 32 zero bytes."""

    class NothingToClaim(Error):
        """Nothing is owed to the signer."""

    class HoldReason(Reasons):
        """What is held here."""

        Fee = 0
        """What a job may cost its submitter."""

    next_job = Value[JobId](default=0)
    """The number of the next job."""
    job = Map[JobId, Job](missing=UnknownJob)
    """All jobs, also those that are over."""
    input = Map[JobId, Input]()
    """What a job is run on, until it is over."""
    output = Map[JobId, bytes]()
    """What a settled job left."""
    claimable = Map[AccountId, Balance](default=0)
    """What is owed to whom."""
    narrow_allowed = Value[bool](default=False)
    """Whether a draw from few operators will do; genesis alone decides."""
    deadlines = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """When which job falls due."""
    draws = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """From which block on which job is to be drawn for."""
    parked = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """Jobs no worker could be drawn for, by the number of `Workers.Arrivals` then."""

    def genesis(self, narrow: bool = False) -> None:
        self.narrow_allowed = narrow
        self.currency.mint_into(POT, self.currency.existential_deposit)

    def integrity_test(self) -> None:
        if not (0 < self.min_deadline // ATTEMPTS and self.min_deadline <= self.max_deadline):
            raise ValueError("Jobs: min_deadline is at least three milliseconds and at most max_deadline")
        if not (self.max_gas and self.max_due):
            raise ValueError("Jobs: max_gas and max_due must be above zero")

    def on_randomness(self, mix: bytes) -> None:
        """What is to be done in every block, when its time and its randomness are known."""
        silent = self.workers.notice_silence()
        now = self.timestamp.now
        fallen = due(self.deadlines, now, self.max_due)
        for when, id in fallen:
            self._fall_due(id, when, now)
        drawn = self._draw_all(mix)
        self._register_weight(DUE_WEIGHT * (silent + len(fallen)) + DRAW_WEIGHT * drawn)

    # Calls

    @call(0, weight=lambda agent, input, mode, *_: Weight(600_000_000 + 2_000 * MAX_INPUT_WEIGHT, 20_000))
    def submit(
        self,
        who: Signed,
        agent: U64,
        input: Input,
        mode: Mode,
        replicas: U8,
        max_fee: Compact[Balance],
        deadline: U64,
        callback: bytes | None,
    ) -> None:
        """Have an agent's approved script run on `input`, for at most `max_fee`, within `deadline` milliseconds."""
