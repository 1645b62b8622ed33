"""`chainHead_v1_*`: following the head of the chain, and asking about the blocks that were told of.

The specification: https://paritytech.github.io/json-rpc-interface-spec/api/chainHead.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from node.chain.follow import NotPinned, UnpinnedTwice
from node.rpc.context import Context, to_hex
from node.rpc.errors import (
    DUPLICATE_HASHES,
    INVALID_BLOCK,
    INVALID_CONTINUE,
    NO_RUNTIME,
    TOO_MANY_FOLLOWS,
    RpcError,
)
from node.rpc.follower import Follower, Followers
from node.rpc.operations import Steps, body, call, storage
from node.rpc.registry import GatedBy, Hash, Hex, bounded_list, hash_bytes, method, subscription
from node.rpc.serving.session import Session, Subscription
from node.rpc.storage_items import StorageItems

LIMIT_REACHED = {"result": "limitReached"}


def hash_or_hashes(value: Any) -> list[bytes]:
    """One hash, or a list of them; raises `ValueError`."""
    return [hash_bytes(each) for each in (bounded_list(value) if isinstance(value, list) else [value])]


Hashes = Annotated[list[bytes], GatedBy(hash_or_hashes)]


@subscription("chainHead_v1_followEvent", unsubscribe="chainHead_v1_unfollow", tells_end=False)
async def chainHead_v1_follow(node: Context, follow: Subscription, with_runtime: bool) -> AsyncIterator[Any]:
    """The last final blocks, those behind them, and everything that becomes of them; all are pinned."""
    follower = Follower(node, with_runtime)
    if not follow.session.part(Followers).add(follow, follower):
        raise RpcError(TOO_MANY_FOLLOWS, "Maximum number of chainHead_follow has been reached")
    return follower.news()


@method()
def chainHead_v1_header(node: Context, session: Session, follow_subscription: str, hash: Hash) -> str | None:
    """The SCALE encoding of a pinned block's header."""
    follower = _pinning(session, follow_subscription, hash)
    return None if follower is None else to_hex(node.header(hash).encode())


@method()
def chainHead_v1_body(node: Context, session: Session, follow_subscription: str, hash: Hash) -> Any:
    """Begins to fetch a pinned block's extrinsics."""
    follower = _pinning(session, follow_subscription, hash)
    return LIMIT_REACHED if follower is None else _begun(session, follower, hash, body(node, hash))


@method()
def chainHead_v1_call(
    node: Context, session: Session, follow_subscription: str, hash: Hash, function: str, call_parameters: Hex
) -> Any:
    """Begins a runtime API call on a pinned block's state."""
    follower = _pinning(session, follow_subscription, hash)
    if follower is None:
        return LIMIT_REACHED
    if not follower.with_runtime:
        raise RpcError(NO_RUNTIME, "subscription was started with `withRuntime` set to `false`")
    return _begun(session, follower, hash, call(node, hash, function, call_parameters))


@method()
def chainHead_v1_storage(
    node: Context,
    session: Session,
    follow_subscription: str,
    hash: Hash,
    items: StorageItems,
    child_trie: Hex | None = None,
) -> Any:
    """Begins to read a pinned block's state; items for which there is no room are left out, from the last one on."""
    follower = _pinning(session, follow_subscription, hash)
    if follower is None or not (room := follower.room()):
        return LIMIT_REACHED
    taken = items[:room]
    begun = _begun(session, follower, hash, storage(node, hash, taken, child_trie), max(len(taken), 1))
    return {**begun, "discardedItems": len(items) - len(taken)}


@method()
def chainHead_v1_continue(node: Context, session: Session, follow_subscription: str, operation_id: str) -> None:
    """Goes on with an operation that waits for it."""
    follower = session.part(Followers).find(session, follow_subscription)
    operation = None if follower is None else follower.operations.get(operation_id)
    if follower is None or operation is None:
        return
    if not operation.is_waiting:
        raise RpcError(INVALID_CONTINUE, "Wait for continue event was not generated for the subscription")
    follower.go_on(operation)


@method()
def chainHead_v1_stopOperation(node: Context, session: Session, follow_subscription: str, operation_id: str) -> None:
    """Ends an operation, if it is still under way."""
    follower = session.part(Followers).find(session, follow_subscription)
    if follower is not None:
        follower.stop(operation_id)


@method()
def chainHead_v1_unpin(node: Context, session: Session, follow_subscription: str, hash_or_hashes: Hashes) -> None:
    """Lets go of blocks, all or none."""
    follower = session.part(Followers).find(session, follow_subscription)
    if follower is None:
        return
    try:
        follower.follow.unpin(hash_or_hashes)
    except UnpinnedTwice:
        raise RpcError(DUPLICATE_HASHES, "Received duplicate hashes for the `chainHead_unpin` method") from None
    except NotPinned:
        raise _invalid_block() from None


def _pinning(session: Session, follow_subscription: str, block_hash: bytes) -> Follower | None:
    """The follower, if there is one; raises `RpcError` unless it has the block pinned."""
    follower = session.part(Followers).find(session, follow_subscription)
    if follower is not None and not follower.follow.is_pinned(block_hash):
        raise _invalid_block()
    return follower


def _begun(session: Session, follower: Follower, block_hash: bytes, steps: Steps, items: int = 1) -> dict[str, Any]:
    if follower.room() < items:
        return LIMIT_REACHED
    operation = follower.begin(block_hash, items, steps)
    session.after_reply(lambda: follower.go_on(operation))
    return {"result": "started", "operationId": operation.identifier}


def _invalid_block() -> RpcError:
    return RpcError(INVALID_BLOCK, "Invalid block hash")
