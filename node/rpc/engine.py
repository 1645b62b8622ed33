"""`engine_*`: sealing by hand."""

from __future__ import annotations

from typing import Annotated, Any

from node.chain.producer import NothingToSeal
from node.chain.tree import UnknownParent
from node.rpc.context import Context, to_hex
from node.rpc.errors import MANUAL_SEAL_ERROR, RpcError
from node.rpc.registry import GatedBy, Hash, bounded_list, method


def encoded_justification(value: Any) -> bytes:
    """A list of bytes, as numbers; raises `ValueError`."""
    return bytes(each if isinstance(each, int) else -1 for each in bounded_list(value))


EncodedJustification = Annotated[bytes, GatedBy(encoded_justification)]


@method()
async def engine_createBlock(node: Context, create_empty: bool, finalize: bool, parent_hash: Hash | None = None) -> Any:
    """Seals a block with what is ready, on the best block or on another one: then a fork begins or grows."""
    try:
        block = await node.producer.create_block(create_empty=create_empty, parent=parent_hash)
    except UnknownParent as error:
        raise RpcError(MANUAL_SEAL_ERROR, f"Block rejected: {error}") from None
    except NothingToSeal as error:
        raise RpcError(MANUAL_SEAL_ERROR, f"Transaction pool is empty, set create_empty to true: {error}") from None
    if finalize:
        node.finalizer.finalize(block.hash, block.header.number)
    aux = {
        "header_only": False,
        "clear_justification_requests": False,
        "needs_justification": False,
        "bad_justification": False,
        "is_new_best": block.is_best,
    }
    return {"hash": to_hex(block.hash), "aux": aux, "proof_size": 0}


@method()
async def engine_finalizeBlock(node: Context, hash: Hash, justification: EncodedJustification | None = None) -> bool:
    """Finalises a block and its ancestors; where it is on a fork, that one becomes the best chain.

    The justification is the node's own, whatever is given.
    """
    number = node.header(hash).number
    async with node.chain.writing:  # where it is on a fork, the head moves
        node.finalizer.finalize(hash, number)
    return True
