"""The chain across restarts, crashes and damage."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import trio
from trio.testing import MockClock

from node.chain.stored import BEST_KEY, FINALIZED_KEY
from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.dev_spec import DEV_SPEC
from node.executor import Executor
from node.service import RunningNode
from node.state.backend import UnknownBlock
from node.state.db import GENESIS_KEY, Database
from node.state.errors import CorruptDatabase, WrongChain
from pallets.runtime import KNOWN_RUNTIMES
from tests.node.extrinsics import ALICE, BOB, UNIT, account, signed, transfer
from tests.node.nodes import NOON, SLOT, height, nonce_of, read_u64, running_node, send
from tests.node.scratch import scratch_directory
from tests.node.state.naive_trie import naive_root

DAY = 86_400_000


def values_at(chain: Chain, number: int) -> dict[bytes, bytes]:
    """The whole state after a block, key by key."""
    block = chain.hash_of(number)
    assert block is not None
    state = chain.state_at(block)
    return {key: state.get(key) or b"" for key in list(state.keys())}


def assert_sound(chain: Chain) -> None:
    """Every block from genesis on: linked, found by number, and its state root recomputed from scratch."""
    parent = bytes(32)
    for number in range(chain.best.number + 1):
        block = chain.hash_of(number)
        assert block is not None
        header = chain.header(block)
        assert header is not None
        assert (header.number, header.parent_hash, header.hash) == (number, parent, block)
        assert naive_root(values_at(chain, number), 1) == header.state_root
        assert chain.body(block) is not None
        parent = block
    assert chain.best.hash == parent
    assert chain.hash_of(chain.best.number + 1) is None


async def busy(node: RunningNode, blocks: int) -> None:
    """Some blocks with transfers in them."""
    first = nonce_of(node, account(ALICE))
    for nonce in range(first, first + blocks):
        send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), nonce))
        await height(node, node.chain.best.number + 1)


async def test_a_restart_goes_on_where_it_ended(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            await busy(node, 4)
            await trio.sleep(1)
            best, finalized = node.chain.best, node.chain.finalized
            states = [values_at(node.chain, number) for number in range(best.number + 1)]
            root = node.chain.states.head.root
        async with running_node(directory, sealing="manual") as node:
            assert (node.chain.best, node.chain.finalized) == (best, finalized)
            assert node.chain.states.head.root == root
            assert [values_at(node.chain, number) for number in range(best.number + 1)] == states
            assert node.chain.justification(finalized.hash) is not None
        async with running_node(directory) as node:
            await busy(node, 2)
            assert node.chain.best.number >= best.number + 2
            assert_sound(node.chain)


async def test_a_clock_that_ran_ahead_keeps_its_lead_over_a_restart(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            for _ in range(50):
                await node.producer.create_block(create_empty=True)
            clock = node.clock.now_ms()
            assert clock == NOON + 49 * SLOT
        await trio.sleep(3)
        async with running_node(directory, sealing="manual") as node:
            assert node.clock.now_ms() == clock + 3000
            block = await node.producer.create_block(create_empty=True)
            assert read_u64(node, "Timestamp", "Now", block.hash) == clock + 3000


async def test_a_host_whose_clock_went_back_goes_on_from_the_head(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            await busy(node, 3)
            last = read_u64(node, "Timestamp", "Now")
        async with running_node(directory, epoch=NOON - DAY) as node:
            assert node.clock.now_ms() == last
            assert node.chain.clock_offset() == node.clock.offset_ms > DAY - SLOT
            await busy(node, 2)
            assert last < read_u64(node, "Timestamp", "Now") <= last + 5 * SLOT
            assert_sound(node.chain)


async def test_a_chain_that_stood_still_for_days_wakes_up_in_the_present(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            await busy(node, 1)
        async with running_node(directory, epoch=NOON + 3 * DAY) as node:
            number = node.chain.best.number
            await height(node, number + 1)
            assert read_u64(node, "Timestamp", "Now") == NOON + 3 * DAY
            assert node.clock.offset_ms == 0


def test_a_killed_node_has_every_block_it_told_of(tmp_path: Path) -> None:
    """A real process on a real disk, ended by SIGKILL in full work."""
    command = [sys.executable, "-m", "node", "node", "--dev", "--base-path", str(tmp_path), "--sealing", "10"]
    process = subprocess.Popen([*command, "--rpc-port", "0"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    told = ""
    with process:
        for line in process.stderr:
            told = line if "Imported #" in line else told
            if "Imported #12 " in line:
                time.sleep(0.01)
                process.send_signal(signal.SIGKILL)
                break
        for line in process.stderr:
            told = line if "Imported #" in line else told
    number = int(told.partition("#")[2].partition(" ")[0])
    assert number >= 12
    for chain in opened(tmp_path):
        assert chain.best.number >= number
        assert_sound(chain)


def opened(base_path: Path) -> Iterator[Chain]:
    db = Database(base_path / "chains" / "fathom_dev" / "db")
    try:
        yield Chain.open(db, ChainSpec.load(DEV_SPEC), Executor(KNOWN_RUNTIMES))
    finally:
        db.close()


async def some_blocks(base_path: Path) -> None:
    async with running_node(base_path) as node:
        await busy(node, 2)


# Damage


@pytest.mark.parametrize("record", [GENESIS_KEY, BEST_KEY, FINALIZED_KEY, b"header", b"trie"])
async def test_missing_and_damaged_records_are_told(autojump_clock: MockClock, record: bytes) -> None:
    with scratch_directory() as directory:
        await some_blocks(directory)
        for chain in opened(directory):
            best = chain.best.hash
        db = Database(directory / "chains" / "fathom_dev" / "db")
        batch = db.batch()
        if record == b"header":
            batch.delete("header", best)
        elif record == b"trie":
            batch.put("trie", b"", bytes(40))
        elif record == GENESIS_KEY:
            batch.put("meta", record, b"\7" * 32)
        else:
            batch.put("meta", record, b"short")
        db.write(batch)
        db.close()
        with pytest.raises(WrongChain if record == GENESIS_KEY else CorruptDatabase):
            list(opened(directory))


async def test_another_genesis_is_another_chain(autojump_clock: MockClock, tmp_path: Path) -> None:
    document = orjson.loads(DEV_SPEC.read_bytes())
    document["genesis"]["runtimeGenesis"]["patch"]["balances"]["balances"][0][1] = "7000000000000000"
    other = ChainSpec.of_document(document)
    with scratch_directory() as directory:
        await some_blocks(directory)
        db = Database(directory / "chains" / "fathom_dev" / "db")
        with pytest.raises(WrongChain, match=other.genesis_header().hash.hex()):
            Chain.open(db, other, Executor(KNOWN_RUNTIMES))
        db.close()


# Lookups


async def test_what_is_not_there(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            chain, unknown = node.chain, b"\1" * 32
            assert chain.header(unknown) is None
            assert chain.body(unknown) is None
            assert chain.justification(unknown) is None
            assert [chain.hash_of(number) for number in (1, -1, 1 << 32, 1 << 70)] == [None] * 4
            for look_up in (chain.state_at, chain.runtime_at):
                with pytest.raises(UnknownBlock) as missing:
                    look_up(unknown)
                assert missing.value.block_hash == unknown
            with pytest.raises(UnknownBlock):
                chain.finalize(unknown, b"")
