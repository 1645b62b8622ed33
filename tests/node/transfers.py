"""Signed transfers as bytes, for tests of what lies below the clients."""

from __future__ import annotations

from node.signing import sign_call
from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives.keys import Keypair, dev_keypair
from pallets.runtime import DevRuntime

RUNTIME = DevRuntime(Overlay(DictBackend()))


def signed_transfer(genesis: bytes, nonce: int, sender: Keypair | None = None, value: int = 10**12) -> bytes:
    """An immortal transfer from `sender` (//Alice) to //Bob, signed."""
    call = RUNTIME.call("Balances", "transfer_keep_alive", dest=dev_keypair("Bob").account_id, value=value)
    return sign_call(RUNTIME, call, sender or dev_keypair("Alice"), nonce, genesis)
