"""`author_*`: transactions in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from node.chain.transactions import Submission
from node.later import Later
from node.rpc.context import Context, check_length_prefix, to_hex
from node.rpc.errors import BAD_FORMAT, RpcError, submission_error
from node.rpc.registry import GatedBy, Hex, bounded_list, hash_bytes, hex_bytes, method, subscription
from node.rpc.watched import Watched
from pallets.frame.validity import TransactionSource
from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import DecodeError


def hashes_of_extrinsics(value: Any) -> list[bytes]:
    """The hashes of a list of `{hash}` and `{extrinsic}`; raises `ValueError`."""
    hashes = []
    for each in bounded_list(value):
        match each:
            case {"hash": tx_hash, **others} if not others:
                hashes.append(hash_bytes(tx_hash))
            case {"extrinsic": data, **others} if not others:
                hashes.append(blake2_256(hex_bytes(data)))
            case _:
                raise ValueError("a list of objects with either hash or extrinsic is expected")
    return hashes


HashesOfExtrinsics = Annotated[list[bytes], GatedBy(hashes_of_extrinsics)]


@method()
def author_submitExtrinsic(node: Context, bytes: Hex) -> str | Later:
    """Submits an extrinsic; its hash, or the reason why not, once its signature is verified."""
    _check_format(bytes)
    try:
        submission = node.transactions.enqueue(bytes, TransactionSource.External)
    except Exception as error:
        raise (submission_error(error) or error) from None
    if submission.is_settled:
        return to_hex(submission.hash)
    hash_or_refusal = Later()
    submission.listen(partial(_settle, hash_or_refusal, submission))
    return hash_or_refusal


@method()
def author_pendingExtrinsics(node: Context) -> list[str]:
    """All extrinsics in the pool, ready ones first."""
    return [to_hex(tx.data) for tx in node.transactions.pool.transactions()]


@method(unsafe=True)
def author_removeExtrinsic(node: Context, bytes_or_hash: HashesOfExtrinsics) -> list[str]:
    """Takes transactions out of the pool, which takes them no more for a while; the hashes of those that were there."""
    removed = [tx_hash for tx_hash in dict.fromkeys(bytes_or_hash) if tx_hash in node.transactions.pool]
    for tx_hash in removed:
        node.transactions.drop_invalid(tx_hash, "author_removeExtrinsic")
    return [to_hex(tx_hash) for tx_hash in removed]


@subscription(
    "author_extrinsicUpdate",
    unsubscribe="author_unwatchExtrinsic",
)
async def author_submitAndWatchExtrinsic(node: Context, bytes: Hex) -> AsyncIterator[Any]:
    """Submits an extrinsic and tells its life: `ready`, `inBlock`, `finalized`, or the end it comes to."""
    _check_format(bytes)
    try:
        watched = Watched(node, bytes)
        await watched.admitted()
    except Exception as error:
        raise (submission_error(error) or error) from None
    return _life(watched)


async def _life(watched: Watched) -> AsyncIterator[Any]:
    async with aclosing(watched.life()) as life:
        async for status in life:
            yield status.name if status.hash is None else {status.name: to_hex(status.hash)}


def _check_format(data: bytes) -> None:
    try:
        check_length_prefix(data)
    except DecodeError as error:
        raise RpcError(BAD_FORMAT, f"Extrinsic has invalid format: {error}") from None


def _settle(later: Later, submission: Submission) -> None:
    refusal = submission.error
    if refusal is None:
        later.settle(to_hex(submission.hash))
    else:
        later.fail(submission_error(refusal) or refusal)
