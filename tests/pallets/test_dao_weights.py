"""What votes weigh, against histories kept in full; ballots counted; rules within their bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pallets.dao.rules import RuleErrors, Rules, check_rules
from pallets.dao.tally import Ballot, share
from pallets.dao.weights import MAX_LIVE, MAX_STEPS, Pool, no_power
from pallets.primitives.codec import codec_of
from pallets.primitives.fixed import U128_MAX

changes = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=40)
"""How much later, and what the pool has then."""


def least_since(history: list[tuple[int, int]], cutoff: int) -> int:
    """The least there was from just before the cutoff until now, of everything that ever happened."""
    before = [amount for when, amount in history if when < cutoff]
    return min([before[-1] if before else 0] + [amount for when, amount in history if when >= cutoff])


@given(changes)
def test_a_pool_knows_what_it_has_held_since_any_moment(steps: list[tuple[int, int]]) -> None:
    pool, history, now = Pool([], []), list[tuple[int, int]](), 5
    for later, amount in steps:
        now += later
        pool.change(amount, now)
        history.append((now, amount))
        assert pool.amount == amount
        assert [pool.held_since(cutoff) for cutoff in range(now + 2)] == [
            least_since(history, cutoff) for cutoff in range(now + 2)
        ]
        assert all(a.since < b.since and a.amount < b.amount for a, b in zip(pool.steps, pool.steps[1:], strict=False))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.sampled_from(["-", "+", "x"])), max_size=60))
@settings(max_examples=300)
def test_what_is_forgotten_no_cutoff_asks_for(steps: list[tuple[int, int, str]]) -> None:
    """Proposals come, with cutoffs no earlier than themselves, and go; pools are thinned whenever they change."""
    pool, full, now, live = Pool([], []), Pool([], []), 5, list[int]()
    for later, amount, what in steps:
        now += later
        for each in (pool, full):
            each.change(amount, now)
        pool.keep_for({*live, now}, ())
        if what == "+" and len(live) < MAX_LIVE:
            live.append(now + amount % 4)
        elif what == "x" and live:
            live.pop(0)
        assert len(pool.steps) <= len(live) + 3
        for cutoff in (*live, now, now + 1, now + 9):
            assert pool.held_since(cutoff) == full.held_since(cutoff)


def test_a_full_pool_fits_its_bounds() -> None:
    pool = Pool([], [])
    for now in range(1, 200):
        pool.change(now, now)
        pool.keep_for({*range(2, 2 * MAX_LIVE + 2, 2), now}, ())
    for proposal in range(MAX_LIVE):
        pool.pledge(proposal, U128_MAX)
    assert len(pool.steps) == MAX_STEPS
    assert codec_of(Pool).decode_all(codec_of(Pool).encode(pool)) == pool
    assert len(codec_of(Pool).encode(pool)) < 1_000


def test_what_happens_in_the_block_of_a_cutoff_comes_too_late() -> None:
    pool = Pool([], [])
    pool.change(5, 100)
    pool.change(50, 200)
    assert (pool.held_since(200), pool.held_since(201), pool.held_since(100)) == (5, 50, 0)
    pool.change(5, 200)
    assert pool.held_since(201) == 5


def test_a_break_is_not_forgiven() -> None:
    pool = Pool([], [])
    pool.change(9, 100)
    pool.change(2, 300)
    pool.change(9, 300)
    assert pool.held_since(200) == 2


def test_pledges_last_as_long_as_their_proposals_and_never_shrink() -> None:
    power = no_power()
    power.own.change(5, 1)
    power.received.change(7, 1)
    power.pledge(3, 9, cutoff=2)
    power.pledge(3, 4, cutoff=2)
    power.pledge(4, 2, cutoff=2)
    assert (power.own.pledged({3, 4}), power.received.pledged({3, 4})) == (5, 4)
    assert (power.own.pledged({4}), power.received.pledged({4})) == (2, 0)
    power.keep_for({4: 2}, 9)
    assert [pledge.proposal for pledge in power.own.pledges] == [4] and not power.received.pledges


def test_a_ballot_takes_the_place_of_the_last() -> None:
    power = no_power()
    assert power.replace(1, Ballot(3, 2, 1)).total == 0
    assert power.replace(1, Ballot(0, 9, 0)) == Ballot(3, 2, 1)
    assert power.replace(2, Ballot(1, 0, 0)).total == 0
    power.keep_for({2: 5}, 9)
    assert [cast.proposal for cast in power.cast] == [2] and not power.is_blank


@pytest.mark.parametrize(
    ("ballot", "passes"),
    [
        (Ballot(100, 0, 0), True),
        (Ballot(99, 0, 0), False),  # below the quorum
        (Ballot(60, 59, 40), True),
        (Ballot(60, 60, 40), False),  # a tie
        (Ballot(1, 0, 99), True),
        (Ballot(0, 0, 100), False),  # nobody is for it
        (Ballot(60, 39, 0), False),  # nays don't help it to its quorum
        (Ballot(U128_MAX, U128_MAX - 1, 0), True),
        (Ballot(0, 0, 0), False),
    ],
)
def test_what_passes(ballot: Ballot, passes: bool) -> None:
    assert ballot.passes(quorum=100, threshold=500_000) is passes


@given(*[st.integers(0, 50)] * 4, st.integers(500_000, 900_000))
def test_a_nay_never_helps(aye: int, nay: int, abstain: int, quorum: int, threshold: int) -> None:
    assert Ballot(aye, nay, abstain).passes(quorum, threshold) >= Ballot(aye, nay + 1, abstain).passes(
        quorum, threshold
    )


def rules(**changes: int) -> Rules:
    terms: dict[str, Any] = {
        "announcement": 6_000,
        "voting": 12_000,
        "time_lock": 6_000,
        "execute_within": 600_000,
        "quorum": 100_000,
        "threshold": 500_000,
        "floor": 10,
        "min_holders": 3,
        "min_age": 10_000,
        "reserve": 0,
    }
    return Rules(**(terms | changes))


class Chain:
    """What a chain says of all rules."""

    min_period, max_period = 1_000, 1_000_000


def test_a_quorum_is_a_share_rounded_up_and_no_less_than_the_floor() -> None:
    assert [rules().quorum_of(circulating) for circulating in (0, 99, 100, 101, 110, 1_000)] == [
        10,
        10,
        10,
        11,
        11,
        100,
    ]
    assert share(U128_MAX, 1_000_000) == U128_MAX


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        *(
            ({period: value}, RuleErrors.PeriodOutOfBounds)
            for period in ("announcement", "voting", "time_lock", "execute_within")
            for value in (0, 999, 1_000_001, (1 << 64) - 1)
        ),
        ({"min_age": 1_000_001}, RuleErrors.PeriodOutOfBounds),
        *(({"quorum": value}, RuleErrors.QuorumOutOfBounds) for value in (0, 9_999, 500_001, (1 << 32) - 1)),
        *(({"threshold": value}, RuleErrors.ThresholdOutOfBounds) for value in (0, 499_999, 900_001, 1_000_000)),
        *(({"floor": value}, RuleErrors.FloorOutOfBounds) for value in (0, 51, U128_MAX)),
        *(({"min_holders": value}, RuleErrors.HoldersOutOfBounds) for value in (0, 1, 10_001)),
    ],
)
def test_rules_that_leave_their_bounds(changes: dict[str, int], error: type[Exception]) -> None:
    check_rules(rules(), Chain(), max_floor=50)
    with pytest.raises(error):
        check_rules(rules(**changes), Chain(), max_floor=50)
