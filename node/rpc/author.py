"""`author_*`: transactions in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any

import trio

from node.chain.transactions import Status, Submission, Watcher
from node.rpc.context import Context, check_length_prefix, to_hex
from node.rpc.errors import BAD_FORMAT, RpcError, submission_error
from node.rpc.later import Later
from node.rpc.registry import Hex, method, subscription
from pallets.frame.validity import TransactionSource
from pallets.primitives.scale import DecodeError

MAX_STATUSES = 4096  # a transaction's life has a handful of steps; a chain of retractions many


@method()
def author_submitExtrinsic(node: Context, bytes: Hex) -> str | Later:
    """Submits an extrinsic; its hash, or the reason why not, once its signature is verified."""
    submission = _submit(node, bytes, None)
    if submission.is_decided:
        return to_hex(submission.hash)
    hash_or_refusal = Later()
    submission.listen(partial(_settle, hash_or_refusal, submission))
    return hash_or_refusal


@method()
def author_pendingExtrinsics(node: Context) -> list[str]:
    """All extrinsics in the pool, ready ones first."""
    return [to_hex(tx.data) for tx in node.transactions.pool.transactions()]


@subscription(
    "author_extrinsicUpdate",
    unsubscribe="author_unwatchExtrinsic",
)
async def author_submitAndWatchExtrinsic(node: Context, bytes: Hex) -> AsyncIterator[Any]:
    """Submits an extrinsic and tells its life: `ready`, `inBlock`, `finalized`, or the end it comes to."""
    send, receive = trio.open_memory_channel[Status](MAX_STATUSES)

    def on_status(status: Status) -> None:
        with suppress(trio.WouldBlock, trio.BrokenResourceError):  # nobody listens any more
            send.send_nowait(status)

    submission = _submit(node, bytes, on_status)
    try:
        await submission
    except trio.Cancelled:
        node.transactions.unwatch(submission.hash)
        raise
    except Exception as error:
        raise (submission_error(error) or error) from None
    return _life(node, submission.hash, receive)


async def _life(node: Context, tx_hash: bytes, statuses: trio.MemoryReceiveChannel[Status]) -> AsyncIterator[Any]:
    try:
        async for status in statuses:
            yield status.name if status.hash is None else {status.name: to_hex(status.hash)}
            if status.is_last:
                return
    finally:
        node.transactions.unwatch(tx_hash)


def _submit(node: Context, data: bytes, watcher: Watcher | None) -> Submission:
    try:
        check_length_prefix(data)
    except DecodeError as error:
        raise RpcError(BAD_FORMAT, f"Extrinsic has invalid format: {error}") from None
    try:
        return node.transactions.enqueue(data, TransactionSource.External, watcher)
    except Exception as error:
        raise (submission_error(error) or error) from None


def _settle(later: Later, submission: Submission) -> None:
    refusal = submission.refusal
    if refusal is None:
        later.settle(to_hex(submission.hash))
    else:
        later.fail(submission_error(refusal) or refusal)
