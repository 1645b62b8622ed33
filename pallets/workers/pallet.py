"""The workers: who serves, with what stake, and whether they live.

## Overview

```
register -> Idle <-> Working          drawn from the lists of the eligible, O(1) however many there are
              |  challenge not answered
              v
         Unresponsive                 a heartbeat brings it back
Registered                            found not attested: attest again, or beat once it is; or slashed below MinStake
exit -> CoolingDown -> withdraw -> Left
```
Eligible are those Idle or Working with room for one more job. Each is listed in the capability classes whose
requirements it meets (`worker_classes`). A worker is drawn with a chance that grows with stake, record, confidence and
speed, by rejection: a random place of a list, taken with the weight's probability, at most 64 tries. One that turns
out to be unattested on the way leaves the lists (`worker_draw`).

The chain challenges workers by calendar, in the randomness inherent, a bounded number a block, the rarer the more there
are; one that sends no heartbeat within the window is Unresponsive (`worker_liveness`). An answer is rewarded out of a
keyless pot that anyone may fill. What fell due while the chain stood still for over a minute (`excused_until`) is armed
again instead of punished. A chain whose blocks are always over a minute apart stands still between any two: there no
silence is noticed, and no job's attempt or deadline ever ends.

What a worker kept, missed and was slashed for counts for all its time: leaving and coming back resets none of it.

## Refused heartbeats

A bare heartbeat or report that isn't admitted answers `BadProof` where the signature is wrong, else `Custom`: the index
of the error here, or 128 + the index of an error of `Attestation`.

## Out of scope

Quotes (`pallets.attestation`), jobs (`pallets.jobs`), slashing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from pallets.attestation.dcap import Quote
from pallets.attestation.pallet import VERIFICATION_REF_TIME, Attestation, refusal
from pallets.calendar import GAP, first_due
from pallets.frame import (
    H256,
    U32,
    U64,
    AccountId,
    Balance,
    BlockNumber,
    Bytes32,
    Bytes64,
    Compact,
    Const,
    CountedMap,
    DoubleMap,
    DueKey,
    Error,
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
from pallets.primitives.hashing import Identity
from pallets.primitives.stake import Delegation, Pool, Position
from pallets.primitives.worker import BENCHMARK_TAG, HEARTBEAT_TAG, MAX_ENDPOINT, WorkerInfo, WorkerKey
from pallets.primitives.worker_record import (
    ANY,
    EVERYONE,
    LEAVING,
    SERVING,
    ClassId,
    Requirements,
    Staff,
    Worker,
    WorkerClass,
    WorkerState,
    anybody,
)
from pallets.state_counts import count_change
from pallets.system.pallet import System
from pallets.timestamp import Timestamp
from pallets.workers.classes import close_class, delist, enlist, free_class, hold_class, is_listed, match, open_class
from pallets.workers.draw import Draw, draw
from pallets.workers.errors import WorkerErrors
from pallets.workers.events import WorkerEvents
from pallets.workers.liveness import (
    REWARDS,
    check_benchmark,
    check_heartbeat,
    forget,
    note_life,
    notice,
    pay_answer,
    speed_of,
)
from pallets.workers.stake import (
    POT,
    bond,
    claim_rewards,
    delegate,
    earn,
    enter_pool,
    leave_pool,
    release_stake,
    reward,
    set_commission,
    undelegate,
    withdraw_delegation,
)

HEARTBEAT_LONGEVITY = 64
HEARTBEAT_PRIORITY, JOB_PRIORITY = 1 << 62, 1 << 63
"""Of bare calls of workers, at least, of what they say of themselves and of jobs: above what any tip is worth.

Who pays for full blocks must not have workers taken for silent, still less slashed for what they couldn't reveal.
"""
SIGNATURE_REF_TIME = 100_000_000


class Workers(WorkerEvents, WorkerErrors, Pallet):
    """The workers: who serves, with what stake, and whether they live."""

    system: System
    timestamp: Timestamp
    currency: Currency
    attestation: Attestation
    min_stake: Const[Balance]
    """The least a worker's operator stakes on it."""
    max_counted_stake: Const[Balance]
    """The stake beyond which more doesn't raise the chance to be drawn.

    A few times `MinStake`, not more: of workers that stake little against it, most tries of a draw take none.
    """
    max_load: Const[U32]
    """How many jobs a worker may have at once."""
    heartbeat_interval: Const[Moment]
    """The least time between two heartbeats of a serving worker, in milliseconds."""
    heartbeat_window: Const[Moment]
    """How long a challenged worker may be silent before it isn't drawn any more, in milliseconds.

    Longer than blocks can be apart without the chain being taken to have stood still: one heartbeat a block will do.
    """
    challenge_interval: Const[Moment]
    """The mean time from a worker's heartbeat to its next challenge, at least, in milliseconds."""
    challenge_spacing: Const[Moment]
    """The mean time from one challenge to the next, whoever's, at least, in milliseconds."""
    challenge_reward: Const[Balance]
    """What the heaviest worker there can be earns by an answer to a challenge, while the pot of rewards lasts."""
    reference_speed: Const[U64]
    """Gas that the reference machine runs in a millisecond; being faster doesn't raise the chance to be drawn.

    Few workers should be slower: of those that are slow against it, most tries of a draw take none.
    """
    unbonding: Const[Moment]
    """How long what is taken out stays held, in milliseconds: of faults older than that nobody is convicted."""
    min_delegation: Const[Balance]
    """The least that a delegator has bonded with an operator."""
    max_delegators: Const[U32] = 64
    """How many delegators an operator's pool has at most."""
    max_classes: Const[U32] = 64
    """How many capability classes there may be, class 0 among them."""
    max_due: Const[U32]
    """How many workers a block challenges or finds silent."""

    class HoldReason(Reasons):
        """What is held here."""

        Stake = 0
        """What an operator stakes on a worker."""
        Delegation = 1
        """What somebody delegates to an operator."""

    worker = Map[WorkerKey, Worker](missing=WorkerErrors.UnknownWorker)
    """All workers, also those that have left: leaving resets no record."""
    in_state = Map[WorkerState, U32](hasher=Identity, default=0)
    """How many workers are in each state."""
    position = Map[WorkerKey, Position](default=Position)
    """What its operator has staked on each worker, and since when."""
    pool = Map[AccountId, Pool](default=Pool)
    """What was delegated to each operator, and on which terms."""
    delegation = DoubleMap[AccountId, AccountId, Delegation]()
    """What has been delegated, by operator and delegator."""
    owed = Map[AccountId, Balance](default=0)
    """What was earned with stake and not claimed yet."""
    silence = CountedMap[tuple[DueKey, WorkerKey], None](hasher=Identity)
    """When each worker will be challenged, or its silence noticed."""
    mix = Value[Bytes32](default=bytes(32))
    """The block's randomness, from which times of challenges are drawn."""
    excused_until = Value[Moment](default=0)
    """What fell due up to here did so while the chain stood still, and is armed again."""
    classes = CountedMap[ClassId, WorkerClass]()
    """The capability classes; class 0 has everyone."""
    class_changes = Value[U32](default=0)
    """How many times a class was opened or closed; a class is named by what this was when it opened."""
    eligible = Map[tuple[ClassId, U32], WorkerKey](hasher=Identity)
    """The workers of a class that may be drawn, without gaps."""
    place = Map[tuple[ClassId, WorkerKey], U32]()
    """Where in `eligible` a worker is."""
    eligible_count = Map[ClassId, U32](hasher=Identity, default=0)
    """How many workers of a class may be drawn."""
    eligible_of = Map[tuple[ClassId, AccountId], U32](default=0)
    """How many of these an operator has."""
    eligible_operators = Map[ClassId, U32](hasher=Identity, default=0)
    """How many operators have one."""
    arrivals = Value[U64](default=0)
    """How many times a worker has become eligible, for any class."""

    def genesis(self, rewards: Balance = 0) -> None:
        """`rewards` is what the pot of rewards starts with; whoever wants more in it sends it there."""
        self.classes[EVERYONE] = WorkerClass(ANY, 1)
        self.currency.mint_into(POT, self.currency.existential_deposit)
        self.currency.mint_into(REWARDS, self.currency.existential_deposit + rewards)

    def integrity_test(self) -> None:
        if not (0 < self.min_stake <= self.max_counted_stake and self.max_load and self.max_due):
            raise ValueError(
                "Workers: min_stake, max_load, max_due are above zero, max_counted_stake at least min_stake"
            )
        if not self.heartbeat_interval < self.heartbeat_window > GAP:
            raise ValueError(f"Workers: heartbeat_window must be longer than heartbeat_interval and than {GAP} ms")
        if not (self.challenge_interval > 1 and self.max_classes and self.reference_speed):
            raise ValueError("Workers: challenge_interval is above one, max_classes and reference_speed above zero")

    # Calls

    @call(0, weight=Weight(VERIFICATION_REF_TIME + 400_000_000, 90_000))
    def register(self, who: Signed, info: WorkerInfo, quote: Quote, stake: Compact[Balance]) -> None:
        """Begin to serve: bind the worker's key to the enclave that the quote speaks of, and stake on it.

        The signer is the operator that `info` names. The stake is held until the worker has left.
        """
        known = self.worker.get(info.worker_key)
        if known is not None and known.state is not WorkerState.Left:
            raise self.AlreadyRegistered
        if info.operator != who:
            raise self.NotOperator
        if stake < self.min_stake:
            raise self.StakeTooLow
        if len(info.endpoint) > MAX_ENDPOINT:
            raise self.EndpointTooLong
        found = self.attestation.attest(info, quote)
        enter_pool(self, who, info.worker_key, stake)
        now = self.timestamp.now
        state, confidence, simulated = WorkerState.Registered, found.confidence, found.simulated
        record = Worker(info, stake, state, confidence, simulated, now, now, found.block, 0)
        if known is not None:
            record.registered_at, record.speed, record.speed_at = known.registered_at, known.speed, known.speed_at
            record.kept, record.missed, record.slashed = known.kept, known.missed, known.slashed
        count_change(self.in_state, known.state if known is not None else None, state)
        self.deposit(self.Registered(info.worker_key, who, found.confidence, found.simulated))
        note_life(self, info.worker_key, record)

    @call(1, weight=Weight(VERIFICATION_REF_TIME + 300_000_000, 90_000))
    def reattest(self, who: Signed, info: WorkerInfo, quote: Quote) -> None:
        """Renew the attestation of a worker, whose info may change but for key and operator."""
        record = self._operated(who, info.worker_key)
        if info.operator != who:
            raise self.NotOperator
        if record.state in LEAVING:
            raise self.NotServing
        if len(info.endpoint) > MAX_ENDPOINT:
            raise self.EndpointTooLong
        found = self.attestation.attest(info, quote)
        record.info, record.confidence, record.simulated = info, found.confidence, found.simulated
        match(self, info.worker_key, record)
        record.heartbeat_block = max(record.heartbeat_block, found.block)
        note_life(self, info.worker_key, record)

    def validate_heartbeat(self, worker: bytes, number: int, hash: bytes, signature: bytes) -> ValidTransaction:
        """Admits a heartbeat: one a worker in the pool, the newest."""
        with _refusing(self.BadSignature):
            check_heartbeat(self, worker, number, hash, signature)
        return _newest(number, HEARTBEAT_TAG + worker)

    @call(2, weight=Weight(SIGNATURE_REF_TIME + 200_000_000, 12_000), validate=validate_heartbeat)
    def heartbeat(
        self, none: NoneOrigin, worker: WorkerKey, number: BlockNumber, hash: H256, signature: Bytes64
    ) -> None:
        """Show that the worker lives: its signature over a recent block, later than that of the last heartbeat.

        A bare transaction that anyone may submit.
        """
        record = check_heartbeat(self, worker, number, hash, signature)
        record.heartbeat_block = number
        if record.challenged:
            pay_answer(self, record)
        note_life(self, worker, record)

    @call(3, weight=Weight(200_000_000, 8_000))
    def bond_more(self, who: Signed, worker: WorkerKey, amount: Compact[Balance]) -> None:
        """Stake more on a worker."""
        record = self._operated(who, worker)
        if record.state in LEAVING:
            raise self.NotServing
        bond(self, who, worker, amount)
        record.stake += amount
        self.worker[worker] = record
        self.deposit(self.Bonded(worker, amount))

    @call(4, weight=Weight(200_000_000, 12_000))
    def exit(self, who: Signed, worker: WorkerKey) -> None:
        """Leave: the worker is given no more jobs, and its stake is free after `Unbonding`."""
        record = self._operated(who, worker)
        if record.state in LEAVING:
            raise self.NotServing
        forget(self, worker, record)
        record.due = leave_pool(self, who, worker)
        self.enter(worker, record, WorkerState.CoolingDown)

    @call(5, weight=Weight(200_000_000, 8_000))
    def withdraw(self, who: Signed, worker: WorkerKey) -> None:
        """Release the stake of a worker that has cooled down, unless a slash is open against its operator."""
        record = self._operated(who, worker)
        if record.state is not WorkerState.CoolingDown:
            raise self.NotLeaving
        if record.load or self.timestamp.now < record.due:
            raise self.StillCoolingDown
        self.deposit(self.Withdrawn(worker, release_stake(self, who, worker)))
        record.stake = 0
        self.enter(worker, record, WorkerState.Left)

    @call(6, weight=Weight(300_000_000, 15_000))
    def delegate(self, who: Signed, operator: AccountId, amount: Compact[Balance]) -> None:
        """Stake on an operator's workers: earn with them, and be slashed with them after their operator."""
        delegate(self, who, operator, amount)

    @call(7, weight=Weight(300_000_000, 15_000))
    def undelegate(self, who: Signed, operator: AccountId, amount: Compact[Balance]) -> None:
        """Take out a delegation, or a part of it: it is free, and earns no more, after `Unbonding`.

        At most what is bonded is taken out; what was bonded last goes first.
        """
        undelegate(self, who, operator, amount)

    def validate_report_benchmark(
        self, worker: bytes, work: int, elapsed: int, number: int, hash: bytes, signature: bytes
    ) -> ValidTransaction:
        """Admits a report: one a worker in the pool, the newest."""
        with _refusing(self.BadSignature):
            check_benchmark(self, worker, work, elapsed, number, hash, signature)
        return _newest(number, BENCHMARK_TAG + worker)

    @call(8, weight=Weight(SIGNATURE_REF_TIME + 200_000_000, 8_000), validate=validate_report_benchmark)
    def report_benchmark(
        self,
        none: NoneOrigin,
        worker: WorkerKey,
        work: U64,
        elapsed: U32,
        number: BlockNumber,
        hash: H256,
        signature: Bytes64,
    ) -> None:
        """Report how fast a worker is: `work` units of gas in `elapsed` milliseconds of its enclave's own clock.

        Taken once an attestation, and once an hour. A bare transaction that anyone may submit.
        """
        record = check_benchmark(self, worker, work, elapsed, number, hash, signature)
        record.speed, record.speed_at = speed_of(work, elapsed, self.reference_speed), self.timestamp.now
        self.worker[worker] = record
        self.deposit(self.Benchmarked(worker, record.speed))

    @call(10, weight=Weight(300_000_000, 15_000))
    def withdraw_delegation(self, who: Signed, operator: AccountId, delegator: AccountId) -> None:
        """Release to a delegator what it has taken out, and is free by now; anyone may, so that pools don't silt up."""
        withdraw_delegation(self, operator, delegator)

    @call(11, weight=Weight(150_000_000, 6_000))
    def set_commission(self, who: Signed, commission: U32) -> None:
        """Set what the signer, an operator, keeps of its delegators' part of the pay, in millionths.

        A higher one is taken only after `Unbonding`, so that delegators can leave before.
        """
        set_commission(self, who, commission)

    @call(12, weight=Weight(300_000_000, 15_000))
    def claim_rewards(self, who: Signed, operator: AccountId) -> None:
        """Pay out what the signer has earned with stake: by a delegation to this operator, and all else it is owed."""
        claim_rewards(self, who, operator)

    # What other pallets may ask

    def earn(self, operator: bytes, amount: int, source: bytes) -> int:
        """Splits an operator's pay: moves its delegators' part out of the account `source`, answers the operator's."""
        return earn(self, operator, amount, source)

    def reward(self, operator: bytes, amount: int, source: bytes) -> None:
        """Pays an operator and its delegators out of the account `source`; all of it is claimed by `claim_rewards`."""
        reward(self, operator, amount, source)

    def notice_silence(self, mix: bytes) -> int:
        """Once a block, when its time and randomness are known: challenges workers, notes who didn't answer.

        Answers how many entries were due.
        """
        return notice(self, mix)

    def next_due(self) -> int | None:
        """When the next worker is challenged or found silent, in milliseconds."""
        return first_due(self.silence)

    def operators_besides(self, who: bytes, class_id: int) -> int:
        """How many other operators have an eligible worker in a class."""
        return self.eligible_operators[class_id] - (1 if self.eligible_of[class_id, who] else 0)

    def open_class(self, requirements: Requirements, staff: Staff | None = None) -> int:
        """The class of these requirements and enclaves (any unless told otherwise), open until `close_class`.

        It fills as its workers beat. Raises `TooManyClasses`, `BadRequirements`.
        """
        return open_class(self, requirements, staff or anybody())

    def class_of(self, id: int) -> WorkerClass:
        """What a class that is open asks for."""
        return self.classes[id]

    def close_class(self, id: int) -> None:
        """Takes back an `open_class`; without users and jobs a class goes."""
        close_class(self, id)

    def hold_class(self, id: int) -> None:
        """Lets a job hold an open class until `free_class`; for want of room it may go before."""
        hold_class(self, id)

    def free_class(self, id: int) -> None:
        """Takes back a `hold_class`."""
        free_class(self, id)

    def has_class(self, id: int) -> bool:
        """Whether workers are still drawn of a class."""
        return id == EVERYONE or id in self.classes

    def rematch(self, worker: bytes) -> None:
        """Finds the classes that a worker fits anew, where what is known of its enclave has changed."""
        record = self.worker.get(worker)
        if record is not None and record.state not in LEAVING:
            match(self, worker, record)
            self.worker[worker] = record

    def draw(self, seed: bytes, class_id: int, *, operators: Collection[bytes], rather_not: Collection[bytes]) -> Draw:
        """A worker by weighted chance: none of these operators'; of `rather_not` only after half the tries."""
        return draw(self, seed, class_id, operators=operators, rather_not=rather_not)

    def assign(self, worker: bytes) -> None:
        """Gives a worker one more job."""
        record = self.worker[worker]
        record.load += 1
        self.enter(worker, record, WorkerState.Working)

    def finish(self, worker: bytes, *, kept: bool | None) -> None:
        """Takes a job from a worker, which has kept it or missed it, or neither where `kept` is none."""
        record = self.worker[worker]
        record.load -= 1
        record.kept += kept is True
        record.missed += kept is False
        idle = record.state is WorkerState.Working and not record.load
        self.enter(worker, record, WorkerState.Idle if idle else record.state)

    def enter(self, worker: bytes, record: Worker, state: WorkerState) -> None:
        """Puts a worker into a state and writes it; the lists of the eligible follow."""
        if state is not record.state:
            self.deposit(self.StateChanged(worker, record.state, state))
            count_change(self.in_state, record.state, state)
            record.state = state
        self.worker[worker] = record
        fits = state in SERVING and record.load < self.max_load
        if fits is not is_listed(self, worker):
            (enlist if fits else delist)(self, worker, record)

    # Inside

    def _operated(self, who: bytes, worker: bytes) -> Worker:
        record = self.worker[worker]
        if record.info.operator != who:
            raise self.NotOperator
        return record


def _newest(number: int, tag: bytes) -> ValidTransaction:
    return ValidTransaction(HEARTBEAT_PRIORITY + number, [], [tag], HEARTBEAT_LONGEVITY, True)


@contextmanager
def _refusing(bad_signature: type[Error]) -> Iterator[None]:
    """What keeps a bare transaction out of a block, as the pool answers it."""
    try:
        yield
    except bad_signature:
        raise BadProof from None
    except Error as error:
        raise refusal(error) from None
