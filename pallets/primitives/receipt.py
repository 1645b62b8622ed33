"""What a worker signs of a request that it answered: the receipt, or that its number was never sent.

A worker's receipts are one sequence. Each number is either a receipt or void, never both, and no number is two
receipts. Requests and responses are named by the BLAKE2b-256 of their SCALE encodings.

## Out of scope

Batches, payment, and the receipt file.
"""

from __future__ import annotations

from pallets.primitives.codec import codec_of
from pallets.primitives.types import H256, U8, U64, U128, BlockNumber, Bytes32, struct
from pallets.primitives.worker import VERSION


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


def receipt_bytes(genesis: bytes, receipt: Receipt) -> bytes:
    """What a worker signs of an answer."""
    return RECEIPT_TAG + HEAD.encode((VERSION, genesis)) + RECEIPT.encode(receipt)


def receipt_void_bytes(genesis: bytes, sequence: int) -> bytes:
    """What a worker signs of a number that it never sent."""
    return RECEIPT_VOID_TAG + VOID.encode((VERSION, genesis, sequence))


RECEIPT_TAG, RECEIPT_VOID_TAG = b"fathom/receipt", b"fathom/receipt-void"
HEAD = codec_of(tuple[U8, H256])
RECEIPT = codec_of(Receipt)
VOID = codec_of(tuple[U8, H256, U64])
