"""`archive_v1_*` over a WebSocket: any kept block, forks, pruned states, storage and what changed in it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest
from trio.testing import MockClock

from node.rpc import archive_v1
from node.service import RunningNode
from tests.node.extrinsics import ALICE, BOB, UNIT, account, remark, signed, transfer
from tests.node.nodes import running_node, send, storage_key
from tests.node.rpc.client import RpcClient, connected
from tests.node.scratch import scratch_directory

CODE = "0x" + b":code".hex()
ACCOUNTS = "0x" + storage_key("System", "Account").hex()
NUMBER = "0x" + storage_key("System", "Number").hex()
STRANGER = "0x" + "77" * 32


async def mine(rpc: RpcClient, on: str | None = None, *, final: bool = False) -> str:
    block: str = (await rpc.call("engine_createBlock", True, final, on))["hash"]
    return block


async def told(rpc: RpcClient, name: str, *params: Any) -> list[Any]:
    """All events of a subscription, which ends by itself."""
    subscription = await rpc.call(f"archive_v1_{name}", *params)
    events: list[Any] = []
    while not events or events[-1]["event"] == name:
        method, event = await rpc.news(subscription)
        assert method == f"archive_v1_{name}Event"
        events.append(event)
    return events


async def stored(rpc: RpcClient, block: str, *items: dict[str, str], child: str | None = None) -> list[Any]:
    *found, end = await told(rpc, "storage", block, list(items), child)
    assert end == {"event": "storageDone"}
    assert all(each.pop("event") == "storage" for each in found)
    return found


async def differing(rpc: RpcClient, block: str, *params: Any) -> list[Any]:
    *found, end = await told(rpc, "storageDiff", block, *params)
    assert end == {"event": "storageDiffDone"}
    assert all(each.pop("event") == "storageDiff" for each in found)
    return found


def blake2(value: str) -> str:
    return "0x" + blake2b(bytes.fromhex(value[2:]), digest_size=32).hexdigest()


async def test_blocks_by_height_and_by_hash(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = await rpc.call("archive_v1_genesisHash")
    assert genesis == "0x" + node.chain.genesis_hash.hex()
    final = await mine(rpc, final=True)
    assert await rpc.call("archive_v1_finalizedHeight") == 1
    lost = await mine(rpc)
    won = await mine(rpc, await mine(rpc, final))
    side = (await rpc.call("chain_getHeader", won))["parentHash"]
    assert [await rpc.call("archive_v1_hashByHeight", height) for height in (0, 1, 3)] == [[genesis], [final], [won]]
    assert await rpc.call("archive_v1_hashByHeight", 2) == [side, lost]
    for height in (4, 2**32, 2**63):
        assert await rpc.call("archive_v1_hashByHeight", height) == []
    for block in (genesis, final, lost, won):
        assert blake2(await rpc.call("archive_v1_header", block)) == block
        whole = await rpc.call("chain_getBlock", block)
        assert await rpc.call("archive_v1_body", block) == whole["block"]["extrinsics"]
    for method in ("archive_v1_header", "archive_v1_body"):
        assert await rpc.call(method, STRANGER) is None
    await rpc.call("engine_finalizeBlock", won)
    assert await rpc.call("archive_v1_hashByHeight", 2) == [side]


async def test_calls_at_any_block(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
    genesis, block = await rpc.call("archive_v1_genesisHash"), await mine(rpc)
    await mine(rpc)
    nonces = [
        await rpc.call("archive_v1_call", at, "AccountNonceApi_account_nonce", "0x" + account(ALICE).hex())
        for at in (genesis, block)
    ]
    assert nonces == [{"success": True, "value": f"0x0{nonce}000000"} for nonce in (0, 1)]
    assert await rpc.call("archive_v1_call", STRANGER, "Core_version", "") is None
    unknown = await rpc.call("archive_v1_call", block, "No_such", "")
    assert unknown["success"] is False
    assert "Exported method No_such is not found" in unknown["error"]
    assert (await rpc.failure("archive_v1_call", block, "Core_version", "0xz")).code == -32602


async def test_storage_of_past_blocks_and_of_forks(
    clock: MockClock, node: RunningNode, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    genesis = await rpc.call("archive_v1_genesisHash")
    send(node, signed(node.chain.genesis_hash, transfer("//Somebody new", UNIT), 0))
    block = await mine(rpc)
    fork = await mine(rpc, genesis)
    await mine(rpc)
    for at in (genesis, block, fork):
        keys = await rpc.call("state_getKeys", ACCOUNTS, at)
        values = [{"key": key, "value": await rpc.call("state_getStorage", key, at)} for key in keys]
        assert await stored(rpc, at, {"key": ACCOUNTS, "type": "descendantsValues"}) == values
        third = {"key": ACCOUNTS, "type": "descendantsHashes", "paginationStartKey": keys[2]}
        number = {"key": NUMBER, "type": "value"}
        expected = [{"key": value["key"], "hash": blake2(value["value"])} for value in values[3:]]
        found = await stored(rpc, at, third, number, {"key": STRANGER, "type": "value"})
        assert found[: len(expected)] == expected
        assert found[len(expected) :] == ([] if at == genesis else [{"key": NUMBER, "value": "0x01000000"}])
        root = (await rpc.call("chain_getHeader", at))["stateRoot"]
        merkle = {"key": "0x", "type": "closestDescendantMerkleValue"}
        assert await stored(rpc, at, merkle) == [{"key": "0x", "closestDescendantMerkleValue": root}]
        assert await stored(rpc, at, number, child="0x01") == []
    for items in ([{"key": "0x", "type": "x"}], [{"type": "value"}], [5], {"key": "0x", "type": "value"}):
        assert (await rpc.failure("archive_v1_storage", block, items)).code == -32602
    paged = {"key": "0x", "type": "value", "paginationStartKey": "0x00"}
    assert (await rpc.failure("archive_v1_storage", block, [paged])).code == -32602
    assert [event["event"] for event in await told(rpc, "storage", STRANGER, [])] == ["storageError"]


async def test_what_changed_between_two_blocks(
    clock: MockClock, node: RunningNode, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_v1, "SLICE_CHANGES", 3)
    genesis = await rpc.call("archive_v1_genesisHash")
    send(node, signed(node.chain.genesis_hash, transfer("//Somebody new", UNIT), 0))
    first = await mine(rpc)
    send(node, signed(node.chain.genesis_hash, remark(b""), 1))
    fork = await mine(rpc, await mine(rpc, first))
    best = await mine(rpc, await mine(rpc, await mine(rpc, first)))

    async def state(at: str) -> dict[str, str]:
        return dict(await rpc.call("state_getPairs", "0x", at))

    for block, previous in ((first, genesis), (best, first), (best, genesis), (fork, first), (fork, genesis)):
        before, now = await state(previous), await state(block)
        expected: list[dict[str, str]] = []
        for key in sorted({*before, *now}):
            if before.get(key) != now.get(key):
                kind = "deleted" if key not in now else "added" if key not in before else "modified"
                expected.append({"key": key, "value": now[key] if key in now else before[key], "type": kind})
        assert expected
        assert await differing(rpc, block, None, previous) == expected
        hashed = [{"key": each["key"], "hash": blake2(each["value"]), "type": each["type"]} for each in expected]
        accounts = [each for each in hashed if each["key"].startswith(ACCOUNTS)]
        within = [{"key": ACCOUNTS, "returnType": "hash"}, {"key": ACCOUNTS + "00", "returnType": "hash"}]
        assert await differing(rpc, block, within, previous) == accounts
        assert await differing(rpc, block, [{"returnType": "hash"}], previous) == hashed
    assert await differing(rpc, first) == await differing(rpc, first, [], genesis)
    assert await differing(rpc, first, [{"returnType": "value", "childTrieKey": "0x01"}]) == []

    for block, previous in ((genesis, None), (STRANGER, None), (first, STRANGER), (first, best), (fork, best)):
        (event,) = await told(rpc, "storageDiff", block, None, previous)
        assert event["event"] == "storageDiffError"
    for items in ([{"key": "0x"}], [{"returnType": "x"}], ["0x"], 5):
        assert (await rpc.failure("archive_v1_storageDiff", first, items)).code == -32602


async def test_a_pruned_state_is_told_and_its_block_stays(clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", state_pruning=2) as node, connected(node) as rpc:
            blocks = [await mine(rpc, final=True) for _ in range(6)]
            early, late = blocks[0], blocks[-1]
            assert blake2(await rpc.call("archive_v1_header", early)) == early
            assert len(await rpc.call("archive_v1_body", early)) == 2
            reason = f"Client error: Api called for an unknown Block: State already discarded for {early}"
            called = await rpc.call("archive_v1_call", early, "Core_version", "")
            assert called == {"success": False, "error": reason}
            assert await told(rpc, "storage", early, []) == [{"event": "storageError", "error": reason}]
            assert await told(rpc, "storageDiff", late, [], early) == [{"event": "storageDiffError", "error": reason}]
            assert await stored(rpc, late, {"key": NUMBER, "type": "value"}) == [{"key": NUMBER, "value": "0x06000000"}]


@pytest.mark.parametrize(
    ("name", "stop"),
    [
        ("storage", "stopStorage"),
        ("storageDiff", "stopStorageDiff"),
        ("storageDiff", "storageDiff_stopStorageDiff"),
    ],
)
async def test_a_query_is_stopped(clock: MockClock, node: RunningNode, rpc: RpcClient, name: str, stop: str) -> None:
    block = await mine(rpc)
    items = [{"key": "0x", "type": "descendantsValues", "returnType": "value"}] * 2000
    subscription = await rpc.call(f"archive_v1_{name}", block, items)
    await rpc.news(subscription)
    for identifier in (subscription, subscription, "unknown"):
        assert await rpc.call(f"archive_v1_{stop}", identifier) is None
    rpc.notifications.clear()
    await rpc.silence(1)
