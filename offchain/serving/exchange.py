"""What was asked and answered, as the worker's store keeps it under the receipt's id, and the receipt's file of it."""

from __future__ import annotations

from offchain.light.receipt_file import BatchPlace, BatchProof, ReceiptFile
from offchain.serving.receipt_log import Kept, ReceiptLog
from pallets.primitives import merkle
from pallets.primitives.codec import codec_of
from pallets.primitives.http import HttpRequest, HttpResponse
from pallets.primitives.types import U64, struct


@struct
class Exchange:
    """A request and its response in canonical form, and the number of the receipt."""

    sequence: U64
    request: HttpRequest
    response: HttpResponse


def receipt_file(
    log: ReceiptLog,
    genesis: bytes,
    worker: bytes,
    kept: Kept,
    exchange: Exchange,
    simulated: bool,
    proof: BatchProof | None,
) -> ReceiptFile:
    """The file of a receipt, with its place in a batch once it is in one; `proof` is what shows that batch."""
    place = _place(log, kept.receipt.sequence)
    shown = exchange.request, exchange.response
    return ReceiptFile(genesis, kept.receipt, worker, kept.signature, simulated, *shown, place, proof)


def _place(log: ReceiptLog, sequence: int) -> BatchPlace | None:
    batch = log.batch_of(sequence)
    if batch is None:
        return None
    tree, index = log.tree(batch), sequence - batch.first
    return BatchPlace(batch.first, batch.count, tree[-1][0], index, tuple(merkle.path_in(tree, index)))


EXCHANGE = codec_of(Exchange)
