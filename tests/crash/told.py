"""What a node told before it died: to its subscribers, to its callers, and in its log."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pallets.primitives.codec import codec_of
from pallets.primitives.header import DigestItem, Header

DIGEST_ITEM = codec_of(DigestItem)
PRINTED = re.compile(r"Imported #(\d+) \(0x[0-9a-f]{4}…[0-9a-f]{4} → 0x([0-9a-f]{4})…([0-9a-f]{4})\)")


class Printed(NamedTuple):
    """A block in the log: its number, and how its hash starts and ends, in hex digits."""

    number: int
    head: str
    tail: str

    def is_of(self, block_hash: bytes) -> bool:
        digits = block_hash.hex()
        return digits.startswith(self.head) and digits.endswith(self.tail)


@dataclass
class Told:
    """All that was told of one database, over all lives of its nodes."""

    headers: dict[bytes, Header] = field(default_factory=dict)
    answered: dict[bytes, None] = field(default_factory=dict)
    """Blocks that a call named."""
    printed: dict[Printed, None] = field(default_factory=dict)
    found: dict[bytes, Header] = field(default_factory=dict)
    """Blocks that were in the database after an earlier death."""
    best: bytes | None = None
    final: Header | None = None

    def imported(self, news: Any) -> bytes:
        """A header that a subscriber was told; the block's hash."""
        header = header_of(news)
        block_hash = header.hash
        self.headers[block_hash] = header
        return block_hash

    def finalized(self, news: Any) -> None:
        header = self.headers[self.imported(news)]
        if self.final is None or header.number > self.final.number:
            self.final = header

    def read_log(self, log: Path) -> None:
        """Takes up the whole lines of a log."""
        for number, head, tail in PRINTED.findall(log.read_text(errors="replace")):
            self.printed[Printed(int(number), head, tail)] = None

    def header(self, block_hash: bytes) -> Header | None:
        """The header of a block that was told or found."""
        return self.headers.get(block_hash) or self.found.get(block_hash)


def header_of(news: Any) -> Header:
    """The header of its JSON form."""
    number = int(news["number"], 16)
    logs = [DIGEST_ITEM.decode_all(_bytes(item)) for item in news["digest"]["logs"]]
    roots = _bytes(news["stateRoot"]), _bytes(news["extrinsicsRoot"])
    return Header(_bytes(news["parentHash"]), number, *roots, logs)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
