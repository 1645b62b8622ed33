"""What jobs ask of others: on which terms an agent takes one, and how many authorities the chain has."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from pallets.primitives.job_record import Shares


class Terms(NamedTuple):
    """On what terms an agent takes a job; `treasury` is its account."""

    code: bytes
    price: int
    max_gas: int
    shares: Shares
    treasury: bytes
    narrow: bool

    def gas_for(self, max_fee: int, replicas: int) -> int:
        """How much gas a fee buys for each replica; gas that costs nothing is bought as if it cost one."""
        return min(self.max_gas, max_fee // (max(self.price, 1) * replicas))


class Payees(Protocol):
    """Who knows an agent's terms: `Agents`."""

    def terms(self, agent: int) -> Terms:
        """An agent's terms for a new job; raises the error that says why it takes none."""


class AuthoritySet(Protocol):
    """Who knows the chain's authorities: `Aura`."""

    @property
    def authorities(self) -> list[bytes]:
        """Their keys."""
