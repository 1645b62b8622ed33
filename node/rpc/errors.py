"""What a caller is told when a call fails: Substrate's codes, messages and data.

| codes | about |
| --- | --- |
| -32700 -32600 -32601 -32602 -32603 | the JSON-RPC request itself |
| -32005 -32006 -32008 -32010 -32011 | bounds of the server, as jsonrpsee numbers them |
| -32800 to -32804 | `chainHead_v1_*`, as the JSON-RPC specification numbers them |
| 1001 1002 | an extrinsic that can't be read |
| 1010 to 1019 | a transaction that the pool refuses |
| 1040 | the node's keys |
| 4001 4002 4003 | a query of the state |
| 5001 | storage beside the chain |
| 1 2 | `system_accountNextIndex`, `payment_*` |
| 15000 | manual sealing |

Mirrors `sc_rpc_api::{author,state,system}::error`, `sc_consensus_manual_seal::error` and
`sc_rpc_spec_v2::chain_head::error`.
"""

from __future__ import annotations

from typing import Any

from node.chain.pool import (
    AlreadyImported,
    CycleDetected,
    ImmediatelyDropped,
    NoTagsProvided,
    PoolError,
    TooLowPriority,
)
from node.chain.transactions import TemporarilyBanned
from node.executor import RuntimeTrap, UnknownRuntime
from node.state.backend import StateDiscarded, UnknownBlock
from node.state.errors import DatabaseError
from node.state.remote.errors import RemoteStateError
from pallets.frame.runtime_api import UnknownRuntimeApi
from pallets.frame.validity import TransactionValidityError, UnknownTransaction
from pallets.primitives.scale import DecodeError

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
BAD_FORMAT, VERIFICATION_ERROR, OTHER_AUTHOR_ERROR = 1001, 1002, 1040
POOL_INVALID, POOL_UNKNOWN, POOL_BANNED, POOL_IMPORTED, POOL_PRIORITY = 1010, 1011, 1012, 1013, 1014
POOL_CYCLE, POOL_DROPPED, POOL_NO_TAGS = 1015, 1016, 1019
INVALID_RANGE, INVALID_COUNT, CLIENT_ERROR = 4001, 4002, 4003
BATCHES_NOT_SUPPORTED, SUBSCRIPTIONS_EXHAUSTED = -32005, -32006
RESPONSE_TOO_BIG, BATCH_TOO_BIG, BATCH_ANSWER_TOO_BIG = -32008, -32010, -32011
NO_STORAGE_KIND = 5001
RUNTIME_ERROR, DECODE_ERROR = 1, 2
MANUAL_SEAL_ERROR = 15000
TOO_MANY_FOLLOWS, INVALID_BLOCK, NO_RUNTIME, INVALID_CONTINUE, DUPLICATE_HASHES = -32800, -32801, -32802, -32803, -32804


class RpcError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data

    def to_json(self) -> dict[str, Any]:
        """The `error` object; `data` is left out where there is none."""
        error = {"code": self.code, "message": self.message}
        return error if self.data is None else {**error, "data": self.data}


def invalid_params(reason: str) -> RpcError:
    """The parameters don't fit the method."""
    return RpcError(INVALID_PARAMS, "Invalid params", reason)


def too_big(code: int, message: str, limit: int) -> RpcError:
    """Something is over a bound of the server."""
    return RpcError(code, message, f"Exceeded max limit of {limit}")


def response_too_big(limit: int) -> RpcError:
    """The reply would be larger than replies may be."""
    return too_big(RESPONSE_TOO_BIG, "Response is too big", limit)


def client_error(text: str) -> RpcError:
    """A query that the chain can't answer."""
    return RpcError(CLIENT_ERROR, f"Client error: {text}")


def query_error(error: Exception) -> RpcError | None:
    """The answer for a failed read or runtime call; `None` where `error` is a defect of ours."""
    match error:
        case DatabaseError():
            return client_error(f"Backend error: {error}")
        case RemoteStateError():
            return client_error(f"Backend error: the forked chain can't be read: {error}")
        case UnknownBlock():
            return client_error("UnknownBlock: Header was not found in the database")
        case StateDiscarded(block_hash=block):
            return client_error(f"Api called for an unknown Block: State already discarded for 0x{block.hex()}")
        case UnknownRuntimeApi():
            return client_error(f"Execution failed: Other: Exported method {str(error)[:80]} is not found")
        case DecodeError():
            return client_error(f"Execution failed: Execution aborted due to trap: bad input: {error}")
        case RuntimeTrap():
            return client_error(f"Execution failed: Execution aborted due to trap: {error}")
        case UnknownRuntime():
            return client_error(f"Execution failed: Other: {error}")
        case TransactionValidityError():
            return client_error(f"Execution failed: {error}")
    return None


def submission_error(error: Exception) -> RpcError | None:
    """The answer for a refused transaction; `None` where `error` is a defect of ours."""
    match error:
        case UnknownTransaction():
            return RpcError(POOL_UNKNOWN, "Unknown Transaction Validity", str(error))
        case TransactionValidityError():
            return RpcError(POOL_INVALID, "Invalid Transaction", str(error))
        case DecodeError():
            return RpcError(VERIFICATION_ERROR, f"Verification Error: {error}", repr(error))
        case AlreadyImported(tx_hash=tx_hash):
            return RpcError(POOL_IMPORTED, "Transaction Already Imported", f"0x{tx_hash.hex()}")
        case TooLowPriority():
            return RpcError(
                POOL_PRIORITY,
                f"Priority is too low: {error}",
                "The transaction has too low priority to replace another transaction already in the pool.",
            )
        case TemporarilyBanned():
            return RpcError(POOL_BANNED, "Transaction is temporarily banned")
        case CycleDetected():
            return RpcError(POOL_CYCLE, "Cycle Detected")
        case ImmediatelyDropped():
            return RpcError(
                POOL_DROPPED, "Immediately Dropped", "The transaction couldn't enter the pool because of the limit"
            )
        case NoTagsProvided():
            return RpcError(POOL_NO_TAGS, "No tags provided")
        case PoolError():
            return RpcError(POOL_INVALID, "Invalid Transaction", str(error))
    return None
