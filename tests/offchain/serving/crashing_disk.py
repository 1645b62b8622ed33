"""A disk that stops at a chosen operation, and what is on it afterwards."""

from __future__ import annotations

import random


class Crash(Exception):
    """The machine is gone."""


class CrashingDisk:
    """`Files` of which only what was synced is sure to survive; of the rest any part of its beginning may.

    The operation number `crash_at` is begun and not finished; everything after it raises too.
    """

    durable = True

    def __init__(self, crash_at: int, seed: int = 0, files: dict[str, bytes] | None = None) -> None:
        self._files = {name: bytearray(data) for name, data in (files or {}).items()}
        self._safe = {name: len(data) for name, data in self._files.items()}
        self._left, self._chance = crash_at, random.Random(seed)

    @property
    def crashed(self) -> bool:
        return self._left < 0

    def names(self) -> list[str]:
        return sorted(self._files)

    def size(self, name: str) -> int:
        return len(self._files.get(name, b""))

    def read(self, name: str, start: int, length: int) -> bytes:
        return bytes(self._files[name][start : start + length])

    def append(self, name: str, data: bytes) -> None:
        file = self._files.setdefault(name, bytearray())
        if self._is_last():
            file += data[: self._chance.randint(0, len(data))]
        self._step()
        file += data

    def sync(self, name: str) -> None:
        if self._is_last() and self._chance.random() < 0.5:
            self._safe[name] = len(self._files[name])  # it reached the disk, and nobody was told
        self._step()
        self._safe[name] = len(self._files[name])

    def cut(self, name: str, size: int) -> None:
        self._step()
        del self._files[name][size:]
        self._safe[name] = size

    def remove(self, name: str) -> None:
        self._step()
        del self._files[name]

    def close(self) -> None:
        return

    def survivors(self) -> dict[str, bytes]:
        """What the next start finds."""
        kept = {}
        for name, data in self._files.items():
            safe = self._safe.get(name, 0)
            end = self._chance.randint(safe, len(data))
            tail = bytes(data[safe:end])
            if tail and self._chance.random() < 0.3:
                tail = tail[:-1] + bytes([tail[-1] ^ 0xFF])  # a page that was never written
            if safe or tail:
                kept[name] = bytes(data[:safe]) + tail
        return kept

    def _is_last(self) -> bool:
        return self._left == 0

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Crash
