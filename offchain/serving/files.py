"""Append-only files of one directory, on disk or in memory: what log and store are written in.

    files = DiskFiles(base_path / "receipts")
    files.append("0.log", data)
    files.sync("0.log")     # on disk when this returns, from any thread

Errors: `OSError`. An `append` that raises has added nothing, or `append` raises from then on.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """Files by name, which grow at their end."""

    durable: bool
    """Whether anything outlives the process."""

    def names(self) -> list[str]:
        """All files, sorted."""

    def size(self, name: str) -> int:
        """Bytes of a file; 0 where there is none."""

    def read(self, name: str, start: int, length: int) -> bytes:
        """Bytes of a file; fewer at its end."""

    def append(self, name: str, data: bytes) -> None:
        """Adds to a file, which is made if there is none; before `sync` it is only as safe as the machine."""

    def sync(self, name: str) -> None:
        """Has all that was appended to a file before on disk."""

    def cut(self, name: str, size: int) -> None:
        """Removes what a file has beyond so many bytes."""

    def remove(self, name: str) -> None:
        """Removes a file."""


class DiskFiles:
    """Files in a directory, which is made if there is none, for this user alone."""

    durable = True

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._open: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._new: set[str] = set()
        self._torn = False

    def names(self) -> list[str]:
        return sorted(path.name for path in self._directory.iterdir() if path.is_file())

    def size(self, name: str) -> int:
        return self._sizes[name] if name in self._sizes else self._stored_size(name)

    def read(self, name: str, start: int, length: int) -> bytes:
        return os.pread(self._handle(name), length, start)

    def append(self, name: str, data: bytes) -> None:
        if self._torn:
            raise OSError("an earlier write could not be undone: the worker has to start anew")
        handle, size = self._handle(name), self.size(name)
        written = 0
        try:
            while written < len(data):
                written += os.write(handle, data[written:])
        except OSError:
            self._torn = True
            os.ftruncate(handle, size)
            self._torn = False
            raise
        self._sizes[name] = size + written

    def sync(self, name: str) -> None:
        os.fdatasync(self._handle(name))
        if name in self._new:
            directory = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
            self._new.discard(name)

    def cut(self, name: str, size: int) -> None:
        os.ftruncate(self._handle(name), size)
        os.fsync(self._handle(name))
        self._sizes[name] = size

    def remove(self, name: str) -> None:
        (self._directory / name).unlink()
        self._sizes.pop(name, None)
        self._new.discard(name)
        handle = self._open.pop(name, None)
        if handle is not None:
            os.close(handle)

    def close(self) -> None:
        """Nothing may be asked of it from here on."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _handle(self, name: str) -> int:
        handle = self._open.get(name)
        if handle is None:
            path = self._directory / name
            if not path.exists():
                self._new.add(name)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._open[name] = handle
            self._sizes[name] = os.fstat(handle).st_size
        return handle

    def _stored_size(self, name: str) -> int:
        path = self._directory / name
        return path.stat().st_size if path.exists() else 0


class MemoryFiles:
    """Files that end with the process."""

    durable = False

    def __init__(self) -> None:
        self._files: dict[str, bytearray] = {}

    def names(self) -> list[str]:
        return sorted(self._files)

    def size(self, name: str) -> int:
        return len(self._files.get(name, b""))

    def read(self, name: str, start: int, length: int) -> bytes:
        return bytes(self._files[name][start : start + length])

    def append(self, name: str, data: bytes) -> None:
        self._files.setdefault(name, bytearray()).extend(data)

    def sync(self, name: str) -> None:
        return

    def cut(self, name: str, size: int) -> None:
        del self._files[name][size:]

    def remove(self, name: str) -> None:
        del self._files[name]

    def close(self) -> None:
        self._files.clear()
