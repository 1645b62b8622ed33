"""The pool, case by case, and against a model that keeps one list and recomputes everything."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from node.chain.pool import (
    AlreadyImported,
    Change,
    CycleDetected,
    ImmediatelyDropped,
    NoTagsProvided,
    Outcome,
    Pool,
    PoolError,
    PoolLimits,
    PoolTransaction,
    TooLowPriority,
)
from pallets.frame.validity import MAX_LONGEVITY, ValidTransaction

ROOMY = PoolLimits(10_000, 1 << 30)


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


def chain_of(count: int) -> list[PoolTransaction]:
    """Transactions of one account: each needs the one before."""
    return [tx(nonce, [str(nonce - 1)] if nonce else []) for nonce in range(count)]


def names(transactions: Iterable[PoolTransaction]) -> list[str]:
    return [each.hash.decode().strip("-") for each in transactions]


def said(outcomes: Iterable[Outcome]) -> list[tuple[str, str]]:
    """Outcomes as (name, change)."""
    return [(names([outcome.tx])[0], outcome.change.value) for outcome in outcomes]


def test_what_the_runtime_says_becomes_a_pool_transaction() -> None:
    validity = ValidTransaction(7, [b"before"], [b"after"], 64, True)
    found = PoolTransaction.of(b"h" * 32, b"data", validity, 10)
    assert found == PoolTransaction(b"h" * 32, b"data", 7, (b"before",), (b"after",), 74)
    immortal = PoolTransaction.of(b"h" * 32, b"data", ValidTransaction(0, [], [b"t"], MAX_LONGEVITY, True), 10)
    assert immortal.valid_till > 1 << 63


def test_ready_ones_come_by_priority_then_age_each_behind_what_it_needs() -> None:
    pool = Pool()
    for name, priority in (("low", 1), ("high", 9), ("low2", 1)):
        assert said(pool.import_(tx(name, priority=priority))) == [(name, "ready")]
    assert said(pool.import_(tx("child", ["low2"], priority=99))) == [("child", "ready")]
    assert names(pool.ready()) == ["high", "low", "low2", "child"]


def test_a_transaction_waits_until_all_it_needs_is_there() -> None:
    pool = Pool()
    assert said(pool.import_(tx("c", ["a", "b"]))) == [("c", "future")]
    assert said(pool.import_(tx("a"))) == [("a", "ready")]
    assert (pool.ready_count, pool.future_count) == (1, 1)
    assert said(pool.import_(tx("b"))) == [("b", "ready"), ("c", "ready")]
    assert names(pool.ready()) == ["a", "b", "c"]
    assert names(pool.transactions()) == ["a", "b", "c"]


def test_refusals_change_nothing() -> None:
    pool = Pool()
    first = tx("first", gives=["t"], priority=5)
    pool.import_(first)
    with pytest.raises(AlreadyImported) as again:
        pool.import_(first)
    assert again.value.tx_hash == first.hash
    with pytest.raises(NoTagsProvided):
        pool.import_(tx("idle", gives=[]))
    with pytest.raises(CycleDetected):
        pool.import_(tx("ring", ["x"], ["x", "y"]))
    for priority in (4, 5):
        with pytest.raises(TooLowPriority, match=rf"\(5 vs {priority}\)"):
            pool.import_(tx("second", gives=["t"], priority=priority))
    assert names(pool.transactions()) == ["first"]
    assert pool.ready_size == 10


def test_a_better_transaction_usurps_and_must_beat_all_rivals_together() -> None:
    pool = Pool()
    pool.import_(tx("a", priority=3))
    pool.import_(tx("b", priority=4))
    with pytest.raises(TooLowPriority):
        pool.import_(tx("both", gives=["a", "b"], priority=7))
    outcomes = pool.import_(tx("both", gives=["a", "b"], priority=8))
    assert said(outcomes) == [("both", "ready"), ("a", "usurped"), ("b", "usurped")]
    assert {outcome.by for outcome in outcomes[1:]} == {tx("both").hash}
    assert names(pool.ready()) == ["both"]


def test_followers_of_a_usurped_transaction_wait_again_where_the_usurper_does_not_provide() -> None:
    pool = Pool()
    pool.import_(tx("old", gives=["t", "u"]))
    pool.import_(tx("on t", ["t"]))
    pool.import_(tx("on u", ["u"]))
    pool.import_(tx("behind", ["on u"]))
    outcomes = pool.import_(tx("new", gives=["t"], priority=2))
    assert said(outcomes) == [("new", "ready"), ("old", "usurped"), ("on u", "future"), ("behind", "future")]
    assert names(pool.ready()) == ["new", "on t"]


def test_two_waiting_rivals_end_as_one() -> None:
    pool = Pool()
    pool.import_(tx("cheap", ["a"], ["t"], priority=1))
    pool.import_(tx("dear", ["a"], ["t"], priority=2))
    pool.import_(tx("poor", ["a"], ["t"], priority=2))
    outcomes = pool.import_(tx("a"))
    assert said(outcomes) == [
        ("a", "ready"),
        ("cheap", "ready"),
        ("dear", "ready"),
        ("cheap", "usurped"),
        ("poor", "dropped"),
    ]
    assert names(pool.transactions()) == ["a", "dear"]


def test_nobody_usurps_what_it_needs_itself_however_indirectly() -> None:
    pool = Pool()
    pool.import_(tx("r", gives=["a"]))
    pool.import_(tx("s", ["a"], ["b"]))
    with pytest.raises(CycleDetected):
        pool.import_(tx("t", ["b"], ["a", "c"], priority=5))
    pool.import_(tx("u", ["d"], ["a"], priority=5))
    assert said(pool.import_(tx("v", ["b"], ["d"]))) == [("v", "ready"), ("u", "dropped")]
    assert names(pool.ready()) == ["r", "s", "v"]


def test_a_block_takes_what_it_includes_and_frees_what_waited() -> None:
    pool = Pool()
    pool.import_(tx("a"))
    pool.import_(tx("b", ["a"]))
    pool.import_(tx("c", ["elsewhere"]))
    outcomes = pool.prune([b"a", b"elsewhere"], [tx("a").hash])
    assert said(outcomes) == [("a", "pruned"), ("c", "ready")]
    assert sorted(names(pool.ready())) == ["b", "c"]


def test_what_the_chain_once_provided_stays_provided() -> None:
    pool = Pool()
    pool.import_(tx("late", ["one", "two"]))
    assert pool.prune([b"one"], []) == []
    assert pool.prune([b"unrelated"], []) == []
    assert said(pool.prune([b"two"], [])) == [("late", "ready")]
    assert pool.prune([b"unrelated"], []) == []
    assert names(pool.ready()) == ["late"]


def test_a_block_makes_rivals_of_its_transactions_invalid_even_waiting_ones() -> None:
    pool = Pool()
    pool.import_(tx("mine", gives=["t", "u"]))
    pool.import_(tx("behind", ["u"]))
    pool.import_(tx("waiting", ["gap"], ["t"]))
    assert said(pool.prune([b"t"], [])) == [("mine", "invalid"), ("waiting", "invalid"), ("behind", "future")]
    assert names(pool.transactions()) == ["behind"]


def test_removal_makes_followers_wait_and_expiry_removes() -> None:
    pool = Pool()
    for each in (tx("a", till=5), tx("b", ["a"], till=9), tx("c", ["b"]), tx("f", ["gap"], till=5)):
        pool.import_(each)
    assert pool.expire(4) == []
    assert said(pool.expire(5)) == [("a", "invalid"), ("b", "future"), ("c", "future"), ("f", "invalid")]
    assert said(pool.remove(tx("c").hash, Change.DROPPED)) == [("c", "dropped")]
    assert pool.remove(tx("c").hash, Change.DROPPED) == []
    assert said(pool.expire(9)) == [("b", "invalid")]
    assert (pool.ready_count, pool.future_count, pool.ready_size, pool.future_size) == (0, 0, 0, 0)


def test_a_full_pool_drops_the_worst_and_of_equals_the_newest() -> None:
    pool = Pool(PoolLimits(3, 1000), ROOMY)
    for name, priority in (("a", 5), ("b", 2), ("c", 2)):
        pool.import_(tx(name, priority=priority))
    with pytest.raises(ImmediatelyDropped):
        pool.import_(tx("d", priority=2))
    assert said(pool.import_(tx("e", priority=3))) == [("e", "ready"), ("c", "dropped")]
    assert names(pool.ready()) == ["a", "e", "b"]


def test_bytes_are_bounded_too() -> None:
    pool = Pool(PoolLimits(100, 100), PoolLimits(100, 50))
    pool.import_(tx("a", size=60))
    with pytest.raises(ImmediatelyDropped):
        pool.import_(tx("b", size=41))
    assert said(pool.import_(tx("c", size=41, priority=2))) == [("c", "ready"), ("a", "dropped")]
    pool.import_(tx("f", ["gap"], size=50))
    with pytest.raises(ImmediatelyDropped):
        pool.import_(tx("g", ["gap"], size=1))
    assert (pool.ready_size, pool.future_size) == (41, 50)


def test_what_a_refused_newcomer_pushed_out_is_told() -> None:
    """The newcomer usurps one transaction and is then itself the worst of a pool over its bytes."""
    pool = Pool(PoolLimits(100, 100), ROOMY)
    pool.import_(tx("old", gives=["t"], priority=1))
    pool.import_(tx("better", priority=9, size=90))
    with pytest.raises(ImmediatelyDropped) as full:
        pool.import_(tx("new", gives=["t"], priority=2, size=20))
    assert said(full.value.outcomes) == [("old", "usurped")]
    assert names(pool.transactions()) == ["better"]


def test_a_dropped_transaction_leaves_its_followers_within_the_bounds_of_the_future() -> None:
    pool = Pool(PoolLimits(5, 1000), PoolLimits(2, 1000))
    for each in chain_of(5):
        pool.import_(each)
    outcomes = pool.remove(tx(0).hash, Change.INVALID)
    waiting = [(str(nonce), "future") for nonce in (1, 2, 3, 4)]
    assert said(outcomes) == [("0", "invalid"), *waiting, ("4", "dropped"), ("3", "dropped")]
    assert names(pool.transactions()) == ["1", "2"]


def test_long_chains_are_as_good_as_short_ones() -> None:
    """One account may send thousands of transactions, in whatever order: no step may recurse or be quadratic."""
    count = 6000
    pool = Pool(ROOMY, ROOMY)
    started = time.process_time()
    for each in reversed(chain_of(count)):
        pool.import_(each)
    assert names(pool.ready()) == [str(nonce) for nonce in range(count)]
    assert len(pool.remove(tx(0).hash, Change.INVALID)) == count
    assert pool.future_count == count - 1
    assert len(pool.prune([b"0"], [])) == count - 1
    assert pool.ready_count == count - 1
    assert time.process_time() - started < 5


def test_changes_made_while_walking_are_not_seen() -> None:
    pool = Pool()
    for each in chain_of(4):
        pool.import_(each)
    walk = pool.ready()
    assert names([next(walk)]) == ["0"]
    pool.remove(tx(1).hash, Change.INVALID)
    pool.import_(tx("new", priority=100))
    assert names(walk) == ["1", "2", "3"]


# Against a model


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
        for record in self.of(ready=True) + self.of(ready=False):
            if record.tx.valid_till <= number and record in self.records:
                self.remove(record.tx.hash)

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


TAGS = st.sampled_from("abcdef")
TRANSACTIONS = st.builds(
    tx,
    st.integers(0, 30),
    st.lists(TAGS, max_size=2, unique=True),
    st.lists(TAGS, min_size=1, max_size=2, unique=True),
    priority=st.integers(0, 4),
    size=st.integers(1, 30),
    till=st.integers(1, 12),
)


ARRIVALS = st.lists(TRANSACTIONS, min_size=2, max_size=10)
"""What comes in between two events: without it the pool would be empty most of the time."""


class PoolAgainstModel(RuleBasedStateMachine):
    """The pool and the model do the same; every change that the pool says has happened is one that has."""

    @initialize(
        ready=st.builds(PoolLimits, st.integers(2, 9), st.integers(30, 200)),
        future=st.builds(PoolLimits, st.integers(1, 5), st.integers(20, 100)),
    )
    def start(self, ready: PoolLimits, future: PoolLimits) -> None:
        self.pool, self.model = Pool(ready, future), Model(ready, future)
        self.number = 0
        self.standing: dict[bytes, Change] = {}  # what the outcomes have said so far

    def tell(self, outcomes: list[Outcome]) -> None:
        for change, each, by in outcomes:
            assert (by is None) is (change is not Change.USURPED)
            if change in (Change.READY, Change.FUTURE):
                self.standing[each.hash] = change
            else:
                del self.standing[each.hash]

    def import_all(self, arrivals: list[PoolTransaction]) -> None:
        for new in arrivals:
            self.import_(new)
            self.both_agree()

    def import_(self, new: PoolTransaction) -> None:
        new = replace(new, valid_till=self.number + new.valid_till)
        expected = self.model.import_(new)
        if expected is None:
            self.tell(self.pool.import_(new))
            return
        with pytest.raises(PoolError) as refused:
            self.pool.import_(new)
        assert type(refused.value) is expected
        if isinstance(refused.value, ImmediatelyDropped):
            self.tell([outcome for outcome in refused.value.outcomes if outcome.tx is not new])

    @rule(arrivals=ARRIVALS, tags=st.lists(TAGS, max_size=1), data=st.data())
    def prune(self, arrivals: list[PoolTransaction], tags: list[str], data: st.DataObject) -> None:
        self.import_all(arrivals)
        ready = [each.hash for each in self.pool.ready()]
        included = ready[: data.draw(st.integers(0, 2))]
        provided = [tag for each in self.pool.transactions() if each.hash in included for tag in each.provides]
        done = [*provided, *(tag.encode() for tag in tags)]
        outcomes = self.pool.prune(done, included)
        self.model.prune(done, included)
        assert {o.tx.hash for o in outcomes if o.change is Change.PRUNED} == set(included)
        self.tell(outcomes)

    @rule(arrivals=ARRIVALS, number=st.integers(0, 30))
    def remove(self, arrivals: list[PoolTransaction], number: int) -> None:
        self.import_all(arrivals)
        tx_hash = tx(number).hash
        self.model.remove(tx_hash)
        self.tell(self.pool.remove(tx_hash, Change.INVALID))

    @rule(arrivals=ARRIVALS)
    def expire(self, arrivals: list[PoolTransaction]) -> None:
        self.import_all(arrivals)
        self.number += 1
        self.model.expire(self.number)
        self.tell(self.pool.expire(self.number))
        assert all(each.valid_till > self.number for each in self.pool.transactions())

    @invariant()
    def both_agree(self) -> None:
        order = list(self.pool.ready())
        assert order == self.model.order()
        assert {each.hash for each in self.pool.transactions()} == {record.tx.hash for record in self.model.records}

    @invariant()
    def nothing_is_lost_or_kept_untold(self) -> None:
        pool = self.pool
        kept = {each.hash: Change.READY if pool.is_ready(each.hash) else Change.FUTURE for each in pool.transactions()}
        assert kept == self.standing
        assert all(tx_hash in pool for tx_hash in kept)

    @invariant()
    def counters_and_limits_hold(self) -> None:
        ready = list(self.pool.ready())
        future = self.pool.transactions()[len(ready) :]
        assert (self.pool.ready_count, self.pool.ready_size) == (len(ready), sum(len(each.data) for each in ready))
        assert (self.pool.future_count, self.pool.future_size) == (len(future), sum(len(each.data) for each in future))
        assert self.pool.ready_count <= self.model.ready_limits.count
        assert self.pool.ready_size <= self.model.ready_limits.size
        assert self.pool.future_count <= self.model.future_limits.count
        assert self.pool.future_size <= self.model.future_limits.size
        for tag in "abcdef":
            assert self.pool.provides(tag.encode()) is any(tag.encode() in each.provides for each in ready)


TestPoolAgainstModel = PoolAgainstModel.TestCase
TestPoolAgainstModel.settings = settings(max_examples=80, stateful_step_count=15, deadline=None)
