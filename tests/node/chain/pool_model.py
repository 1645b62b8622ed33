"""The pool's rules in their plainest form, and transactions to try them on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from node.chain.pool import (
    AlreadyImported,
    CycleDetected,
    ImmediatelyDropped,
    NoTagsProvided,
    PoolError,
    PoolLimits,
    PoolTransaction,
    TooLowPriority,
)


def tx(
    name: str | int,
    needs: Iterable[str] = (),
    gives: Iterable[str] | None = None,
    *,
    priority: int = 1,
    size: int = 10,
    till: int = 1000,
) -> PoolTransaction:
    """A transaction of this name; it provides a tag of its own name unless told otherwise."""
    tags = [str(name)] if gives is None else gives
    return PoolTransaction(
        str(name).encode().rjust(32, b"-"),
        bytes(size),
        priority,
        tuple(tag.encode() for tag in needs),
        tuple(tag.encode() for tag in tags),
        till,
    )


@dataclass
class Record:
    """What the model knows of a transaction."""

    tx: PoolTransaction
    needs: set[bytes]
    ready: bool = False


@dataclass
class Model:
    """The rules in their plainest form: one list in order of arrival, every question answered by looking through it."""

    ready_limits: PoolLimits
    future_limits: PoolLimits
    records: list[Record] = field(default_factory=list)

    def of(self, *, ready: bool) -> list[Record]:
        return [record for record in self.records if record.ready is ready]

    def is_met(self, record: Record) -> bool:
        return all(any(tag in other.tx.provides for other in self.of(ready=True)) for tag in record.needs)

    def rivals(self, new: PoolTransaction) -> list[Record]:
        return [other for other in self.of(ready=True) if set(other.tx.provides) & set(new.provides)]

    def refusal(self, record: Record) -> type[PoolError] | None:
        """Why this one can't take the place of its rivals."""
        rivals = self.rivals(record.tx)
        if rivals and sum(rival.tx.priority for rival in rivals) >= record.tx.priority:
            return TooLowPriority
        above = [record]
        for each in above:
            above += [r for r in self.of(ready=True) if r not in above and set(r.tx.provides) & each.needs]
        return CycleDetected if any(rival in above for rival in rivals) else None

    def promote(self, waiting: list[Record]) -> None:
        while waiting:
            record = waiting.pop(0)
            if record not in self.of(ready=False) or not self.is_met(record):
                continue
            if self.refusal(record):
                self.records.remove(record)
                continue
            for rival in self.rivals(record.tx):
                self.records.remove(rival)
            record.ready = True
            for tag in record.tx.provides:
                waiting += [other for other in self.records if tag in other.needs]
            self.demote()

    def demote(self) -> None:
        while unmet := [record for record in self.of(ready=True) if not self.is_met(record)]:
            unmet[0].ready = False

    def enforce(self) -> None:
        for ready, limits in ((True, self.ready_limits), (False, self.future_limits)):
            while len(queue := self.of(ready=ready)) > limits.count or sum(len(r.tx.data) for r in queue) > limits.size:
                lowest = min(record.tx.priority for record in queue)
                self.records.remove([record for record in queue if record.tx.priority == lowest][-1])
                self.demote()

    def import_(self, new: PoolTransaction) -> type[PoolError] | None:
        if any(record.tx.hash == new.hash for record in self.records):
            return AlreadyImported
        if not new.provides:
            return NoTagsProvided
        if set(new.provides) & set(new.requires):
            return CycleDetected
        record = Record(new, set(new.requires))
        if self.is_met(record) and (refusal := self.refusal(record)):
            return refusal
        self.records.append(record)
        self.promote([record])
        was_there = record in self.records
        self.enforce()
        return ImmediatelyDropped if was_there and record not in self.records else None

    def prune(self, tags: list[bytes], included: list[bytes]) -> None:
        for record in list(self.records):
            if record.tx.hash in included or set(record.tx.provides) & set(tags):
                self.records.remove(record)
        waiting = [other for tag in dict.fromkeys(tags) for other in self.records if tag in other.needs]
        for record in self.records:
            record.needs -= set(tags)
        self.demote()
        self.promote(waiting)
        self.enforce()

    def remove(self, tx_hash: bytes) -> None:
        self.records = [record for record in self.records if record.tx.hash != tx_hash]
        self.demote()
        self.enforce()

    def expire(self, number: int) -> None:
        self.records = [record for record in self.records if record.tx.valid_till > number]
        self.demote()
        self.enforce()

    def order(self) -> list[PoolTransaction]:
        """Again and again the best, the oldest of equals, of those that need nothing which isn't out yet."""
        left, out = self.of(ready=True), list[PoolTransaction]()
        while left:
            given = {tag for each in out for tag in each.provides}
            free = [record for record in left if record.needs <= given]
            best = max(free, key=lambda record: record.tx.priority)  # `max` gives the first of equals
            left.remove(best)
            out.append(best.tx)
        return out
