"""How much an account votes with: pure, so that it can be tested against histories kept in full.

## Overview

Every locked unit is in one pool at a time: its owner's own, or its delegate's received one. A pool remembers since when
it has had how much *without a break*, as steps that grow in both, so that

    held_since(cutoff) = the least that the pool had from just before the cutoff until now

A vote weighs what its pools have held since the proposal's cutoff, and pledges it: a pool can't fall below its largest
pledge to a live proposal. So whoever moves units after a cutoff takes no weight along, what was voted with stays, and
the votes on a proposal add up to no more than was locked just before its cutoff, each unit in the one pool it was in.

What happens in a block has the block's time, and `held_since` asks for what was there before: what is locked in the
block of a cutoff comes too late, so nothing that is borrowed for a block weighs.

## Bounds

Between two cutoffs steps make no difference: `keep_for` drops those that no cutoff of a live proposal, nor one to come,
tells apart. A pool has no more steps than cutoffs, and one, however many accounts delegate to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated

from pallets.dao.tally import Ballot
from pallets.frame import U64, AccountId, Balance, Bound, Moment, struct

ProposalId = U64

MAX_LIVE = 16
"""Proposals of an agent that are alive at once."""
MAX_STEPS = MAX_LIVE + 2
"""One for each live proposal, one for the current block, and what there is now."""


@struct
class Step:
    """What a pool has had at least, since a moment."""

    since: Moment
    amount: Balance


@struct
class Pledge:
    """What a pool must keep while a proposal lives."""

    proposal: ProposalId
    amount: Balance


@struct
class Pool:
    """Locked units that one account votes with; see the module's text."""

    steps: Annotated[list[Step], Bound(MAX_STEPS)]
    pledges: Annotated[list[Pledge], Bound(MAX_LIVE)]

    @property
    def amount(self) -> int:
        """What it has."""
        return self.steps[-1].amount if self.steps else 0

    def pledged(self, live: Collection[int]) -> int:
        """What it must keep while these proposals live."""
        return max((pledge.amount for pledge in self.pledges if pledge.proposal in live), default=0)

    def held_since(self, cutoff: int) -> int:
        """The least it has had from just before the cutoff until now."""
        return next((step.amount for step in reversed(self.steps) if step.since < cutoff), 0)

    def change(self, amount: int, now: int) -> None:
        """Makes the pool have an amount."""
        since, steps = now, self.steps
        while steps and steps[-1].amount >= amount:
            since = steps.pop().since
        if steps and steps[-1].since == since:
            steps[-1].amount = amount
        elif amount:
            steps.append(Step(since, amount))

    def keep_for(self, cutoffs: Collection[int], live: Collection[int]) -> None:
        """Forgets what matters to none of these cutoffs nor a later one, and pledges to other proposals than these."""
        later = [step.since for step in self.steps[1:]]
        self.steps = [
            step
            for step, next_since in zip(self.steps, later, strict=False)
            if any(step.since < cutoff <= next_since for cutoff in cutoffs)
        ] + self.steps[-1:]
        self.pledges = [pledge for pledge in self.pledges if pledge.proposal in live]

    def pledge(self, proposal: int, amount: int) -> None:
        """Pledges an amount to a proposal; what was pledged to it before stays, be it more."""
        for pledge in self.pledges:
            if pledge.proposal == proposal:
                pledge.amount = max(pledge.amount, amount)
                return
        if amount:
            self.pledges.append(Pledge(proposal, amount))


@struct
class Cast:
    """An account's vote on a live proposal."""

    proposal: ProposalId
    ballot: Ballot


@struct
class Power:
    """All that an account votes with on one agent's proposals, and how it did."""

    delegate: AccountId | None
    """Who votes with what the account has locked; itself if nobody."""
    own: Pool
    """What it has locked; empty while it has a delegate."""
    lock: Pool
    """What it has locked, whoever votes with it: so long and so much counts for access. Nothing is pledged of it."""
    received: Pool
    """What others have delegated to it; to be passed on to nobody."""
    cast: Annotated[list[Cast], Bound(MAX_LIVE)]

    @property
    def amount(self) -> int:
        """What it would vote with if a cutoff were to come."""
        return self.own.amount + self.received.amount

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to remember."""
        pools = (self.own, self.lock, self.received)
        return not self.cast and not any(pool.steps or pool.pledges for pool in pools)

    def held_since(self, cutoff: int) -> int:
        """What it votes with on a proposal of this cutoff."""
        return self.own.held_since(cutoff) + self.received.held_since(cutoff)

    def keep_for(self, live: Mapping[int, int], now: int) -> None:
        """Forgets what no live proposal needs, given their cutoffs, nor one that may be made in a block of now."""
        for pool in (self.own, self.received):
            pool.keep_for({*live.values(), now}, live)
        self.cast = [cast for cast in self.cast if cast.proposal in live]

    def pledge(self, proposal: int, amount: int, cutoff: int) -> None:
        """Pledges what it has held since a cutoff, its own first."""
        own = min(amount, self.own.held_since(cutoff))
        self.own.pledge(proposal, own)
        self.received.pledge(proposal, amount - own)

    def replace(self, proposal: int, ballot: Ballot) -> Ballot:
        """Casts a ballot; answers the one it takes the place of, or an empty one."""
        for cast in self.cast:
            if cast.proposal == proposal:
                before, cast.ballot = cast.ballot, ballot
                return before
        self.cast.append(Cast(proposal, ballot))
        return Ballot(0, 0, 0)


def no_power() -> Power:
    """Of an account that has locked nothing and received nothing."""
    return Power(None, Pool([], []), Pool([], []), Pool([], []), [])
