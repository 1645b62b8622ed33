"""`fathom key …`, `sign`, `verify` and `vanity`, judged by what subkey prints and by py-substrate-interface."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from bip39 import bip39_to_mini_secret
from substrateinterface import Keypair as Judge
from substrateinterface import KeypairType

from tests.node.commands.conftest import Fathom

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
ALICE_HEX = "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
PHRASE = "caution juice atom organ advance problem want pledge someone senior holiday very"
"""Of subkey's own documentation, like what stands below of it."""
DOCUMENTED = f"""\
Secret phrase:       {PHRASE}
  Network ID:        substrate
  Secret seed:       0xc8fa03532fb22ee1f7f6908b9c02b4e72483f0dbd66e4cd456b8f34c6230b849
  Public key (hex):  0xd6a3105d6768e956e9e5d41050ac29843f98561410d3a47f9dd5b3b227ab8746
  Account ID:        0xd6a3105d6768e956e9e5d41050ac29843f98561410d3a47f9dd5b3b227ab8746
  Public key (SS58): 5Gv8YYFu8H1btvmrJy9FjjAWfb99wrhV3uhPFoNEr918utyR
  SS58 Address:      5Gv8YYFu8H1btvmrJy9FjjAWfb99wrhV3uhPFoNEr918utyR"""


# Looking at keys


def test_what_subkey_documents(fathom: Fathom) -> None:
    assert fathom("key", "inspect", PHRASE).good == DOCUMENTED
    assert fathom("key", "inspect", "//Alice").good == (
        "Secret Key URI `//Alice` is account:\n"
        "  Network ID:        substrate\n"
        "  Secret seed:       0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a\n"
        f"  Public key (hex):  {ALICE_HEX}\n"
        f"  Account ID:        {ALICE_HEX}\n"
        f"  Public key (SS58): {ALICE}\n"
        f"  SS58 Address:      {ALICE}"
    )
    assert fathom("key", "inspect", "--scheme", "Ecdsa", "--output-type", "json", "//Alice").good == json.dumps(
        {
            "accountId": "0x01e552298e47454041ea31273b4b630c64c104e4514aa3643490b8aaca9cf8ed",
            "networkId": "substrate",
            "publicKey": "0x020a1091341fe5664bfa1782d5e04779689068c916b04cb365ec3153755684d9a1",
            "secretKeyUri": "//Alice",
            "secretSeed": "0xcb6df9de1efca7a3998a8ead4e02159d5fa99c3e0d4fd6432667390bb4726854",
            "ss58Address": "5C7C2Z5sWbytvHpuLTvzKunnnRwQxft1jiqrLD5rhucQ5S9X",
            "ss58PublicKey": "KW39r9CJjAVzmkf9zQ4YDb2hqfAVGdRqn53eRqyruqpxAP5YL",
        },
        indent=2,
    )
    assert fathom("key", "inspect", "--network", "polkadot", ALICE).good == (
        f"Public Key URI `{ALICE}` is account:\n"
        "  Network ID/Version: polkadot\n"
        f"  Public key (hex):   {ALICE_HEX}\n"
        f"  Account ID:         {ALICE_HEX}\n"
        "  Public key (SS58):  15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5\n"
        "  SS58 Address:       15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"
    )
    public = fathom("key", "inspect", "--public", ALICE_HEX[2:], "-n", "2").good
    assert public.startswith(f"Network ID/Version: kusama\n  Public key (hex):   {ALICE_HEX}\n  Account ID:  ")
    assert public.endswith("  SS58 Address:       HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F")


@pytest.mark.parametrize("path", ["", "//hard//1", "//a//" + "long" * 20, "/soft", "//hard/soft"])
def test_derived_keys_are_those_of_other_tools(fathom: Fathom, path: str) -> None:
    told = json.loads(fathom("key", "inspect", "--output-type", "json", PHRASE + path).good)
    assert told["ss58Address"] == Judge.create_from_uri(PHRASE + path).ss58_address
    assert (told["secretSeed"] == "n/a") is ("/soft" in path)
    if "/soft" not in path:
        assert Judge.create_from_seed(told["secretSeed"]).ss58_address == told["ss58Address"]
    for scheme in ("ed25519", "ecdsa"):
        done = fathom("key", "inspect", "--scheme", scheme, "--output-type", "json", PHRASE + path)
        if "/soft" in path:
            assert done.error == "Invalid phrase/URI given"
            continue
        seed, public = (json.loads(done.good)[key] for key in ("secretSeed", "publicKey"))
        assert public in fathom("key", "inspect", "--scheme", scheme, seed).good


def test_a_password_makes_another_account(fathom: Fathom, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("quiet\n")
    (tmp_path / "phrase").write_text(f"{PHRASE}\n")
    plain = fathom("key", "inspect", PHRASE, "--password", "quiet").good
    assert plain != DOCUMENTED
    assert Judge.create_from_seed(bip39_to_mini_secret(PHRASE, "quiet", "en")).ss58_address in plain
    assert fathom("key", "inspect", tmp_path / "phrase", "--password-filename", tmp_path / "password").good == plain
    assert fathom("key", "inspect", stdin=PHRASE.encode() + b"\n").good == DOCUMENTED
    both = fathom("key", "inspect", PHRASE, "--password", "a", "--password-filename", tmp_path / "password")
    assert "exclude each other" in both.error


@pytest.mark.parametrize(
    ("uri", "expected", "matches"),
    [
        (PHRASE, "5Gv8YYFu8H1btvmrJy9FjjAWfb99wrhV3uhPFoNEr918utyR", True),
        (f"{PHRASE}//hard/soft", "0xd6a3105d6768e956e9e5d41050ac29843f98561410d3a47f9dd5b3b227ab8746", True),
        (f"{PHRASE}///quiet", "5Gv8YYFu8H1btvmrJy9FjjAWfb99wrhV3uhPFoNEr918utyR", False),
        (PHRASE, ALICE, False),
    ],
)
def test_the_public_key_that_is_expected(fathom: Fathom, uri: str, expected: str, matches: bool) -> None:
    done = fathom("key", "inspect", uri, "--expect-public", expected)
    if matches:
        assert expected in done.good or "//hard" in uri
    else:
        assert done.error == f"Expected public ({expected}) key does not match."


@pytest.mark.parametrize("words", [12, 15, 18, 21, 24])
def test_a_generated_key_is_the_key_of_its_phrase(fathom: Fathom, words: int) -> None:
    told = json.loads(fathom("key", "generate", "-w", words, "--output-type", "json", "-n", "phala").good)
    assert len(told["secretPhrase"].split()) == words
    assert Judge.create_from_mnemonic(told["secretPhrase"], ss58_format=30).ss58_address == told["ss58Address"]
    assert fathom("key", "generate").good != fathom("key", "generate").good


# Signatures


def test_signatures_that_substrate_has_made(fathom: Fathom) -> None:
    plain = (
        "0x4eb25a2285a82374888880af0024eb30c3a21ce086eae3862888d345af607f0ad6fb081312f11730932564f24a9f8ebcee2d46861413ae"
        "61307eca58db2c3e81"
    )
    of_hex = (
        "0x026342225155056ea797118c1c8c8b3cc002aa2020c36f4217fa3c302783a572ad3dcd38c231cbaf86cadb93984d329c963ceac0685cc1"
        "ee4c1ed50fa443a68f"
    )
    good = "Signature verifies correctly."
    assert fathom("verify", plain, ALICE, "--message", "test message").good == good
    assert fathom("verify", plain[2:], ALICE_HEX, stdin=b"test message").good == good
    for message in ("0xaabbcc", "aabbcc", "0xaABBcC"):
        assert fathom("verify", of_hex, "//Alice", "--hex", "--message", message).good == good
    assert fathom("verify", of_hex, ALICE, "--hex", stdin=b"0xaabbcc\n").good == good
    assert fathom("verify", of_hex, ALICE, "--message", "test message").error == "Signature verification failed"


@pytest.mark.parametrize("scheme", ["sr25519", "ed25519", "ecdsa"])
def test_what_is_signed_is_verified_by_others(fathom: Fathom, scheme: str) -> None:
    told = json.loads(fathom("key", "inspect", "--scheme", scheme, "--output-type", "json", "//Bob").good)
    signature = fathom("sign", "--suri", "//Bob", "--scheme", scheme, "--hex", "--message", "0x00ff").good
    if scheme != "ecdsa":  # which is Ethereum's there
        kind = KeypairType.SR25519 if scheme == "sr25519" else KeypairType.ED25519
        assert Judge(public_key=told["publicKey"], crypto_type=kind, ss58_format=42).verify(b"\x00\xff", signature)
    for signer in (told["publicKey"], told["ss58Address"], told["ss58PublicKey"], "//Bob"):
        done = fathom("verify", signature, signer, "--scheme", scheme, stdin=b"\x00\xff")
        assert done.good == "Signature verifies correctly."


# Keystores, node keys and addresses that spell something


def test_a_key_is_inserted_into_the_keystore_of_a_chain(fathom: Fathom, tmp_path: Path) -> None:
    phrase = tmp_path / "phrase"
    phrase.write_text(PHRASE)
    arguments = ("key", "insert", "--key-type", "aura", "--scheme", "sr25519", "--suri", phrase)
    assert fathom(*arguments, "--base-path", tmp_path / "base").good == ""
    [file] = (tmp_path / "base" / "chains" / "fathom_dev" / "keystore").iterdir()
    assert file.name == "61757261d6a3105d6768e956e9e5d41050ac29843f98561410d3a47f9dd5b3b227ab8746"
    assert json.loads(file.read_text()) == PHRASE
    assert fathom(*arguments, "--keystore-path", tmp_path / "keys", "--password", "quiet").good == ""
    public = Judge.create_from_seed(bip39_to_mini_secret(PHRASE, "quiet", "en")).public_key
    assert os.listdir(tmp_path / "keys") == [f"61757261{public.hex()}"]
    assert "--base-path" in fathom(*arguments).error


def test_the_peer_id_of_a_node_key(fathom: Fathom, tmp_path: Path) -> None:
    first = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"  # of the key that all tutorials begin with
    assert fathom("key", "inspect-node-key", stdin=b"0" * 63 + b"1\n").good == first
    assert fathom("key", "inspect-node-key", "--bin", stdin=bytes(31) + b"\x01").good == first
    made = fathom("key", "generate-node-key")
    assert fathom("key", "inspect-node-key", stdin=made.out.encode()).good == made.err.strip()
    base = ("key", "generate-node-key", "--base-path", tmp_path)
    assert fathom(*base).code == 0
    file = tmp_path / "chains" / "fathom_dev" / "network" / "secret_ed25519"
    assert len(file.read_text()) == 64 and file.stat().st_mode & 0o777 == 0o600
    assert fathom(*base).error == f"a key already exists in {file}"
    assert "64 hex digits" in fathom("key", "inspect-node-key", stdin=b"xyz").error
    assert "32 bytes" in fathom("key", "inspect-node-key", "--bin", stdin=b"xyz").error


def test_a_vanity_address(fathom: Fathom) -> None:
    done = fathom("vanity", "--pattern", "j", "--network", "polkadot", "--output-type", "json")
    told = json.loads(done.out)
    assert "j" in told["ss58Address"]
    assert Judge.create_from_seed(told["secretSeed"], ss58_format=0).ss58_address == told["ss58Address"]
    assert done.err.startswith("Generating key containing pattern 'j'\n")
    assert "no address shows this pattern" in fathom("vanity", "--pattern", "l0l").error


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("key generate --words 13", "must be 12/15/18/21/24"),
        ("key generate --scheme rsa", "--scheme takes sr25519, ed25519, ecdsa, not 'rsa'"),
        ("key generate --network atlantis", "'atlantis' is no network"),
        ("key generate --network 46", "'46' is no network"),
        ("key generate --output-type yaml", "--output-type takes text or json"),
        ("key inspect bottom", "Invalid phrase/URI given"),
        ("key inspect --public 0x1234", "Failed to construct public key from given hex"),
        (f"key inspect --public {ALICE_HEX} --expect-public {ALICE}", "exclude each other"),
        ("key insert --key-type auras --scheme sr25519 --suri //Alice --keystore-path unused", "four ASCII characters"),
        ("key insert --key-type aura --scheme sr25519 --suri bottom --keystore-path unused", "not a BIP-39|no BIP-39"),
        ("sign --suri bottom --message x", "Invalid phrase"),
        (f"verify 0x12 {ALICE} --message x", "Signature is an invalid format"),
        (f"verify {'00' * 64} nobody --message x", "Key is an invalid format"),
        (f"verify {'00' * 64} {ALICE} --hex --message xyz", "the message is not hex"),
        ("vanity --pattern=", "Pattern must not be empty"),
    ],
)
def test_what_is_refused(fathom: Fathom, arguments: str, reason: str) -> None:
    error = fathom(*arguments.split()).error
    assert any(each in error for each in reason.split("|")), error
    assert "bottom" not in error and "drive" not in error
