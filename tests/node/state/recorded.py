"""Recorded states and blocks of real chains, read into bytes."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.vectors import vector


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def load_json(relative: str) -> Any:
    """One file of the collection, unpacked where it is packed."""
    path = vector(relative)
    return json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())


def genesis_values(name: str) -> dict[bytes, bytes]:
    top = load_json(f"chainspecs/{name}")["genesis"]["raw"]["top"]
    return {unhex(key): unhex(value) for key, value in top.items()}


def phala_blocks() -> tuple[dict[bytes, bytes], list[dict[bytes, bytes | None]], list[bytes]]:
    """The genesis values, the change sets of the blocks after it, and their state roots."""
    top = load_json("trie/phala/db-0.json.gz")["genesis"]["raw"]["top"]
    changes = load_json("trie/phala/changes.json.gz")["result"]
    return (
        {unhex(key): unhex(value) for key, value in top.items()},
        [
            {unhex(key): None if value is None else unhex(value) for key, value in entry["mainStorageChanges"]}
            for entry in changes
        ],
        [unhex(line) for line in vector("trie/phala/state_roots.txt").read_text().split()],
    )
