"""The account that an agent has on another chain: whose key, and from which secret.

An agent's key under the cluster's secret (`docs/cluster.md`) is never served to its scripts under its number; the
sr25519 key of its account on a chain is HKDF-SHA256 of that, without salt, by the chain's genesis hash. So an agent has
another account on each chain, and no script has its key.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from offchain.cluster_secrets import AgentSubject, ClusterSecret
from pallets.primitives.keys import Keypair

INFO = b"fathom/crossing"


def crossing_key(secret: ClusterSecret, agent: int, chain: bytes) -> Keypair:
    """The sr25519 key of an agent's account on the chain of this genesis hash (32 bytes)."""
    own = secret.agent_key(AgentSubject.of_agent(agent))
    return Keypair.from_seed(HKDF(SHA256(), length=32, salt=None, info=INFO + chain).derive(own))
