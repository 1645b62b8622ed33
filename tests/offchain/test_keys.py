from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from offchain.keys import (
    KEY_FILE,
    Entropy,
    ExposedKeyFile,
    MalformedKeyFile,
    WorkerKeys,
    load_or_create,
    replace,
)
from pallets.primitives.keys import verify_ed25519


@pytest.fixture
def entropy() -> Entropy:
    """Different bytes each time."""
    calls = count(1)
    return lambda size: bytes([next(calls)]) * size


def test_the_public_halves_are_those_of_another_library(entropy: Entropy) -> None:
    keys = WorkerKeys.generate(entropy)
    assert (keys.signing, keys.sealing) == (b"\1" * 32, b"\2" * 32)
    signing = Ed25519PrivateKey.from_private_bytes(keys.signing)
    assert keys.worker_key == signing.public_key().public_bytes_raw()
    assert keys.seal_key == X25519PrivateKey.from_private_bytes(keys.sealing).public_key().public_bytes_raw()
    assert keys.sign(b"message") == signing.sign(b"message")
    assert verify_ed25519(keys.sign(b"message"), b"message", keys.worker_key)


def test_secrets_are_in_no_representation(entropy: Entropy) -> None:
    keys = WorkerKeys.generate(entropy)
    assert keys.worker_key.hex() in repr(keys)
    assert "01010101" not in repr(keys) and "02020202" not in repr(keys)


def test_a_key_file_is_made_once_and_only_its_user_may_read_it(tmp_path: Path, entropy: Entropy) -> None:
    path = tmp_path / KEY_FILE
    keys = load_or_create(path, entropy)
    assert path.stat().st_mode & 0o777 == 0o600
    again = load_or_create(path, entropy)
    assert (again.signing, again.sealing) == (keys.signing, keys.sealing)
    assert os.listdir(tmp_path) == [KEY_FILE]


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path, entropy: Entropy) -> None:
    before = os.umask(0)
    try:
        load_or_create(tmp_path / KEY_FILE, entropy)
    finally:
        os.umask(before)
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_replacing_gives_fresh_keys_even_after_a_crash_in_the_middle(tmp_path: Path, entropy: Entropy) -> None:
    path = tmp_path / KEY_FILE
    first = load_or_create(path, entropy)
    path.with_suffix(".new").write_bytes(b"left behind")
    second = replace(path, entropy)
    assert second.worker_key != first.worker_key and second.seal_key != first.seal_key
    assert load_or_create(path, entropy) == second
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_an_exposed_file_is_refused(tmp_path: Path, entropy: Entropy, mode: int) -> None:
    path = tmp_path / KEY_FILE
    load_or_create(path, entropy)
    path.chmod(mode)
    with pytest.raises(ExposedKeyFile, match="chmod"):
        load_or_create(path, entropy)


def test_a_link_is_not_followed(tmp_path: Path, entropy: Entropy) -> None:
    load_or_create(tmp_path / "elsewhere", entropy)
    (tmp_path / KEY_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        load_or_create(tmp_path / KEY_FILE, entropy)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"version": 2, "signing": "", "sealing": ""}',
        b'{"version": 1, "signing": "00", "sealing": "00"}',
        b'{"version": 1, "signing": 5, "sealing": 6}',
        b'{"version": 1, "signing": "' + b"zz" * 32 + b'", "sealing": "' + b"00" * 32 + b'"}',
    ],
)
def test_a_file_of_another_kind_is_refused_and_kept(tmp_path: Path, entropy: Entropy, content: bytes) -> None:
    path = tmp_path / KEY_FILE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(MalformedKeyFile):
        load_or_create(path, entropy)
    assert path.read_bytes() == content
