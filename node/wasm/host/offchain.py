"""`ext_offchain_*` but for HTTP: the world, and what off-chain workers keep. Mirrors `sp_io::offchain`."""

from __future__ import annotations

from node.wasm.call import Call
from node.wasm.errors import BadArgument
from node.wasm.host.declaration import U32, U64, NewBytes, NewSlice, Slice, host_function
from node.wasm.host.scale import ERROR, OK, OPTIONAL_BYTES, decoded, optional_bytes

PERSISTENT, LOCAL = 1, 2
MAX_SUBMITTED = 10_000


@host_function
def ext_offchain_is_validator_version_1(call: Call) -> U32:
    return call.around.outside.is_validator


@host_function
def ext_offchain_submit_transaction_version_1(call: Call, extrinsic: Slice) -> NewSlice:
    if len(call.submitted) >= MAX_SUBMITTED:
        return ERROR
    call.submitted.append(extrinsic)
    return OK


@host_function
def ext_offchain_network_state_version_1(call: Call) -> NewSlice:
    """There is no peer-to-peer network around a fork."""
    return ERROR


@host_function
def ext_offchain_timestamp_version_1(call: Call) -> U64:
    return call.around.outside.now()


@host_function
def ext_offchain_sleep_until_version_1(call: Call, deadline: U64) -> None:
    call.around.outside.sleep_until(deadline)


@host_function
def ext_offchain_random_seed_version_1(call: Call) -> NewBytes:
    return call.around.outside.random_seed()


@host_function
def ext_offchain_index_set_version_1(call: Call, key: Slice, value: Slice) -> None:
    call.storage.put_index(key, value)


@host_function
def ext_offchain_index_clear_version_1(call: Call, key: Slice) -> None:
    call.storage.put_index(key, None)


@host_function
def ext_offchain_local_storage_set_version_1(call: Call, kind: U32, key: Slice, value: Slice) -> None:
    _kept(call, kind)[key] = value


@host_function
def ext_offchain_local_storage_clear_version_1(call: Call, kind: U32, key: Slice) -> None:
    _kept(call, kind).pop(key, None)


@host_function
def ext_offchain_local_storage_get_version_1(call: Call, kind: U32, key: Slice) -> NewSlice:
    return optional_bytes(_kept(call, kind).get(key))


@host_function
def ext_offchain_local_storage_compare_and_set_version_1(
    call: Call, kind: U32, key: Slice, expected: Slice, value: Slice
) -> U32:
    kept = _kept(call, kind)
    if kept.get(key) != decoded(OPTIONAL_BYTES, expected, "an expected value"):
        return False
    kept[key] = value
    return True


def _kept(call: Call, kind: int) -> dict[bytes, bytes]:
    if kind == PERSISTENT:
        return call.around.persistent
    if kind == LOCAL:
        return call.around.local
    raise BadArgument(f"there is no storage of kind {kind}: 1 is persistent, 2 is local")
