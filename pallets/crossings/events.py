"""What `Crossings` tells: the events of its page."""

from __future__ import annotations

from pallets.frame import H256, U32, U64, AccountId, Balance, Event
from pallets.primitives.agent_record import AgentId
from pallets.primitives.crossing import ChainName, Detail, EntryNumber, Reason, Verdict
from pallets.primitives.worker import WorkerKey


class CrossingEvents:
    """The events of `Crossings`; `chain` is the other chain's genesis hash."""

    class ChainAllowed(Event):
        """An agent may reach another chain, on these terms from now on."""

        agent: AgentId
        chain: H256
        name: ChainName

    class ChainDisallowed(Event):
        """An agent may reach another chain no more."""

        agent: AgentId
        chain: H256

    class AccountAnnounced(Event):
        """An agent has this account on another chain, whose key is derived from this generation of the secret."""

        agent: AgentId
        chain: H256
        account: AccountId
        generation: U32
        by: WorkerKey

    class AccountDropped(Event):
        """An agent is to have another account there; what the old one has stays where it is."""

        agent: AgentId
        chain: H256
        account: AccountId

    class Queued(Event):
        """A job sends something to another chain."""

        agent: AgentId
        chain: H256
        entry: EntryNumber
        job: U64
        spends: Balance

    class Sent(Event):
        """A transaction is fixed by its bytes, and being sent."""

        agent: AgentId
        chain: H256
        entry: EntryNumber
        job: U64
        nonce: U64
        hash: H256
        by: WorkerKey

    class Delivered(Event):
        """A transaction is in a final block of the other chain: asserted by one worker."""

        agent: AgentId
        chain: H256
        entry: EntryNumber
        job: U64
        hash: H256
        number: U64
        block: H256
        extrinsic: U32
        verdict: Verdict
        by: WorkerKey

    class Retried(Event):
        """A transaction died in no block, and another of its nonce is to be signed: asserted by one worker."""

        agent: AgentId
        chain: H256
        entry: EntryNumber
        job: U64
        hash: H256
        by: WorkerKey

    class Failed(Event):
        """An entry is over, and not delivered; by whom that is asserted, unless it is the chain's own doing."""

        agent: AgentId
        chain: H256
        entry: EntryNumber
        job: U64
        reason: Reason
        detail: Detail
        by: WorkerKey | None

    class NonceReleased(Event):
        """The nonce that was to be used again is used: the next transaction takes the account's own."""

        agent: AgentId
        chain: H256
        nonce: U64
        by: WorkerKey
