"""Signatures are verified once, and only what verified is remembered."""

from __future__ import annotations

import pytest
from substrateinterface import Keypair

from node import verifier
from node.verifier import RememberingVerifier
from pallets.primitives.extrinsic import MultiSignature, Sr25519, verify_signature

ALICE, BOB = Keypair.create_from_uri("//Alice"), Keypair.create_from_uri("//Bob")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The payloads that were really verified."""
    payloads: list[bytes] = []

    def counting(signature: MultiSignature, payload: bytes, signer: bytes) -> bool:
        payloads.append(payload)
        return verify_signature(signature, payload, signer)

    monkeypatch.setattr(verifier, "verify_signature", counting)
    return payloads


def test_a_good_signature_is_verified_once(asked: list[bytes]) -> None:
    verify, signature = RememberingVerifier(), Sr25519(ALICE.sign(b"payload"))
    assert [verify(signature, b"payload", ALICE.public_key) for _ in range(3)] == [True] * 3
    assert asked == [b"payload"]


def test_what_differs_in_anything_is_another_signature(asked: list[bytes]) -> None:
    verify, signature = RememberingVerifier(), Sr25519(ALICE.sign(b"payload"))
    assert verify(signature, b"payload", ALICE.public_key)
    assert not verify(signature, b"payloae", ALICE.public_key)
    assert not verify(signature, b"payload", BOB.public_key)
    assert not verify(
        Sr25519(bytes([signature.signature[0] ^ 1]) + signature.signature[1:]), b"payload", ALICE.public_key
    )
    assert len(asked) == 4


def test_failures_are_not_remembered(asked: list[bytes]) -> None:
    verify = RememberingVerifier()
    assert [verify(Sr25519(bytes(64)), b"payload", ALICE.public_key) for _ in range(3)] == [False] * 3
    assert len(asked) == 3


def test_the_memory_is_bounded_and_forgets_the_oldest(asked: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "REMEMBERED", 2)
    verify = RememberingVerifier()
    signed = {payload: Sr25519(ALICE.sign(payload)) for payload in (b"a", b"b", b"c")}
    for payload in (b"a", b"b", b"c", b"c", b"b", b"a"):
        assert verify(signed[payload], payload, ALICE.public_key)
    assert asked == [b"a", b"b", b"c", b"a"]
