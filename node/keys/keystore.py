"""The keys that a node signs with, in Substrate's layout: one file a key.

## Overview

A file's name is the hex of the key's type (four characters, such as `aura` or `gran`) and its public key; it holds the
secret URI as a JSON string, and only its owner may read it. Where the store has a password, the URI gives the key only
together with that, which is in no file. Keys of development are in memory alone.

## Usage

```python
keystore = Keystore(base_path / "chains" / "dev" / "keystore")
keystore.insert("aura", phrase, public)
pair = keystore.key_pair("aura", public, Scheme.SR25519)
```

## Errors

```
KeystoreError
├── InvalidKeyType      a key's type has four printable ASCII characters
├── InvalidPublicKey    a public key has 32 or 33 bytes
├── InvalidSecretUri    the secret URI is too long, or gives no key
├── PublicKeyMismatch   the secret URI gives another key: its password, or the scheme, is another
├── KeystoreFull        there are `MAX_KEYS` keys
└── UnusableKeystore    the directory or a file in it can't be read or written, or is none of a keystore
```
No message holds a secret.

## Out of scope

Key files of polkadot.js (`key_file`); choosing keys (`session_keys`). Mirrors `sc_keystore::LocalKeystore`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.suri import InvalidSecret

MAX_KEYS = 4096
MAX_URI_BYTES = 4096
PUBLIC_SIZES = (32, 33)


class KeystoreError(Exception):
    """A keystore doesn't take or give a key."""


class InvalidKeyType(KeystoreError):
    """A key's type has four printable ASCII characters."""


class InvalidPublicKey(KeystoreError):
    """A public key has 32 bytes, or 33 with ECDSA."""


class InvalidSecretUri(KeystoreError):
    """The secret URI is longer than `MAX_URI_BYTES`, or no key can be made of it."""


class PublicKeyMismatch(KeystoreError):
    """The secret URI gives another key than the file is named after."""


class KeystoreFull(KeystoreError):
    """The keystore has `MAX_KEYS` keys; remove files of keys that nothing needs."""


class UnusableKeystore(KeystoreError):
    """The directory or a file in it can't be read or written, or a file holds no secret URI."""


class Keystore:
    """The keys of one chain. Without a path, all of them are in memory."""

    def __init__(self, path: Path | None = None, password: str | None = None) -> None:
        """Reads and makes nothing yet; `password` belongs to every key in here."""
        self.path, self._password = path, password
        self._ephemeral: dict[tuple[str, bytes], str] = {}

    def __repr__(self) -> str:
        return f"<Keystore {'in memory' if self.path is None else self.path}>"

    def insert(self, key_type: str, suri: str, public: bytes) -> None:
        """Keeps a key. As with Substrate, whether the secret URI gives this public key shows when it is used.

        Raises `InvalidKeyType`, `InvalidPublicKey`, `InvalidSecretUri`, `KeystoreFull` and `UnusableKeystore`.
        """
        name = _file_name(key_type, public)
        try:
            text = json.dumps(suri, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InvalidSecretUri("the secret URI is not valid Unicode text") from None
        if len(text) > MAX_URI_BYTES:
            raise InvalidSecretUri(f"the secret URI is longer than {MAX_URI_BYTES} bytes")
        if not self.has(key_type, public) and len(self._names()) + len(self._ephemeral) >= MAX_KEYS:
            raise KeystoreFull(f"the keystore holds {MAX_KEYS} keys already")
        if self.path is None:
            self._ephemeral[key_type, public] = suri
            return
        with _usable(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = self.path / f"{name}.partial"
            partial.unlink(missing_ok=True)
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path / name)

    def generate(self, key_type: str, scheme: Scheme, seed: bytes) -> Keypair:
        """Makes a key of a seed (32 bytes) that nobody knows, and keeps it; raises as `insert` does."""
        suri = f"0x{seed.hex()}"
        pair = self._pair(suri, scheme)
        self.insert(key_type, suri, pair.public)
        return pair

    def insert_in_memory(self, key_type: str, suri: str, scheme: Scheme) -> Keypair:
        """Keeps a key until the process ends, as with `--alice`, and answers it; raises as `insert` does."""
        pair = self._pair(suri, scheme)
        _file_name(key_type, pair.public)
        self._ephemeral[key_type, pair.public] = suri
        return pair

    def has(self, key_type: str, public: bytes) -> bool:
        """Whether a key is here; raises `InvalidKeyType` and `InvalidPublicKey`."""
        name = _file_name(key_type, public)
        return (key_type, public) in self._ephemeral or (self.path is not None and (self.path / name).is_file())

    def keys(self, key_type: str) -> list[bytes]:
        """The public keys of a type, at most `MAX_KEYS`, those in memory first; raises `InvalidKeyType`."""
        prefix = _hex_type(key_type)
        found = {public: None for kind, public in self._ephemeral if kind == key_type}
        for name in self._names():
            if name.startswith(prefix):
                found[bytes.fromhex(name[len(prefix) :])] = None
        return list(found)

    def secret_uri(self, key_type: str, public: bytes) -> str | None:
        """A key's secret URI as it was inserted, `None` where there is no such key.

        Raises `InvalidKeyType`, `InvalidPublicKey` and `UnusableKeystore`.
        """
        name = _file_name(key_type, public)
        kept = self._ephemeral.get((key_type, public))
        if kept is not None or self.path is None:
            return kept
        file = self.path / name
        with _usable(file):
            if not file.is_file():
                return None
            with open(file, "rb") as source:
                data = source.read(MAX_URI_BYTES + 1)
        try:
            suri = json.loads(data) if len(data) <= MAX_URI_BYTES else None
        except ValueError:
            suri = None
        if not isinstance(suri, str):
            raise UnusableKeystore(f"{file} doesn't hold a secret URI as a JSON string")
        return suri

    def key_pair(self, key_type: str, public: bytes, scheme: Scheme) -> Keypair | None:
        """A key to sign with, `None` where there is no such key.

        Raises what `secret_uri` does, `InvalidSecretUri` and `PublicKeyMismatch`.
        """
        suri = self.secret_uri(key_type, public)
        if suri is None:
            return None
        pair = self._pair(suri, scheme)
        if pair.public != public:
            raise PublicKeyMismatch(
                f"the secret of the {key_type} key 0x{public.hex()} gives another {scheme} key: check the password"
            )
        return pair

    def _pair(self, suri: str, scheme: Scheme) -> Keypair:
        try:
            return Keypair.from_suri(with_password(suri, self._password), scheme)
        except InvalidSecret as error:
            raise InvalidSecretUri(f"no {scheme} key can be made of the secret URI: {error}") from None

    def _names(self) -> list[str]:
        """The files that are named like keys, at most `MAX_KEYS`, in order."""
        if self.path is None:
            return []
        with _usable(self.path):
            if not self.path.is_dir():
                return []
            return sorted(name for name in os.listdir(self.path) if _is_file_name(name))[:MAX_KEYS]


def with_password(suri: str, password: str | None) -> str:
    """The secret URI with this password in place of its own; `None` leaves it as it is."""
    return suri if password is None else f"{suri.partition('///')[0]}///{password}"


def _hex_type(key_type: str) -> str:
    if len(key_type) != 4 or not key_type.isascii() or not key_type.isprintable():
        raise InvalidKeyType("the type of a key has four ASCII characters, such as aura or gran")
    return key_type.encode().hex()


def _file_name(key_type: str, public: bytes) -> str:
    name = _hex_type(key_type)
    if len(public) not in PUBLIC_SIZES:
        raise InvalidPublicKey(f"a public key has 32 bytes, or 33 with ecdsa, not {len(public)}")
    return name + public.hex()


def _is_file_name(name: str) -> bool:
    return len(name) in (8 + 2 * size for size in PUBLIC_SIZES) and all(c in "0123456789abcdef" for c in name)


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnusableKeystore(f"the keystore {path} can't be used: {error.strerror}") from None
