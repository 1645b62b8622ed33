"""A chain that changes its runtime: each block by the runtime it belongs to, now, later, and on every way back."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from node.chain.feed import Imported
from node.chain.transactions import Status
from node.chain_spec import ChainSpec
from node.dev_spec import DEV_SPEC
from node.executor import UnknownRuntime
from node.maintenance.blocks import check_block, exported, import_blocks
from node.maintenance.errors import MaintenanceError
from node.maintenance.offline import opened
from node.report import Reporter, Units
from node.service import RunningNode
from pallets.frame.events import Initialization
from pallets.frame.validity import BadProof
from pallets.frame.validity import Call as CallNotExpected
from pallets.primitives.header import RuntimeEnvironmentUpdated
from pallets.primitives.runtime_code import CODE_KEY
from pallets.primitives.scale import DecodeError
from pallets.runtime import KNOWN_RUNTIMES
from tests.node.chain.test_importer import everything
from tests.node.chain.test_reorg_pool import mine, waiting, watched
from tests.node.extrinsics import ALICE, BOB, CHARLIE, UNIT, account, bare, compact, remark, signed, transfer
from tests.node.later_runtime import BOTH, CODE, LATER, LATER_CODE, UNKNOWN_CODE, leave, set_code, sudo
from tests.node.nodes import nonce_of, running_node, send, storage_key
from tests.node.scratch import scratch_directory
from tests.node.state.naive_trie import blake2


@pytest.fixture
async def node(autojump_clock: MockClock) -> AsyncIterator[RunningNode]:
    """One that knows spec 2, and seals when a test says so."""
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", runtimes=BOTH) as running:
            yield running


async def upgrade(node: RunningNode, code: bytes = LATER_CODE) -> Imported:
    """The block in which root sets the code."""
    send(node, signed(node.chain.genesis_hash, sudo(set_code(code)), nonce_of(node, account(ALICE))))
    return await node.producer.create_block(create_empty=False)


def spec_at(node: RunningNode, block: bytes) -> int:
    return node.chain.runtime_at(block).version.spec_version


def value_at(node: RunningNode, block: bytes, pallet: str, item: str) -> bytes | None:
    return node.chain.state_at(block).get(storage_key(pallet, item))


async def test_the_next_block_is_the_new_runtimes(node: RunningNode) -> None:
    genesis, before = node.chain.genesis_hash, await mine(node)
    made = await upgrade(node)
    assert [item for item in made.header.digest if isinstance(item, RuntimeEnvironmentUpdated)]
    assert "CodeUpdated" in [type(record.event).__name__ for record in made.events]
    assert made.changes[CODE_KEY] == LATER_CODE
    assert (spec_at(node, before), spec_at(node, made.hash)) == (1, LATER)
    upgraded = storage_key("System", "LastRuntimeUpgrade")
    assert node.chain.states.head.get(upgraded) == compact(1) + compact(6) + b"fathom"  # the old one finished the block
    assert value_at(node, made.hash, "Notes", "Migrations") is None

    send(node, signed(genesis, leave(b"new"), 1, spec_version=LATER))
    first = await node.producer.create_block(create_empty=True)
    assert node.chain.states.head.get(upgraded) == compact(LATER) + compact(6) + b"fathom"
    assert value_at(node, first.hash, "Notes", "Note") == compact(3) + b"new"
    await mine(node)
    assert value_at(node, node.chain.best.hash, "Notes", "Migrations") == (1).to_bytes(4, "little")
    assert value_at(node, node.chain.best.hash, "Notes", "MigratedAfter") == made.header.number.to_bytes(4, "little")
    events = value_at(node, first.hash, "System", "Events")
    assert events is not None
    told_first = node.chain.runtime_at(first.hash).decode_events(events)[0]
    assert (type(told_first.event).__name__, told_first.phase) == ("Migrated", Initialization())


async def test_old_blocks_are_the_old_runtimes(node: RunningNode) -> None:
    before = await mine(node)
    made = await upgrade(node)
    send(node, signed(node.chain.genesis_hash, leave(b"new"), 1, spec_version=LATER))
    first = await mine(node)
    metadata = {block: node.chain.call(block, "Metadata_metadata") for block in (before, made.hash, first)}
    assert [b"Notes" in metadata[block] for block in (before, made.hash, first)] == [False, True, True]
    assert node.chain.call(before, "Core_version") != node.chain.call(made.hash, "Core_version")
    for number in range(1, node.chain.best.number + 1):
        node.importer.check(node.chain.hash_of(number) or b"")
    reporter = Reporter(node.chain, Units.of({}))
    lines = "".join(line.text for block in (made.hash, first) for line in reporter.lines(told(node, block)))
    assert "Sudo.sudo" in lines
    assert "Notes.leave" in lines


def told(node: RunningNode, block: bytes) -> Imported:
    header, body = node.chain.header(block), node.chain.body(block)
    assert header is not None and body is not None
    return Imported(block, header, body, {}, [])


async def test_what_was_signed_for_the_old_runtime_is_invalid_from_there_on(autojump_clock: MockClock) -> None:
    with scratch_directory() as one, scratch_directory() as two:
        async with (
            running_node(one, sealing="manual", runtimes=BOTH) as author,
            running_node(two, sealing="manual", runtimes=BOTH) as node,
        ):
            genesis = node.chain.genesis_hash
            other = signed(genesis, remark(b"2"), 1, by=BOB)
            ready = watched(node, signed(genesis, remark(b"1"), 0, by=BOB))
            future = watched(node, signed(genesis, remark(b"3"), 7, by=CHARLIE))
            also_ready = watched(node, other)
            made = await upgrade(author)
            await node.importer.import_block(made.header, made.extrinsics)
            assert ready == also_ready == [Status("ready"), Status("invalid")]
            assert future == [Status("future"), Status("invalid")]
            assert waiting(node) == []
            with pytest.raises(BadProof):
                send(node, other)
            with pytest.raises(DecodeError):
                node.chain.executor.runtime_of(CODE).describe(signed(genesis, leave(b"x"), 0, by=BOB))
            send(node, signed(genesis, leave(b"x"), 0, by=BOB, spec_version=LATER))
            assert len(node.chain.body(await mine(node)) or ()) == 3


def set_storage(key: bytes, value: bytes) -> bytes:
    return b"\x00\x04" + compact(1) + compact(len(key)) + key + compact(len(value)) + value


UNFIT = {
    "unknown": set_code(UNKNOWN_CODE),
    "unchecked": b"\x00\x03" + compact(3) + b"\0as",
    "set": set_storage(CODE_KEY, UNKNOWN_CODE),
    "emptied": set_storage(CODE_KEY, b""),
    "killed": b"\x00\x05" + compact(1) + compact(5) + CODE_KEY,
    "killed by prefix": b"\x00\x06" + compact(3) + b":co" + (1).to_bytes(4, "little"),
}


async def test_no_block_is_built_that_this_program_could_not_go_on_from(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, node: RunningNode
) -> None:
    caplog.set_level(logging.INFO)
    genesis = node.chain.genesis_hash
    for name, call in UNFIT.items():
        batch = b"\x08\x02" + compact(2) + remark(name.encode()) + call
        steps = watched(node, signed(genesis, sudo(batch), 0))
        block = await mine(node)
        assert (steps, len(node.chain.body(block) or ())) == ([Status("ready"), Status("invalid")], 2), name
        assert node.chain.states.head.get(CODE_KEY) == CODE
        node.importer.check(block)
        events = value_at(node, block, "System", "Events")
        assert events is not None
        assert len(node.chain.runtime_at(block).decode_events(events)) == 2
    assert "this program runs fathom 1, fathom 2" in caplog.text
    await upgrade(node)
    await mine(node)
    assert spec_at(node, node.chain.best.hash) == LATER


async def test_a_block_that_leads_to_an_unknown_runtime_is_refused_and_nothing_lost(autojump_clock: MockClock) -> None:
    with scratch_directory() as one, scratch_directory() as two:
        async with (
            running_node(one, sealing="manual", runtimes=BOTH) as author,
            running_node(two, sealing="manual") as node,
        ):
            first = await author.producer.create_block(create_empty=True)
            await node.importer.import_block(first.header, first.extrinsics)
            waits = signed(node.chain.genesis_hash, remark(b""), 0, by=BOB)
            send(node, waits)
            leading = await upgrade(author)
            before = everything(node)
            with pytest.raises(UnknownRuntime) as refused:
                await node.importer.import_block(leading.header, leading.extrinsics)
            assert str(refused.value) == (
                "block 2 changes the chain's runtime, and a newer program is due: "
                "`:code` is fathom 2; this program runs fathom 1"
            )
            assert everything(node) == before
            assert waiting(node) == [waits]
            assert len(node.chain.body(await mine(node)) or ()) == 3


async def test_anybody_brings_authorized_code_for_nothing(node: RunningNode) -> None:
    genesis, bring = node.chain.genesis_hash, b"\x00\x0b" + set_code(LATER_CODE)[2:]
    with pytest.raises(CallNotExpected):
        send(node, bare(bring))
    send(node, signed(genesis, sudo(b"\x00\x09" + blake2(LATER_CODE)), 0))
    await mine(node)
    steps = watched(node, bare(bring))
    upgraded = await mine(node)
    assert steps == [Status("ready"), Status("inBlock", upgraded)]
    assert (spec_at(node, upgraded), value_at(node, upgraded, "System", "AuthorizedUpgrade")) == (LATER, None)
    with pytest.raises(CallNotExpected):
        send(node, bare(bring))


async def test_forks_that_part_at_the_upgrade(node: RunningNode) -> None:
    genesis, root = node.chain.genesis_hash, await mine(node)
    old = signed(genesis, transfer(BOB, UNIT), 0, by=CHARLIE)
    made = await upgrade(node)
    new = signed(genesis, leave(b"n"), 0, by=BOB, spec_version=LATER)
    send(node, new)
    later = await mine(node)

    left = await mine(node, root)
    left = await mine(node, left)
    assert (spec_at(node, left), spec_at(node, later), node.chain.best.hash) == (1, LATER, later)
    left = await mine(node, left)
    assert (node.chain.best.hash, spec_at(node, left)) == (left, 1)
    assert new not in waiting(node)  # it is no call of the runtime that rules now
    send(node, old)
    assert old in (node.chain.body(await mine(node)) or ())
    node.importer.check(later)  # beside the chain, by the runtime it was made by

    for _ in range(3):
        later = await mine(node, later)
    assert (node.chain.best.hash, spec_at(node, later)) == (later, LATER)
    assert old not in waiting(node) and made.hash == node.chain.hash_of(2)
    with pytest.raises(BadProof):
        send(node, old)


async def test_back_to_before_the_upgrade_and_over_it_again(node: RunningNode) -> None:
    assert node.snapshots is not None
    await mine(node)
    taken = node.snapshots.take()
    await upgrade(node)
    await mine(node)
    await node.snapshots.revert(taken.id)
    assert spec_at(node, node.chain.best.hash) == 1
    send(node, signed(node.chain.genesis_hash, remark(b""), 0))
    await mine(node)
    made = await upgrade(node)
    await mine(node)
    assert spec_at(node, node.chain.best.hash) == LATER
    assert value_at(node, node.chain.best.hash, "Notes", "MigratedAfter") == made.header.number.to_bytes(4, "little")


async def test_the_chain_is_opened_imported_and_checked_where_both_are_known(autojump_clock: MockClock) -> None:
    spec = ChainSpec.load(DEV_SPEC)
    with scratch_directory() as first, scratch_directory() as copy, scratch_directory() as old:
        async with running_node(first, sealing="manual", runtimes=BOTH) as node:
            await mine(node)
            await upgrade(node)
        async with running_node(first, sealing="manual", runtimes=BOTH) as node:
            assert spec_at(node, node.chain.best.hash) == LATER
            send(node, signed(node.chain.genesis_hash, leave(b"n"), 1, spec_version=LATER))
            assert len(node.chain.body(await mine(node)) or ()) == 3
        assert_refused_by_spec_1(first)
        with opened(first, spec, runtimes=BOTH) as source:
            blocks = list(exported(source.chain, 1, 3, print))
            best = source.chain.best
        with opened(copy, spec, create=True, runtimes=BOTH) as target:
            assert (await import_blocks(target, blocks, print)).imported == 3
            assert (target.chain.best, target.chain.runtime_at(best.hash).version.spec_version) == (best, LATER)
            assert all("is sound" in check_block(target, str(number)) for number in (1, 2, 3))
        with opened(old, spec, create=True) as target:
            with pytest.raises(MaintenanceError, match=r"block 2 of the file.*newer program is due.*fathom 2"):
                await import_blocks(target, blocks, print)
            assert target.chain.best.number == 1


def assert_refused_by_spec_1(base_path: Path) -> None:
    """A program that doesn't know the chain's runtime says so in one line, and leaves the chain alone."""
    spec = ChainSpec.load(DEV_SPEC)
    with (
        pytest.raises(UnknownRuntime, match=r"^`:code` is fathom 2; this program runs fathom 1$"),
        opened(base_path, spec, runtimes=KNOWN_RUNTIMES),
    ):
        pass
