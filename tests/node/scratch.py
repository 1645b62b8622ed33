"""Directories for tests that aren't about the disk: in memory where the system has such a place, for speed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

MEMORY = Path("/dev/shm")


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """An empty directory, gone at the end of the block."""
    with TemporaryDirectory(prefix="fathom-test-", dir=MEMORY if MEMORY.is_dir() else None) as directory:
        yield Path(directory)
