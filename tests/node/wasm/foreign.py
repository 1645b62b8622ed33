"""All runtimes among the vectors, `make foreign`: compiling them takes a minute where that wasn't done before."""

from __future__ import annotations

import pytest

from node.wasm.backend import FullState
from node.wasm.overlay import Storage
from node.wasm.runtime import Runtime
from pallets.primitives.runtime_code import CORE_VERSION
from pallets.primitives.scale import read_compact
from tests.node.state.recorded import genesis_values, unhex
from tests.node.wasm.recorded_blocks import ALICE, PARENT_HASH, built, chopsticks, differing
from tests.node.wasm.stage import CACHE, ProgramClass
from tests.vectors import vector

RUNTIMES = {
    "westend.raw.json.gz": ("westend", 1),
    "khala.raw.json.gz": ("khala", 1),
    "dot-coretime.raw.json.gz": ("coretime-polkadot", 1003000),
    "asset-hub-kusama-local.raw.json.gz": ("statemine", 1000000),
    "phala-poc6.raw.json.gz": ("phala-node", 1),
    "substrate-node-template.raw.json": ("node-template", None),
}


@pytest.mark.parametrize("chain", RUNTIMES)
def test_version_and_metadata(chain: str, path: ProgramClass) -> None:
    values = genesis_values(chain)
    name, spec_version = RUNTIMES[chain]
    runtime = Runtime(values[b":code"], CACHE, program=path)
    (spec, *_), _ = CORE_VERSION.decode(runtime.call("Core_version", b"", Storage(FullState(values))).result, 0)
    assert spec == runtime.version.spec_name == name
    assert spec_version in (None, runtime.version.spec_version)
    answer = runtime.call("Metadata_metadata", b"", Storage(FullState(values))).result
    size, at = read_compact(answer, 0)
    metadata = answer[at:]
    assert len(metadata) == size and metadata.startswith(b"meta")
    if chain.startswith("substrate-node-template"):
        recorded = unhex(vector("metadata/substrate-node-template-metadata.hex").read_text().strip())
        assert recorded in (answer, metadata)


def test_phala_state_by_state() -> None:
    recording = chopsticks("phala_blocks")
    (_, genesis), *blocks = recording.blocks
    values = genesis_values("phala-poc6.raw.json.gz")
    values[ALICE] = genesis[ALICE]
    runtime, state = Runtime(values[b":code"], CACHE), FullState(values)
    assert differing(state, genesis) == set() and len(blocks) == 3
    for block, expected in blocks:
        storage = Storage(state)
        built(runtime, storage, block)
        state.apply(storage.changes().top, 0)
        foreseen = {PARENT_HASH} if block.header.number == 1 else set()
        assert differing(state, expected) == foreseen
        state.apply({key: expected[key] for key in foreseen}, 0)
