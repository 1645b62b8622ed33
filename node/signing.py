"""Transactions of the dev chain, signed in this process: what `fathom dev` sends for its operator."""

from __future__ import annotations

from typing import Protocol

from pallets.frame.extensions import MetadataHashMode, extension_codecs
from pallets.frame.runtime import Call, Runtime
from pallets.primitives.extrinsic import IMMORTAL, Sr25519, signed_extrinsic, signing_payload


class Signer(Protocol):
    """Who signs as an account, by sr25519: a key pair, or what stands in for one."""

    @property
    def account_id(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


def sign_call(runtime: Runtime, call: Call, pair: Signer, nonce: int, genesis_hash: bytes) -> bytes:
    """The bytes of an immortal extrinsic without a tip, signed by an sr25519 pair for this runtime's extensions."""
    extra_codec, implicit_codec = extension_codecs(runtime.extensions, runtime.codecs)
    data = runtime.encode_call(call)
    extra = extra_codec.encode((None, None, None, None, IMMORTAL, nonce, None, 0, MetadataHashMode.Disabled))
    version = runtime.version
    implicit = implicit_codec.encode(
        (version.spec_version, version.transaction_version, genesis_hash, genesis_hash, None)
    )
    signature = Sr25519(pair.sign(signing_payload(data, extra, implicit)))
    return signed_extrinsic(pair.account_id, signature, extra, data)
