"""What a worker signs of requests that it answered, and what those who pay for them sign.

## Overview

A worker's receipts are one sequence. Each number is either a receipt or void, never both, and no number is two
receipts. Requests and responses are named by hash (`http`). Contiguous ranges go on the chain as batches: a batch
is signed, and names its leaves, receipts and voids in the order of their numbers, by the root of their Merkle tree.

Who pays says so beforehand: an agent's gateway by a ticket for one request, a caller by a voucher for all that its
channel owes a worker so far.

## Usage

```python
content = leaf_bytes(genesis, AnsweredLeaf(SignedReceipt(receipt, key.sign(receipt_bytes(genesis, receipt)))), number)
batch = ReceiptBatch(worker, first, len(contents), merkle.root(contents), total_charge)
signature = key.sign(receipt_batch_bytes(genesis, batch))
```

## Out of scope

What the chain keeps of a batch (`receipt_record`) and does with it (`pallets.jobs.receipts`), and the receipt file.
"""

from __future__ import annotations

from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import (
    H256,
    U8,
    U32,
    U64,
    U128,
    AccountId,
    Balance,
    BlockNumber,
    Bound,
    Bytes32,
    Bytes64,
    Moment,
    Variant,
    struct,
)
from pallets.primitives.worker import VERSION, WorkerKey

MAX_RECEIPTS = 1 << 16
"""Leaves of a batch."""
MAX_PATH = 16
"""Hashes of a path in the largest batch."""
MAX_LEAF = 1024
"""Bytes of a leaf's content that are shown to the chain; those of honest leaves are fewer."""
MAX_NEWEST = 8
"""Tickets that are shown beside the leaves."""
SIGNATURE_LENGTH = 64


@struct(path="fathom_primitives::Receipt")
class Receipt:
    """An answer that a worker stands for."""

    agent: U64
    code: Bytes32
    request_hash: Bytes32
    response_hash: Bytes32
    transcript_root: Bytes32
    gas: U64
    runtime_id: H256
    sequence: U64
    """Its number among the worker's receipts."""
    block_number: BlockNumber
    """A recent block that the worker knew."""
    block_hash: H256
    charge: U128
    """What it costs who pays."""


@struct(path="pallet_slashing::SignedReceipt")
class SignedReceipt:
    """A receipt, and the worker's signature of `fathom/receipt`."""

    receipt: Receipt
    signature: Bytes64


@struct(path="fathom_primitives::ReceiptBatch")
class ReceiptBatch:
    """A contiguous range of a worker's receipts."""

    worker: WorkerKey
    first: U64
    """The number of its first leaf."""
    count: U32
    root: H256
    """Of the Merkle tree over its leaves, see `leaf_bytes`."""
    total_charge: U128
    """Of all its receipts together, whoever pays."""


@struct(path="fathom_primitives::Ticket")
class Ticket:
    """A gateway's word that an agent pays for one request at one worker."""

    agent: U64
    request_hash: Bytes32
    worker: WorkerKey
    nonce: U64
    """How many tickets the gateway had made out to this worker before: the first is 0, each other one more."""
    expiry: Moment
    """No request that reaches the worker later is paid for."""


@struct(path="fathom_primitives::SignedTicket")
class SignedTicket:
    """A ticket, whose it is, and the ed25519 signature of `fathom/ticket`."""

    ticket: Ticket
    gateway: Bytes32
    """The gateway's ed25519 public key."""
    signature: Bytes64


@struct(path="fathom_primitives::Voucher")
class Voucher:
    """A payer's word that a channel owes a worker so much for its answers in an agent's name, in all."""

    payer: AccountId
    agent: U64
    worker: WorkerKey
    channel: U64
    cumulative: Balance
    """Of this worker and agent since the channel was opened, with all that was claimed."""
    expiry: Moment
    """Claims are taken until then."""


@struct(path="fathom_primitives::SignedVoucher")
class SignedVoucher:
    """A voucher, and the payer's sr25519 signature of `fathom/voucher`."""

    voucher: Voucher
    signature: Bytes64


class Leaf(Variant):
    """What a batch has at a number."""

    __type_path__ = "fathom_primitives::Leaf"
    __unnamed__ = True


@struct(name="Answered")
class AnsweredLeaf(Leaf):
    """A receipt."""

    signed: SignedReceipt


@struct(name="Void")
class VoidLeaf(Leaf):
    """The number was never sent: the worker's signature of `fathom/receipt-void`."""

    signature: Bytes64


@struct(path="fathom_primitives::Opening")
class Opening:
    """A leaf that was drawn, and what proves that it is the batch's; with a ticket if the agent is to pay for it."""

    leaf: Leaf
    path: Annotated[list[H256], Bound(MAX_PATH)]
    """See `merkle.path`."""
    ticket: SignedTicket | None = None


def receipt_bytes(genesis: bytes, receipt: Receipt) -> bytes:
    """What a worker signs of an answer."""
    return RECEIPT_TAG + HEAD.encode((VERSION, genesis)) + RECEIPT.encode(receipt)


def receipt_id(genesis: bytes, receipt: Receipt) -> bytes:
    """The 32 bytes that name a receipt, as in `x-fathom-receipt`: the hash of what is signed."""
    return blake2_256(receipt_bytes(genesis, receipt))


def receipt_void_bytes(genesis: bytes, sequence: int) -> bytes:
    """What a worker signs of a number that it never sent."""
    return RECEIPT_VOID_TAG + VOID.encode((VERSION, genesis, sequence))


def receipt_batch_bytes(genesis: bytes, batch: ReceiptBatch) -> bytes:
    """What a worker signs of a batch."""
    return RECEIPT_BATCH_TAG + HEAD.encode((VERSION, genesis)) + BATCH.encode(batch)


def openings_bytes(
    genesis: bytes, worker: bytes, first: int, openings: list[Opening], newest: list[SignedTicket]
) -> bytes:
    """What a worker signs of the leaves that it shows of the batch from `first` on, lest another leave tickets out."""
    shown = blake2_256(SHOWN.encode((openings, newest)))
    return OPENINGS_TAG + OPENINGS.encode((VERSION, genesis, worker, first, shown))


def ticket_bytes(genesis: bytes, ticket: Ticket) -> bytes:
    """What a gateway signs of a request that an agent pays for."""
    return TICKET_TAG + HEAD.encode((VERSION, genesis)) + TICKET.encode(ticket)


def voucher_bytes(genesis: bytes, voucher: Voucher) -> bytes:
    """What a payer signs of what its channel owes."""
    return VOUCHER_TAG + HEAD.encode((VERSION, genesis)) + VOUCHER.encode(voucher)


def leaf_bytes(genesis: bytes, leaf: Leaf, sequence: int) -> bytes:
    """The content of a batch's leaf at a number: what the worker signed of it, and the signature."""
    if isinstance(leaf, AnsweredLeaf):
        return receipt_bytes(genesis, leaf.signed.receipt) + leaf.signed.signature
    assert isinstance(leaf, VoidLeaf)
    return receipt_void_bytes(genesis, sequence) + leaf.signature


RECEIPT_TAG, RECEIPT_VOID_TAG, RECEIPT_BATCH_TAG = b"fathom/receipt", b"fathom/receipt-void", b"fathom/receipt-batch"
OPENINGS_TAG = b"fathom/receipt-openings"
TICKET_TAG, VOUCHER_TAG = b"fathom/ticket", b"fathom/voucher"
HEAD = codec_of(tuple[U8, H256])
RECEIPT = codec_of(Receipt)
VOID = codec_of(tuple[U8, H256, U64])
BATCH = codec_of(ReceiptBatch)
SHOWN = codec_of(tuple[list[Opening], list[SignedTicket]])
OPENINGS = codec_of(tuple[U8, H256, WorkerKey, U64, Bytes32])
TICKET = codec_of(Ticket)
VOUCHER = codec_of(Voucher)
