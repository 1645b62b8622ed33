"""`ext_default_child_storage_*`: child tries, named without the prefix they have in the top trie.

Mirrors `sp_io::default_child_storage`.
"""

from __future__ import annotations

from node.wasm.call import Call
from node.wasm.host.declaration import U32, NewSlice, Room, Slice, host_function
from node.wasm.host.scale import OPTIONAL_U32, decoded, optional_bytes
from node.wasm.host.storage import encoded_removal, read_into


@host_function
def ext_default_child_storage_set_version_1(call: Call, child: Slice, key: Slice, value: Slice) -> None:
    call.storage.put(key, value, child)


@host_function
def ext_default_child_storage_get_version_1(call: Call, child: Slice, key: Slice) -> NewSlice:
    return optional_bytes(call.storage.get(key, child))


@host_function
def ext_default_child_storage_read_version_1(call: Call, child: Slice, key: Slice, room: Room, offset: U32) -> NewSlice:
    return read_into(call, call.storage.get(key, child), room, offset)


@host_function
def ext_default_child_storage_clear_version_1(call: Call, child: Slice, key: Slice) -> None:
    call.storage.put(key, None, child)


@host_function
def ext_default_child_storage_exists_version_1(call: Call, child: Slice, key: Slice) -> U32:
    return call.storage.get(key, child) is not None


@host_function
def ext_default_child_storage_next_key_version_1(call: Call, child: Slice, key: Slice) -> NewSlice:
    return optional_bytes(call.storage.next_key(key, child))


@host_function
def ext_default_child_storage_clear_prefix_version_1(call: Call, child: Slice, prefix: Slice) -> None:
    call.storage.clear_prefix(prefix, None, child)


@host_function
def ext_default_child_storage_clear_prefix_version_2(call: Call, child: Slice, prefix: Slice, limit: Slice) -> NewSlice:
    return encoded_removal(call.storage.clear_prefix(prefix, decoded(OPTIONAL_U32, limit, "a limit"), child))


@host_function
def ext_default_child_storage_storage_kill_version_1(call: Call, child: Slice) -> None:
    call.storage.clear_prefix(b"", None, child)


@host_function
def ext_default_child_storage_storage_kill_version_2(call: Call, child: Slice, limit: Slice) -> U32:
    return call.storage.clear_prefix(b"", decoded(OPTIONAL_U32, limit, "a limit"), child).is_complete


@host_function
def ext_default_child_storage_storage_kill_version_3(call: Call, child: Slice, limit: Slice) -> NewSlice:
    return encoded_removal(call.storage.clear_prefix(b"", decoded(OPTIONAL_U32, limit, "a limit"), child))


@host_function
def ext_default_child_storage_root_version_1(call: Call, child: Slice) -> NewSlice:
    return call.storage.child_root(child, 0)


@host_function
def ext_default_child_storage_root_version_2(call: Call, child: Slice, version: U32) -> NewSlice:
    return call.storage.child_root(child, version)
