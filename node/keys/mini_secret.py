"""The seed of a hard-derived sr25519 key, which the library that derives the key keeps to itself.

It is what `subkey inspect //Alice` prints as secret seed: a challenge from a transcript over the parent's secret.
Mirrors `schnorrkel::SecretKey::hard_derive_mini_secret_key`.
"""

from __future__ import annotations

from node.keys.merlin import Transcript
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.suri import junctions


def derived_seed(seed: bytes, path: str) -> bytes | None:
    """The seed of the sr25519 key at a path from a seed (32 bytes); `None` behind a soft junction: such have none."""
    for junction in junctions(path):
        if not junction.hard:
            return None
        parent = Keypair.from_seed(seed, Scheme.SR25519)
        transcript = Transcript(b"SchnorrRistrettoHDKD")
        transcript.append(b"sign-bytes", b"")
        transcript.append(b"chain-code", junction.chain_code)
        transcript.append(b"secret-key", parent.secret[:32])
        seed = transcript.challenge(b"HDKD-hard", 32)
    return seed
