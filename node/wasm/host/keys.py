"""The keystore's part of `ext_crypto_*`: making keys, listing them, signing. Mirrors `sp_io::crypto`."""

from __future__ import annotations

from node.wasm.call import Call
from node.wasm.errors import BadArgument
from node.wasm.host.declaration import Bytes4, Bytes32, Bytes33, NewBytes, NewSlice, Slice, host_function
from node.wasm.host.scale import OPTIONAL_BYTES, decoded, optional_fixed
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.scale import compact
from pallets.primitives.suri import InvalidSecret


@host_function
def ext_crypto_sr25519_generate_version_1(call: Call, key_type: Bytes4, seed: Slice) -> NewBytes:
    return _generate(call, key_type, Scheme.SR25519, seed)


@host_function
def ext_crypto_ed25519_generate_version_1(call: Call, key_type: Bytes4, seed: Slice) -> NewBytes:
    return _generate(call, key_type, Scheme.ED25519, seed)


@host_function
def ext_crypto_ecdsa_generate_version_1(call: Call, key_type: Bytes4, seed: Slice) -> NewBytes:
    return _generate(call, key_type, Scheme.ECDSA, seed)


@host_function
def ext_crypto_sr25519_public_keys_version_1(call: Call, key_type: Bytes4) -> NewSlice:
    return _public_keys(call, key_type, Scheme.SR25519)


@host_function
def ext_crypto_ed25519_public_keys_version_1(call: Call, key_type: Bytes4) -> NewSlice:
    return _public_keys(call, key_type, Scheme.ED25519)


@host_function
def ext_crypto_ecdsa_public_keys_version_1(call: Call, key_type: Bytes4) -> NewSlice:
    return _public_keys(call, key_type, Scheme.ECDSA)


@host_function
def ext_crypto_sr25519_sign_version_1(call: Call, key_type: Bytes4, public: Bytes32, message: Slice) -> NewSlice:
    pair = call.around.keystore.find(key_type, Scheme.SR25519, public)
    return optional_fixed(None if pair is None else pair.sign(message))


@host_function
def ext_crypto_ed25519_sign_version_1(call: Call, key_type: Bytes4, public: Bytes32, message: Slice) -> NewSlice:
    pair = call.around.keystore.find(key_type, Scheme.ED25519, public)
    return optional_fixed(None if pair is None else pair.sign(message))


@host_function
def ext_crypto_ecdsa_sign_version_1(call: Call, key_type: Bytes4, public: Bytes33, message: Slice) -> NewSlice:
    pair = call.around.keystore.find(key_type, Scheme.ECDSA, public)
    return optional_fixed(None if pair is None else pair.sign(message))


@host_function
def ext_crypto_ecdsa_sign_prehashed_version_1(
    call: Call, key_type: Bytes4, public: Bytes33, digest: Bytes32
) -> NewSlice:
    from coincurve import PrivateKey  # see `pallets.primitives.keys`

    pair = call.around.keystore.find(key_type, Scheme.ECDSA, public)
    return optional_fixed(None if pair is None else PrivateKey(pair.secret).sign_recoverable(digest, hasher=None))


def _generate(call: Call, key_type: bytes, scheme: Scheme, seed: bytes) -> bytes:
    """A key of a secret URI, or of the world's randomness."""
    given = decoded(OPTIONAL_BYTES, seed, "a seed")
    try:
        suri = f"0x{call.around.outside.random_seed().hex()}" if given is None else given.decode()
        return call.around.keystore.add(key_type, Keypair.from_suri(suri, scheme))
    except (UnicodeDecodeError, InvalidSecret) as error:
        raise BadArgument(f"the runtime passed a seed that is no secret URI of {scheme}: {error}") from None


def _public_keys(call: Call, key_type: bytes, scheme: Scheme) -> bytes:
    keys = call.around.keystore.public_keys(key_type, scheme)
    return compact(len(keys)) + b"".join(keys)
