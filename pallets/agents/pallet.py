"""Agents: scripts that anyone may have run, on the terms their DAO sets.

## Overview

An agent has a name, a policy, a treasury, and at most one approved script, named by the BLAKE2b-256 of its bytes. Its
DAO is its creator, and while its token circulates, the holders' (`company_page`). Anyone may upload code; only code
that an agent's DAO has approved is ever executed for it, and a job keeps the code, price and shares of its submission.

The treasury is a keyless account per agent. Its creator funds it with the existential deposit, so that it can take any
share however small.

Its DAO may also say which workers will do: hardware, confidence, a GPU, memory, a region, features such as models
(`pallet_workers::Requirements`), and whose enclaves it hires or bans by their measurements (`pallet_workers::Staff`).
Workers that meet all that make a capability class, which is shared by all agents that ask for the same and is open
while one of them does. The chain has room for few classes: a deposit is held for as long as an agent asks for anything,
of whoever asked last, creator or DAO's account (which has what holders have voted to send there); who asked before has
its deposit back.

It says as well what the agent pays for HTTP requests, from its treasury, for which gateways' tickets (`set_service`;
genesis says what new agents begin with), and which hosts its script may reach (`set_hosts`).

## Out of scope

What a script may do (the workers' sandbox), what holders have (`Dividends`), votes (`Dao`). Removal: uploaded code
stays on-chain for good, and so do the record and the output of every job that is over, some 430 bytes and up to 64 KiB.
No deposit is held for them. A byte of code costs its uploader once, in the transaction's fee (`TransactionPayment`'s
price of a byte, half a token for the largest script); a job's record is paid for by the fee of `submit`, its output by
no more than the job's gas.
"""

from __future__ import annotations

import re
from typing import Annotated

from pallets.agents.company_page import CompanyPage
from pallets.agents.errors import AgentErrors
from pallets.agents.events import AgentEvents
from pallets.companies import Holders
from pallets.frame import (
    H256,
    U64,
    AccountId,
    Balance,
    Bound,
    Compact,
    Const,
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
from pallets.primitives.pots import treasury
from pallets.primitives.service import MAX_HOSTS, NO_SERVICE, BudgetLevel, Host, ServicePolicy, is_host
from pallets.primitives.worker_record import EVERYONE, ClassId, Measurements, Requirements, Staff
from pallets.timestamp import Timestamp

MAX_CODE = 512 * 1024
NAME = re.compile(rb"[a-z][a-z0-9-]*")

Code = Annotated[bytes, Bound(MAX_CODE)]


class Agents(CompanyPage, AgentEvents, AgentErrors, Pallet):
    """Scripts that anyone may have run, on the terms their DAO sets."""

    timestamp: Timestamp
    currency: Currency
    holders: Holders
    classes: Classes
    max_gas: Const[U64]
    """The most gas that a policy may allow a job."""
    requirements_deposit: Const[Balance]
    """What is held of a DAO while its agent asks anything of its workers."""

    class HoldReason(Reasons):
        """What is held here."""

        Requirements = 0
        """For what an agent asks of its workers."""

    next_agent = Value[AgentId](default=0)
    """The number of the next agent."""
    agent = Map[AgentId, Agent](missing=AgentErrors.UnknownAgent)
    """All agents."""
    by_name = Map[Name, AgentId]()
    """Agents by their name."""
    code = Map[H256, Code](hasher=Identity)
    """Uploaded code, by its hash."""
    requirements = Map[AgentId, ClassId](default=EVERYONE)
    """The capability class of each agent that asks anything of its workers; what it asks is in `Workers.Classes`."""
    depositor = Map[AgentId, AccountId]()
    """Of whom the deposit for that is held, unless it is the agent's creator."""
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
        self.governed(who, agent)
        self.approve(agent, hash, None)

    @call(3, weight=Weight(150_000_000, 4_000))
    def set_policy(self, who: Signed, agent: AgentId, policy: AgentPolicy) -> None:
        """Change the agent's terms for new jobs."""
        record = self.governed(who, agent)
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
        record = self.governed(who, agent)
        if record.paused:
            raise self.AgentPaused
        record.paused = True
        self.agent[agent] = record
        self.deposit(self.Paused(agent))

    @call(6, weight=Weight(150_000_000, 4_000))
    def resume(self, who: Signed, agent: AgentId) -> None:
        """Take jobs again."""
        record = self.governed(who, agent)
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
        record = self.governed(who, agent)
        staff = self.classes.class_of(self.requirements[agent]).staff
        self._ask(who, agent, record, requirements, staff)

    @call(8, weight=Weight(150_000_000, 5_000))
    def set_service(self, who: Signed, agent: AgentId, service: ServicePolicy) -> None:
        """Say what the agent pays for HTTP requests, and whose tickets say that it does.

        Requests whose leaves the chain draws later are paid for on these terms.
        """
        self.governed(who, agent)
        if service == NO_SERVICE:
            del self.service[agent]
        else:
            self.service[agent] = service
        self.deposit(self.ServiceSet(agent))

    @call(9, weight=lambda agent, hosts: Weight(150_000_000 + 3_000_000 * len(hosts or ()), 5_000))
    def set_hosts(self, who: Signed, agent: AgentId, hosts: Annotated[list[Host], Bound(MAX_HOSTS)] | None) -> None:
        """Say which hosts the agent's script may reach; with none given, any that is public."""
        self.governed(who, agent)
        if hosts is None:
            del self.hosts[agent]
        elif all(map(is_host, hosts)):
            self.hosts[agent] = hosts
        else:
            raise self.BadHost
        self.deposit(self.HostsSet(agent))

    @call(12, weight=Weight(450_000_000, 15_000))
    def hire(self, who: Signed, agent: AgentId, measurements: Measurements) -> None:
        """Have the agent's new jobs done only by enclaves of these measurements; with none given, by any.

        The deposit of `set_requirements` is held while the agent hires or bans any.
        """
        record = self.governed(who, agent)
        asked = self.classes.class_of(self.requirements[agent])
        self._ask(who, agent, record, asked.requirements, Staff(measurements, asked.staff.banned))

    @call(13, weight=Weight(450_000_000, 15_000))
    def ban(self, who: Signed, agent: AgentId, measurements: Measurements) -> None:
        """Have none of the agent's new jobs done by enclaves of these measurements; as `hire` else."""
        record = self.governed(who, agent)
        asked = self.classes.class_of(self.requirements[agent])
        self._ask(who, agent, record, asked.requirements, Staff(asked.staff.hired, measurements))

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

    def governed(self, who: bytes, agent: int) -> Agent:
        """An agent's record, for who governs it; raises `NotDao`."""
        record = self.agent[agent]
        if who != self._dao_of(agent, record.owner):
            raise self.NotDao
        return record

    def _ask(self, who: bytes, agent: int, record: Agent, requirements: Requirements, staff: Staff) -> None:
        """Has new jobs given to workers of this kind, on a deposit."""
        if not set(staff.hired).isdisjoint(staff.banned):
            raise self.HiredAndBanned
        old, payer = self.requirements[agent], self.depositor.get(agent) or record.owner
        new = self.classes.open_class(requirements, staff)
        self.classes.close_class(old)
        if new == EVERYONE:
            del self.requirements[agent]
        else:
            self.requirements[agent] = new
        if new != EVERYONE and (old == EVERYONE or payer != who):
            self.currency.hold(self.HoldReason.Requirements, who, self.requirements_deposit, keep_alive=True)
        if old != EVERYONE and (new == EVERYONE or payer != who):
            self.currency.release(self.HoldReason.Requirements, payer, self.requirements_deposit)
        if new != EVERYONE and who != record.owner:
            self.depositor[agent] = who
        else:
            del self.depositor[agent]
        self.deposit(self.RequirementsSet(agent, new))

    def _check(self, policy: AgentPolicy) -> None:
        if not policy.shares.add_up:
            raise self.SharesDontAddUp
        if not 0 < policy.max_gas <= self.max_gas:
            raise self.BadGasLimit
