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
from pallets.primitives.agent_record import AgentPolicy
from pallets.primitives.keys import verify_ed25519
from pallets.primitives.receipt import SignedTicket, ticket_bytes
from pallets.primitives.service import NO_SERVICE, AccessPolicy, BudgetLevel, ServicePolicy

MAX_USED = 65_536
"""Tickets that are remembered; one that is so much older than the newest doesn't count any more."""
MAX_BUDGETS = 4096


class PaymentRequired(Exception):
    """Nobody pays for the request; `error` is the wire's word for it."""

    error = "payment-required"


class TooCostly(PaymentRequired):
    """The request may cost less than anything does."""

    error = "too-costly"


def gas_bought(policy: AgentPolicy, service: ServicePolicy, access: AccessPolicy, max_charge: int | None) -> int:
    """The gas that a run may use where it may cost so much, the price of a call among it; raises `TooCostly`.

    It follows from the agent's terms and the request alone, so that whoever has these can run the request again.
    """
    costs = policy.price or access.call_price
    if max_charge is None or not costs:
        return policy.max_gas
    left = max_charge - access.call_price
    if left < 0 or (not left and policy.price):
        raise TooCostly(f"a call costs {access.call_price} and gas {policy.price} each, and it may cost {max_charge}")
    if not policy.price or (service != NO_SERVICE and service.max_charge <= left):
        return policy.max_gas
    gas = min(left // policy.price, policy.max_gas)
    if not gas:
        raise TooCostly(f"{left} buys no gas, of which each costs {policy.price}")
    return gas


class Tariff:
    """What one worker charges, on the chain of one genesis."""

    def __init__(self, genesis: bytes, worker: bytes) -> None:
        self._genesis, self._worker = genesis, worker
        self._used: dict[bytes, _Nonces] = {}
        self._budgets: OrderedDict[int, BudgetLevel] = OrderedDict()
        self._calls: OrderedDict[int, BudgetLevel] = OrderedDict()

    def admit(
        self,
        agent: ServedAgent,
        request_hash: bytes,
        ticket: SignedTicket | None,
        now: int,
        caller: ServedAgent | None = None,
        gas: int = 0,
    ) -> bool:
        """Whether an agent pays, by this ticket, rather than nobody for nothing; raises `PaymentRequired`.

        That is this agent, or the one that calls it, if the ticket is in its name: that must have what so much `gas`
        costs at most. `now` is in milliseconds. A ticket that counts counts no more from then on.
        """
        if not agent.costs:
            return False
        if ticket is None:
            text = f"agent {agent.id} charges for requests: send them through one of its gateways, or a voucher"
            raise PaymentRequired(f"{text} in x-fathom-voucher, see `fathom channel`")
        self._check(agent, request_hash, ticket, now, caller or agent)
        if caller is not None:
            most, has = agent.cost(gas), min(caller.purse, self._allowed(caller, now))
            if has < most:
                text = f"a call of agent {agent.id} costs {most} at most, and agent {caller.id} has {has} for calls now"
                raise PaymentRequired(f"{text}: fill its purse, or raise what it may spend a day (Agents.set_calls)")
        elif agent.funds and not self._left(agent, now):
            raise PaymentRequired(f"agent {agent.id} has spent its budget: try again in a minute")
        self._used.setdefault(ticket.gateway, _Nonces()).use(ticket.ticket.nonce)
        return True

    def charge(self, agent: ServedAgent, gas: int, now: int, caller: ServedAgent | None = None) -> int:
        """What the agent pays for a run of so much gas, or the one that calls it."""
        if caller is not None:
            left = self._allowed(caller, now)
            charge = min(agent.cost(gas), left)
            _note(self._calls, caller.id, BudgetLevel(left - charge, now))
            return charge
        policy, service = agent.record.policy, agent.service
        left = self._left(agent, now)
        charge = min(gas * policy.price, service.max_charge, left, agent.funds)
        _note(self._budgets, agent.id, BudgetLevel(left - charge, now))
        return charge

    def _allowed(self, caller: ServedAgent, now: int) -> int:
        level = self._calls.get(caller.id)
        return caller.calls if level is None else level.allowed(caller.calls, max(now, level.at))

    def _left(self, agent: ServedAgent, now: int) -> int:
        level = self._budgets.get(agent.id)
        return agent.service.full if level is None else level.filled(agent.service, max(now, level.at))

    def _check(
        self, agent: ServedAgent, request_hash: bytes, signed: SignedTicket, now: int, payer: ServedAgent
    ) -> None:
        ticket = signed.ticket
        if signed.gateway not in payer.service.gateways:
            raise PaymentRequired(f"agent {payer.id} doesn't pay by tickets of this gateway")
        if (ticket.agent, ticket.request_hash, ticket.worker) != (payer.id, request_hash, self._worker):
            raise PaymentRequired("the ticket is for another request, agent or worker")
        if ticket.expiry < now:
            raise PaymentRequired("the ticket's time is up")
        used = self._used.get(signed.gateway)
        if used is not None and not used.is_new(ticket.nonce):
            raise PaymentRequired("the ticket was used before")
        if not verify_ed25519(signed.signature, ticket_bytes(self._genesis, ticket), signed.gateway):
            raise PaymentRequired("the ticket's signature is not its gateway's")


def _note(levels: OrderedDict[int, BudgetLevel], agent: int, level: BudgetLevel) -> None:
    levels[agent] = level
    levels.move_to_end(agent)
    if len(levels) > MAX_BUDGETS:
        levels.popitem(last=False)


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
