"""`state_*`: storage, runtime calls, metadata, versions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import islice
from typing import Any

import trio

from node.rpc.childstate import check_child
from node.rpc.context import Context, optional_hex, to_hex
from node.rpc.errors import INVALID_COUNT, RpcError, response_too_big
from node.rpc.registry import Hash, Hex, method, subscription
from node.rpc.storage_items import SLICE_KEYS, StorageItem, found_items
from node.state.forked import prove_in
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.runtime_code import RuntimeVersion

MAX_PAGE = 1000
SLICE_PROVEN = 16
"""Keys proven before others run: of an old block each costs about 200 µs."""
OPAQUE = codec_of(bytes)


def version_json(version: RuntimeVersion) -> dict[str, Any]:
    """A runtime version as every client expects it."""
    return {
        "specName": version.spec_name,
        "implName": version.impl_name,
        "authoringVersion": version.authoring_version,
        "specVersion": version.spec_version,
        "implVersion": version.impl_version,
        "apis": [[to_hex(api), number] for api, number in version.apis],
        "transactionVersion": version.transaction_version,
        "systemVersion": version.system_version,
        "stateVersion": version.system_version,
    }


@method()
def state_getMetadata(node: Context, hash: Hash | None = None) -> str:
    """The metadata, version 14: what every client understands. Later versions: `Metadata_metadata_at_version`."""
    return to_hex(OPAQUE.decode_all(node.call(hash, "Metadata_metadata", b"")))


@method(aliases=("chain_getRuntimeVersion",))
def state_getRuntimeVersion(node: Context, hash: Hash | None = None) -> Any:
    """The version of the runtime that executes on a block's state."""
    return version_json(node.runtime(hash).version)


@method(aliases=("state_getStorageAt",))
def state_getStorage(node: Context, key: Hex, hash: Hash | None = None) -> str | None:
    """A storage value, `null` where there is none."""
    return optional_hex(node.state(hash).get(key))


@method(aliases=("state_getStorageHashAt",))
def state_getStorageHash(node: Context, key: Hex, hash: Hash | None = None) -> str | None:
    """The BLAKE2b-256 hash of a storage value."""
    value = node.state(hash).get(key)
    return None if value is None else to_hex(blake2_256(value))


@method(aliases=("state_getStorageSizeAt",))
def state_getStorageSize(node: Context, key: Hex, hash: Hash | None = None) -> Any:
    """The size of a storage value in bytes; where there is none, that of all values under this prefix."""
    block = node.hash_or_best(hash)
    value = node.state(block).get(key)
    return _size_under(node, key, block) if value is None else len(value)


async def _size_under(node: Context, prefix: bytes, block: bytes) -> int | None:
    size = 0
    for found in found_items(lambda: node.chain.state_at(block), [StorageItem(prefix, "descendantsValues")], None):
        size += sum(len(each["value"]) // 2 - 1 for each in found)
        await trio.lowlevel.checkpoint()
    return size or None


@method()
def state_queryStorageAt(node: Context, keys: list[Hex], hash: Hash | None = None) -> Any:
    """Several values at one block; an absent one is `null`."""
    block = node.hash_or_best(hash)
    changes: list[list[str | None]] = []
    size = _look_up(node, block, keys[:SLICE_KEYS], changes, 0)
    answer = [{"block": to_hex(block), "changes": changes}]
    return answer if len(keys) <= SLICE_KEYS else _with_the_rest(node, block, keys, answer, size)


async def _with_the_rest(node: Context, block: bytes, keys: list[bytes], answer: list[Any], size: int) -> list[Any]:
    for at in range(SLICE_KEYS, len(keys), SLICE_KEYS):
        await trio.lowlevel.checkpoint()
        size = _look_up(node, block, keys[at : at + SLICE_KEYS], answer[0]["changes"], size)
    return answer


def _look_up(node: Context, block: bytes, keys: list[bytes], changes: list[list[str | None]], size: int) -> int:
    """Adds the values of these keys to a reply of so many characters; how many it has then."""
    state = node.chain.state_at(block)
    for key in keys:
        value = optional_hex(state.get(key))
        changes.append([to_hex(key), value])
        size += 2 * len(key) + len(value or "")
        if size > node.max_response:  # a few bytes of request can name a large value very often
            raise response_too_big(node.max_response)
    return size


@method()
async def state_getKeys(node: Context, prefix: Hex, hash: Hash | None = None) -> list[str]:
    """All keys under a prefix, in order."""
    return await _keys(node, node.hash_or_best(hash), prefix, None, None)


@method(aliases=("state_getKeysPagedAt",))
def state_getKeysPaged(
    node: Context, prefix: Hex | None, count: int, start_key: Hex | None = None, hash: Hash | None = None
) -> Any:
    """At most `count` (1000) keys under a prefix, behind `start_key`."""
    if count > MAX_PAGE:
        raise RpcError(INVALID_COUNT, f"count exceeds maximum value. value: {count}, max: {MAX_PAGE}")
    block = node.hash_or_best(hash)
    if block != node.chain.best.hash:
        return _keys(node, block, prefix or b"", start_key, count)
    return [to_hex(key) for key in islice(node.state(block).keys(prefix or b"", start_key), count)]


async def _keys(node: Context, block: bytes, prefix: bytes, after: bytes | None, count: int | None) -> list[str]:
    """At most so many keys, a slice at a time."""
    found: list[str] = []
    size = 0
    while True:
        wanted = SLICE_KEYS if count is None else min(count - len(found), SLICE_KEYS)
        keys = list(islice(node.chain.state_at(block).keys(prefix, after), wanted))
        found += map(to_hex, keys)
        size += 2 * sum(map(len, keys))
        if size > node.max_response:
            raise response_too_big(node.max_response)
        if len(keys) < SLICE_KEYS:
            return found
        after = keys[-1]
        await trio.lowlevel.checkpoint()


@method()
async def state_getReadProof(node: Context, keys: list[Hex], hash: Hash | None = None) -> Any:
    """The nodes of a block's trie that prove the values of these keys, or that there are none."""
    block = node.hash_or_best(hash)
    entries: dict[bytes, None] = {}
    size = 0
    for at in range(0, max(len(keys), 1), SLICE_PROVEN):
        for entry in prove_in(node.chain.state_at(block), keys[at : at + SLICE_PROVEN]):
            size += 0 if entry in entries else 2 * len(entry)
            entries[entry] = None
        if size > node.max_response:
            raise response_too_big(node.max_response)
        await trio.lowlevel.checkpoint()
    return {"at": to_hex(block), "proof": [to_hex(entry) for entry in entries]}


@method()
async def state_getChildReadProof(
    node: Context, child_storage_key: Hex, keys: list[Hex], hash: Hash | None = None
) -> Any:
    """The same for a child trie. No pallet has one, so it is proven that there is none."""
    check_child(node, child_storage_key, hash)
    return await state_getReadProof(node, [child_storage_key], hash)


@method(aliases=("state_callAt",))
def state_call(node: Context, function: str, data: Hex, hash: Hash | None = None) -> str:
    """Calls a runtime API on a block's state; arguments and result are SCALE."""
    return to_hex(node.call(hash, function, data))


@subscription("state_storage", unsubscribe="state_unsubscribeStorage", unsafe_without="keys")
async def state_subscribeStorage(node: Context, keys: list[Hex] | None = None) -> AsyncIterator[Any]:
    """The values of these keys now, and each change; without keys, every change of the state."""
    return _storage_changes(node, None if keys is None else dict.fromkeys(keys))


async def _storage_changes(node: Context, keys: dict[bytes, None] | None) -> AsyncIterator[Any]:
    async with node.chain.imported.subscribe(node.message_buffer) as blocks:
        if keys is not None:
            head = node.chain.states.head
            changes = await node.read(lambda: [[to_hex(key), optional_hex(head.get(key))] for key in keys])
            yield {"block": to_hex(node.chain.best.hash), "changes": changes}
        async for block in blocks:
            if not block.is_best:
                continue
            touched = block.changes if keys is None else [key for key in keys if key in block.changes]
            if touched:
                changes = [[to_hex(key), optional_hex(block.changes[key])] for key in touched]
                yield {"block": to_hex(block.hash), "changes": changes}


@subscription(
    "state_runtimeVersion",
    unsubscribe="state_unsubscribeRuntimeVersion",
    aliases={"chain_subscribeRuntimeVersion": "chain_unsubscribeRuntimeVersion"},
)
async def state_subscribeRuntimeVersion(node: Context) -> AsyncIterator[Any]:
    """The runtime version now, and each time it changes."""
    return _versions(node)


async def _versions(node: Context) -> AsyncIterator[Any]:
    async with node.chain.imported.subscribe(node.message_buffer) as blocks:
        version = node.runtime(None).version
        yield version_json(version)
        async for block in blocks:
            if not block.is_best:
                continue
            found = node.runtime(None).version
            if found != version:
                version = found
                yield version_json(version)
