"""Secrets that callers leave for scripts: kept sealed, found by a key, read back by a token.

## Overview

`put` takes a JSON object for one agent, or for one code, and answers with two words as Phala's vault does. The `key`
goes into URLs (`?key=…`): it has the object shown to the script as `secret`, and to that script alone, because what it
is bound to is sealed with it (`offchain.serving.secret_box`). The `token` reads the object back, and removes it.

Each secret is kept twice: sealed to the cluster's key, which any attested worker's committee can open and the gateway
can't; and under the vault's own key, for the token. Of the token only a hash is kept. Files have mode 0600.

A secret that was sealed to an older generation of the cluster's key is *exposed*: somebody who knew that key is trusted
no more. It goes on working, and is marked until it is put anew.

## Errors

`errors.UnknownSecret`, `VaultFull`, `BadRequest`. `VaultError`: the files can't be used.

## Out of scope

Who may ask, and what is written in logs: neither keys nor tokens ever are.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import trio
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from offchain.gateway.errors import BadRequest, UnknownSecret, VaultFull
from offchain.keys import Entropy, read_private, write_private
from offchain.serving.secret_box import MAX_SECRET, SealedSecret, ToAgent, ToCode, seal_secret
from pallets.primitives.hashing import blake2_256

DIRECTORY = "vault"
MAX_SECRETS = 4096
WORD = 8
"""Random bytes of a key or a token, which is their hex."""
MAX_FILE = 1 << 19
VERSION = 1


class VaultError(Exception):
    """A file of the vault is not what this module wrote; the message says what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """An entry of the vault."""

    sealed: SealedSecret
    bound_to: ToAgent | ToCode
    own: bytes
    """The data under the vault's key."""
    token_hash: bytes

    def __repr__(self) -> str:
        return f"<Secret of {self.bound_to}>"


class Vault:
    """The secrets of one gateway, in a directory or in memory."""

    def __init__(self, key: bytes, entropy: Entropy, base_path: Path | None) -> None:
        """Takes over what the directory holds. Raises `VaultError`, `offchain.keys.KeyFileError` or `OSError`."""
        self._box, self._entropy = SecretBox(key), entropy
        self._directory = None if base_path is None else base_path / DIRECTORY
        self._secrets: dict[str, Secret] = {}
        self._writing = trio.Lock()
        if self._directory is not None:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._secrets = {path.stem: _load(path) for path in sorted(self._directory.glob("*.json"))}

    def __len__(self) -> int:
        return len(self._secrets)

    async def put(
        self, data: dict[str, Any], bound_to: ToAgent | ToCode, generation: int, seal_key: bytes
    ) -> tuple[str, str]:
        """Keeps an object; its key and its token. Raises `BadRequest` or `VaultFull`."""
        content = orjson.dumps(data)
        if len(content) > MAX_SECRET:
            raise BadRequest(f"a secret has at most {MAX_SECRET} bytes of JSON, this has {len(content)}")
        async with self._writing:
            if len(self._secrets) >= MAX_SECRETS:
                raise VaultFull(f"the vault has {MAX_SECRETS} secrets: remove one by DELETE /vaults/KEY/TOKEN")
            key, token = self._entropy(WORD).hex(), self._entropy(WORD).hex()
            sealed = seal_secret(seal_key, generation, bound_to, content, self._entropy(32))
            own = self._box.encrypt(content, self._entropy(SecretBox.NONCE_SIZE))
            secret = Secret(sealed, bound_to, bytes(own), blake2_256(token.encode()))
            if self._directory is not None:
                await trio.to_thread.run_sync(write_private, self._directory / f"{key}.json", _fields(secret))
            self._secrets[key] = secret
        return key, token

    def sealed_for(self, key: str, agent: int, code: bytes) -> SealedSecret:
        """What a worker is sent for this agent and code; raises `UnknownSecret`."""
        secret = self._secrets.get(key)
        if secret is None or secret.bound_to not in (ToAgent(agent), ToCode(code)):
            raise UnknownSecret("the vault has no secret of this `key` for this agent: put it there by POST /vaults")
        return secret.sealed

    def read(self, key: str, token: str) -> tuple[dict[str, Any], int]:
        """An object, and the generation that it is sealed to; raises `UnknownSecret`."""
        secret = self._opened_by(key, token)
        try:
            data: dict[str, Any] = orjson.loads(self._box.decrypt(secret.own))
        except (CryptoError, ValueError):
            raise UnknownSecret("this secret was kept under another key of the gateway's: put it anew") from None
        return data, secret.sealed.generation

    async def remove(self, key: str, token: str) -> None:
        """Forgets a secret; raises `UnknownSecret`."""
        async with self._writing:
            self._opened_by(key, token)
            if self._directory is not None:
                (self._directory / f"{key}.json").unlink(missing_ok=True)
            del self._secrets[key]

    def _opened_by(self, key: str, token: str) -> Secret:
        secret = self._secrets.get(key)
        given = blake2_256(token.encode())
        if secret is None or not hmac.compare_digest(secret.token_hash, given):
            raise UnknownSecret("the vault has no secret of this key and token")
        return secret


def _fields(secret: Secret) -> dict[str, Any]:
    bound_to = secret.bound_to
    return {
        "version": VERSION,
        "generation": secret.sealed.generation,
        "box": secret.sealed.box.hex(),
        "boundTo": {"agent": bound_to.agent} if isinstance(bound_to, ToAgent) else {"code": bound_to.code.hex()},
        "own": secret.own.hex(),
        "tokenHash": secret.token_hash.hex(),
    }


def _load(path: Path) -> Secret:
    try:
        fields = orjson.loads(read_private(path, MAX_FILE))
        if fields["version"] != VERSION:
            raise VaultError(f"{path} is of another version than {VERSION}")
        sealed = SealedSecret(fields["generation"], bytes.fromhex(fields["box"]))
        bound = fields["boundTo"]
        bound_to = ToAgent(bound["agent"]) if "agent" in bound else ToCode(bytes.fromhex(bound["code"]))
        return Secret(sealed, bound_to, bytes.fromhex(fields["own"]), bytes.fromhex(fields["tokenHash"]))
    except (ValueError, TypeError, KeyError):
        raise VaultError(f"{path} is no secret of a vault: remove it") from None
