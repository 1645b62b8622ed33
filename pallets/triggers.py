"""Triggers: jobs that the chain submits for an account whenever an event of its own happens.

## Overview

A trigger is an order for jobs (`job_orders`) with the event that it waits for: pallet and event by their indices, and,
if wanted, what one of its fields must be. When a block is closed its events are looked through; each that a trigger
waits for is written down, with the block and its place there, and has its run in one of the next blocks, on an input
that says all that (`primitives.trigger_input`). What is written down is state like any other: a restart, a branch that
wins, travel in time change nothing of it. So each event has one run of each trigger that waits for it.

Bounds that no event gets past:

| | |
| --- | --- |
| between two runs of a trigger | its `interval`, at least `MinInterval`; events wait that long |
| events that wait for a trigger's run | `MaxWaiting`; one more is missed, as are all later ones of its block |
| an event's SCALE | `MAX_EVENT` bytes; a longer one is missed, too |
| runs of a trigger | as many as it was given, and as its owner can pay |
| runs in a block | `MaxDue`, of all triggers, the rest in the next |

So triggers that wait for what their own jobs do go on at their interval until their runs are over, and no faster.
Events of this pallet cause nothing.

## Cost

A block in which no event is waited for costs one look at the number of triggers; where there are any, one look for each
kind of event in the block. Triggers that wait for other events are never looked at. However many events a block has, it
writes down no more than `MaxOfKind` times `MaxWaiting` of a kind.

## Out of scope

What becomes of the jobs: `pallets.jobs`. Events of other chains.
"""

from __future__ import annotations

from typing import Annotated, Any

from pallets.calendar import carry_out, due, first_due
from pallets.frame import (
    U8,
    U32,
    U64,
    AccountId,
    Balance,
    Bound,
    Compact,
    Const,
    DispatchError,
    DoubleMap,
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
from pallets.primitives.annotations import struct_fields
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import Identity
from pallets.primitives.job import InlineInput, JobId, Mode
from pallets.primitives.trigger_input import MAX_EVENT, MAX_PATH, TriggerEvent, trigger_input
from pallets.system.pallet import System
from pallets.timestamp import Timestamp

MAX_VALUE = 256
MATCH_WEIGHT = Weight(200_000_000, 8_000)
"""Of an event that is waited for, and of a kind of event that a trigger is looked for."""

TriggerId = U64
EventKind = tuple[U8, U8]
"""Indices of a pallet and of its event."""


@struct
class Condition:
    """What a field of an event must be."""

    field: U8
    """Its place in the event, from 0."""
    value: Annotated[bytes, Bound(MAX_VALUE)]
    """SCALE of what it must be."""


@struct
class Trigger:
    """A trigger's record."""

    owner: AccountId
    terms: Terms
    """What its runs submit, but for the input."""
    path: Annotated[bytes, Bound(MAX_PATH)]
    pallet: U8
    event: U8
    condition: Condition | None
    interval: U64
    """Milliseconds from one run to the next, at least."""
    left: U32
    """Runs that are still to come."""
    deposit: Balance
    next: Moment = 0
    """Before this there is no run."""
    first_waiting: U64 = 0
    next_waiting: U64 = 0
    """Numbers of the events that wait: the oldest, and the next one to come."""
    skips: U8 = 0
    """Runs in a row that were skipped."""

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return self.next_waiting - self.first_waiting


RECORD = codec_of(Trigger)
FIELDS: dict[type[Event], list[tuple[str, Any]]] = {}
"""Names and types of the fields of events that were looked at: to find them out takes longer than to look."""


class Triggers(Pallet):
    """Jobs that the chain submits for an account whenever an event of its own happens."""

    system: System
    timestamp: Timestamp
    currency: Currency
    jobs: Jobs
    min_interval: Const[U64]
    """The shortest time from one run of a trigger to the next, in milliseconds."""
    max_interval: Const[U64]
    """The longest, in milliseconds."""
    max_triggers: Const[U32]
    """How many triggers an account may have."""
    max_of_kind: Const[U32]
    """How many triggers wait for events of one kind."""
    max_waiting: Const[U32]
    """How many events wait for a trigger's runs."""
    max_due: Const[U32]
    """How many runs a block does."""
    run_fee: Const[Balance]
    """What each replica of a run costs its owner beside the job."""
    deposit_base: Const[Balance]
    """What is held for a trigger, whatever its size."""
    deposit_byte: Const[Balance]
    """What is held for each byte of a trigger's record."""

    class TriggerSet(Event):
        """An account's jobs will be submitted whenever this event happens."""

        trigger: TriggerId
        agent: U64
        who: AccountId
        pallet: U8
        event: U8

    class Ran(Event):
        """A trigger's job was submitted, for the event at this place of this block."""

        trigger: TriggerId
        job: JobId
        block: U32
        place: U32

    class RunSkipped(Event):
        """A trigger's job couldn't be submitted, for this reason."""

        trigger: TriggerId
        block: U32
        place: U32
        error: DispatchErrorType

    class Missed(Event):
        """An event that a trigger waits for has no run: it is too long, or too many wait already.

        Where too many wait, none that follow in the block have one either.
        """

        trigger: TriggerId
        block: U32
        place: U32

    class Ended(Event):
        """A trigger is no more, its deposit free."""

        trigger: TriggerId
        reason: EndReason

    class Abandoned(Event):
        """A trigger runs no more, since for this reason it couldn't be ended; its owner may `remove` it."""

        trigger: TriggerId
        error: DispatchErrorType

    class UnknownTrigger(Error):
        """No trigger has this number."""

    class NotOwner(Error):
        """The trigger is somebody else's."""

    class NoRuns(Error):
        """A trigger has at least one run."""

    class UnknownEvent(Error):
        """No pallet has an event of these indices, or it is one of this pallet's."""

    class UnknownField(Error):
        """The event has no field at this place."""

    class BadInterval(Error):
        """The interval of a trigger is between `MinInterval` and `MaxInterval`."""

    class BadPath(Error):
        """A path is UTF-8 and begins with a slash."""

    class TooManyTriggers(Error):
        """The account has as many triggers as it may have: take one back first."""

    class TooManyOfKind(Error):
        """As many triggers wait for events of this kind as may."""

    class HoldReason(Reasons):
        """What is held here."""

        Trigger = 0
        """For what is stored."""

    next_trigger = Value[TriggerId](default=0)
    """The number of the next trigger."""
    trigger_of = Map[TriggerId, Trigger](missing=UnknownTrigger, name="Trigger")
    """All triggers that have not ended."""
    total = Value[U32](default=0)
    """How many there are."""
    by_event = DoubleMap[EventKind, DueKey, None](hashers=(Identity, Identity))
    """Which triggers wait for events of a kind."""
    waiting = DoubleMap[TriggerId, DueKey, TriggerEvent](hashers=(Identity, Identity))
    """Events that wait for a trigger's runs, the oldest first."""
    runs = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """When which trigger, of those for which events wait, runs next."""
    count_of = Map[AccountId, U32](default=0)
    """How many triggers each account has."""

    def integrity_test(self) -> None:
        bounds = self.max_triggers, self.max_of_kind, self.max_waiting, self.max_due
        if not (0 < self.min_interval <= self.max_interval and all(bounds)):
            raise ValueError("Triggers: all bounds must be above zero, max_interval no less than min_interval")

    def on_randomness(self, mix: bytes) -> None:
        """Submits the jobs that are due, when the block's time is known and none of its transactions has run."""
        fallen = due(self.runs, self.timestamp.now, self.max_due)
        for entry in fallen:
            carry_out(self.runtime, self.runs, entry, self._run, self._give_up)
        self.system.register_weight(RUN_WEIGHT * len(fallen))

    def on_finalize(self, number: int) -> None:
        """Writes down which of the block's events are waited for."""
        if not self.total:
            return
        places: dict[type[Event], list[int]] = {}
        for place, event in enumerate(self.runtime.events):
            places.setdefault(type(event), []).append(place)
        noted = 0
        for of_kind in places.values():
            fields: dict[tuple[int, int], bytes] = {}
            for trigger in self._waiting_for(self.runtime.events[of_kind[0]]):
                noted += self._note(number, trigger, of_kind, fields)
        self.system.register_weight(MATCH_WEIGHT * (len(places) + noted))

    # Calls

    @call(0, weight=ORDER_WEIGHT)
    def set_trigger(
        self,
        who: Signed,
        agent: U64,
        path: Annotated[bytes, Bound(MAX_PATH)],
        mode: Mode,
        replicas: U8,
        max_fee: Compact[Balance],
        deadline: U64,
        callback: bytes | None,
        pallet: U8,
        event: U8,
        condition: Condition | None,
        interval: U64,
        count: U32,
    ) -> None:
        """Have a job submitted for the signer whenever this event happens, `count` times in all.

        The job's input is a request to `path` with the event in its body; the other arguments of `Jobs.submit` are as
        there. Refused where that would be refused now, with its error. A deposit is held for what is stored; the fee of
        each job when it is submitted.
        """
        if not count:
            raise self.NoRuns
        if not self.min_interval <= interval <= self.max_interval:
            raise self.BadInterval
        self._check_event(pallet, event, condition)
        text = self._path(path)
        if self.count_of[who] >= self.max_triggers:
            raise self.TooManyTriggers
        if sum(1 for _ in self.by_event.prefix((pallet, event))) >= self.max_of_kind:
            raise self.TooManyOfKind
        sample = trigger_input(0, text, TriggerEvent(0, 0, b""))
        terms = Terms(agent, InlineInput(sample), mode, replicas, max_fee, deadline, callback)
        try_order(self, who, terms)
        terms.input = InlineInput(b"")
        record = Trigger(who, terms, path, pallet, event, condition, interval, count, 0)
        record.deposit = deposit_for(self, len(RECORD.encode(record)))
        self.currency.hold(self.HoldReason.Trigger, who, record.deposit, keep_alive=True)
        id = self.next_trigger
        self.next_trigger = id + 1
        self.total += 1
        self.count_of[who] += 1
        self.trigger_of[id] = record
        self.by_event[(pallet, event), id] = None
        self.deposit(self.TriggerSet(id, agent, who, pallet, event))

    @call(1, weight=Weight(350_000_000, 12_000))
    def remove(self, who: Signed, trigger: TriggerId) -> None:
        """Take a trigger back, with the events that wait for its runs; jobs that it has submitted go on."""
        record = self.trigger_of[trigger]
        if record.owner != who:
            raise self.NotOwner
        self._end(trigger, record, EndReason.Cancelled)

    # What others may ask

    def next_due(self) -> int | None:
        """When the next run is due, in milliseconds."""
        return first_due(self.runs)

    # Inside

    def _give_up(self, id: int, error: DispatchError) -> None:
        self.deposit(self.Abandoned(id, error))

    def _check_event(self, pallet: int, event: int, condition: Condition | None) -> None:
        owner = self.runtime.by_index.get(pallet)
        kind = None if owner is None else next((each for each in owner.events if each.index == event), None)
        if owner is None or owner is self or kind is None:
            raise self.UnknownEvent
        if condition is not None and condition.field >= len(_fields(kind, type(owner))):
            raise self.UnknownField

    def _path(self, path: bytes) -> str:
        try:
            text = path.decode()
        except UnicodeDecodeError:
            raise self.BadPath from None
        if not text.startswith("/"):
            raise self.BadPath
        return text

    def _waiting_for(self, event: Event) -> list[int]:
        """The triggers that wait for events of the kind of this one."""
        pallet, kind = self.runtime.encode_event(event)[:2]
        return [id for id, _ in self.by_event.prefix((pallet, kind))]

    def _note(self, block: int, id: int, places: list[int], fields: dict[tuple[int, int], bytes]) -> int:
        """Writes down which of the events at these places wait for a trigger's run; how many it has looked into.

        `fields` are what is encoded already, by place and field.
        """
        record, noted = self.trigger_of[id], 0
        for place in places:
            event = self.runtime.events[place]
            if not self._holds(record, event, place, fields):
                continue
            noted += 1
            if record.waiting >= self.max_waiting:
                self.deposit(self.Missed(id, block, place))
                break
            encoded = self.runtime.encode_event(event)
            if len(encoded) > MAX_EVENT:
                self.deposit(self.Missed(id, block, place))
                continue
            if not record.waiting:
                record.next = max(record.next, self.timestamp.now)
                self.runs[record.next, id] = None
            self.waiting[id, record.next_waiting] = TriggerEvent(block, place, encoded)
            record.next_waiting += 1
        self.trigger_of[id] = record
        return noted

    def _holds(self, record: Trigger, event: Event, place: int, fields: dict[tuple[int, int], bytes]) -> bool:
        """Whether a field is what the trigger wants it to be."""
        condition = record.condition
        if condition is None:
            return True
        found = fields.get((place, condition.field))
        if found is None:
            owner = type(self.runtime.by_index[record.pallet])
            name, annotation = _fields(type(event), owner)[condition.field]
            found = self.runtime.codecs.of(annotation, vars(owner)).encode(getattr(event, name))
            fields[place, condition.field] = found
        return found == condition.value

    def _run(self, when: int, id: int) -> None:
        del self.runs[when, id]
        record, now = self.trigger_of[id], self.timestamp.now
        found = self.waiting[id, record.first_waiting]
        del self.waiting[id, record.first_waiting]
        record.first_waiting += 1
        input = InlineInput(trigger_input(id, record.path.decode(), found))
        done = run_order(self, record.owner, record.terms, input)
        if isinstance(done, DispatchError):
            record.skips += 1
            self.deposit(self.RunSkipped(id, found.block, found.place, done))
        else:
            record.skips = 0
            self.deposit(self.Ran(id, done, found.block, found.place))
        record.left -= 1
        record.next = now + record.interval
        if record.waiting:
            self.runs[record.next, id] = None
        if not record.left or record.skips == MAX_SKIPS:
            self._end(id, record, EndReason.Skipped if record.skips == MAX_SKIPS else EndReason.Done)
            return
        self.trigger_of[id] = record

    def _end(self, id: int, record: Trigger, reason: EndReason) -> None:
        del self.runs[record.next, id]
        for number in range(record.first_waiting, record.next_waiting):
            del self.waiting[id, number]
        del self.by_event[(record.pallet, record.event), id]
        del self.trigger_of[id]
        self.total -= 1
        count_down(self.count_of, record.owner)
        self.currency.release(self.HoldReason.Trigger, record.owner, record.deposit)
        self.deposit(self.Ended(id, reason))


def _fields(kind: type[Event], owner: type[Pallet]) -> list[tuple[str, Any]]:
    """Names and types of an event's fields; `owner` has the names that these use."""
    found = FIELDS.get(kind)
    if found is None:
        found = FIELDS[kind] = struct_fields(kind, vars(owner))
    return found
