"""What votes weigh and which rules hold: for any client, by `state_call`."""

from __future__ import annotations

from pallets.dao.pallet import Dao
from pallets.dao.rules import Rules
from pallets.dao.weights import ProposalId
from pallets.frame import AccountId, Balance
from pallets.frame.runtime_api import RuntimeApi
from pallets.primitives.agent_record import AgentId


class DaoApi(RuntimeApi, version=1):
    """What votes weigh and which rules hold, in a block's state."""

    def weight(self, proposal: ProposalId, who: AccountId) -> Balance | None:
        """How much an account votes with on a proposal; 0 of a dead one, `None` of one that never was."""
        return self._dao.weight(proposal, who) if proposal < self._dao.next_proposal else None

    def settled(self, agent: AgentId, who: AccountId) -> Balance | None:
        """How much of an agent's token an account has had locked all through the last full epoch and until now: what
        counts for access. `None` of an agent that is unknown.
        """
        return self._dao.settled(agent, who) if self._knows(agent) else None

    def rules(self, agent: AgentId) -> Rules | None:
        """The rules that an agent's next proposal follows; `None` of an agent that is unknown."""
        return self._dao.rules_of(agent) if self._knows(agent) else None

    def _knows(self, agent: int) -> bool:
        return agent in self._dao.companies.agent

    @property
    def _dao(self) -> Dao:
        dao: Dao = self.runtime.dao
        return dao
