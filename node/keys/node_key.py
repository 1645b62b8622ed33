"""The key that a node is known by in the network: ed25519, named by the peer id that libp2p makes of it.

A peer id is base58 of the multihash (identity, so the bytes themselves) of the public key in libp2p's protobuf form:
`12D3Koo…`. A key's file holds the 32 bytes of its secret in hex, or as they are.
"""

from __future__ import annotations

import re
from pathlib import Path

import base58

from pallets.primitives.keys import Keypair, Scheme

MULTIHASH = bytes.fromhex("0024")  # identity, 36 bytes
PROTOBUF = bytes.fromhex("08011220")  # key type ed25519; 32 bytes of key
SECRET_BYTES = 32


class BadNodeKey(ValueError):
    """Not 32 bytes, or not as hex where hex is expected."""


def key_file(base_path: Path, chain_id: str) -> Path:
    """Where a node looks for its key."""
    return base_path / "chains" / chain_id / "network" / "secret_ed25519"


def peer_id(secret: bytes) -> str:
    """The name of the peer with this secret (32 bytes); raises `BadNodeKey`."""
    if len(secret) != SECRET_BYTES:
        raise BadNodeKey("Bad node key file: a node key has 32 bytes")
    public = Keypair.from_seed(secret, Scheme.ED25519).public
    return base58.b58encode(MULTIHASH + PROTOBUF + public).decode()


def read_hex(text: bytes) -> bytes:
    """The secret in hex, with blanks around it; raises `BadNodeKey`."""
    found = re.fullmatch(rb"\s*(?:0x)?([0-9a-fA-F]{64})\s*", text)
    if found is None:
        raise BadNodeKey("failed to decode secret as hex: a node key is 64 hex digits; raw bytes are read with --bin")
    return bytes.fromhex(found[1].decode())
