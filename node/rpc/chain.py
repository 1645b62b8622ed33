"""`chain_*`: blocks and heads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from node.rpc.context import Context, header_json, optional_hex, to_hex
from node.rpc.errors import invalid_params
from node.rpc.registry import MAX_ITEMS, Hash, method, subscription


@method()
def chain_getHeader(node: Context, hash: Hash | None = None) -> Any:
    """The header of a block, the best one if none is named; `null` where it is unknown."""
    header = node.chain.header(node.hash_or_best(hash))
    return None if header is None else header_json(header)


@method()
def chain_getBlock(node: Context, hash: Hash | None = None) -> Any:
    """Header, extrinsics and justifications of a block."""
    block = node.hash_or_best(hash)
    header, body = node.chain.header(block), node.chain.body(block)
    if header is None or body is None:
        return None
    proof = node.chain.justification(block)
    return {
        "block": {"header": header_json(header), "extrinsics": [to_hex(extrinsic) for extrinsic in body]},
        "justifications": None if proof is None else [[list(b"FRNK"), list(proof)]],
    }


def _hash_of(node: Context, number: Any) -> str | None:
    if isinstance(number, str):
        try:
            number = int(number, 16 if number.startswith("0x") else 10)
        except ValueError:
            raise invalid_params(f"{number[:80]!r} is not a block number") from None
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise invalid_params("a block number, a hex string, or a list of them is expected")
    return optional_hex(node.chain.hash_of(number))


@method(aliases=("chain_getHead",))
def chain_getBlockHash(node: Context, number: Any = None) -> Any:
    """The hash of the canonical block of a number, or of each of a list; the best block's if none is given."""
    if number is None:
        return to_hex(node.chain.best.hash)
    if isinstance(number, list):
        if len(number) > MAX_ITEMS:
            raise invalid_params(f"at most {MAX_ITEMS} block numbers are taken, {len(number)} were given")
        return [_hash_of(node, each) for each in number]
    return _hash_of(node, number)


@method(aliases=("chain_getFinalisedHead",))
def chain_getFinalizedHead(node: Context) -> str:
    """The hash of the last finalised block."""
    return to_hex(node.chain.finalized.hash)


@subscription(
    "chain_newHead",
    unsubscribe="chain_unsubscribeNewHead",
    aliases={"chain_subscribeNewHeads": "chain_unsubscribeNewHeads", "subscribe_newHead": "unsubscribe_newHead"},
)
async def chain_subscribeNewHead(node: Context) -> AsyncIterator[Any]:
    """The best header now, and every later one."""
    return _new_heads(node)


@subscription("chain_allHead", unsubscribe="chain_unsubscribeAllHeads")
async def chain_subscribeAllHeads(node: Context) -> AsyncIterator[Any]:
    """The best header now, and the header of every block that is imported, those of forks included."""
    return _all_heads(node)


@subscription(
    "chain_finalizedHead",
    unsubscribe="chain_unsubscribeFinalizedHeads",
    aliases={"chain_subscribeFinalisedHeads": "chain_unsubscribeFinalisedHeads"},
)
async def chain_subscribeFinalizedHeads(node: Context) -> AsyncIterator[Any]:
    """The last finalised header now, and every later one, none left out."""
    return _finalized_heads(node)


async def _new_heads(node: Context) -> AsyncIterator[Any]:
    async with node.chain.imported.subscribe(node.message_buffer) as blocks:
        yield header_json(node.chain.best_header())
        async for block in blocks:
            if block.is_best:
                yield header_json(block.header)


async def _all_heads(node: Context) -> AsyncIterator[Any]:
    async with node.chain.imported.subscribe(node.message_buffer) as blocks:
        yield header_json(node.chain.best_header())
        async for block in blocks:
            if block.is_new:
                yield header_json(block.header)


async def _finalized_heads(node: Context) -> AsyncIterator[Any]:
    async with node.chain.finality.subscribe(node.message_buffer) as news:
        yield header_json(node.header(node.chain.finalized.hash))
        async for finalized in news:
            for block in finalized.blocks:
                header = node.chain.header(block)
                if header is not None:  # the chain may have been set back since
                    yield header_json(header)
