"""`archive_v1_*`: any block that is kept, by its hash or its height.

Headers and bodies are kept for ever, states as long as `--state-pruning` says. The specification:
https://paritytech.github.io/json-rpc-interface-spec/api/archive.html
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, NamedTuple

import trio

from node.rpc.context import Context, to_hex
from node.rpc.errors import query_error
from node.rpc.lineage import is_ancestor
from node.rpc.registry import GatedBy, Hash, Hex, bounded_list, hex_bytes, method, subscription
from node.rpc.serving.session import Session
from node.rpc.storage_items import SLICE_BYTES, PaginatedStorageItems, StorageItem, found_items
from node.state.backend import UnknownBlock
from node.state.difference import differences
from pallets.primitives.hashing import blake2_256

SLICE_CHANGES = 32
"""Told of before others run: of old blocks each costs about 80 µs."""

log = logging.getLogger("node.rpc")


class NoAncestor(Exception):
    """The block to compare with doesn't lead to the other one, or there is none, as before genesis."""


class DiffItem(NamedTuple):
    """Which changes are asked for: of keys with a prefix, as `value` or `hash`."""

    prefix: bytes
    kind: str
    child_trie: bytes | None


def diff_items(value: Any) -> list[DiffItem]:
    """A list of `{key, returnType, childTrieKey}`, of which only `returnType` must be there; raises `ValueError`."""
    return [_diff_item(each) for each in bounded_list(value)]


def _diff_item(value: Any) -> DiffItem:
    if not isinstance(value, dict) or value.get("returnType") not in ("value", "hash"):
        raise ValueError("an item is an object whose returnType is value or hash")
    key, child = value.get("key"), value.get("childTrieKey")
    return DiffItem(hex_bytes(key or ""), value["returnType"], None if child is None else hex_bytes(child))


DiffItems = Annotated[list[DiffItem], GatedBy(diff_items)]
EVERYTHING = DiffItem(b"", "value", None)


@method()
def archive_v1_genesisHash(node: Context) -> str:
    """The hash of the first block."""
    return to_hex(node.chain.genesis_hash)


@method()
def archive_v1_finalizedHeight(node: Context) -> int:
    """The height of the last final block."""
    return node.chain.finalized.number


@method()
def archive_v1_hashByHeight(node: Context, height: int) -> list[str]:
    """The hashes of the blocks of a height: one if it is final, else one for each fork."""
    return [to_hex(block) for block in node.chain.hashes_of(height)]


@method()
def archive_v1_header(node: Context, hash: Hash) -> str | None:
    """The SCALE encoding of a block's header; `null` where the block is unknown."""
    header = node.chain.header(hash)
    return None if header is None else to_hex(header.encode())


@method()
def archive_v1_body(node: Context, hash: Hash) -> list[str] | None:
    """A block's extrinsics; `null` where the block is unknown."""
    body = node.chain.body(hash)
    return None if body is None else [to_hex(extrinsic) for extrinsic in body]


@method()
def archive_v1_call(node: Context, hash: Hash, function: str, call_parameters: Hex) -> Any:
    """A runtime API call on the state after a block; `null` where the block is unknown."""
    try:
        return {"success": True, "value": to_hex(node.chain.call(hash, function, call_parameters))}
    except UnknownBlock:
        return None
    except Exception as error:
        return {"success": False, "error": _reason(error)}


@subscription("archive_v1_storageEvent", unsubscribe="archive_v1_stopStorage", tells_end=False)
async def archive_v1_storage(
    node: Context, hash: Hash, items: PaginatedStorageItems, child_trie: Hex | None = None
) -> AsyncIterator[Any]:
    """Values, hashes and Merkle values of the state after a block."""
    return _told(_found(node, hash, items, child_trie), "storage")


@subscription("archive_v1_storageDiffEvent", unsubscribe="archive_v1_stopStorageDiff", tells_end=False)
async def archive_v1_storageDiff(
    node: Context, hash: Hash, items: DiffItems | None = None, previous_hash: Hash | None = None
) -> AsyncIterator[Any]:
    """What changed in the state between a block and an ancestor of it, which is its parent if none is named."""
    return _told(_changes(node, hash, items or [EVERYTHING], previous_hash), "storageDiff")


@method()
def archive_v1_storageDiff_stopStorageDiff(node: Context, session: Session, subscription: str) -> None:
    """Substrate's name of `archive_v1_stopStorageDiff`."""
    session.unsubscribe(subscription)


async def _told(slices: Iterator[list[dict[str, str]]], event: str) -> AsyncIterator[Any]:
    """All that is found as events, a slice at a time, and the end of it."""
    try:
        for found in slices:
            for each in found:
                yield {"event": event, **each}
            await trio.lowlevel.checkpoint()
    except Exception as error:
        yield {"event": f"{event}Error", "error": _reason(error)}
    else:
        yield {"event": f"{event}Done"}


def _found(
    node: Context, block: bytes, items: list[StorageItem], child_trie: bytes | None
) -> Iterator[list[dict[str, str]]]:
    node.chain.state_at(block)  # also where nothing is to be looked for
    yield from found_items(lambda: node.chain.state_at(block), items, child_trie)


def _changes(
    node: Context, block: bytes, items: list[DiffItem], previous: bytes | None
) -> Iterator[list[dict[str, str]]]:
    """The changes, a slice of at most a few milliseconds at a time."""
    if previous is None:
        previous = node.header(block).parent_hash
    if block == node.chain.genesis_hash or not is_ancestor(node, previous, block):
        raise NoAncestor("the changes of a block are told since an ancestor of it, which previousHash is not")
    for item in _without_repeats(items):
        after: bytes | None = None
        while True:
            before, now = node.chain.state_at(previous), node.chain.state_at(block)
            found: list[dict[str, str]] = []
            size = 0
            for key, old, new in differences(before, now, item.prefix, after):
                after = key
                value = old if new is None else new
                assert value is not None
                shown = to_hex(value if item.kind == "value" else blake2_256(value))
                change = "deleted" if new is None else "added" if old is None else "modified"
                found.append({"key": to_hex(key), item.kind: shown, "type": change})
                size += len(shown)
                if len(found) >= SLICE_CHANGES or size >= SLICE_BYTES:
                    break
            else:
                yield found
                break
            yield found


def _without_repeats(items: list[DiffItem]) -> list[DiffItem]:
    """The items that ask for something; what lies within another one is left out. No pallet has a child trie."""
    kept: list[DiffItem] = []
    for item in sorted({item for item in items if item.child_trie is None}, key=lambda item: (item.kind, item.prefix)):
        if not kept or kept[-1].kind != item.kind or not item.prefix.startswith(kept[-1].prefix):
            kept.append(item)
    return kept


def _reason(error: Exception) -> str:
    """Why there is no answer, for the developer of the client."""
    if isinstance(error, NoAncestor):
        return str(error)
    known = query_error(error)
    if known is None:
        log.error("❌ a query of the archive failed", exc_info=error)
        return "Internal error"
    return known.message
