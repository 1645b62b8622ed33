"""Motions carried out: by whose rights, and within which limits.

Everything of the agent's own is done as its DAO's account. Its treasury pays by `pay` alone, which keeps the rules on
spending, for motions and for the creator before there are holders.

Calls go by a list of the chain's, which holds for calls within calls too. Nothing on it may make proposals or votes,
act by another's rights or for the chain: `NEVER`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from pallets.companies import Companies
from pallets.dao.terms import (
    WHILE_PAUSED,
    ApproveScript,
    Ban,
    Contribution,
    Hire,
    MakeCall,
    Motion,
    Pause,
    Proposal,
    Resume,
    Reward,
    RollBack,
    SetGuardian,
    SetRules,
    SetTerms,
    Spend,
    spends,
)
from pallets.frame import Weight
from pallets.frame.bound_items import BoundMap
from pallets.frame.origin import signed
from pallets.frame.runtime import Call
from pallets.primitives.agent_record import Agent, AgentId, AgentPolicy
from pallets.primitives.pots import dao_account, is_pot
from pallets.primitives.scale import DecodeError
from pallets.primitives.service import AccessPolicy, Host, ServicePolicy
from pallets.primitives.worker_record import Measurements

if TYPE_CHECKING:
    from pallets.dao.pallet import Dao

MAX_CALL_WEIGHT = Weight(2_000_000_000, 200_000)
MOTION_WEIGHT = Weight(1_000_000_000, 40_000)
"""Of the dearest motion that isn't a call."""
NEVER = frozenset({"Dao", "Sudo", "Proxy", "Multisig", "Cheats"})
"""Pallets no call of which is made by a motion, whatever the chain lists."""


class GovernedCompanies(Companies, Protocol):
    """Agents, and what their DAO may do with them: `Agents`, whose calls these are."""

    @property
    def agent(self) -> BoundMap[AgentId, Agent]:
        """All agents."""

    def set_policy(self, who: bytes, agent: AgentId, policy: AgentPolicy) -> None:
        """Changes the terms for new jobs."""

    def set_service(self, who: bytes, agent: AgentId, service: ServicePolicy) -> None:
        """Says what the agent pays for HTTP requests."""

    def set_hosts(self, who: bytes, agent: AgentId, hosts: list[Host] | None) -> None:
        """Says which hosts the agent's script may reach."""

    def set_split(self, who: bytes, agent: AgentId, creator: int) -> None:
        """Says what of its treasury's pay is its creator's."""

    def set_access(self, who: bytes, agent: AgentId, access: AccessPolicy) -> None:
        """Says what a call over HTTP costs, and who calls free."""

    def hire(self, who: bytes, agent: AgentId, measurements: Measurements) -> None:
        """Has new jobs done only by these enclaves."""

    def ban(self, who: bytes, agent: AgentId, measurements: Measurements) -> None:
        """Has none of the new jobs done by these enclaves."""

    def pause(self, who: bytes, agent: AgentId) -> None:
        """Has it take no new jobs."""

    def resume(self, who: bytes, agent: AgentId) -> None:
        """Has it take jobs again."""


class _Possible(Exception):
    """A trial went well, and is to be undone."""


def check_motion(dao: Dao, agent: int, motion: Motion) -> None:
    """Raises why a motion can't be: a call beyond its limits, else whatever wouldn't succeed now. Leaves no trace."""
    if isinstance(motion, MakeCall):
        call = _decoded(dao, motion.call)
        if any(each.name not in dao.callable for each in call.nested()):
            raise dao.CallNotAllowed
        if call.dispatch_info().weight.any_gt(MAX_CALL_WEIGHT):
            raise dao.CallTooHeavy
        return
    with suppress(_Possible), dao.runtime.transactional():
        _do(dao, agent, motion, proposal=0, proposer=bytes(32))
        raise _Possible


def carry_out_motion(dao: Dao, id: int, proposal: Proposal, motion: Motion) -> None:
    """Does what was decided; raises a `DispatchError` where it can't be done."""
    if dao.companies.is_paused(proposal.agent) and not isinstance(motion, WHILE_PAUSED):
        raise dao.AgentPaused
    if not dao.holders.circulating(proposal.token):
        raise dao.NoHolders
    _do(dao, proposal.agent, motion, id, proposal.proposer)


def weight_of(motion: Motion) -> Weight:
    """The most that carrying it out weighs."""
    return MOTION_WEIGHT + MAX_CALL_WEIGHT if isinstance(motion, MakeCall) else MOTION_WEIGHT


def pay(dao: Dao, agent: int, dest: bytes, amount: int) -> None:
    """Pays from the agent's treasury, of which the reserve stays."""
    source = dao.companies.treasury(agent)
    if not amount:
        raise dao.ZeroAmount
    if is_pot(dest) and dest != dao_account(agent):
        raise dao.SelfDealing
    left = dao.currency.free(source) - amount
    if left < max(dao.rules_of(agent).reserve, dao.currency.existential_deposit):
        raise dao.ReserveTouched
    dao.currency.transfer(source, dest, amount, keep_alive=True)
    dao.deposit(dao.Spent(agent, dest, amount))


def fit_for_motions(names: frozenset[str]) -> bool:
    """Whether a chain's list names nothing that no motion may call."""
    return NEVER.isdisjoint(name.partition(".")[0] for name in names)


def _do(dao: Dao, agent: int, motion: Motion, proposal: int, proposer: bytes) -> None:
    account, companies = dao_account(agent), dao.companies
    if spends(motion):
        token = companies.token(agent)
        if token is None or dao.holders.holder_count(token) < dao.rules_of(agent).min_holders:
            raise dao.TooFewHolders
    match motion:
        case ApproveScript(hash, max_gas, http):
            if max_gas is not None:
                policy = companies.agent[agent].policy
                policy.max_gas = max_gas
                companies.set_policy(account, agent, policy)
            if http is not None:
                companies.set_hosts(account, agent, http.hosts)
                companies.set_service(account, agent, http.service)
            if not companies.has_approved(agent, hash):
                _remember(dao, agent, proposal, proposer, hash)
            companies.approve(agent, hash, proposer)
        case RollBack(hash):
            if not companies.has_approved(agent, hash):
                raise dao.NotInHistory
            companies.approve(agent, hash, proposer)
        case SetTerms(new_policy, split, access):
            if new_policy is not None:
                companies.set_policy(account, agent, new_policy)
            if split is not None:
                companies.set_split(account, agent, split)
            if access is not None:
                companies.set_access(account, agent, access)
        case Spend(dest, amount):
            pay(dao, agent, dest, amount)
        case Reward(contribution, amount):
            _reward(dao, agent, contribution, amount)
        case SetRules(rules):
            dao.change_rules(agent, rules)
        case SetGuardian(who, term):
            dao.appoint(agent, who, term)
        case Pause():
            companies.pause(account, agent)
        case Resume():
            companies.resume(account, agent)
        case Hire(measurements):
            companies.hire(account, agent, measurements)
        case Ban(measurements):
            companies.ban(account, agent, measurements)
        case MakeCall(call):
            _make_call(dao, account, _decoded(dao, call))


def _remember(dao: Dao, agent: int, proposal: int, proposer: bytes, code: bytes) -> None:
    number = dao.next_contribution[agent]
    dao.next_contribution[agent] = number + 1
    dao.contribution[agent, number] = Contribution(proposer, proposal, code, dao.timestamp.now)
    dao.deposit(dao.Contributed(agent, number, proposer, code))


def _reward(dao: Dao, agent: int, number: int, amount: int) -> None:
    found = dao.contribution[agent, number]
    if found.reward is not None:
        raise dao.AlreadyRewarded
    found.reward = amount
    dao.contribution[agent, number] = found
    pay(dao, agent, found.proposer, amount)
    dao.deposit(dao.Rewarded(agent, number, found.proposer, amount))


def _decoded(dao: Dao, data: bytes) -> Call:
    try:
        return dao.runtime.decode_call(data)
    except DecodeError:  # at an execution: the runtime was upgraded meanwhile
        raise dao.BadCall from None


def _make_call(dao: Dao, account: bytes, call: Call) -> None:
    def check(inner: Call) -> None:
        if inner.name not in dao.callable:
            raise dao.CallNotAllowed

    dao.runtime.dispatch(call, signed(account).narrowed(check))
