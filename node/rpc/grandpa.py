"""`grandpa_*`: what became final, and the proof of it.

The authority set never changes, so one justification, the latest, proves all that is final: an earlier block together
with the headers that lead from it. Mirrors `sc_consensus_grandpa_rpc`, with its codes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import trio

from node.rpc.context import Context, to_hex
from node.rpc.errors import RpcError, invalid_params, response_too_big
from node.rpc.registry import method, subscription
from pallets.grandpa import AuthorityList
from pallets.primitives import ss58
from pallets.primitives.codec import codec_of
from pallets.primitives.scale import compact
from pallets.primitives.types import H256, U64

NOT_READY, PROVE_FINALITY = 1, 4
YIELD_EVERY = 100  # headers between two chances for other tasks
AUTHORITIES, SET_ID = codec_of(AuthorityList), codec_of(U64)
TARGET = codec_of(tuple[H256, bytes])
"""A block and its justification: what a `FinalityProof` begins with."""


@method()
async def grandpa_proveFinality(node: Context, block: int) -> Any:
    """The proof that the canonical block of a number is final, as SCALE of `FinalityProof`.

    It has the hash of the latest final block, its justification, and the headers behind `block` up to it. `null` where
    nothing was justified yet: genesis, and what a dev chain was set back to, are final of themselves.
    """
    if block >= 1 << 32:
        raise invalid_params("a block number has 32 bits")
    final = node.chain.finalized
    if block > final.number:
        raise RpcError(PROVE_FINALITY, "GRANDPA prove finality rpc failed: Block not yet finalized")
    justification = node.chain.justification(final.hash)
    if justification is None:
        return None
    headers = await _headers_up_to(node, final.hash, final.number - block)
    return to_hex(TARGET.encode((final.hash, justification)) + compact(len(headers)) + b"".join(headers))


async def _headers_up_to(node: Context, block_hash: bytes, count: int) -> list[bytes]:
    """So many headers, a block's own the last; by their hashes, so that they are of one chain if the head moves.

    Raises `RpcError` where a reply couldn't hold them, and `UnknownBlock` where they are taken back meanwhile.
    """
    headers: list[bytes] = []
    size = 0
    while len(headers) < count:
        header = node.header(block_hash)
        headers.append(header.encode())
        size += len(headers[-1])
        if 2 * size > node.max_response:
            raise response_too_big(node.max_response)
        if len(headers) % YIELD_EVERY == 0:
            await trio.lowlevel.checkpoint()
        block_hash = header.parent_hash
    return headers[::-1]


@method()
def grandpa_roundState(node: Context) -> Any:
    """The round that votes on the next block. Its one voter votes in a moment, so nobody ever has so far."""
    if not node.author:
        raise RpcError(NOT_READY, "GRANDPA RPC endpoint not ready")
    final = node.chain.finalized
    authorities = AUTHORITIES.decode_all(node.call(final.hash, "GrandpaApi_grandpa_authorities", b""))
    total = sum(weight for _, weight in authorities)
    no_votes = {"currentWeight": 0, "missing": sorted(ss58.encode(key) for key, _ in authorities)}
    best = {
        "round": final.number + 1,
        "totalWeight": total,
        "thresholdWeight": total - (total - 1) // 3,
        "prevotes": no_votes,
        "precommits": no_votes,
    }
    set_id = SET_ID.decode_all(node.call(final.hash, "GrandpaApi_current_set_id", b""))
    return {"setId": set_id, "best": best, "background": []}


@subscription("grandpa_justifications", unsubscribe="grandpa_unsubscribeJustifications")
async def grandpa_subscribeJustifications(node: Context) -> AsyncIterator[Any]:
    """The justification of each block that becomes final by itself, SCALE-encoded; who reads slowly gets the latest."""
    return _justifications(node)


async def _justifications(node: Context) -> AsyncIterator[Any]:
    async with node.chain.finality.subscribe(node.message_buffer) as news:
        async for finalized in news:
            justification = node.chain.justification(finalized.hash)
            if justification is not None:  # a later one proves this block, too
                yield to_hex(justification)
