"""Judged by known keys of polkadot.js and Moonbeam, the examples of BIP-32 and EIP-55, and py-substrate-interface."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from substrateinterface import Keypair as JudgeKeypair
from substrateinterface import KeypairType

from pallets.primitives import ethereum
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.suri import DEV_PHRASE, InvalidPath, InvalidPhrase
from tests.pallets.primitives.crypto_vectors import rows, unhex


def test_known_uris() -> None:
    known = [row for row in rows("suri_derivation") if row["scheme"] == "ethereum"]
    assert known
    for row in known:
        keypair = Keypair.from_suri(row["uri"], Scheme.ETHEREUM)
        assert keypair.public == unhex(row["pk"])
        assert ethereum.checksum_address(keypair.account_id) == row["ss"]


def test_moonbeam_dev_accounts() -> None:
    known = [row for row in rows("dev_keys") if row["scheme"] == "ethereum"]
    assert [row["name"] for row in known] == ["Alith", "Baltathar", "Charleth", "Dorothy", "Ethan", "Faith"]
    for index, row in enumerate(known):
        keypair = Keypair.from_suri(f"/m/44'/60'/0'/0/{index}", Scheme.ETHEREUM)
        assert keypair.secret == unhex(row["secret"])
        assert keypair.public == unhex(row["public"])
        assert Keypair.from_seed(unhex(row["secret"]), Scheme.ETHEREUM) == keypair


@pytest.mark.parametrize(
    ("path", "chain_code", "secret"),  # test vector 1 of BIP-32
    [
        (
            "",
            "873dff81c02f525623fd1fe5167eac3a55a049de3d314bb42ee227ffed37d508",
            "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35",
        ),
        (
            "0'",
            "47fdacbd0f1097043b78c63c20c34ef4ed9a111d980047ad16282c7ae6236141",
            "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea",
        ),
        (
            "0'/1",
            "2a7857631386ba23dacac34180dd1983734e444fdbf774041578e9b6adb37c19",
            "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368",
        ),
        (
            "0'/1/2'",
            "04466b9cc8e161e966409ca52986c584f07e9dc81f735db683c3ff6ec7b1503f",
            "cbce0d719ecf7431d88e6a89fa1483e02e35092af60c042b1df2ff59fa424dca",
        ),
    ],
)
def test_bip32_vectors(path: str, chain_code: str, secret: str) -> None:
    digest = hmac.digest(b"Bitcoin seed", bytes.fromhex("000102030405060708090a0b0c0d0e0f"), "sha512")
    for part in filter(None, path.split("/")):
        index = int(part.removesuffix("'")) | (1 << 31 if part.endswith("'") else 0)
        digest = ethereum._child(digest[:32], digest[32:], index)
    assert digest.hex() == secret + chain_code


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, (1 << 31) - 1), st.booleans()), min_size=1, max_size=4),
    st.text("abcXYZ 0129", max_size=12),
)
def test_agrees_with_substrate_interface(path: list[tuple[int, bool]], password: str) -> None:
    suri = DEV_PHRASE + "/m" + "".join(f"/{index}" + "'" * hardened for index, hardened in path)
    suri += f"///{password}" if password else ""
    keypair = Keypair.from_suri(suri, Scheme.ETHEREUM)
    judge = JudgeKeypair.create_from_uri(suri, crypto_type=KeypairType.ECDSA)
    assert keypair.secret == judge.private_key
    assert keypair.account_id == judge.public_key
    assert ethereum.checksum_address(keypair.account_id) == judge.ss58_address
    assert judge.verify(b"message", keypair.sign(b"message"))


@pytest.mark.parametrize(
    "address",  # the examples of EIP-55
    [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_checksum_addresses(address: str) -> None:
    assert ethereum.checksum_address(unhex(address)) == address


def test_the_master_key_without_a_path() -> None:
    # polkadot.js: hdEthereum(seed, '') is the master key, and so is /m
    assert Keypair.from_mnemonic(DEV_PHRASE, scheme=Scheme.ETHEREUM) == Keypair.from_suri("", Scheme.ETHEREUM)
    assert Keypair.from_suri("/m", Scheme.ETHEREUM) == Keypair.from_suri("", Scheme.ETHEREUM)


@pytest.mark.parametrize(
    "path", ["//m/0", "/n/0", "/m/x", "/m//0", "/m/0''", "/m/-1", "/m/2147483648", "/m/٣", "/44'/60'", "/m/99999999999"]
)
def test_paths_that_bip32_does_not_have(path: str) -> None:
    with pytest.raises(InvalidPath):
        Keypair.from_suri(DEV_PHRASE + path, Scheme.ETHEREUM)


def test_a_seed_derives_no_further() -> None:
    with pytest.raises(InvalidPath, match="no further"):
        Keypair.from_suri("0x" + "11" * 32 + "/m/0", Scheme.ETHEREUM)


def test_phrases_that_are_none() -> None:
    for phrase in ("foo bar baz", DEV_PHRASE + " walk", DEV_PHRASE.replace("walk", "drive")):
        with pytest.raises(InvalidPhrase):
            Keypair.from_suri(phrase + "/m/0", Scheme.ETHEREUM)


@pytest.mark.parametrize("public", [b"", bytes(33), b"\2" + b"\xff" * 32, bytes(20), bytes(65)])
def test_no_address_of_what_is_no_public_key(public: bytes) -> None:
    with pytest.raises(ValueError, match="public key"):
        ethereum.address(public)
