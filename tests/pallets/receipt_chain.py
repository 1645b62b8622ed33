"""Receipts on a chain of jobs in memory: workers that answer, a gateway that vouches, callers that pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from nacl.signing import SigningKey

from pallets.frame.runtime import Call
from pallets.primitives import merkle
from pallets.primitives.keys import Keypair
from pallets.primitives.receipt import (
    AnsweredLeaf,
    Leaf,
    Opening,
    Receipt,
    ReceiptBatch,
    SignedReceipt,
    SignedTicket,
    SignedVoucher,
    Ticket,
    VoidLeaf,
    Voucher,
    leaf_bytes,
    openings_bytes,
    receipt_batch_bytes,
    receipt_bytes,
    receipt_void_bytes,
    ticket_bytes,
    voucher_bytes,
)
from pallets.primitives.receipt_record import BatchRecord
from pallets.primitives.service import ServicePolicy
from tests.pallets.job_chain import ALICE, UNIT, JobChain, TestWorker

PAYER = Keypair.from_suri("//Caller")
GATEWAY = SigningKey(sha256(b"gateway").digest())
GATEWAY_KEY = GATEWAY.verify_key.encode()
PRICE, GAS = 3, 1_000_000
CHARGE = PRICE * GAS
SERVICE = ServicePolicy(UNIT, [GATEWAY_KEY], CHARGE)


class Answering:
    """What a worker signs of the requests that it answers, and how it shows that to the chain."""

    def __init__(self, worker: TestWorker, gateway: SigningKey = GATEWAY) -> None:
        self.worker, self.chain, self.gateway = worker, worker.chain, gateway
        self.first = self.nonce = 0
        self.leaves: list[Leaf] = []
        self.tickets: dict[int, SignedTicket] = {}

    def sign(self, content: bytes) -> bytes:
        return self.worker.signer.sign(content).signature

    def signed(self, receipt: Receipt) -> SignedReceipt:
        return SignedReceipt(receipt, self.sign(receipt_bytes(self.chain.genesis_hash, receipt)))

    def receipt(self, **fields: Any) -> Receipt:
        """The next receipt, over the last block unless told otherwise."""
        number, block = self.first + len(self.leaves), self.chain.rt.system.number - 1
        request = sha256(b"request %d" % number).digest()
        whole = Receipt(
            0, b"\1" * 32, request, b"\3" * 32, bytes(32), GAS, b"\4" * 32, number, block, self.chain.head, CHARGE
        )
        return replace(whole, **fields)

    def answer(self, *, ticket: bool = True, **fields: Any) -> Receipt:
        """Answers one more request, for which an agent pays unless it comes without a ticket."""
        receipt = self.receipt(**fields)
        if ticket:
            self.tickets[receipt.sequence] = self.ticket(receipt, self.nonce)
            self.nonce += 1
        self.leaves.append(AnsweredLeaf(self.signed(receipt)))
        return receipt

    def ticket(self, receipt: Receipt, nonce: int, **fields: Any) -> SignedTicket:
        """A gateway's word that the agent pays."""
        expiry = self.chain.rt.timestamp.now + 60_000
        ticket = replace(Ticket(receipt.agent, receipt.request_hash, self.worker.key, nonce, expiry), **fields)
        signature = self.gateway.sign(ticket_bytes(self.chain.genesis_hash, ticket)).signature
        return SignedTicket(ticket, self.gateway.verify_key.encode(), signature)

    def void(self) -> None:
        """Leaves one number out."""
        number = self.first + len(self.leaves)
        self.leaves.append(VoidLeaf(self.sign(receipt_void_bytes(self.chain.genesis_hash, number))))

    @property
    def contents(self) -> list[bytes]:
        """Of the batch's leaves."""
        return [leaf_bytes(self.chain.genesis_hash, leaf, self.first + i) for i, leaf in enumerate(self.leaves)]

    @property
    def total(self) -> int:
        """What all of the batch's receipts charge."""
        return sum(leaf.signed.receipt.charge for leaf in self.leaves if isinstance(leaf, AnsweredLeaf))

    def commit(self, signature: bytes | None = None, **fields: Any) -> Call:
        """The batch of all that it has answered since the last."""
        root = merkle.root(self.contents)
        batch = replace(ReceiptBatch(self.worker.key, self.first, len(self.leaves), root, self.total), **fields)
        signature = signature or self.sign(receipt_batch_bytes(self.chain.genesis_hash, batch))
        return self.chain.rt.call(
            "Jobs",
            "commit_receipts",
            worker=batch.worker,
            first=batch.first,
            count=batch.count,
            root=batch.root,
            total_charge=batch.total_charge,
            signature=signature,
        )

    def openings(self, places: Sequence[int] | None = None) -> list[Opening]:
        """The leaves that were drawn, or those at other places."""
        places = self.record.drawn if places is None else places
        contents = self.contents
        return [
            Opening(self.leaves[place], merkle.path(contents, place), self.tickets.get(self.first + place))
            for place in places
        ]

    def newest(self) -> list[SignedTicket]:
        """The newest ticket of each gateway, of this batch and those before."""
        found: dict[bytes, SignedTicket] = {}
        for ticket in self.tickets.values():
            before = found.get(ticket.gateway)
            if before is None or before.ticket.nonce < ticket.ticket.nonce:
                found[ticket.gateway] = ticket
        return list(found.values())

    def open(self, openings: list[Opening] | None = None, newest: list[SignedTicket] | None = None) -> Call:
        """Shows the leaves that were drawn."""
        openings = self.openings() if openings is None else openings
        newest = self.newest() if newest is None else newest
        content = openings_bytes(self.chain.genesis_hash, self.worker.key, self.first, openings, newest)
        return self.chain.rt.call(
            "Jobs",
            "open_receipts",
            worker=self.worker.key,
            first=self.first,
            openings=openings,
            newest=newest,
            signature=self.sign(content),
        )

    @property
    def record(self) -> BatchRecord:
        """What the chain knows of the batch."""
        return self.chain.rt.jobs.receipt_batch[self.worker.key, self.first]

    def begin_next(self) -> None:
        """The next answers are another batch's."""
        self.first, self.leaves = self.first + len(self.leaves), []

    def drawn(self) -> list[int]:
        """Commits the batch, and waits until its leaves are drawn; answers which."""
        self.chain.next_block(1_000)
        self.chain.send(self.commit())
        self.chain.blocks(3)
        return self.record.drawn


def voucher(
    worker: TestWorker, cumulative: int, *, payer: Keypair = PAYER, payee: bytes | None = None, **fields: Any
) -> SignedVoucher:
    """A caller's word that its channel owes so much."""
    chain = worker.chain
    whole = Voucher(payer.account_id, 0, payee or worker.key, 0, cumulative, chain.rt.timestamp.now + 60_000)
    signed = replace(whole, **fields)
    return SignedVoucher(signed, payer.sign(voucher_bytes(chain.genesis_hash, signed)))


def serving_chain(fund: int = 10 * UNIT, service: ServicePolicy = SERVICE) -> JobChain:
    """A chain with an agent that pays for requests, and a caller who has money."""
    chain = JobChain()
    agent = chain.agent()
    chain.call(chain.rt.agents.agent[agent].owner, "Agents", "set_service", agent=agent, service=service)
    if fund:
        chain.call(ALICE, "Agents", "fund", agent=agent, amount=fund)
    chain.rt.balances.mint_into(PAYER.account_id, 100 * UNIT)
    return chain
