"""IPFS content identifiers of agents' code: what they say, and which ones a script has.

## Overview

A script is known by the CIDs that `ipfs add` and other tools give its bytes:

| CID | hash | of |
| --- | --- | --- |
| v1, raw | BLAKE2b-256 | the bytes: the chain's own name for code, no index needed |
| v1, raw | SHA2-256 | the bytes (`ipfs add --cid-version=1`, up to 256 KiB; most pinning services) |
| v0, or v1 dag-pb | SHA2-256 | the bytes in UnixFS chunks of 256 KiB (`ipfs add`) |

## Errors

`InvalidCid`: not a CID, or one of a hash that scripts aren't named by.

## Out of scope

Fetching from IPFS: a script's bytes are on the chain. Directories, other chunkers.
Source: the multiformats specifications (CID, multibase, multihash, UnixFS v1, DAG-PB).
"""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import NamedTuple

import base58

RAW, DAG_PB = 0x55, 0x70
SHA2_256, BLAKE2B_256 = 0x12, 0xB220
DIGEST = 32
CHUNK = 256 * 1024
MAX_TEXT = 128
UNIXFS_FILE = 2


class InvalidCid(ValueError):
    """The text is no CID, or one that no script can have."""


class Cid(NamedTuple):
    """A content identifier: how its content is encoded, and by which hash it is named."""

    codec: int
    hash: int
    digest: bytes

    @property
    def code_hash(self) -> bytes | None:
        """The code's hash on the chain, where the CID says it."""
        return self.digest if (self.codec, self.hash) == (RAW, BLAKE2B_256) else None

    @property
    def text(self) -> str:
        """Version 0 where that says it all, else version 1 in base32."""
        multihash = _varint(self.hash) + _varint(len(self.digest)) + self.digest
        if (self.codec, self.hash) == (DAG_PB, SHA2_256):
            return base58.b58encode(multihash).decode()
        data = _varint(1) + _varint(self.codec) + multihash
        return "b" + base64.b32encode(data).decode().rstrip("=").lower()


def parse(text: str) -> Cid:
    """A CID of version 0 or 1, in base58btc, base32 or base16. Raises `InvalidCid`."""
    if len(text) > MAX_TEXT:
        raise InvalidCid("a CID is shorter")
    try:
        if text.startswith("Qm"):
            codec, data = DAG_PB, base58.b58decode(text)
        else:
            version, data = _read_varint(_multibase(text))
            if version != 1:
                raise InvalidCid(f"CIDs have version 0 or 1, not {version}")
            codec, data = _read_varint(data)
        hash, data = _read_varint(data)
        size, digest = _read_varint(data)
    except (ValueError, IndexError) as error:
        raise InvalidCid(f"{text!r} is no CID") from error
    if size != DIGEST or len(digest) != DIGEST or hash not in (SHA2_256, BLAKE2B_256) or codec not in (RAW, DAG_PB):
        raise InvalidCid("scripts have CIDs of raw or dag-pb content, by sha2-256 or blake2b-256")
    return Cid(codec, hash, digest)


def sha2_cids(code: bytes) -> tuple[Cid, Cid]:
    """The CIDs by SHA2-256 that a script has: raw, and UnixFS."""
    return Cid(RAW, SHA2_256, sha256(code).digest()), Cid(DAG_PB, SHA2_256, _unixfs(code))


def _unixfs(code: bytes) -> bytes:
    """The digest of the root that `ipfs add` makes of a file of up to 174 chunks."""
    leaves = [code[at : at + CHUNK] for at in range(0, len(code), CHUNK)] or [b""]
    blocks = [_field(1, _file(leaf, len(leaf), [])) for leaf in leaves]
    if len(blocks) == 1:
        return sha256(blocks[0]).digest()
    links = b""
    for leaf_block in blocks:
        multihash = bytes((SHA2_256, DIGEST)) + sha256(leaf_block).digest()
        links += _field(2, _field(1, multihash) + _field(2, b"") + _number(3, len(leaf_block)))
    root = links + _field(1, _file(b"", len(code), [len(leaf) for leaf in leaves]))
    return sha256(root).digest()


def _file(data: bytes, size: int, sizes: list[int]) -> bytes:
    """UnixFS's `Data` message of a file."""
    content = _field(2, data) if data else b""
    return _number(1, UNIXFS_FILE) + content + _number(3, size) + b"".join(_number(4, each) for each in sizes)


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field of a protobuf message."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes) -> tuple[int, bytes]:
    value = 0
    for at in range(9):
        value |= (data[at] & 0x7F) << (7 * at)
        if data[at] < 0x80:
            return value, data[at + 1 :]
    raise ValueError("the varint is too long")


def _multibase(text: str) -> bytes:
    base, rest = text[:1], text[1:]
    if base in ("b", "B"):
        return base64.b32decode(rest.upper() + "=" * (-len(rest) % 8))
    if base == "z":
        return base58.b58decode(rest)
    if base in ("f", "F"):
        return bytes.fromhex(rest)
    raise ValueError("CIDs are in base32, base58btc or base16")
