"""Judged by key files that polkadot.js and its users wrote; each kind of damage is refused by name."""

from __future__ import annotations

import base64
import json
from hashlib import scrypt
from typing import Any

import pytest
import sr25519
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.secret import SecretBox
from substrateinterface import Keypair as JudgeKeypair

from pallets.primitives import ss58
from pallets.primitives.key_file import (
    MAX_KEY_FILE_BYTES,
    KeyFileError,
    KeyFileMismatch,
    MalformedKeyFile,
    UnsupportedKeyFile,
    WrongPassword,
    decode_key_file,
)
from pallets.primitives.keys import Keypair, Scheme, dev_keypair
from tests.vectors import vector

# the passwords stand in the tests that the files are from; the second file's is not published
PASSWORDS = ["testing", None, "testing", "password", "1", "versionTwo", "version3", "version3", "test", "test"]
SCHEMES = ["ed25519", None, "ecdsa", "ethereum", *["sr25519"] * 5, "ed25519"]

HEADER = bytes.fromhex("3053020101300506032b657004220420")
DIVIDER = bytes.fromhex("a123032100")


def keystores() -> list[dict[str, Any]]:
    found = [row["keystore"] for row in json.loads(vector("crypto/keystores.json").read_text())["rows"]]
    assert len(found) == len(PASSWORDS)
    return found


def alice_document(**changes: object) -> str:
    """An unencrypted file of //Alice, changed."""
    alice = dev_keypair("Alice")
    plain = HEADER + sr25519.convert_secret_key_to_ed25519(alice.secret) + DIVIDER + alice.public
    document: dict[str, object] = {
        "address": ss58.encode(alice.public),
        "encoded": "0x" + plain.hex(),
        "encoding": {"content": ["pkcs8", "sr25519"], "type": ["none"], "version": "3"},
        "meta": {},
    }
    return json.dumps(document | changes)


def encrypted_document(plain: bytes, key: bytes, types: list[str], head: bytes = b"") -> str:
    box = SecretBox(key).encrypt(plain, bytes(24))
    encoding = {"content": ["pkcs8", "sr25519"], "type": types, "version": "3"}
    return alice_document(encoded=base64.b64encode(head + box).decode(), encoding=encoding)


@pytest.mark.parametrize("index", [n for n, password in enumerate(PASSWORDS) if password is not None])
def test_known_key_files(index: int) -> None:
    document = keystores()[index]
    keypair = decode_key_file(json.dumps(document), PASSWORDS[index] or "")
    assert keypair.scheme == SCHEMES[index]
    address = document["address"]
    if address.startswith("0x"):
        assert address == "0x" + keypair.public.hex()
    else:
        assert ss58.decode(address).body == keypair.public
    with pytest.raises(WrongPassword):
        decode_key_file(json.dumps(document), "not the password")


def test_the_file_whose_password_is_not_published_is_read_up_to_its_box() -> None:
    with pytest.raises(WrongPassword, match="does not open"):
        decode_key_file(json.dumps(keystores()[1]), "testing")


def test_files_of_substrate_interface() -> None:
    judge = JudgeKeypair.create_from_uri("//Alice//stash")
    document = judge.export_to_encrypted_json(passphrase="pässword", name="stash")
    keypair = decode_key_file(json.dumps(document), "pässword")
    assert keypair == dev_keypair("Alice//stash")
    assert keypair.secret == judge.private_key


def test_the_known_files_open_to_the_same_keys_elsewhere() -> None:
    for index in (8, 9):
        judge = JudgeKeypair.create_from_encrypted_json(json.dumps(keystores()[index]), "test")
        keypair = decode_key_file(json.dumps(keystores()[index]), "test")
        assert (keypair.public, keypair.secret) == (judge.public_key, judge.private_key)


def test_the_oldest_file_is_alice_of_the_old_test_keyring() -> None:
    keypair = decode_key_file(json.dumps(keystores()[0]), "testing")
    assert keypair == Keypair.from_seed(b"Alice".ljust(32), Scheme.ED25519)


def test_an_unencrypted_file() -> None:
    assert decode_key_file(alice_document(), "") == dev_keypair("Alice")
    assert decode_key_file(alice_document().encode(), "") == dev_keypair("Alice")


def test_long_passwords_are_cut_only_without_scrypt() -> None:
    alice = dev_keypair("Alice")
    plain = HEADER + sr25519.convert_secret_key_to_ed25519(alice.secret) + DIVIDER + alice.public
    document = encrypted_document(plain, b"a" * 32, ["xsalsa20-poly1305"])
    assert decode_key_file(document, "a" * 40) == alice
    head = bytes(32) + b"".join(n.to_bytes(4, "little") for n in (1 << 14, 5, 8))
    key = scrypt(b"a" * 40, salt=bytes(32), n=1 << 14, r=8, p=5, maxmem=1 << 26, dklen=32)
    document = encrypted_document(plain, key, ["scrypt", "xsalsa20-poly1305"], head)
    assert decode_key_file(document, "a" * 40) == alice
    with pytest.raises(WrongPassword):
        decode_key_file(document, "a" * 32)


@pytest.mark.parametrize(
    "document",
    [
        "", "{", "[]", "null", "3", '"text"', "{}", '{"encoding": 3}', '{"encoding": []}', "[" * 30_000, "9" * 5_000,
        " " * (MAX_KEY_FILE_BYTES + 1), b"\xff\xfe{}",
    ],
)  # fmt: skip
def test_what_is_no_key_file(document: str | bytes) -> None:
    with pytest.raises(MalformedKeyFile):
        decode_key_file(document, "password")


@pytest.mark.parametrize(
    "changes",
    [
        {"encoded": None},
        {"encoded": 7},
        {"encoded": ""},
        {"encoded": "0x"},
        {"encoded": "0xabc"},
        {"encoded": "0xzz"},
        {"encoded": "a b="},
        {"encoded": "AAA"},
        {"encoded": "0x" + (HEADER + bytes(64)).hex()},
        {"encoded": "0x" + (bytes(16) + bytes(64) + DIVIDER + bytes(32)).hex()},
        {"address": 7},
        {"address": ""},
        {"address": "0x123"},
        {"address": "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ"},
        {"encoding": {"content": 7, "type": "none", "version": "3"}},
        {"encoding": {"content": ["pkcs8", "sr25519"], "type": [["none"]], "version": "3"}},
        {"encoding": {"content": ["pkcs8", "sr25519"], "version": "3"}},
        {"encoding": {"content": "pkcs8", "type": "xsalsa20-poly1305", "version": "2"}, "encoded": "0x" + "00" * 39},
        {"encoding": {"content": "pkcs8", "type": ["scrypt", "xsalsa20-poly1305"], "version": "3"}, "encoded": "0x00"},
    ],
)
def test_damaged_files(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedKeyFile):
        decode_key_file(alice_document(**changes), "password")


@pytest.mark.parametrize(
    "encoding",
    [
        {"content": ["pkcs8", "sr25519"], "type": ["none"]},
        {"content": ["pkcs8", "sr25519"], "type": ["none"], "version": "4"},
        {"content": ["pkcs8", "sr25519"], "type": ["none"], "version": 3},
        {"content": ["pkcs8", "ed448"], "type": ["none"], "version": "3"},
        {"content": ["batch-pkcs8", "sr25519"], "type": ["none"], "version": "3"},
        {"content": [], "type": ["none"], "version": "3"},
        {"content": ["pkcs8", "sr25519"], "type": ["aes"], "version": "3"},
        {"content": ["pkcs8", "sr25519"], "type": ["xsalsa20-poly1305", "scrypt"], "version": "3"},
        {"content": ["pkcs8", "sr25519"], "type": [], "version": "3"},
    ],
)
def test_other_formats(encoding: dict[str, object]) -> None:
    with pytest.raises(UnsupportedKeyFile):
        decode_key_file(alice_document(encoding=encoding), "password")


@pytest.mark.parametrize(("n", "p", "r"), [(1 << 30, 1, 8), (1 << 15, 1, 1 << 30), (1 << 15, 1 << 31, 8), (0, 0, 0)])
def test_a_file_does_not_choose_its_cost(n: int, p: int, r: int) -> None:
    data = bytes(32) + b"".join(x.to_bytes(4, "little") for x in (n, p, r)) + bytes(100)
    encoding = {"content": ["pkcs8", "sr25519"], "type": ["scrypt", "xsalsa20-poly1305"], "version": "3"}
    with pytest.raises(UnsupportedKeyFile, match=f"N={n}, r={r}, p={p}"):
        decode_key_file(alice_document(encoded="0x" + data.hex(), encoding=encoding), "password")


def test_files_put_together_from_two_accounts() -> None:
    alice, bob = dev_keypair("Alice"), dev_keypair("Bob")
    secret = sr25519.convert_secret_key_to_ed25519(alice.secret)
    with pytest.raises(KeyFileMismatch, match="public key"):
        decode_key_file(alice_document(encoded="0x" + (HEADER + secret + DIVIDER + bob.public).hex()), "")
    with pytest.raises(KeyFileMismatch, match="another account"):
        decode_key_file(alice_document(address=ss58.encode(bob.public)), "")
    encoding = {"content": ["pkcs8", "ed25519"], "type": ["none"], "version": "3"}
    with pytest.raises(KeyFileMismatch):
        decode_key_file(alice_document(encoding=encoding), "")
    with pytest.raises(KeyFileMismatch):
        decode_key_file(alice_document(encoded="0x" + (HEADER + b"\xff" * 64 + DIVIDER + bob.public).hex()), "")


def test_passwords_that_are_no_text() -> None:
    with pytest.raises(WrongPassword, match="Unicode"):
        decode_key_file(json.dumps(keystores()[0]), "\ud800")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_damage_to_a_box_is_found(at: int, change: int) -> None:
    document = keystores()[5]  # without scrypt, so that this is quick
    data = bytearray(bytes.fromhex(document["encoded"][2:]))
    data[at % len(data)] ^= change
    with pytest.raises(WrongPassword):
        decode_key_file(json.dumps(document | {"encoded": "0x" + data.hex()}), "versionTwo")


json_leaves = st.none() | st.integers() | st.text(max_size=5)
json_keys = st.sampled_from(["encoding", "encoded", "type", "content", "version", "address"])


@given(
    st.recursive(json_leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(json_keys, inner, max_size=6))
)
def test_any_json_is_refused_by_name(document: object) -> None:
    with pytest.raises(KeyFileError) as caught:
        decode_key_file(json.dumps(document), "password")
    assert str(caught.value)
