"""`engine_*`: sealing by hand."""

from __future__ import annotations

from typing import Any

from node.chain.producer import NothingToSeal
from node.rpc.context import Context, to_hex
from node.rpc.errors import MANUAL_SEAL_ERROR, RpcError, client_error
from node.rpc.registry import Hash, method


@method()
async def engine_createBlock(node: Context, create_empty: bool, finalize: bool, parent_hash: Hash | None = None) -> Any:
    """Seals a block on the best one, with what is ready."""
    if parent_hash is not None and parent_hash != node.chain.best.hash:
        raise RpcError(MANUAL_SEAL_ERROR, "Block rejected: this node extends its best block only")
    try:
        block = await node.producer.create_block(create_empty=create_empty)
    except NothingToSeal as error:
        raise RpcError(MANUAL_SEAL_ERROR, f"Transaction pool is empty, set create_empty to true: {error}") from None
    if finalize:
        node.finalizer.finalize(block.hash, block.header.number)
    aux = {
        "header_only": False,
        "clear_justification_requests": False,
        "needs_justification": False,
        "bad_justification": False,
        "is_new_best": True,
    }
    return {"hash": to_hex(block.hash), "aux": aux, "proof_size": 0}


@method()
def engine_finalizeBlock(node: Context, hash: Hash, justification: Any = None) -> bool:
    """Finalises a block and its ancestors."""
    header = node.header(hash)
    if node.chain.hash_of(header.number) != hash:
        raise client_error("UnknownBlock: the block is not on the best chain")
    node.finalizer.finalize(hash, header.number)
    return True
