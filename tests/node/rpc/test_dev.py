"""`dev_*` over the wire, and what those who have subscribed hear of a revert."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trio.testing import MockClock

from node.chain import snapshots
from node.dev_spec import DEV_SPEC
from node.rpc.errors import CLIENT_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND
from node.service import RunningNode
from node.state.db import Batch
from node.state.errors import WriteFailed
from pallets.primitives import ss58
from tests.node.extrinsics import ALICE, BOB, UNIT, account, signed, transfer
from tests.node.nodes import NOON, running_node
from tests.node.rpc.client import RpcClient, connected
from tests.node.rpc.test_methods import account_key, header_hash
from tests.node.rpc.test_subscriptions import NOW, mine
from tests.node.scratch import scratch_directory


async def test_there_and_back(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    assert await rpc.call("dev_listSnapshots") == []
    first = await mine(rpc)
    assert await rpc.call("dev_snapshot") == 1
    await mine(rpc)
    last = await mine(rpc)
    assert await rpc.call("dev_snapshot") == 2
    listed = await rpc.call("dev_listSnapshots")
    assert listed == [
        {"id": 1, "hash": first, "number": 1, "timestamp": NOON},
        {"id": 2, "hash": last, "number": 3, "timestamp": NOON + 200},
    ]
    for number in (1, 2, 1, 1):
        assert await rpc.call("dev_revert", number) == listed[number - 1]
        assert await rpc.call("chain_getBlockHash") == listed[number - 1]["hash"]
    assert await rpc.call("dev_listSnapshots") == listed
    assert await rpc.call("chain_getBlockHash", 2) is None
    assert await rpc.call("chain_getHeader", last) is not None  # the second snapshot needs it
    assert {"dev_snapshot", "dev_revert", "dev_listSnapshots"} <= set((await rpc.call("rpc_methods"))["methods"])


@pytest.mark.parametrize(
    "params", [(), ("1",), (1.0,), (-1,), (True,), (None,), ([1],), ({"id": 1},), ("0x1",), (1, 2)]
)
async def test_an_id_is_a_number(clock: MockClock, rpc: RpcClient, params: tuple[Any, ...]) -> None:
    await rpc.call("dev_snapshot")
    head = await mine(rpc)
    assert (await rpc.failure("dev_revert", *params)).code == INVALID_PARAMS
    assert await rpc.call("chain_getBlockHash") == head


@pytest.mark.parametrize("number", [0, 2, 1 << 32, 1 << 63])
async def test_an_unknown_id(clock: MockClock, rpc: RpcClient, number: int) -> None:
    await rpc.call("dev_snapshot")
    head = await mine(rpc)
    failure = await rpc.failure("dev_revert", number)
    assert (failure.code, failure.message) == (
        CLIENT_ERROR,
        f"Client error: there is no snapshot {number}; dev_listSnapshots names those there are",
    )
    assert await rpc.call("chain_getBlockHash") == head


async def test_ids_by_name(clock: MockClock, rpc: RpcClient) -> None:
    await rpc.call("dev_snapshot")
    reply = await rpc.exchange({"jsonrpc": "2.0", "id": 9, "method": "dev_revert", "params": {"id": 1}})
    assert reply["result"]["number"] == 0


async def test_the_bound_and_a_failing_disk_are_told(
    clock: MockClock, node: RunningNode, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(batch: Batch) -> None:
        raise WriteFailed("no space left")

    await rpc.call("dev_snapshot")
    monkeypatch.setattr(snapshots, "MAX_SNAPSHOTS", 1)
    failure = await rpc.failure("dev_snapshot")
    assert (failure.code, failure.message) == (CLIENT_ERROR, "Client error: 1 snapshots are kept already")
    monkeypatch.undo()
    head = await mine(rpc)
    with monkeypatch.context() as patched:
        patched.setattr(node.chain.db, "write", fail)
        for failure in (await rpc.failure("dev_snapshot"), await rpc.failure("dev_revert", 1)):
            assert (failure.code, failure.message) == (CLIENT_ERROR, "Client error: no space left")
    assert await rpc.call("chain_getBlockHash") == head


async def test_only_a_dev_chain_can_be_set_back(clock: MockClock) -> None:
    with scratch_directory() as directory:
        spec = json.loads(DEV_SPEC.read_text())
        path = directory / "spec.json"
        spec["genesis"]["runtimeGenesis"]["patch"]["cheats"]["allowed"] = False
        path.write_text(json.dumps({**spec, "chainType": "Local"}))
        async with running_node(directory, sealing="manual", chain=path) as node, connected(node) as rpc:
            assert (await rpc.failure("dev_snapshot")).code == METHOD_NOT_FOUND
            assert "dev_revert" not in (await rpc.call("rpc_methods"))["methods"]


async def test_heads_across_a_revert(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    blocks = [await mine(rpc, final=True) for _ in range(3)]
    await rpc.call("dev_snapshot")
    best, every, final = [
        await rpc.call(name)
        for name in ("chain_subscribeNewHeads", "chain_subscribeAllHeads", "chain_subscribeFinalizedHeads")
    ]

    async def heard(subscription: str, count: int) -> list[str]:
        return [header_hash((await rpc.news(subscription))[1]) for _ in range(count)]

    for each in (best, every, final):
        assert await heard(each, 1) == blocks[2:]
    abandoned = [await mine(rpc, final=True) for _ in range(3)]
    for each in (best, every, final):
        assert await heard(each, 3) == abandoned
    await rpc.call("dev_revert", 1)
    fresh = [await mine(rpc, final=True) for _ in range(2)]
    assert await heard(best, 3) == [blocks[2], *fresh]
    assert await heard(every, 2) == fresh
    assert await heard(final, 2) == fresh
    await rpc.silence(1)
    assert [await rpc.call("chain_getBlockHash", number) for number in range(1, 6)] == [*blocks, *fresh]


async def test_who_is_told_of_finality_late_misses_only_what_is_gone(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    """Both happen before the subscriber is served."""
    final = await rpc.call("chain_subscribeFinalizedHeads")
    await rpc.news(final)
    await rpc.call("dev_snapshot")
    abandoned = [await node.producer.create_block(create_empty=True) for _ in range(2)]
    assert node.snapshots is not None
    node.finalizer.finalize(abandoned[1].hash, 2)
    node.chain.rewind(node.chain.genesis_hash)
    fresh = await mine(rpc, final=True)
    assert header_hash((await rpc.news(final))[1]) == fresh
    await rpc.silence(1)


async def test_storage_across_a_revert(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    """The values of the snapshot are news; whoever follows all keys gets the whole difference."""
    await mine(rpc)
    key, genesis = account_key(BOB), node.chain.genesis_hash
    before = await rpc.call("state_getStorage", key)
    await rpc.call("dev_snapshot")
    known: dict[str, str | None] = {
        key: await rpc.call("state_getStorage", key) for key in await rpc.call("state_getKeys", "0x")
    }
    some = await rpc.call("state_subscribeStorage", [key, NOW])
    everything = await rpc.call("state_subscribeStorage")
    await rpc.news(some)
    for nonce in range(2):
        await rpc.call("author_submitExtrinsic", f"0x{signed(genesis, transfer(BOB, UNIT), nonce).hex()}")
        await mine(rpc)
    snapshot = await rpc.call("dev_revert", 1)
    for _ in range(2):
        await rpc.news(some)
    _, news = await rpc.news(some)
    assert news["block"] == snapshot["hash"]
    assert dict(news["changes"])[key] == before
    seen = dict(known)
    for _ in range(3):
        _, news = await rpc.news(everything)
        seen.update(dict(news["changes"]))
    assert {key: value for key, value in seen.items() if value is not None} == known
    assert dict(news["changes"])[account_key(ALICE)] == known[account_key(ALICE)]


async def test_a_watched_transaction_across_a_revert(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    extrinsic = f"0x{signed(genesis, transfer(BOB, UNIT), 0).hex()}"
    await rpc.call("dev_snapshot")
    for _ in range(2):
        steps = await rpc.call("author_submitAndWatchExtrinsic", extrinsic)
        block = await mine(rpc)
        await rpc.call("dev_revert", 1)
        heard = [(await rpc.news(steps))[1] for _ in range(4)]
        assert heard == ["ready", {"inBlock": block}, {"retracted": block}, "dropped"]
        assert await rpc.call("author_unwatchExtrinsic", steps) is False
        assert await rpc.call("author_pendingExtrinsics") == []
    waiting = await rpc.call("author_submitAndWatchExtrinsic", extrinsic)
    await rpc.call("dev_revert", 1)
    assert [(await rpc.news(waiting))[1] for _ in range(2)] == ["ready", "dropped"]
    steps = await rpc.call("author_submitAndWatchExtrinsic", extrinsic)
    block = await mine(rpc, final=True)
    assert [(await rpc.news(steps))[1] for _ in range(3)] == ["ready", {"inBlock": block}, {"finalized": block}]


async def test_the_next_index_goes_back(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    address = ss58.encode(account(ALICE))
    await rpc.call("dev_snapshot")
    extrinsic = signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0)
    await rpc.call("author_submitExtrinsic", f"0x{extrinsic.hex()}")
    assert await rpc.call("system_accountNextIndex", address) == 1
    await rpc.call("dev_revert", 1)
    assert await rpc.call("system_accountNextIndex", address) == 0


async def test_many_at_once(clock: MockClock) -> None:
    """Several clients that snapshot, mine and revert at the same time leave a sound chain."""
    with scratch_directory() as directory:
        async with running_node(directory) as node, connected(node) as one, connected(node) as two:
            for turn in range(5):
                batch = [
                    {"jsonrpc": "2.0", "id": 1, "method": "dev_snapshot"},
                    {"jsonrpc": "2.0", "id": 2, "method": "engine_createBlock", "params": [True, False]},
                    {"jsonrpc": "2.0", "id": 3, "method": "dev_revert", "params": [turn + 1]},
                    {"jsonrpc": "2.0", "id": 4, "method": "engine_createBlock", "params": [True, True]},
                ]
                replies = [await client.exchange(batch) for client in (one, two)]
                assert all("error" not in reply for answer in replies for reply in answer)
            assert len(await one.call("dev_listSnapshots")) == 10
