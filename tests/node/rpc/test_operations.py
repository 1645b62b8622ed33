"""What a follower asks of pinned blocks: bodies, runtime calls and storage, a part at a time and so many at once."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from node.rpc import operations, storage_items
from node.service import RunningNode
from tests.node.rpc.client import RpcClient
from tests.node.rpc.head import ACCOUNTS, CODE, NUMBER, STRANGER, blake2, follow, mine


async def test_the_operations(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    block = await mine(rpc)
    await mine(rpc)
    head = await follow(rpc)
    await head.kinds(4)
    body = await head.outcome("body", block)
    assert body["value"] == (await rpc.call("chain_getBlock", block))["block"]["extrinsics"]
    called = await head.outcome("call", block, "Core_version", "")
    assert called["output"] == await rpc.call("state_call", "Core_version", "0x", block)
    unknown = await head.outcome("call", block, "No_such", "0x")
    assert unknown["event"] == "operationError"
    assert "Exported method No_such is not found" in unknown["error"]

    code = await rpc.call("state_getStorage", CODE)
    assert await head.items(block, (CODE, "value")) == [{"key": CODE, "value": code}]
    assert await head.items(block, (CODE, "hash")) == [{"key": CODE, "hash": blake2(code)}]
    assert await head.items(block, (STRANGER, "value"), (STRANGER, "descendantsHashes")) == []
    assert await head.items(block, (CODE, "value"), child="0x01") == []
    keys = await rpc.call("state_getKeys", ACCOUNTS, block)
    values = {key: await rpc.call("state_getStorage", key, block) for key in keys}
    accounts = [{"key": key, "value": value} for key, value in values.items()]
    assert await head.items(block, (ACCOUNTS, "descendantsValues")) == accounts
    hashes = [{"key": key, "hash": blake2(value)} for key, value in values.items()]
    found = await head.items(block, (ACCOUNTS, "descendantsHashes"), (NUMBER, "hash"))
    assert found == [*hashes, {"key": NUMBER, "hash": blake2("0x01000000")}]
    root = (await rpc.call("chain_getHeader", block))["stateRoot"]
    assert await head.items(block, ("0x", "closestDescendantMerkleValue")) == [
        {"key": "0x", "closestDescendantMerkleValue": root}
    ]


async def test_much_is_told_a_part_at_a_time(clock: MockClock, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "PAUSE_AFTER", 1_000)
    monkeypatch.setattr(storage_items, "SLICE_KEYS", 8)
    head = await follow(rpc)
    block = (await head.next())["finalizedBlockHashes"][-1]
    await head.next()
    started = await head.call("storage", block, [{"key": "0x", "type": "descendantsValues"}])
    identifier = started["operationId"]
    keys, pauses = [], 0
    while (event := await head.next())["event"] != "operationStorageDone":
        if event["event"] == "operationStorageItems":
            keys += [item["key"] for item in event["items"]]
            continue
        assert event == {"event": "operationWaitingForContinue", "operationId": identifier}
        pauses += 1
        assert (await head.outcome("body", block))["event"] == "operationBodyDone"  # others go on
        await mine(rpc)
        assert await head.kinds(2) == ["newBlock", "bestBlockChanged"]
        assert await head.call("continue", identifier) is None
    assert keys == await rpc.call("state_getKeys", "0x", block)
    assert pauses > 1
    assert await head.call("continue", identifier) is None

    started = await head.call("storage", block, [{"key": "0x", "type": "descendantsValues"}])
    while (await head.next())["event"] != "operationWaitingForContinue":
        pass
    body = await head.call("body", block)
    assert await head.call("stopOperation", started["operationId"]) is None
    assert (await head.next())["operationId"] == body["operationId"]
    await rpc.silence(1)


async def test_sixteen_operations_at_a_time(clock: MockClock, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "PAUSE_AFTER", 1)
    head = await follow(rpc)
    block = (await head.next())["finalizedBlockHashes"][-1]
    await head.next()
    waits = [{"key": ACCOUNTS, "type": "descendantsValues"}, {"key": CODE, "type": "hash"}]
    first = await head.call("storage", block, waits * 5)
    assert first["discardedItems"] == 0
    assert await head.kinds(2) == ["operationStorageItems", "operationWaitingForContinue"]
    second = await head.call("storage", block, waits * 5)
    assert second["discardedItems"] == 4
    assert await head.kinds(2) == ["operationStorageItems", "operationWaitingForContinue"]
    for name, params in (("body", ()), ("call", ("Core_version", "0x")), ("storage", ([waits[0]],))):
        assert await head.call(name, block, *params) == {"result": "limitReached"}
    await head.call("stopOperation", second["operationId"])
    assert (await head.outcome("body", block))["event"] == "operationBodyDone"


async def test_in_a_batch_the_replies_come_before_the_events(clock: MockClock, rpc: RpcClient) -> None:
    head = await follow(rpc)
    block = (await head.next())["finalizedBlockHashes"][-1]
    await head.next()
    asked: list[tuple[str, *tuple[Any, ...]]] = [
        ("storage", block, [{"key": "0x", "type": "descendantsValues"}] * 16),
        ("continue", "0"),
        ("stopOperation", "0"),
        ("body", block),
    ]
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": f"chainHead_v1_{name}", "params": [head.subscription, *params]}
        for name, *params in asked
    ]
    storage, early, _, body = await rpc.exchange(requests)
    assert not rpc.notifications
    assert storage["result"]["operationId"] == "0"
    assert early["error"]["code"] == -32803
    assert (await head.next())["operationId"] == body["result"]["operationId"] == "1"
    await rpc.silence(1)
