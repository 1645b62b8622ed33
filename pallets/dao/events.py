"""What `Dao` tells: the events of its page, which has no room for them."""

from __future__ import annotations

from pallets.dao.rules import Guardian, Rules
from pallets.dao.tally import Ballot
from pallets.dao.terms import ContributionId, Motion, MotionKind
from pallets.dao.weights import ProposalId
from pallets.frame import H256, AccountId, Balance, Event, Moment
from pallets.frame.runtime import DispatchErrorType
from pallets.primitives.agent_record import AgentId


class DaoEvents:
    """The events of `Dao`."""

    class Proposed(Event):
        """A proposal is announced: what has been locked since before `cutoff` will weigh."""

        proposal: ProposalId
        agent: AgentId
        who: AccountId
        motion: Motion
        cutoff: Moment
        opens: Moment

    class Locked(Event):
        """An account locked units of an agent's token; `total` are locked now."""

        agent: AgentId
        who: AccountId
        amount: Balance
        total: Balance

    class Unlocked(Event):
        """An account's units are its own to move again; `total` stay locked."""

        agent: AgentId
        who: AccountId
        amount: Balance
        total: Balance

    class Delegated(Event):
        """Another votes with an account's locked units from now on; itself if none."""

        agent: AgentId
        who: AccountId
        delegate: AccountId | None
        amount: Balance

    class VoteOpened(Event):
        """A vote has begun: so much circulates, so many units ayes and abstentions have to reach."""

        proposal: ProposalId
        agent: AgentId
        circulating: Balance
        quorum: Balance
        closes: Moment

    class Voted(Event):
        """An account's ballot, in place of any it has cast before."""

        proposal: ProposalId
        agent: AgentId
        who: AccountId
        ballot: Ballot

    class Approved(Event):
        """A vote has ended in favour: the motion is carried out when the time-lock ends."""

        proposal: ProposalId
        agent: AgentId
        tally: Ballot
        executes: Moment

    class Defeated(Event):
        """A vote has ended without enough votes, or enough ayes among them."""

        proposal: ProposalId
        agent: AgentId
        tally: Ballot

    class Executed(Event):
        """A motion of this kind was carried out."""

        proposal: ProposalId
        agent: AgentId
        motion: MotionKind

    class ExecutionFailed(Event):
        """A motion couldn't be carried out, for this reason; anyone may `execute` it until it expires."""

        proposal: ProposalId
        agent: AgentId
        error: DispatchErrorType

    class Cancelled(Event):
        """A proposal was taken back by its proposer."""

        proposal: ProposalId
        agent: AgentId

    class Vetoed(Event):
        """A proposal was stopped by the guardian."""

        proposal: ProposalId
        agent: AgentId
        guardian: AccountId

    class Expired(Event):
        """An approved proposal couldn't be executed in time."""

        proposal: ProposalId
        agent: AgentId

    class Abandoned(Event):
        """A proposal was dropped, since for this reason it could go no further."""

        proposal: ProposalId
        agent: AgentId
        error: DispatchErrorType

    class BondLost(Event):
        """A proposal was vetoed, or few voted on it: its proposer's bond is the agent's."""

        proposal: ProposalId
        agent: AgentId
        who: AccountId
        amount: Balance

    class Spent(Event):
        """An agent's treasury paid somebody."""

        agent: AgentId
        dest: AccountId
        amount: Balance

    class RulesSet(Event):
        """Proposals of an agent follow these rules from now on."""

        agent: AgentId
        rules: Rules

    class GuardianSet(Event):
        """An agent's guardian from now on."""

        agent: AgentId
        guardian: Guardian

    class Contributed(Event):
        """A script that this account proposed was adopted."""

        agent: AgentId
        contribution: ContributionId
        who: AccountId
        code: H256

    class Rewarded(Event):
        """A contribution was paid for."""

        agent: AgentId
        contribution: ContributionId
        who: AccountId
        amount: Balance
