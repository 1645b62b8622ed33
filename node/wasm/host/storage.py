"""`ext_storage_*`: the top trie, its root, and transactions. Mirrors `sp_io::storage`."""

from __future__ import annotations

from node.wasm.call import Call
from node.wasm.errors import UnbalancedTransactions
from node.wasm.host.declaration import U32, U64, NewSlice, Room, Slice, host_function
from node.wasm.host.scale import NONE, OPTIONAL_U32, decoded, optional_bytes
from node.wasm.overlay import Removed


def encoded_removal(removed: Removed) -> bytes:
    """`KillStorageResult`."""
    return bytes((not removed.is_complete,)) + removed.loops.to_bytes(4, "little")


def read_into(call: Call, value: bytes | None, room: tuple[int, int], offset: int) -> bytes:
    """Writes what fits of a value from `offset` on; answers, as `Option<u32>`, how much there is from there on."""
    if value is None:
        return NONE
    address, length = room
    call.guest.write(address, value[offset : offset + length])
    return b"\1" + max(0, len(value) - offset).to_bytes(4, "little")


@host_function
def ext_storage_set_version_1(call: Call, key: Slice, value: Slice) -> None:
    call.storage.put(key, value)


@host_function
def ext_storage_get_version_1(call: Call, key: Slice) -> NewSlice:
    return optional_bytes(call.storage.get(key))


@host_function
def ext_storage_read_version_1(call: Call, key: Slice, room: Room, offset: U32) -> NewSlice:
    return read_into(call, call.storage.get(key), room, offset)


@host_function
def ext_storage_clear_version_1(call: Call, key: Slice) -> None:
    call.storage.put(key, None)


@host_function
def ext_storage_exists_version_1(call: Call, key: Slice) -> U32:
    return call.storage.get(key) is not None


@host_function
def ext_storage_clear_prefix_version_1(call: Call, prefix: Slice) -> None:
    call.storage.clear_prefix(prefix)


@host_function
def ext_storage_clear_prefix_version_2(call: Call, prefix: Slice, limit: Slice) -> NewSlice:
    return encoded_removal(call.storage.clear_prefix(prefix, decoded(OPTIONAL_U32, limit, "a limit")))


@host_function
def ext_storage_append_version_1(call: Call, key: Slice, item: Slice) -> None:
    call.storage.append(key, item)


@host_function
def ext_storage_root_version_1(call: Call) -> NewSlice:
    return call.storage.root(0)


@host_function
def ext_storage_root_version_2(call: Call, version: U32) -> NewSlice:
    return call.storage.root(version)


@host_function
def ext_storage_changes_root_version_1(call: Call, parent_hash: Slice) -> NewSlice:
    """Tries of changes are no more: there never is one."""
    return NONE


@host_function
def ext_storage_next_key_version_1(call: Call, key: Slice) -> NewSlice:
    return optional_bytes(call.storage.next_key(key))


@host_function
def ext_storage_start_transaction_version_1(call: Call) -> None:
    call.storage.start_transaction()


@host_function
def ext_storage_rollback_transaction_version_1(call: Call) -> None:
    _require_own(call)
    call.storage.rollback_transaction()


@host_function
def ext_storage_commit_transaction_version_1(call: Call) -> None:
    _require_own(call)
    call.storage.commit_transaction()


@host_function
def ext_storage_proof_size_storage_proof_size_version_1(call: Call) -> U64:
    return call.around.proof_size


def _require_own(call: Call) -> None:
    if call.storage.depth <= call.depth:
        raise UnbalancedTransactions("the runtime closes a storage transaction that it hasn't opened")
