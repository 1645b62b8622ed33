"""`system_*`: what this node and its chain are."""

from __future__ import annotations

from typing import Any

from node.executor import RuntimeTrap
from node.logs import LOG_FILTER, InvalidLogLevel
from node.rpc.context import Context
from node.rpc.errors import RUNTIME_ERROR, RpcError, invalid_params
from node.rpc.registry import hash_bytes, method
from pallets.frame.runtime_api import UnknownRuntimeApi
from pallets.primitives.codec import codec_of
from pallets.primitives.scale import DecodeError
from pallets.primitives.ss58 import InvalidAddress, decode_account
from pallets.primitives.types import Nonce

NONCE = codec_of(Nonce)


@method()
def system_chain(node: Context) -> str:
    """The chain's name."""
    return node.spec.name


@method()
def system_chainType(node: Context) -> str:
    """`Development`, `Local`, `Live` or a custom type."""
    return node.spec.chain_type


@method()
def system_name(node: Context) -> str:
    """The node's implementation name."""
    return node.name


@method()
def system_version(node: Context) -> str:
    """The node's version."""
    return node.version


@method()
def system_properties(node: Context) -> Any:
    """The chain spec's properties: address format, token symbol and decimals."""
    return dict(node.spec.properties)


@method()
def system_health(node: Context) -> Any:
    """Peers and sync state; a node without a network has none and needs none."""
    return {"peers": 0, "isSyncing": False, "shouldHavePeers": False}


@method(unsafe=True)
def system_peers(node: Context) -> Any:
    """The peers: none, as long as there is no network."""
    return []


@method(unsafe=True)
def system_addLogFilter(node: Context, directives: str) -> None:
    """Logs more, or less: `target=level`, several by commas, as with `-l`."""
    try:
        LOG_FILTER.add(directives)
    except InvalidLogLevel as error:
        raise invalid_params(str(error)) from None


@method(unsafe=True)
def system_resetLogFilter(node: Context) -> None:
    """Logs what was logged at start."""
    LOG_FILTER.reset()


@method()
def system_nodeRoles(node: Context) -> Any:
    """What the node is to the network."""
    return ["Authority" if node.validator else "Full"]


@method()
def system_syncState(node: Context) -> Any:
    """From where to where the node syncs; it has all there is."""
    best = node.chain.best.number
    return {"startingBlock": 0, "currentBlock": best, "highestBlock": best}


@method(aliases=("account_nextIndex",))
def system_accountNextIndex(node: Context, account: str) -> int:
    """An account's next nonce, its transactions in the pool counted."""
    try:
        who = hash_bytes(account) if account.startswith("0x") else decode_account(account)
    except (InvalidAddress, ValueError) as error:
        raise invalid_params(f"{account[:80]!r} is no account: {error}") from None
    try:
        nonce: int = NONCE.decode_all(node.call(None, "AccountNonceApi_account_nonce", who))
    except (UnknownRuntimeApi, RuntimeTrap, DecodeError) as error:
        raise RpcError(RUNTIME_ERROR, "Unable to query nonce.", str(error)) from None
    while node.transactions.pool.provides(who + NONCE.encode(nonce)):
        nonce += 1
    return nonce
