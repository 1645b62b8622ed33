"""The transaction pool: what is ready, in which order, and what still waits.

## Overview

A transaction *provides* tags and *requires* others; it is **ready** once everything that it requires is provided by a
ready transaction or by the chain, else it is **future**. `ready()` walks ready transactions by priority, older first,
each behind what it requires. `import_` admits one, `prune` removes what a block has done, `remove` what has turned out
bad. Every call answers what it did as `Outcome`s, so that watchers can be told; nothing leaves the pool unreported.

## Errors

```
PoolError
├── AlreadyImported      the very same transaction is in the pool
├── TooLowPriority       another with the same tags pays as well or better
├── CycleDetected        it requires what it provides itself, or would replace
├── NoTagsProvided       it provides nothing, so nothing could replace or follow it
└── ImmediatelyDropped   the pool is full of better ones
```

## Out of scope

Validity (the runtime's), time, and I/O: this module is pure. Mirrors `sc_transaction_pool::graph::base_pool`.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
    """The transaction requires what it provides itself, or what only a transaction provides that it would replace."""


class NoTagsProvided(PoolError):
    """The transaction provides no tags."""


class ImmediatelyDropped(PoolError):
    """The pool is full, and everything in it is better; `outcomes` is what befell others on the way."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__("the pool is full of transactions with a higher priority")
        self.outcomes = outcomes


class PoolTransaction(NamedTuple):
    """A valid transaction; `valid_till` is the last block number it may be in."""

    hash: bytes
    data: bytes
    priority: int
    requires: tuple[bytes, ...]
    provides: tuple[bytes, ...]
    valid_till: int

    def __repr__(self) -> str:
        return f"<PoolTransaction 0x{self.hash.hex()} of priority {self.priority}>"

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
    """Bounds of one queue: how many transactions, and how many bytes of them."""

    count: int
    size: int


READY_LIMITS = PoolLimits(8192, 20 * 1024 * 1024)
FUTURE_LIMITS = PoolLimits(819, 2 * 1024 * 1024)


@dataclass(slots=True)
class _Entry:
    """A transaction in the pool: when it came in, and which tags it needs that the chain hasn't provided."""

    tx: PoolTransaction
    order: int
    needs: dict[bytes, None]


class _Queue:
    """Entries by hash, and the bytes of them all."""

    def __init__(self, limits: PoolLimits) -> None:
        self.limits = limits
        self.entries: dict[bytes, _Entry] = {}
        self.size = 0

    def add(self, entry: _Entry) -> None:
        self.entries[entry.tx.hash] = entry
        self.size += len(entry.tx.data)

    def pop(self, tx_hash: bytes) -> _Entry | None:
        entry = self.entries.pop(tx_hash, None)
        if entry is not None:
            self.size -= len(entry.tx.data)
        return entry

    @property
    def is_over(self) -> bool:
        return len(self.entries) > self.limits.count or self.size > self.limits.size

    def worst_first(self) -> Iterator[bytes]:
        """Hashes by priority, the lowest first, the newest of equals."""
        heap = [(entry.tx.priority, -entry.order, tx_hash) for tx_hash, entry in self.entries.items()]
        heapq.heapify(heap)
        while heap:
            yield heapq.heappop(heap)[2]


class Pool:
    """Ready and future transactions of one chain."""

    def __init__(self, ready: PoolLimits = READY_LIMITS, future: PoolLimits = FUTURE_LIMITS) -> None:
        self._ready, self._future = _Queue(ready), _Queue(future)
        self._counter = 0
        self._provider: dict[bytes, bytes] = {}  # tag -> ready transaction
        self._needed_by: dict[bytes, dict[bytes, None]] = {}  # tag -> transactions of both queues

    def __contains__(self, tx_hash: bytes) -> bool:
        return tx_hash in self._ready.entries or tx_hash in self._future.entries

    @property
    def ready_count(self) -> int:
        return len(self._ready.entries)

    @property
    def future_count(self) -> int:
        return len(self._future.entries)

    @property
    def ready_size(self) -> int:
        """Bytes of all ready transactions."""
        return self._ready.size

    @property
    def future_size(self) -> int:
        """Bytes of all future transactions."""
        return self._future.size

    def transactions(self) -> list[PoolTransaction]:
        """All of them: ready ones in their order, then future ones."""
        return [*self.ready(), *(entry.tx for entry in self._future.entries.values())]

    def is_ready(self, tx_hash: bytes) -> bool:
        return tx_hash in self._ready.entries

    def provides(self, tag: bytes) -> bool:
        """Whether a ready transaction provides this tag."""
        return tag in self._provider

    def ready(self) -> Iterator[PoolTransaction]:
        """Ready transactions, best first, as they are when the walk starts: changes made while walking are not seen."""
        entries = dict(self._ready.entries)
        missing: dict[bytes, int] = {}
        followers: dict[bytes, list[_Entry]] = {}
        heap: list[tuple[int, int, bytes]] = []
        for tx_hash, entry in entries.items():
            parents = {self._provider[tag] for tag in entry.needs}
            for parent in parents:
                followers.setdefault(parent, []).append(entry)
            if parents:
                missing[tx_hash] = len(parents)
            else:
                heap.append((-entry.tx.priority, entry.order, tx_hash))
        heapq.heapify(heap)
        while heap:
            _, _, tx_hash = heapq.heappop(heap)
            yield entries[tx_hash].tx
            for follower in followers.get(tx_hash, ()):
                missing[follower.tx.hash] -= 1
                if not missing[follower.tx.hash]:
                    heapq.heappush(heap, (-follower.tx.priority, follower.order, follower.tx.hash))

    def import_(self, tx: PoolTransaction) -> list[Outcome]:
        """Admits a transaction; raises `PoolError`. What it replaced, unlocked or pushed out is in the answer."""
        if tx.hash in self:
            raise AlreadyImported(tx.hash)
        if not tx.provides:
            raise NoTagsProvided("the transaction provides no tags")
        if tx.requires and not set(tx.provides).isdisjoint(tx.requires):
            raise CycleDetected("the transaction requires what it provides")
        self._counter += 1
        entry = _Entry(tx, self._counter, dict.fromkeys(tx.requires))
        if self._is_met(entry):
            rivals = self._inferior_rivals(entry)
            self._note_needs(entry)
            followers: deque[bytes] = deque()
            outcomes = self._make_ready(entry, rivals, followers)
            if followers:
                outcomes += self._promote(followers)
        else:
            self._note_needs(entry)
            self._future.add(entry)
            outcomes = [Outcome(Change.FUTURE, tx)]
        dropped = self._enforce_limits()
        outcomes += dropped
        if any(outcome.change is Change.DROPPED and outcome.tx is tx for outcome in dropped):
            raise ImmediatelyDropped([outcome for outcome in outcomes if outcome.tx is not tx])
        return outcomes

    def prune(self, tags: Iterable[bytes], included: Iterable[bytes]) -> list[Outcome]:
        """A block provided these tags and included these transactions: both leave, and what waited for them is ready.

        A transaction that would provide one of the tags again is invalid.
        """
        done = dict.fromkeys(tags)
        gone = [(Change.PRUNED, tx_hash) for tx_hash in included]
        gone += [(Change.INVALID, self._provider[tag]) for tag in done if tag in self._provider]
        gone += [
            (Change.INVALID, tx_hash)
            for tx_hash, entry in self._future.entries.items()
            if any(tag in done for tag in entry.tx.provides)
        ]
        outcomes = [Outcome(change, tx) for change, tx_hash in gone if (tx := self._take(tx_hash)) is not None]
        waited: list[bytes] = []
        for tag in done:
            for tx_hash in self._needed_by.pop(tag, ()):
                del self._entry(tx_hash).needs[tag]
                waited.append(tx_hash)
        outcomes += self._demote(tag for outcome in tuple(outcomes) for tag in outcome.tx.provides)
        outcomes += self._promote(waited)
        return outcomes + self._enforce_limits()

    def remove(self, tx_hash: bytes, change: Change) -> list[Outcome]:
        """Takes a transaction out for this reason; what requires its tags waits again."""
        return self._remove([tx_hash], change)

    def clear(self) -> list[PoolTransaction]:
        """Takes everything out, and answers it: what is ready first, best first."""
        taken = self.transactions()
        for tx in taken:
            self._take(tx.hash)
        return taken

    def expire(self, number: int) -> list[Outcome]:
        """Removes what can't be in a block after `number` any more."""
        both = (*self._ready.entries.values(), *self._future.entries.values())
        return self._remove([entry.tx.hash for entry in both if entry.tx.valid_till <= number], Change.INVALID)

    # The two queues. Nothing here is recursive: a sender chooses how long a chain of transactions is.

    def _remove(self, hashes: Iterable[bytes], change: Change) -> list[Outcome]:
        """All of these are gone before anything is made of it: none takes a place that another one keeps by right."""
        outcomes = [Outcome(change, tx) for tx_hash in hashes if (tx := self._take(tx_hash)) is not None]
        outcomes += self._demote(tag for outcome in tuple(outcomes) for tag in outcome.tx.provides)
        return outcomes + self._enforce_limits()

    def _entry(self, tx_hash: bytes) -> _Entry:
        return self._ready.entries.get(tx_hash) or self._future.entries[tx_hash]

    def _is_met(self, entry: _Entry) -> bool:
        return not entry.needs or all(tag in self._provider for tag in entry.needs)

    def _inferior_rivals(self, entry: _Entry) -> list[bytes]:
        """Ready transactions that provide a tag of this one, which is to take their place.

        Raises `TooLowPriority` or `CycleDetected` where it can't.
        """
        rivals = list({self._provider[tag]: None for tag in entry.tx.provides if tag in self._provider})
        if not rivals:
            return rivals
        standing = sum(self._ready.entries[rival].tx.priority for rival in rivals)
        if standing >= entry.tx.priority:
            raise TooLowPriority(standing, entry.tx.priority)
        seen: dict[bytes, None] = {}
        ancestors = [entry]
        while ancestors:
            for tag in ancestors.pop().needs:
                parent = self._provider[tag]
                if parent not in seen:
                    seen[parent] = None
                    ancestors.append(self._ready.entries[parent])
        if any(rival in seen for rival in rivals):
            raise CycleDetected("the transaction requires what it would replace")
        return rivals

    def _note_needs(self, entry: _Entry) -> None:
        for tag in entry.needs:
            self._needed_by.setdefault(tag, {})[entry.tx.hash] = None

    def _promote(self, hashes: Iterable[bytes]) -> list[Outcome]:
        """Makes those of these future transactions ready that lack nothing, then what waited for them, and so on."""
        outcomes: list[Outcome] = []
        candidates = deque(hashes)
        while candidates:
            tx_hash = candidates.popleft()
            entry = self._future.entries.get(tx_hash)
            if entry is None or not self._is_met(entry):
                continue
            try:
                rivals = self._inferior_rivals(entry)
            except PoolError:
                self._take(tx_hash)
                outcomes.append(Outcome(Change.DROPPED, entry.tx))
                continue
            self._future.pop(tx_hash)
            outcomes += self._make_ready(entry, rivals, candidates)
        return outcomes

    def _make_ready(self, entry: _Entry, rivals: list[bytes], followers: deque[bytes]) -> list[Outcome]:
        """Puts a transaction that lacks nothing in its rivals' place; `followers` gets what may lack nothing now."""
        tx = entry.tx
        usurped = [taken for rival in rivals if (taken := self._take(rival)) is not None]
        self._ready.add(entry)
        for tag in tx.provides:
            self._provider[tag] = tx.hash
            followers.extend(self._needed_by.get(tag, ()))
        outcomes = [Outcome(Change.READY, tx)]
        if usurped:
            outcomes += [Outcome(Change.USURPED, old, tx.hash) for old in usurped]
            outcomes += self._demote(tag for old in usurped for tag in old.provides)
        return outcomes

    def _demote(self, tags: Iterable[bytes]) -> list[Outcome]:
        """Ready transactions that need one of these tags wait again where nobody provides it, then their followers."""
        outcomes: list[Outcome] = []
        lost = deque(tags)
        while lost:
            tag = lost.popleft()
            if tag in self._provider:
                continue
            for tx_hash in self._needed_by.get(tag, ()):
                entry = self._ready.pop(tx_hash)
                if entry is not None:
                    self._future.add(entry)
                    self._release(entry.tx)
                    lost.extend(entry.tx.provides)
                    outcomes.append(Outcome(Change.FUTURE, entry.tx))
        return outcomes

    def _take(self, tx_hash: bytes) -> PoolTransaction | None:
        """Takes a transaction out of the pool, whichever queue it is in."""
        entry = self._ready.pop(tx_hash)
        if entry is not None:
            self._release(entry.tx)
        else:
            entry = self._future.pop(tx_hash)
            if entry is None:
                return None
        for tag in entry.needs:
            needed_by = self._needed_by[tag]
            del needed_by[tx_hash]
            if not needed_by:
                del self._needed_by[tag]
        return entry.tx

    def _release(self, tx: PoolTransaction) -> None:
        for tag in tx.provides:
            if self._provider.get(tag) == tx.hash:
                del self._provider[tag]

    def _enforce_limits(self) -> list[Outcome]:
        """Drops the worst, the newest of equals, until both queues are within their bounds."""
        outcomes: list[Outcome] = []
        for queue in (self._ready, self._future):  # in this order: what a ready one leaves behind joins the future
            if queue.is_over:
                for tx_hash in queue.worst_first():
                    if not queue.is_over:
                        break
                    if tx_hash in queue.entries:
                        tx = self._take(tx_hash)
                        assert tx is not None
                        outcomes += [Outcome(Change.DROPPED, tx), *self._demote(tx.provides)]
        return outcomes
