"""Anchors: an agent's store on the chain, its purse, and the one place where runs of its script write.

## Overview

A job's output may be an envelope with effects (`pallets.primitives.effects`). Once the job is settled, never before,
they are done as one: every condition holds and all is done, or nothing is. A condition is an optimistic lock, the hash
of what the run has read: of two jobs that read and write one key the first one settled wins, and the other is told
(`LockLost`, `Refused`). What is refused undoes nothing of the settlement; the job's callback comes after it.

| action | |
| --- | --- |
| `Pay` | from the agent's purse, within its limits |
| `Call` | in the name of who submitted the job, under a mandate of theirs (`Mandates`) |
| `Send` | to another chain (`Crossings`) |
| `Emit` | an event |

The purse is a keyless account that anyone may fill; the treasury is out of reach. It gives nothing until who governs
the agent sets limits.

What may be done is bounded by weight, `EFFECTS_WEIGHT`, which `Jobs.submit` pays for.

## Usage

`Value` has what an agent keeps, by agent and key, both hashed so that the keys of an agent can be listed by their
prefix. `Stored` counts the bytes of keys and values.

## Out of scope

Outputs that aren't on the chain, because they are large, and those of sealed jobs: nobody reads effects in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pallets.anchors.errors import AnchorErrors
from pallets.anchors.events import AnchorEvents
from pallets.frame import (
    U32,
    U64,
    AccountId,
    Balance,
    Compact,
    Const,
    DispatchError,
    DoubleMap,
    Map,
    Pallet,
    Signed,
    Weight,
    call,
    struct,
)
from pallets.frame.runtime import Call
from pallets.fungible import Currency
from pallets.jobs.terms import EFFECTS_WEIGHT
from pallets.primitives.agent_record import AgentId
from pallets.primitives.effects import Action, CallAction, Effects, Emit, Key, Pay, Send, StoredValue, opened
from pallets.primitives.hashing import Blake2_128Concat, blake2_256
from pallets.primitives.pots import purse
from pallets.primitives.scale import DecodeError
from pallets.system.pallet import System
from pallets.timestamp import Timestamp

BASE_WEIGHT = Weight(150_000_000, 2_000)
CONDITION_WEIGHT = Weight(12_000_000, 200)
UPDATE_WEIGHT = Weight(25_000_000, 400)
PAY_WEIGHT = Weight(250_000_000, 8_000)
CALL_WEIGHT = Weight(150_000_000, 4_000)
"""Of what is around a call, whose own weight is added."""
CALL_BYTE_WEIGHT = Weight(500_000)
"""Of decoding it: a batch has a call in each three bytes."""
SEND_WEIGHT = Weight(400_000_000, 12_000)
EMIT_WEIGHT = Weight(60_000_000)
DAY = 86_400_000
"""Milliseconds."""


class Governors(Protocol):
    """Who knows who governs an agent: `Agents`."""

    def governed(self, who: AccountId, agent: AgentId) -> object:
        """Raises `NotDao` for anybody else, and where there is no such agent."""


class Deputies(Protocol):
    """Who lets agents call for others: `Mandates`."""

    def act(self, who: AccountId, agent: AgentId, job: int, call: Call) -> None:
        """Makes a call in the name of `who`; raises why not."""


class Outboxes(Protocol):
    """Who brings calls to other chains: `Crossings`."""

    def send(self, agent: AgentId, job: int, chain: bytes, call: bytes, spends: int) -> None:
        """Queues a call; raises why not."""


@struct
class Limits:
    """What a purse gives."""

    per_job: Balance = 0
    per_day: Balance = 0


@struct
class Spent:
    """What a purse has given on a day, counted since 1970."""

    day: U64
    amount: Balance


class Anchors(AnchorEvents, AnchorErrors, Pallet):
    """Agents' stores and purses, and what jobs do with them."""

    system: System
    timestamp: Timestamp
    currency: Currency
    agents: Governors
    deputies: Deputies
    outboxes: Callable[[], Outboxes] | None = None
    """None on a chain that sends nothing to others."""
    max_stored: Const[U32]
    """Bytes of the keys and values that an agent keeps."""

    value = DoubleMap[AgentId, Key, StoredValue](hashers=(Blake2_128Concat, Blake2_128Concat))
    """What agents keep."""
    stored = Map[AgentId, U32](default=0)
    """Bytes of the keys and values of each."""
    limits = Map[AgentId, Limits](default=Limits)
    """What agents' purses give; one that isn't here gives nothing."""
    spent = Map[AgentId, Spent]()
    """What each purse has given on the last day on which it gave anything."""

    # Calls

    @call(0, weight=Weight(250_000_000, 7_000))
    def fill(self, who: Signed, agent: AgentId, amount: Compact[Balance]) -> None:
        """Give to an agent's purse."""
        self.currency.transfer(who, purse(agent), amount, keep_alive=True)
        self.deposit(self.Filled(agent, who, amount))

    @call(1, weight=Weight(200_000_000, 5_000))
    def set_limits(self, who: Signed, agent: AgentId, per_job: Compact[Balance], per_day: Compact[Balance]) -> None:
        """Say how much an agent's purse gives to a job and in a day, from now on; for who governs the agent."""
        self.agents.governed(who, agent)
        if per_job and per_day:
            self.limits[agent] = Limits(per_job, per_day)
        else:
            del self.limits[agent]
        self.deposit(self.LimitsSet(agent, per_job, per_day))

    # What `Jobs` asks: `RunEffects`

    def apply(self, agent: int, job: int, submitter: bytes, output: bytes) -> None:
        """Does what an output holds beside itself, and says by an event how that went."""
        lost: bytes | None = None
        try:
            envelope = opened(output)
            if envelope is None:
                return
            effects, _ = envelope
            if effects.changes_nothing:
                return
            reading = _reading_weight(effects)
            self._weigh(reading, Weight())
            calls = self._calls(effects)
            self._weigh(_weight(effects, calls), reading)
            lost = self._lost(agent, effects)
            if lost is not None:
                raise self.Conflict
            with self.runtime.transactional():
                self._write(agent, effects)
                self._act(agent, job, submitter, effects.actions, calls)
        except DecodeError:
            self.deposit(self.Refused(agent, job, self.Malformed()))
        except DispatchError as error:
            if lost is not None:
                self.deposit(self.LockLost(agent, job, lost))
            self.deposit(self.Refused(agent, job, error))
        else:
            self.deposit(self.Applied(agent, job, len(effects.updates), len(effects.actions)))

    # Inside

    def _weigh(self, weight: Weight, before: Weight) -> None:
        """Counts what follows; raises where that is too much with what was counted before."""
        if (before + weight).any_gt(EFFECTS_WEIGHT):
            raise self.TooHeavy
        self.system.register_weight(weight)

    def _calls(self, effects: Effects) -> dict[int, Call]:
        """The calls of the actions that make one, by the action's place."""
        found = {}
        for place, action in enumerate(effects.actions):
            if isinstance(action, CallAction):
                try:
                    found[place] = self.runtime.decode_call(action.call)
                except DecodeError:
                    raise self.BadCall from None
        return found

    def _lost(self, agent: int, effects: Effects) -> bytes | None:
        """The first key whose value isn't what the run has read."""
        found = dict[bytes, bytes | None]()
        for key, hash in ((each.key, each.hash) for each in effects.conditions):
            if key not in found:  # naming one twice costs nothing
                value = self.value.get(agent, key)
                found[key] = None if value is None else blake2_256(value)
            if found[key] != hash:
                return key
        return None

    def _write(self, agent: int, effects: Effects) -> None:
        if not effects.updates:
            return
        stored = self.stored[agent]
        for update in effects.updates:
            before = self.value.get(agent, update.key)
            if before is not None:
                stored -= len(update.key) + len(before)
            if update.value is None:
                del self.value[agent, update.key]
            else:
                stored += len(update.key) + len(update.value)
                self.value[agent, update.key] = update.value
        if stored > self.max_stored:
            raise self.StoreFull
        if stored:
            self.stored[agent] = stored
        else:
            del self.stored[agent]

    def _act(self, agent: int, job: int, submitter: bytes, actions: list[Action], calls: dict[int, Call]) -> None:
        paid = sum(action.amount for action in actions if isinstance(action, Pay))
        if paid:
            self._reckon(agent, paid)
        for place, action in enumerate(actions):
            match action:
                case Pay(to, amount):
                    source = purse(agent)
                    rest = self.currency.free(source) - amount
                    self.currency.transfer(source, to, amount, keep_alive=rest != 0)  # all, or not below the least
                    self.deposit(self.Paid(agent, job, to, amount))
                case CallAction():
                    self.deputies.act(submitter, agent, job, calls[place])
                case Send(chain, encoded, spends):
                    if self.outboxes is None:
                        raise self.NoCrossings
                    self.outboxes().send(agent, job, chain, encoded, spends)
                case Emit(topics, data):
                    self.deposit(self.Emitted(agent, job, topics, data))

    def _reckon(self, agent: int, paid: int) -> None:
        """Counts what a job pays from its agent's purse."""
        limits, before, day = self.limits[agent], self.spent.get(agent), self.timestamp.now // DAY
        today = paid + (before.amount if before is not None and before.day == day else 0)
        if paid > limits.per_job:
            raise self.OverJobLimit
        if today > limits.per_day:
            raise self.OverDayLimit
        self.spent[agent] = Spent(day, today)


def _reading_weight(effects: Effects) -> Weight:
    """What it costs to look at effects, their calls included."""
    return BASE_WEIGHT + CALL_BYTE_WEIGHT * sum(
        len(action.call) for action in effects.actions if isinstance(action, CallAction)
    )


def _weight(effects: Effects, calls: dict[int, Call]) -> Weight:
    """The most that doing them costs beyond that, what the actions' calls declare included."""
    weight = CONDITION_WEIGHT * len(effects.conditions) + UPDATE_WEIGHT * len(effects.updates)
    for place, action in enumerate(effects.actions):
        match action:
            case Pay():
                weight = weight + PAY_WEIGHT
            case CallAction():
                weight = weight + CALL_WEIGHT + calls[place].dispatch_info().weight
            case Send():
                weight = weight + SEND_WEIGHT
            case _:
                weight = weight + EMIT_WEIGHT
    return weight
