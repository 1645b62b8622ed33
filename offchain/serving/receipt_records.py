"""What a worker that answers requests reads of the chain, and the calls it makes: keys, codecs and call bytes."""

from __future__ import annotations

from typing import Annotated

from offchain.chain import StorageItem
from offchain.records import BY_KEY, JOBS
from pallets.primitives.agent_record import Agent, AgentId, Name
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import Blake2_128Concat
from pallets.primitives.receipt import MAX_NEWEST, Opening, ReceiptBatch, SignedTicket, SignedVoucher
from pallets.primitives.receipt_record import MAX_DRAWN, BatchRecord, Channel, ChannelId
from pallets.primitives.service import MAX_HOSTS, AccessPolicy, Host, ServicePolicy
from pallets.primitives.types import H256, U32, U64, U128, Balance, Bound, Bytes64
from pallets.primitives.worker import WorkerKey

BY_AGENT = (AgentId, Blake2_128Concat)

AGENT: StorageItem[Agent] = StorageItem("Agents", "Agent", Agent, BY_AGENT)
AGENT_BY_NAME: StorageItem[int] = StorageItem("Agents", "ByName", AgentId, (Name, Blake2_128Concat))
SERVICE: StorageItem[ServicePolicy] = StorageItem("Agents", "Service", ServicePolicy, BY_AGENT)
ACCESS: StorageItem[AccessPolicy] = StorageItem("Agents", "Access", AccessPolicy, BY_AGENT)
CALLS: StorageItem[int] = StorageItem("Agents", "Calls", Balance, BY_AGENT)
HOSTS: StorageItem[list[bytes]] = StorageItem("Agents", "Hosts", Annotated[list[Host], Bound(MAX_HOSTS)], BY_AGENT)
NEXT_RECEIPT: StorageItem[int] = StorageItem("Jobs", "NextReceipt", U64, BY_KEY)
RECEIPT_BATCH: StorageItem[BatchRecord] = StorageItem(
    "Jobs", "ReceiptBatch", BatchRecord, BY_KEY, (U64, Blake2_128Concat)
)
CHANNEL: StorageItem[Channel] = StorageItem("Jobs", "Channel", Channel, (ChannelId, Blake2_128Concat))

COMMIT_RECEIPTS = codec_of(tuple[WorkerKey, U64, U32, H256, U128, Bytes64])
OPEN_RECEIPTS = codec_of(
    tuple[
        WorkerKey,
        U64,
        Annotated[list[Opening], Bound(MAX_DRAWN)],
        Annotated[list[SignedTicket], Bound(MAX_NEWEST)],
        Bytes64,
    ]
)
CLAIM_VOUCHER = codec_of(SignedVoucher)


def commit_receipts(batch: ReceiptBatch, signature: bytes) -> bytes:
    """`Jobs.commit_receipts`, bare."""
    fields = (batch.worker, batch.first, batch.count, batch.root, batch.total_charge, signature)
    return bytes((JOBS, 8)) + COMMIT_RECEIPTS.encode(fields)


def open_receipts(
    worker: bytes, first: int, openings: list[Opening], newest: list[SignedTicket], signature: bytes
) -> bytes:
    """`Jobs.open_receipts`, bare."""
    return bytes((JOBS, 13)) + OPEN_RECEIPTS.encode((worker, first, openings, newest, signature))


def claim_voucher(signed: SignedVoucher) -> bytes:
    """`Jobs.claim_voucher`, to be signed by anyone."""
    return bytes((JOBS, 18)) + CLAIM_VOUCHER.encode(signed)
