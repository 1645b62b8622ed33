"""The store: bounded, the oldest out first, and the same after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from offchain.serving.files import DiskFiles
from offchain.serving.store import SEGMENTS, Store, TooLarge


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_the_oldest_go_first_and_the_rest_outlives_a_start(tmp_path: Path) -> None:
    store = Store(DiskFiles(tmp_path), max_bytes=80_000, max_entries=800)
    for number in range(200):
        store.put(key(number), bytes([number]) * 1_000)
    assert store.get(key(0)) is None and store.get(key(199)) == b"\xc7" * 1_000
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 80_000
    kept = [number for number in range(200) if store.get(key(number)) is not None]
    assert kept == list(range(kept[0], 200)) and len(kept) > 50
    newest = max(tmp_path.iterdir())
    newest.write_bytes(newest.read_bytes() + b"\x40\0\0\0torn")
    again = Store(DiskFiles(tmp_path), max_bytes=80_000, max_entries=800)
    assert [number for number in range(200) if again.get(key(number)) == bytes([number]) * 1_000] == kept
    again.put_all([(key(200), b"one"), (key(201), b"two"), (key(199), b"other")])
    assert [again.get(key(number)) for number in (200, 201)] == [b"one", b"two"]
    assert again.get(key(199)) == b"\xc7" * 1_000, "what is there stays"


def test_many_small_ones_and_one_too_large(tmp_path: Path) -> None:
    store = Store(DiskFiles(tmp_path), max_entries=8 * SEGMENTS)
    for number in range(1_000):
        store.put(key(number), b"")
    assert 7 * SEGMENTS <= len(store) <= 8 * SEGMENTS and store.get(key(999)) == b""
    with pytest.raises(TooLarge):
        store.put(key(0), bytes(25 << 20))


def test_what_the_disk_has_changed_is_not_shown(tmp_path: Path) -> None:
    store = Store(DiskFiles(tmp_path))
    store.put(key(1), b"content")
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes().replace(b"content", b"contend"))
    assert Store(DiskFiles(tmp_path)).get(key(1)) is None
