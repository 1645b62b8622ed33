"""CIDs of scripts, against those that `ipfs add` gives the same bytes."""

from __future__ import annotations

import pytest

from offchain.gateway.cid import BLAKE2B_256, DAG_PB, RAW, SHA2_256, Cid, InvalidCid, parse, sha2_cids
from pallets.primitives.hashing import blake2_256

KNOWN = [
    (b"hello world\n", "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"),
    (b"", "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
]


@pytest.mark.parametrize(("content", "text"), KNOWN)
def test_content_has_the_cid_that_ipfs_gives_it(content: bytes, text: str) -> None:
    assert parse(text) in sha2_cids(content)
    assert parse(text).text == text


def test_raw_content_has_its_sha2() -> None:
    digest = bytes.fromhex("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")
    assert Cid(RAW, SHA2_256, digest) in sha2_cids(b"hello world")


def test_a_cid_of_the_chains_own_hash_is_the_code_hash() -> None:
    hash = blake2_256(b"code")
    cid = Cid(RAW, BLAKE2B_256, hash)
    assert parse(cid.text).code_hash == hash
    assert Cid(RAW, SHA2_256, hash).code_hash is None and Cid(DAG_PB, BLAKE2B_256, hash).code_hash is None


def test_the_bases_say_the_same() -> None:
    cid = Cid(RAW, SHA2_256, bytes(range(32)))
    data = b"\x01\x55\x12\x20" + bytes(range(32))
    assert parse("f" + data.hex()) == parse(cid.text) == parse(cid.text.upper()) == cid


@pytest.mark.parametrize(
    "text",
    ["", "Qm", "local", "b", "bafk", "f0155", "f015512200102", "f0255" + "00" * 34, "z" * 500, "bé", "f01551120"],
)
def test_what_is_no_cid_is_refused(text: str) -> None:
    with pytest.raises(InvalidCid):
        parse(text)
