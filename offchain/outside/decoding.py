"""Decompresses responses' bodies, a bounded part at a time: a few kilobytes may hold a gigabyte.

Errors: `UnreadableBody`, `TooLarge`.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Iterator

from offchain.outside.errors import TooLarge, UnreadableBody

ACCEPTED = "gzip, deflate"
PART = 64 * 1024
"""Most bytes of a body that are handed on at once."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


async def decoded(chunks: AsyncGenerator[bytes, None], coding: str, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """A body's bytes, none empty and each at most `PART` long.

    `coding` is the response's `content-encoding`; `max_bytes` bounds what is received and what comes of it, each.
    Raises `UnreadableBody` for another coding than `ACCEPTED`, bytes that aren't of it and a body that ends too early.
    """
    parts = _plain if coding.strip().lower() in ("", "identity") else _Inflating(coding)
    received = given = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > max_bytes:
            raise TooLarge(f"the response is longer than {max_bytes} bytes")
        for part in parts(chunk):
            given += len(part)
            if given > max_bytes:
                raise TooLarge(f"the response is longer than {max_bytes} bytes")
            yield part
    if received and isinstance(parts, _Inflating) and not parts.complete:
        raise UnreadableBody("the compressed response ends too early")


def _plain(chunk: bytes) -> Iterator[bytes]:
    for start in range(0, len(chunk), PART):
        yield chunk[start : start + PART]


class _Inflating:
    """Gzip of one or more members, or deflate with or without zlib's frame."""

    def __init__(self, coding: str) -> None:
        match coding.strip().lower():
            case "gzip" | "x-gzip":
                self._form = _GZIP
            case "deflate":
                self._form = _ZLIB
            case _:
                raise UnreadableBody(f"the response has content-encoding {coding[:40]!r}, which wasn't asked for")
        self._inflater = zlib.decompressobj(self._form)
        self._begun = False

    @property
    def complete(self) -> bool:
        """Whether what has come so far is a whole body."""
        return self._inflater.eof

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if self._inflater.eof:
                if self._form != _GZIP:
                    return  # what follows the end is nobody's
                self._inflater = zlib.decompressobj(_GZIP)
            part, chunk = self._inflated(chunk)
            if part:
                yield part

    def _inflated(self, chunk: bytes) -> tuple[bytes, bytes]:
        """A part of the body, and what is left of the chunk."""
        try:
            part = self._inflater.decompress(chunk, PART)
        except zlib.error as error:
            if self._form != _ZLIB or self._begun:
                raise UnreadableBody("the compressed response is damaged") from error
            self._form = _RAW  # what many servers mean by deflate
            self._inflater = zlib.decompressobj(_RAW)
            return b"", chunk
        self._begun = True
        return part, self._inflater.unconsumed_tail or self._inflater.unused_data
