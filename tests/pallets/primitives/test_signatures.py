"""Signatures: judged by real chains, sp_core, polkadot.js, RFC 8032, ZIP-215, libsodium and eth_keys."""

from __future__ import annotations

import dataclasses
import json

import nacl.exceptions
import nacl.signing
import pytest
from eth_keys.datatypes import Signature
from hypothesis import given, settings
from hypothesis import strategies as st

from pallets.primitives import ss58
from pallets.primitives.hashing import blake2_256, keccak_256
from pallets.primitives.keys import (
    Keypair,
    Scheme,
    recover_ecdsa,
    verify_ecdsa,
    verify_ed25519,
    verify_ethereum,
    verify_sr25519,
)
from tests.pallets.primitives.crypto_vectors import SECP256K1_ORDER, SEED, literals, rows, unhex
from tests.vectors import vector


def verify(keypair: Keypair, signature: bytes, message: bytes) -> bool:
    match keypair.scheme:
        case Scheme.SR25519:
            return verify_sr25519(signature, message, keypair.public)
        case Scheme.ED25519:
            return verify_ed25519(signature, message, keypair.public)
        case Scheme.ECDSA:
            return verify_ecdsa(signature, message, keypair.public)
        case Scheme.ETHEREUM:
            return verify_ethereum(signature, message, keypair.account_id)


def test_signatures_of_real_chains() -> None:
    extrinsics = json.loads(vector("recorded/verified_signed_extrinsics.json").read_text())
    assert {extrinsic["chain"] for extrinsic in extrinsics} == {"polkadot", "kusama"}
    for extrinsic in extrinsics:
        signature, public = unhex(extrinsic["signature"]), unhex(extrinsic["signer_public"])
        payload = unhex(extrinsic["signing_payload"])
        assert verify_sr25519(signature, payload, public)
        assert not verify_sr25519(signature, payload + b"\0", public)
        assert not verify_ed25519(signature, payload, public)


def test_signatures_of_a_real_finality_proof() -> None:
    proof = json.loads(vector("recorded/grandpa_justification_polkadot_302592.json").read_text())
    data = unhex(proof["justification"])
    assert data[44] >> 2 == proof["precommits"] == 5
    for at in range(45, 45 + 5 * 132, 132):
        vote, signature, authority = data[at : at + 36], data[at + 36 : at + 100], data[at + 100 : at + 132]
        message = b"\1" + vote + proof["round"].to_bytes(8, "little") + proof["set_id"].to_bytes(8, "little")
        assert verify_ed25519(signature, message, authority)
        assert not verify_ed25519(signature, message[:-1] + b"\1", authority)


def test_signatures_before_schnorrkel_0_8_are_refused() -> None:
    # sp_core: verify_deprecated accepts it, verify does not
    [old] = [row for row in rows("sp_core_known") if "signature" in row]
    message = b"Verifying that I am the owner of 5G9hQLdsKQswNPgB499DeA5PkFBbgkLPJWkkS6FAM6xGQ8xD. Hash: 221455a3\n"
    assert ss58.decode_account("5G9hQLdsKQswNPgB499DeA5PkFBbgkLPJWkkS6FAM6xGQ8xD") == unhex(old["public"])
    signature = bytearray(unhex(old["signature"]))
    assert not verify_sr25519(bytes(signature), message, unhex(old["public"]))
    signature[63] |= 0x80  # even with the mark of the new format
    assert not verify_sr25519(bytes(signature), message, unhex(old["public"]))


def test_known_ed25519_signature() -> None:
    # polkadot-js/common, util-crypto/src/ed25519/sign.spec.ts
    signature = Keypair.from_seed(SEED, Scheme.ED25519).sign(b"abcd")
    assert signature.hex() == (
        "1c3aceeff9463bbfa628dbdaebaa194f0a5e09c5227e0196f6441cee241aaca3"
        "a85acad37ef639d42b1858c5f071764c25515b6eec32908664dfdcee22b9d307"
    )


@pytest.mark.parametrize(
    ("secret", "public", "message", "signature"),  # RFC 8032, section 7.1
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ],
)
def test_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    keypair = Keypair.from_seed(bytes.fromhex(secret), Scheme.ED25519)
    assert keypair.public.hex() == public
    assert keypair.sign(bytes.fromhex(message)).hex() == signature
    assert verify_ed25519(bytes.fromhex(signature), bytes.fromhex(message), keypair.public)


def test_known_ecdsa_signatures() -> None:
    secret, digest = (unhex(literal) for literal in literals("secp256k1_sign")["(header)"])
    keypair = Keypair.from_seed(secret, Scheme.ECDSA)
    [known] = literals("secp256k1_sign")["generates a known signature"]
    assert keypair.sign(digest) == unhex(known)
    verified = literals("secp256k1_verify")
    for signature in (verified["signature from JS"][0], verified["signature from wasm"][0]):  # high s, low s
        assert verify_ecdsa(unhex(signature), digest, keypair.public)
        assert verify_ecdsa(unhex(signature), digest, keypair.account_id)
        assert not verify_ecdsa(unhex(signature), digest + b"\0", keypair.public)
    assert unhex(verified["signature from JS"][0]) != unhex(verified["signature from wasm"][0])


def test_known_ethereum_signatures() -> None:
    signature, address = literals("secp256k1_verify")["validates known ETH against address"][:2]
    text = b"Pay KSMs to the Kusama account:88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee"
    message = b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text
    assert verify_ethereum(unhex(signature), message, unhex(address))
    assert not verify_ethereum(unhex(signature), message, bytes(20))
    assert not verify_ethereum(unhex(signature), text, unhex(address))
    compact, digest = (unhex(literal) for literal in literals("secp256k1_recover")["(header)"])
    public = recover_ecdsa(compact + b"\0", digest)
    assert public is not None
    [known] = literals("secp256k1_recover")["recovers a publicKey"]  # the Keccak of the compressed key
    assert keccak_256(public)[-20:] == unhex(known)


def test_recovery_ids() -> None:
    keypair = Keypair.from_seed(SEED, Scheme.ECDSA)
    signature = keypair.sign(b"message")
    digest = blake2_256(b"message")
    assert recover_ecdsa(signature, digest) == keypair.public
    ethereum_form = signature[:64] + bytes([signature[64] + 27])
    assert recover_ecdsa(ethereum_form, digest) == keypair.public
    assert verify_ecdsa(ethereum_form, b"message", keypair.account_id)  # as MultiSignature
    assert not verify_ecdsa(ethereum_form, b"message", keypair.public)  # as ecdsa::Pair
    for recovery in (signature[64] ^ 1, 4, 26, 31, 255):
        assert recover_ecdsa(signature[:64] + bytes([recovery]), digest) != keypair.public
    for r_or_s in (0, 32):  # zero and the group's order are no scalars
        for scalar in (0, SECP256K1_ORDER, (1 << 256) - 1):
            wrong = signature[:r_or_s] + scalar.to_bytes(32, "big") + signature[r_or_s + 32 :]
            assert recover_ecdsa(wrong, digest) is None
    assert recover_ecdsa(signature, digest[:-1]) is None
    assert recover_ecdsa(signature[:64], digest) is None


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(Scheme), st.binary(min_size=32, max_size=32).filter(any), st.binary(max_size=400), st.data())
def test_what_is_signed_verifies_and_nothing_else(
    scheme: Scheme, seed: bytes, message: bytes, data: st.DataObject
) -> None:
    if int.from_bytes(seed, "big") >= SECP256K1_ORDER:
        seed = bytes(31) + b"\1"
    keypair = Keypair.from_seed(seed, scheme)
    signature = keypair.sign(message)
    assert len(signature) == (64 if scheme in (Scheme.SR25519, Scheme.ED25519) else 65)
    assert verify(keypair, signature, message)
    assert (keypair.sign(message) == signature) == (scheme != Scheme.SR25519)
    bit = data.draw(st.integers(0, len(signature) * 8 - 1))
    flipped = (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(len(signature), "big")
    assert not verify(keypair, flipped, message)
    assert not verify(keypair, signature, message + b"\0")
    assert not verify(dataclasses.replace(keypair, secret=Keypair.from_seed(SEED, scheme).secret), signature, message)


def test_other_libraries_accept_the_signatures() -> None:
    ed25519 = Keypair.from_seed(SEED, Scheme.ED25519)
    nacl.signing.VerifyKey(ed25519.public).verify(b"message", ed25519.sign(b"message"))
    for scheme, hash_ in ((Scheme.ECDSA, blake2_256), (Scheme.ETHEREUM, keccak_256)):
        keypair = Keypair.from_seed(SEED, scheme)
        signature = Signature(keypair.sign(b"message"))
        public = signature.recover_public_key_from_msg_hash(hash_(b"message"))
        assert public.to_compressed_bytes() == keypair.public


@given(
    st.binary(max_size=70) | st.sampled_from([64, 65]).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    st.binary(max_size=40),
    st.binary(max_size=70)
    | st.sampled_from([20, 32, 33]).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
)
def test_garbage_is_false(signature: bytes, message: bytes, public: bytes) -> None:
    for verify_ in (verify_sr25519, verify_ed25519, verify_ecdsa, verify_ethereum):
        if verify_ is verify_ed25519 and not any(signature[32:]):
            continue  # small points with s = 0 are valid, as below
        assert verify_(signature, message, public) is False


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 63, 64, 65, 66, 128])
def test_wrong_lengths_are_false(scheme: Scheme, size: int) -> None:
    keypair = Keypair.from_seed(SEED, scheme)
    signature = keypair.sign(b"m")
    if size != len(signature):
        resized = (signature + bytes(128))[:size]
        assert verify(keypair, resized, b"m") is False
    for verify_ in (verify_sr25519, verify_ed25519, verify_ecdsa, verify_ethereum):
        if size != len(keypair.public):
            assert verify_(signature, b"m", (keypair.public + bytes(128))[:size]) is False


# the canonical and other encodings of the eight points of small order
SMALL_ORDER_POINTS = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


def test_zip_215_accepts_small_order_points() -> None:
    """Both sides of [8][s]B = [8]R + [8][k]A vanish: ZIP-215 accepts what libsodium refuses, and nodes must agree."""
    refused_by_libsodium = 0
    for public in map(bytes.fromhex, SMALL_ORDER_POINTS):
        for r in map(bytes.fromhex, SMALL_ORDER_POINTS):
            assert verify_ed25519(r + bytes(32), b"Zcash", public)
            assert not verify_ed25519(r + b"\1" + bytes(31), b"Zcash", public)
            try:
                nacl.signing.VerifyKey(public).verify(b"Zcash", r + bytes(32))
            except nacl.exceptions.BadSignatureError:
                refused_by_libsodium += 1
    assert refused_by_libsodium == 14 * 14


def test_zip_215_refuses_scalars_that_are_not_reduced() -> None:
    keypair = Keypair.from_seed(SEED, Scheme.ED25519)
    signature = keypair.sign(b"message")
    group_order = (1 << 252) + 27742317777372353535851937790883648493
    s = int.from_bytes(signature[32:], "little") + group_order
    assert not verify_ed25519(signature[:32] + s.to_bytes(32, "little"), b"message", keypair.public)
