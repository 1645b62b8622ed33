"""A worker's own keys: one signs everything that it says, the other opens what is sealed to it.

Both are made inside the worker from its own entropy and never leave it, but for a key file that only its user may
read. The account that stakes and is paid is another matter: the operator's, given as a secret URI to
`pallets.primitives.keys`.

    keys = load_or_create(directory / KEY_FILE, entropy)
    signature = keys.sign(heartbeat_bytes(...))

Errors:

    KeyFileError
    ├── ExposedKeyFile     others may read or write the file
    └── MalformedKeyFile   the file is not what this module wrote
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from nacl.public import PrivateKey
from nacl.signing import SigningKey

KEY_FILE = "worker-key.json"
VERSION = 1
MAX_FILE = 4096

Entropy = Callable[[int], bytes]
"""So many unforeseeable bytes; `secrets.token_bytes` outside of tests."""


class KeyFileError(Exception):
    """A key file that can't be used; the message says what to do."""


class ExposedKeyFile(KeyFileError):
    """Others than its owner may read or write the file, or its owner is somebody else: the keys may be known."""


class MalformedKeyFile(KeyFileError):
    """Not the JSON object that this module writes, or with secrets of another length."""


@dataclass(frozen=True, slots=True, repr=False)
class WorkerKeys:
    """An ed25519 and an X25519 key, of 32 secret bytes each; `worker_key` and `seal_key` are their public halves."""

    signing: bytes = field(compare=False)
    sealing: bytes = field(compare=False)
    worker_key: bytes = field(init=False)
    seal_key: bytes = field(init=False)
    _signer: SigningKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_signer", SigningKey(self.signing))
        object.__setattr__(self, "worker_key", self._signer.verify_key.encode())
        object.__setattr__(self, "seal_key", PrivateKey(self.sealing).public_key.encode())

    def __repr__(self) -> str:
        return f"<WorkerKeys 0x{self.worker_key.hex()}>"

    @classmethod
    def generate(cls, entropy: Entropy) -> WorkerKeys:
        """Fresh keys."""
        return cls(entropy(32), entropy(32))

    def sign(self, message: bytes) -> bytes:
        """The worker's ed25519 signature, 64 bytes; equal messages give equal signatures."""
        return self._signer.sign(message).signature


def load_or_create(path: Path, entropy: Entropy) -> WorkerKeys:
    """The keys in a file, which is made with mode 0600 where there is none. Raises `KeyFileError` or `OSError`."""
    try:
        return _load(path)
    except FileNotFoundError:
        return replace(path, entropy)


def replace(path: Path, entropy: Entropy) -> WorkerKeys:
    """Fresh keys in place of whatever the file holds. The file is whole at every moment. Raises `OSError`."""
    keys = WorkerKeys.generate(entropy)
    write_private(path, {"version": VERSION, "signing": keys.signing.hex(), "sealing": keys.sealing.hex()})
    return keys


def write_private(path: Path, fields: dict[str, Any]) -> None:
    """Puts fields into a file, mode 0600, in place of whatever it holds; whole at every moment. Raises `OSError`."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(orjson.dumps(fields))
        file.flush()
        os.fsync(handle)
    beside.replace(path)


def read_private(path: Path, size: int = MAX_FILE) -> bytes:
    """A file that only its user may read or write, its first `size` bytes; raises `ExposedKeyFile` or `OSError`."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise ExposedKeyFile(f"{path} must belong to this user alone: take a new base path, or chmod it 600")
        return file.read(size)


def _load(path: Path) -> WorkerKeys:
    content = read_private(path)
    try:
        fields = orjson.loads(content)
        if fields["version"] != VERSION:
            raise MalformedKeyFile(f"{path} is of another version than {VERSION}")
        signing, sealing = bytes.fromhex(fields["signing"]), bytes.fromhex(fields["sealing"])
    except (ValueError, TypeError, KeyError):
        raise MalformedKeyFile(f"{path} is no key file of a worker: remove it to get fresh keys") from None
    if (len(signing), len(sealing)) != (32, 32):
        raise MalformedKeyFile(f"{path} holds keys of another length than 32 bytes")
    return WorkerKeys(signing, sealing)
