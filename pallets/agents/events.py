"""What `Agents` tells: the events of its page."""

from __future__ import annotations

from pallets.frame import H256, U32, AccountId, Balance, Event
from pallets.fungibles import AssetId
from pallets.primitives.agent_record import AgentId, Name
from pallets.primitives.worker_record import ClassId


class AgentEvents:
    """The events of `Agents`."""

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

    class TokenSet(Event):
        """An agent has a token; while it circulates, its holders are the agent's DAO."""

        agent: AgentId
        token: AssetId

    class SplitSet(Event):
        """So many millionths of what an agent's treasury is paid go to the agent's creator."""

        agent: AgentId
        creator: U32

    class AccessSet(Event):
        """Who may call an agent, and what a call costs, was changed."""

        agent: AgentId

    class CallsSet(Event):
        """An agent may spend so much a day on agents that it calls."""

        agent: AgentId
        per_day: Balance
