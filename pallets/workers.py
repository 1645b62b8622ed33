"""The workers: who serves, with what stake, and whether they live.

## Overview

```
register -> Idle <-> Working          drawn from a list of the eligible, O(1) however many there are
              |  heartbeat missing
              v
         Unresponsive                 a heartbeat brings it back
Registered                            attestation found not to hold: attest again, or beat once it holds
exit -> CoolingDown -> withdraw -> Left
```
Eligible are those Idle or Working with room for one more job. A worker is drawn with a chance that grows with stake,
record and confidence, by rejection: a random place of the list, taken with the weight's probability, at most 64
tries. One that turns out to be unattested on the way leaves the list.

Silence is noticed by calendar, at the start of a block, a bounded number a block. What fell due while the chain stood
still for over a minute (`excused_until`) is armed again instead of punished. A chain whose blocks are always over a
minute apart stands still between any two: there no silence is noticed, and no job's attempt or deadline ever ends.

## Refused heartbeats

A bare heartbeat that isn't admitted answers `BadProof` where the signature is wrong, else `Custom`: the index of the
error here, or 128 + the index of an error of `Attestation`.

## Out of scope

Quotes (`pallets.attestation`), jobs (`pallets.jobs`), slashing.
"""

from __future__ import annotations

from typing import NamedTuple

from pallets.attestation import VERIFICATION_REF_TIME, Attestation, refusal
from pallets.calendar import GAP, due, first_due
from pallets.dcap import Quote
from pallets.frame import (
    H256,
    U8,
    U32,
    U64,
    AccountId,
    Balance,
    BlockNumber,
    Bytes64,
    Compact,
    Const,
    CountedMap,
    DispatchError,
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
from pallets.frame.runtime import DispatchErrorType
from pallets.frame.validity import BadProof
from pallets.fungible import Currency
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.hashing import Identity, blake2_256
from pallets.primitives.worker import WorkerInfo, WorkerKey, heartbeat_bytes
from pallets.primitives.worker_record import LEAVING, SERVING, Worker, WorkerState, heaviest
from pallets.system import System
from pallets.timestamp import Timestamp

MAX_TRIES = 64
HEARTBEAT_LONGEVITY = 64
SIGNATURE_REF_TIME = 100_000_000


class Draw(NamedTuple):
    """Whom a draw took, if anyone, and after how many tries."""

    worker: bytes | None
    tries: int


class Workers(Pallet):
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
    """How long a worker may be silent before it isn't drawn any more, in milliseconds.

    Longer than blocks can be apart without the chain being taken to have stood still: one heartbeat a block will do.
    """
    cool_down: Const[Moment]
    """How long a leaving worker's stake stays held, in milliseconds."""
    max_due: Const[U32]
    """How many silent workers a block takes note of."""

    class Registered(Event):
        """A worker began to serve."""

        worker: WorkerKey
        operator: AccountId
        confidence: U8
        simulated: bool

    class StateChanged(Event):
        """A worker's state changed."""

        worker: WorkerKey
        old: WorkerState
        new: WorkerState

    class Bonded(Event):
        """More was staked on a worker."""

        worker: WorkerKey
        amount: Balance

    class Withdrawn(Event):
        """A worker's stake was released."""

        worker: WorkerKey
        amount: Balance

    class Abandoned(Event):
        """What fell due for a worker couldn't be done, for this reason, and won't be tried again."""

        worker: WorkerKey
        error: DispatchErrorType

    class UnknownWorker(Error):
        """No worker has this key."""

    class AlreadyRegistered(Error):
        """The worker serves or is leaving: `reattest` renews its attestation."""

    class NotOperator(Error):
        """The signer is not the operator that the worker names."""

    class StakeTooLow(Error):
        """The stake is below `MinStake`."""

    class NotServing(Error):
        """The worker is leaving or has left: register again, after `withdraw`."""

    class NotLeaving(Error):
        """The worker's stake is free only after `exit`."""

    class StillCoolingDown(Error):
        """The stake stays held until the cool-down is over and the worker's last job is."""

    class BadSignature(Error):
        """The worker's key didn't sign this heartbeat, for this chain."""

    class UnknownBlock(Error):
        """The heartbeat's hash is not that of a recent block of this number."""

    class StaleHeartbeat(Error):
        """The block is no later than that of the last heartbeat, or older than the window: sign the newest."""

    class TooSoon(Error):
        """The last heartbeat is less than `HeartbeatInterval` ago, and the worker serves."""

    class HoldReason(Reasons):
        """What is held here."""

        Stake = 0
        """What an operator stakes on a worker."""

    worker = Map[WorkerKey, Worker](missing=UnknownWorker)
    """All workers, also those that have left: leaving resets no record."""
    silence = Map[tuple[DueKey, WorkerKey], None](hasher=Identity)
    """When each worker's silence will be noticed."""
    excused_until = Value[Moment](default=0)
    """What fell due up to here did so while the chain stood still, and is armed again."""
    eligible = CountedMap[U32, WorkerKey](hasher=Identity)
    """The workers that may be drawn, without gaps."""
    place = Map[WorkerKey, U32]()
    """Where in `eligible` a worker is."""
    eligible_of = Map[AccountId, U32](default=0)
    """How many of the eligible workers an operator has."""
    eligible_operators = Value[U32](default=0)
    """How many operators have an eligible worker."""
    arrivals = Value[U64](default=0)
    """How many times a worker has become eligible."""

    def integrity_test(self) -> None:
        if not (0 < self.min_stake <= self.max_counted_stake and self.max_load and self.max_due):
            raise ValueError(
                "Workers: min_stake, max_load, max_due are above zero, max_counted_stake at least min_stake"
            )
        if not self.heartbeat_interval < self.heartbeat_window > GAP:
            raise ValueError(f"Workers: heartbeat_window must be longer than heartbeat_interval and than {GAP} ms")

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
        found = self.attestation.attest(info, quote)
        self.currency.hold(self.HoldReason.Stake, who, stake, keep_alive=True)
        now = self.timestamp.now
        kept, missed = (known.kept, known.missed) if known else (0, 0)
        state, confidence, simulated = WorkerState.Registered, found.confidence, found.simulated
        record = Worker(info, stake, state, confidence, simulated, now, now, found.block, 0, 0, kept, missed)
        self.deposit(self.Registered(info.worker_key, who, found.confidence, found.simulated))
        self._note_life(info.worker_key, record)

    @call(1, weight=Weight(VERIFICATION_REF_TIME + 300_000_000, 90_000))
    def reattest(self, who: Signed, info: WorkerInfo, quote: Quote) -> None:
        """Renew the attestation of a worker, whose info may change but for key and operator."""
        record = self._operated(who, info.worker_key)
        if info.operator != who:
            raise self.NotOperator
        if record.state in LEAVING:
            raise self.NotServing
        found = self.attestation.attest(info, quote)
        record.info, record.confidence, record.simulated = info, found.confidence, found.simulated
        record.heartbeat_block = max(record.heartbeat_block, found.block)
        self._note_life(info.worker_key, record)

    def validate_heartbeat(self, worker: bytes, number: int, hash: bytes, signature: bytes) -> ValidTransaction:
        """Admits a heartbeat: one a worker in the pool, the newest."""
        try:
            self._check_heartbeat(worker, number, hash, signature)
        except self.BadSignature:
            raise BadProof from None
        except Error as error:
            raise refusal(error) from None
        return ValidTransaction(number, [], [b"fathom/heartbeat" + worker], HEARTBEAT_LONGEVITY, True)

    @call(2, weight=Weight(SIGNATURE_REF_TIME + 200_000_000, 12_000), validate=validate_heartbeat)
    def heartbeat(
        self, none: NoneOrigin, worker: WorkerKey, number: BlockNumber, hash: H256, signature: Bytes64
    ) -> None:
        """Show that the worker lives: its signature over a recent block, later than that of the last heartbeat.

        A bare transaction that anyone may submit.
        """
        record = self._check_heartbeat(worker, number, hash, signature)
        record.heartbeat_block = number
        self._note_life(worker, record)

    @call(3, weight=Weight(200_000_000, 8_000))
    def bond_more(self, who: Signed, worker: WorkerKey, amount: Compact[Balance]) -> None:
        """Stake more on a worker."""
        record = self._operated(who, worker)
        if record.state in LEAVING:
            raise self.NotServing
        self.currency.hold(self.HoldReason.Stake, who, amount, keep_alive=True)
        record.stake += amount
        self.worker[worker] = record
        self.deposit(self.Bonded(worker, amount))

    @call(4, weight=Weight(200_000_000, 12_000))
    def exit(self, who: Signed, worker: WorkerKey) -> None:
        """Leave: the worker is given no more jobs, and its stake is free after `CoolDown`."""
        record = self._operated(who, worker)
        if record.state in LEAVING:
            raise self.NotServing
        self._unwatch(worker, record)
        record.due = self.timestamp.now + self.cool_down
        self._enter(worker, record, WorkerState.CoolingDown)

    @call(5, weight=Weight(200_000_000, 8_000))
    def withdraw(self, who: Signed, worker: WorkerKey) -> None:
        """Release the stake of a worker that has cooled down."""
        record = self._operated(who, worker)
        if record.state is not WorkerState.CoolingDown:
            raise self.NotLeaving
        if record.load or self.timestamp.now < record.due:
            raise self.StillCoolingDown
        self.currency.release(self.HoldReason.Stake, who, record.stake)
        self.deposit(self.Withdrawn(worker, record.stake))
        record.stake = 0
        self._enter(worker, record, WorkerState.Left)

    # What other pallets may ask

    def notice_silence(self) -> int:
        """Once a block, when its time is known: notes who has fallen silent; answers how many entries were due."""
        now = self.timestamp.now
        parent = self.attestation.recent_block(self.system.parent_hash)
        if parent is not None and now - parent.moment > GAP:
            self.excused_until = now
        fallen = due(self.silence, now, self.max_due)
        for when, worker in fallen:
            try:
                with self.runtime.transactional():
                    self._fall_silent(when, worker)
            except DispatchError as error:
                del self.silence[when, worker]
                self.deposit(self.Abandoned(worker, error))
        return len(fallen)

    def next_due(self) -> int | None:
        """When the next silence will be noticed, in milliseconds."""
        return first_due(self.silence)

    def operators_besides(self, who: bytes) -> int:
        """How many other operators have an eligible worker."""
        return self.eligible_operators - (1 if self.eligible_of[who] else 0)

    def draw(self, seed: bytes, *, never: bytes, rather_not: list[bytes]) -> Draw:
        """A worker by weighted chance: none of operator `never`; of `rather_not` only after half the tries."""
        limit = heaviest(self.max_counted_stake)
        for turn in range(MAX_TRIES):
            count = len(self.eligible)
            if not count:
                return Draw(None, turn)
            chance = blake2_256(seed + turn.to_bytes(4, "little"))
            worker = self.eligible[int.from_bytes(chance[:16], "little") % count]
            record = self.worker[worker]
            if self.attestation.fault(worker) is not None:
                self._enter(worker, record, WorkerState.Registered)
                continue
            if record.info.operator == never or (worker in rather_not and turn < MAX_TRIES // 2):
                continue
            if int.from_bytes(chance[16:], "little") % limit < record.weight(self.max_counted_stake):
                return Draw(worker, turn + 1)
        return Draw(None, MAX_TRIES)

    def assign(self, worker: bytes) -> None:
        """Gives a worker one more job."""
        record = self.worker[worker]
        record.load += 1
        self._enter(worker, record, WorkerState.Working)

    def finish(self, worker: bytes, *, kept: bool) -> None:
        """Takes a job from a worker, which has kept it or missed it."""
        record = self.worker[worker]
        record.load -= 1
        record.kept += kept
        record.missed += not kept
        idle = record.state is WorkerState.Working and not record.load
        self._enter(worker, record, WorkerState.Idle if idle else record.state)

    # Inside

    def _operated(self, who: bytes, worker: bytes) -> Worker:
        record = self.worker[worker]
        if record.info.operator != who:
            raise self.NotOperator
        return record

    def _check_heartbeat(self, worker: bytes, number: int, hash: bytes, signature: bytes) -> Worker:
        record = self.worker[worker]
        signed = heartbeat_bytes(self.system.block_hash[0], worker, number, hash)
        if not self.runtime.verify(Ed25519(signature), signed, worker):
            raise self.BadSignature
        if record.state in LEAVING:
            raise self.NotServing
        block, now = self.attestation.recent_block(hash), self.timestamp.now
        if block is None or block.number != number:
            raise self.UnknownBlock
        newest = number == self.system.number - 1
        if number <= record.heartbeat_block or not (newest or now - block.moment <= self.heartbeat_window):
            raise self.StaleHeartbeat
        if record.state in SERVING and now < record.last_heartbeat + self.heartbeat_interval:
            raise self.TooSoon
        fault = self.attestation.fault(worker)
        if fault is not None:
            raise fault
        return record

    def _note_life(self, worker: bytes, record: Worker) -> None:
        """The worker lives and is attested: it is watched anew, and may be drawn."""
        record.last_heartbeat = self.timestamp.now
        self._watch(worker, record)
        self._enter(worker, record, WorkerState.Working if record.load else WorkerState.Idle)

    def _fall_silent(self, when: int, worker: bytes) -> None:
        record = self.worker[worker]
        if when <= self.excused_until:
            self._watch(worker, record)
            self.worker[worker] = record
        else:
            del self.silence[when, worker]
            self._enter(worker, record, WorkerState.Unresponsive)

    def _watch(self, worker: bytes, record: Worker) -> None:
        self._unwatch(worker, record)
        record.due = self.timestamp.now + self.heartbeat_window
        self.silence[record.due, worker] = None

    def _unwatch(self, worker: bytes, record: Worker) -> None:
        if (record.due, worker) in self.silence:
            del self.silence[record.due, worker]

    def _enter(self, worker: bytes, record: Worker, state: WorkerState) -> None:
        """Puts a worker into a state and writes it; the list of the eligible follows."""
        if state is not record.state:
            self.deposit(self.StateChanged(worker, record.state, state))
            record.state = state
        self.worker[worker] = record
        fits = state in SERVING and record.load < self.max_load
        if fits and worker not in self.place:
            self._list(worker, record.info.operator)
        elif not fits and worker in self.place:
            self._unlist(worker, record.info.operator)

    def _list(self, worker: bytes, operator: bytes) -> None:
        self.place[worker] = at = len(self.eligible)
        self.eligible[at] = worker
        if not self.eligible_of[operator]:
            self.eligible_operators += 1
        self.eligible_of[operator] += 1
        self.arrivals += 1

    def _unlist(self, worker: bytes, operator: bytes) -> None:
        """Takes a worker out; the last one moves into its place."""
        at, last = self.place[worker], len(self.eligible) - 1
        moved = self.eligible[last]
        self.eligible[at] = moved
        self.place[moved] = at
        del self.eligible[last]
        del self.place[worker]
        left = self.eligible_of[operator] - 1
        if left:
            self.eligible_of[operator] = left
        else:
            del self.eligible_of[operator]
            self.eligible_operators -= 1
