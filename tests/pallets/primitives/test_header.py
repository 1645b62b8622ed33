"""Headers against real chains: Westend 1 to 256, Polkadot and Kusama 1 and 2."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from pallets.primitives.header import (
    AURA_ENGINE,
    SLOT,
    Consensus,
    Header,
    Other,
    PreRuntime,
    RuntimeEnvironmentUpdated,
    Seal,
)
from pallets.primitives.scale import DecodeError
from tests.vectors import vector

WESTEND_GENESIS = bytes.fromhex("e143f23803ac50e8f6f8e62695d1ce9e4e1d68aa36c1cd2cfd15340213f3423e")


def westend() -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = json.loads(
        gzip.decompress(vector("recorded/westend/westend_blocks_1_256.decoded.json.gz").read_bytes())
    )
    return blocks


def test_westend_headers() -> None:
    parent = WESTEND_GENESIS
    blocks = westend()
    for number, block in enumerate(blocks, 1):
        data = bytes.fromhex(block["header_scale"][2:])
        header = Header.decode(data)
        assert header.encode() == data
        assert header.number == number == block["number"]
        assert header.parent_hash == parent
        assert header.hash == bytes.fromhex(block["hash"][2:])
        parent = header.hash
    assert len(blocks) == 256


def test_first_headers_of_polkadot_and_kusama() -> None:
    entries = json.loads(vector("recorded/smoldot/embedded_vectors.json").read_text())
    found = 0
    for entry in entries:
        try:
            header = Header.decode(bytes.fromhex(entry["hex"][2:]))
        except DecodeError:
            continue
        assert header.encode() == bytes.fromhex(entry["hex"][2:])
        found += header.number in (1, 2)
    assert found >= 4


def test_seal_and_slot() -> None:
    digest = [PreRuntime(AURA_ENGINE, SLOT.encode(7)), Consensus(b"FRNK", b"x"), Seal(AURA_ENGINE, bytes(64))]
    header = Header(bytes(32), 1, bytes(32), bytes(32), list(digest))
    assert header.slot() == 7
    assert header.without_seal().digest == digest[:-1]
    assert header.without_seal().without_seal() == header.without_seal()
    assert Header(bytes(32), 1, bytes(32), bytes(32), [Other(b""), RuntimeEnvironmentUpdated()]).slot() is None


@pytest.mark.parametrize("cut", [0, 31, 32, 33, 64, 96])
def test_truncated_headers_are_refused(cut: int) -> None:
    data = Header(bytes(32), 1, bytes(32), bytes(32), [RuntimeEnvironmentUpdated()]).encode()
    with pytest.raises(DecodeError):
        Header.decode(data[:cut])
    with pytest.raises(DecodeError):
        Header.decode(data + b"\0")
