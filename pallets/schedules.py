"""Schedules: jobs that the chain submits for an account, later, or again and again.

## Overview

A schedule is an order for jobs (`job_orders`) with the time of its first run, an interval and a number of runs. When a
run is due the chain submits the job as the owner.

Runs are due in a calendar, a bounded number a block, the rest in the next. What fell due while the chain stood still is
not made up for: one run takes place, and the next at the first of the schedule's times that lies ahead.

A run is the first thing that a block does, so a schedule ends without anybody's transaction.

## Out of scope

What becomes of the jobs: `pallets.jobs`. Calls of other pallets at a set time, as `pallet_scheduler` has them.
"""

from __future__ import annotations

from pallets.calendar import carry_out, due, first_due
from pallets.frame import (
    U8,
    U32,
    U64,
    AccountId,
    Balance,
    Compact,
    Const,
    DispatchError,
    DueKey,
    Error,
    Event,
    Map,
    Moment,
    Pallet,
    Reasons,
    Signed,
    Value,
    Weight,
    call,
    struct,
)
from pallets.frame.runtime import DispatchErrorType
from pallets.fungible import Currency
from pallets.job_orders import (
    MAX_SKIPS,
    ORDER_WEIGHT,
    RUN_WEIGHT,
    EndReason,
    Terms,
    count_down,
    deposit_for,
    run_order,
    try_order,
)
from pallets.jobs.pallet import Jobs
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import Identity
from pallets.primitives.job import Input, JobId, Mode
from pallets.system.pallet import System
from pallets.timestamp import Timestamp

ScheduleId = U64


@struct
class Schedule:
    """A schedule's record."""

    owner: AccountId
    terms: Terms
    next: Moment
    """When the next run is due."""
    interval: U64
    """Milliseconds from one run to the next."""
    left: U32
    """Runs that are still to come."""
    deposit: Balance
    skips: U8 = 0
    """Runs in a row that were skipped."""


RECORD = codec_of(Schedule)


class Schedules(Pallet):
    """Jobs that the chain submits for an account, later, or again and again."""

    system: System
    timestamp: Timestamp
    currency: Currency
    jobs: Jobs
    min_interval: Const[U64]
    """The shortest time from one run to the next, in milliseconds."""
    max_ahead: Const[U64]
    """The longest time to the first run, and from one run to the next, in milliseconds."""
    max_schedules: Const[U32]
    """How many schedules an account may have."""
    max_due: Const[U32]
    """How many runs a block does."""
    run_fee: Const[Balance]
    """What each replica of a run costs its owner beside the job."""
    deposit_base: Const[Balance]
    """What is held for a schedule, whatever its size."""
    deposit_byte: Const[Balance]
    """What is held for each byte of a schedule's record."""

    class Scheduled(Event):
        """An account's jobs will be submitted from this moment on."""

        schedule: ScheduleId
        agent: U64
        who: AccountId
        first: Moment

    class Ran(Event):
        """A schedule's job was submitted."""

        schedule: ScheduleId
        job: JobId

    class RunSkipped(Event):
        """A schedule's job couldn't be submitted, for this reason."""

        schedule: ScheduleId
        error: DispatchErrorType

    class Ended(Event):
        """A schedule is no more, its deposit free."""

        schedule: ScheduleId
        reason: EndReason

    class Abandoned(Event):
        """A schedule runs no more, since for this reason it couldn't be ended; its owner may `unschedule` it."""

        schedule: ScheduleId
        error: DispatchErrorType

    class UnknownSchedule(Error):
        """No schedule has this number."""

    class NotOwner(Error):
        """The schedule is somebody else's."""

    class NoRuns(Error):
        """A schedule has at least one run."""

    class FirstInThePast(Error):
        """The first run must be later than the current block's time."""

    class TooFarAhead(Error):
        """The first run, or the interval, is longer than `MaxAhead`."""

    class IntervalTooShort(Error):
        """The interval of a schedule of more than one run is shorter than `MinInterval`."""

    class TooManySchedules(Error):
        """The account has as many schedules as it may have: take one back first."""

    class HoldReason(Reasons):
        """What is held here."""

        Schedule = 0
        """For what is stored."""

    next_schedule = Value[ScheduleId](default=0)
    """The number of the next schedule."""
    schedule_of = Map[ScheduleId, Schedule](missing=UnknownSchedule, name="Schedule")
    """All schedules that have not ended."""
    runs = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """When which schedule runs next."""
    count_of = Map[AccountId, U32](default=0)
    """How many schedules each account has."""

    def integrity_test(self) -> None:
        if not (0 < self.min_interval <= self.max_ahead and self.max_schedules and self.max_due):
            raise ValueError("Schedules: min_interval, max_schedules and max_due must be above zero, max_ahead no less")

    def on_randomness(self, mix: bytes) -> None:
        """Submits the jobs that are due, when the block's time is known and none of its transactions has run."""
        fallen = due(self.runs, self.timestamp.now, self.max_due)
        for entry in fallen:
            carry_out(self.runtime, self.runs, entry, self._run, self._give_up)
        self.system.register_weight(RUN_WEIGHT * len(fallen))

    # Calls

    @call(0, weight=ORDER_WEIGHT)
    def schedule(
        self,
        who: Signed,
        agent: U64,
        input: Input,
        mode: Mode,
        replicas: U8,
        max_fee: Compact[Balance],
        deadline: U64,
        callback: bytes | None,
        first: Moment,
        interval: U64,
        count: U32,
    ) -> None:
        """Have jobs submitted for the signer: at `first`, then every `interval` milliseconds, `count` in all.

        The other arguments are those of `Jobs.submit`. Refused where that would be refused now, with its error. A
        deposit is held for what is stored; the fee of each job when it is submitted.
        """
        now = self.timestamp.now
        if not count:
            raise self.NoRuns
        if first <= now:
            raise self.FirstInThePast
        if first - now > self.max_ahead or interval > self.max_ahead:
            raise self.TooFarAhead
        if count > 1 and interval < self.min_interval:
            raise self.IntervalTooShort
        if self.count_of[who] >= self.max_schedules:
            raise self.TooManySchedules
        terms = Terms(agent, input, mode, replicas, max_fee, deadline, callback)
        try_order(self, who, terms)
        record = Schedule(who, terms, first, interval, count, 0)
        record.deposit = deposit_for(self, len(RECORD.encode(record)))
        self.currency.hold(self.HoldReason.Schedule, who, record.deposit, keep_alive=True)
        id = self.next_schedule
        self.next_schedule = id + 1
        self.count_of[who] += 1
        self.schedule_of[id] = record
        self.runs[first, id] = None
        self.deposit(self.Scheduled(id, agent, who, first))

    @call(1, weight=Weight(350_000_000, 12_000))
    def unschedule(self, who: Signed, schedule: ScheduleId) -> None:
        """Take a schedule back; jobs that it has submitted go on."""
        record = self.schedule_of[schedule]
        if record.owner != who:
            raise self.NotOwner
        self._end(schedule, record, EndReason.Cancelled)

    # What others may ask

    def next_due(self) -> int | None:
        """When the next run is due, in milliseconds."""
        return first_due(self.runs)

    # Inside

    def _give_up(self, id: int, error: DispatchError) -> None:
        self.deposit(self.Abandoned(id, error))

    def _run(self, when: int, id: int) -> None:
        del self.runs[when, id]
        record, now = self.schedule_of[id], self.timestamp.now
        done = run_order(self, record.owner, record.terms)
        if isinstance(done, DispatchError):
            record.skips += 1
            self.deposit(self.RunSkipped(id, done))
        else:
            record.skips = 0
            self.deposit(self.Ran(id, done))
        record.left -= 1
        if not record.left or record.skips == MAX_SKIPS:
            self._end(id, record, EndReason.Skipped if record.skips == MAX_SKIPS else EndReason.Done)
            return
        record.next += record.interval * ((now - record.next) // record.interval + 1)
        self.schedule_of[id] = record
        self.runs[record.next, id] = None

    def _end(self, id: int, record: Schedule, reason: EndReason) -> None:
        del self.runs[record.next, id]
        del self.schedule_of[id]
        count_down(self.count_of, record.owner)
        self.currency.release(self.HoldReason.Schedule, record.owner, record.deposit)
        self.deposit(self.Ended(id, reason))
