"""DAOs of agents: a proposal's life, every motion, locks and delegates, and each refusal with its own error."""

from __future__ import annotations

from typing import Any

import pytest

from pallets.agents.pallet import Agents
from pallets.assets.pallet import Assets
from pallets.dao.api import DaoApi
from pallets.dao.motions import fit_for_motions
from pallets.dao.pallet import Dao
from pallets.dao.rules import Guardian, usual_rules
from pallets.dao.tally import Ballot
from pallets.dao.terms import (
    ApproveScript,
    Ban,
    Contribution,
    Hire,
    HttpPolicy,
    MakeCall,
    Motion,
    MotionKind,
    Pause,
    ProposalState,
    Resume,
    Reward,
    RollBack,
    SetGuardian,
    SetRules,
    SetTerms,
    Spend,
)
from pallets.frame.events import Arithmetic, DispatchError, Token
from pallets.frame.genesis import InvalidGenesis, build_genesis
from pallets.frame.testing import noop
from pallets.primitives.agent_record import AgentPolicy
from pallets.primitives.curves.presets import straight
from pallets.primitives.fixed import U128_MAX
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job_record import Shares
from pallets.primitives.service import AccessPolicy, ServicePolicy
from pallets.runtime import DAO_CALLABLE
from pallets.system.pallet import System
from tests.pallets.curve_market import CREATOR, START, TRADERS, market
from tests.pallets.dao_chain import AGE, ANNOUNCED, BOND, EPOCH, LOCKED, NEW, OPEN, RULES, VOTED, DaoChain, DaoRuntime
from tests.pallets.dev_chain import DevChain
from tests.pallets.job_chain import ALICE, BOB, CAROL, CODE, OPERATORS, UNIT

DAVE = OPERATORS[0]
OLD = blake2_256(CODE)
DAY = 86_400_000


@pytest.fixture
def chain() -> DaoChain:
    return DaoChain()


def changed(**changes: int) -> Any:
    """The stage's rules, but for these."""
    terms = {name: getattr(RULES, name) for name in RULES.__match_args__}
    return type(RULES)(**(terms | changes))


# A proposal's life


def test_from_announcement_to_execution(chain: DaoChain) -> None:
    now = chain.rt.timestamp.now
    motion = ApproveScript(NEW, 777, HttpPolicy([b"example.com"], ServicePolicy(5, [], 3)))
    id = chain.propose(motion)
    assert chain.events(Dao.Proposed) == [Dao.Proposed(id, 0, ALICE, motion, now + ANNOUNCED, now + ANNOUNCED)]
    assert chain.rt.balances.held(Dao.HoldReason.Proposal, ALICE) == BOND
    assert chain.rt.dao.next_due() == now + ANNOUNCED
    chain.until(now + ANNOUNCED - 100)
    assert chain.state(id) is ProposalState.Announced
    chain.next_block()
    closes = now + ANNOUNCED + VOTED
    assert chain.events(Dao.VoteOpened) == [Dao.VoteOpened(id, 0, 1_000, 100, closes)]
    chain.vote(ALICE, id, aye=300, nay=50, abstain=50)
    assert chain.rt.events[-1] == Dao.Voted(id, 0, ALICE, Ballot(300, 50, 50))
    chain.vote(BOB, id, nay=240)
    chain.vote(ALICE, id, aye=300, abstain=10)
    assert chain.proposal(id).tally == Ballot(300, 240, 10)
    chain.until(closes - 100)
    chain.vote(CAROL, id, nay=9)
    chain.next_block()
    assert chain.events(Dao.Approved) == [Dao.Approved(id, 0, Ballot(300, 249, 10), closes + LOCKED)]
    with noop(chain.rt, Dao.VoteOver):
        chain.vote(CAROL, id, nay=200)
    chain.until(closes + LOCKED)
    assert chain.events(Dao.Executed) == [Dao.Executed(id, 0, MotionKind.ApproveScript)]
    assert chain.state(id) is ProposalState.Executed
    terms, agents = chain.rt.agents.terms(0), chain.rt.agents
    assert (terms.code, terms.max_gas, agents.hosts.get(0)) == (NEW, 777, [b"example.com"])
    assert agents.service.get(0) == ServicePolicy(5, [], 3)
    assert not chain.rt.balances.held(Dao.HoldReason.Proposal, ALICE)
    assert chain.rt.dao.next_due() is None and not chain.rt.dao.live[0] and chain.rt.dao.motion.get(id) is None
    for who, amount in ((ALICE, 400), (BOB, 400), (CAROL, 200)):
        chain.unlock(who, amount)
    assert not list(chain.rt.dao.power.items()) and not list(chain.rt.dao.locked.items())


def test_running_jobs_finish_on_the_old_script(chain: DaoChain) -> None:
    job = chain.submit()
    chain.carry(ApproveScript(NEW, None, None))
    assert chain.job(job).code == OLD and chain.job(chain.submit()).code == NEW


@pytest.mark.parametrize(
    ("ballots", "lost"),
    [
        ({}, True),
        ({ALICE: Ballot(99, 0, 0)}, True),
        ({ALICE: Ballot(99, 1, 0)}, False),  # below the quorum, though enough came
        ({ALICE: Ballot(100, 0, 0), BOB: Ballot(0, 100, 0)}, False),
        ({ALICE: Ballot(0, 0, 400)}, False),
    ],
)
def test_defeat_costs_the_bond_only_where_few_vote(chain: DaoChain, ballots: dict[bytes, Ballot], lost: bool) -> None:
    treasury = chain.rt.agents.treasury(0)
    before, own = chain.rt.balances.free(treasury), chain.rt.balances.free(CAROL)
    id = chain.propose(who=CAROL)
    chain.to_vote(id)
    for who, ballot in ballots.items():
        chain.call(who, "Dao", "vote", proposal=id, ballot=ballot)
    chain.until(chain.proposal(id).closes)
    assert chain.state(id) is ProposalState.Defeated
    assert chain.events(Dao.BondLost) == ([Dao.BondLost(id, 0, CAROL, BOND)] if lost else [])
    assert chain.rt.balances.free(treasury) - before == BOND * lost == own - chain.rt.balances.free(CAROL)
    assert not chain.rt.balances.held(Dao.HoldReason.Proposal, CAROL)


def test_cancel_and_veto(chain: DaoChain) -> None:
    first, second, third = (chain.propose() for _ in range(3))
    with noop(chain.rt, Dao.NotProposer):
        chain.act(BOB, "cancel", first)
    chain.act(ALICE, "cancel", first)
    assert chain.rt.events[-1] == Dao.Cancelled(first, 0)
    assert chain.rt.balances.held(Dao.HoldReason.Proposal, ALICE) == 2 * BOND
    for name in ("cancel", "veto", "execute"):
        with noop(chain.rt, Dao.NotAlive):
            chain.act(ALICE, name, first)
        with noop(chain.rt, Dao.UnknownProposal):
            chain.act(ALICE, name, 9)
    chain.act(CAROL, "veto", second)
    assert chain.events(Dao.Vetoed) == [Dao.Vetoed(second, 0, CAROL)] and chain.state(second) is ProposalState.Vetoed
    assert chain.events(Dao.BondLost) == [Dao.BondLost(second, 0, ALICE, BOND)]
    chain.approve(third)
    chain.until(chain.proposal(third).executes - 100)
    chain.act(CAROL, "veto", third)
    with noop(chain.rt, Dao.NotAlive):
        chain.act(CAROL, "veto", third)
    chain.unlock(ALICE, 400)
    chain.next_block()
    assert chain.rt.agents.terms(0).code == OLD


def test_the_guardian_has_its_time(chain: DaoChain) -> None:
    assert chain.rt.dao.guardian[0] == Guardian(CAROL, chain.rt.timestamp.now - 100 + DAY)
    chain.until(chain.rt.dao.guardian[0].until - 100)
    id = chain.propose()
    chain.next_block()
    with noop(chain.rt, Dao.NotGuardian):
        chain.act(CAROL, "veto", id)
    chain.act(ALICE, "cancel", id)
    chain.carry(SetGuardian(DAVE, DAY))
    id = chain.propose()
    chain.act(DAVE, "veto", id)


def test_a_late_chain_shortens_no_vote_and_no_time_lock(chain: DaoChain) -> None:
    id = chain.propose()
    chain.next_block(after=DAY)
    now = chain.rt.timestamp.now
    assert (chain.state(id), chain.proposal(id).closes) == (ProposalState.Voting, now + VOTED)
    chain.vote(ALICE, id, aye=400)
    chain.next_block(after=DAY)
    with noop(chain.rt, Dao.TimeLocked):
        chain.act(ALICE, "execute", id)
    found, now = chain.proposal(id), chain.rt.timestamp.now
    assert (found.closes, found.executes, found.expires) == (now, now + LOCKED, now + LOCKED + OPEN)
    chain.until(found.executes)
    assert chain.state(id) is ProposalState.Executed


def test_a_block_takes_so_many_steps_and_the_next_the_rest(chain: DaoChain) -> None:
    ids = [chain.propose(who=who) for who in (ALICE, BOB, ALICE, BOB, ALICE, BOB)]
    before = chain.rt.system.block_weight.mandatory
    chain.to_vote(ids[0])
    assert [chain.state(id) for id in ids].count(ProposalState.Voting) == 4 == chain.rt.dao.max_due
    assert chain.rt.system.block_weight.mandatory.ref_time > before.ref_time
    with noop(chain.rt, Dao.VoteBegun):
        chain.act(BOB, "cancel", ids[5])  # its time is over, though the chain is late
    chain.next_block()
    assert [chain.state(id) for id in ids].count(ProposalState.Voting) == 6


def test_a_proposal_that_can_go_no_further_is_dropped(chain: DaoChain) -> None:
    """It takes something that can't be: a treasury that lost what keeps it alive, and can't take the bond."""
    treasury, chain.rt.dao.bond = chain.rt.agents.treasury(0), 1
    id = chain.propose(who=BOB)
    chain.rt.balances.burn_from(treasury, chain.rt.balances.free(treasury), keep_alive=False)
    chain.to_vote(id)
    chain.until(chain.proposal(id).closes)
    assert [event.proposal for event in chain.events(Dao.Abandoned)] == [id]
    assert chain.state(id) is ProposalState.Expired
    assert not chain.rt.dao.live[0] and chain.rt.dao.next_due() is None
    assert not chain.rt.balances.held(Dao.HoldReason.Proposal, BOB)


# Motions


def test_roll_back(chain: DaoChain) -> None:
    with noop(chain.rt, Dao.NotInHistory):
        chain.propose(RollBack(NEW))
    chain.carry(ApproveScript(NEW, None, None))
    chain.carry(RollBack(OLD))
    assert chain.rt.agents.terms(0).code == OLD
    chain.carry(RollBack(NEW))
    assert chain.rt.agents.terms(0).code == NEW


def test_contributions_are_remembered_and_rewarded_once(chain: DaoChain) -> None:
    with noop(chain.rt, Dao.UnknownContribution):
        chain.propose(Reward(0, UNIT))
    id = chain.propose(who=BOB)
    chain.pass_(id)
    assert chain.events(Dao.Contributed) == [Dao.Contributed(0, 0, BOB, NEW)]
    assert chain.rt.dao.contribution[0, 0] == Contribution(BOB, id, NEW, chain.rt.timestamp.now)
    first, second = chain.propose(Reward(0, 3 * UNIT)), chain.propose(Reward(0, 5 * UNIT), BOB)
    chain.to_vote(first)
    for id in (first, second):
        for who in (ALICE, CAROL):
            chain.vote(who, id, aye=200)
    free = chain.rt.balances.free(BOB)
    chain.until(chain.proposal(first).closes)
    chain.until(chain.proposal(first).executes)
    assert chain.events(Dao.Rewarded) == [Dao.Rewarded(0, 0, BOB, 3 * UNIT)]
    assert chain.events(Dao.Spent) == [Dao.Spent(0, BOB, 3 * UNIT)]
    assert isinstance(chain.events(Dao.ExecutionFailed)[0].error, Dao.AlreadyRewarded)
    assert chain.rt.balances.free(BOB) == free + 3 * UNIT
    assert chain.rt.dao.contribution[0, 0].reward == 3 * UNIT
    chain.carry(ApproveScript(NEW, 5, None))  # what was adopted before is no contribution
    assert chain.rt.dao.next_contribution[0] == 1


def test_terms(chain: DaoChain) -> None:
    policy = AgentPolicy(9, 10**8, Shares(600_000, 200_000, 100_000, 100_000), narrow=True)
    chain.carry(SetTerms(policy, 250_000, AccessPolicy(7, 100, 3)))
    agents = chain.rt.agents
    assert (agents.agent[0].policy, agents.split[0]) == (policy, 250_000)
    assert agents.access.get(0) == AccessPolicy(7, 100, 3)
    chain.carry(SetTerms(None, 0, None))
    assert (agents.agent[0].policy, agents.split[0], agents.access.get(0)) == (policy, 0, AccessPolicy(7, 100, 3))


def test_rules(chain: DaoChain) -> None:
    rules = changed(announcement=1_000, floor=500, quorum=500_000)
    chain.carry(SetRules(rules))
    assert chain.rt.dao.rules_of(0) == rules and chain.rt.dao.rules.get(0) == rules
    id = chain.propose()
    assert chain.proposal(id).opens == chain.rt.timestamp.now + 1_000


def test_pause_and_resume(chain: DaoChain) -> None:
    with noop(chain.rt, Agents.NotPaused):
        chain.propose(Resume())
    chain.carry(Pause())
    assert chain.rt.agents.is_paused(0)
    chain.carry(SetGuardian(None, 0))
    chain.carry(Resume())
    assert not chain.rt.agents.is_paused(0)


def test_hire_and_ban(chain: DaoChain) -> None:
    """The DAO's account deposits: it has what the treasury was voted to pay it."""
    good, bad = b"\x01" * 32, b"\x02" * 32
    with noop(chain.rt, Token("FundsUnavailable")):
        chain.propose(Hire([good]))
    chain.carry(Spend(chain.account, 5 * UNIT))
    chain.carry(Hire([good]))
    chain.carry(Ban([bad]))
    found = chain.rt.workers.class_of(chain.rt.agents.requirements[0]).staff
    assert (found.hired, found.banned) == ([good], [bad])
    assert chain.rt.balances.held(Agents.HoldReason.Requirements, chain.account) == UNIT


def test_a_call_of_the_list_under_the_dao_s_account(chain: DaoChain) -> None:
    treasury, call = chain.rt.agents.treasury(0), chain.rt.call
    chain.carry(Spend(chain.account, 5 * UNIT))
    free = chain.rt.balances.free(treasury)
    batch = [
        call("Balances", "transfer_keep_alive", dest=DAVE, value=2 * UNIT),
        call("System", "remark_with_event", remark=b"so be it"),
    ]
    chain.carry(MakeCall(call("Utility", "batch_all", calls=batch).encoded()))
    assert [event.sender for event in chain.events(System.Remarked)] == [chain.account]
    assert (chain.rt.balances.free(chain.account), chain.rt.balances.free(treasury)) == (3 * UNIT, free)
    heavy = call("Balances", "transfer_keep_alive", dest=DAVE, value=1)
    with noop(chain.rt, Dao.CallTooHeavy):
        chain.propose(MakeCall(call("Utility", "batch", calls=[heavy] * 80).encoded()))
    deep = bytes((chain.rt.utility.index, 0, 4)) * 1_300 + heavy.encoded()  # batches of one batch
    for none in (b"", b"\xff\xff", heavy.encoded() + b"\0", deep):
        with noop(chain.rt, Dao.BadCall):
            chain.propose(MakeCall(none))


def test_a_motion_that_fails_may_be_executed_while_there_is_time(chain: DaoChain) -> None:
    id = chain.propose(MakeCall(chain.rt.call("Balances", "transfer_keep_alive", dest=DAVE, value=UNIT).encoded()))
    chain.pass_(id)
    assert repr(chain.events(Dao.ExecutionFailed)) == repr([Dao.ExecutionFailed(id, 0, Token("FundsUnavailable"))])
    with noop(chain.rt, Token("FundsUnavailable")):
        chain.act(DAVE, "execute", id)
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=chain.account, value=3 * UNIT)
    chain.act(DAVE, "execute", id)
    assert chain.rt.events[-1] == Dao.Executed(id, 0, MotionKind.Call) and chain.rt.dao.next_due() is None


def test_a_list_names_nothing_that_no_motion_may_call() -> None:
    assert fit_for_motions(frozenset({"Balances.transfer_keep_alive", "Agents.set_hosts"}))
    for name in ("Dao.execute", "Sudo.sudo", "Proxy.proxy", "Multisig.as_multi", "Cheats.jump"):
        assert not fit_for_motions(frozenset({"System.remark", name}))


# The creator, before there are holders


def test_the_creator_decides_until_somebody_holds_the_token() -> None:
    chain = DaoChain(holders={}, decimals=6)
    dao = chain.rt.dao
    with noop(chain.rt, Dao.NoHolders):
        chain.propose(who=CAROL)
    assert dao.rules_of(0).floor == 10**6  # one whole token
    chain.call(CAROL, "Dao", "set_rules", agent=0, rules=changed(floor=10**6))
    chain.call(CAROL, "Dao", "set_guardian", agent=0, guardian=DAVE, term=DAY)
    assert chain.rt.events[-1] == Dao.GuardianSet(0, Guardian(DAVE, chain.rt.timestamp.now + DAY))
    chain.call(CAROL, "Dao", "spend", agent=0, dest=DAVE, amount=UNIT)
    with noop(chain.rt, Dao.ReserveTouched):
        chain.call(CAROL, "Dao", "spend", agent=0, dest=DAVE, amount=U128_MAX)
    with noop(chain.rt, Dao.ZeroAmount):
        chain.call(CAROL, "Dao", "spend", agent=0, dest=DAVE, amount=0)
    with noop(chain.rt, Dao.TermTooLong):
        chain.call(CAROL, "Dao", "set_guardian", agent=0, guardian=DAVE, term=10 * DAY + 1)
    with noop(chain.rt, Dao.FloorOutOfBounds):
        chain.call(CAROL, "Dao", "set_rules", agent=0, rules=changed(floor=10**6 + 1))
    acts: list[tuple[str, dict[str, Any]]] = [
        ("spend", {"dest": DAVE, "amount": UNIT}),
        ("set_rules", {"rules": RULES}),
        ("set_guardian", {"guardian": None, "term": 0}),
    ]
    for name, arguments in acts:
        with noop(chain.rt, Dao.NotCreator):
            chain.call(ALICE, "Dao", name, agent=0, **arguments)
        with noop(chain.rt, Agents.UnknownAgent):
            chain.call(CAROL, "Dao", name, agent=9, **arguments)
    chain.rt.assets.mint_into(chain.token, ALICE, 1)
    for name, arguments in acts:
        with noop(chain.rt, Dao.HoldersDecide):
            chain.call(CAROL, "Dao", name, agent=0, **arguments)
    chain.lock(ALICE, 1)
    assert dao.guardian[0].who == DAVE  # whom the creator appointed


def test_an_agent_without_a_token_has_its_creator(chain: DaoChain) -> None:
    other = chain.agent(b"other")
    for name, arguments in (
        ("propose", {"motion": Pause()}),
        ("lock", {"amount": 1}),
        ("unlock", {"amount": 1}),
        ("delegate", {"to": BOB}),
    ):
        with noop(chain.rt, Dao.NoToken):
            chain.call(ALICE, "Dao", name, agent=other, **arguments)
        with noop(chain.rt, Agents.UnknownAgent):
            chain.call(ALICE, "Dao", name, agent=99, **arguments)
    chain.call(CAROL, "Agents", "fund", agent=other, amount=5 * UNIT)
    chain.call(CAROL, "Dao", "spend", agent=other, dest=DAVE, amount=UNIT)


def test_where_all_have_sold_a_motion_is_void(chain: DaoChain) -> None:
    alone = DaoChain(holders={ALICE: 400, BOB: 400, CAROL: 200})
    id = alone.propose(Spend(DAVE, UNIT))
    alone.approve(id)
    for who, amount in ((ALICE, 400), (BOB, 400), (CAROL, 200)):
        alone.rt.dao.locked[alone.token, who] = 0  # as if they could
        alone.rt.assets.burn_from(alone.token, who, amount)
    alone.until(alone.proposal(id).executes)
    assert isinstance(alone.events(Dao.ExecutionFailed)[0].error, Dao.NoHolders)


# Locks


def test_locked_units_stay_and_earn(chain: DaoChain) -> None:
    chain.rt.assets.mint_into(chain.token, ALICE, 50)
    with noop(chain.rt, Assets.BalanceLow):
        chain.give(ALICE, BOB, 51)
    chain.give(ALICE, BOB, 50)
    with noop(chain.rt, Dao.TooFewTokens):
        chain.lock(ALICE, 1)
    chain.rt.dividends.pay_in(chain.token, chain.rt.agents.treasury(0), 10 * UNIT)
    chain.next_block(after=600_000)
    assert chain.rt.dividends.claimable(chain.token, ALICE) == 10 * UNIT * 400 // 1_050
    chain.unlock(ALICE, 100)
    assert chain.rt.events[-1] == Dao.Unlocked(0, ALICE, 100, 300)
    chain.give(ALICE, BOB, 100)
    chain.lock(BOB, 150)
    assert chain.events(Dao.Locked)[-1] == Dao.Locked(0, BOB, 150, 550)


def test_a_delegate_votes_with_what_it_was_given_before_the_cutoff(chain: DaoChain) -> None:
    chain.delegate(ALICE, DAVE)
    assert chain.rt.events[-1] == Dao.Delegated(0, ALICE, DAVE, 400)
    id = chain.propose(who=BOB)
    chain.to_vote(id)
    chain.delegate(CAROL, DAVE)  # too late for this one
    with noop(chain.rt, Dao.NoWeight):
        chain.vote(ALICE, id, aye=1)
    with noop(chain.rt, Dao.OverWeight):
        chain.vote(DAVE, id, aye=401)
    chain.vote(DAVE, id, nay=350)
    chain.unlock(CAROL, 200)
    chain.unlock(ALICE, 50)
    with noop(chain.rt, Dao.StillVoting):
        chain.unlock(ALICE, 1)
    chain.until(chain.proposal(id).closes)
    chain.delegate(ALICE, None)
    assert chain.rt.dao.power[chain.token, ALICE].own.amount == 350


def test_what_has_been_locked_for_an_epoch_counts_for_access(chain: DaoChain) -> None:
    dao = chain.rt.dao
    chain.until(chain.rt.timestamp.now // EPOCH * EPOCH + EPOCH)
    chain.delegate(ALICE, BOB)
    chain.unlock(CAROL, 50)
    chain.until(chain.rt.timestamp.now + EPOCH - 100)
    assert [dao.settled(0, who) for who in (ALICE, CAROL, DAVE)] == [0, 0, 0]
    chain.next_block()
    assert [dao.settled(0, who) for who in (ALICE, CAROL, DAVE)] == [400, 150, 0]
    chain.unlock(ALICE, 100)
    chain.lock(ALICE, 100)
    assert dao.settled(0, ALICE) == 300
    chain.until(chain.rt.timestamp.now + 2 * EPOCH)
    assert dao.settled(0, ALICE) == 400


# Refusals


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("lock", {"agent": 0, "amount": 0}, Dao.ZeroAmount),
        ("lock", {"agent": 0, "amount": 1}, Dao.TooFewTokens),
        ("lock", {"agent": 0, "amount": U128_MAX}, Dao.TooFewTokens),
        ("unlock", {"agent": 0, "amount": 0}, Dao.ZeroAmount),
        ("unlock", {"agent": 0, "amount": 401}, Dao.TooFewLocked),
        ("unlock", {"agent": 0, "amount": U128_MAX}, Dao.TooFewLocked),
        ("delegate", {"agent": 0, "to": ALICE}, Dao.SelfDelegation),
        ("delegate", {"agent": 0, "to": None}, Dao.SameDelegate),
        ("vote", {"proposal": 9, "ballot": Ballot(1, 0, 0)}, Dao.UnknownProposal),
        ("vote", {"proposal": 0, "ballot": Ballot(0, 0, 0)}, Dao.EmptyBallot),
        ("vote", {"proposal": 0, "ballot": Ballot(401, 0, 0)}, Dao.OverWeight),
        ("vote", {"proposal": 0, "ballot": Ballot(U128_MAX, U128_MAX, U128_MAX)}, Dao.OverWeight),
        ("execute", {"proposal": 0}, Dao.NotApproved),
        ("cancel", {"proposal": 0}, Dao.VoteBegun),
    ],
)
def test_refusals(chain: DaoChain, name: str, arguments: dict[str, Any], error: type[DispatchError]) -> None:
    chain.to_vote(chain.propose())
    with noop(chain.rt, error):
        chain.call(ALICE, "Dao", name, **arguments)


@pytest.mark.parametrize(
    ("motion", "error"),
    [
        (ApproveScript(bytes(32), None, None), Agents.UnknownCode),
        (ApproveScript(NEW, 0, None), Agents.BadGasLimit),
        (ApproveScript(NEW, None, HttpPolicy([b"Not A Host"], ServicePolicy(0, [], 0))), Agents.BadHost),
        (SetTerms(AgentPolicy(1, 1, Shares(1, 1, 1, 1), narrow=False), None, None), Agents.SharesDontAddUp),
        (SetTerms(None, 1_000_001, None), Agents.SplitTooLarge),
        (Spend(DAVE, 0), Dao.ZeroAmount),
        (Spend(DAVE, U128_MAX), Dao.ReserveTouched),
        (SetRules(changed(voting=0)), Dao.PeriodOutOfBounds),
        (SetRules(changed(quorum=0)), Dao.QuorumOutOfBounds),
        (SetRules(changed(floor=501)), Dao.FloorOutOfBounds),
        (SetGuardian(DAVE, (1 << 64) - 1), Dao.TermTooLong),
    ],
)
def test_a_motion_that_would_fail_is_not_announced(chain: DaoChain, motion: Motion, error: type[DispatchError]) -> None:
    with noop(chain.rt, error):
        chain.propose(motion)


def test_proposing_takes_weight_and_a_bond(chain: DaoChain) -> None:
    chain.rt.assets.mint_into(chain.token, DAVE, 11)
    with noop(chain.rt, Dao.TooLittleWeight):
        chain.propose(who=DAVE)
    chain.lock(DAVE, 11)
    with noop(chain.rt, Dao.TooLittleWeight):  # locked in this very block
        chain.propose(who=DAVE)
    chain.next_block()
    spare = chain.rt.balances.free(DAVE) - chain.rt.balances.existential_deposit
    chain.call(DAVE, "Balances", "transfer_keep_alive", dest=ALICE, value=spare - BOND + 1)
    with noop(chain.rt, Token("FundsUnavailable")):
        chain.propose(who=DAVE)
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=DAVE, value=1)
    chain.propose(who=DAVE)
    with noop(chain.rt, Dao.StillVoting):
        chain.unlock(DAVE, 1)


def test_genesis_has_rules_within_the_bounds() -> None:
    state = build_genesis(DaoRuntime, {"dao": {"default_rules": changed(floor=7)}})
    assert state
    assert usual_rules().min_age == DAY
    for rules in (changed(voting=1), changed(min_holders=1), changed(threshold=0)):
        with pytest.raises(InvalidGenesis):
            build_genesis(DaoRuntime, {"dao": {"default_rules": rules}})


def test_spending_is_announced_for_as_long_as_units_must_be_held(chain: DaoChain) -> None:
    now = chain.rt.timestamp.now
    spending, other = chain.propose(Spend(DAVE, UNIT)), chain.propose()
    assert (chain.proposal(spending).cutoff, chain.proposal(spending).opens) == (now, now + AGE)
    assert chain.proposal(other).cutoff == chain.proposal(other).opens == now + ANNOUNCED


def test_nothing_overflows(chain: DaoChain) -> None:
    rich = DaoChain(holders={ALICE: U128_MAX // 2, BOB: U128_MAX // 4, CAROL: U128_MAX // 4})
    id = rich.propose(Spend(DAVE, UNIT))
    rich.delegate(BOB, CAROL)
    rich.to_vote(id)
    rich.vote(ALICE, id, aye=U128_MAX // 2)
    rich.until(rich.proposal(id).closes)
    rich.until(rich.proposal(id).executes)
    assert rich.state(id) is ProposalState.Executed
    with pytest.raises((Arithmetic, Token)):
        rich.rt.assets.mint_into(rich.token, ALICE, U128_MAX)


def test_on_the_development_chain() -> None:
    """Units bought on the curve are locked, can't be sold, and decide; clients are told what they weigh."""
    with market(straight(UNIT)) as traders:
        rt, (one, two, three, *_) = traders.rt, TRADERS

        def block(moment: int) -> None:
            rt.timestamp.now = moment
            rt.dao.on_randomness(bytes(32))

        for who in (one, two, three):
            traders.buy(who, 10)
            traders.call(who, "Dao", "lock", agent=0, amount=9)
        with noop(rt, Token):
            traders.sell(one, 2)
        traders.sell(one, 1)
        block(START + 100)
        with noop(rt, Agents.NotDao):
            traders.call(CREATOR, "Agents", "pause", agent=0)
        traders.call(one, "Dao", "propose", agent=0, motion=Pause())
        api, usual = DaoApi(rt), usual_rules()
        assert (api.rules(0), api.rules(9), api.weight(1, one), api.settled(9, one)) == (usual, None, None, None)
        moment = START + 100 + usual.announcement
        block(moment)
        assert (api.weight(0, one), api.weight(0, CREATOR), rt.dao.proposal[0].circulating) == (9, 0, 29)
        assert api.settled(0, two) == 9
        traders.call(two, "Dao", "vote", proposal=0, ballot=Ballot(9, 0, 0))
        block(moment + usual.voting)
        block(moment + usual.voting + usual.time_lock)
        assert rt.agents.is_paused(0)
        traders.call(two, "Dao", "unlock", agent=0, amount=9)
        traders.sell(two, 10)


def test_the_development_chain_s_rules() -> None:
    rt = DevChain().runtime()
    rules = rt.dao.default_rules
    assert (rules.announcement, rules.voting, rules.time_lock, rules.execute_within) == (6_000, 12_000, 6_000, 600_000)
    assert (rules.quorum, rules.threshold, rules.floor, rules.min_holders) == (100_000, 500_000, 1, 3)
    assert fit_for_motions(DAO_CALLABLE)
