"""What fits no other group: printing, the version of code, logging, aborting, data to be indexed. Mirrors `sp_io`."""

from __future__ import annotations

from node.wasm.call import Call, IndexedTransaction
from node.wasm.errors import RuntimePanicked
from node.wasm.host.declaration import U32, U64, Bytes32, NewSlice, Slice, host_function
from node.wasm.host.scale import optional_bytes

DEBUG = 4
PRINTED = b"runtime"


@host_function
def ext_misc_print_num_version_1(call: Call, number: U64) -> None:
    call.log(DEBUG, PRINTED, str(number).encode())


@host_function
def ext_misc_print_utf8_version_1(call: Call, text: Slice) -> None:
    call.log(DEBUG, PRINTED, text)


@host_function
def ext_misc_print_hex_version_1(call: Call, data: Slice) -> None:
    call.log(DEBUG, PRINTED, f"0x{data.hex()}".encode())


@host_function
def ext_misc_runtime_version_version_1(call: Call, code: Slice) -> NewSlice:
    """The version of other code, such as that a chain is about to be upgraded to."""
    return optional_bytes(call.version_of(code, call.storage))


@host_function
def ext_logging_log_version_1(call: Call, level: U32, target: Slice, message: Slice) -> None:
    call.log(level, target, message)


@host_function
def ext_logging_max_level_version_1(call: Call) -> U32:
    return call.around.max_log_level


@host_function
def ext_panic_handler_abort_on_panic_version_1(call: Call, message: Slice) -> None:
    raise RuntimePanicked(message.decode("utf-8", "replace"))


@host_function
def ext_transaction_index_index_version_1(call: Call, extrinsic: U32, size: U32, content_hash: Bytes32) -> None:
    call.indexed.append(IndexedTransaction(extrinsic, content_hash, size))


@host_function
def ext_transaction_index_renew_version_1(call: Call, extrinsic: U32, content_hash: Bytes32) -> None:
    call.indexed.append(IndexedTransaction(extrinsic, content_hash, None))
