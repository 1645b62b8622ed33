"""The life of a transaction, from the pool to finality, told line by line.

It is watched by the node's own subscription. Where that breaks off, the transaction is handed in again, to another
endpoint perhaps; a pool that says that it has been there, or that it is outdated, is taken at its word only once it was
looked for in the blocks since it was sent.

Errors: `Refused`, `Left`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import trio

from offchain.connect.chain import RemoteChain
from offchain.connect.decoder import Event
from offchain.connect.errors import EndpointStalled, MethodMissing, NoSuchBlock
from offchain.connect.shown import failure, fee
from offchain.connect.submit.errors import Left, Refused
from offchain.rpc import CallFailed, ConnectionLost
from pallets.primitives.hashing import blake2_256

SEEN_BEFORE = (1012, 1013, 1014)
"""Of a pool that knows the transaction, or did, or has another in its place."""
INVALID = 1010
LOOKED_BACK = 256
"""Blocks that it is looked for in."""
POLL = 3.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Included:
    """A transaction in a block."""

    hash: bytes
    block: bytes
    number: int
    index: int
    events: list[Event]
    final: bool
    error: str | None
    """What its call failed of."""

    @property
    def fee(self) -> int | None:
        """What the signer paid, tip included, as far as events say it."""
        return fee(self.events)


async def follow_life(
    chain: RemoteChain, extrinsic: bytes, since: int, death: int | None, say: Say, *, final: bool
) -> Included:
    """Submits a transaction and waits: until it is in a block, or until that is `final`.

    `since` is the height of the chain before, `death` the first block that it can't be in any more.
    """
    hash, block = blake2_256(extrinsic), None
    say(f"sending 0x{hash.hex()}")
    for _ in range(chain.remote.policy.attempts):
        try:
            block, is_final = await _watch(chain, extrinsic, say, final=final)
            return await _included(chain, hash, block, final=is_final)
        except (ConnectionLost, EndpointStalled) as error:
            say(f"the connection is lost: {error}; asking again")
            await trio.sleep(chain.remote.policy.first_rest)
        except CallFailed as error:
            if error.code != INVALID and error.code not in SEEN_BEFORE:
                raise Refused(f"the pool refuses it: {_said(error)}") from None
            block = await _found(chain, hash, since)
            if block is None and error.code not in SEEN_BEFORE[:2]:
                raise Refused(f"the pool refuses it: {_said(error)}") from None
            break
    block = block or await _appears(chain, hash, since, death)
    say(f"in block 0x{block.hex()}")
    if final:
        await _becomes_final(chain, block)
        say("final")
    return await _included(chain, hash, block, final=final)


async def _watch(chain: RemoteChain, extrinsic: bytes, say: Say, *, final: bool) -> tuple[bytes, bool]:
    """Hands it in and watches; the block it ends in, and whether that is final."""
    lease = await chain.remote.lease()
    method, end = "author_submitAndWatchExtrinsic", "author_unwatchExtrinsic"
    async with lease.connection.subscription(method, end, f"0x{extrinsic.hex()}") as statuses:
        while True:
            with trio.move_on_after(chain.remote.policy.silence) as waiting:
                status = await anext(statuses, None)
            if waiting.cancelled_caught:
                raise EndpointStalled(f"{lease.endpoint.url} stalls: it says nothing of the transaction")
            match status:
                case None:
                    raise ConnectionLost("the subscription ended")
                case {"inBlock": str(block)}:
                    say(f"in block {block}")
                    if not final:
                        return bytes.fromhex(block[2:]), False
                case {"finalized": str(block)}:
                    say("final")
                    return bytes.fromhex(block[2:]), True
                case {"retracted": block}:
                    say(f"block {block} is not part of the chain any more")
                case {"finalityTimeout": block}:
                    raise Left(f"block {block} isn't final after a long time: the chain's finality stands still")
                case {"usurped": other}:
                    raise Left(f"another transaction of the same nonce took its place: {other}")
                case "dropped":
                    raise Left("the pool dropped it, for want of room: a tip helps, or waiting")
                case "invalid":
                    raise Left("it became invalid while it waited")
                case "future":
                    say("waits for transactions of lower nonces")
                case "ready":
                    say("ready")
                case {"broadcast": peers}:
                    say(f"broadcast to {len(peers) if isinstance(peers, list) else 'some'} peers")


async def _included(chain: RemoteChain, hash: bytes, at: bytes, *, final: bool) -> Included:
    block = await chain.block(at)
    hashes = [blake2_256(data) for data in block.extrinsics]
    if hash not in hashes:
        raise NoSuchBlock(f"block {block.number} is said to have the transaction, and hasn't")
    index = hashes.index(hash)
    _, decoder = await chain.executor(block.header)
    events = [event for event in await chain.events(block.header) if event.extrinsic == index]
    failed = failure(events)
    error = None if failed is None else decoder.error(failed)
    return Included(hash, at, block.number, index, events, final, error)


async def _found(chain: RemoteChain, hash: bytes, since: int) -> bytes | None:
    """The block since then that has it."""
    header = await chain.header(await chain.best())
    at = header.hash
    for _ in range(LOOKED_BACK):
        block = await chain.block(at)
        if any(blake2_256(data) == hash for data in block.extrinsics):
            return at
        if block.number <= since:
            return None
        at = block.header.parent_hash
    return None


async def _appears(chain: RemoteChain, hash: bytes, since: int, death: int | None) -> bytes:
    """Waits for it in a block, as long as it can be in one."""
    while True:
        block = await _found(chain, hash, since)
        if block is not None:
            return block
        best = await chain.header(await chain.best())
        if death is not None and best.number >= death:
            raise Left(f"it was in no block before block {death}, and can't be in one any more")
        await trio.sleep(POLL)


async def _becomes_final(chain: RemoteChain, block: bytes) -> None:
    number = (await chain.header(block)).number
    while True:
        if (await chain.header(await chain.finalized())).number >= number:
            break
        await trio.sleep(POLL)
    if await chain.hash_of(int(number)) != block:
        raise Left(f"the block that it was in, 0x{block.hex()}, isn't part of the chain: send it again")


def _said(error: CallFailed) -> str:
    return error.message if error.data is None else f"{error.message}: {error.data}"


async def is_live(chain: RemoteChain) -> bool:
    """Whether the chain's money is worth something: by the list, else unless the chain says it is a toy."""
    network = chain.remote.network
    if not network.live or network.genesis is None:
        return network.live
    if network.prefix is not None:
        return True
    try:
        kind: Any = await chain.remote.call("system_chainType")
    except (CallFailed, MethodMissing):
        return True
    return kind not in ("Development", "Local")
