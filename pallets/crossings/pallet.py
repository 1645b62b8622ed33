"""Crossings: what agents do on other chains of Substrate's kind, and the order in which it is done.

## Overview

An agent's DAO allows a chain by its genesis hash: where its nodes are, which calls the agent may make there, and how
much they may spend in a day. The agent has an account there, of a key that is derived from the cluster's secret; a
holder announces it once, signed by the worker and by the account, and it stays the agent's through all rotations, until
the DAO has it dropped. What was derived from an old generation is exposed (`pallets.clusters`): move what it has, then
`drop_account`.

What jobs send goes into an outbox (`outbox`), one for each agent and chain, strictly in order, one at a time in flight.
A holder of the cluster's secret signs a transaction for the first entry, and `sign` fixes it here, bytes, nonce and
era, before it is sent; whoever sends it sends these bytes, so no two workers collide. `report` says what became of it:
asserted by one worker, and labelled so. All that workers say is bare, anyone may carry it, and the pool checks it.

| call | by | |
| --- | --- | --- |
| `allow`, `disallow`, `drop_account`, `withdraw` | who governs the agent | |
| `announce`, `sign`, `report` | a worker that holds the secret | bare |

`Busy` lists the outboxes that workers have something to do for, and `Changed` counts whatever they have to look at.

## Out of scope

Whether what a worker asserts is true: this chain can't see the others. Signing and sending: `offchain.crossings`.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from pallets.calendar import due, first_due
from pallets.crossings import checks, outbox
from pallets.crossings.errors import CrossingErrors
from pallets.crossings.events import CrossingEvents
from pallets.frame import (
    H256,
    U8,
    U16,
    U32,
    U64,
    AccountId,
    Balance,
    Bound,
    Bytes64,
    Compact,
    Const,
    DoubleMap,
    DueKey,
    Map,
    NoneOrigin,
    Pallet,
    Signed,
    TripleMap,
    ValidTransaction,
    Value,
    Weight,
    call,
)
from pallets.primitives.agent_record import AgentId
from pallets.primitives.crossing import (
    ACCOUNT_TAG,
    CALL_NAME,
    CHAIN_NAME,
    ENDPOINT,
    MAX_CALLS,
    MAX_ENDPOINTS,
    OUTCOME_TAG,
    SIGNED_TAG,
    AllowedCall,
    AllowedChain,
    ChainName,
    CrossingAccount,
    Endpoint,
    Entry,
    EntryNumber,
    Named,
    Outbox,
    Outcome,
    SignedTransaction,
    Transaction,
)
from pallets.primitives.hashing import Blake2_128Concat, Identity
from pallets.primitives.worker import WorkerKey
from pallets.system.pallet import System
from pallets.timestamp import Timestamp
from pallets.workers.pallet import SIGNATURE_REF_TIME

BARE_WEIGHT = Weight(2 * SIGNATURE_REF_TIME + 600_000_000, 40_000)
SEND_WEIGHT = Weight(400_000_000, 20_000)
"""Of one thing that a job sends."""
LATE_WEIGHT = Weight(300_000_000, 15_000)


class Governors(Protocol):
    """Who knows who governs an agent: `Agents`."""

    def governed(self, who: AccountId, agent: AgentId) -> object:
        """Raises `NotDao` for anybody else, and where there is no such agent."""


class SecretHolders(Protocol):
    """Who knows who has the cluster's secret: `Clusters`."""

    @property
    def generation(self) -> int:
        """Of the secret in use."""

    def holds_key(self, worker: WorkerKey) -> bool:
        """Whether a worker has confirmed that it has it."""


class Crossings(CrossingEvents, CrossingErrors, Pallet):
    """What agents do on other chains, and in which order."""

    system: System
    timestamp: Timestamp
    agents: Governors
    holders: SecretHolders
    max_chains: Const[U32]
    """How many other chains an agent may have."""
    max_waiting: Const[U32]
    """How many entries an outbox has at most."""
    patience: Const[U64]
    """How long the first entry of an outbox may wait to be signed, in milliseconds."""
    max_due: Const[U32]
    """How many that waited too long a block looks at."""

    allowed = DoubleMap[AgentId, H256, AllowedChain](
        missing=CrossingErrors.ChainNotAllowed, hashers=(Blake2_128Concat, Blake2_128Concat)
    )
    """The chains that agents may reach, by their genesis hashes."""
    by_name = DoubleMap[AgentId, ChainName, H256](hashers=(Blake2_128Concat, Blake2_128Concat))
    """What an agent calls its chains."""
    chains_of = Map[AgentId, U32](default=0)
    """How many chains an agent has."""
    account = DoubleMap[AgentId, H256, CrossingAccount](hashers=(Blake2_128Concat, Blake2_128Concat))
    """The accounts that agents have there."""
    outbox = DoubleMap[AgentId, H256, Outbox](default=Outbox, hashers=(Blake2_128Concat, Blake2_128Concat))
    """Where an agent's outbox for a chain stands; it stays when the chain is allowed no more."""
    entry = TripleMap[AgentId, H256, EntryNumber, Entry](missing=CrossingErrors.NotHead)
    """What is to be delivered, and the last 64 that are over."""
    waits = Map[tuple[DueKey, tuple[AgentId, H256]], None](hasher=Identity)
    """When the first entry of an outbox has waited too long."""
    busy = Map[tuple[AgentId, H256], None]()
    """Outboxes that aren't empty, and agents without their account: what workers have to look at."""
    changed = Value[U32](default=0)
    """Grows whenever there is something new to look at."""

    def integrity_test(self) -> None:
        if not (self.max_chains and self.max_waiting and self.patience and self.max_due):
            raise ValueError("Crossings: max_chains, max_waiting, patience and max_due must be above zero")

    def on_randomness(self, mix: bytes) -> None:
        """Gives up what has waited too long, when the block's time is known."""
        late = due(self.waits, self.timestamp.now, self.max_due)
        for _, (agent, chain) in late:
            outbox.give_up(self, agent, chain)
        self.system.register_weight(LATE_WEIGHT * len(late))

    # Calls

    @call(0, weight=Weight(300_000_000, 15_000))
    def allow(
        self,
        who: Signed,
        agent: AgentId,
        chain: H256,
        name: ChainName,
        endpoints: Annotated[list[Endpoint], Bound(MAX_ENDPOINTS)],
        calls: Annotated[list[AllowedCall], Bound(MAX_CALLS)],
        cap: Compact[Balance],
        ss58: U16,
    ) -> None:
        """Let the agent reach another chain, or change on which terms.

        `chain` is its genesis hash, `name` what scripts call it, `cap` what transactions there may spend in a day, in
        that chain's smallest units; one of 0 stops them. What is in the outbox is delivered on the terms of then.
        """
        self.agents.governed(who, agent)
        self._check_terms(chain, name, endpoints, calls)
        old, named = self.allowed.get(agent, chain), self.by_name.get(agent, name)
        if named not in (None, chain):
            raise self.NameTaken
        if old is None:
            if self.chains_of[agent] >= self.max_chains:
                raise self.TooManyChains
            self.chains_of[agent] += 1
        elif old.name != name:
            del self.by_name[agent, old.name]
        self.by_name[agent, name] = chain
        self.allowed[agent, chain] = AllowedChain(name, endpoints, calls, cap, ss58)
        if (agent, chain) not in self.account:
            self.busy[agent, chain] = None
        self.touch()
        self.deposit(self.ChainAllowed(agent, chain, name))

    @call(1, weight=Weight(300_000_000, 15_000))
    def disallow(self, who: Signed, agent: AgentId, chain: H256) -> None:
        """Let the agent reach a chain no more. Its outbox must be empty: a `cap` of 0 stops what would come.

        It keeps its account there, and has it again when the chain is allowed again.
        """
        self.agents.governed(who, agent)
        old, box = self.allowed[agent, chain], self.outbox[agent, chain]
        if box.first != box.next:
            raise self.InFlight
        del self.by_name[agent, old.name]
        del self.allowed[agent, chain]
        del self.busy[agent, chain]
        left = self.chains_of[agent] - 1
        if left:
            self.chains_of[agent] = left
        else:
            del self.chains_of[agent]
        self.touch()
        self.deposit(self.ChainDisallowed(agent, chain))

    @call(2, weight=Weight(200_000_000, 10_000))
    def drop_account(self, who: Signed, agent: AgentId, chain: H256) -> None:
        """Have another account announced, of the secret in use. What the old one has there stays: move it first."""
        self.agents.governed(who, agent)
        old, box = self.account.get(agent, chain), self.outbox[agent, chain]
        if old is None:
            raise self.NoAccount
        if box.first != box.next and self.entry[agent, chain, box.first].signed is not None:
            raise self.InFlight
        del self.account[agent, chain]
        box.nonce, box.seen = None, 0
        self.outbox[agent, chain] = box
        if (agent, chain) in self.allowed:
            self.busy[agent, chain] = None
        self.touch()
        self.deposit(self.AccountDropped(agent, chain, old.account))

    @call(3, weight=Weight(250_000_000, 15_000))
    def withdraw(self, who: Signed, agent: AgentId, chain: H256) -> None:
        """Take the first entry of an outbox back. One that was sent may still be included: the next has its nonce."""
        self.agents.governed(who, agent)
        outbox.withdraw(self, agent, chain)

    def validate_announce(
        self,
        agent: int,
        chain: bytes,
        generation: int,
        account: bytes,
        worker: bytes,
        signature: bytes,
        proof: bytes,
    ) -> ValidTransaction:
        """Admits an account where there is none."""
        with checks.refusing(self):
            checks.check_account(self, agent, chain, generation, account, worker, signature, proof)
        return checks.once(ACCOUNT_TAG, agent, chain)

    @call(4, weight=BARE_WEIGHT, validate=validate_announce)
    def announce(
        self,
        none: NoneOrigin,
        agent: AgentId,
        chain: H256,
        generation: U32,
        account: AccountId,
        worker: WorkerKey,
        signature: Bytes64,
        proof: Bytes64,
    ) -> None:
        """Say which account an agent has on another chain, of the key that holders derive for it.

        Signed by a worker that holds the secret, and by the account (sr25519). A bare transaction that anyone may
        submit.
        """
        checks.check_account(self, agent, chain, generation, account, worker, signature, proof)
        self.account[agent, chain] = CrossingAccount(account, generation, worker)
        box = self.outbox[agent, chain]
        if box.first == box.next:
            del self.busy[agent, chain]
        self.touch()
        self.deposit(self.AccountAnnounced(agent, chain, account, generation, worker))

    def validate_sign(
        self,
        agent: int,
        chain: bytes,
        entry: int,
        attempt: int,
        nonce: int,
        birth: int,
        death: int,
        transaction: bytes,
        worker: bytes,
        signature: bytes,
    ) -> ValidTransaction:
        """Admits a transaction of an entry that has none."""
        with checks.refusing(self):
            said = nonce, birth, death, transaction
            checks.check_signed(self, agent, chain, entry, attempt, *said, worker, signature)
        return checks.once(SIGNED_TAG, agent, chain, entry, attempt)

    @call(5, weight=BARE_WEIGHT, validate=validate_sign)
    def sign(
        self,
        none: NoneOrigin,
        agent: AgentId,
        chain: H256,
        entry: EntryNumber,
        attempt: U8,
        nonce: U64,
        birth: U64,
        death: U64,
        transaction: Transaction,
        worker: WorkerKey,
        signature: Bytes64,
    ) -> None:
        """Fix the transaction of the first entry of an outbox, before it is sent.

        `birth` is the other chain's block that the era begins with, `death` the first one that it can't be in any
        more. Signed by a worker that holds the secret. A bare transaction that anyone may submit.
        """
        said = nonce, birth, death, transaction
        found = checks.check_signed(self, agent, chain, entry, attempt, *said, worker, signature)
        outbox.fix(self, agent, chain, entry, found, SignedTransaction(nonce, birth, death, transaction, worker))

    def validate_report(
        self,
        agent: int,
        chain: bytes,
        entry: int,
        attempt: int,
        outcome: Outcome,
        worker: bytes,
        signature: bytes,
    ) -> ValidTransaction:
        """Admits what became of the first entry."""
        with checks.refusing(self):
            found = checks.check_reported(self, agent, chain, entry, attempt, outcome, worker, signature)
        return checks.once(OUTCOME_TAG, agent, chain, entry, attempt, bytes((found.troubles,)))

    @call(6, weight=BARE_WEIGHT, validate=validate_report)
    def report(
        self,
        none: NoneOrigin,
        agent: AgentId,
        chain: H256,
        entry: EntryNumber,
        attempt: U8,
        outcome: Outcome,
        worker: WorkerKey,
        signature: Bytes64,
    ) -> None:
        """Say what became of the first entry of an outbox.

        Signed by a worker that holds the secret. A bare transaction that anyone may submit.
        """
        found = checks.check_reported(self, agent, chain, entry, attempt, outcome, worker, signature)
        outbox.take_outcome(self, agent, chain, entry, found, outcome, worker)

    # What others may ask

    def send(self, agent: AgentId, job: int, chain: H256, call: bytes, spends: Balance) -> None:
        """Queues what a job sends to another chain: `call` is an encoded `Sending`. Raises why not."""
        outbox.enter(self, agent, job, chain, call, spends)

    def next_due(self) -> int | None:
        """When the first entry has waited too long, in milliseconds."""
        return first_due(self.waits)

    # Inside

    def touch(self) -> None:
        """There is something new to look at."""
        self.changed = (self.changed + 1) % (1 << 32)

    def _check_terms(self, chain: bytes, name: bytes, endpoints: list[bytes], calls: list[AllowedCall]) -> None:
        if chain == self.system.block_hash[0]:
            raise self.OwnChain
        if CHAIN_NAME.fullmatch(name) is None:
            raise self.BadName
        if not endpoints or not all(ENDPOINT.fullmatch(each) for each in endpoints):
            raise self.BadEndpoint
        if not all(CALL_NAME.fullmatch(each.name) for each in calls if isinstance(each, Named)):
            raise self.BadCallName
