"""`fathom replay` of chains in files: Westend from its genesis, Chopsticks' states, and recordings that are wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from node.progress import unseen
from node.replay.block import RecordedBlock
from node.replay.errors import (
    BrokenHistory,
    NoRuntime,
    NotItsHash,
    OtherNetwork,
    ReplayError,
    UnreadableRecording,
    UnrecordedBlock,
)
from node.replay.files import Genesis, Recording, recording
from node.replay.report import Outcome, as_json, show
from node.replay.run import from_recording
from node.state.trie import ordered_root
from node.wasm.process import Engine, open_engine
from offchain.connect.output import exact
from pallets.primitives.header import Consensus
from tests.vectors import vector

FOREIGN = Path(__file__).resolve().parents[3] / "build" / "foreign"
WESTEND = "recorded/westend/westend_blocks_1_256.decoded.json.gz"


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with open_engine(FOREIGN) as made:
        yield made


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return Genesis.of(vector("chainspecs/westend.raw.json.gz"))


@pytest.fixture(scope="module")
def westend() -> Recording:
    return recording(vector(WESTEND))


def with_block(blocks: Recording, number: int, extrinsics: list[bytes] | None = None, **fields: Any) -> Recording:
    """A recording in which a block is another one, and the next one follows on it."""
    found = blocks.blocks[number]
    header, body = replace(found.header, **fields), found.extrinsics
    if extrinsics is not None:
        header, body = replace(header, extrinsics_root=ordered_root(extrinsics)), extrinsics
    after = blocks.blocks[number + 1]
    following = replace(after.header, parent_hash=header.hash)
    changed = {
        number: RecordedBlock(header.hash, header, body),
        number + 1: RecordedBlock(following.hash, following, after.extrinsics),
    }
    return Recording(blocks.path, {**blocks.blocks, **changed})


def judged(outcome: Outcome) -> dict[str, bool | None]:
    return {each.what: each.matches for each in outcome.compared}


async def test_westend_from_its_genesis(
    engine: Engine, genesis: Genesis, westend: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    """All 256 blocks: those before the last one lead to its state, each to the root in its header."""
    seen: list[int] = []
    outcome = await from_recording(engine, genesis, westend, 256, seen.append, traced=True)
    assert seen == list(range(1, 256))
    assert outcome.matches and judged(outcome) == {
        "execution": True,
        "state root": True,
        "extrinsics root": True,
        "digest": True,
        "events": None,
    }
    # What the steps have changed, one after another, is what the block has.
    values: dict[bytes, bytes | None] = {}
    for step in outcome.executed.steps:
        for key, before, after, child in step.changes:
            assert child is None and before != after and values.get(key, before) == before
            values[key] = after
    assert values.items() <= dict(outcome.executed.changes.top).items()
    told = json.loads(json.dumps(exact(as_json(outcome))))
    steps = {step["step"]: step for step in told["steps"]}
    assert list(steps) == ["initialize", "0", "1", "2", "finalize"]
    assert [steps[each]["call"] for each in "012"] == [
        "Timestamp.set",
        "FinalityTracker.final_hint",
        "Parachains.set_heads",
    ]
    moment = next(change for change in steps["0"]["changes"] if change["item"] == "Timestamp.Now")
    assert moment["value_after"] - moment["value_before"] == 6000 and moment["after"].startswith("0x")
    number = next(change for change in steps["initialize"]["changes"] if change["item"] == "System.Number")
    assert number["value_after"] == 256
    functions = {each["name"]: each for each in told["host_functions"]}
    assert functions["ext_storage_root_version_1"]["calls"] == 1
    assert functions["ext_storage_get_version_1"]["milliseconds"] > 0
    assert told["matches"] and told["executed_by"] == "wasm" and told["fuel"] > 10_000
    show(outcome)
    shown = capsys.readouterr().out
    for expected in (
        "#256",
        "Parachains.set_heads",
        "System.BlockHash(",
        "ext_storage_get_version_1",
        "the runtime itself",
    ):
        assert expected in shown


async def test_a_block_that_comes_out_otherwise(engine: Engine, genesis: Genesis, westend: Recording) -> None:
    """Each difference is named, with what was said and what came; and a runtime that traps by its message."""

    async def replayed(blocks: Recording, number: int = 2) -> Outcome:
        return await from_recording(engine, genesis, blocks, number, unseen, traced=False)

    true = westend.blocks[2].header
    outcome = await replayed(with_block(westend, 2, state_root=b"\1" * 32))
    assert judged(outcome) | {"events": None} == {
        "execution": False,
        "state root": False,
        "extrinsics root": True,
        "digest": True,
        "events": None,
    }
    root = next(each for each in outcome.compared if each.what == "state root")
    assert (root.said, root.found) == ("0x" + "01" * 32, f"0x{true.state_root.hex()}")
    assert "the block as a whole: the runtime trapped: wasm" in outcome.difference
    more = [*true.digest[:-1], Consensus(b"BABE", b"none"), true.digest[-1]]
    assert judged(await replayed(with_block(westend, 2, digest=more)))["digest"] is False
    body = list(westend.blocks[2].extrinsics)
    trapped = await replayed(with_block(westend, 2, [*body, b"\x0c\4\xff\xff"]))
    last = trapped.executed.steps[-1]
    assert last.name == str(len(body)) and last.error is not None and not trapped.matches
    assert f"extrinsic {len(body)}: " in trapped.difference and as_json(trapped)["steps"][-1]["error"] == last.error
    refused = await replayed(with_block(westend, 2, body[:1]))
    assert judged(refused)["execution"] is False  # without what its author must bring, finalizing it traps
    with pytest.raises(BrokenHistory, match="block 2, on the way there, can't be executed"):
        await replayed(with_block(westend, 2, state_root=b"\1" * 32), 3)


async def test_chopsticks_states(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block from the recorded state before it to the recorded one after it; there are no roots to compare."""
    asset_hub = Genesis.of(vector("chainspecs/asset-hub-kusama-local.raw.json.gz"))
    blocks = recording(vector("recorded/chopsticks/ahk_blocks2.json.gz"))
    for number in (2, 3, 4):
        outcome = await from_recording(engine, asset_hub, blocks, number, unseen, traced=number == 3)
        assert outcome.matches, outcome.difference
        found = judged(outcome)
        assert (found["state"], found["events"], found["state root"]) == (True, True, None)
        if number == 3:
            told = as_json(outcome)
            transfer = told["steps"][3]
            assert transfer["call"] == "Balances.transfer_keep_alive" and transfer["failure"] is None
            names = {(change["item"], *map(str, change["keys"] or ())) for change in transfer["changes"]}
            assert ("System.Account", "HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F") in names
            assert {event["name"] for event in told["events"]} >= {"Transfer", "ExtrinsicSuccess"}
            show(outcome)
            assert "no" not in capsys.readouterr().err
    # In its first block, Chopsticks has changed two entries by hand.
    first = await from_recording(engine, asset_hub, blocks, 1, unseen, traced=False)
    assert not first.matches and "2 of 85 entries differ" in first.difference


@pytest.mark.parametrize(
    ("number", "error", "text"),
    [(257, UnrecordedBlock, "it has 1 to 256"), (0, UnrecordedBlock, "genesis block")],
)
async def test_blocks_that_are_not_there(
    engine: Engine, genesis: Genesis, westend: Recording, number: int, error: type[ReplayError], text: str
) -> None:
    with pytest.raises(error, match=text):
        await from_recording(engine, genesis, westend, number, unseen, traced=False)


async def test_recordings_that_are_wrong(engine: Engine, genesis: Genesis, westend: Recording, tmp_path: Path) -> None:
    entries = orjson.loads(gzip.decompress(vector(WESTEND).read_bytes()))[:4]
    path = tmp_path / "blocks"

    def written(content: bytes) -> Path:
        path.write_bytes(content)
        return path

    assert recording(written(orjson.dumps(entries))).blocks == {at: westend.blocks[at] for at in range(1, 5)}
    for content in (b"", b"{", b"[1]", b'{"blocks": [{}]}', bytes(30), gzip.compress(b"[]" * 99)[:-9]):
        with pytest.raises(UnreadableRecording, match="blocks"):
            recording(written(content))
    with pytest.raises(UnreadableRecording, match="can't be read"):
        recording(tmp_path / "none")
    for name, value in (("hash", "0x" + "11" * 32), ("extrinsics", ["0x10040d0000"])):
        with pytest.raises(NotItsHash, match="block 1"):
            recording(written(orjson.dumps([{**entries[0], name: value}])))
    holed = Recording(path, {at: westend.blocks[at] for at in (1, 3)})
    with pytest.raises(UnrecordedBlock, match="has no block 2, nor the state after it"):
        await from_recording(engine, genesis, holed, 3, unseen, traced=False)
    mixed = Recording(path, {**westend.blocks, 2: replace(westend.blocks[2], hash=b"\2" * 32)})
    with pytest.raises(NotItsHash, match="block 3 of"):
        await from_recording(engine, genesis, mixed, 4, unseen, traced=False)
    other = Genesis.of(vector("chainspecs/khala.raw.json.gz"))
    with pytest.raises(OtherNetwork, match=genesis.hash.hex()):
        await from_recording(engine, other, westend, 2, unseen, traced=False)
    spoilt = replace(genesis, spec=replace(genesis.spec, genesis={**genesis.spec.genesis, b":code": b"\0asm\1\0\0\0"}))
    with pytest.raises(NoRuntime, match="can't be run"):
        await from_recording(engine, spoilt, westend, 1, unseen, traced=False)
