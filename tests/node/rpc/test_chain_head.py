"""Following the head of the chain over a WebSocket: events and their order, pins, limits, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trio.testing import MockClock

from node.chain import follow as rules
from node.rpc import follower
from node.service import RunningNode
from tests.node.chain.test_upgrade import upgrade
from tests.node.later_runtime import BOTH, LATER
from tests.node.nodes import running_node
from tests.node.rpc.client import RpcClient, connected, post, result_of
from tests.node.rpc.head import CODE, NUMBER, STRANGER, Head, blake2, follow, mine
from tests.node.scratch import scratch_directory


async def test_a_chain_is_followed_from_its_first_block(clock: MockClock, rpc: RpcClient) -> None:
    genesis = await rpc.call("chain_getBlockHash", 0)
    head, bare = await follow(rpc), await follow(rpc, False)
    first = await head.next()
    runtime = first.pop("finalizedBlockRuntime")
    assert first == await bare.next() == {"event": "initialized", "finalizedBlockHashes": [genesis]}
    legacy = await rpc.call("state_getRuntimeVersion")
    names = ("specName", "implName", "specVersion", "implVersion", "transactionVersion")
    assert runtime == {"type": "valid", "spec": {name: legacy[name] for name in names} | {"apis": dict(legacy["apis"])}}
    best = {"event": "bestBlockChanged", "bestBlockHash": genesis}
    assert await head.next() == await bare.next() == best

    block = await mine(rpc)
    told = {"event": "newBlock", "blockHash": block, "parentBlockHash": genesis}
    assert await bare.next() == told
    assert await head.next() == told | {"newRuntime": None}
    assert await head.next() == await bare.next() == {"event": "bestBlockChanged", "bestBlockHash": block}
    await rpc.call("engine_finalizeBlock", block)
    final = {"event": "finalized", "finalizedBlockHashes": [block], "prunedBlockHashes": []}
    assert await head.next() == await bare.next() == final
    assert await head.call("unfollow") is None
    await mine(rpc)
    assert await bare.kinds(2) == ["newBlock", "bestBlockChanged"]
    await rpc.silence(1)


async def test_the_start_tells_of_sixteen_final_blocks_and_of_every_fork(clock: MockClock, rpc: RpcClient) -> None:
    line = [await mine(rpc, final=True) for _ in range(20)]
    fork = await mine(rpc)
    best = await mine(rpc, on=await mine(rpc, on=line[-1]))
    head = await follow(rpc, False)
    assert (await head.next())["finalizedBlockHashes"] == line[-16:]
    told = [await head.next() for _ in range(4)]
    assert told[-1] == {"event": "bestBlockChanged", "bestBlockHash": best}
    parents = {event["blockHash"]: event["parentBlockHash"] for event in told[:-1]}
    assert set(parents) > {fork, best}
    assert parents[fork] == parents[parents[best]] == line[-1]
    await rpc.silence(1)


async def test_a_reorganisation_and_what_finality_prunes(clock: MockClock, rpc: RpcClient) -> None:
    head = await follow(rpc, False)
    genesis = (await head.next())["finalizedBlockHashes"][-1]
    await head.next()
    lost = await mine(rpc)
    won = await mine(rpc, on=genesis)
    assert await head.kinds(3) == ["newBlock", "bestBlockChanged", "newBlock"]
    tip = await mine(rpc, on=won)
    assert await head.next() == {"event": "newBlock", "blockHash": tip, "parentBlockHash": won}
    assert await head.next() == {"event": "bestBlockChanged", "bestBlockHash": tip}
    await rpc.call("engine_finalizeBlock", lost)
    assert await head.next() == {"event": "bestBlockChanged", "bestBlockHash": lost}
    final = await head.next()
    assert final["finalizedBlockHashes"] == [lost]
    assert set(final["prunedBlockHashes"]) == {won, tip}
    for block in (won, tip, lost, genesis):  # all of it stays, until it is unpinned
        assert blake2(await head.call("header", block)) == block
        assert (await head.outcome("body", block))["event"] == "operationBodyDone"
        number = (await head.items(block, (NUMBER, "value")))[0]["value"] if block != genesis else "0x00000000"
        assert number == {won: "0x01000000", tip: "0x02000000", lost: "0x01000000", genesis: "0x00000000"}[block]
    assert await head.call("unpin", [tip, won]) is None
    await mine(rpc, final=True)
    assert await rpc.call("chain_getHeader", tip) is None


async def test_pins_hold_the_states_that_would_be_discarded(clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", state_pruning=2) as node, connected(node) as rpc:
            early = [await mine(rpc, final=True) for _ in range(4)]
            head = await follow(rpc, False)
            known = (await head.next())["finalizedBlockHashes"]
            assert known == early[-len(known) :] and len(known) == 2
            await head.next()
            late = [await mine(rpc, final=True) for _ in range(6)]
            await head.kinds(18)
            for block in (*known, *late):
                assert await head.items(block, (NUMBER, "value"))
            await head.call("unpin", [*known, *late[:4]])
            await mine(rpc, final=True)
            assert (await rpc.failure("state_getStorage", NUMBER, late[0])).code == 4003
            assert await rpc.call("state_getStorage", NUMBER, late[4]) is not None
            assert node.chain._held.keys() == {bytes.fromhex(each[2:]) for each in (*late[4:], best_of(node))}


async def test_refusals(clock: MockClock, rpc: RpcClient) -> None:
    head, bare, *_ = [await follow(rpc), await follow(rpc, False), await follow(rpc), await follow(rpc)]
    assert (await rpc.failure("chainHead_v1_follow", True)).code == -32800
    block = (await head.next())["finalizedBlockHashes"][-1]
    for name, params in (("header", ()), ("body", ()), ("call", ("Core_version", "0x")), ("storage", ([],))):
        assert await head.fails(name, STRANGER, *params) == -32801
        assert await head.fails(name, "0x12", *params) == -32602
        known = await rpc.call(f"chainHead_v1_{name}", "nobody", block, *params)
        assert known == (None if name == "header" else {"result": "limitReached"})
    assert await bare.fails("call", block, "Core_version", "0x") == -32802
    for items in (None, [1], [{"key": "0x"}], [{"key": 1, "type": "value"}], [{"key": "0x", "type": "values"}]):
        assert await head.fails("storage", block, items) == -32602
    assert await head.fails("unpin", [block, block]) == -32804
    assert await head.fails("unpin", [block, STRANGER]) == -32801
    assert await head.call("unpin", block) is None
    assert await head.fails("unpin", block) == -32801
    assert await head.fails("header", block) == -32801
    assert await bare.call("header", block)
    for name, given in (("unpin", (block,)), ("continue", ("0",)), ("stopOperation", ("0",)), ("unfollow", ())):
        assert await rpc.call(f"chainHead_v1_{name}", "nobody", *given) is None
    assert await head.call("stopOperation", "77") is await head.call("continue", "77") is None
    await head.call("unfollow")
    assert await head.call("header", block) is None
    assert (await follow(rpc)).subscription != head.subscription


async def test_a_new_runtime_is_told_of_where_it_begins(clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with (
            running_node(directory, sealing="manual", runtimes=BOTH) as node,
            connected(node) as rpc,
            connected(node) as other,
        ):
            head = await follow(rpc)
            await head.kinds(2)
            await mine(other)
            upgraded = "0x" + (await upgrade(node)).hash.hex()
            after = await mine(other)
            again = await follow(rpc)
            assert (await again.next())["finalizedBlockRuntime"]["spec"]["specVersion"] == 1
            for each in (head, again):
                told: dict[str, Any] = {}
                while after not in told:
                    event = await each.next()
                    if event["event"] == "newBlock":
                        told[event["blockHash"]] = event["newRuntime"]
                changed = told.pop(upgraded)
                assert (changed["type"], changed["spec"]["specVersion"]) == ("valid", LATER)
                assert set(told.values()) == {None}


async def test_a_chain_that_is_set_back_stops_its_followers(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    snapshot = await rpc.call("dev_snapshot")
    block = await mine(rpc, final=True)
    head = await follow(rpc)
    await head.kinds(2)
    await rpc.call("dev_revert", snapshot)
    assert await head.next() == {"event": "stop"}
    assert await head.call("header", block) is None
    assert await head.call("body", block) == {"result": "limitReached"}
    assert not node.chain._held
    again = await follow(rpc)
    assert (await again.next())["finalizedBlockHashes"] == [await rpc.call("chain_getBlockHash", 0)]


async def test_who_holds_too_much_is_stopped(
    clock: MockClock, node: RunningNode, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_SETTLED", 3)
    greedy, modest = await follow(rpc, False), await follow(rpc, False)
    await greedy.kinds(2)
    await modest.kinds(2)
    for _ in range(5):
        block = await mine(rpc, final=True)
        assert await modest.kinds(3) == ["newBlock", "bestBlockChanged", "finalized"]
        await modest.call("unpin", block)
    told = await greedy.kinds(9)
    while told[-1] != "stop":
        told += await greedy.kinds(1)
    assert told.count("finalized") == 3
    assert await greedy.call("header", block) is await greedy.call("unpin", block) is None


async def test_who_falls_behind_is_stopped(
    clock: MockClock, node: RunningNode, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BUFFER", 3)
    head = await follow(rpc)
    line = [await mine(rpc) for _ in range(4)]
    await head.kinds(2 + 2 * 4)
    for number, block in enumerate(line, 1):
        node.finalizer.finalize(bytes.fromhex(block[2:]), number)  # while nobody else runs
    assert await head.next() == {"event": "stop"}
    assert await head.call("header", line[-1]) is None
    assert not node.chain._held


async def test_who_leaves_holds_nothing(clock: MockClock, node: RunningNode) -> None:
    async with connected(node) as rpc:
        head = await follow(rpc)
        await head.kinds(2)
        assert len(node.chain._held) == 1
    async with connected(node) as rpc:
        await rpc.call("system_health")
        assert not node.chain._held


async def test_over_http_nobody_follows(clock: MockClock, node: RunningNode) -> None:
    for name, params in (("follow", [True]), ("header", ["0", STRANGER])):
        request = {"jsonrpc": "2.0", "id": 1, "method": f"chainHead_v1_{name}", "params": params}
        assert json.loads((await post(node, request)).body)["error"]["code"] == -32601


async def test_parameters_by_name(clock: MockClock, rpc: RpcClient) -> None:
    async def named(name: str, **params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 7, "method": f"chainHead_v1_{name}", "params": params}
        return result_of(await rpc.exchange(request), 7)

    head = Head(rpc, await named("follow", withRuntime=True))
    block = (await head.next())["finalizedBlockHashes"][-1]
    await head.next()
    item = {"key": CODE, "type": "hash"}
    started = await named("storage", followSubscription=head.subscription, hash=block, items=[item], childTrie=None)
    assert started == {"result": "started", "operationId": "0", "discardedItems": 0}
    assert await head.kinds(2) == ["operationStorageItems", "operationStorageDone"]
    assert await named("unpin", follow_subscription=head.subscription, hash_or_hashes=[block]) is None


async def test_the_chain_spec(clock: MockClock, rpc: RpcClient) -> None:
    assert await rpc.call("chainSpec_v1_chainName") == await rpc.call("system_chain")
    assert await rpc.call("chainSpec_v1_genesisHash") == await rpc.call("chain_getBlockHash", 0)
    assert await rpc.call("chainSpec_v1_properties") == await rpc.call("system_properties")


def best_of(node: RunningNode) -> str:
    return "0x" + node.chain.best.hash.hex()
