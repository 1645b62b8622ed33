"""What somebody has staked, since when: on a worker of its own, or by delegation to an operator.

## Overview

A `Position` is parts, each with the moment from which it was at stake, and for those that are being taken out the one
from which they are free. So it can be told what was at risk when a fault happened, however much came later, and a
slash takes of that alone. Money that is being taken out was at risk until it was free.

Parts that no fault can tell apart any more are joined, so that a position stays small: those of one fate that were all
at stake before `horizon`, older than which no fault counts. Fewer than `MAX_PARTS` can always be had by waiting, and
taking out all of a position adds none.

## Errors

`TooManyParts`: the change would leave more than `MAX_PARTS`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pallets.primitives.types import U32, U128, Balance, Bound, Moment, struct

MAX_PARTS = 32
MILLION = 1_000_000
INDEX_SCALE = 10**18
"""The reward index counts in this part of the smallest unit."""


class TooManyParts(Exception):
    """The position can't be divided any more before older parts can be joined."""


@struct(path="pallet_workers::Part")
class Part:
    """An amount, at stake since a moment."""

    amount: Balance
    since: Moment
    free_at: Moment | None = None
    """When it may be withdrawn; `None` as long as it is bonded."""

    def at_risk(self, moment: int) -> bool:
        """Whether it was at stake then."""
        return self.since <= moment and (self.free_at is None or moment < self.free_at)


@struct(path="pallet_workers::Position")
class Position:
    """What somebody has staked, oldest first."""

    parts: Annotated[list[Part], Bound(MAX_PARTS)] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All there is, that which is being taken out included."""
        return sum(part.amount for part in self.parts)

    @property
    def bonded(self) -> int:
        """What isn't being taken out."""
        return sum(part.amount for part in self.parts if part.free_at is None)

    def slashable_at(self, moment: int) -> int:
        """What was at stake at a moment, as far as it is there still."""
        return sum(part.amount for part in self.parts if part.at_risk(moment))

    def withdrawable(self, now: int) -> int:
        """What may be taken out now."""
        return sum(part.amount for part in self.parts if part.free_at is not None and part.free_at <= now)

    def add(self, amount: int, now: int, *, horizon: int) -> None:
        """Bonds more. Raises `TooManyParts`."""
        self._replace([*self.parts, Part(amount, now)] if amount else self.parts, horizon)

    def unbond(self, amount: int, free_at: int, *, horizon: int) -> None:
        """Begins to take out, what was bonded last first: it is free at `free_at`. Raises `TooManyParts`.

        `amount` is at most what is bonded.
        """
        parts = list[Part]()
        for part in reversed(self.parts):
            moved = min(amount, part.amount) if part.free_at is None else 0
            amount -= moved
            if moved:
                parts.append(Part(moved, part.since, free_at))
            if moved < part.amount:
                parts.append(Part(part.amount - moved, part.since, part.free_at))
        self._replace(parts[::-1], horizon)

    def take(self, amount: int, moment: int) -> None:
        """Takes of what was at stake at a moment, what is being taken out first; there is as much."""
        for part in sorted(self.parts, key=lambda part: part.free_at is None):
            if part.at_risk(moment):
                taken = min(amount, part.amount)
                part.amount -= taken
                amount -= taken
        self.parts = [part for part in self.parts if part.amount]

    def withdraw(self, now: int) -> int:
        """Takes out what is free; answers how much."""
        freed = self.withdrawable(now)
        self.parts = [part for part in self.parts if part.free_at is None or part.free_at > now]
        return freed

    def _replace(self, parts: list[Part], horizon: int) -> None:
        joined = list[Part]()
        for part in parts:
            twin = next((one for one in joined if _same(one, part, horizon)), None)
            if twin is None:
                joined.append(part)
            else:
                twin.amount += part.amount
                twin.since = max(twin.since, part.since)
        if len(joined) > MAX_PARTS:
            raise TooManyParts
        self.parts = joined


def _same(one: Part, other: Part, horizon: int) -> bool:
    """Whether no fault that counts can tell two parts apart."""
    if one.free_at != other.free_at:
        return False
    return one.since == other.since or max(one.since, other.since) <= horizon


@struct(path="pallet_workers::CommissionNotice")
class CommissionNotice:
    """A higher commission, and from when on it is taken."""

    commission: U32
    since: Moment


@struct(path="pallet_workers::Pool")
class Pool:
    """What has been delegated to an operator, and on which terms."""

    workers: U32 = 0
    """The operator's workers that aren't leaving."""
    delegators: U32 = 0
    delegated: Balance = 0
    """What delegators have bonded."""
    commission: U32 = 0
    """What the operator keeps of its delegators' part of the pay, in millionths."""
    announced: CommissionNotice | None = None
    slashes: U32 = 0
    """Slashes that are open against the operator's workers: until they end, nobody takes anything out."""
    index: U128 = 0
    """What a unit of stake bonded from the beginning on would have earned, times 10^18."""

    def commission_at(self, now: int) -> int:
        """The commission that is taken now."""
        if self.announced is not None and self.announced.since <= now:
            return self.announced.commission
        return self.commission


@struct(path="pallet_workers::Delegation")
class Delegation:
    """What somebody has delegated to an operator."""

    position: Position = field(default_factory=Position)
    index: U128 = 0
    """The pool's reward index up to which its rewards are credited."""
