"""Leaves that were drawn of a batch: whether they are right, and who pays for them.

A batch says nothing of who pays; the leaves that are drawn do, and each is paid for as all the leaves that it stands
for: in a batch of 800 receipts of which 8 are drawn, as 100. That is right in the mean for each agent, whatever the
batch is made of, so that leaves which nobody pays for gain a worker nothing; the slash makes them a loss.

An agent pays for a receipt that comes with a ticket by one of its gateways for the same request, worker and agent:
`min(charge, gas x price, max_charge)`, in the limits of its budget and of what it has. Gateways number their tickets
for a worker, and it is paid for no more leaves than there are tickets, so that one ticket under many receipts, which
samples would hardly find, pays once; the worker shows the newest beside the leaves. A ticket in the name of another
agent than the receipt's has that one pay, out of its purse, as a caller would: for what its script calls
(`Agents.set_calls`). Leaves without a ticket are nobody's here: what a caller owes a voucher says. All together are
paid for with the total that the worker signed, at most.

A leaf has been shown if it leads to the root; anything else proves nothing and is refused. One that leads there and is
wrong voids the batch, whoever shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pallets.frame import U64
from pallets.jobs.calendar import is_past
from pallets.jobs.end import POT
from pallets.jobs.receipts import end_batch, void_batch
from pallets.jobs.shares import pay_agent
from pallets.jobs.terms import ServiceTerms
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.job_record import Shares
from pallets.primitives.merkle import root_of
from pallets.primitives.pots import purse
from pallets.primitives.receipt import (
    AnsweredLeaf,
    Leaf,
    Opening,
    Receipt,
    SignedTicket,
    VoidLeaf,
    leaf_bytes,
    openings_bytes,
    receipt_bytes,
    receipt_void_bytes,
    ticket_bytes,
)
from pallets.primitives.receipt_record import MILLION, BatchRecord, BatchStage, TicketCount, VoidReason

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs


class Found(NamedTuple):
    """A batch whose leaves are shown, and what is wrong with them."""

    record: BatchRecord
    fault: VoidReason | None


class _Paying(NamedTuple):
    """A batch that is being paid for, and the newest tickets of gateways, unchecked."""

    worker: bytes
    record: BatchRecord
    newest: dict[bytes, SignedTicket]


def check_openings(
    jobs: Jobs, worker: bytes, first: int, openings: list[Opening], newest: list[SignedTicket], signature: bytes
) -> Found:
    """What these openings show of a batch; raises why they aren't those that the chain waits for."""
    record = jobs.receipt_batch[worker, first]
    genesis = jobs.system.block_hash[0]
    if record.stage is not BatchStage.Openings:
        raise jobs.NothingToOpen
    content = openings_bytes(genesis, worker, first, openings, newest)
    if not jobs.runtime.verify(Ed25519(signature), content, worker):
        raise jobs.BadSignature
    if is_past(jobs, record.due):
        raise jobs.TooLate
    if len(openings) != len(record.drawn):
        raise jobs.WrongOpenings
    for place, opening in zip(record.drawn, openings, strict=True):
        content = leaf_bytes(genesis, opening.leaf, first + place)
        if root_of(content, place, record.count, opening.path) != record.root:
            raise jobs.WrongOpenings
    leaves = [opening.leaf for opening in openings]
    numbers = [first + place for place in record.drawn]
    if not all(_is_right(jobs, genesis, worker, *pair) for pair in zip(numbers, leaves, strict=True)):
        return Found(record, VoidReason.WrongLeaf)
    shown = sum(leaf.signed.receipt.charge for leaf in leaves if isinstance(leaf, AnsweredLeaf))
    all_shown = len(leaves) == record.count
    if shown > record.total_charge or (all_shown and shown != record.total_charge):
        return Found(record, VoidReason.WrongTotal)
    return Found(record, None)


def take_openings(
    jobs: Jobs,
    worker: bytes,
    first: int,
    openings: list[Opening],
    newest: list[SignedTicket],
    record: BatchRecord,
    fault: VoidReason | None,
) -> None:
    """Has agents pay for what was shown, or voids the batch."""
    if fault is not None:
        void_batch(jobs, worker, first, record, fault, OPENINGS.encode((first, record, openings)))
        return
    paying = _Paying(worker, record, {shown.gateway: shown for shown in newest})
    for opening in reversed(openings):  # a later one's ticket speaks for those before
        if isinstance(opening.leaf, AnsweredLeaf) and opening.ticket is not None:
            record.paid += _pay(jobs, paying, opening.leaf.signed.receipt, opening.ticket)
    end_batch(jobs, worker, first, record, BatchStage.Paid)
    jobs.deposit(jobs.ReceiptsPaid(worker, first, record.paid))


def credit_work(jobs: Jobs, worker: bytes, agent: int, amount: int, shares: Shares) -> None:
    """Credits what lies in the pot for a worker's answers in an agent's name: all but the agent's part."""
    operator = jobs.workers.worker[worker].info.operator
    to_worker, _, to_chain = shares.split(amount)
    credit_share(jobs, agent, operator, jobs.workers.earn(operator, to_worker, POT))
    credit_share(jobs, agent, jobs.chain_treasury, to_chain)


def credit_share(jobs: Jobs, agent: int, who: bytes, amount: int) -> None:
    """Credits an account with what lies in the pot for it, of what requests to an agent cost."""
    if amount:
        jobs.claimable[who] += amount
        note_share(jobs, agent, who, amount)


def note_share(jobs: Jobs, agent: int, who: bytes, amount: int) -> None:
    """Tells that a share of what requests to an agent cost was paid."""
    jobs.deposit(jobs.SharePaid(agent, who, amount))


def _is_right(jobs: Jobs, genesis: bytes, worker: bytes, number: int, leaf: Leaf) -> bool:
    if isinstance(leaf, AnsweredLeaf):
        if leaf.signed.receipt.sequence != number:
            return False
        signed, signature = receipt_bytes(genesis, leaf.signed.receipt), leaf.signed.signature
    else:
        assert isinstance(leaf, VoidLeaf)
        signed, signature = receipt_void_bytes(genesis, number), leaf.signature
    return jobs.runtime.verify(Ed25519(signature), signed, worker)


def _pay(jobs: Jobs, paying: _Paying, receipt: Receipt, ticket: SignedTicket) -> int:
    """Has an agent pay for a leaf that was drawn; answers how much."""
    service = jobs.payees.service_terms(receipt.agent)
    if service is None:
        return 0
    if ticket.ticket.agent != receipt.agent:
        return _pay_by_caller(jobs, paying, receipt, ticket, service)
    if not _is_ticket_for(jobs, paying, receipt, ticket, service):
        return 0
    record, treasury = paying.record, service.treasury
    charge = min(receipt.charge, receipt.gas * service.price, service.max_charge)
    wanted = min(charge * _leaves_paid(jobs, paying, ticket) // MILLION, record.total_charge - record.paid)
    owed = jobs.claimable[treasury]
    has = owed + jobs.currency.reducible(treasury, keep_alive=True)
    spent = jobs.payees.spend_budget(receipt.agent, min(wanted, has), jobs.timestamp.now)
    to_worker, _, to_chain = service.shares.split(spent)
    moved = to_worker + to_chain
    if moved:
        from_owed = min(moved, owed)
        jobs.claimable[treasury] = owed - from_owed
        if moved > from_owed:
            jobs.currency.transfer(treasury, POT, moved - from_owed, keep_alive=True)
        credit_work(jobs, paying.worker, receipt.agent, spent, service.shares)
        jobs.deposit(jobs.BudgetSpent(receipt.agent, paying.worker, moved))
    return spent


def _pay_by_caller(jobs: Jobs, paying: _Paying, receipt: Receipt, ticket: SignedTicket, service: ServiceTerms) -> int:
    """Has the agent that called this one pay for a leaf, out of its purse; answers how much."""
    caller = ticket.ticket.agent
    terms = jobs.payees.service_terms(caller)
    if terms is None or not _is_ticket_for(jobs, paying, receipt, ticket, terms):
        return 0
    record, has = paying.record, jobs.currency.reducible(purse(caller), keep_alive=True)
    charge = min(receipt.charge, jobs.payees.caller_owes(receipt.agent, receipt.gas))
    wanted = min(charge * _leaves_paid(jobs, paying, ticket) // MILLION, record.total_charge - record.paid, has)
    spent = jobs.payees.spend_calls(caller, wanted, jobs.timestamp.now)
    if spent:
        agent = receipt.agent
        jobs.currency.transfer(purse(caller), POT, spent, keep_alive=True)
        credit_work(jobs, paying.worker, agent, spent, service.shares)
        pay_agent(jobs, POT, spent, service.shares, agent, lambda who, part: note_share(jobs, agent, who, part))
        jobs.deposit(jobs.CallsPaid(caller, agent, paying.worker, spent))
    return spent


def _is_ticket_for(jobs: Jobs, paying: _Paying, receipt: Receipt, shown: SignedTicket, service: ServiceTerms) -> bool:
    ticket = shown.ticket
    return (
        ticket.request_hash == receipt.request_hash
        and shown.gateway in service.gateways
        and ticket.expiry + jobs.receipt_time >= paying.record.committed_at
        and _is_made_out(jobs, paying.worker, shown)
    )


def _is_made_out(jobs: Jobs, worker: bytes, shown: SignedTicket) -> bool:
    """Whether it is a ticket to this worker by the gateway that it names."""
    content = ticket_bytes(jobs.system.block_hash[0], shown.ticket)
    return shown.ticket.worker == worker and jobs.runtime.verify(Ed25519(shown.signature), content, shown.gateway)


def _leaves_paid(jobs: Jobs, paying: _Paying, ticket: SignedTicket) -> int:
    """For how many leaves, in millionths, a drawn one is paid: no more than there are tickets."""
    gateway, worker = ticket.gateway, paying.worker
    count = jobs.tickets.get(gateway, worker) or TicketCount(0, 0)
    numbers = [ticket.ticket.nonce]
    newest = paying.newest.pop(gateway, None)
    if newest is not None and _is_made_out(jobs, worker, newest):
        numbers.append(newest.ticket.nonce)
    count.known = max(count.known, min(max(numbers), LAST_NONCE) + 1)
    granted = min(paying.record.weight, count.known * MILLION - count.paid)
    count.paid += granted
    jobs.tickets[gateway, worker] = count
    return granted


LAST_NONCE = (1 << 64) - 2
OPENINGS = codec_of(tuple[U64, BatchRecord, list[Opening]])
"""Evidence of leaves that can't be right: a batch's first number, its record, and what was shown."""
