"""Whose a fee is that lies in the pot: the agent's part of it, by the shares that were agreed.

| share | whose |
| --- | --- |
| `worker` | the seats', or who answered |
| `treasury` | the agent's treasury; of it `Agents.Split` millionths are the creator's |
| `holders` | those who have the agent's token, as long as it circulates (`Dividends`); the treasury's else |
| `chain` | the chain's treasury |

Shares are those of a job's submission; whether there are holders, and what is the creator's, is as it is when the fee
is paid. What an agent pays out of its own treasury, for requests with a ticket, is no income: its own shares stay where
they are, so that nobody draws the treasury out to the holders by calling free.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pallets.jobs.terms import Owners
from pallets.primitives.job_record import MILLION, Shares

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs


class AgentParts(NamedTuple):
    """What of a fee is an agent's; together as much as `Shares.split` leaves it."""

    treasury: int
    creator: int
    holders: int


def agent_parts(fee: int, shares: Shares, owners: Owners) -> AgentParts:
    """Divides what of a fee is an agent's; what rounding leaves is the treasury's."""
    _, to_agent, _ = shares.split(fee)
    to_holders = fee * shares.holders // MILLION if owners.token is not None else 0
    to_creator = (to_agent - to_holders) * owners.split // MILLION
    return AgentParts(to_agent - to_holders - to_creator, to_creator, to_holders)


def pay_agent(jobs: Jobs, pot: bytes, fee: int, shares: Shares, agent: int, paid: Callable[[bytes, int], None]) -> None:
    """Pays what of a fee is an agent's: the holders' part out of the pot at once, what is others' is credited.

    `paid` tells of each part that is more than nothing, and of whose account it is.
    """
    owners = jobs.payees.owners(agent)
    parts = agent_parts(fee, shares, owners)
    if owners.token is not None and parts.holders:
        paid(jobs.payees.pay_holders(owners.token, pot, parts.holders), parts.holders)
    for who, amount in ((owners.treasury, parts.treasury), (owners.creator, parts.creator)):
        if amount:
            jobs.claimable[who] += amount
            paid(who, amount)
