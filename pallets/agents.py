"""Agents: scripts that anyone may have run, on the terms their DAO sets.

## Overview

An agent has a name, a policy, a treasury, and at most one approved script, named by the BLAKE2b-256 of its bytes. Its
DAO is its creator. Anyone may upload code; only code that an agent's DAO has approved is ever executed for it, and a
job keeps the code, price and shares of its submission.

The treasury is a keyless account per agent. Its creator funds it with the existential deposit, so that it can take any
share however small.

Its DAO may also say which workers will do: hardware, confidence, a GPU, memory, a region, features such as models
(`pallet_workers::Requirements`). Workers that meet them make a capability class, which is shared by all agents that ask
for the same and is open while one of them does. The chain has room for few classes: a deposit is held for as long as
an agent asks for anything.

It says as well what the agent pays for HTTP requests, from its treasury, for which gateways' tickets (`set_service`;
genesis says what new agents begin with), and which hosts its script may reach (`set_hosts`).

## Out of scope

What a script may do (the workers' sandbox), holders and votes. Removal: uploaded code stays on-chain for good, and so
do the record and the output of every job that is over, some 430 bytes and up to 64 KiB. No deposit is held for them. A
byte of code costs its uploader once, in the transaction's fee (`TransactionPayment`'s price of a byte, half a token
for the largest script); a job's record is paid for by the fee of `submit`, its output by no more than the job's gas.
"""

from __future__ import annotations

import re
from typing import Annotated

from pallets.frame import (
    H256,
    U32,
    U64,
    AccountId,
    Balance,
    Bound,
    Compact,
    Const,
    Error,
    Event,
    Map,
    Pallet,
    Reasons,
    Signed,
    Value,
    Weight,
    call,
)
from pallets.fungible import Currency
from pallets.jobs.terms import Classes, ServiceTerms, Terms
from pallets.primitives.agent_record import Agent, AgentId, AgentKind, AgentPolicy, Name
from pallets.primitives.hashing import Identity, blake2_256
from pallets.primitives.service import MAX_HOSTS, NO_SERVICE, BudgetLevel, Host, ServicePolicy, is_host
from pallets.primitives.worker_record import EVERYONE, ClassId, Requirements

MAX_CODE = 512 * 1024
NAME = re.compile(rb"[a-z][a-z0-9-]*")

Code = Annotated[bytes, Bound(MAX_CODE)]


class Agents(Pallet):
    """Scripts that anyone may have run, on the terms their DAO sets."""

    currency: Currency
    classes: Classes
    max_gas: Const[U64]
    """The most gas that a policy may allow a job."""
    requirements_deposit: Const[Balance]
    """What is held of a DAO while its agent asks anything of its workers."""

    class CodeUploaded(Event):
        """Code is on-chain, under its hash."""

        hash: H256
        size: U32

    class Created(Event):
        """An agent was created."""

        agent: AgentId
        owner: AccountId
        name: Name

    class CodeApproved(Event):
        """An agent's script is from now on the code of this hash."""

        agent: AgentId
        hash: H256

    class PolicySet(Event):
        """An agent's terms for new jobs were changed."""

        agent: AgentId

    class Funded(Event):
        """Somebody gave to an agent's treasury."""

        agent: AgentId
        who: AccountId
        amount: Balance

    class Paused(Event):
        """An agent takes no new jobs."""

        agent: AgentId

    class Resumed(Event):
        """An agent takes jobs again."""

        agent: AgentId

    class RequirementsSet(Event):
        """New jobs of an agent are given to workers of this capability class."""

        agent: AgentId
        class_: ClassId

    class ServiceSet(Event):
        """What an agent pays for HTTP requests was changed."""

        agent: AgentId

    class HostsSet(Event):
        """The hosts that an agent's script may reach were changed."""

        agent: AgentId

    class UnknownAgent(Error):
        """No agent has this number."""

    class UnknownCode(Error):
        """No code of this hash was uploaded."""

    class EmptyCode(Error):
        """Code has at least one byte."""

    class BadName(Error):
        """A name has 1 to 64 characters: a lower-case letter, then lower-case letters, digits and hyphens."""

    class NameTaken(Error):
        """Another agent has this name."""

    class SharesDontAddUp(Error):
        """The shares of a policy add up to a million."""

    class BadGasLimit(Error):
        """A policy allows a job at least one unit of gas, and at most `MaxGas`."""

    class NotDao(Error):
        """The signer is not the agent's DAO."""

    class AgentPaused(Error):
        """The agent takes no new jobs."""

    class NotPaused(Error):
        """The agent isn't paused."""

    class NoApprovedCode(Error):
        """The agent's DAO has approved no script yet."""

    class BadHost(Error):
        """A host is a name in lower case, as in `example.com`, or all names below one, as in `*.example.com`."""

    class HoldReason(Reasons):
        """What is held here."""

        Requirements = 0
        """For what an agent asks of its workers."""

    next_agent = Value[AgentId](default=0)
    """The number of the next agent."""
    agent = Map[AgentId, Agent](missing=UnknownAgent)
    """All agents."""
    by_name = Map[Name, AgentId]()
    """Agents by their name."""
    code = Map[H256, Code](hasher=Identity)
    """Uploaded code, by its hash."""
    requirements = Map[AgentId, ClassId](default=EVERYONE)
    """The capability class of each agent that asks anything of its workers; what it asks is in `Workers.Classes`."""
    service = Map[AgentId, ServicePolicy]()
    """What agents pay for HTTP requests; one that isn't here pays for none."""
    budget = Map[AgentId, BudgetLevel]()
    """What was left of the budget of each agent that has paid for requests, when it last did."""
    hosts = Map[AgentId, list[Host]]()
    """The hosts that an agent's script may reach; one that isn't here may reach any that is public."""
    default_service = Value[ServicePolicy | None]()
    """What a new agent pays for HTTP requests."""

    def genesis(self, default_service: ServicePolicy | None = None) -> None:
        self.default_service = default_service

    # Calls

    @call(0, weight=lambda code: Weight(150_000_000 + 2_000 * len(code), 1_500))
    def upload_code(self, who: Signed, code: Code) -> None:
        """Put code on-chain, for any agent's DAO to approve; what is there already is left as it is."""
        if not code:
            raise self.EmptyCode
        hash = blake2_256(code)
        if hash not in self.code:
            self.code[hash] = code
        self.deposit(self.CodeUploaded(hash, len(code)))

    @call(1, weight=Weight(400_000_000, 10_000))
    def create(self, who: Signed, name: Name, kind: AgentKind, policy: AgentPolicy) -> None:
        """Create an agent; the signer becomes its DAO, and pays the existential deposit of its treasury."""
        if not NAME.fullmatch(name):
            raise self.BadName
        if name in self.by_name:
            raise self.NameTaken
        self._check(policy)
        agent = self.next_agent
        self.currency.transfer(who, treasury(agent), self.currency.existential_deposit, keep_alive=True)
        self.next_agent = agent + 1
        self.by_name[name] = agent
        self.agent[agent] = Agent(who, name, kind, policy)
        default = self.default_service
        if default is not None:
            self.service[agent] = default
        self.deposit(self.Created(agent, who, name))

    @call(2, weight=Weight(150_000_000, 6_000))
    def approve_code(self, who: Signed, agent: AgentId, hash: H256) -> None:
        """Make uploaded code the agent's script. Jobs that were submitted before keep theirs."""
        record = self._governed(who, agent)
        if hash not in self.code:
            raise self.UnknownCode
        record.code = hash
        self.agent[agent] = record
        self.deposit(self.CodeApproved(agent, hash))

    @call(3, weight=Weight(150_000_000, 4_000))
    def set_policy(self, who: Signed, agent: AgentId, policy: AgentPolicy) -> None:
        """Change the agent's terms for new jobs."""
        record = self._governed(who, agent)
        self._check(policy)
        record.policy = policy
        self.agent[agent] = record
        self.deposit(self.PolicySet(agent))

    @call(4, weight=Weight(250_000_000, 7_000))
    def fund(self, who: Signed, agent: AgentId, amount: Compact[Balance]) -> None:
        """Give to the agent's treasury."""
        if agent not in self.agent:
            raise self.UnknownAgent
        self.currency.transfer(who, treasury(agent), amount, keep_alive=True)
        self.deposit(self.Funded(agent, who, amount))

    @call(5, weight=Weight(150_000_000, 4_000))
    def pause(self, who: Signed, agent: AgentId) -> None:
        """Take no new jobs. Those submitted before go on."""
        record = self._governed(who, agent)
        if record.paused:
            raise self.AgentPaused
        record.paused = True
        self.agent[agent] = record
        self.deposit(self.Paused(agent))

    @call(6, weight=Weight(150_000_000, 4_000))
    def resume(self, who: Signed, agent: AgentId) -> None:
        """Take jobs again."""
        record = self._governed(who, agent)
        if not record.paused:
            raise self.NotPaused
        record.paused = False
        self.agent[agent] = record
        self.deposit(self.Resumed(agent))

    @call(7, weight=Weight(450_000_000, 15_000))
    def set_requirements(self, who: Signed, agent: AgentId, requirements: Requirements) -> None:
        """Say which workers the agent's new jobs may be given to; jobs submitted before keep their class.

        A deposit is held until anyone will do again.
        """
        self._governed(who, agent)
        old = self.requirements[agent]
        new = self.classes.open_class(requirements)
        self.classes.close_class(old)
        if new == EVERYONE:
            del self.requirements[agent]
        else:
            self.requirements[agent] = new
        if old == EVERYONE != new:
            self.currency.hold(self.HoldReason.Requirements, who, self.requirements_deposit, keep_alive=True)
        elif old != EVERYONE == new:
            self.currency.release(self.HoldReason.Requirements, who, self.requirements_deposit)
        self.deposit(self.RequirementsSet(agent, new))

    @call(8, weight=Weight(150_000_000, 5_000))
    def set_service(self, who: Signed, agent: AgentId, service: ServicePolicy) -> None:
        """Say what the agent pays for HTTP requests, and whose tickets say that it does.

        Requests whose leaves the chain draws later are paid for on these terms.
        """
        self._governed(who, agent)
        if service == NO_SERVICE:
            del self.service[agent]
        else:
            self.service[agent] = service
        self.deposit(self.ServiceSet(agent))

    @call(9, weight=lambda agent, hosts: Weight(150_000_000 + 3_000_000 * len(hosts or ()), 5_000))
    def set_hosts(self, who: Signed, agent: AgentId, hosts: Annotated[list[Host], Bound(MAX_HOSTS)] | None) -> None:
        """Say which hosts the agent's script may reach; with none given, any that is public."""
        self._governed(who, agent)
        if hosts is None:
            del self.hosts[agent]
        elif all(map(is_host, hosts)):
            self.hosts[agent] = hosts
        else:
            raise self.BadHost
        self.deposit(self.HostsSet(agent))

    # What other pallets may ask: `Payees`

    def terms(self, agent: int) -> Terms:
        record = self.agent[agent]
        if record.paused:
            raise self.AgentPaused
        if record.code is None:
            raise self.NoApprovedCode
        policy = record.policy
        class_id = self.requirements[agent]
        return Terms(record.code, policy.price, policy.max_gas, policy.shares, treasury(agent), policy.narrow, class_id)

    def service_terms(self, agent: int) -> ServiceTerms | None:
        record = self.agent.get(agent)
        if record is None:
            return None
        service, policy = self.service.get(agent) or NO_SERVICE, record.policy
        return ServiceTerms(policy.price, service.max_charge, service.gateways, policy.shares, treasury(agent))

    def spend_budget(self, agent: int, wanted: int, now: int) -> int:
        service = self.service.get(agent)
        if service is None or not wanted:
            return 0
        level = self.budget.get(agent)
        left = service.full if level is None else level.filled(service, now)
        spent = min(wanted, left)
        self.budget[agent] = BudgetLevel(left - spent, now)
        return spent

    # Inside

    def _governed(self, who: bytes, agent: int) -> Agent:
        record = self.agent[agent]
        if record.owner != who:
            raise self.NotDao
        return record

    def _check(self, policy: AgentPolicy) -> None:
        if not policy.shares.add_up:
            raise self.SharesDontAddUp
        if not 0 < policy.max_gas <= self.max_gas:
            raise self.BadGasLimit


def treasury(agent: int) -> bytes:
    """The keyless account of an agent's money; mirrors `PalletId::into_sub_account_truncating`."""
    return (b"modlfthmagnt" + agent.to_bytes(8, "little")).ljust(32, b"\0")
