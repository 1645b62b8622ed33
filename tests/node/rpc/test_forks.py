"""Forks on whole nodes: blocks on any parent, the longest chain, finality, restarts, and what subscribers see."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from node.chain.tree import Chain
from node.service import RunningNode
from node.state.backend import UnknownBlock
from tests.node.extrinsics import ALICE, BOB, CHARLIE, UNIT, signed, transfer
from tests.node.nodes import running_node, send
from tests.node.rpc.client import RpcClient, connected
from tests.node.rpc.test_methods import account_key, header_hash, to_hex, unhex
from tests.node.scratch import scratch_directory
from tests.node.state.likeness import assert_trie_is
from tests.node.state.naive_trie import naive_root


async def mine(rpc: RpcClient, parent: str | None = None, *, final: bool = False) -> str:
    block: str = (await rpc.call("engine_createBlock", True, final, parent))["hash"]
    return block


def assert_sound(node: RunningNode, *blocks: str) -> None:
    """Each block executes again to what its header says, and its state is whole."""
    for block in map(unhex, blocks):
        node.importer.check(block)
        header = node.chain.header(block)
        assert header is not None
        state = node.chain.state_at(block)
        values = {key: state.get(key) or b"" for key in list(state.keys())}
        assert naive_root(values, state.version) == header.state_root
        assert_trie_is(state, values, sorted(values)[::20])


async def test_a_longer_fork_wins_and_an_equally_long_one_does_not(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    genesis = to_hex(node.chain.genesis_hash)
    heads, every = await rpc.call("chain_subscribeNewHeads"), await rpc.call("chain_subscribeAllHeads")
    bob = account_key(BOB)
    money = await rpc.call("state_subscribeStorage", [bob])
    poor = dict((await rpc.news(money))[1]["changes"])[bob]
    for subscription in (heads, every):
        assert header_hash((await rpc.news(subscription))[1]) == genesis
    send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
    first = await mine(rpc)
    rich = await rpc.call("state_getStorage", bob)
    assert rich != poor
    assert (await rpc.news(money))[1] == {"block": first, "changes": [[bob, rich]]}
    reply = await rpc.call("engine_createBlock", True, False, genesis)
    rival = reply["hash"]
    assert reply["aux"]["is_new_best"] is False
    assert await rpc.call("chain_getBlockHash", 1) == await rpc.call("chain_getBlockHash") == first
    assert (await rpc.call("chain_getHeader", rival))["parentHash"] == genesis
    assert await rpc.call("state_getStorage", bob, rival) == poor
    assert_sound(node, first, rival)
    reply = await rpc.call("engine_createBlock", True, False, rival)
    winner = reply["hash"]
    assert reply["aux"]["is_new_best"] is True
    assert await rpc.call("chain_getBlockHash", [0, 1, 2]) == [genesis, rival, winner]
    assert [header_hash((await rpc.news(heads))[1]) for _ in range(2)] == [first, winner]
    assert [header_hash((await rpc.news(every))[1]) for _ in range(3)] == [first, rival, winner]
    told = (await rpc.news(money))[1]
    assert told["block"] == winner
    assert dict(told["changes"]) == {bob: await rpc.call("state_getStorage", bob, winner)}
    for block, value in ((first, rich), (rival, poor)):
        assert await rpc.call("state_getStorage", bob, block) == value
    assert_sound(node, first, rival, winner)
    await rpc.silence(1)


async def test_finality_on_a_fork_makes_it_the_best_and_ends_the_others(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    trunk = await mine(rpc)
    losing = [await mine(rpc)]
    losing += [await mine(rpc), await mine(rpc, losing[0])]
    short = await mine(rpc, trunk)
    tip = await mine(rpc, short)
    other_tip = await mine(rpc, short)
    stray = await mine(rpc, trunk)
    assert await rpc.call("chain_getBlockHash") == losing[1]
    heads, final = await rpc.call("chain_subscribeNewHeads"), await rpc.call("chain_subscribeFinalizedHeads")
    await rpc.news(heads)
    await rpc.news(final)
    assert await rpc.call("engine_finalizeBlock", short) is True
    assert [header_hash((await rpc.news(final))[1]) for _ in range(2)] == [trunk, short]
    assert header_hash((await rpc.news(heads))[1]) == tip
    await rpc.silence(1)
    assert await rpc.call("chain_getBlockHash") == tip
    assert await rpc.call("chain_getFinalizedHead") == short
    for gone in (*losing, stray):
        assert await rpc.call("chain_getHeader", gone) is None
        assert await rpc.call("chain_getBlock", gone) is None
        assert "UnknownBlock" in (await rpc.failure("state_getStorage", "0x00", gone)).message
        assert "UnknownBlock" in (await rpc.failure("engine_finalizeBlock", gone)).message
        assert "is unknown" in (await rpc.failure("engine_createBlock", True, False, gone)).message
        with pytest.raises(UnknownBlock):
            node.importer.check(unhex(gone))
    assert_sound(node, trunk, short, tip, other_tip)
    grown = await mine(rpc, other_tip, final=True)
    assert await rpc.call("chain_getFinalizedHead") == await rpc.call("chain_getBlockHash") == grown
    assert await rpc.call("chain_getHeader", tip) is None
    assert_sound(node, trunk, short, other_tip, grown)


async def test_what_cannot_be_extended_or_finalised_is_told(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    genesis = to_hex(node.chain.genesis_hash)
    first = await mine(rpc, final=True)
    second = await mine(rpc)
    refused = await rpc.failure("engine_createBlock", True, False, genesis)
    assert refused.message == f"Block rejected: block 1 extends {genesis}, which no fork that is open leads to"
    unknown = to_hex(b"\7" * 32)
    refused = await rpc.failure("engine_createBlock", True, False, unknown)
    assert refused.message == f"Block rejected: block {unknown} is unknown"
    refused = await rpc.failure("engine_finalizeBlock", unknown)
    assert refused.message == "Client error: UnknownBlock: Header was not found in the database"
    assert await rpc.call("engine_finalizeBlock", genesis) is True  # final already
    assert await rpc.call("chain_getFinalizedHead") == first
    assert await rpc.call("chain_getBlockHash") == second
    assert {leaf.hash for leaf in node.chain.leaves()} == {unhex(second)}


async def test_forks_survive_a_restart(clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node, connected(node) as rpc:
            send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
            first = await mine(rpc)
            best = await mine(rpc)
            send(node, signed(node.chain.genesis_hash, transfer(CHARLIE, UNIT), 0, by=BOB))
            rival = await mine(rpc, to_hex(node.chain.genesis_hash))
            second_rival = await mine(rpc, rival)
            leaves = node.chain.leaves()
            values = values_of(node.chain, unhex(second_rival))
        async with running_node(directory, sealing="manual") as node, connected(node) as rpc:
            assert node.chain.leaves() == leaves
            assert node.chain.best.hash == unhex(best)
            assert values_of(node.chain, unhex(second_rival)) == values
            assert_sound(node, first, best, rival, second_rival)
            winner = await mine(rpc, second_rival)
            assert await rpc.call("chain_getBlockHash", [1, 2, 3]) == [rival, second_rival, winner]
        async with running_node(directory, sealing="manual") as node, connected(node) as rpc:
            assert_sound(node, first, best, rival, second_rival, winner)
            assert await rpc.call("engine_finalizeBlock", best) is True
            assert await rpc.call("chain_getBlockHash") == best
        async with running_node(directory, sealing="manual") as node, connected(node) as rpc:
            assert await rpc.call("chain_getBlockHash", [1, 2, 3]) == [first, best, None]
            assert [leaf.hash for leaf in node.chain.leaves()] == [unhex(best)]
            assert await rpc.call("chain_getHeader", winner) is None
            assert_sound(node, first, best)


def values_of(chain: Chain, block: bytes) -> dict[bytes, bytes | None]:
    state = chain.state_at(block)
    return {key: state.get(key) for key in list(state.keys())}


async def test_another_node_follows_a_fork_that_wins(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as follower:
            genesis = to_hex(node.chain.genesis_hash)
            first = await mine(rpc)
            send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0, by=ALICE))
            rival = await mine(rpc, genesis)
            winner = await mine(rpc, rival)
            for block in map(unhex, (first, rival, winner)):
                header, body = node.chain.header(block), node.chain.body(block)
                assert header is not None and body is not None
                imported = await follower.importer.import_block(header, body)
                assert imported.is_best == (block != unhex(rival))
            assert follower.chain.best == node.chain.best
            assert imported.retracted == (unhex(first),)
            assert imported.enacted == (unhex(rival),)
            assert follower.chain.states.head.values == node.chain.states.head.values
            assert_sound(follower, first, rival, winner)


async def test_states_before_the_kept_ones_are_discarded(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    node.chain.keep_states = 2
    blocks = [await mine(rpc, final=True) for _ in range(5)]
    rival = await mine(rpc, blocks[4])
    genesis = to_hex(node.chain.genesis_hash)
    for gone in (genesis, *blocks[:3]):
        refused: Any = await rpc.failure("state_getStorage", "0x00", gone)
        assert refused.message == (f"Client error: Api called for an unknown Block: State already discarded for {gone}")
        refused = await rpc.failure("state_getReadProof", ["0x00"], gone)
        assert "State already discarded" in refused.message
        assert await rpc.call("chain_getBlock", gone) is not None
    assert_sound(node, blocks[4], rival)
    assert await rpc.call("state_getStorage", "0x00", blocks[3]) is None
