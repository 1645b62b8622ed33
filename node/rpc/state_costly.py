"""`state_*` of whole states and of ranges of blocks, which cost a node much: for its operator alone.

Each gives way to others a slice at a time. Mirrors `sc_rpc::state` and `substrate-state-trie-migration-rpc`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import trio

from node.rpc.context import Context, optional_hex, to_hex
from node.rpc.errors import INVALID_RANGE, RpcError, response_too_big
from node.rpc.lineage import lineage
from node.rpc.registry import Hash, Hex, method
from node.rpc.storage_items import SLICE_KEYS, StorageItem, found_items
from node.state.backend import UnknownBlock

HASHED_FROM = 33
"""Bytes of a value that a trie of state version 1 has by its hash."""


@method(unsafe=True)
async def state_getPairs(node: Context, prefix: Hex, hash: Hash | None = None) -> list[list[str]]:
    """All keys under a prefix, in order, with their values."""
    pairs: list[list[str]] = []
    size = 0
    async for key, value in _pairs(node, prefix, hash):
        pairs.append([key, value])
        size += len(key) + len(value)
        if size > node.max_response:
            raise response_too_big(node.max_response)
    return pairs


@method(unsafe=True)
async def state_trieMigrationStatus(node: Context, at: Hash | None = None) -> Any:
    """How many values there are, and how many of them still are in the trie as state version 0 has them."""
    values = remaining = 0
    is_old = node.state(at).version == 0
    async for _, value in _pairs(node, b"", at):
        values += 1
        remaining += is_old and len(value) >= 2 + 2 * HASHED_FROM
    return {
        "topRemainingToMigrate": remaining,
        "childRemainingToMigrate": 0,
        "totalTop": values,
        "totalChild": 0,
    }


async def _pairs(node: Context, prefix: bytes, block_hash: bytes | None) -> AsyncIterator[tuple[str, str]]:
    block = node.hash_or_best(block_hash)
    for found in found_items(lambda: node.chain.state_at(block), [StorageItem(prefix, "descendantsValues")], None):
        for each in found:
            yield each["key"], each["value"]
        await trio.lowlevel.checkpoint()


@method(unsafe=True)
async def state_queryStorage(node: Context, keys: list[Hex], from_block: Hash, to_block: Hash | None = None) -> Any:
    """The values of these keys after a block, and the changes of each later one up to the other, or the best."""
    last = node.hash_or_best(to_block)
    try:
        blocks = lineage(node, from_block, last)
        start, end = node.header(from_block).number, node.header(last).number
    except UnknownBlock as error:
        to = f"Some({to_hex(last)})"
        raise _invalid_range(to_hex(from_block), to, f"UnknownBlock: Header was not found: {error}") from None
    if blocks is None:
        reason = "from number > to number" if start > end else "from and to are on different forks"
        raise _invalid_range(f"{start} ({to_hex(from_block)})", f"{end} ({to_hex(last)})", reason)
    if not keys:
        return []
    values: dict[bytes, bytes | None] = {}
    sets: list[dict[str, Any]] = []
    size = 0
    for block in blocks:
        changes: list[list[str | None]] = []
        for at in range(0, len(keys), SLICE_KEYS):
            state = node.chain.state_at(block)
            for key in keys[at : at + SLICE_KEYS]:
                value = state.get(key)
                if key not in values or values[key] != value:
                    values[key] = value
                    changes.append([to_hex(key), optional_hex(value)])
                    size += 2 * (len(key) + len(value or b""))
            if size > node.max_response:
                raise response_too_big(node.max_response)
            await trio.lowlevel.checkpoint()
        if changes:
            sets.append({"block": to_hex(block), "changes": changes})
    return sets


def _invalid_range(first: str, last: str, details: str) -> RpcError:
    return RpcError(INVALID_RANGE, f'Cannot resolve a block range [\'"{first}"\' ... \'"{last}"]. {details}')
