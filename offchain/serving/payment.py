"""Who pays for a request, and how much: an agent's budget by its gateway's ticket. Callers' vouchers are in `vouchers`.

| price of gas, of a call | ticket | what the run costs |
| --- | --- | --- |
| both 0 | | nothing |
| one above | none, or one that doesn't count | `PaymentRequired` |
| one above | counts | gas × price, at most `max_charge`, and what budget and treasury have left |

The price of a call is for callers: an agent doesn't pay it to itself. Whom it pays for, if not for all, its gateways
see to (`offchain.gateway.admission`).

A budget is so much a minute; what of it isn't spent keeps for `BUDGET_MINUTES`, as on the chain. What other workers
spend of it isn't known here: the chain sees to it that no agent pays more. A ticket counts once.

Errors: `PaymentRequired`, whose message says what is missing.
"""

from __future__ import annotations

from collections import OrderedDict

from offchain.serving.agents import ServedAgent
from pallets.primitives.keys import verify_ed25519
from pallets.primitives.receipt import SignedTicket, ticket_bytes
from pallets.primitives.service import BudgetLevel

MAX_USED = 65_536
"""Tickets that are remembered; one that is so much older than the newest doesn't count any more."""
MAX_BUDGETS = 4096


class PaymentRequired(Exception):
    """Nobody pays for the request; `error` is the wire's word for it."""

    error = "payment-required"


class Tariff:
    """What one worker charges, on the chain of one genesis."""

    def __init__(self, genesis: bytes, worker: bytes) -> None:
        self._genesis, self._worker = genesis, worker
        self._used: dict[bytes, _Nonces] = {}
        self._budgets: OrderedDict[int, BudgetLevel] = OrderedDict()

    def admit(self, agent: ServedAgent, request_hash: bytes, ticket: SignedTicket | None, now: int) -> bool:
        """Whether the agent pays, by this ticket, rather than nobody for nothing; raises `PaymentRequired`.

        `now` is in milliseconds. A ticket that counts counts no more from then on.
        """
        if not agent.costs:
            return False
        if ticket is None:
            text = f"agent {agent.id} charges for requests: send them through one of its gateways, or a voucher"
            raise PaymentRequired(f"{text} in x-fathom-voucher, see `fathom channel`")
        self._check(agent, request_hash, ticket, now)
        if agent.funds and not self._left(agent, now):
            raise PaymentRequired(f"agent {agent.id} has spent its budget: try again in a minute")
        self._used.setdefault(ticket.gateway, _Nonces()).use(ticket.ticket.nonce)
        return True

    def charge(self, agent: ServedAgent, gas: int, now: int) -> int:
        """What the agent pays for a run of so much gas."""
        policy, service = agent.record.policy, agent.service
        left = self._left(agent, now)
        charge = min(gas * policy.price, service.max_charge, left, agent.funds)
        self._budgets[agent.id] = BudgetLevel(left - charge, now)
        self._budgets.move_to_end(agent.id)
        if len(self._budgets) > MAX_BUDGETS:
            self._budgets.popitem(last=False)
        return charge

    def _left(self, agent: ServedAgent, now: int) -> int:
        level = self._budgets.get(agent.id)
        return agent.service.full if level is None else level.filled(agent.service, max(now, level.at))

    def _check(self, agent: ServedAgent, request_hash: bytes, signed: SignedTicket, now: int) -> None:
        ticket = signed.ticket
        if signed.gateway not in agent.service.gateways:
            raise PaymentRequired(f"agent {agent.id} doesn't pay by tickets of this gateway")
        if (ticket.agent, ticket.request_hash, ticket.worker) != (agent.id, request_hash, self._worker):
            raise PaymentRequired("the ticket is for another request, agent or worker")
        if ticket.expiry < now:
            raise PaymentRequired("the ticket's time is up")
        used = self._used.get(signed.gateway)
        if used is not None and not used.is_new(ticket.nonce):
            raise PaymentRequired("the ticket was used before")
        if not verify_ed25519(signed.signature, ticket_bytes(self._genesis, ticket), signed.gateway):
            raise PaymentRequired("the ticket's signature is not its gateway's")


class _Nonces:
    """Which of a gateway's tickets were used: the newest `MAX_USED`, and none before them counts."""

    def __init__(self) -> None:
        self._used: set[int] = set()
        self._newest = -1

    def is_new(self, nonce: int) -> bool:
        return nonce > self._newest - MAX_USED and nonce not in self._used

    def use(self, nonce: int) -> None:
        self._used.add(nonce)
        if nonce > self._newest:
            gone = range(max(self._newest - MAX_USED + 1, 0), nonce - MAX_USED + 1)
            if len(gone) > MAX_USED:
                self._used = {nonce}
            else:
                self._used.difference_update(gone)
            self._newest = nonce
