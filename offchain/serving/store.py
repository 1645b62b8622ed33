"""What a worker keeps to show later, by 32 bytes: transcripts by their root, answers by their receipt's id.

It is bounded in bytes and in entries, and the oldest go first, whole files at a time. Nothing in it is needed to be
honest: what a crash takes is gone.

    store = Store(DiskFiles(base_path / "store"))
    store.put(root, data)
    data = store.get(root)

Errors: `TooLarge`, and `OSError` of the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from offchain.serving.files import Files
from offchain.serving.frames import HEAD, framed

KEY = 32
ENTRY_HEAD = HEAD.size + KEY
MAX_ENTRY = 24 << 20
SEGMENTS = 8
"""Of so many files the oldest goes when the store is full."""


class TooLarge(Exception):
    """An entry is longer than the store takes."""


class _Place(NamedTuple):
    """Where an entry's frame starts, and how long its data is."""

    segment: int
    start: int
    length: int


class Store:
    """Entries by key, up to `max_bytes` and `max_entries` in all."""

    def __init__(self, files: Files, max_bytes: int = 256 << 20, max_entries: int = 100_000) -> None:
        self._files = files
        self._segment_bytes, self._segment_entries = max_bytes // SEGMENTS, max_entries // SEGMENTS
        self._places: dict[bytes, _Place] = {}
        self._entries: dict[int, list[bytes]] = {}
        for name in files.names():
            number = int(name.removesuffix(".store"))
            self._entries[number] = []
            end, size = 0, files.size(name)
            while end + ENTRY_HEAD <= size:
                head = files.read(name, end, ENTRY_HEAD)
                length = HEAD.unpack_from(head)[0]
                if length < KEY or end + HEAD.size + length > size:
                    break
                self._remember(number, head[HEAD.size :], end, length - KEY)
                end += HEAD.size + length
            if end < size:
                files.cut(name, end)
        self._newest = max(self._entries, default=0)
        self._entries.setdefault(self._newest, [])

    def __len__(self) -> int:
        return len(self._places)

    def put(self, key: bytes, data: bytes) -> None:
        """Keeps an entry; what is there under the key stays. Raises `TooLarge` or `OSError`."""
        self.put_all([(key, data)])

    def put_all(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """As `put` of each, in one write."""
        new = {key: data for key, data in entries if key not in self._places}
        if any(len(data) > MAX_ENTRY for data in new.values()):
            raise TooLarge(f"an entry has more than the {MAX_ENTRY} bytes that are kept")
        frames = [framed(key + data) for key, data in new.items()]
        name = _name(self._newest)
        size, count = self._files.size(name), len(self._entries[self._newest])
        if count and (size + sum(map(len, frames)) > self._segment_bytes or count >= self._segment_entries):
            self._begin_segment()
            name, size = _name(self._newest), 0
        self._files.append(name, b"".join(frames))
        for (key, data), frame in zip(new.items(), frames, strict=True):
            self._remember(self._newest, key, size, len(data))
            size += len(frame)

    def sync(self) -> None:
        """Has what was put last on disk, whatever happens to the machine. Raises `OSError`."""
        self._files.sync(_name(self._newest))

    def get(self, key: bytes) -> bytes | None:
        """An entry; `None` where it isn't kept, or not any more."""
        place = self._places.get(key)
        if place is None:
            return None
        frame = self._files.read(_name(place.segment), place.start, ENTRY_HEAD + place.length)
        return None if framed(frame[HEAD.size :]) != frame else frame[ENTRY_HEAD:]

    def _begin_segment(self) -> None:
        self._newest += 1
        self._entries[self._newest] = []
        while len(self._entries) > SEGMENTS:
            oldest = min(self._entries)
            for key in self._entries.pop(oldest):
                if self._places[key].segment == oldest:
                    del self._places[key]
            self._files.remove(_name(oldest))

    def _remember(self, segment: int, key: bytes, start: int, length: int) -> None:
        self._places[key] = _Place(segment, start, length)
        self._entries[segment].append(key)


def _name(number: int) -> str:
    return f"{number:010}.store"
