"""`author_*` of the node's keys: for its operator alone. Mirrors `sc_rpc::author`, with its codes."""

from __future__ import annotations

from typing import Any

from node.keys.keystore import InvalidKeyType, InvalidPublicKey, KeystoreError
from node.keys.session import generate_session_keys
from node.rpc.context import Context, to_hex
from node.rpc.errors import OTHER_AUTHOR_ERROR, RpcError
from node.rpc.registry import Hex, method
from pallets.primitives.codec import codec_of
from pallets.session import KeyTypeId

DECODED_KEYS = codec_of(list[tuple[bytes, KeyTypeId]] | None)
OPAQUE = codec_of(bytes)


@method(unsafe=True)
def author_insertKey(node: Context, key_type: str, suri: str, public_key: Hex) -> None:
    """Keeps a key in the keystore, which the node works with when it is started next."""
    try:
        node.keystore.insert(key_type, suri, public_key)
    except KeystoreError as error:
        raise _told(error) from None


@method(unsafe=True)
def author_rotateKeys(node: Context) -> str:
    """Makes new session keys; their public ones, for `Session.set_keys`."""
    try:
        return to_hex(generate_session_keys(node.keystore, node.random_bytes))
    except KeystoreError as error:
        raise _told(error) from None


@method(unsafe=True)
def author_hasKey(node: Context, public_key: Hex, key_type: str) -> bool:
    """Whether the keystore has a key."""
    return _has(node, key_type, public_key)


@method(unsafe=True)
def author_hasSessionKeys(node: Context, session_keys: Hex) -> bool:
    """Whether the keystore has all of these session keys."""
    keys = DECODED_KEYS.decode_all(node.call(None, "SessionKeys_decode_session_keys", OPAQUE.encode(session_keys)))
    if keys is None:
        raise RpcError(OTHER_AUTHOR_ERROR, "Session keys are not encoded correctly")
    return all(_has(node, key_type.decode(), public) for public, key_type in keys)


def _has(node: Context, key_type: str, public: bytes) -> bool:
    try:
        return node.keystore.has(key_type, public)
    except InvalidPublicKey:
        return False
    except KeystoreError as error:
        raise _told(error) from None


def _told(error: KeystoreError) -> RpcError:
    data: Any = str(error)
    if isinstance(error, InvalidKeyType):
        return RpcError(OTHER_AUTHOR_ERROR, "Invalid key type ID format (should be of length four)", data)
    return RpcError(OTHER_AUTHOR_ERROR, "The key store is unavailable", data)
