"""`transactionWatch_v1_*`: a transaction submitted, and all that becomes of it told, its refusal included.

The specification: https://paritytech.github.io/json-rpc-interface-spec/api/transactionWatch.html. What events say of
errors mirrors `sc_rpc_spec_v2::transaction`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from node.chain.pool import (
    AlreadyImported,
    CycleDetected,
    ImmediatelyDropped,
    NoTagsProvided,
    PoolError,
    TooLowPriority,
)
from node.chain.transactions import Status, TemporarilyBanned
from node.rpc.context import Context, check_length_prefix, to_hex
from node.rpc.registry import Hex, subscription
from node.rpc.watched import Watched
from pallets.frame.validity import Custom, TransactionValidityError, UnknownTransaction
from pallets.primitives.scale import DecodeError

log = logging.getLogger("node.rpc")

VALIDATED = {"event": "validated"}
ENDS = {
    "finalityTimeout": ("dropped", "Maximum number of finality watchers has been reached"),
    "dropped": ("dropped", "Extrinsic dropped from the pool due to exceeding limits"),
    "usurped": ("invalid", "Extrinsic was rendered invalid by another extrinsic"),
    "invalid": ("invalid", "Extrinsic marked as invalid"),
}


@subscription("transactionWatch_v1_watchEvent", unsubscribe="transactionWatch_v1_unwatch", tells_end=False)
async def transactionWatch_v1_submitAndWatch(node: Context, transaction: Hex) -> AsyncIterator[Any]:
    """Submits a transaction and tells its life; one that isn't taken is `invalid`."""
    try:
        check_length_prefix(transaction)
        watched = Watched(node, transaction)
        await watched.admitted()
    except Exception as error:
        return _refused(error)
    return _life(node, transaction, watched)


async def _life(node: Context, data: bytes, watched: Watched) -> AsyncIterator[Any]:
    told: dict[str, Any] | None = None
    async with aclosing(watched.life()) as life:
        async for status in life:
            event = _event(node, data, status)
            if event != told:
                yield event
            told = event


async def _refused(error: Exception) -> AsyncIterator[Any]:
    yield _refusal(error)


def _event(node: Context, data: bytes, status: Status) -> dict[str, Any]:
    if status.name in ("ready", "future"):
        return VALIDATED
    if status.name in ENDS:
        event, error = ENDS[status.name]
        return {"event": event, "error": error}
    block = None
    if status.hash is not None and status.name != "retracted":
        body = node.chain.body(status.hash)
        if body is not None and data in body:  # else it was taken back since, which is told next
            block = {"hash": to_hex(status.hash), "index": body.index(data)}
    return {"event": "finalized" if status.name == "finalized" else "bestChainBlockIncluded", "block": block}


def _refusal(error: Exception) -> dict[str, str]:
    """What is told of a transaction that the pool didn't take."""
    match error:
        case UnknownTransaction():
            text = f"Unknown transaction validity: {error}"
        case Custom(code=code):
            text = f"Invalid transaction with custom error: {code}"
        case TransactionValidityError():
            text = f"Invalid transaction: {error}"
        case DecodeError():
            text = f"Extrinsic bytes cannot be decoded: {error}"
        case TemporarilyBanned():
            text = "Transaction is temporarily banned"
        case AlreadyImported():
            text = "Transaction is already imported"
        case TooLowPriority(old=old, new=new):
            text = f"The priority of the transaction is too low (pool {old} > current {new})"
        case CycleDetected():
            text = "The transaction contains a cyclic dependency"
        case ImmediatelyDropped():
            return {"event": "dropped", "error": "The transaction could not enter the pool because of the limit"}
        case NoTagsProvided():
            text = "Transaction does not provide any tags, so the pool cannot identify it"
        case PoolError():
            text = str(error)
        case _:
            log.error("❌ a transaction couldn't be submitted", exc_info=error)
            return {"event": "error", "error": "Internal error"}
    return {"event": "invalid", "error": text}
