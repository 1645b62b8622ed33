"""What goes through the pipes between the node and a verifier process: claims packed into chunks, verdicts back.

| direction | bytes |
| --- | --- |
| process, once | `READY` |
| node | a chunk: how many bytes follow (`u32`), then claims |
| process | a byte for each claim of the chunk, in its order: 1 where the signature is good, else 0 |

A claim is the scheme's index in `MultiSignature`, the signer (32 bytes), the signature (65, filled up with zeros), and
the payload behind its length (`u16`; payloads over 256 bytes are signed as their hash). All integers are little-endian.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

READY = b"\x02"
LENGTH = Struct("<I")
HEAD = Struct("<B32s65sH")

PackedClaim = tuple[int, bytes, bytes, bytes]
"""Scheme, signer, signature, payload."""


def pack(claims: Iterable[PackedClaim]) -> bytes:
    """A chunk, its length in front."""
    parts = [b""]
    for scheme, signer, signature, payload in claims:
        parts.append(HEAD.pack(scheme, signer, signature, len(payload)))
        parts.append(payload)
    chunk = b"".join(parts)
    return LENGTH.pack(len(chunk)) + chunk


def unpack(chunk: bytes) -> Iterator[PackedClaim]:
    """The claims of a chunk without its length; each signature has 65 bytes."""
    at = 0
    while at < len(chunk):
        scheme, signer, signature, size = HEAD.unpack_from(chunk, at)
        at += HEAD.size + size
        yield scheme, signer, signature, chunk[at - size : at]
