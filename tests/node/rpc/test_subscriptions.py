"""News over WebSockets: what is said at once, what later, and when it ends."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.chain.feed import Finalized
from node.config import RpcConfig
from node.service import RunningNode
from tests.node.extrinsics import ALICE, BOB, UNIT, signed, transfer
from tests.node.nodes import running_node, storage_key
from tests.node.rpc.client import RpcClient, connected
from tests.node.rpc.test_methods import account_key, header_hash
from tests.node.scratch import scratch_directory

NOW = f"0x{storage_key('Timestamp', 'Now').hex()}"
HEADS = {
    "chain_subscribeNewHead": ("chain_unsubscribeNewHead", "chain_newHead"),
    "chain_subscribeNewHeads": ("chain_unsubscribeNewHeads", "chain_newHead"),
    "subscribe_newHead": ("unsubscribe_newHead", "chain_newHead"),
    "chain_subscribeAllHeads": ("chain_unsubscribeAllHeads", "chain_allHead"),
    "chain_subscribeFinalizedHeads": ("chain_unsubscribeFinalizedHeads", "chain_finalizedHead"),
    "chain_subscribeFinalisedHeads": ("chain_unsubscribeFinalisedHeads", "chain_finalizedHead"),
}


async def mine(rpc: RpcClient, *, final: bool = False) -> str:
    block: str = (await rpc.call("engine_createBlock", True, final))["hash"]
    return block


@pytest.mark.parametrize("subscribe", HEADS)
async def test_heads_now_and_from_now_on(clock: MockClock, rpc: RpcClient, subscribe: str) -> None:
    unsubscribe, notification = HEADS[subscribe]
    before = await mine(rpc, final=True)
    subscription = await rpc.call(subscribe)
    assert isinstance(subscription, str)
    method, header = await rpc.news(subscription)
    assert (method, header_hash(header)) == (notification, before)
    for _ in range(3):
        block = await mine(rpc, final=True)
        assert header_hash((await rpc.news(subscription))[1]) == block
    assert await rpc.call(unsubscribe, subscription) is True
    await mine(rpc, final=True)
    await rpc.silence(1)
    assert await rpc.call(unsubscribe, subscription) is False


async def test_no_finalised_head_is_left_out(clock: MockClock, rpc: RpcClient) -> None:
    subscription = await rpc.call("chain_subscribeFinalizedHeads")
    await rpc.news(subscription)
    blocks = [await mine(rpc) for _ in range(4)]
    await rpc.silence(1)
    await rpc.call("engine_finalizeBlock", blocks[3])
    assert [header_hash((await rpc.news(subscription))[1]) for _ in range(4)] == blocks


async def test_heads_of_a_node_that_seals_by_itself(clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node, connected(node) as rpc:
            best, final = await rpc.call("chain_subscribeNewHeads"), await rpc.call("chain_subscribeFinalizedHeads")
            numbers: dict[str, list[int]] = {best: [], final: []}
            for subscription, found in numbers.items():
                for _ in range(4):
                    found.append(int((await rpc.news(subscription))[1]["number"], 16))
                assert found == list(range(found[0], found[0] + 4))


async def test_storage_now_and_when_it_changes(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    bob, absent = account_key(BOB), "0xdead"
    start = await rpc.call("chain_getBlockHash")
    value = await rpc.call("state_getStorage", bob)
    subscription = await rpc.call("state_subscribeStorage", [bob, absent])
    method, first = await rpc.news(subscription)
    assert (method, first) == ("state_storage", {"block": start, "changes": [[bob, value], [absent, None]]})
    await mine(rpc)
    await rpc.call("author_submitExtrinsic", f"0x{signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0).hex()}")
    block = await mine(rpc)
    change = {"block": block, "changes": [[bob, await rpc.call("state_getStorage", bob)]]}
    assert await rpc.news(subscription) == ("state_storage", change)
    assert await rpc.call("state_unsubscribeStorage", subscription) is True


async def test_all_storage(clock: MockClock, rpc: RpcClient) -> None:
    subscription = await rpc.call("state_subscribeStorage")
    block = await mine(rpc)
    told = (await rpc.news(subscription))[1]
    assert told["block"] == block
    changes = dict(told["changes"])
    assert changes[NOW] == await rpc.call("state_getStorage", NOW)
    assert account_key(ALICE) not in changes
    genesis = await rpc.call("chain_getBlockHash", 0)
    for key, value in changes.items():
        assert value != await rpc.call("state_getStorage", key, genesis)


async def test_the_runtime_version_at_once(clock: MockClock, rpc: RpcClient) -> None:
    for subscribe, unsubscribe in (
        ("state_subscribeRuntimeVersion", "state_unsubscribeRuntimeVersion"),
        ("chain_subscribeRuntimeVersion", "chain_unsubscribeRuntimeVersion"),
    ):
        subscription = await rpc.call(subscribe)
        version = await rpc.call("state_getRuntimeVersion")
        assert await rpc.news(subscription) == ("state_runtimeVersion", version)
        await mine(rpc)
        await rpc.silence(1)
        assert await rpc.call(unsubscribe, subscription) is True


async def test_the_identifier_comes_before_the_first_news(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    """In a batch, too."""
    batch = [{"id": number, "method": "chain_subscribeNewHeads"} for number in range(20)]
    replies = await rpc.exchange(batch)
    assert not rpc.notifications
    identifiers = [reply["result"] for reply in replies]
    assert len(set(identifiers)) == 20
    for identifier in identifiers:
        assert header_hash((await rpc.news(identifier))[1]) == f"0x{node.chain.best.hash.hex()}"


async def test_a_subscription_ended_in_the_batch_that_began_it_says_nothing(clock: MockClock, rpc: RpcClient) -> None:
    known = await rpc.call("chain_subscribeNewHeads")
    await rpc.news(known)
    following = f"{int(known, 16) + 1:016x}"
    replies = await rpc.exchange(
        [
            {"id": 1, "method": "chain_subscribeAllHeads"},
            {"id": 2, "method": "chain_unsubscribeAllHeads", "params": [following]},
        ]
    )
    assert [reply["result"] for reply in replies] == [following, True]
    await rpc.silence(1)


@pytest.mark.parametrize("params", [[], [None], None, [[]], [{}], {}, "x"])
async def test_ending_what_is_not_named_is_invalid(clock: MockClock, rpc: RpcClient, params: Any) -> None:
    reply = await rpc.exchange({"id": 1, "method": "chain_unsubscribeNewHeads", "params": params})
    assert reply["error"]["code"] == -32602


async def test_subscriptions_belong_to_their_connection(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    subscription = await rpc.call("chain_subscribeNewHeads")
    async with connected(node) as other:
        assert await other.call("chain_unsubscribeNewHeads", subscription) is False
    await rpc.news(subscription)
    block = await mine(rpc)
    assert header_hash((await rpc.news(subscription))[1]) == block


@pytest.mark.parametrize("served", [RpcConfig(max_subscriptions=3)])
async def test_a_connection_holds_so_many_and_no_more(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    held = [await rpc.call("chain_subscribeNewHeads") for _ in range(3)]
    failure = await rpc.failure("state_subscribeStorage", [NOW])
    assert (failure.code, failure.message) == (-32006, "Too many subscriptions on the connection")
    assert await rpc.call("chain_unsubscribeNewHeads", held[0]) is True
    assert await rpc.call("state_subscribeStorage", [NOW])
    async with connected(node) as other:
        assert await other.call("chain_subscribeNewHeads")


async def test_who_leaves_is_forgotten(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    async with connected(node) as other:
        for method in HEADS:
            await other.call(method)
        await other.call("state_subscribeStorage", [NOW])
        await trio.sleep(1)
        assert len(node.chain.imported._subscribers) == 6
        assert len(node.chain.finality._subscribers) == 3
    await trio.sleep(5)
    assert len(node.chain.imported._subscribers) == 1  # the finalizer's
    assert len(node.chain.finality._subscribers) == 1  # the pool's
    gc.collect()  # a generator that wasn't closed would warn here


@pytest.mark.parametrize("served", [RpcConfig(message_buffer=4)])
async def test_who_reads_too_slowly_loses_the_subscription_and_nobody_else_does(
    clock: MockClock, served: RpcConfig, node: RunningNode, rpc: RpcClient, caplog: pytest.LogCaptureFixture
) -> None:
    """One client reads nothing of 300 subscriptions while megabytes wait for it; another one misses no head."""
    heads = await rpc.call("chain_subscribeNewHeads")
    await rpc.news(heads)
    blocks = 100
    async with connected(node) as slow:
        for _ in range(300):
            await slow.call("state_subscribeStorage")
        for _ in range(blocks):
            block = await mine(rpc)
            assert header_hash((await rpc.news(heads))[1]) == block
        assert await slow.call("system_chain") == "Fathom Development"
        assert 300 < len(slow.notifications) < 300 * blocks
        assert "a subscriber to state_storage fell behind and was cut off" in caplog.text
        assert "chain_newHead" not in caplog.text
    assert header_hash((await rpc.call("chain_getBlock"))["block"]["header"]) == block


async def test_a_subscription_that_fails_ends_alone(
    clock: MockClock, node: RunningNode, rpc: RpcClient, caplog: pytest.LogCaptureFixture
) -> None:
    final, best = await rpc.call("chain_subscribeFinalizedHeads"), await rpc.call("chain_subscribeNewHeads")
    await rpc.news(final)
    await rpc.news(best)
    damaged, batch = b"\1" * 32, node.chain.db.batch()
    batch.put("header", damaged, b"")
    node.chain.db.write(batch)
    node.chain.finality.publish(Finalized(damaged, node.chain.best_header(), (damaged,)))
    await trio.sleep(1)
    assert "a subscription to chain_finalizedHead failed" in caplog.text
    block = await mine(rpc)
    assert header_hash((await rpc.news(best))[1]) == block
    assert await rpc.call("chain_unsubscribeFinalizedHeads", final) is False
