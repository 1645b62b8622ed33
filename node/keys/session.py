"""Which of a keystore's keys a node authors and votes with: those of the chain's authorities.

## Usage

```python
keys = find_session_keys(keystore, chain)
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from node.chain.tree import Chain
from node.keys.keystore import Keystore
from pallets.aura import AuraId
from pallets.grandpa import AuthorityList
from pallets.primitives.codec import codec_of
from pallets.primitives.keys import Keypair, Scheme
from pallets.session import SessionKeys as PublicKeys

AURA, GRANDPA = "aura", "gran"
AUTHORS, VOTERS = codec_of(list[AuraId]), codec_of(AuthorityList)
PUBLIC_KEYS = codec_of(PublicKeys)


@dataclass(frozen=True)
class SessionKeys:
    """What an authority signs blocks and finality votes with."""

    aura: Keypair
    grandpa: Keypair


def development_keys(suri: str) -> SessionKeys:
    """The keys of an account of development: what `--alice` authors with."""
    return SessionKeys(Keypair.from_suri(suri, Scheme.SR25519), Keypair.from_suri(suri, Scheme.ED25519))


def insert_development_keys(keystore: Keystore, suri: str) -> None:
    """Both keys of an account of development, in memory only."""
    keystore.insert_in_memory(AURA, suri, Scheme.SR25519)
    keystore.insert_in_memory(GRANDPA, suri, Scheme.ED25519)


def generate_session_keys(keystore: Keystore, random_bytes: Callable[[int], bytes]) -> bytes:
    """Makes a key of each kind and keeps them; their public ones as `Session.set_keys` takes them, in SCALE.

    Raises `KeystoreError`.
    """
    aura = keystore.generate(AURA, Scheme.SR25519, random_bytes(32))
    grandpa = keystore.generate(GRANDPA, Scheme.ED25519, random_bytes(32))
    return PUBLIC_KEYS.encode(PublicKeys(aura.public, grandpa.public))


def find_session_keys(keystore: Keystore, chain: Chain) -> SessionKeys | None:
    """The keys of the first authority of each kind that the keystore has a key of; `None` where one is missing.

    Raises `KeystoreError` where a file of the keystore is unusable.
    """
    best = chain.best.hash
    authors: list[bytes] = AUTHORS.decode_all(chain.call(best, "AuraApi_authorities"))
    voters = [key for key, _ in VOTERS.decode_all(chain.call(best, "GrandpaApi_grandpa_authorities"))]
    aura, grandpa = (
        _first(keystore, AURA, authors, Scheme.SR25519),
        _first(keystore, GRANDPA, voters, Scheme.ED25519),
    )
    return None if aura is None or grandpa is None else SessionKeys(aura, grandpa)


def _first(keystore: Keystore, key_type: str, authorities: Iterable[bytes], scheme: Scheme) -> Keypair | None:
    return next((pair for public in authorities if (pair := keystore.key_pair(key_type, public, scheme))), None)
