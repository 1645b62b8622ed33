"""On what terms an agent answers HTTP requests, and which hosts its script may reach.

## Out of scope

Who may change them (`pallets.agents`), and addresses that no script may reach whatever its agent allows (the worker).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pallets.primitives.types import U32, Balance, Bound, Bytes32, Moment, struct

U128_MAX = (1 << 128) - 1
MAX_GATEWAYS = 4
MAX_HOSTS = 64
MAX_HOST = 253
BUDGET_MINUTES = 60
"""What an agent's budget has left over keeps for so long: a batch of receipts is paid for at once."""
DAY_MS = 24 * 3_600_000
LABEL = rb"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(rb"(?:\*\.)?" + LABEL + rb"(?:\." + LABEL + rb")*")

Host = Annotated[bytes, Bound(MAX_HOST)]
"""A name as in `example.com`, or every name below one as in `*.example.com`; lower case."""


@struct(path="pallet_agents::ServicePolicy")
class ServicePolicy:
    """What an agent pays for requests that a gateway vouches for."""

    budget: Balance
    """A minute, for all its requests together; 0 for nothing."""
    gateways: Annotated[list[Bytes32], Bound(MAX_GATEWAYS)]
    """The ed25519 keys of the gateways whose tickets count."""
    max_charge: Balance
    """The most that one request costs."""

    @property
    def full(self) -> int:
        """The most that there is to spend at once."""
        return min(self.budget * BUDGET_MINUTES, U128_MAX)


@struct(path="pallet_agents::BudgetLevel")
class BudgetLevel:
    """What an agent's budget had left at a moment."""

    left: Balance
    at: Moment

    def filled(self, service: ServicePolicy, now: int) -> int:
        """What there is to spend now."""
        return min(self.left + service.budget * (now - self.at) // 60_000, service.full)

    def allowed(self, per_day: int, now: int) -> int:
        """What there is to spend now of so much a day."""
        return min(self.left + per_day * (now - self.at) // DAY_MS, per_day)


@struct(path="pallet_agents::AccessPolicy")
class AccessPolicy:
    """What a call over HTTP costs who calls, and who calls free."""

    call_price: Balance
    """Of a call, beside its gas."""
    free_tokens: Balance | None
    """Who has had so much of the agent's token locked for an epoch calls free, in the limits of its budget; none:
    nobody does for what it has locked."""
    quota: U32
    """How often a minute one account calls free."""

    @property
    def is_open(self) -> bool:
        """Whether a call costs no more than its gas, which the agent's budget pays whoever calls."""
        return not self.call_price and self.free_tokens is None


NO_SERVICE = ServicePolicy(0, [], 0)
OPEN_ACCESS = AccessPolicy(0, None, 0)


def caller_owes(gas: int, price: int, service: ServicePolicy, access: AccessPolicy) -> int:
    """What a run of so much gas costs a caller who pays for it: its gas, at most `max_charge` where the agent's DAO has
    set terms, and the price of a call.
    """
    full = gas * price
    return (full if service == NO_SERVICE else min(full, service.max_charge)) + access.call_price


def is_host(host: bytes) -> bool:
    """Whether this is written as `Host` says."""
    return len(host) <= MAX_HOST and HOST.fullmatch(host) is not None


def allows(hosts: Sequence[bytes] | None, name: str) -> bool:
    """Whether an agent of these hosts may reach a name; without a list it may reach any."""
    if hosts is None:
        return True
    asked = name.lower().rstrip(".").encode()
    return any(asked.endswith(host[1:]) if host.startswith(b"*.") else asked == host for host in hosts)
