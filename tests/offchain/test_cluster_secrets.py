"""What a holder derives from the cluster's secret, and the file that it keeps it in."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import pytest
from nacl.public import PrivateKey, PublicKey, SealedBox

from offchain.cluster_secrets import (
    SECRETS_FILE,
    AgentSubject,
    ClusterSecret,
    ClusterSecrets,
    opened_secrets,
    sealed_secrets,
)
from offchain.keys import ExposedKeyFile, MalformedKeyFile, WorkerKeys
from pallets.primitives.cluster import MAX_BOX, MAX_GENERATIONS
from pallets.primitives.keys import verify_ed25519
from pallets.primitives.sealed import NotSealed

WORKER = b"\x0a" * 32
SECRET = ClusterSecret(b"\x07" * 32)


def hkdf(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 by its definition, of one block."""
    extracted = hmac.digest(bytes(32), secret, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def test_keys_are_derived_by_hkdf() -> None:
    assert SECRET.agent_key(AgentSubject.of_agent(258)) == hkdf(
        b"\x07" * 32, b"fathom/cluster/agent\0\x02\x01\0\0\0\0\0\0"
    )
    code = b"\x0c" * 32
    assert SECRET.agent_key(AgentSubject.of_code(code)) == hkdf(b"\x07" * 32, b"fathom/cluster/agent\1" + code)
    private = PrivateKey(hkdf(b"\x07" * 32, b"fathom/cluster/seal"))
    assert SECRET.seal_key == private.public_key.encode()
    assert SECRET.open(SealedBox(PublicKey(SECRET.seal_key)).encrypt(b"for the cluster")) == b"for the cluster"
    assert verify_ed25519(SECRET.sign(b"message"), b"message", SECRET.signing_key)
    subjects = [AgentSubject.of_agent(number) for number in (1, 2)] + [AgentSubject.of_code(code)]
    assert len({secret.agent_key(each) for each in subjects for secret in (SECRET, ClusterSecret(bytes(32)))}) == 6


def test_a_box_carries_as_many_generations_as_are_kept() -> None:
    keys = WorkerKeys(bytes(32), b"\1" * 32)
    contents = [(generation, bytes([generation]) * 32) for generation in range(1, MAX_GENERATIONS + 1)]
    box = sealed_secrets(keys.seal_key, contents, b"\2" * 32)
    assert len(box) <= MAX_BOX and opened_secrets(keys, box) == contents
    for bad in (b"", box[:-1], bytes(len(box)), SealedBox(PublicKey(keys.seal_key)).encrypt(b"\xff")):
        with pytest.raises(NotSealed):
            opened_secrets(keys, bad)


def test_secrets_outlive_a_restart_and_only_their_user_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / SECRETS_FILE
    before = ClusterSecrets(path, WORKER)
    assert before.get(1) is None and not path.exists()
    before.keep((number, ClusterSecret(bytes([number]) * 32)) for number in range(1, 19))
    before.keep([(18, SECRET)])
    assert path.stat().st_mode & 0o777 == 0o600 and os.listdir(tmp_path) == [SECRETS_FILE]
    after = ClusterSecrets(path, WORKER)
    assert after.get(2) is None and after.up_to(4) == [(3, b"\3" * 32), (4, b"\4" * 32)]
    assert after.get(18) == SECRET and after.get(18).value == SECRET.value  # type: ignore[union-attr]
    assert ClusterSecrets(path, b"\x0b" * 32).up_to(99) == []  # another key's
    assert ClusterSecrets(None, WORKER).up_to(99) == []


def test_a_file_that_others_may_read_or_have_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / SECRETS_FILE
    ClusterSecrets(path, WORKER).keep([(1, SECRET)])
    path.chmod(0o640)
    with pytest.raises(ExposedKeyFile):
        ClusterSecrets(path, WORKER)
    path.chmod(0o600)
    for content in (b"", b"[]", b'{"version": 2}', path.read_bytes().replace(b"0707", b"07")):
        path.write_bytes(content)
        with pytest.raises(MalformedKeyFile):
            ClusterSecrets(path, WORKER)


def test_secrets_are_in_no_representation() -> None:
    secrets = ClusterSecrets(None, WORKER)
    secrets.keep([(1, SECRET)])
    for shown in (repr(SECRET), repr(secrets), str(vars(secrets))):
        assert "0707" not in shown and "\\x07" not in shown
