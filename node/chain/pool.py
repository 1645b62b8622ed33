"""The transaction pool: what is ready, in which order, and what still waits.

## Overview

A transaction *provides* tags and *requires* others; it is **ready** once everything that it requires is provided by a ready
transaction or by the chain, else it is **future**. `ready()` walks ready transactions by priority, older first, each behind
what it requires. `import_` admits one, `prune` removes what a block has done, `remove` what has turned out bad. Every call
answers what it did as `Outcome`s, so that watchers can be told; nothing leaves the pool unreported.

## Errors

```
PoolError
├── AlreadyImported      the very same transaction is in the pool
├── TooLowPriority       another with the same tags pays as well or better
├── CycleDetected        it requires what it provides itself
├── NoTagsProvided       it provides nothing, so nothing could replace or follow it
└── ImmediatelyDropped   the pool is full of better ones
```

## Out of scope

Validity (the runtime's), time, and I/O: this module is pure. Mirrors `sc_transaction_pool::graph::base_pool`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from pallets.frame.validity import ValidTransaction


class PoolError(Exception):
    """The pool doesn't take a transaction."""


class AlreadyImported(PoolError):
    """The very same transaction is in the pool."""

    def __init__(self, tx_hash: bytes) -> None:
        super().__init__(f"0x{tx_hash.hex()} is in the pool already")
        self.tx_hash = tx_hash


class TooLowPriority(PoolError):
    """Another transaction provides the same tags and pays as well or better."""

    def __init__(self, old: int, new: int) -> None:
        super().__init__(f"({old} vs {new})")
        self.old, self.new = old, new


class CycleDetected(PoolError):
    """The transaction requires what it provides itself."""


class NoTagsProvided(PoolError):
    """The transaction provides no tags."""


class ImmediatelyDropped(PoolError):
    """The pool is full, and everything in it is better."""


@dataclass(frozen=True, slots=True)
class PoolTransaction:
    """A valid transaction; `valid_till` is the last block number it may be in."""

    hash: bytes
    data: bytes = field(repr=False)
    priority: int
    requires: tuple[bytes, ...] = field(repr=False)
    provides: tuple[bytes, ...] = field(repr=False)
    valid_till: int

    @classmethod
    def of(cls, tx_hash: bytes, data: bytes, validity: ValidTransaction, number: int) -> PoolTransaction:
        """A transaction as validated on top of block `number`."""
        till = number + validity.longevity
        return cls(tx_hash, data, validity.priority, tuple(validity.requires), tuple(validity.provides), till)


class Change(Enum):
    """What became of a transaction."""

    READY = "ready"
    FUTURE = "future"
    USURPED = "usurped"
    DROPPED = "dropped"
    INVALID = "invalid"
    PRUNED = "pruned"


class Outcome(NamedTuple):
    """One transaction's change; `by` is who replaced it."""

    change: Change
    tx: PoolTransaction
    by: bytes | None = None


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of one queue."""

    count: int
    size: int


READY_LIMITS = PoolLimits(8192, 20 * 1024 * 1024)
FUTURE_LIMITS = PoolLimits(819, 2 * 1024 * 1024)


class Pool:
    """Ready and future transactions of one chain."""

    def __init__(self, ready: PoolLimits = READY_LIMITS, future: PoolLimits = FUTURE_LIMITS) -> None:
        self._ready_limits, self._future_limits = ready, future
        self._ready: dict[bytes, PoolTransaction] = {}
        self._future: dict[bytes, PoolTransaction] = {}
        self._ready_bytes = self._future_bytes = 0
        self._order: dict[bytes, int] = {}  # when each came in
        self._counter = 0
        self._provider: dict[bytes, bytes] = {}  # tag -> ready transaction
        self._waiting: dict[bytes, dict[bytes, None]] = {}  # tag -> future transactions that lack it
        self._done: dict[bytes, None] = {}  # tags that the chain provided lately

    def __contains__(self, tx_hash: bytes) -> bool:
        return tx_hash in self._ready or tx_hash in self._future

    @property
    def ready_count(self) -> int:
        return len(self._ready)

    @property
    def future_count(self) -> int:
        return len(self._future)

    def transactions(self) -> list[PoolTransaction]:
        """All of them: ready ones in their order, then future ones."""
        return [*self.ready(), *self._future.values()]

    def provides(self, tag: bytes) -> bool:
        """Whether a ready transaction provides this tag."""
        return tag in self._provider

    def select(self, hashes: Iterable[bytes]) -> list[PoolTransaction]:
        """Those of these hashes that are in the pool."""
        found = (self._ready.get(tx_hash) or self._future.get(tx_hash) for tx_hash in hashes)
        return [tx for tx in found if tx is not None]

    def ready(self) -> Iterator[PoolTransaction]:
        """Ready transactions, best first; safe against changes made while walking, which are not seen."""
        ready = dict(self._ready)
        missing: dict[bytes, int] = {}
        followers: dict[bytes, list[bytes]] = {}
        heap: list[tuple[int, int, bytes]] = []
        for tx in ready.values():
            parents = {self._provider[tag] for tag in tx.requires if tag in self._provider}
            for parent in parents:
                followers.setdefault(parent, []).append(tx.hash)
            if parents:
                missing[tx.hash] = len(parents)
            else:
                heap.append((-tx.priority, self._order[tx.hash], tx.hash))
        order = dict(self._order)
        heapq.heapify(heap)
        while heap:
            _, _, tx_hash = heapq.heappop(heap)
            yield ready[tx_hash]
            for follower in followers.get(tx_hash, ()):
                missing[follower] -= 1
                if not missing[follower]:
                    heapq.heappush(heap, (-ready[follower].priority, order[follower], follower))

    def import_(self, tx: PoolTransaction) -> list[Outcome]:
        """Admits a transaction; raises `PoolError`. What it replaced, unlocked or pushed out is in the answer."""
        if tx.hash in self:
            raise AlreadyImported(tx.hash)
        if not tx.provides:
            raise NoTagsProvided("the transaction provides no tags")
        if set(tx.provides) & set(tx.requires):
            raise CycleDetected("the transaction requires what it provides")
        outcomes = self._enter(tx)
        outcomes += self._enforce_limits()
        if any(outcome.change is Change.DROPPED and outcome.tx is tx for outcome in outcomes):
            raise ImmediatelyDropped("the pool is full of transactions with a higher priority")
        return outcomes

    def prune(self, tags: Iterable[bytes], included: Iterable[bytes]) -> list[Outcome]:
        """A block provided these tags and included these transactions: both leave, and what waited for them is ready."""
        outcomes = []
        for tx_hash in included:
            tx = self._take(tx_hash)
            if tx is not None:
                outcomes.append(Outcome(Change.PRUNED, tx))
        fresh = dict.fromkeys(tags)
        for tag in fresh:
            rival = self._provider.get(tag)
            if rival is not None:
                tx = self._take(rival)
                if tx is not None:
                    outcomes.append(Outcome(Change.INVALID, tx))
        self._done = fresh
        return outcomes + self._unlock(fresh)

    def remove(self, tx_hash: bytes, change: Change) -> list[Outcome]:
        """Takes a transaction out for this reason; what requires its tags waits again."""
        tx = self._take(tx_hash)
        if tx is None:
            return []
        return [Outcome(change, tx), *self._demote_followers(tx)]

    def expire(self, number: int) -> list[Outcome]:
        """Removes what can't be in a block after `number` any more."""
        stale = [tx.hash for tx in (*self._ready.values(), *self._future.values()) if tx.valid_till <= number]
        return [outcome for tx_hash in stale for outcome in self.remove(tx_hash, Change.INVALID)]

    # The two queues

    def _enter(self, tx: PoolTransaction) -> list[Outcome]:
        missing = [tag for tag in tx.requires if tag not in self._provider and tag not in self._done]
        self._order.setdefault(tx.hash, self._next())
        if missing:
            self._future[tx.hash] = tx
            self._future_bytes += len(tx.data)
            for tag in missing:
                self._waiting.setdefault(tag, {})[tx.hash] = None
            return [Outcome(Change.FUTURE, tx)]
        rivals = {self._provider[tag]: None for tag in tx.provides if tag in self._provider}
        standing = sum(self._ready[rival].priority for rival in rivals)
        if rivals and standing >= tx.priority:
            del self._order[tx.hash]
            raise TooLowPriority(standing, tx.priority)
        outcomes = [Outcome(Change.READY, tx)]
        for rival in rivals:
            replaced = self._take(rival)
            if replaced is not None:
                outcomes.append(Outcome(Change.USURPED, replaced, tx.hash))
        self._ready[tx.hash] = tx
        self._ready_bytes += len(tx.data)
        for tag in tx.provides:
            self._provider[tag] = tx.hash
        for rival_outcome in outcomes[1:]:
            outcomes += self._demote_followers(rival_outcome.tx)
        return outcomes + self._unlock(tx.provides)

    def _unlock(self, tags: Iterable[bytes]) -> list[Outcome]:
        """Future transactions that lacked only these tags become ready."""
        outcomes: list[Outcome] = []
        for tag in tags:
            for tx_hash in list(self._waiting.get(tag, ())):
                tx = self._future.get(tx_hash)
                if tx is None or any(t not in self._provider and t not in self._done for t in tx.requires):
                    continue
                self._take(tx_hash, keep_order=True)
                try:
                    outcomes += self._enter(tx)
                except TooLowPriority:
                    outcomes.append(Outcome(Change.DROPPED, tx))
        return outcomes

    def _demote_followers(self, gone: PoolTransaction) -> list[Outcome]:
        """Ready transactions that required what left wait again."""
        outcomes: list[Outcome] = []
        lost = {tag for tag in gone.provides if tag not in self._provider and tag not in self._done}
        if lost:
            for tx in list(self._ready.values()):
                if tx.hash in self._ready and lost.intersection(tx.requires):
                    self._take(tx.hash, keep_order=True)
                    outcomes += self._enter(tx)
                    outcomes += self._demote_followers(tx)
        return outcomes

    def _take(self, tx_hash: bytes, *, keep_order: bool = False) -> PoolTransaction | None:
        tx = self._ready.pop(tx_hash, None)
        if tx is not None:
            self._ready_bytes -= len(tx.data)
            for tag in tx.provides:
                if self._provider.get(tag) == tx_hash:
                    del self._provider[tag]
        else:
            tx = self._future.pop(tx_hash, None)
            if tx is None:
                return None
            self._future_bytes -= len(tx.data)
            for tag in tx.requires:
                waiting = self._waiting.get(tag)
                if waiting is not None:
                    waiting.pop(tx_hash, None)
                    if not waiting:
                        del self._waiting[tag]
        if not keep_order:
            self._order.pop(tx_hash, None)
        return tx

    def _enforce_limits(self) -> list[Outcome]:
        """Drops the worst, the newest of equals, until both queues are within their bounds."""
        outcomes: list[Outcome] = []
        for queue, limits in ((self._future, self._future_limits), (self._ready, self._ready_limits)):
            while len(queue) > limits.count or self._size(queue) > limits.size:
                worst = min(queue.values(), key=lambda tx: (tx.priority, -self._order[tx.hash]))
                outcomes += self.remove(worst.hash, Change.DROPPED)
        return outcomes

    def _size(self, queue: dict[bytes, PoolTransaction]) -> int:
        return self._ready_bytes if queue is self._ready else self._future_bytes

    def _next(self) -> int:
        self._counter += 1
        return self._counter
