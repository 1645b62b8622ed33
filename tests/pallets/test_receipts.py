"""Receipts on the chain: batches, draws, openings, who pays, and what is slashed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from pallets.agents.pallet import Agents
from pallets.frame.events import Error
from pallets.frame.runtime import Call
from pallets.frame.testing import noop
from pallets.jobs.end import POT
from pallets.jobs.pallet import Jobs
from pallets.primitives import merkle
from pallets.primitives.evidence import Evidence, OverdueReceipt, ReceiptNotInBatch, SlashReason
from pallets.primitives.job_record import MILLION
from pallets.primitives.pots import treasury
from pallets.primitives.receipt import AnsweredLeaf, SignedTicket, VoidLeaf, receipt_void_bytes
from pallets.primitives.receipt_record import BatchStage, VoidReason, draw_places
from pallets.primitives.service import NO_SERVICE
from pallets.slashing.pallet import Slashing
from tests.pallets.bare_calls import refused
from tests.pallets.job_chain import (
    BOB,
    CAROL,
    CHAIN_TREASURY,
    DEPOSIT,
    OPERATORS,
    POLICY,
    SGX,
    STAKE,
    UNIT,
    JobChain,
)
from tests.pallets.receipt_chain import CHARGE, GAS, GATEWAY, GATEWAY_KEY, PRICE, SERVICE, Answering, serving_chain

OPERATOR = OPERATORS[0]
OPEN_WITHIN, RECEIPT_TIME, KEPT, STEP = 60_000, 300_000, 3_600_000, 50_000


@pytest.fixture
def chain() -> JobChain:
    return serving_chain()


@pytest.fixture
def answering(chain: JobChain) -> Answering:
    return Answering(chain.worker("w").register())


def wait(chain: JobChain, time: int) -> None:
    """Lets so many milliseconds pass without standing still."""
    until = chain.rt.timestamp.now + time
    while chain.rt.timestamp.now < until:
        chain.next_block(min(STEP, until - chain.rt.timestamp.now))


def worker_part(charge: int) -> int:
    return charge - charge * (POLICY.shares.treasury + POLICY.shares.holders) // MILLION - chain_part(charge)


def chain_part(charge: int) -> int:
    return charge * POLICY.shares.chain // MILLION


# The usual way


def test_a_batch_is_committed_drawn_opened_and_paid(chain: JobChain, answering: Answering) -> None:
    for _ in range(2):
        answering.answer()
    answering.void()
    answering.answer(ticket=False)
    call, before = answering.commit(), chain.rt.balances.free(treasury(0))
    admitted = chain.validate(call)
    chain.send(call)
    root = merkle.root(answering.contents)
    assert chain.events(Jobs.ReceiptsCommitted) == [Jobs.ReceiptsCommitted(answering.worker.key, 0, 4, root)]
    assert answering.record.stage is BatchStage.Draw and chain.rt.jobs.next_receipt[answering.worker.key] == 4
    assert chain.rt.jobs.next_due() == chain.rt.timestamp.now  # blocks are made until it is drawn
    refused(chain, answering.open([]), Jobs.NothingToOpen)
    while answering.record.stage is BatchStage.Draw:
        chain.next_block()
    due = chain.rt.timestamp.now + OPEN_WITHIN
    assert chain.events(Jobs.LeavesDrawn) == [Jobs.LeavesDrawn(answering.worker.key, 0, [0, 1, 2, 3], due)]
    assert chain.rt.jobs.next_due() == due
    opening = answering.open()
    assert chain.validate(opening).provides != admitted.provides
    chain.send(opening)
    assert chain.events(Jobs.ReceiptsPaid) == [Jobs.ReceiptsPaid(answering.worker.key, 0, 2 * CHARGE)]
    paid = 2 * (worker_part(CHARGE) + chain_part(CHARGE))
    assert before - chain.rt.balances.free(treasury(0)) == paid == chain.rt.balances.free(POT) - DEPOSIT
    assert chain.rt.jobs.claimable[OPERATOR] == 2 * worker_part(CHARGE)
    assert chain.rt.jobs.claimable[CHAIN_TREASURY] == 2 * chain_part(CHARGE)
    assert answering.record.stage is BatchStage.Paid
    refused(chain, opening, Jobs.NothingToOpen)
    wait(chain, KEPT)
    assert not list(chain.rt.jobs.receipt_batch.items()) and not list(chain.rt.jobs.batch_alarms)
    assert chain.rt.jobs.next_receipt[answering.worker.key] == 4


def test_a_leaf_is_paid_for_as_all_that_it_stands_for(chain: JobChain, answering: Answering) -> None:
    for _ in range(20):
        answering.answer()
    drawn = answering.drawn()
    assert len(drawn) == 4 == len(set(drawn)) and answering.record.predictable
    chain.send(answering.open())
    assert answering.record.paid == 20 * CHARGE  # which is what all of them charge


def test_draws_are_even_and_different() -> None:
    counts = [0] * 10
    for seed in range(500):
        places = draw_places(seed.to_bytes(32, "little"), b"w" * 32, 0, 10, 3)
        assert len(set(places)) == 3 and places == sorted(places)
        for place in places:
            counts[place] += 1
    assert all(110 < count < 190 for count in counts)
    assert draw_places(bytes(32), b"w" * 32, 0, 2, 3) == [0, 1]


def test_what_others_draw_with_isnt_known_when_a_batch_comes() -> None:
    chain = JobChain(authorities=4)
    answering = Answering(chain.worker("w").register())
    for _ in range(9):
        answering.answer()
    chain.blocks(20)
    chain.send(answering.commit())
    committed = chain.rt.system.number
    chain.blocks(1)
    assert answering.record.stage is BatchStage.Draw  # two further authorities' turns decide
    assert chain.rt.jobs.first_waiting() == committed
    while answering.record.stage is BatchStage.Draw:
        assert chain.rt.system.number < committed + 8
        chain.next_block()
    assert not answering.record.predictable and len(answering.record.drawn) == 4


def test_leaves_that_nobody_pays_for_gain_a_worker_nothing(chain: JobChain) -> None:
    """Whatever a worker adds to a batch, what an agent pays is in the mean what its requests cost."""
    paid, honest, added = 0, 6, 6
    for seed in range(400):
        drawn = draw_places(seed.to_bytes(32, "little"), b"w" * 32, 0, honest + added, 4)
        paid += sum(place < honest for place in drawn) * (honest + added) // 4
    assert abs(paid / 400 - honest) < 0.3


# What isn't taken


def test_batches_are_contiguous_signed_and_not_too_many(chain: JobChain, answering: Answering) -> None:
    answering.answer()
    wait(chain, 1_000)
    refused(chain, answering.commit(first=1), Jobs.WrongFirst)
    refused(chain, answering.commit(count=0), Jobs.BadCount)
    refused(chain, answering.commit(count=65_537), Jobs.BadCount)
    refused(chain, answering.commit(signature=bytes(64)), None)
    signed = answering.commit().arguments[-1]
    for change in ({"total_charge": 0}, {"root": bytes(32)}, {"count": 2}):
        refused(chain, answering.commit(signed, **change), None)
    stranger = Answering(chain.worker("stranger"))
    stranger.answer()
    refused(chain, stranger.commit(), Jobs.NotAtStake)
    chain.send(answering.commit())
    wait(chain, 500)
    refused(chain, answering.commit(), Jobs.WrongFirst)
    answering.begin_next()
    answering.answer()
    refused(chain, answering.commit(), Jobs.TooSoon)
    wait(chain, 1_000)
    chain.send(answering.commit())


def test_a_revoked_key_commits_what_it_has_signed_unpaid(chain: JobChain, answering: Answering) -> None:
    answering.answer()
    chain.sudo("Attestation", "disallow_measurement", measurement=SGX.measurement)
    chain.send(answering.commit())
    assert answering.record.stage is BatchStage.Unpaid
    chain.blocks(4)
    refused(chain, answering.open([]), Jobs.NothingToOpen)
    wait(chain, KEPT)
    assert not chain.rt.slashing.next_slash


def test_openings_are_of_what_was_drawn(chain: JobChain, answering: Answering) -> None:
    for _ in range(12):
        answering.answer()
    drawn = answering.drawn()
    right = answering.openings()
    other = next(place for place in range(12) if place not in drawn)
    refused(chain, answering.open(right[:-1]), Jobs.WrongOpenings)
    refused(chain, answering.open(right[::-1]), Jobs.WrongOpenings)
    refused(chain, answering.open([*right[:-1], *answering.openings([other])]), Jobs.WrongOpenings)
    refused(chain, answering.open([replace(right[0], path=right[0].path[:-1]), *right[1:]]), Jobs.WrongOpenings)
    changed = Answering(answering.worker)
    changed.answer(charge=CHARGE + 1)
    refused(chain, answering.open([replace(right[0], leaf=changed.leaves[0]), *right[1:]]), Jobs.WrongOpenings)
    opening = answering.open()
    stripped = [replace(one, ticket=None) for one in right]  # by somebody who carries it
    refused(chain, Call(opening.spec, (*opening.arguments[:2], stripped, *opening.arguments[3:])), None)
    chain.send(answering.open())


# What is slashed


def void(chain: JobChain, answering: Answering, reason: VoidReason, slash: SlashReason) -> None:
    """The batch is void, unpaid, and the worker is slashed."""
    assert [event.reason for event in chain.events(Jobs.ReceiptsVoid)] == [reason]
    assert answering.record.stage is BatchStage.Void and not answering.record.paid
    (deferred,) = chain.events(Slashing.Deferred)
    assert (deferred.worker, deferred.reason) == (answering.worker.key, slash)
    assert deferred.amount == max(STAKE // 10, min(answering.record.total_charge, STAKE))
    assert not chain.rt.jobs.claimable[OPERATOR]


def test_who_doesnt_open_in_time_is_slashed(chain: JobChain, answering: Answering) -> None:
    answering.answer()
    answering.drawn()
    opening = answering.open()
    wait(chain, OPEN_WITHIN - 400)
    assert answering.record.stage is BatchStage.Openings
    wait(chain, 400)
    void(chain, answering, VoidReason.NotOpened, SlashReason.UnopenedBatch)
    refused(chain, opening, Jobs.NothingToOpen)


def test_a_standstill_excuses_who_couldnt_open(chain: JobChain, answering: Answering) -> None:
    answering.answer()
    answering.drawn()
    chain.next_block(OPEN_WITHIN + 60_100)
    assert answering.record.stage is BatchStage.Openings
    assert answering.record.due == chain.rt.timestamp.now + OPEN_WITHIN
    chain.send(answering.open())


def test_totals_that_dont_fit_the_leaves_void_the_batch(chain: JobChain, answering: Answering) -> None:
    for _ in range(3):
        answering.answer()
    chain.send(answering.commit(total_charge=3 * CHARGE + 1))
    chain.blocks(3)
    chain.send(answering.open())
    void(chain, answering, VoidReason.WrongTotal, SlashReason.FalseBatch)


def test_a_total_below_what_is_shown_voids_a_large_batch(chain: JobChain, answering: Answering) -> None:
    for _ in range(9):
        answering.answer()
    chain.send(answering.commit(total_charge=4 * CHARGE - 1))
    chain.blocks(3)
    chain.send(answering.open())
    void(chain, answering, VoidReason.WrongTotal, SlashReason.FalseBatch)


def test_a_low_total_limits_what_is_paid(chain: JobChain, answering: Answering) -> None:
    for _ in range(9):
        answering.answer()
    chain.send(answering.commit(total_charge=4 * CHARGE))
    chain.blocks(3)
    chain.send(answering.open())
    assert answering.record.paid == 4 * CHARGE


@pytest.mark.parametrize("wrong", ["number", "signature", "void of another number", "void's signature"])
def test_a_leaf_that_cant_be_right_voids_the_batch(chain: JobChain, answering: Answering, wrong: str) -> None:
    answering.answer(ticket=False)
    receipt = answering.receipt()
    if wrong == "number":
        answering.answer(sequence=7)
    elif wrong == "signature":
        answering.leaves.append(AnsweredLeaf(replace(answering.signed(receipt), signature=b"\1" * 64)))
    elif wrong == "void's signature":
        answering.leaves.append(VoidLeaf(b"\1" * 64))
    else:
        answering.leaves.append(VoidLeaf(answering.sign(receipt_void_bytes(chain.genesis_hash, 7))))
    answering.drawn()
    chain.send(answering.open())
    void(chain, answering, VoidReason.WrongLeaf, SlashReason.FalseBatch)


# Who pays


class _Undo(Exception):
    """Nothing of this has happened."""


def foreign(answering: Answering) -> SignedTicket:
    """A ticket by somebody whom the agent doesn't name."""
    answering.gateway = SigningKey(b"\7" * 32)
    return answering.ticket(answering.receipt(), 0)


TICKETS: dict[str, Callable[[Answering], SignedTicket]] = {
    "another agent's": lambda a: a.ticket(a.receipt(agent=1), 0),
    "another request's": lambda a: a.ticket(a.receipt(request_hash=bytes(32)), 0),
    "another worker's": lambda a: a.ticket(a.receipt(), 0, worker=bytes(32)),
    "expired": lambda a: a.ticket(a.receipt(), 0, expiry=a.chain.rt.timestamp.now - RECEIPT_TIME - 1),
    "of a gateway that the agent doesn't name": foreign,
    "forged": lambda a: replace(a.ticket(a.receipt(), 0), signature=bytes(64)),
    "in another gateway's name": lambda a: replace(foreign(a), gateway=GATEWAY_KEY),
}


@pytest.mark.parametrize("kind", TICKETS)
def test_a_wrong_ticket_pays_nothing(chain: JobChain, answering: Answering, kind: str) -> None:
    ticket = TICKETS[kind](answering)
    answering.gateway = GATEWAY
    answering.answer()
    answering.tickets[0] = ticket
    answering.drawn()
    chain.send(answering.open())
    assert answering.record.stage is BatchStage.Paid and answering.record.paid == 0


def test_a_ticket_pays_once(chain: JobChain, answering: Answering) -> None:
    """A worker that makes many receipts of one ticket's request is paid for one."""
    paid = 0
    for leaves in (3, 12, 1):
        for _ in range(leaves):
            receipt = answering.answer(request_hash=b"\x42" * 32)
            answering.tickets[receipt.sequence] = answering.ticket(receipt, 0)
        answering.drawn()
        chain.send(answering.open())
        paid += answering.record.paid
        answering.begin_next()
    assert paid == CHARGE
    count = chain.rt.jobs.tickets[GATEWAY_KEY, answering.worker.key]
    assert (count.known, count.paid) == (1, MILLION)


def test_the_newest_ticket_says_how_many_there_are(chain: JobChain, answering: Answering) -> None:
    """Of many tickets few are drawn, hardly ever the last."""
    for _ in range(30):
        answering.answer()
    highest = max(answering.drawn())
    assert highest < 29
    forged = replace(answering.newest()[0], signature=bytes(64))
    for newest in ([], [forged], [answering.ticket(answering.receipt(), 99, worker=bytes(32))]):
        with suppress(_Undo), chain.rt.transactional():
            chain.send(answering.open(newest=newest))
            assert answering.record.paid == (highest + 1) * CHARGE
            raise _Undo
    chain.send(answering.open())
    assert answering.record.paid == 30 * CHARGE


def test_what_a_request_costs_is_limited(chain: JobChain, answering: Answering) -> None:
    answering.answer(charge=10 * CHARGE)  # above what one may cost
    answering.answer(charge=CHARGE, gas=GAS // 2)  # above its gas's price
    answering.answer(charge=CHARGE // 3)
    answering.answer(charge=CHARGE, agent=9)  # of an agent that doesn't exist
    answering.drawn()
    chain.send(answering.open())
    assert answering.record.paid == CHARGE + PRICE * (GAS // 2) + CHARGE // 3


def test_an_agent_pays_no_more_than_its_budget(chain: JobChain, answering: Answering) -> None:
    chain.call(CAROL, "Agents", "set_service", agent=0, service=replace(SERVICE, budget=CHARGE // 60))
    paid = []
    for _ in range(3):
        answering.answer()
        answering.answer()
        answering.drawn()
        chain.send(answering.open())
        paid.append(answering.record.paid)
        answering.begin_next()
    assert paid[0] == CHARGE  # what an hour brings
    assert all(payment < CHARGE // 60 // 20 for payment in paid[1:])  # what a second brings
    chain.call(CAROL, "Agents", "set_service", agent=0, service=NO_SERVICE)
    assert 0 not in chain.rt.agents.service
    answering.answer()
    answering.drawn()
    chain.send(answering.open())
    assert answering.record.paid == 0


@pytest.mark.parametrize("fund", [0, CHARGE // 2])
def test_an_agent_pays_no_more_than_it_has(fund: int) -> None:
    chain = serving_chain(fund)
    answering = Answering(chain.worker("w").register())
    answering.answer()
    answering.drawn()
    chain.send(answering.open())
    assert answering.record.paid == fund and answering.record.stage is BatchStage.Paid


def test_what_an_agent_has_earned_pays_for_requests() -> None:
    chain = serving_chain(0)
    answering = Answering(chain.worker("w").register())
    chain.rt.jobs.claimable[treasury(0)] = CHARGE
    chain.rt.balances.mint_into(POT, CHARGE)
    answering.answer()
    answering.drawn()
    chain.send(answering.open())
    assert answering.record.paid == CHARGE
    assert chain.rt.jobs.claimable[treasury(0)] == CHARGE - worker_part(CHARGE) - chain_part(CHARGE)
    assert chain.rt.balances.free(POT) == DEPOSIT + sum(amount for _, amount in chain.rt.jobs.claimable.items())


def test_only_the_dao_says_what_an_agent_pays_and_reaches(chain: JobChain) -> None:
    for name, arguments in (("set_service", {"service": SERVICE}), ("set_hosts", {"hosts": []})):
        with noop(chain.rt, Agents.NotDao):
            chain.call(BOB, "Agents", name, agent=0, **arguments)
    for host in (b"", b"a b.com", b"Example.com", b"*", b"a.*.com", b"-a.com", b"http://a.com", b"a" * 64 + b".com"):
        with noop(chain.rt, Agents.BadHost):
            chain.call(CAROL, "Agents", "set_hosts", agent=0, hosts=[b"example.com", host])
    chain.call(CAROL, "Agents", "set_hosts", agent=0, hosts=[b"*.example.com", b"api-2.test"])
    assert chain.rt.agents.hosts[0] == [b"*.example.com", b"api-2.test"]
    chain.call(CAROL, "Agents", "set_hosts", agent=0, hosts=None)
    assert 0 not in chain.rt.agents.hosts


# Evidence


def report(chain: JobChain, evidence: Evidence) -> Slashing.Deferred:
    chain.call(BOB, "Slashing", "report", evidence=evidence)
    return chain.events(Slashing.Deferred)[-1]


def test_an_overdue_receipt_convicts(chain: JobChain, answering: Answering) -> None:
    evidence = OverdueReceipt(answering.worker.key, answering.signed(answering.receipt(charge=UNIT)))
    wait(chain, RECEIPT_TIME - 100)
    with noop(chain.rt, Slashing.NotOverdue):
        report(chain, evidence)
    wait(chain, 200)
    forged = replace(evidence, receipt=replace(evidence.receipt, signature=bytes(64)))
    with noop(chain.rt, Slashing.BadSignature):
        report(chain, forged)
    deferred = report(chain, evidence)
    assert deferred.reason is SlashReason.OverdueReceipt and deferred.amount == min(64 * UNIT, STAKE)
    with noop(chain.rt, Slashing.AlreadyReported):
        report(chain, evidence)


def test_an_old_block_counts_as_of_the_latest_that_it_can_have_been(chain: JobChain, answering: Answering) -> None:
    """The chain has forgotten its hash, and knows when every 64th was: nobody is convicted too early."""
    chain.blocks(70 - chain.rt.system.number)
    wait(chain, RECEIPT_TIME)
    evidence = OverdueReceipt(answering.worker.key, answering.signed(answering.receipt()))
    chain.blocks(2 * 64 + 4096 // 64)
    assert chain.rt.attestation.recent_block(evidence.receipt.receipt.block_hash) is None
    assert chain.rt.slashing.moment[1] + RECEIPT_TIME < chain.rt.timestamp.now
    with noop(chain.rt, Slashing.NotOverdue):
        report(chain, evidence)
    wait(chain, RECEIPT_TIME)
    report(chain, evidence)


def test_a_receipt_in_a_batch_is_not_overdue_and_a_standstill_excuses(chain: JobChain, answering: Answering) -> None:
    committed, later = answering.answer(), answering.receipt(sequence=1)
    chain.send(answering.commit())
    chain.next_block(RECEIPT_TIME + 60_000)
    for receipt in (committed, later):
        with noop(chain.rt, Slashing.NotOverdue):
            report(chain, OverdueReceipt(answering.worker.key, answering.signed(receipt)))
    wait(chain, RECEIPT_TIME + 100)
    with noop(chain.rt, Slashing.NotOverdue):
        report(chain, OverdueReceipt(answering.worker.key, answering.signed(committed)))
    report(chain, OverdueReceipt(answering.worker.key, answering.signed(later)))


@pytest.mark.parametrize("instead", ["another receipt", "a void leaf", "no leaf at all", "an unsigned leaf"])
def test_a_batch_that_has_something_else_convicts(chain: JobChain, answering: Answering, instead: str) -> None:
    answering.answer()
    sent = answering.receipt()
    if instead == "another receipt":
        answering.answer(charge=0)
    elif instead == "a void leaf":
        answering.void()
    else:
        answering.leaves.append(AnsweredLeaf(replace(answering.signed(sent), signature=b"\1" * 64)))
    contents = answering.contents
    if instead == "no leaf at all":
        contents[1] = b"whatever"
    chain.send(answering.commit(root=merkle.root(contents)))
    shown = ReceiptNotInBatch(answering.worker.key, answering.signed(sent), 0, contents[1], merkle.path(contents, 1))
    cases: list[tuple[dict[str, object], type[Error]]] = [
        ({"first": 1}, Slashing.UnknownBatch),
        ({"content": contents[0]}, Slashing.NotInBatch),
        ({"path": []}, Slashing.NotInBatch),
        ({"receipt": answering.signed(replace(sent, sequence=2))}, Slashing.NotInBatch),
    ]
    for change, error in cases:
        with noop(chain.rt, error):
            report(chain, replace(shown, **change))  # type: ignore[arg-type]
    assert report(chain, shown).reason is SlashReason.FalseBatch


def test_the_batch_that_has_the_receipt_convicts_nobody(chain: JobChain, answering: Answering) -> None:
    receipt = answering.answer()
    answering.answer()
    chain.send(answering.commit())
    path = merkle.path(answering.contents, 0)
    shown = ReceiptNotInBatch(answering.worker.key, answering.signed(receipt), 0, answering.contents[0], path)
    with noop(chain.rt, Slashing.NoContradiction):
        report(chain, shown)
