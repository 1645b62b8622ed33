"""`offchain_*`: what the node's operator keeps beside the chain, in its database, for off-chain workers.

Values are the node's own: no block depends on them, and no step back undoes them. Of Substrate's two kinds of storage
only the persistent one is there, as with Substrate itself. Mirrors `sc_rpc::offchain`.
"""

from __future__ import annotations

from itertools import takewhile

from node.rpc.context import Context, optional_hex
from node.rpc.errors import NO_STORAGE_KIND, RpcError, invalid_params
from node.rpc.registry import Hex, method
from node.state.db import OFFCHAIN_PREFIX

MAX_ENTRIES, MAX_KEY, MAX_VALUE = 256, 1024, 64 * 1024
"""How many there may be, and bytes of each."""


@method(unsafe=True)
def offchain_localStorageGet(node: Context, kind: str, key: Hex) -> str | None:
    """A value, `null` where there is none."""
    return optional_hex(node.chain.db.get("meta", _name(kind, key)))


@method(unsafe=True)
def offchain_localStorageSet(node: Context, kind: str, key: Hex, value: Hex) -> None:
    """Keeps a value, in the place of what is there."""
    db, name = node.chain.db, _name(kind, key)
    if len(key) > MAX_KEY or len(value) > MAX_VALUE:
        raise invalid_params(f"a key has at most {MAX_KEY} bytes, and a value {MAX_VALUE}")
    kept = takewhile(lambda entry: entry[0].startswith(OFFCHAIN_PREFIX), db.items_from("meta", OFFCHAIN_PREFIX))
    if db.get("meta", name) is None and sum(1 for _ in kept) >= MAX_ENTRIES:
        raise invalid_params(f"{MAX_ENTRIES} values are kept already: clear one first")
    batch = db.batch()
    batch.put("meta", name, value)
    db.write(batch)


@method(unsafe=True)
def offchain_localStorageClear(node: Context, kind: str, key: Hex) -> None:
    """Removes a value, if it is there."""
    db = node.chain.db
    batch = db.batch()
    batch.delete("meta", _name(kind, key))
    db.write(batch)


def _name(kind: str, key: bytes) -> bytes:
    """The name of the record."""
    if kind == "LOCAL":
        raise RpcError(NO_STORAGE_KIND, "This storage kind is not available yet")
    if kind != "PERSISTENT":
        raise invalid_params("kind is PERSISTENT or LOCAL")
    return OFFCHAIN_PREFIX + key
