"""The DAO of each agent: its holders lock, propose, vote, and what they approve is carried out.

## Overview

As long as nobody holds an agent's token its creator is its DAO. From then on whatever governs the agent is a motion:

1. `propose` it. It is announced; what is locked when the announcement ends is what weighs.
2. `vote` with what was locked and still is: aye, nay, abstain, or some of each, until the vote ends.
3. If support reaches the quorum and ayes the threshold, the time-lock begins, in which the guardian may `veto`.
4. The block in which the time-lock ends carries the motion out, before its transactions. Where that fails, anyone may
   `execute` it, for a while. Then it is dead, as every proposal is some day.

Units that are locked stay their owner's and earn, but can't leave the account: `frozen` is what `Assets` asks. They
vote for their owner or for one other, who can't pass them on. What has been voted with stays locked until the proposal
is executed or dies (`pallets.dao.weights` says why no unit counts twice, and why nothing depends on how many vote).

The treasury is spent by `Spend` and `Reward`, never below a reserve, and by the requests that an `ApproveScript` has it
pay for: if enough accounts hold the token, by those who have locked theirs for a while. All else is done as the DAO's
account, which has what it was given and no more.

## Out of scope

What a script may do, and what agents allow their DAO (`pallets.agents`); the token and its holders (`pallets.assets`,
`pallets.dividends`). `docs/dao.md` is for users.
"""

from __future__ import annotations

from pallets.calendar import first_due
from pallets.companies import Holders
from pallets.dao import lifecycle, locks
from pallets.dao.errors import DaoErrors
from pallets.dao.events import DaoEvents
from pallets.dao.motions import (
    MAX_CALL_WEIGHT,
    MOTION_WEIGHT,
    GovernedCompanies,
    check_motion,
    fit_for_motions,
    pay,
)
from pallets.dao.rules import Guardian, RuleErrors, Rules, check_rules, usual_rules
from pallets.dao.tally import Ballot, share
from pallets.dao.terms import (
    ALIVE,
    Contribution,
    ContributionId,
    LiveProposals,
    Motion,
    Proposal,
    ProposalState,
    SetGuardian,
)
from pallets.dao.weights import MAX_LIVE, Power, ProposalId, no_power
from pallets.frame import (
    U32,
    U64,
    AccountId,
    Address,
    Balance,
    Compact,
    Const,
    DoubleMap,
    DueKey,
    Error,
    Map,
    Pallet,
    Reasons,
    Signed,
    Value,
    Weight,
    call,
)
from pallets.frame.genesis import InvalidGenesis
from pallets.fungible import Currency
from pallets.fungibles import AssetId, Fungibles
from pallets.primitives.agent_record import AgentId
from pallets.primitives.fixed import U128_MAX
from pallets.primitives.hashing import Blake2_128Concat, Identity
from pallets.primitives.pots import is_pot
from pallets.system.pallet import System
from pallets.timestamp import Timestamp

LOCK_WEIGHT = Weight(450_000_000, 16_000)
VOTE_WEIGHT = Weight(350_000_000, 14_000)


def _propose_weight(agent: int, motion: Motion) -> Weight:
    """A trial of the motion, and what is written."""
    return Weight(600_000_000, 20_000) + MOTION_WEIGHT


class Dao(DaoEvents, DaoErrors, RuleErrors, Pallet):
    """What agents' holders decide, by units they lock."""

    system: System
    timestamp: Timestamp
    currency: Currency
    tokens: Fungibles
    companies: GovernedCompanies
    holders: Holders
    callable: frozenset[str]
    """Calls that a motion may make, by name."""
    bond: Const[Balance]
    """What is held of a proposer while its proposal lives."""
    proposer_share: Const[U32]
    """Millionths of the quorum that the proposer must have locked, for each of its proposals that are alive."""
    min_period: Const[U64]
    """The shortest that rules let a period be, in milliseconds."""
    max_period: Const[U64]
    """The longest."""
    guardianship: Const[U64]
    """How long the creator is guardian from when its agent's token is first locked, in milliseconds."""
    max_guardianship: Const[U64]
    """The longest that a guardian is appointed for, in milliseconds."""
    epoch: Const[U64]
    """How long units are locked before their owner's access counts them, in milliseconds."""
    max_live: Const[U32] = MAX_LIVE
    """How many proposals of an agent are alive at once."""
    max_due: Const[U32]
    """How many proposals a block takes a step further."""

    class HoldReason(Reasons):
        """What is held here."""

        Proposal = 0
        """A proposal's bond."""

    next_proposal = Value[ProposalId](default=0)
    """The number of the next proposal."""
    proposal = Map[ProposalId, Proposal](missing=DaoErrors.UnknownProposal)
    """All proposals there ever were."""
    motion = Map[ProposalId, Motion]()
    """What the live ones do if they are approved."""
    live = Map[AgentId, LiveProposals](default=list)
    """Each agent's proposals that are alive."""
    agenda = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """When which proposal goes a step further."""
    locked = DoubleMap[AssetId, AccountId, Balance](default=0, hashers=(Blake2_128Concat, Blake2_128Concat))
    """How much of a token an account has locked."""
    power = DoubleMap[AssetId, AccountId, Power](default=no_power, hashers=(Blake2_128Concat, Blake2_128Concat))
    """What an account votes with on the proposals of a token's agent, since when, and how it did."""
    default_rules = Value[Rules](default=usual_rules)
    """What an agent's rules are until it sets others; the floor is in whole tokens."""
    rules = Map[AgentId, Rules]()
    """The rules of agents that have set their own."""
    guardian = Map[AgentId, Guardian](default=lambda: Guardian(None, 0))
    """Who may veto an agent's proposals, and how long."""
    contribution = DoubleMap[AgentId, ContributionId, Contribution](missing=DaoErrors.UnknownContribution)
    """Who proposed the scripts that an agent's holders adopted."""
    next_contribution = Map[AgentId, ContributionId](default=0)
    """The number of each agent's next contribution."""

    def genesis(self, default_rules: Rules | None = None) -> None:
        self.default_rules = rules = default_rules or usual_rules()
        try:
            check_rules(rules, self, max_floor=U128_MAX)
        except Error as error:
            raise InvalidGenesis(f"dao: {error}") from None

    def integrity_test(self) -> None:
        if not (0 < self.min_period <= self.max_period and self.max_due and self.max_live <= MAX_LIVE):
            raise ValueError(
                f"Dao: min_period and max_due are above zero, max_period no less, max_live up to {MAX_LIVE}"
            )
        if not fit_for_motions(self.callable):
            raise ValueError("Dao: callable lists a call that no motion may make")

    def on_randomness(self, mix: bytes) -> None:
        """Once a block, when its time is known and none of its transactions has run: what is due."""
        lifecycle.fall_due(self)

    def next_due(self) -> int | None:
        """When a proposal goes a step further next, in milliseconds."""
        return first_due(self.agenda)

    # Calls

    @call(0, weight=_propose_weight)
    def propose(self, who: Signed, agent: AgentId, motion: Motion) -> None:
        """Announce a motion; what is locked when the announcement ends is what weighs on it.

        Takes `ProposerShare` of the quorum, locked in an earlier block, for each of the signer's proposals that are
        alive, twice as much for every two in the second half of the agenda, and a bond, which the agent keeps if the
        proposal is vetoed, or if fewer than the quorum vote on it at all. A motion that would fail now is refused with
        its error.
        """
        token, now, rules = self._governed_by_holders(agent), self.timestamp.now, self.rules_of(agent)
        live = self.live[agent]
        if len(live) >= self.max_live:
            raise self.TooManyProposals
        power = self.power[token, who]
        needed = share(rules.quorum_of(self.holders.circulating(token)), self.proposer_share)
        needed *= 1 + sum(each.proposer == who for each in live)
        needed <<= max(len(live) - self.max_live // 2, 0) // 2
        if power.held_since(now) < needed:
            raise self.TooLittleWeight
        check_motion(self, agent, motion)
        id = lifecycle.announce(self, who, agent, token, motion, rules)
        power.pledge(id, needed, now)
        locks.keep(self, token, who, power, self.live[agent])

    @call(1, weight=LOCK_WEIGHT)
    def lock(self, who: Signed, agent: AgentId, amount: Compact[Balance]) -> None:
        """Lock units of the agent's token, to vote with: they stay the signer's and earn, but can't leave it."""
        token = self._token(agent)
        if not amount:
            raise self.ZeroAmount
        if is_pot(who):
            raise self.PotsDontVote
        before = self.locked[token, who]
        total = before + amount
        if total > self.tokens.balance(token, who):
            raise self.TooFewTokens
        if not before and agent not in self.guardian:
            self.guardian[agent] = Guardian(self.companies.owner(agent), self.timestamp.now + self.guardianship)
        locks.note(self, agent, token, who, total)
        locks.move(self, agent, token, who, amount)
        self.deposit(self.Locked(agent, who, amount, total))

    @call(2, weight=LOCK_WEIGHT)
    def unlock(self, who: Signed, agent: AgentId, amount: Compact[Balance]) -> None:
        """Unlock units, at once, but for what was voted with, by the signer or its delegate, on a live proposal."""
        token = self._token(agent)
        if not amount:
            raise self.ZeroAmount
        left = self.locked[token, who] - amount
        if left < 0:
            raise self.TooFewLocked
        locks.move(self, agent, token, who, -amount)
        locks.note(self, agent, token, who, left)
        self.deposit(self.Unlocked(agent, who, amount, left))

    @call(3, weight=LOCK_WEIGHT + LOCK_WEIGHT)
    def delegate(self, who: Signed, agent: AgentId, to: AccountId | None) -> None:
        """Have another vote with all that the signer has locked, and locks later; with none given, the signer again.

        It weighs on proposals whose cutoff is still to come. What others delegate to the signer stays the signer's to
        vote with. Refused while what moves has been voted with on a live proposal.
        """
        token = self._token(agent)
        amount = self.locked[token, who]
        if not amount:
            raise self.NothingLocked
        if to == who:
            raise self.SelfDelegation
        if to is not None and is_pot(to):
            raise self.PotsDontVote
        if self.power[token, who].delegate == to:
            raise self.SameDelegate
        locks.move(self, agent, token, who, -amount)
        power = self.power[token, who]
        power.delegate = to
        self.power[token, who] = power
        locks.move(self, agent, token, who, amount)
        self.deposit(self.Delegated(agent, who, to, amount))

    @call(4, weight=VOTE_WEIGHT)
    def vote(self, who: Signed, proposal: ProposalId, ballot: Ballot) -> None:
        """Vote with up to what the signer had to vote with at the proposal's cutoff and has still; aye, nay, abstain.

        A second ballot takes the first one's place. What is voted with stays locked until the proposal is executed or
        dies, even if a second ballot has less.
        """
        found = self.proposal[proposal]
        if found.state is ProposalState.Announced:
            raise self.VoteNotBegun
        if found.state is not ProposalState.Voting or self.timestamp.now >= found.closes:
            raise self.VoteOver
        if not ballot.total:
            raise self.EmptyBallot
        power = self.power[found.token, who]
        weight = power.held_since(found.cutoff)
        if not weight:
            raise self.NoWeight
        if ballot.total > weight:
            raise self.OverWeight
        power.pledge(proposal, ballot.total, found.cutoff)
        before = power.replace(proposal, ballot)
        locks.keep(self, found.token, who, power, self.live[found.agent])
        found.tally = found.tally.minus(before).plus(ballot)
        self.proposal[proposal] = found
        self.deposit(self.Voted(proposal, found.agent, who, ballot))

    @call(5, weight=Weight(300_000_000, 12_000) + MOTION_WEIGHT + MAX_CALL_WEIGHT)
    def execute(self, who: Signed, proposal: ProposalId) -> None:
        """Carry out an approved motion that failed when the time-lock ended; anyone may, until it expires."""
        found = self._alive(proposal)
        if found.state is not ProposalState.Approved:
            raise self.NotApproved
        now = self.timestamp.now
        if now < found.executes:
            raise self.TimeLocked
        if now >= found.expires:
            raise self.TooLate
        lifecycle.execute(self, proposal, found)

    @call(6, weight=Weight(300_000_000, 10_000))
    def cancel(self, who: Signed, proposal: ProposalId) -> None:
        """Take one's own proposal back while it is announced; the bond is free again."""
        found = self._alive(proposal)
        if found.proposer != who:
            raise self.NotProposer
        if found.state is not ProposalState.Announced or self.timestamp.now >= found.opens:
            raise self.VoteBegun
        lifecycle.die(self, proposal, found, ProposalState.Cancelled)
        self.deposit(self.Cancelled(proposal, found.agent))

    @call(7, weight=Weight(400_000_000, 14_000))
    def veto(self, who: Signed, proposal: ProposalId) -> None:
        """Stop a proposal, as the agent's guardian, until its time-lock ends; not one on who is to be guardian."""
        found = self._alive(proposal)
        guardian = self.guardian[found.agent]
        if guardian.who != who or self.timestamp.now >= guardian.until:
            raise self.NotGuardian
        if isinstance(self.motion[proposal], SetGuardian):
            raise self.NotVetoable
        if found.state is ProposalState.Approved and self.timestamp.now >= found.executes:
            raise self.VetoTooLate
        lifecycle.die(self, proposal, found, ProposalState.Vetoed)
        self.deposit(self.Vetoed(proposal, found.agent, who))

    @call(8, weight=Weight(400_000_000, 14_000))
    def spend(self, who: Signed, agent: AgentId, dest: Address, amount: Compact[Balance]) -> None:
        """Pay from the agent's treasury, as its creator, before anybody holds its token; the reserve stays."""
        self._governed_by_creator(agent, who)
        pay(self, agent, dest, amount)

    @call(9, weight=Weight(250_000_000, 8_000))
    def set_rules(self, who: Signed, agent: AgentId, rules: Rules) -> None:
        """Set the agent's rules, as its creator, before anybody holds its token.

        Before its launch the floor may be whatever its curve will bear, which `Curves.create` judges.
        """
        self._governed_by_creator(agent, who)
        self.change_rules(agent, rules)

    @call(10, weight=Weight(250_000_000, 8_000))
    def set_guardian(self, who: Signed, agent: AgentId, guardian: AccountId | None, term: U64) -> None:
        """Appoint the agent's guardian for so many milliseconds, as its creator, before anybody holds its token."""
        self._governed_by_creator(agent, who)
        self.appoint(agent, guardian, term)

    # What other pallets may ask

    def check_launch(self, agent: AgentId, supply: Balance) -> None:
        """Raises `FloorOutOfBounds` where the floor is more than half of what an agent's curve sells: `Government`."""
        if self.rules_of(agent).floor > max(supply // 2, 1):
            raise self.FloorOutOfBounds

    def frozen(self, id: AssetId, who: AccountId) -> Balance:
        """How much of a token can't leave an account: `FrozenBalance`."""
        return self.locked[id, who]

    def weight(self, proposal: ProposalId, who: AccountId) -> Balance:
        """How much an account votes with on a live proposal, as things are now."""
        found = self.proposal[proposal]
        return self.power[found.token, who].held_since(found.cutoff) if found.state in ALIVE else 0

    def settled(self, agent: AgentId, who: AccountId) -> Balance:
        """How much an account has had locked all through the last full epoch and until now, whoever votes with it."""
        token = self.companies.token(agent)
        if token is None:
            return 0
        now = self.timestamp.now
        return self.power[token, who].lock.held_since(now - now % self.epoch - self.epoch)

    # Parts of motions

    def rules_of(self, agent: int) -> Rules:
        """The rules that a proposal of the agent would follow now."""
        rules = self.rules.get(agent)
        if rules is None:
            rules = self.default_rules
            rules.floor = min(rules.floor * self._whole_token(agent), U128_MAX)
        return rules

    def change_rules(self, agent: int, rules: Rules) -> None:
        """Sets an agent's rules; raises which bound they leave. A floor that they had may stay."""
        token, highest = self.companies.token(agent), U128_MAX
        if token is not None:
            highest = max(self._whole_token(agent), self.holders.circulating(token) // 2, self.rules_of(agent).floor)
        check_rules(rules, self, max_floor=highest)
        self.rules[agent] = rules
        self.deposit(self.RulesSet(agent, rules))

    def appoint(self, agent: int, who: bytes | None, term: int) -> None:
        """Sets an agent's guardian; raises `TermTooLong`."""
        if term > self.max_guardianship:
            raise self.TermTooLong
        guardian = Guardian(who, 0 if who is None else self.timestamp.now + term)
        self.guardian[agent] = guardian
        self.deposit(self.GuardianSet(agent, guardian))

    # Inside

    def _token(self, agent: int) -> int:
        token = self.companies.token(agent)
        if token is None:
            raise self.NoToken
        return token

    def _whole_token(self, agent: int) -> int:
        token = self.companies.token(agent)
        return 1 if token is None else int(10 ** self.tokens.decimals(token))

    def _governed_by_holders(self, agent: int) -> int:
        token = self._token(agent)
        if not self.holders.circulating(token):
            raise self.NoHolders
        return token

    def _governed_by_creator(self, agent: int, who: bytes) -> None:
        creator, token = self.companies.owner(agent), self.companies.token(agent)
        if token is not None and self.holders.circulating(token):
            raise self.HoldersDecide
        if who != creator:
            raise self.NotCreator

    def _alive(self, id: int) -> Proposal:
        found = self.proposal[id]
        if found.state is ProposalState.Executed:
            raise self.AlreadyExecuted
        if found.state not in ALIVE:
            raise self.NotAlive
        return found
