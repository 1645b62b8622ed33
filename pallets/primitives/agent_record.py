"""An agent as the chain remembers it."""

from __future__ import annotations

from typing import Annotated

from pallets.primitives.job_record import Shares
from pallets.primitives.types import H256, U64, AccountId, Balance, Bound, Moment, UnitEnum, struct

MAX_NAME = 64
MAX_SCRIPTS = 32
"""How many of the scripts that it had are remembered of an agent."""

Name = Annotated[bytes, Bound(MAX_NAME)]
AgentId = U64


class AgentKind(UnitEnum):
    """What an agent's code is written in."""

    __type_path__ = "pallet_agents::AgentKind"

    JavaScript = 0
    """A script for the workers' JavaScript engine."""
    Ink = 1
    """A contract of ink! 3 to 5: Wasm that imports what `pallet-contracts` offers."""


@struct(path="pallet_agents::AgentPolicy")
class AgentPolicy:
    """On what terms an agent takes jobs."""

    price: Balance
    """Of a unit of gas."""
    max_gas: U64
    """The most gas that one job may use."""
    shares: Shares
    narrow: bool
    """Whether its jobs may be drawn from few operators."""


@struct(path="pallet_agents::Agent")
class Agent:
    """An agent's record."""

    owner: AccountId
    """Its DAO, as long as it has no token holders: who created it."""
    name: Name
    kind: AgentKind
    policy: AgentPolicy
    code: H256 | None = None
    """The hash of the approved script."""
    paused: bool = False


@struct(path="pallet_agents::Approval")
class Approval:
    """That code was made an agent's script."""

    code: H256
    at: Moment
    proposer: AccountId | None
    """Who proposed it to the agent's holders; none where its DAO's account or creator approved it by itself."""
