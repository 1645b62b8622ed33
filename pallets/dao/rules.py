"""The rules an agent's proposals follow, and the bounds that no agent's rules leave."""

from __future__ import annotations

from typing import Protocol

from pallets.dao.tally import share
from pallets.frame import U32, U64, AccountId, Balance, Error, Moment, struct

DAY = 24 * 60 * 60_000
"""Milliseconds."""
MIN_QUORUM, MAX_QUORUM = 10_000, 500_000
"""Millionths of what circulates."""
MIN_THRESHOLD, MAX_THRESHOLD = 500_000, 900_000
"""Millionths of ayes and nays."""
MIN_HOLDERS, MAX_HOLDERS = 2, 10_000


@struct
class Rules:
    """What an agent's proposals follow; a proposal keeps those it was made under."""

    announcement: U64
    """Milliseconds from a proposal to its vote: what is locked until then weighs."""
    voting: U64
    """Milliseconds that the vote takes."""
    time_lock: U64
    """Milliseconds from the end of the vote to the motion's execution."""
    execute_within: U64
    """Milliseconds after which an approved motion that couldn't be executed is dropped."""
    quorum: U32
    """Millionths of what circulates that ayes and abstentions have to reach."""
    threshold: U32
    """Millionths of ayes and nays that ayes have to exceed."""
    floor: Balance
    """Units that ayes and abstentions have to reach, however little circulates."""
    min_holders: U32
    """How many have to hold the token for the treasury to be spent."""
    min_age: U64
    """Milliseconds that units have to be locked to weigh on spending."""
    reserve: Balance
    """What spending leaves in the treasury."""

    def quorum_of(self, circulating: int) -> int:
        """Units that ayes and abstentions have to reach."""
        return max(share(circulating, self.quorum), self.floor)


def usual_rules() -> Rules:
    """What agents follow that set no rules of their own, on a chain whose genesis says nothing; in whole tokens."""
    return Rules(
        announcement=DAY,
        voting=3 * DAY,
        time_lock=2 * DAY,
        execute_within=7 * DAY,
        quorum=100_000,
        threshold=500_000,
        floor=1,
        min_holders=3,
        min_age=DAY,
        reserve=0,
    )


@struct
class Guardian:
    """Who may veto, and how long."""

    who: AccountId | None
    until: Moment


class RuleErrors:
    """Why `Dao` refuses rules."""

    class PeriodOutOfBounds(Error):
        """Each period is between `MinPeriod` and `MaxPeriod`, and the age of holding no longer than that."""

    class QuorumOutOfBounds(Error):
        """The quorum is 1 to 50 % of what circulates."""

    class ThresholdOutOfBounds(Error):
        """The threshold is 50 to 90 % of ayes and nays."""

    class FloorOutOfBounds(Error):
        """The floor is at least one unit, and at most one whole token, half of what circulates, or what it was; when
        the token is launched, half of what its curve sells: set a lower one, or sell more."""

    class HoldersOutOfBounds(Error):
        """Spending needs 2 to 10,000 holders."""


class Bounds(Protocol):
    """What a chain says of all rules."""

    min_period: int
    max_period: int


def check_rules(rules: Rules, bounds: Bounds, *, max_floor: int) -> None:
    """Raises which bound the rules leave; `max_floor` is the highest floor, in units."""
    periods = (rules.announcement, rules.voting, rules.time_lock, rules.execute_within)
    if not all(bounds.min_period <= period <= bounds.max_period for period in periods):
        raise RuleErrors.PeriodOutOfBounds
    if rules.min_age > bounds.max_period:
        raise RuleErrors.PeriodOutOfBounds
    if not MIN_QUORUM <= rules.quorum <= MAX_QUORUM:
        raise RuleErrors.QuorumOutOfBounds
    if not MIN_THRESHOLD <= rules.threshold <= MAX_THRESHOLD:
        raise RuleErrors.ThresholdOutOfBounds
    if not 0 < rules.floor <= max_floor:
        raise RuleErrors.FloorOutOfBounds
    if not MIN_HOLDERS <= rules.min_holders <= MAX_HOLDERS:
        raise RuleErrors.HoldersOutOfBounds
