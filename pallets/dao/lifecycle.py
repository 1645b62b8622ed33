"""A proposal's life: what the chain does of its own accord, when the time comes.

```
propose ──> Announced ──> Voting ──> Approved ──> Executed
                │            └──> Defeated  └──> Expired
                └──> Cancelled     Vetoed, until the time-lock ends
```
A step happens in the first block at or after its time, before that block's transactions. What comes later is put off
by as much as the chain is late: a vote takes as long as it should, and so does a time-lock. What circulates is noted
when a vote opens, as the last block left it.

What was pledged to a proposal is free as soon as that leaves `Live`, however many have voted.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pallets.calendar import carry_out, due
from pallets.dao.motions import carry_out_motion, weight_of
from pallets.dao.rules import Rules
from pallets.dao.tally import Ballot
from pallets.dao.terms import LiveProposal, Motion, MotionKind, Proposal, ProposalState, spends
from pallets.frame import DispatchError, Weight
from pallets.primitives.hashing import blake2_256

if TYPE_CHECKING:
    from pallets.dao.pallet import Dao

STEP_WEIGHT = Weight(500_000_000, 20_000)


def announce(dao: Dao, who: bytes, agent: int, token: int, motion: Motion, rules: Rules) -> int:
    """Begins a proposal; answers its number, which no other ever has.

    Of spending the announcement takes at least the age of holding, so that the cutoff, which is that much earlier than
    the vote, is never before the proposal.
    """
    dao.currency.hold(dao.HoldReason.Proposal, who, dao.bond, keep_alive=True)
    id, now = dao.next_proposal, dao.timestamp.now
    dao.next_proposal = id + 1
    age = rules.min_age if spends(motion) else 0
    opens = now + max(rules.announcement, age)
    closes = opens + rules.voting
    executes = closes + rules.time_lock
    dao.proposal[id] = Proposal(
        agent=agent,
        token=token,
        proposer=who,
        motion_hash=blake2_256(dao.codecs.of(Motion).encode(motion)),
        bond=dao.bond,
        rules=rules,
        cutoff=opens - age,
        opens=opens,
        closes=closes,
        executes=executes,
        expires=executes + rules.execute_within,
        next=opens,
        state=ProposalState.Announced,
        circulating=0,
        tally=Ballot(0, 0, 0),
    )
    dao.motion[id] = motion
    dao.agenda[opens, id] = None
    dao.live[agent] = [*dao.live[agent], LiveProposal(id, opens - age, who)]
    dao.deposit(dao.Proposed(id, agent, who, motion, opens - age, opens))
    return id


def fall_due(dao: Dao) -> None:
    """Takes the steps that are due, a bounded number a block."""

    def give_up(id: int, error: DispatchError) -> None:
        proposal = dao.proposal[id]
        proposal.state = ProposalState.Expired
        dao.proposal[id] = proposal
        _forget(dao, id, proposal)
        with suppress(DispatchError), dao.runtime.transactional():
            dao.currency.release(dao.HoldReason.Proposal, proposal.proposer, proposal.bond)
        dao.deposit(dao.Abandoned(id, proposal.agent, error))

    fallen = due(dao.agenda, dao.timestamp.now, dao.max_due)
    dao.system.register_weight(STEP_WEIGHT * len(fallen))
    for entry in fallen:
        carry_out(dao.runtime, dao.agenda, entry, lambda when, id: _step(dao, id, dao.proposal[id]), give_up)


def execute(dao: Dao, id: int, proposal: Proposal) -> None:
    """Carries out an approved motion. The proposal is over before its motion begins, so nothing carries it out twice.

    Raises a `DispatchError` where that fails; what was done so far is for the caller's storage layer to undo.
    """
    motion = dao.motion[id]
    die(dao, id, proposal, ProposalState.Executed)
    carry_out_motion(dao, id, proposal, motion)
    dao.deposit(dao.Executed(id, proposal.agent, MotionKind(motion.variant_index)))


def die(dao: Dao, id: int, proposal: Proposal, state: ProposalState) -> None:
    """Ends a proposal: what was pledged to it is free, its bond the proposer's again, or the agent's."""
    del dao.agenda[proposal.next, id]
    proposal.state = state
    dao.proposal[id] = proposal
    _forget(dao, id, proposal)
    ignored = state is ProposalState.Defeated and proposal.tally.total < proposal.quorum
    if state is ProposalState.Vetoed or ignored:
        treasury = dao.companies.treasury(proposal.agent)
        dao.currency.transfer_held(dao.HoldReason.Proposal, proposal.proposer, treasury, proposal.bond)
        dao.deposit(dao.BondLost(id, proposal.agent, proposal.proposer, proposal.bond))
    else:
        dao.currency.release(dao.HoldReason.Proposal, proposal.proposer, proposal.bond)


def _forget(dao: Dao, id: int, proposal: Proposal) -> None:
    """Removes what only a live proposal has."""
    del dao.motion[id]
    left = [live for live in dao.live[proposal.agent] if live.id != id]
    if left:
        dao.live[proposal.agent] = left
    else:
        del dao.live[proposal.agent]


def _step(dao: Dao, id: int, proposal: Proposal) -> None:
    proposal.postpone(dao.timestamp.now - proposal.next)
    del dao.agenda[dao.proposal[id].next, id]
    match proposal.state:
        case ProposalState.Announced:
            proposal.circulating = dao.holders.circulating(proposal.token)
            _go_on(dao, id, proposal, ProposalState.Voting, proposal.closes)
            dao.deposit(dao.VoteOpened(id, proposal.agent, proposal.circulating, proposal.quorum, proposal.closes))
        case ProposalState.Voting if proposal.tally.passes(proposal.quorum, proposal.rules.threshold):
            _go_on(dao, id, proposal, ProposalState.Approved, proposal.executes)
            dao.deposit(dao.Approved(id, proposal.agent, proposal.tally, proposal.executes))
        case ProposalState.Voting:
            die(dao, id, proposal, ProposalState.Defeated)
            dao.deposit(dao.Defeated(id, proposal.agent, proposal.tally))
        case _ if proposal.next == proposal.executes:
            _try(dao, id, proposal)
        case _:
            die(dao, id, proposal, ProposalState.Expired)
            dao.deposit(dao.Expired(id, proposal.agent))


def _go_on(dao: Dao, id: int, proposal: Proposal, state: ProposalState, next: int) -> None:
    proposal.state, proposal.next = state, next
    dao.proposal[id] = proposal
    dao.agenda[next, id] = None


def _try(dao: Dao, id: int, proposal: Proposal) -> None:
    _go_on(dao, id, proposal, ProposalState.Approved, proposal.expires)
    dao.system.register_weight(weight_of(dao.motion[id]))
    try:
        with dao.runtime.transactional():
            execute(dao, id, proposal)
    except DispatchError as error:
        dao.deposit(dao.ExecutionFailed(id, proposal.agent, error))
