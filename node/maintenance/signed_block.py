"""Blocks in files, as Substrate's `export-blocks` writes them and `import-blocks` reads them.

## Overview

| format | a file is |
| --- | --- |
| JSON | one `SignedBlock` object after another, as `chain_getBlock` answers it; ours has one a line |
| binary | their count, u64 little-endian, then each in SCALE |

An extrinsic is opaque: its bytes with their length before them. Files are read as they come, and a block at a time is
in memory.

## Errors

`MalformedFile` names the block, by its place in the file, and the byte at which it starts.

Source: `sp_runtime::generic::SignedBlock`, `sc_service::chain_ops::{export_blocks, import_blocks}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import IO, Any, NamedTuple

import orjson

from node.maintenance.errors import MaintenanceError
from node.rpc.context import DIGEST_ITEM, check_length_prefix, header_json, to_hex
from pallets.primitives.codec import codec_of
from pallets.primitives.header import HEADER, EngineId, Header
from pallets.primitives.scale import DecodeError, compact, read_compact

JUSTIFICATIONS = codec_of(list[tuple[EngineId, bytes]] | None)
CHUNK = 1 << 16
MAX_BLOCK = 1 << 26
"""Bytes of one block in a file: what is larger isn't one, and isn't read into memory to find out."""
MARKS = re.compile(rb'["\\{}]')
SPACE = re.compile(rb"\s*")


class MalformedFile(MaintenanceError):
    """The file holds something other than signed blocks, or ends within one."""


class SignedBlock(NamedTuple):
    """A block and what was signed about it: pairs of an engine's four bytes and its proof."""

    header: Header
    extrinsics: list[bytes]
    justifications: list[tuple[bytes, bytes]] | None = None

    def encode(self) -> bytes:
        """The block in SCALE."""
        return b"".join(
            (
                self.header.encode(),
                compact(len(self.extrinsics)),
                *self.extrinsics,
                JUSTIFICATIONS.encode(self.justifications),
            )
        )

    @classmethod
    def decode(cls, data: bytes, at: int = 0) -> tuple[SignedBlock, int]:
        """The block at an offset, and the offset behind it; raises `DecodeError`."""
        header, at = HEADER.decode(data, at)
        count, at = read_compact(data, at)
        extrinsics = []
        for _ in range(count):
            length, start = read_compact(data, at)
            end = start + length
            if end > len(data):
                raise DecodeError(f"an extrinsic of {length} bytes starts at byte {at}, {len(data) - start} follow")
            extrinsics.append(data[at:end])
            at = end
        justifications, at = JUSTIFICATIONS.decode(data, at)
        return cls(header, extrinsics, justifications), at

    def to_json(self) -> bytes:
        """The block as a line of JSON."""
        proofs = self.justifications
        document = {
            "block": {"header": header_json(self.header), "extrinsics": [to_hex(each) for each in self.extrinsics]},
            "justifications": None if proofs is None else [[list(engine), list(proof)] for engine, proof in proofs],
        }
        return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def of_json(cls, text: bytes) -> SignedBlock:
        """The block of a JSON object; raises `ValueError`."""
        try:
            document = orjson.loads(text)
            block, proofs = document["block"], document["justifications"]
            header = _header(block["header"])
            header.encode()  # each field is of its size
            extrinsics = [_of_hex(each) for each in block["extrinsics"]]
            for extrinsic in extrinsics:
                check_length_prefix(extrinsic)
            pairs = None if proofs is None else [(_of_list(engine), _of_list(proof)) for engine, proof in proofs]
            JUSTIFICATIONS.encode(pairs)
        except KeyError as error:
            raise ValueError(f"it has no {error}") from None
        except (TypeError, AttributeError, LookupError):
            raise ValueError("it has another shape") from None
        return cls(header, extrinsics, pairs)


def write(blocks: Iterable[SignedBlock], count: int, file: IO[bytes], *, binary: bool) -> None:
    """Writes `count` blocks as they come."""
    if binary:
        file.write(count.to_bytes(8, "little"))
    for block in blocks:
        file.write(block.encode() if binary else block.to_json())


def read(file: IO[bytes], *, binary: bool) -> Iterator[SignedBlock]:
    """The blocks of a file as they come; raises `MalformedFile` at the first that is none."""
    return _read_binary(_Source(file)) if binary else _read_json(_Source(file))


class _Source:
    """A file read in chunks; `data` from `at` on is what isn't taken yet, `offset` is where in the file `at` is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.data, self.at, self.offset = b"", 0, 0
        self.ended = False

    def more(self) -> bool:
        """Reads on, as much as there is untaken so that reading again and again costs no more; whether more came."""
        untaken = len(self.data) - self.at
        if self.ended or untaken > MAX_BLOCK:
            return False
        chunk = self._file.read(max(CHUNK, untaken))
        self.ended = not chunk
        self.data, self.at = self.data[self.at :] + chunk, 0
        return bool(chunk)

    @property
    def end(self) -> int:
        """Up to where the file is read."""
        return self.offset + len(self.data) - self.at

    def take(self, end: int) -> None:
        self.offset += end - self.at
        self.at = end


def _read_binary(source: _Source) -> Iterator[SignedBlock]:
    while len(source.data) < 8 and source.more():
        pass
    if len(source.data) < 8:
        raise MalformedFile(f"the file ends at byte {len(source.data)}, within the count of its blocks")
    count = int.from_bytes(source.data[:8], "little")
    source.take(8)
    for place in range(1, count + 1):
        yield _next_binary(source, place, count)
    if source.at < len(source.data) or source.more():
        raise MalformedFile(f"the file goes on at byte {source.offset}, behind its {count} blocks")


def _next_binary(source: _Source, place: int, count: int) -> SignedBlock:
    while True:
        try:
            block, end = SignedBlock.decode(source.data, source.at)
        except DecodeError:
            if source.more():
                continue
            ends = f", which ends at byte {source.end}, is cut short" if source.ended else " goes on"
            raise MalformedFile(
                f"block {place} of {count}, at byte {source.offset}, can't be read: it is damaged, or the file{ends}"
            ) from None
        source.take(end)
        return block


def _read_json(source: _Source) -> Iterator[SignedBlock]:
    place = 1
    while (found := _next_object(source, place)) is not None:
        start, text = found
        try:
            block = SignedBlock.of_json(text)
        except ValueError as error:
            raise MalformedFile(f"block {place}, at byte {start}, isn't a signed block: {error}") from None
        yield block
        place += 1


def _next_object(source: _Source, place: int) -> tuple[int, bytes] | None:
    """Where the next JSON object starts, and its text; `None` at the end of the file."""
    while (first := SPACE.match(source.data, source.at)) is not None and first.end() == len(source.data):
        source.take(first.end())
        if not source.more():
            return None
    assert first is not None
    source.take(first.end())
    start = source.offset
    if source.data[source.at] != ord("{"):
        raise MalformedFile(f"block {place}, at byte {start}, isn't a signed block: it doesn't start with {{")
    end = _end_of_object(source)
    if end is None:
        why = f"isn't whole: the file ends at byte {source.end}" if source.ended else f"is over {MAX_BLOCK} bytes"
        raise MalformedFile(f"block {place}, at byte {start}, {why}")
    text = source.data[source.at : end]
    source.take(end)
    return start, text


def _end_of_object(source: _Source) -> int | None:
    """Where the object at `source.at` ends; `None` where it doesn't."""
    depth, quoted, seen = 0, False, 0
    while True:
        for mark in MARKS.finditer(source.data, source.at + seen):
            sign, place = mark[0], mark.start() - source.at
            if place < seen:
                continue  # escaped
            if sign == b"\\":
                seen = place + 2
            elif sign == b'"':
                quoted = not quoted
            elif not quoted:
                depth += 1 if sign == b"{" else -1
                if depth == 0:
                    return mark.end()
        seen = max(seen, len(source.data) - source.at)
        if not source.more():
            return None


def _header(given: Any) -> Header:
    return Header(
        _of_hex(given["parentHash"]),
        _number(given["number"]),
        _of_hex(given["stateRoot"]),
        _of_hex(given["extrinsicsRoot"]),
        [DIGEST_ITEM.decode_all(_of_hex(item)) for item in given["digest"]["logs"]],
    )


def _number(text: str) -> int:
    number = int(text, 16)
    if not 0 <= number < 1 << 32:
        raise ValueError(f"{text!r} is no block number")
    return number


def _of_list(octets: Any) -> bytes:
    """Bytes as a list of numbers; a number alone would be as many zeros."""
    if not isinstance(octets, list):
        raise TypeError
    return bytes(octets)


def _of_hex(text: str) -> bytes:
    if not text.startswith("0x"):
        raise ValueError(f"{text[:80]!r} should be hex that starts with 0x")
    return bytes.fromhex(text[2:])
