"""Frames of append-only files: u32 length and u32 CRC-32 of a content, both little-endian, then the content."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from offchain.serving.files import Files

HEAD = struct.Struct("<II")
READ_AHEAD = 1 << 20


def framed(content: bytes) -> bytes:
    """A content with its frame."""
    return HEAD.pack(len(content), zlib.crc32(content)) + content


def frames_of(files: Files, name: str) -> Iterator[tuple[int, bytes]]:
    """The whole frames at the beginning of a file: where each content starts, and the content."""
    at, size = 0, files.size(name)
    ahead, ahead_at = b"", 0

    def read(start: int, length: int) -> bytes:
        nonlocal ahead, ahead_at
        if start < ahead_at or start + length > ahead_at + len(ahead):
            ahead, ahead_at = files.read(name, start, max(length, READ_AHEAD)), start
        return ahead[start - ahead_at : start - ahead_at + length]

    while at + HEAD.size <= size:
        length, check = HEAD.unpack(read(at, HEAD.size))
        if at + HEAD.size + length > size:
            return
        content = read(at + HEAD.size, length)
        if zlib.crc32(content) != check:
            return
        yield at + HEAD.size, content
        at += HEAD.size + length
