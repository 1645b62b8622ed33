"""Jobs: an agent's script run by attested workers, paid for when its output is on-chain and stands.

## Overview

A `worker` call is bare: anyone may submit it, with the worker's signature.

| step | who | what happens |
| --- | --- | --- |
| `submit` | anyone | the fee is held; price, shares, code and gas limit are fixed |
| draw | the chain | two blocks later or more, from the block's fresh randomness, never the submitter's own worker |
| `word` | worker | it is at work, or abstains |
| `commit` | worker | the output is stored; without a window the worker is paid, the rest released |
| `commit_hash`, `reveal` | worker | the same in two steps, where several workers vote on the output |
| window | anyone, by `challenge` | the output is provisional, and can be made a vote |
| deadline | the chain | after a third of the job's time another worker is preferred, after three the job expires |
| `claim` | whoever is owed | pays out |

Draws and deadlines are the work of the randomness inherent (`on_randomness`): there the block's time is known, and no
transaction of the block has run. Each block does a bounded number and carries the rest over. A job that no worker can
be drawn for waits without costing anything until a worker becomes eligible; after a draw that took nobody the next is
a slot later, then ever more rarely. What fell due while the chain stood still is armed again.

A worker that says nothing of a job within `AcknowledgeWithin` loses it. `Assignments` says of each job that a worker
has what it has to do next; `vote` says how votes go, `window` what a challenge is. Governance, which is Sudo,
sets the window: it is zero unless genesis says otherwise, and then nothing is provisional. An input may be sealed to
workers (`job_sealed`); a call may be made of the result (`job_callback`).

`gas_limit = min(MaxGas, max_fee / (max(price, 1) x replicas))`, where MaxGas is the lower of the chain's constant and
the agent's own `policy.max_gas`.

Fees stay held with the submitter until a job is settled. What is then owed lies in one keyless account, which also
has the existential deposit; `Claimable` says whose it is, so that no share is too small to be credited. A job whose
money can't be moved when it falls due is `Abandoned`, for the block must go on: its submitter may `cancel` it later.

## Refused commits

A bare call that isn't admitted answers `BadProof` where the signature is wrong, for whatever reason (another key,
job, attempt, chain, code, input or output than was signed), else `Custom` with the index of the error here, or 128 +
the index of an error of `Attestation`.

## Out of scope

`Hash` inputs, `Recorded` and `Oracle` modes: each is refused by an error of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pallets.attestation.pallet import Attestation, refusal
from pallets.frame import (
    H256,
    U8,
    U32,
    U64,
    AccountId,
    Balance,
    Bytes32,
    Bytes64,
    Compact,
    Const,
    DoubleMap,
    DueKey,
    Error,
    Map,
    NoneOrigin,
    Pallet,
    PostInfo,
    Reasons,
    Root,
    Signed,
    ValidTransaction,
    Value,
    Weight,
    call,
)
from pallets.frame.genesis import InvalidGenesis
from pallets.frame.validity import BadProof
from pallets.fungible import Currency
from pallets.jobs.callback import MAX_CALLBACK_WEIGHT, fit_to_call_back
from pallets.jobs.commit import check_commit, take_commit
from pallets.jobs.end import POT, expire
from pallets.jobs.errors import JobErrors
from pallets.jobs.events import JobEvents
from pallets.jobs.queue import draw_all, draw_settled, fall_due, first_waiting, next_due
from pallets.jobs.sealed import RESEAL_PHASE, RESEAL_TAG, check_reseal, provide, take_reseal
from pallets.jobs.submission import MAX_REPLICAS, submit_job
from pallets.jobs.terms import Beacon, KeyHolders, Payees, Penalties
from pallets.jobs.vote import check_hash, check_reveal, check_word, take_hash, take_reveal, take_word
from pallets.jobs.window import challenge, draw_lots
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import Identity
from pallets.primitives.job import Input, JobId, Mode, Output, Word
from pallets.primitives.job_record import ATTEMPTS, MAX_SEATS, Assignment, ExpiryReason, Job, JobState, Stage
from pallets.primitives.sealed import Box, GivenBox
from pallets.primitives.worker import WorkerKey
from pallets.system.pallet import System
from pallets.timestamp import Timestamp
from pallets.workers.pallet import JOB_PRIORITY, SIGNATURE_REF_TIME, Workers

COMMIT_PHASE, HASH_PHASE, REVEAL_PHASE, WORD_PHASE = 0, 1, 2, 3
"""What a bare call of a worker is about; an acknowledgement is of the last, another word of the one after it."""
SUBMIT_WEIGHT = Weight(800_000_000, 30_000)
SEAT_CALLS_WEIGHT = Weight(2_100_000_000, 120_000)
"""Of the calls, three at most, that a worker makes of a job for nothing: `submit` weighs them, and so pays for them."""
BOX_WEIGHT = Weight(150_000_000, 6_000)
COMMIT_LONGEVITY = 256
VOTE_WEIGHT = Weight(SIGNATURE_REF_TIME + 600_000_000, 40_000)
SEAT_WEIGHT = Weight(300_000_000, 12_000)
"""Of a call that ends a stage of a vote, for each seat of it."""
VOTE_AT_MOST = VOTE_WEIGHT + SEAT_WEIGHT * MAX_SEATS
LOT_WEIGHT = Weight(100_000_000, 2_000)
DUE_WEIGHT = Weight(250_000_000, 12_000)
DRAW_WEIGHT = Weight(500_000_000, 20_000)
TRY_WEIGHT = Weight(50_000_000, 2_000)

COMMIT_TAG = codec_of(tuple[JobId, U32, WorkerKey, U8])


def _submit_weight(
    agent: int, input: Input, mode: Mode, replicas: int, max_fee: int, deadline: int, callback: bytes | None
) -> Weight:
    weight = SUBMIT_WEIGHT + SEAT_CALLS_WEIGHT * min(replicas, MAX_REPLICAS)
    return weight if callback is None else weight + MAX_CALLBACK_WEIGHT


class Jobs(JobEvents, JobErrors, Pallet):
    """An agent's script run by attested workers, paid for when its output is on-chain and stands."""

    system: System
    timestamp: Timestamp
    currency: Currency
    attestation: Attestation
    workers: Workers
    payees: Payees
    beacon: Callable[[], Beacon]
    penalties: Penalties
    chain_treasury: AccountId
    callable_back: frozenset[str]
    """The calls that may be called back, by pallet and name, and those that may be around them."""
    key_holders: KeyHolders | None = None
    """Who can open what is sealed to the cluster; none on a chain without one."""
    max_gas: Const[U64]
    """The most gas that a job may use, whatever its fee."""
    min_deadline: Const[U64]
    """The shortest deadline of a job, in milliseconds."""
    max_deadline: Const[U64]
    """The longest deadline of a job, in milliseconds."""
    acknowledge_within: Const[U64]
    """How long a worker may say nothing of a job that it was given, in milliseconds."""
    max_window: Const[U64]
    """The longest challenge window, in milliseconds."""
    challenge_bond: Const[Balance]
    """The least that a challenge holds."""
    min_slash: Const[Balance]
    """The least that a wrong or withheld output costs its worker."""
    max_due: Const[U32]
    """How many deadlines, and how many draws, a block does."""

    class HoldReason(Reasons):
        """What is held here."""

        Fee = 0
        """What a job may cost its submitter."""
        ChallengeBond = 1
        """What a challenger loses where the output stands."""

    next_job = Value[JobId](default=0)
    """The number of the next job."""
    job = Map[JobId, Job](missing=JobErrors.UnknownJob)
    """All jobs, also those that are over."""
    in_state = Map[JobState, U32](hasher=Identity, default=0)
    """How many jobs are in each state."""
    input = Map[JobId, Input]()
    """What a job is run on, until it is over."""
    output = Map[JobId, bytes]()
    """What a settled job left; of a job whose window is open, what it will leave unless it is challenged."""
    candidate = Map[tuple[JobId, H256], bytes]()
    """What the seats of a vote have revealed, until it is decided."""
    callback = Map[JobId, bytes]()
    """What is called once a job is settled."""
    newest_sealed = Value[JobId | None]()
    """The last job that came with boxes: whoever has the cluster's key follows it."""
    boxes = DoubleMap[JobId, WorkerKey, list[GivenBox]]()
    """The boxes of a sealed input that each of a job's workers was given, until the job is over."""
    assignments = Map[WorkerKey, list[Assignment]](default=list)
    """What each worker has to do: the one entry that a worker follows."""
    claimable = Map[AccountId, Balance](default=0)
    """What is owed to whom."""
    narrow_allowed = Value[bool](default=False)
    """Whether a draw from few operators will do; genesis alone decides."""
    window = Value[U64](default=0)
    """How long the output of a job of one replica is provisional, in milliseconds."""
    deadlines = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """When which job falls due."""
    lots = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """From which block on it is drawn by lot whether the chain has which job's provisional output judged."""
    draws = Map[tuple[DueKey, DueKey], U8](hasher=Identity)
    """From which block on which job is to be drawn for."""
    retries = Map[tuple[DueKey, DueKey], U8](hasher=Identity)
    """From when on which job is to be drawn for again, and how many draws in a row took nobody, up to six."""
    parked = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """Jobs no worker could be drawn for, by the number of `Workers.Arrivals` then."""

    def genesis(self, narrow: bool = False, window: U64 = 0) -> None:
        if window > self.max_window:
            raise InvalidGenesis(f"jobs.window: {window} ms is longer than MaxWindow, {self.max_window} ms")
        self.narrow_allowed, self.window = narrow, window
        self.currency.mint_into(POT, self.currency.existential_deposit)

    def integrity_test(self) -> None:
        if not (self.min_deadline // ATTEMPTS > 0 and self.min_deadline <= self.max_deadline):
            raise ValueError("Jobs: min_deadline is at least three milliseconds and at most max_deadline")
        if not (self.max_gas and self.max_due > 2 and self.acknowledge_within):
            raise ValueError("Jobs: max_gas and acknowledge_within must be above zero, and max_due above two")
        if self.max_window + self.max_deadline + self.max_deadline // ATTEMPTS >= self.penalties.discovery:
            raise ValueError("Jobs: a challenge must end before the fault it finds is too old: lower max_window")
        if not fit_to_call_back(self.callable_back):
            raise ValueError("Jobs: callable_back names calls of pallets that must never be called back")

    def on_randomness(self, mix: bytes) -> None:
        """What is to be done in every block, when its time and its randomness are known."""
        shared = self.beacon().shared
        drawn, tries = draw_settled(self) if shared else (0, 0)
        due = 0
        if not self.draw_is_known:  # nobody may bend it by what falls due
            due = self.workers.notice_silence(mix) + fall_due(self)
        if not shared:
            drawn, tries = draw_all(self, mix)
        lots = draw_lots(self)
        weight = DUE_WEIGHT * due + DRAW_WEIGHT * drawn + TRY_WEIGHT * tries + LOT_WEIGHT * lots
        self.system.register_weight(weight)

    def first_waiting(self) -> int | None:
        """The block in which the first of what waits to be drawn for was queued."""
        return first_waiting(self)

    # Calls

    @call(0, weight=_submit_weight)
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

        The fee is held. Several `replicas` vote on the output, an odd number of at most nine. Gas is bought at the
        agent's price, as much as the fee, the agent and `MaxGas` allow; running out of it is a result like any other.

        A `Sealed` input is opened by workers alone, and the output sealed to who asked. A `callback` is a call's
        encoding without its last argument, which the result will be, once the job is settled.
        """
        submit_job(self, who, agent, input, mode, replicas, max_fee, deadline, callback)

    def validate_commit(
        self, job: int, attempt: int, output: Output, transcript_root: bytes, gas: int, worker: bytes, signature: bytes
    ) -> ValidTransaction:
        """Admits a commit that the chain waits for."""
        check = partial(check_commit, self, job, attempt, output, transcript_root, gas, worker, signature)
        return self._admit(check, job, attempt, worker, COMMIT_PHASE)

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
        """Commit the output of a job of one replica, signed by the worker that has the job.

        The job is settled, or where there is a challenge window the output is provisional until it ends.

        A bare transaction that anyone may submit.
        """
        found = check_commit(self, job, attempt, output, transcript_root, gas, worker, signature)
        take_commit(self, job, *found)

    def validate_reveal(
        self,
        job: int,
        attempt: int,
        output: Output,
        transcript_root: bytes,
        gas: int,
        salt: bytes,
        worker: bytes,
        signature: bytes,
    ) -> ValidTransaction:
        """Admits a reveal that the chain waits for."""
        check = partial(check_reveal, self, job, attempt, output, transcript_root, gas, salt, worker, signature)
        return self._admit(check, job, attempt, worker, REVEAL_PHASE)

    @call(2, weight=VOTE_AT_MOST, validate=validate_reveal)
    def reveal(
        self,
        none: NoneOrigin,
        job: JobId,
        attempt: U32,
        output: Output,
        transcript_root: H256,
        gas: U64,
        salt: Bytes32,
        worker: WorkerKey,
        signature: Bytes64,
    ) -> PostInfo:
        """Reveal the output that a worker has committed to, with the salt of its hash; signed as in `commit`.

        Taken once every seat has committed or abstained, or their time is up. With the last one the job is settled,
        or more seats are drawn.

        A bare transaction that anyone may submit.
        """
        record, seat, content, ballot = check_reveal(
            self, job, attempt, output, transcript_root, gas, salt, worker, signature
        )
        before = record.stage
        take_reveal(self, job, record, seat, content, ballot)
        return _used(record, before)

    def validate_word(self, job: int, attempt: int, word: Word, worker: bytes, signature: bytes) -> ValidTransaction:
        """Admits a word that changes something."""
        check = partial(check_word, self, job, attempt, word, worker, signature)
        return self._admit(check, job, attempt, worker, WORD_PHASE + word.value)

    @call(3, weight=VOTE_AT_MOST, validate=validate_word)
    def word(
        self, none: NoneOrigin, job: JobId, attempt: U32, word: Word, worker: WorkerKey, signature: Bytes64
    ) -> PostInfo:
        """Say that a worker is at work on a job, or that it won't have an output.

        A bare transaction that anyone may submit.
        """
        record, seat = check_word(self, job, attempt, word, worker, signature)
        before = record.stage
        take_word(self, job, record, seat, word)
        return _used(record, before)

    @call(4, weight=Weight(700_000_000, 30_000))
    def challenge(self, who: Signed, job: JobId) -> None:
        """Have a provisional output judged by fresh workers, on a bond.

        The bond is four times what the run costs, at least `ChallengeBond`. It is lost to the workers if the output
        stands, and else returned, with a part of what the worker is slashed.
        """
        challenge(self, job, who)

    @call(5, weight=lambda job, boxes: BOX_WEIGHT * (len(boxes) + 1))
    def provide_key(self, who: Signed, job: JobId, boxes: list[tuple[WorkerKey, Box]]) -> None:
        """Give the workers that were drawn for a sealed job boxes of its input, each sealed to the worker's seal key.

        A worker that is given none in half of the time for its output may abstain, and earns the base fee.
        """
        provide(self, who, job, boxes)

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

    def validate_commit_hash(
        self, job: int, attempt: int, hash: bytes, worker: bytes, signature: bytes
    ) -> ValidTransaction:
        """Admits a hash that the chain waits for, or one that contradicts the worker's own."""
        check = partial(check_hash, self, job, attempt, hash, worker, signature)
        return self._admit(check, job, attempt, worker, HASH_PHASE)

    @call(9, weight=VOTE_AT_MOST, validate=validate_commit_hash)
    def commit_hash(
        self, none: NoneOrigin, job: JobId, attempt: U32, hash: H256, worker: WorkerKey, signature: Bytes64
    ) -> PostInfo:
        """Commit to the hash of an output and a salt, to be revealed once all workers that vote have committed.

        A second hash of one worker is evidence against it: it is slashed, and its seat counts as absent.

        A bare transaction that anyone may submit.
        """
        record, seat = check_hash(self, job, attempt, hash, worker, signature)
        before = record.stage
        take_hash(self, job, record, seat, hash, signature)
        return _used(record, before)

    @call(10, weight=Weight(150_000_000, 2_000))
    def set_window(self, root: Root, window: U64) -> None:
        """Set how long outputs of jobs of one replica are provisional, in milliseconds; zero for not at all.

        Windows that are open keep their end. The dispatch origin for this call must be _Root_, which is Sudo.
        """
        if window > self.max_window:
            raise self.WindowTooLong
        self.window = window
        self.deposit(self.WindowSet(window))

    def validate_reseal(
        self, job: int, receiver: bytes, box: bytes, worker: bytes, signature: bytes
    ) -> ValidTransaction:
        """Admits a box for a worker that waits for one."""
        check = partial(check_reseal, self, job, receiver, box, worker, signature)
        admitted = self._admit(check, job, 0, worker, RESEAL_PHASE)
        admitted.provides = [RESEAL_TAG.encode((job, receiver, worker, RESEAL_PHASE))]
        return admitted

    @call(11, weight=BOX_WEIGHT + Weight(SIGNATURE_REF_TIME), validate=validate_reseal)
    def reseal(
        self, none: NoneOrigin, job: JobId, receiver: WorkerKey, box: Box, worker: WorkerKey, signature: Bytes64
    ) -> None:
        """Give a worker that has a sealed job a box of its input, by one that has or had it too, or the cluster's key.

        A bare transaction that anyone may submit.
        """
        take_reseal(self, job, receiver, check_reseal(self, job, receiver, box, worker, signature))

    # What others may ask

    def next_due(self) -> int | None:
        """When a block has something to do here, in milliseconds; now where a worker can be drawn."""
        return next_due(self)

    @property
    def draw_is_known(self) -> bool:
        """Whether it can be foretold what a draw that is still to come will be."""
        first = first_waiting(self) if self.beacon().shared else None
        return first is not None and self.beacon().settled(first) is not None

    def submitted_at(self, job: int) -> int | None:
        """When a job was submitted; `None` of one there is not."""
        record = self.job.get(job)
        return None if record is None else record.submitted_at

    # Inside

    def _admit(
        self, check: Callable[[], object], job: int, attempt: int, worker: bytes, phase: int
    ) -> ValidTransaction:
        try:
            check()
        except self.BadSignature:
            raise BadProof from None
        except Error as error:
            raise refusal(error) from None
        return ValidTransaction(
            JOB_PRIORITY, [], [COMMIT_TAG.encode((job, attempt, worker, phase))], COMMIT_LONGEVITY, True
        )


def _used(job: Job, before: Stage) -> PostInfo:
    return PostInfo(VOTE_WEIGHT if job.stage is before else VOTE_WEIGHT + SEAT_WEIGHT * len(job.seats))
