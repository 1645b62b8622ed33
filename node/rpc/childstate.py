"""`childstate_*`: the storage of child tries. No pallet has one, so there is nothing in any of them.

A child trie is named by its key in the state, which starts with `:child_storage:default:`.
"""

from __future__ import annotations

from node.rpc.context import Context
from node.rpc.errors import client_error
from node.rpc.registry import Hash, Hex, method

CHILD_STORAGE = b":child_storage:default:"


def check_child(node: Context, child_storage_key: bytes, block_hash: bytes | None) -> None:
    """Raises `RpcError` for what names no child trie, and where the state isn't there, as `Context.state`."""
    if not child_storage_key.startswith(CHILD_STORAGE):
        raise client_error("Invalid child storage key")
    node.state(block_hash)


@method()
def childstate_getKeys(node: Context, child_storage_key: Hex, prefix: Hex, hash: Hash | None = None) -> list[str]:
    """All keys under a prefix."""
    check_child(node, child_storage_key, hash)
    return []


@method(aliases=("childstate_getKeysPagedAt",))
def childstate_getKeysPaged(
    node: Context,
    child_storage_key: Hex,
    prefix: Hex | None,
    count: int,
    start_key: Hex | None = None,
    hash: Hash | None = None,
) -> list[str]:
    """At most `count` keys under a prefix, behind `start_key`."""
    check_child(node, child_storage_key, hash)
    return []


@method()
def childstate_getStorage(node: Context, child_storage_key: Hex, key: Hex, hash: Hash | None = None) -> None:
    """A value, `null` where there is none."""
    check_child(node, child_storage_key, hash)


@method()
def childstate_getStorageEntries(
    node: Context, child_storage_key: Hex, keys: list[Hex], hash: Hash | None = None
) -> list[None]:
    """Several values, `null` where there is none."""
    check_child(node, child_storage_key, hash)
    return [None] * len(keys)


@method()
def childstate_getStorageHash(node: Context, child_storage_key: Hex, key: Hex, hash: Hash | None = None) -> None:
    """The BLAKE2b-256 hash of a value."""
    check_child(node, child_storage_key, hash)


@method()
def childstate_getStorageSize(node: Context, child_storage_key: Hex, key: Hex, hash: Hash | None = None) -> None:
    """The size of a value in bytes."""
    check_child(node, child_storage_key, hash)
