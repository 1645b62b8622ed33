"""A proposal, what it moves, and what is remembered of it."""

from __future__ import annotations

from typing import Annotated

from pallets.dao.rules import Rules
from pallets.dao.tally import Ballot
from pallets.dao.weights import MAX_LIVE, ProposalId
from pallets.frame import (
    H256,
    U32,
    U64,
    AccountId,
    Balance,
    Bound,
    Moment,
    UnitEnum,
    Variant,
    struct,
)
from pallets.fungibles import AssetId
from pallets.primitives.agent_record import AgentId, AgentPolicy
from pallets.primitives.service import MAX_HOSTS, AccessPolicy, Host, ServicePolicy
from pallets.primitives.worker_record import Measurements

MAX_CALL = 4096
"""Bytes of a motion's call."""

ContributionId = U32


@struct
class HttpPolicy:
    """What a script does over HTTP."""

    hosts: Annotated[list[Host], Bound(MAX_HOSTS)] | None
    """The hosts it may reach; with none given, any that is public."""
    service: ServicePolicy
    """What the agent pays for requests, and whose tickets say that it does."""


class Motion(Variant):
    """What a proposal does if it is approved."""


@struct
class ApproveScript(Motion):
    """Makes uploaded code the agent's script, on these terms; its proposer is remembered as a contributor."""

    hash: H256
    max_gas: U64 | None
    """The most gas a job may use; none for what it is now."""
    http: HttpPolicy | None
    """None for what it is now."""


@struct
class RollBack(Motion):
    """Makes code the agent's script again that was before; what else an agent's terms say stays."""

    hash: H256


@struct
class SetTerms(Motion):
    """Sets what of these is given: the price of gas and who gets which share of it, what of the treasury's pay is the
    creator's, in millionths, and what calls over HTTP cost beside their gas.
    """

    policy: AgentPolicy | None
    split: U32 | None
    access: AccessPolicy | None


@struct
class Spend(Motion):
    """Pays from the treasury."""

    dest: AccountId
    amount: Balance


@struct
class Reward(Motion):
    """Pays whoever proposed a script that was adopted, from the treasury; once."""

    contribution: ContributionId
    amount: Balance


@struct
class SetRules(Motion):
    """Gives proposals that are made afterwards other rules."""

    rules: Rules


@struct
class SetGuardian(Motion):
    """Says who may veto, and for how many milliseconds; no guardian can veto it."""

    who: AccountId | None
    term: U64


@struct
class Pause(Motion):
    """Has the agent take no new jobs."""


@struct
class Resume(Motion):
    """Has the agent take jobs again."""


@struct
class Hire(Motion):
    """Has new jobs done only by enclaves of these measurements; with none given, by any. The DAO's account deposits."""

    measurements: Measurements


@struct
class Ban(Motion):
    """Has none of the new jobs done by enclaves of these measurements. The DAO's account deposits."""

    measurements: Measurements


@struct(name="Call")
class MakeCall(Motion):
    """Makes a call as the DAO's account, one of those the chain lists, at every level of calls within calls."""

    call: Annotated[bytes, Bound(MAX_CALL)]
    """Its encoding; as bytes, because not every client can write a call inside an enum."""


class MotionKind(UnitEnum):
    """Which motion, by the indices of `Motion`."""

    __type_path__ = "pallet_dao::MotionKind"
    ApproveScript = 0
    RollBack = 1
    SetTerms = 2
    Spend = 3
    Reward = 4
    SetRules = 5
    SetGuardian = 6
    Pause = 7
    Resume = 8
    Hire = 9
    Ban = 10
    Call = 11


def spends(motion: Motion) -> bool:
    """Whether it is one that only units weigh on that have been locked for a while: it opens the treasury.

    Whose requests the agent pays for, and how much a minute, is that too.
    """
    if isinstance(motion, ApproveScript):
        return motion.http is not None and bool(motion.http.service.budget and motion.http.service.gateways)
    return isinstance(motion, Spend | Reward)


WHILE_PAUSED = (Resume, SetGuardian)
"""Motions that are carried out while the agent is paused."""


class ProposalState(UnitEnum):
    """Where a proposal stands."""

    __type_path__ = "pallet_dao::ProposalState"
    Announced = 0
    """It can be voted on soon; its proposer can take it back."""
    Voting = 1
    Approved = 2
    """Its motion is carried out when the time-lock ends; where that fails anyone can try again until it expires."""
    Executed = 3
    Defeated = 4
    """Too few votes, or too few ayes among them."""
    Cancelled = 5
    """Taken back by its proposer."""
    Vetoed = 6
    """Stopped by the guardian."""
    Expired = 7
    """Approved, but it couldn't be executed in time."""


ALIVE = (ProposalState.Announced, ProposalState.Voting, ProposalState.Approved)


@struct
class Proposal:
    """A proposal's record; nothing that anybody does replaces its motion, its rules or its cutoff."""

    agent: AgentId
    token: AssetId
    proposer: AccountId
    motion_hash: H256
    """BLAKE2b-256 of its motion, which `Motion` has while the proposal lives, and the event `Proposed` for good."""
    bond: Balance
    """What is held of the proposer while it lives."""
    rules: Rules
    """Those of its making."""
    cutoff: Moment
    """What has been locked since before then weighs."""
    opens: Moment
    """When the vote begins."""
    closes: Moment
    """When the vote ends."""
    executes: Moment
    """When the time-lock ends."""
    expires: Moment
    """Until when it can be executed."""
    next: Moment
    """Which of these comes next; its place in `Agenda`."""
    state: ProposalState
    circulating: Balance
    """What of the token circulated when the vote began."""
    tally: Ballot

    @property
    def quorum(self) -> int:
        """Units that ayes and abstentions have to reach."""
        return self.rules.quorum_of(self.circulating)

    def postpone(self, late: int) -> None:
        """Puts off what comes next, and all after it."""
        reached = self.next
        self.next += late
        self.opens += late if self.opens >= reached else 0
        self.closes += late if self.closes >= reached else 0
        self.executes += late if self.executes >= reached else 0
        self.expires += late if self.expires >= reached else 0


@struct
class LiveProposal:
    """What locks and votes need of a proposal that is alive."""

    id: ProposalId
    cutoff: Moment
    proposer: AccountId


LiveProposals = Annotated[list[LiveProposal], Bound(MAX_LIVE)]


@struct
class Contribution:
    """Who proposed a script that an agent's holders adopted."""

    proposer: AccountId
    proposal: ProposalId
    code: H256
    at: Moment
    reward: Balance | None = None
    """What holders paid for it."""
