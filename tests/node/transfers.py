"""Signed transfers as bytes, for tests of what lies below the clients."""

from __future__ import annotations

from pallets.frame.extensions import MetadataHashMode, extension_codecs
from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives.extrinsic import IMMORTAL, Sr25519, signed_extrinsic, signing_payload
from pallets.primitives.keys import Keypair, dev_keypair
from pallets.runtime import DevRuntime

RUNTIME = DevRuntime(Overlay(DictBackend()))
EXTRA, IMPLICIT = extension_codecs(DevRuntime.extensions, RUNTIME.codecs)


def signed_transfer(genesis: bytes, nonce: int, sender: Keypair | None = None, value: int = 10**12) -> bytes:
    """An immortal transfer from `sender` (//Alice) to //Bob, signed."""
    pair = sender or dev_keypair("Alice")
    call = RUNTIME.encode_call(
        RUNTIME.call("Balances", "transfer_keep_alive", dest=dev_keypair("Bob").account_id, value=value)
    )
    extra = EXTRA.encode((None, None, None, None, IMMORTAL, nonce, None, 0, MetadataHashMode.Disabled))
    version = DevRuntime.version
    implicit = IMPLICIT.encode((version.spec_version, version.transaction_version, genesis, genesis, None))
    signature = Sr25519(pair.sign(signing_payload(call, extra, implicit)))
    return signed_extrinsic(pair.account_id, signature, extra, call)
