"""The pool against a model that keeps one list and recomputes everything."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from node.chain.pool import Change, ImmediatelyDropped, Outcome, Pool, PoolError, PoolLimits, PoolTransaction
from tests.node.chain.pool_model import Model, tx

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
        new = new._replace(valid_till=self.number + new.valid_till)
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
