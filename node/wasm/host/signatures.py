"""The part of `ext_crypto_*` that judges signatures. Mirrors `sp_io::crypto`, `sp_core::{sr25519, ed25519, ecdsa}`.

A signature that is none is refused, never an error. Functions of version 1 judge as their libraries did: signatures of
sr25519 from before schnorrkel 0.8 are good (`preaudit`), and ECDSA's numbers are reduced by the group's order.

On a fork that mocks signatures, `0xdeadbeef` followed by `0xcd` up to the length of a signature is anybody's.
"""

from __future__ import annotations

from node.wasm.call import Call
from node.wasm.errors import HostFailure
from node.wasm.host.declaration import (
    U32,
    Bytes32,
    Bytes33,
    Bytes64,
    Bytes65,
    NewSlice,
    Slice,
    host_function,
)
from node.wasm.host.preaudit import verify_preaudit
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import verify_ed25519, verify_sr25519

MOCK_START, MOCK_FILL = bytes.fromhex("deadbeef"), b"\xcd"

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BAD_RS, BAD_V, BAD_SIGNATURE = b"\1\0", b"\1\1", b"\1\2"
"""`Err(EcdsaVerifyError)`."""


@host_function
def ext_crypto_ed25519_verify_version_1(call: Call, signature: Bytes64, message: Slice, public: Bytes32) -> U32:
    return _is_mock(call, signature) or verify_ed25519(signature, message, public)


@host_function
def ext_crypto_sr25519_verify_version_1(call: Call, signature: Bytes64, message: Slice, public: Bytes32) -> U32:
    return _is_mock(call, signature) or verify_preaudit(signature, message, public)


@host_function
def ext_crypto_sr25519_verify_version_2(call: Call, signature: Bytes64, message: Slice, public: Bytes32) -> U32:
    return _is_mock(call, signature) or verify_sr25519(signature, message, public)


@host_function
def ext_crypto_ecdsa_verify_version_1(call: Call, signature: Bytes65, message: Slice, public: Bytes33) -> U32:
    return _is_mock(call, signature) or _ecdsa_signed(signature, blake2_256(message), public, overflowing=True)


@host_function
def ext_crypto_ecdsa_verify_version_2(call: Call, signature: Bytes65, message: Slice, public: Bytes33) -> U32:
    return _is_mock(call, signature) or _ecdsa_signed(signature, blake2_256(message), public, overflowing=False)


@host_function
def ext_crypto_ecdsa_verify_prehashed_version_1(
    call: Call, signature: Bytes65, digest: Bytes32, public: Bytes33
) -> U32:
    return _is_mock(call, signature) or _ecdsa_signed(signature, digest, public, overflowing=False)


@host_function
def ext_crypto_secp256k1_ecdsa_recover_version_1(call: Call, signature: Bytes65, digest: Bytes32) -> NewSlice:
    return _recovered(signature, digest, overflowing=True, compressed=False)


@host_function
def ext_crypto_secp256k1_ecdsa_recover_version_2(call: Call, signature: Bytes65, digest: Bytes32) -> NewSlice:
    return _recovered(signature, digest, overflowing=False, compressed=False)


@host_function
def ext_crypto_secp256k1_ecdsa_recover_compressed_version_1(
    call: Call, signature: Bytes65, digest: Bytes32
) -> NewSlice:
    return _recovered(signature, digest, overflowing=True, compressed=True)


@host_function
def ext_crypto_secp256k1_ecdsa_recover_compressed_version_2(
    call: Call, signature: Bytes65, digest: Bytes32
) -> NewSlice:
    return _recovered(signature, digest, overflowing=False, compressed=True)


# A batch's signatures are judged at once, and what is wrong with one shows at the end.


@host_function
def ext_crypto_start_batch_verify_version_1(call: Call) -> None:
    if call.batch is not None:
        raise HostFailure("the runtime starts a batch of signatures inside another")
    call.batch = True


@host_function
def ext_crypto_finish_batch_verify_version_1(call: Call) -> U32:
    if call.batch is None:
        raise HostFailure("the runtime finishes a batch of signatures that it hasn't started")
    good, call.batch = call.batch, None
    return good


@host_function
def ext_crypto_ed25519_batch_verify_version_1(call: Call, signature: Bytes64, message: Slice, public: Bytes32) -> U32:
    return _batched(call, _is_mock(call, signature) or verify_ed25519(signature, message, public))


@host_function
def ext_crypto_sr25519_batch_verify_version_1(call: Call, signature: Bytes64, message: Slice, public: Bytes32) -> U32:
    return _batched(call, _is_mock(call, signature) or verify_sr25519(signature, message, public))


@host_function
def ext_crypto_ecdsa_batch_verify_version_1(call: Call, signature: Bytes65, message: Slice, public: Bytes33) -> U32:
    good = _is_mock(call, signature) or _ecdsa_signed(signature, blake2_256(message), public, overflowing=False)
    return _batched(call, good)


def _is_mock(call: Call, signature: bytes) -> bool:
    return call.around.mock_signatures and signature == MOCK_START + MOCK_FILL * (len(signature) - len(MOCK_START))


def _batched(call: Call, good: bool) -> bool:
    if call.batch is not None:
        call.batch = call.batch and good
    return good


def _ecdsa_signed(signature: bytes, digest: bytes, public: bytes, *, overflowing: bool) -> bool:
    """Whether the key made the signature, whose recovery number must be plain: Ethereum's are no keys' here."""
    if signature[64] > 3:
        return False
    return _recovered(signature, digest, overflowing=overflowing, compressed=True) == b"\0" + public


def _recovered(signature: bytes, digest: bytes, *, overflowing: bool, compressed: bool) -> bytes:
    """`Result` of the public key that made a signature over a digest."""
    from coincurve import PublicKey  # see `pallets.primitives.keys`

    recovery = signature[64] - 27 if signature[64] > 26 else signature[64]
    if recovery > 3:
        return BAD_V
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    if not overflowing and (r >= SECP256K1_ORDER or s >= SECP256K1_ORDER):
        return BAD_RS
    numbers = (r % SECP256K1_ORDER).to_bytes(32, "big") + (s % SECP256K1_ORDER).to_bytes(32, "big")
    try:
        key = PublicKey.from_signature_and_message(numbers + bytes((recovery,)), digest, hasher=None)
    except Exception:  # coincurve raises several kinds, and a bare one where no point is found
        return BAD_SIGNATURE
    return b"\0" + (key.format() if compressed else key.format(compressed=False)[1:])
