"""The keystore's files as Substrate has them, a node that authors with them, and every reason why a key is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from node.config import NodeConfig
from node.dev_spec import DEV_SPEC
from node.keys.keystore import (
    MAX_KEYS,
    MAX_URI_BYTES,
    InvalidKeyType,
    InvalidPublicKey,
    InvalidSecretUri,
    Keystore,
    KeystoreFull,
    PublicKeyMismatch,
    UnusableKeystore,
)
from node.service import Effects, RunningNode, StartError, run_node
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.suri import DEV_PHRASE
from tests.node.nodes import NOON, height

ALICE = bytes.fromhex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
ALICE_GRANDPA = bytes.fromhex("88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee")
AURA_FILE = "61757261d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
GRANDPA_FILE = "6772616e88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee"


def test_a_key_is_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "chains" / "dev" / "keystore"
    Keystore(path).insert("aura", "//Alice", ALICE)
    assert os.listdir(path) == [AURA_FILE]
    assert (path / AURA_FILE).read_text() == '"//Alice"'
    assert (path / AURA_FILE).stat().st_mode & 0o777 == 0o600
    again = Keystore(path)
    assert again.has("aura", ALICE) and not again.has("gran", ALICE) and not again.has("aura", ALICE_GRANDPA)
    assert (again.keys("aura"), again.keys("gran")) == ([ALICE], [])
    assert again.secret_uri("aura", ALICE) == "//Alice"
    assert again.secret_uri("gran", ALICE) is None and again.key_pair("gran", ALICE, Scheme.SR25519) is None
    pair = again.key_pair("aura", ALICE, Scheme.SR25519)
    assert pair is not None and pair.public == ALICE
    again.insert("aura", DEV_PHRASE + "//Alice", ALICE)  # replaces it
    assert os.listdir(path) == [AURA_FILE]
    assert Keystore(path).secret_uri("aura", ALICE) == DEV_PHRASE + "//Alice"


def test_files_of_a_real_node_are_read_whatever_lies_beside_them(tmp_path: Path) -> None:
    (tmp_path / GRANDPA_FILE).write_text(json.dumps("//Alice"))
    for name in ("README", GRANDPA_FILE.upper(), GRANDPA_FILE + ".partial", "6772616e", "61" * 100):
        (tmp_path / name).write_text("nothing")
    keystore = Keystore(tmp_path)
    assert keystore.keys("gran") == [ALICE_GRANDPA]
    pair = keystore.key_pair("gran", ALICE_GRANDPA, Scheme.ED25519)
    assert pair is not None and pair.public == ALICE_GRANDPA


def test_keys_of_development_and_those_without_a_path_leave_no_file(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keystore")
    assert keystore.insert_in_memory("gran", "//Alice", Scheme.ED25519).public == ALICE_GRANDPA
    assert keystore.keys("gran") == [ALICE_GRANDPA] and keystore.has("gran", ALICE_GRANDPA)
    assert os.listdir(tmp_path) == []
    in_memory = Keystore()
    in_memory.insert("aura", "//Alice", ALICE)
    assert in_memory.secret_uri("aura", ALICE) == "//Alice"
    assert "Alice" not in repr(in_memory) + repr(vars(in_memory).keys())


def test_a_password_belongs_to_each_key_and_is_in_no_file(tmp_path: Path) -> None:
    public = Keypair.from_suri(f"{DEV_PHRASE}///quiet").public
    Keystore(tmp_path, "quiet").insert("aura", DEV_PHRASE, public)
    [file] = tmp_path.iterdir()
    assert "quiet" not in file.read_text()
    pair = Keystore(tmp_path, "quiet").key_pair("aura", public, Scheme.SR25519)
    assert pair is not None and pair.public == public
    for wrong in (None, "loud"):
        with pytest.raises(PublicKeyMismatch, match="check the password") as caught:
            Keystore(tmp_path, wrong).key_pair("aura", public, Scheme.SR25519)
        assert "drive" not in str(caught.value)


def test_what_is_refused(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keystore")
    for key_type in ("", "aur", "auras", "aur\n", "ä" * 4, "../.."):
        with pytest.raises(InvalidKeyType):
            keystore.insert(key_type, "//Alice", ALICE)
    for public in (b"", ALICE[:-1], ALICE + bytes(2)):
        with pytest.raises(InvalidPublicKey):
            keystore.insert("aura", "//Alice", public)
    for suri in ("x" * MAX_URI_BYTES, "//\udc80"):
        with pytest.raises(InvalidSecretUri):
            keystore.insert("aura", suri, ALICE)
    assert not (tmp_path / "keystore").exists()
    keystore.insert("aura", "no phrase at all", ALICE)  # as Substrate, which looks at it when it is used
    with pytest.raises(InvalidSecretUri) as caught:
        keystore.key_pair("aura", ALICE, Scheme.SR25519)
    assert "no phrase at all" not in str(caught.value)
    for content in (b"", b"//Alice", b'{"a": 1}', b"\xff", b'"' + b"x" * MAX_URI_BYTES + b'"'):
        (tmp_path / "keystore" / AURA_FILE).write_bytes(content)
        with pytest.raises(UnusableKeystore, match="JSON string"):
            keystore.secret_uri("aura", ALICE)
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableKeystore, match="can't be used"):
        Keystore(tmp_path / "file").insert("aura", "//Alice", ALICE)


def test_a_keystore_is_bounded() -> None:
    keystore = Keystore()
    for number in range(MAX_KEYS):
        keystore.insert("acco", "//Alice", number.to_bytes(32, "big"))
    with pytest.raises(KeystoreFull):
        keystore.insert("acco", "//Alice", ALICE)
    keystore.insert("acco", "//Bob", bytes(32))  # one that is there may change


async def test_a_validator_authors_with_the_keys_of_its_keystore(autojump_clock: MockClock, tmp_path: Path) -> None:
    store = Keystore(tmp_path / "chains" / "fathom_dev" / "keystore", "secret")
    config = NodeConfig(DEV_SPEC, tmp_path, rpc_port=0, authority=None, keystore_password="secret")
    effects = Effects(lambda: NOON + int(trio.current_time() * 1000))

    async def seals() -> bool:
        async with trio.open_nursery() as nursery:
            node: RunningNode = await nursery.start(run_node, config, effects)
            with trio.move_on_after(30):
                await height(node, node.chain.best.number + 2)
            nursery.cancel_scope.cancel()
        assert node.keystore.keys("aura") == store.keys("aura")
        return node.authors and node.chain.best.number >= 2 and node.chain.finalized.number > 0

    assert not await seals()
    store.insert("aura", "//Alice///secret", Keypair.from_suri("//Alice///secret").public)
    assert not await seals()  # no authority of this chain
    store.insert("aura", f"0x{_seed_of_alice(Scheme.SR25519)}", ALICE)
    assert not await seals()  # and nothing to vote with
    store.insert("gran", f"0x{_seed_of_alice(Scheme.ED25519)}", ALICE_GRANDPA)
    assert await seals()
    store.insert("aura", "//Bob", ALICE)
    with pytest.RaisesGroup(pytest.RaisesExc(StartError, match="check the password")):
        await seals()


def _seed_of_alice(scheme: Scheme) -> str:
    """What the password doesn't change."""
    published = {
        Scheme.SR25519: "e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a",
        Scheme.ED25519: "abf8e5bdbe30c65656c0a3cbd181ff8a56294a69dfedd27982aace4a76909115",
    }
    return published[scheme]
