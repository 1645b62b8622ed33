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
| `record` | worker | of a `Recorded` vote: what came from outside, which the others replay (`recorded`) |
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
workers (`sealed`), or too large for the chain (`stored`); a call may be made of the result (`callback`).

`gas_limit = min(MaxGas, max_fee / (max(price, 1) x replicas))`, where MaxGas is the lower of the chain's constant and
the agent's own `policy.max_gas`.

Workers also answer HTTP requests: `receipt_page` has what the chain does with their receipts.

Fees stay held with the submitter until a job is settled. What is then owed lies in one keyless account, which also
has the existential deposit; `Claimable` says whose it is, so that no share is too small to be credited. A job whose
money can't be moved when it falls due is `Abandoned`, for the block must go on: its submitter may `cancel` it later.

## Refused commits

A bare call that isn't admitted answers `BadProof` where the signature is wrong, for whatever reason (another key,
job, attempt, chain, code, input or output than was signed), else `Custom` with the index of the error here, or 128 +
the index of an error of `Attestation`.

## Out of scope

What isn't on the chain: bytes in the workers' store (`stored`), transcripts, what is sealed.
"""

from __future__ import annotations

from collections.abc import Callable

from pallets.attestation.pallet import Attestation
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
    Map,
    NoneOrigin,
    Pallet,
    PostInfo,
    Reasons,
    Root,
    Signed,
    Value,
    Weight,
    call,
)
from pallets.frame.genesis import InvalidGenesis
from pallets.fungible import Currency
from pallets.jobs.admission import (
    validate_commit,
    validate_commit_hash,
    validate_record,
    validate_reseal,
    validate_reveal,
    validate_word,
)
from pallets.jobs.callback import fit_to_call_back
from pallets.jobs.commit import check_commit, take_commit
from pallets.jobs.end import POT, expire
from pallets.jobs.errors import JobErrors
from pallets.jobs.events import JobEvents
from pallets.jobs.lots import draw_lots
from pallets.jobs.queue import draw_all, draw_settled, fall_due, first_waiting, next_due
from pallets.jobs.receipt_page import ReceiptPage
from pallets.jobs.receipts import batches_fall_due, check_terms, draw_leaves
from pallets.jobs.recorded import check_record, take_record
from pallets.jobs.sealed import check_reseal, provide, take_reseal
from pallets.jobs.submission import submit_job
from pallets.jobs.terms import Beacon, KeyHolders, Payees, Penalties, RunEffects
from pallets.jobs.vote import check_hash, check_reveal, check_word, take_hash, take_reveal, take_word
from pallets.jobs.weights import (
    BOX_WEIGHT,
    COMMIT_WEIGHT,
    DRAW_WEIGHT,
    DUE_WEIGHT,
    LOT_WEIGHT,
    TRY_WEIGHT,
    VOTE_AT_MOST,
    submit_weight,
    used,
)
from pallets.jobs.window import challenge
from pallets.primitives.hashing import Identity
from pallets.primitives.job import Input, JobId, Mode, Output, Word
from pallets.primitives.job_record import ATTEMPTS, Assignment, ExpiryReason, Job, JobState
from pallets.primitives.sealed import Box, GivenBox
from pallets.primitives.worker import WorkerKey
from pallets.system.pallet import System
from pallets.timestamp import Timestamp
from pallets.workers.pallet import SIGNATURE_REF_TIME, Workers


class Jobs(ReceiptPage, JobEvents, JobErrors, Pallet):
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
    effects: RunEffects | None = None
    """Who does what runs leave for the chain beside their output; none on a chain where they leave nothing."""
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
        Channel = 2
        """What callers pay their vouchers from."""

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
    """From which block on it is drawn by lot whether the chain has which job's output judged."""
    audit_input = Map[JobId, Input]()
    """Inputs of settled jobs that may be audited, until their lot is drawn."""
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
        check_terms(self)

    def on_randomness(self, mix: bytes) -> None:
        """What is to be done in every block, when its time and its randomness are known."""
        shared = self.beacon().shared
        drawn, tries = draw_settled(self) if shared else (0, 0)
        due = 0
        if not self.draw_is_known:  # nobody may bend it by what falls due
            due = self.workers.notice_silence(mix) + fall_due(self) + batches_fall_due(self)
        if not shared:
            drawn, tries = draw_all(self, mix)
        lots = draw_lots(self) + draw_leaves(self)
        weight = DUE_WEIGHT * due + DRAW_WEIGHT * drawn + TRY_WEIGHT * tries + LOT_WEIGHT * lots
        self.system.register_weight(weight)

    def first_waiting(self) -> int | None:
        """The block in which the first of what waits to be drawn for was queued."""
        return first_waiting(self)

    # Calls

    @call(0, weight=submit_weight)
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

        A `Sealed` input is opened by workers alone, and the output sealed to who asked. A `Hash` names bytes in the
        workers' store; where they can't be had nobody runs the job. A `callback` is a call's
        encoding without its last argument, which the result will be, once the job is settled.
        """
        submit_job(self, who, agent, input, mode, replicas, max_fee, deadline, callback)

    @call(1, weight=COMMIT_WEIGHT, validate=validate_commit)
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

    @call(12, weight=VOTE_AT_MOST, validate=validate_record)
    def record(
        self, none: NoneOrigin, job: JobId, attempt: U32, transcript_root: H256, worker: WorkerKey, signature: Bytes64
    ) -> PostInfo:
        """Say, as the leader of a `Recorded` job, which transcript the other workers replay.

        A bare transaction that anyone may submit.
        """
        record, leader = check_record(self, job, attempt, transcript_root, worker, signature)
        before = record.stage
        take_record(self, job, record, leader, transcript_root)
        return used(record, before)

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
        return used(record, before)

    @call(3, weight=VOTE_AT_MOST, validate=validate_word)
    def word(
        self, none: NoneOrigin, job: JobId, attempt: U32, word: Word, worker: WorkerKey, signature: Bytes64
    ) -> PostInfo:
        """Say that a worker is at work on a job, or that it won't have an output, or only one too large for the chain.

        A bare transaction that anyone may submit.
        """
        record, seat = check_word(self, job, attempt, word, worker, signature)
        before = record.stage
        take_word(self, job, record, seat, word)
        return used(record, before)

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
        self._pay_out(who)

    @call(19, weight=Weight(350_000_000, 12_000))
    def collect(self, who: Signed, agent: U64) -> None:
        """Pay out what is owed to an agent's treasury, which has no key to claim it by; anyone may see to that."""
        self._pay_out(self.payees.owners(agent).treasury)

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
        return used(record, before)

    @call(10, weight=Weight(150_000_000, 2_000))
    def set_window(self, root: Root, window: U64) -> None:
        """Set how long outputs of jobs of one replica are provisional, in milliseconds; zero for not at all.

        Windows that are open keep their end. The dispatch origin for this call must be _Root_, which is Sudo.
        """
        if window > self.max_window:
            raise self.WindowTooLong
        self.window = window
        self.deposit(self.WindowSet(window))

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

    def _pay_out(self, who: bytes) -> None:
        amount = self.claimable[who]
        if not amount:
            raise self.NothingToClaim
        del self.claimable[who]
        self.currency.transfer(POT, who, amount, keep_alive=True)
        self.deposit(self.Claimed(who, amount))
