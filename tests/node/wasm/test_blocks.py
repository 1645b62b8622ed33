"""Real chains' blocks by their own runtimes: Westend's first, and Asset Hub's as Chopsticks has made them."""

from __future__ import annotations

import pytest

from node.wasm.backend import FullState
from node.wasm.call import Surroundings
from node.wasm.errors import RuntimePanicked
from node.wasm.overlay import Storage
from node.wasm.public import PublicProgram
from node.wasm.runtime import Runtime
from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import compact
from tests.node.state.recorded import genesis_values, load_json, unhex
from tests.node.wasm.recorded_blocks import (
    ALICE,
    PARENT_HASH,
    built,
    chopsticks,
    differing,
    executed,
    westend_blocks,
)
from tests.node.wasm.stage import CACHE, ProgramClass

CODE = b":code"


@pytest.fixture(scope="module")
def asset_hub() -> dict[bytes, bytes]:
    return genesis_values("asset-hub-kusama-local.raw.json.gz")


def test_westend_from_genesis(path: ProgramClass) -> None:
    """All 256 blocks by the fast path; the first by the other, which is slow."""
    genesis, blocks = genesis_values("westend.raw.json.gz"), westend_blocks()
    if path is PublicProgram:
        blocks = blocks[:32]
    runtime = Runtime(genesis[CODE], CACHE, program=path)
    assert runtime.version.spec_version == 1
    roots = list(executed(runtime, FullState(genesis), blocks))
    assert len(roots) == len(blocks)
    assert all(root == claimed for root, claimed in roots)


@pytest.mark.parametrize("chain", ["westend", "khala", "dot-coretime"])
def test_genesis_states(chain: str) -> None:
    expected = load_json("chainspecs/genesis_hashes.json")[chain]
    version = int(expected["state_version"])
    state = FullState(genesis_values(f"{chain}.raw.json.gz"), version=version)
    root = state.root({}, version)
    assert root == unhex(expected["state_root"])
    empty_body = unhex("0x03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314")
    assert blake2_256(bytes(32) + compact(0) + root + empty_body + compact(0)) == unhex(expected["genesis_hash"])


def test_asset_hub_state_by_state(asset_hub: dict[bytes, bytes]) -> None:
    recording = chopsticks("ahk_blocks2")
    runtime, state = Runtime(asset_hub[CODE], CACHE), FullState(asset_hub)
    (_, genesis), *blocks = recording.blocks
    assert differing(state, genesis) == set()
    assert len(blocks) == 4
    for block, expected in blocks:
        storage = Storage(state)
        built(runtime, storage, block)
        state.apply(storage.changes().top, 0)
        foreseen = {PARENT_HASH, ALICE} if block.header.number == 1 else set()
        assert differing(state, expected) == foreseen
        state.apply({key: expected[key] for key in foreseen}, 0)


def test_asset_hub_refuses(asset_hub: dict[bytes, bytes], path: ProgramClass) -> None:
    """A signature that isn't one, an extrinsic that is none, a block without its inherents; and a mocked signature."""
    recording = chopsticks("ahk_blocks2")
    runtime = Runtime(asset_hub[CODE], CACHE, program=path)
    mocking = Runtime(asset_hub[CODE], CACHE, Surroundings(mock_signatures=True), path)
    storage = Storage(FullState({**asset_hub, **recording.blocks[1][1], CODE: asset_hub[CODE]}))
    block = recording.blocks[2][0]
    storage.start_transaction()
    runtime.call("Core_initialize_block", block.header.encode(), storage)
    transfer = recording.transactions[0]
    signature = transfer.index(ALICE[-32:]) + 33
    forged = transfer[:signature] + bytes(64) + transfer[signature + 64 :]
    mocked = transfer[:signature] + bytes.fromhex("deadbeef") + b"\xcd" * 60 + transfer[signature + 64 :]
    for extrinsic, result in ((forged, "010004"), (mocked, "010004")):
        assert runtime.call("BlockBuilder_apply_extrinsic", extrinsic, storage).result.hex() == result
    assert mocking.call("BlockBuilder_apply_extrinsic", mocked, storage).result.hex() == "0000"
    with pytest.raises(RuntimePanicked) as caught:
        runtime.call("BlockBuilder_apply_extrinsic", transfer[:40], storage)
    assert caught.value.backtrace[-1] == "BlockBuilder_apply_extrinsic"
    with pytest.raises(RuntimePanicked) as caught:
        runtime.call("BlockBuilder_finalize_block", b"", storage)
    assert any("on_finalize" in name for name in caught.value.backtrace)
    assert storage.depth == 1
    storage.rollback_transaction()
    assert storage.changes() == ({}, {}, {})


def test_counts_of_host_calls(asset_hub: dict[bytes, bytes], path: ProgramClass) -> None:
    """What `fathom replay` shows: which host functions a call asked for, and how often."""
    runtime = Runtime(asset_hub[CODE], CACHE, program=path)
    stats = runtime.call("Core_version", b"", Storage(FullState(asset_hub)), timed=True).stats
    assert stats.fuel > 0 and stats.nanoseconds > 0 and stats.memory_bytes >= 1 << 16
    assert stats.host_functions["ext_allocator_malloc_version_1"].calls > 0
    nonce = runtime.call("AccountNonceApi_account_nonce", ALICE[-32:], Storage(FullState(asset_hub)), timed=True)
    assert nonce.stats.host_functions["ext_storage_get_version_1"].calls == 1
    assert runtime.call("Core_version", b"", Storage(FullState(asset_hub))).stats.host_functions == {}
