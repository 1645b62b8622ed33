"""An agent as a company: what other pallets ask of its record, of its holders, and which accounts are its own.

## Overview

`Companies` is what curves and votes ask of `Agents`; `Holders` is what all of them ask of `Dividends`, and `Government`
what curves ask of `Dao`. All raise `DispatchError`s, and change nothing then.

An agent has two keyless accounts: its `treasury` has its money, and its `dao_account` is who calls what its holders
have decided. What is in one is out of the other's reach.
"""

from __future__ import annotations

from typing import Protocol

from pallets.frame import H256, AccountId, Balance
from pallets.fungibles import AssetId
from pallets.primitives.agent_record import AgentId


class Companies(Protocol):
    """Who knows the agents: `Agents`. Each raises `Agents.UnknownAgent`."""

    def owner(self, agent: AgentId) -> AccountId:
        """Who created it."""

    def dao(self, agent: AgentId) -> AccountId:
        """Who governs it now: its DAO's account while its token circulates, its creator else."""

    def treasury(self, agent: AgentId) -> AccountId:
        """Who has its money."""

    def is_paused(self, agent: AgentId) -> bool:
        """Whether it takes no new jobs."""

    def token(self, agent: AgentId) -> AssetId | None:
        """Its token, once it has one."""

    def set_token(self, agent: AgentId, token: AssetId) -> None:
        """Gives it its token, once and for all; raises `Agents.HasToken`."""

    def agent_of(self, token: AssetId) -> AgentId | None:
        """Whose token it is; `None` of one that is no agent's."""

    def approve(self, agent: AgentId, code: H256, proposer: AccountId | None) -> None:
        """Makes uploaded code its script, from now on; `proposer` is who proposed it, none where the creator chose it.

        Raises `Agents.UnknownCode`.
        """

    def has_approved(self, agent: AgentId, code: H256) -> bool:
        """Whether this code is or was its script, as far as its history goes back."""


class Government(Protocol):
    """Who knows how an agent's holders will decide: `Dao`."""

    def check_launch(self, agent: AgentId, supply: Balance) -> None:
        """Raises `FloorOutOfBounds` of an agent whose rules ask for more votes than so many units would allow."""


class Holders(Protocol):
    """Who knows what holders have and earn: `Dividends`."""

    def follow(self, token: AssetId) -> None:
        """Counts a token's holders from now on: it was just created, and nobody has any. Raises `AlreadyIssued`."""

    def circulating(self, token: AssetId) -> Balance:
        """What all accounts have but pots; 0 of a token that isn't followed."""

    def holder_count(self, token: AssetId) -> int:
        """How many accounts have some, pots left out; 0 of a token that isn't followed."""

    def pay_in(self, token: AssetId, source: AccountId, amount: Balance) -> AccountId:
        """Has the holders earn an amount, which `source` pays now, over the epoch that follows; answers who has it.

        `source` keeps the existential deposit. Nothing becomes of an amount of 0. Raises `Dividends.NotFollowed`, and
        what `Currency.transfer` raises.
        """
