"""The cluster's secrets as a holder keeps them: what is derived from one, and the file that they outlive a restart in.

    secret = ClusterSecret(entropy(32))
    box = sealed_secrets(member_seal_key, [(generation, secret.value)], entropy(32))
    key = secret.agent_key(AgentSubject.of_agent(7))

From 32 bytes come, by HKDF-SHA256 without salt, each by an `info` of its own: the X25519 key that opens boxes sealed to
the cluster, the ed25519 key that confirms having the secret, and 32 bytes for every agent. Knowing any of them tells
nothing of the others.

Errors: `keys.KeyFileError`. A box that doesn't open is `pallets.primitives.sealed.NotSealed`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from offchain.keys import MalformedKeyFile, WorkerKeys, read_private, write_private
from pallets.primitives.cluster import CONTENTS, MAX_GENERATIONS
from pallets.primitives.scale import DecodeError
from pallets.primitives.sealed import NotSealed, Opener, open_box, seal

SECRETS_FILE = "cluster-key.json"
VERSION = 1
SEAL_INFO, SIGNING_INFO = b"fathom/cluster/seal", b"fathom/cluster/signing"
AGENT_INFO = b"fathom/cluster/agent"


@dataclass(frozen=True, slots=True)
class AgentSubject:
    """What an agent's key belongs to: the agent, whatever code it runs, or the code, whichever agent runs it."""

    info: bytes

    @classmethod
    def of_agent(cls, agent: int) -> AgentSubject:
        """The agent of this number."""
        return cls(AGENT_INFO + b"\0" + agent.to_bytes(8, "little"))

    @classmethod
    def of_code(cls, code: bytes) -> AgentSubject:
        """Code of this hash (32 bytes)."""
        if len(code) != 32:
            raise ValueError(f"a code's hash has 32 bytes, this has {len(code)}")
        return cls(AGENT_INFO + b"\1" + code)


@dataclass(frozen=True, slots=True, repr=False)
class ClusterSecret:
    """A generation's secret; `seal_key` and `signing_key` are its public halves."""

    value: bytes = field(compare=False)
    seal_key: bytes = field(init=False)
    signing_key: bytes = field(init=False)

    def __post_init__(self) -> None:
        if len(self.value) != 32:
            raise ValueError(f"a cluster's secret has 32 bytes, this has {len(self.value)}")
        object.__setattr__(self, "seal_key", PrivateKey(self._derived(SEAL_INFO)).public_key.encode())
        object.__setattr__(self, "signing_key", SigningKey(self._derived(SIGNING_INFO)).verify_key.encode())

    def __repr__(self) -> str:
        return f"<ClusterSecret of 0x{self.signing_key.hex()}>"

    @property
    def public(self) -> tuple[bytes, bytes]:
        """Seal key and signing key."""
        return self.seal_key, self.signing_key

    def sign(self, message: bytes) -> bytes:
        """The cluster's ed25519 signature, 64 bytes."""
        return SigningKey(self._derived(SIGNING_INFO)).sign(message).signature

    def open(self, box: bytes) -> bytes:
        """What was sealed to the cluster; raises `NotSealed`."""
        return open_box(box, self._derived(SEAL_INFO))

    def agent_key(self, subject: AgentSubject) -> bytes:
        """The 32 bytes of an agent's key."""
        return self._derived(subject.info)

    def _derived(self, info: bytes) -> bytes:
        return HKDF(SHA256(), length=32, salt=None, info=info).derive(self.value)


def sealed_secrets(seal_key: bytes, contents: list[tuple[int, bytes]], entropy: bytes) -> bytes:
    """A box to a member's seal key with generations and their secrets, the newest last. Raises `NotSealed`."""
    return seal(CONTENTS.encode(contents), seal_key, entropy)


def opened_secrets(keys: WorkerKeys, box: bytes) -> list[tuple[int, bytes]]:
    """What a holder has sealed to these keys; raises `NotSealed`."""
    try:
        contents: list[tuple[int, bytes]] = CONTENTS.decode_all(open_box(box, keys.sealing))
    except DecodeError as error:
        raise NotSealed(f"what is in the box is garbled: {error}") from None
    return contents


class ClusterSecrets:
    """The secrets of one worker key by generation, the newest `MAX_GENERATIONS`, in a file or in memory."""

    def __init__(self, path: Path | None, worker: bytes) -> None:
        """Takes over what the file holds for this worker key; raises `KeyFileError` or `OSError`."""
        self._path, self._worker = path, worker
        self._secrets: dict[int, ClusterSecret] = {} if path is None else _load(path, worker)

    def __repr__(self) -> str:
        return f"<ClusterSecrets of generations {sorted(self._secrets)}>"

    def get(self, generation: int) -> ClusterSecret | None:
        """The secret kept for a generation, whoever made it; whether it is the cluster's, the chain says."""
        return self._secrets.get(generation)

    def openers(self) -> list[Opener]:
        """How to open what is sealed to the cluster, by each secret that is kept, the newest first."""
        return [secret.open for _, secret in sorted(self._secrets.items(), reverse=True)]

    def up_to(self, generation: int) -> list[tuple[int, bytes]]:
        """Generations and their secrets, ascending, none newer than this one."""
        return [(each, secret.value) for each, secret in sorted(self._secrets.items()) if each <= generation]

    def keep(self, found: Iterable[tuple[int, ClusterSecret]]) -> None:
        """Keeps secrets in place of others of their generations; they are on disk when this returns."""
        secrets = dict(sorted((self._secrets | dict(found)).items())[-MAX_GENERATIONS:])
        if self._path is not None:
            values = {str(generation): secret.value.hex() for generation, secret in secrets.items()}
            write_private(self._path, {"version": VERSION, "worker": self._worker.hex(), "secrets": values})
        self._secrets = secrets


def _load(path: Path, worker: bytes) -> dict[int, ClusterSecret]:
    try:
        content = read_private(path)
    except FileNotFoundError:
        return {}
    try:
        fields = orjson.loads(content)
        if fields["version"] != VERSION:
            raise MalformedKeyFile(f"{path} is of another version than {VERSION}")
        if fields["worker"] != worker.hex():
            return {}  # another key's: a fresh one has to be handed the secret anew
        found = {int(key): ClusterSecret(bytes.fromhex(value)) for key, value in fields["secrets"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, MalformedKeyFile):
            raise
        raise MalformedKeyFile(
            f"{path} is no file of a cluster's secrets: remove it, and the worker asks anew"
        ) from None
    return found
