"""`transactionWatch_v1_*` and `transaction_v1_*`: what a watcher is told, and what is broadcast until it is stopped."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import trio.testing
from trio.testing import MockClock

from node.chain.pool import Pool, PoolLimits
from node.rpc import broadcasts
from node.service import RunningNode
from tests.node.extrinsics import ALICE, BOB, CHARLIE, bare, remark, signed, tx_hash
from tests.node.rpc.client import RpcClient, connected, post

VALIDATED = {"event": "validated"}


SIGNED = cache(signed)
"""The same each time: a signature has randomness in it."""


def extrinsic(node: RunningNode, nonce: int, by: str = ALICE, **how: Any) -> str:
    return "0x" + SIGNED(node.chain.genesis_hash, remark(b"x"), nonce, by=by, **how).hex()


async def watch(rpc: RpcClient, data: str) -> str:
    subscription: str = await rpc.call("transactionWatch_v1_submitAndWatch", data)
    return subscription


async def told(rpc: RpcClient, subscription: str) -> Any:
    method, event = await rpc.news(subscription)
    assert method == "transactionWatch_v1_watchEvent"
    return event


async def mine(rpc: RpcClient, on: str | None = None) -> str:
    block: str = (await rpc.call("engine_createBlock", True, False, on))["hash"]
    return block


async def pending(rpc: RpcClient) -> list[str]:
    found: list[str] = await rpc.call("author_pendingExtrinsics")
    return found


# transactionWatch_v1


async def test_the_life_of_a_transaction(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    first, second = extrinsic(node, 0), extrinsic(node, 1)
    waiting, sent = await watch(rpc, second), await watch(rpc, first)
    for subscription in (waiting, sent):  # the one is valid in the future, the other at once
        assert await told(rpc, subscription) == VALIDATED
    genesis = await rpc.call("chain_getBlockHash", 0)
    lost = await mine(rpc)
    included = {"event": "bestChainBlockIncluded", "block": {"hash": lost, "index": 2}}
    assert await told(rpc, sent) == included
    assert await told(rpc, waiting) == {**included, "block": {"hash": lost, "index": 3}}
    rival = await mine(rpc, genesis)
    won = await mine(rpc, rival)
    assert await told(rpc, sent) == {"event": "bestChainBlockIncluded", "block": None}
    while (event := await told(rpc, sent)) == VALIDATED:
        won = await mine(rpc)
    body = await rpc.call("archive_v1_body", event["block"]["hash"])
    assert body[event["block"]["index"]] == first
    await rpc.call("engine_finalizeBlock", won)
    assert await told(rpc, sent) == {"event": "finalized", "block": event["block"]}
    for _ in range(2):
        assert await rpc.call("transactionWatch_v1_unwatch", sent) is None


async def test_what_is_refused_is_told_and_no_error(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    node.transactions.pool = Pool(PoolLimits(1, 1 << 20), PoolLimits(0, 0))
    assert await told(rpc, await watch(rpc, extrinsic(node, 0))) == VALIDATED
    refused = {
        extrinsic(node, 0): ("invalid", "Transaction is already imported"),
        extrinsic(node, 1, forged=True): ("invalid", "Invalid transaction: Transaction has a bad signature"),
        extrinsic(node, 0, by="//Nobody"): (
            "invalid",
            "Invalid transaction: Inability to pay some fees (e.g. account balance too low)",
        ),
        "0x" + bare(remark(b"")).hex(): ("invalid", "Unknown transaction validity: NoUnsignedValidator"),
        extrinsic(node, 0, by=CHARLIE): (
            "dropped",
            "The transaction could not enter the pool because of the limit",
        ),
        extrinsic(node, 0, tip=5): None,
        "0x": ("invalid", "Extrinsic bytes cannot be decoded"),
        "0x0405": ("invalid", "Extrinsic bytes cannot be decoded"),
        extrinsic(node, 0)[:-2]: ("invalid", "Extrinsic bytes cannot be decoded"),
    }
    for data, expected in refused.items():
        event = await told(rpc, await watch(rpc, data))
        if expected is None:
            assert event == VALIDATED
        else:
            kind, error = expected
            assert event["event"] == kind
            assert event["error"].startswith(error)
    for wrong in ("0xz", "0x1", 5, None):
        assert (await rpc.failure("transactionWatch_v1_submitAndWatch", wrong)).code == -32602


async def test_the_ends_of_a_life(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    usurped, removed = await watch(rpc, extrinsic(node, 0)), await watch(rpc, extrinsic(node, 0, by=BOB))
    for subscription in (usurped, removed):
        assert await told(rpc, subscription) == VALIDATED
    await rpc.call("author_submitExtrinsic", extrinsic(node, 0, tip=10**6))
    end = {"event": "invalid", "error": "Extrinsic was rendered invalid by another extrinsic"}
    assert await told(rpc, usurped) == end
    bobs = extrinsic(node, 0, by=BOB)
    assert await rpc.call("author_removeExtrinsic", [{"extrinsic": bobs}, {"hash": "0x" + "77" * 32}]) == [
        "0x" + tx_hash(bytes.fromhex(bobs[2:])).hex()
    ]
    assert await told(rpc, removed) == {"event": "invalid", "error": "Extrinsic marked as invalid"}
    assert (await told(rpc, await watch(rpc, bobs)))["error"] == "Transaction is temporarily banned"
    wrong: Any
    for wrong in ([{}], [{"hash": "0x"}], ["0x"], [{"hash": "0x" + "77" * 32, "extrinsic": "0x"}]):
        assert (await rpc.failure("author_removeExtrinsic", wrong)).code == -32602


async def test_who_unwatches_hears_no_more(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    subscription = await watch(rpc, extrinsic(node, 0))
    assert await told(rpc, subscription) == VALIDATED
    assert await rpc.call("transactionWatch_v1_unwatch", subscription) is None
    await mine(rpc)
    await rpc.silence(1)
    assert node.transactions._watchers == {}
    assert await pending(rpc) == []


# transaction_v1


async def test_a_transaction_is_broadcast_until_it_is_included(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    first, room = extrinsic(node, 0), node.transactions.pool
    node.transactions.pool = Pool(PoolLimits(0, 0), PoolLimits(0, 0))
    operation = await rpc.call("transaction_v1_broadcast", first)
    await mine(rpc)
    assert await pending(rpc) == []
    node.transactions.pool = room  # there is room again
    await mine(rpc)
    assert await pending(rpc) == [first]
    await mine(rpc)
    assert await pending(rpc) == []
    await mine(rpc)
    assert await pending(rpc) == []
    assert await rpc.call("transaction_v1_stop", operation) is None
    for unknown in (operation, "no such"):
        failure = await rpc.failure("transaction_v1_stop", unknown)
        assert (failure.code, failure.message) == (-32602, "Invalid operation id")


async def test_what_is_invalid_is_silently_given_up_and_counts(
    clock: MockClock, node: RunningNode, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    invalid = ["0x", "0x04", extrinsic(node, 0, forged=True), "0x" + bare(remark(b"")).hex()]
    operations = [await rpc.call("transaction_v1_broadcast", invalid[at % 4]) for at in range(16)]
    assert len({*operations}) == 16
    assert await rpc.call("transaction_v1_broadcast", extrinsic(node, 0)) is None
    assert await pending(rpc) == []
    async with connected(node) as other:
        assert (await other.failure("transaction_v1_stop", operations[0])).code == -32602
        assert await other.call("transaction_v1_broadcast", extrinsic(node, 0))
    assert await pending(rpc) == [extrinsic(node, 0)]  # its connection is gone, and it stays
    await rpc.call("transaction_v1_stop", operations[5])
    monkeypatch.setattr(broadcasts, "MAX_BYTES", 10)
    assert await rpc.call("transaction_v1_broadcast", extrinsic(node, 1)) is None
    for operation in operations[6:]:
        await rpc.call("transaction_v1_stop", operation)
    assert await rpc.call("transaction_v1_broadcast", extrinsic(node, 1)) is None
    await rpc.call("transaction_v1_stop", operations[0])
    await rpc.call("transaction_v1_stop", operations[1])
    assert await rpc.call("transaction_v1_broadcast", extrinsic(node, 1))
    assert (await rpc.failure("transaction_v1_broadcast", "0xz")).code == -32602
    request = {"id": 1, "method": "transaction_v1_broadcast", "params": ["0x"]}
    assert b'"code":-32601' in (await post(node, request)).body


async def test_a_chain_that_is_set_back_gets_nothing_again(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    snapshot = await rpc.call("dev_snapshot")
    await mine(rpc)
    await rpc.call("transaction_v1_broadcast", extrinsic(node, 0))
    assert len(await pending(rpc)) == 1
    await rpc.call("dev_revert", snapshot)
    await mine(rpc)
    await trio.sleep(1)
    assert await pending(rpc) == []


async def test_who_broadcasts_and_leaves_is_forgotten(clock: MockClock, node: RunningNode) -> None:
    await trio.testing.wait_all_tasks_blocked()
    before = len(node.chain.imported._subscribers)
    async with connected(node) as other:
        await other.call("transaction_v1_broadcast", extrinsic(node, 0))
        await trio.testing.wait_all_tasks_blocked()
        assert len(node.chain.imported._subscribers) == before + 1
    await trio.sleep(5)
    assert len(node.chain.imported._subscribers) == before
