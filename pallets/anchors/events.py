"""What `Anchors` says."""

from __future__ import annotations

from typing import Annotated

from pallets.frame import U32, AccountId, Balance, Bound, Bytes32, Event
from pallets.frame.runtime import DispatchErrorType
from pallets.primitives.agent_record import AgentId
from pallets.primitives.effects import MAX_DATA, MAX_TOPICS, Key
from pallets.primitives.job import JobId


class AnchorEvents:
    """Events of `Anchors`."""

    class Applied(Event):
        """What a job's run left for the chain was done: so many writes, so many actions."""

        agent: AgentId
        job: JobId
        updates: U32
        actions: U32

    class Refused(Event):
        """Nothing of what a job's run left for the chain was done, for this reason; the job stays settled."""

        agent: AgentId
        job: JobId
        error: DispatchErrorType

    class LockLost(Event):
        """A job's run has read this key, and its value is another now; `Refused` follows."""

        agent: AgentId
        job: JobId
        key: Key

    class Emitted(Event):
        """An agent's own event."""

        agent: AgentId
        job: JobId
        topics: Annotated[list[Bytes32], Bound(MAX_TOPICS)]
        data: Annotated[bytes, Bound(MAX_DATA)]

    class Paid(Event):
        """A job was paid for by an agent's purse: `to` has so much of it."""

        agent: AgentId
        job: JobId
        to: AccountId
        amount: Balance

    class Filled(Event):
        """Somebody gave to an agent's purse."""

        agent: AgentId
        who: AccountId
        amount: Balance

    class LimitsSet(Event):
        """An agent's purse gives so much to a job, and so much in a day, from now on."""

        agent: AgentId
        per_job: Balance
        per_day: Balance
