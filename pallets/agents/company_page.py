"""What `Agents` has for an agent as a company: its token, who governs it, which scripts it had, whom its money goes to.

## Overview

An agent's creator governs it until its token circulates; from then on the DAO's account does, which calls what the
holders have decided (`companies.dao_account`). Should nobody hold any again, the creator governs as before.

Of what the agent's treasury is paid by others a part may go to the creator (`set_split`). The holders' share of a fee
is theirs while the token circulates, and the treasury's else (`pallets.jobs.shares`).

What a call costs over HTTP beside its gas, and who may call free, is the agent's `access`: gateways and workers see to
that; what free calls cost the agent stays in its budget.

What its own script calls, and nobody else pays for, the agent pays out of its purse, so much a day (`set_calls`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from pallets.frame import H256, U32, AccountId, Balance, Bound, Map, Signed, Weight, call
from pallets.fungibles import AssetId
from pallets.jobs.terms import Owners
from pallets.primitives.agent_record import MAX_SCRIPTS, AgentId, Approval
from pallets.primitives.job_record import MILLION
from pallets.primitives.pots import dao_account, treasury
from pallets.primitives.service import NO_SERVICE, OPEN_ACCESS, AccessPolicy, BudgetLevel, caller_owes

if TYPE_CHECKING:
    from pallets.agents.pallet import Agents


class CompanyPage:
    """Token, government and split, of `Agents`."""

    token_of = Map[AgentId, AssetId]()
    """The token of each agent that has one."""
    agent_by_token = Map[AssetId, AgentId]()
    """Whose token is whose."""
    scripts = Map[AgentId, Annotated[list[Approval], Bound(MAX_SCRIPTS)]](default=list)
    """Which code was made each agent's script when, the newest last."""
    split = Map[AgentId, U32](default=0)
    """What of that which its treasury is paid goes to an agent's creator, in millionths."""
    access = Map[AgentId, AccessPolicy]()
    """What a call of an agent costs over HTTP, and who calls free; one that isn't here costs its gas, whoever calls."""

    calls = Map[AgentId, Balance]()
    """What an agent may spend a day on agents that it calls; one that isn't here, nothing."""
    calls_level = Map[AgentId, BudgetLevel]()
    """What was left of that when the agent last paid."""

    # Calls

    @call(10, weight=Weight(150_000_000, 4_000))
    def set_split(self, who: Signed, agent: AgentId, creator: U32) -> None:
        """Say how many millionths of what the agent's treasury is paid from now on go to the agent's creator."""
        agents = self._agents
        agents.governed(who, agent)
        if creator > MILLION:
            raise agents.SplitTooLarge
        if creator:
            self.split[agent] = creator
        else:
            del self.split[agent]
        agents.deposit(agents.SplitSet(agent, creator))

    @call(11, weight=Weight(150_000_000, 4_000))
    def set_access(self, who: Signed, agent: AgentId, access: AccessPolicy) -> None:
        """Say what a call over HTTP costs beside its gas, and how much of the token lets one call free."""
        agents = self._agents
        agents.governed(who, agent)
        if access.free_tokens is not None and not (access.free_tokens and access.quota):
            raise agents.BadAccess
        if access == OPEN_ACCESS:
            del self.access[agent]
        else:
            self.access[agent] = access
        agents.deposit(agents.AccessSet(agent))

    @call(14, weight=Weight(150_000_000, 4_000))
    def set_calls(self, who: Signed, agent: AgentId, per_day: Balance) -> None:
        """Say how much the agent may spend a day, out of its purse, on agents that its script calls."""
        agents = self._agents
        agents.governed(who, agent)
        if per_day:
            self.calls[agent] = per_day
        else:
            del self.calls[agent]
            del self.calls_level[agent]
        agents.deposit(agents.CallsSet(agent, per_day))

    # What other pallets may ask: `Companies`

    def owner(self, agent: AgentId) -> AccountId:
        return self._agents.agent[agent].owner

    def dao(self, agent: AgentId) -> AccountId:
        return self._dao_of(agent, self.owner(agent))

    def treasury(self, agent: AgentId) -> AccountId:
        self.owner(agent)
        return treasury(agent)

    def is_paused(self, agent: AgentId) -> bool:
        return self._agents.agent[agent].paused

    def token(self, agent: AgentId) -> AssetId | None:
        self.owner(agent)
        return self.token_of.get(agent)

    def set_token(self, agent: AgentId, token: AssetId) -> None:
        agents = self._agents
        if self.token(agent) is not None or token in self.agent_by_token:
            raise agents.HasToken
        self.token_of[agent] = token
        self.agent_by_token[token] = agent
        agents.deposit(agents.TokenSet(agent, token))

    def agent_of(self, token: AssetId) -> AgentId | None:
        return self.agent_by_token.get(token)

    def approve(self, agent: AgentId, code: H256, proposer: AccountId | None) -> None:
        agents = self._agents
        record = agents.agent[agent]
        if code not in agents.code:
            raise agents.UnknownCode
        if record.code != code:
            record.code = code
            agents.agent[agent] = record
            history = [*self.scripts[agent], Approval(code, agents.timestamp.now, proposer)]
            self.scripts[agent] = history[-MAX_SCRIPTS:]
        agents.deposit(agents.CodeApproved(agent, code))

    def has_approved(self, agent: AgentId, code: H256) -> bool:
        record = self._agents.agent[agent]
        return code == record.code or any(code == each.code for each in self.scripts[agent])

    # What jobs ask: `Payees`

    def owners(self, agent: int) -> Owners:
        return Owners(self.treasury(agent), self.owner(agent), self.split[agent], self._circulating_token(agent))

    def pay_holders(self, token: int, source: bytes, amount: int) -> bytes:
        return self._agents.holders.pay_in(token, source, amount)

    def spend_calls(self, agent: int, wanted: int, now: int) -> int:
        per_day = self.calls.get(agent)
        if per_day is None or not wanted:
            return 0
        level = self.calls_level.get(agent)
        left = per_day if level is None else level.allowed(per_day, now)
        spent = min(wanted, left)
        self.calls_level[agent] = BudgetLevel(left - spent, now)
        return spent

    def caller_owes(self, agent: int, gas: int) -> int:
        agents = self._agents
        service, access = agents.service.get(agent) or NO_SERVICE, self.access.get(agent) or OPEN_ACCESS
        return caller_owes(gas, agents.agent[agent].policy.price, service, access)

    # Inside

    @property
    def _agents(self) -> Agents:
        return cast("Agents", self)

    def _dao_of(self, agent: int, owner: bytes) -> bytes:
        return owner if self._circulating_token(agent) is None else dao_account(agent)

    def _circulating_token(self, agent: int) -> int | None:
        """Its token, as long as anybody has any."""
        token = self.token_of.get(agent)
        return token if token is not None and self._agents.holders.circulating(token) else None
