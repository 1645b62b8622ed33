"""`transaction_v1_*`: transactions that are broadcast until the client says stop, and of which it is told nothing.

The specification: https://paritytech.github.io/json-rpc-interface-spec/api/transaction.html
"""

from __future__ import annotations

from node.rpc.broadcasts import Broadcasts
from node.rpc.context import Context
from node.rpc.errors import INVALID_PARAMS, RpcError
from node.rpc.registry import Hex, method
from node.rpc.serving.session import Session


@method()
def transaction_v1_broadcast(node: Context, session: Session, transaction: Hex) -> str | None:
    """Begins to broadcast a transaction; the operation's identifier, `null` where there are too many."""
    return session.part(Broadcasts).begin(node, session, transaction)


@method()
def transaction_v1_stop(node: Context, session: Session, operation_id: str) -> None:
    """Broadcasts a transaction no longer; it may be included all the same."""
    if not session.part(Broadcasts).stop(operation_id):
        raise RpcError(INVALID_PARAMS, "Invalid operation id")
