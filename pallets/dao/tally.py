"""Votes counted, and what they come to: pure.

A proposal passes if *support*, ayes and abstentions, reaches the quorum, and of ayes and nays more than the threshold
are ayes. So a nay never helps a proposal to its quorum: staying away is no better than voting against.
"""

from __future__ import annotations

from pallets.frame import Balance, struct

MILLION = 1_000_000


@struct
class Ballot:
    """Units by what they say; one account's, or all together."""

    aye: Balance
    nay: Balance
    abstain: Balance

    @property
    def total(self) -> int:
        """All of them."""
        return self.aye + self.nay + self.abstain

    def plus(self, other: Ballot) -> Ballot:
        """Both together."""
        return Ballot(self.aye + other.aye, self.nay + other.nay, self.abstain + other.abstain)

    def minus(self, other: Ballot) -> Ballot:
        """This one without another that is part of it."""
        return Ballot(self.aye - other.aye, self.nay - other.nay, self.abstain - other.abstain)

    def passes(self, quorum: int, threshold: int) -> bool:
        """Whether support reaches `quorum` units, and of ayes and nays more than `threshold` millionths are ayes."""
        return self.aye + self.abstain >= quorum and self.aye * MILLION > (self.aye + self.nay) * threshold


def share(of: int, millionths: int) -> int:
    """A share of an amount, rounded up."""
    return -(-of * millionths // MILLION)
