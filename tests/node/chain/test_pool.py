"""The pool, case by case."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from node.chain.pool import (
    AlreadyImported,
    Change,
    CycleDetected,
    ImmediatelyDropped,
    NoTagsProvided,
    Outcome,
    Pool,
    PoolLimits,
    PoolTransaction,
    TooLowPriority,
)
from pallets.frame.validity import MAX_LONGEVITY, ValidTransaction
from tests.node.chain.pool_model import tx

ROOMY = PoolLimits(10_000, 1 << 30)


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
    assert said(pool.expire(5)) == [("a", "invalid"), ("f", "invalid"), ("b", "future"), ("c", "future")]
    assert said(pool.remove(tx("c").hash, Change.DROPPED)) == [("c", "dropped")]
    assert pool.remove(tx("c").hash, Change.DROPPED) == []
    assert said(pool.expire(9)) == [("b", "invalid")]
    assert (pool.ready_count, pool.future_count, pool.ready_size, pool.future_size) == (0, 0, 0, 0)


def test_what_expires_together_pushes_nobody_out() -> None:
    pool = Pool(ROOMY, PoolLimits(1, 1000))
    for each in (tx("a", till=5), tx("dies too", ["a"], till=5), tx("lives", ["a"], till=9)):
        pool.import_(each)
    assert said(pool.expire(5)) == [("a", "invalid"), ("dies too", "invalid"), ("lives", "future")]


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
