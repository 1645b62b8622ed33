"""Agents that pay for agents that they call: out of their purse, so much a day, and nobody else does."""

from __future__ import annotations

import pytest

from pallets.agents.pallet import Agents
from pallets.frame.testing import noop
from pallets.jobs.pallet import Jobs
from pallets.primitives.agent_record import AgentKind
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job_record import MILLION
from pallets.primitives.pots import purse, treasury
from pallets.primitives.service import AccessPolicy
from tests.pallets.job_chain import BOB, CAROL, CODE, POLICY, UNIT, JobChain
from tests.pallets.receipt_chain import CHARGE, SERVICE, Answering, serving_chain

CALL_PRICE, DAY = UNIT // 10, 24 * 3_600_000
CALLED, CALLER = 0, 1
OWED = CALL_PRICE + CHARGE


@pytest.fixture
def chain() -> JobChain:
    """Agent 0 has a price for calls; agent 1 calls it, and has something to spend on that."""
    chain = serving_chain()
    chain.call(CAROL, "Agents", "create", name=b"caller", kind=AgentKind.JavaScript, policy=POLICY)
    chain.call(CAROL, "Agents", "approve_code", agent=CALLER, hash=blake2_256(CODE))
    chain.call(CAROL, "Agents", "set_service", agent=CALLER, service=SERVICE)
    chain.call(CAROL, "Agents", "set_access", agent=CALLED, access=AccessPolicy(CALL_PRICE, None, 0))
    chain.call(CAROL, "Agents", "set_calls", agent=CALLER, per_day=10 * OWED)
    chain.call(BOB, "Balances", "transfer_keep_alive", dest=purse(CALLER), value=100 * OWED)
    return chain


@pytest.fixture
def answering(chain: JobChain) -> Answering:
    return Answering(chain.worker("w").register())


def called(answering: Answering, count: int = 1, charge: int = OWED) -> None:
    """Answers calls that agent 1 has made of agent 0."""
    for _ in range(count):
        receipt = answering.answer(agent=CALLED, charge=charge)
        answering.tickets[receipt.sequence] = answering.ticket(receipt, answering.nonce - 1, agent=CALLER)


def paid(chain: JobChain, answering: Answering) -> int:
    answering.drawn()
    chain.send(answering.open())
    amount = answering.record.paid
    answering.begin_next()
    return amount


def test_who_calls_pays_the_price_and_who_is_called_earns_its_share(chain: JobChain, answering: Answering) -> None:
    before, has = chain.rt.balances.free(treasury(CALLER)), chain.rt.balances.free(purse(CALLER))
    earned = chain.rt.jobs.claimable[treasury(CALLED)]
    called(answering)
    assert paid(chain, answering) == OWED
    assert chain.rt.balances.free(purse(CALLER)) == has - OWED
    assert chain.rt.balances.free(treasury(CALLER)) == before, "the treasury is out of reach"
    assert chain.events(Jobs.CallsPaid) == [Jobs.CallsPaid(CALLER, CALLED, answering.worker.key, OWED)]
    share = POLICY.shares.treasury + POLICY.shares.holders
    part = chain.rt.jobs.claimable[treasury(CALLED)] - earned
    assert abs(part - OWED * share // MILLION) <= 1


def test_no_more_than_is_owed_and_is_allowed_a_day(chain: JobChain, answering: Answering) -> None:
    called(answering, charge=50 * OWED)
    assert paid(chain, answering) == OWED
    called(answering, 3)
    assert paid(chain, answering) == 3 * OWED
    called(answering, 4)
    chain.call(CAROL, "Agents", "set_calls", agent=CALLER, per_day=5 * OWED)
    left = paid(chain, answering)
    assert left <= 5 * OWED
    called(answering, 8)
    assert left + paid(chain, answering) <= 5 * OWED + OWED
    chain.call(CAROL, "Agents", "set_calls", agent=CALLER, per_day=0)
    called(answering)
    assert paid(chain, answering) == 0 and CALLER not in chain.rt.agents.calls_level


def test_an_empty_purse_pays_nothing(chain: JobChain, answering: Answering) -> None:
    chain.call(CAROL, "Agents", "create", name=b"poor", kind=AgentKind.JavaScript, policy=POLICY)
    chain.call(CAROL, "Agents", "set_service", agent=2, service=SERVICE)
    chain.call(CAROL, "Agents", "set_calls", agent=2, per_day=10 * OWED)
    receipt = answering.answer(agent=CALLED, charge=OWED)
    answering.tickets[receipt.sequence] = answering.ticket(receipt, 0, agent=2)
    assert paid(chain, answering) == 0


def test_only_who_governs_the_agent_says_so(chain: JobChain) -> None:
    with noop(chain.rt, Agents.NotDao):
        chain.call(BOB, "Agents", "set_calls", agent=CALLER, per_day=UNIT)
    with noop(chain.rt, Agents.UnknownAgent):
        chain.call(CAROL, "Agents", "set_calls", agent=9, per_day=UNIT)
