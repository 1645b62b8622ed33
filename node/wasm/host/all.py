"""Every host function there is, once this module is imported."""

from __future__ import annotations

from node.wasm.host import (
    child_storage,
    hashing,
    keys,
    misc,
    offchain,
    offchain_http,
    signatures,
    storage,
    trie,
)
from node.wasm.host.declaration import HOST_FUNCTIONS

GROUPS = (child_storage, hashing, keys, misc, offchain, offchain_http, signatures, storage, trie)

__all__ = ["GROUPS", "HOST_FUNCTIONS"]
