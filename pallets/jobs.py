"""Jobs: an agent's script run once by an attested worker, paid for when its output is on-chain.

## Overview

| step | who | what happens |
| --- | --- | --- |
| `submit` | anyone | the fee is held; price, shares, code and gas limit are fixed |
| draw | the chain | two blocks later or more, from the block's fresh randomness, never the submitter's own worker |
| `commit` | anyone, with the worker's signature | the output is stored, the worker paid, the rest released |
| deadline | the chain | after a third of the job's time another worker is preferred, after three the job expires |
| `claim` | whoever is owed | pays out |

Draws and deadlines are the work of the randomness inherent (`on_randomness`): there the block's time is known, and no
transaction of the block has run. Each block does a bounded number and carries the rest over. A job that no worker can
be drawn for waits without costing anything until a worker becomes eligible; after a draw that took nobody the next is
a slot later, then ever more rarely. What fell due while the chain stood still is armed again.

`gas_limit = min(MaxGas, max_fee / (max(price, 1) x replicas))`, where MaxGas is the lower of the chain's constant and
the agent's own `policy.max_gas`.

Fees stay held with the submitter until a job is settled. What is then owed lies in one keyless account, which also
has the existential deposit; `Claimable` says whose it is, so that no share is too small to be credited. A job whose
money can't be moved when it falls due is `Abandoned`, for the block must go on: its submitter may `cancel` it later.

## Refused commits

A bare commit that isn't admitted answers `BadProof` where the signature is wrong, for whatever reason (another key,
job, attempt, chain, code, input or output than was signed), else `Custom` with the index of the error here, or 128 +
the index of an error of `Attestation`.

## Out of scope

More than one replica, `Hash` and `Sealed` inputs, `Recorded` and `Oracle` modes, callbacks: each is refused by an
error of its own. A worker's output is taken on its word: there is no window in which to challenge it.
"""

from __future__ import annotations

from pallets.attestation import Attestation, refusal
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
    NoneOrigin,
    Pallet,
    Reasons,
    Signed,
    ValidTransaction,
    Value,
    Weight,
    call,
)
from pallets.frame.runtime import DispatchErrorType
from pallets.frame.validity import BadProof
from pallets.fungible import Currency
from pallets.job_end import POT, check_commit, expire, settle
from pallets.job_queue import draw_all, enqueue, fall_due, is_narrow, next_due
from pallets.job_terms import AuthoritySet, Payees
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import Identity, blake2_256
from pallets.primitives.job import InlineInput, Input, JobId, Mode, Output
from pallets.primitives.job_record import ATTEMPTS, Assignment, ExpiryReason, Job, JobState
from pallets.primitives.worker import WorkerKey
from pallets.system import System
from pallets.timestamp import Timestamp
from pallets.workers import SIGNATURE_REF_TIME, Workers

COMMIT_PHASE = 0
COMMIT_PRIORITY = 1 << 32
COMMIT_LONGEVITY = 256
DUE_WEIGHT = Weight(250_000_000, 12_000)
DRAW_WEIGHT = Weight(500_000_000, 20_000)
TRY_WEIGHT = Weight(50_000_000, 2_000)

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

    class Abandoned(Event):
        """What fell due for a job couldn't be done, for this reason, and won't be tried again."""

        job: JobId
        error: DispatchErrorType

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
        """Fewer operators than a draw needs have eligible workers, and neither genesis nor the agent allows so few."""

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
    assignments = Map[WorkerKey, list[Assignment]](default=list)
    """What each worker has to do: the one entry that a worker follows."""
    claimable = Map[AccountId, Balance](default=0)
    """What is owed to whom."""
    narrow_allowed = Value[bool](default=False)
    """Whether a draw from few operators will do; genesis alone decides."""
    deadlines = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """When which job falls due."""
    draws = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """From which block on which job is to be drawn for."""
    retries = Map[tuple[DueKey, DueKey], U8](hasher=Identity)
    """From when on which job is to be drawn for again, and how many draws in a row took nobody, up to six."""
    parked = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """Jobs no worker could be drawn for, by the number of `Workers.Arrivals` then."""

    def genesis(self, narrow: bool = False) -> None:
        self.narrow_allowed = narrow
        self.currency.mint_into(POT, self.currency.existential_deposit)

    def integrity_test(self) -> None:
        if not (self.min_deadline // ATTEMPTS > 0 and self.min_deadline <= self.max_deadline):
            raise ValueError("Jobs: min_deadline is at least three milliseconds and at most max_deadline")
        if not (self.max_gas and self.max_due > 2):
            raise ValueError("Jobs: max_gas must be above zero, and max_due above two")

    def on_randomness(self, mix: bytes) -> None:
        """What is to be done in every block, when its time and its randomness are known."""
        due = self.workers.notice_silence() + fall_due(self)
        drawn, tries = draw_all(self, mix)
        self.system.register_weight(DUE_WEIGHT * due + DRAW_WEIGHT * drawn + TRY_WEIGHT * tries)

    # Calls

    @call(0, weight=Weight(800_000_000, 30_000))
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
        """Have an agent's approved script run on `input`, for at most `max_fee`, within `deadline` milliseconds.

        The fee is held. Gas is bought at the agent's price, as much as the fee, the agent and `MaxGas` allow; running
        out of it is a result like any other.
        """
        if not isinstance(input, InlineInput):
            raise self.InlineInputOnly
        if mode is not Mode.Deterministic:
            raise self.DeterministicOnly
        if replicas != 1:
            raise self.OneReplicaOnly
        if callback is not None:
            raise self.NoCallbacks
        if deadline < self.min_deadline:
            raise self.DeadlineTooShort
        if deadline > self.max_deadline:
            raise self.DeadlineTooLong
        terms = self.payees.terms(agent)
        gas_limit = min(self.max_gas, terms.gas_for(max_fee, replicas))
        if not gas_limit:
            raise self.FeeTooLow
        narrow_allowed = self.narrow_allowed or terms.narrow
        if not narrow_allowed and is_narrow(self.workers.operators_besides(who), replicas):
            raise self.TooFewOperators
        self.currency.hold(self.HoldReason.Fee, who, max_fee, keep_alive=True)
        now, id = self.timestamp.now, self.next_job
        self.next_job = id + 1
        self.input[id] = input
        job = Job(
            agent=agent,
            submitter=who,
            code=terms.code,
            input=blake2_256(input.data),
            mode=mode,
            replicas=replicas,
            max_fee=max_fee,
            price=terms.price,
            gas_limit=gas_limit,
            shares=terms.shares,
            treasury=terms.treasury,
            submitted_at=now,
            deadline=deadline,
            narrow_allowed=narrow_allowed,
            state=JobState.Queued,
            attempt=1,
            due=now + deadline,
            ends=now + deadline,
        )
        enqueue(self, id, job)
        self.deposit(self.Submitted(id, agent, who))

    def validate_commit(
        self, job: int, attempt: int, output: Output, transcript_root: bytes, gas: int, worker: bytes, signature: bytes
    ) -> ValidTransaction:
        """Admits a commit that the chain waits for."""
        try:
            check_commit(self, job, attempt, output, transcript_root, gas, worker, signature)
        except self.BadSignature:
            raise BadProof from None
        except Error as error:
            raise refusal(error) from None
        tag = COMMIT_TAG.encode((job, attempt, worker, COMMIT_PHASE))
        return ValidTransaction(COMMIT_PRIORITY, [], [tag], COMMIT_LONGEVITY, True)

    @call(1, weight=Weight(SIGNATURE_REF_TIME + 900_000_000, 40_000), validate=validate_commit)
    def commit(
        self,
        none: NoneOrigin,
        job: JobId,
        attempt: U32,
        output: Output,
        transcript_root: H256,
        gas: U64,
        worker: WorkerKey,
        signature: Bytes64,
    ) -> None:
        """Commit a job's output, signed by the worker that has the job: it is stored, and the job settled.

        A bare transaction that anyone may submit.
        """
        record, content, outcome = check_commit(self, job, attempt, output, transcript_root, gas, worker, signature)
        self.output[job] = content
        self.deposit(self.Committed(job, attempt, worker, outcome.output, gas))
        settle(self, job, record, outcome)

    @call(6, weight=Weight(400_000_000, 15_000))
    def cancel(self, who: Signed, job: JobId) -> None:
        """Take back a job that no worker has; its fee is released."""
        record = self.job[job]
        if record.submitter != who:
            raise self.NotSubmitter
        if record.state is not JobState.Queued:
            raise self.NotQueued
        expire(self, job, record, ExpiryReason.Cancelled)

    @call(7, weight=Weight(300_000_000, 10_000))
    def claim(self, who: Signed) -> None:
        """Pay out what is owed to the signer."""
        amount = self.claimable[who]
        if not amount:
            raise self.NothingToClaim
        del self.claimable[who]
        self.currency.transfer(POT, who, amount, keep_alive=True)
        self.deposit(self.Claimed(who, amount))

    # What others may ask

    def next_due(self) -> int | None:
        """When a block has something to do here, in milliseconds; now where a worker can be drawn."""
        return next_due(self)

    # Inside
