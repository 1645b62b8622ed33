"""Submissions that overlap on one connection, their signatures verified by a real process, in real time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.service import RunningNode
from node.verifier.verifier import start_process
from tests.node.extrinsics import BOB, remark, signed, tx_hash
from tests.node.nodes import running_node
from tests.node.rpc.client import RpcClient, connected
from tests.node.rpc.test_submission import REFUSED, to_hex
from tests.node.scratch import scratch_directory
from tests.node.until import until


@pytest.fixture
async def node() -> AsyncIterator[RunningNode]:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", start_verifier=start_process) as running:
            yield running


async def replies_to(rpc: RpcClient, method: str, extrinsics: list[bytes]) -> list[Any]:
    """The replies to requests that are all sent before one is read, in the order of the requests."""
    for number, extrinsic in enumerate(extrinsics):
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": [to_hex(extrinsic)]}
        await rpc.socket.send(json.dumps(request))
    found: dict[int, Any] = {}
    while len(found) < len(extrinsics):
        reply = await rpc.receive()
        if "id" in reply:
            found[reply["id"]] = reply
        else:
            rpc.notifications.append(reply)
    return [found[number] for number in range(len(extrinsics))]


async def with_process(node: RunningNode, rpc: RpcClient) -> None:
    """Until the verifier process is there."""
    forged = [signed(node.chain.genesis_hash, remark(bytes([number])), 0, forged=True) for number in range(50)]

    async def flood() -> None:
        for reply in await replies_to(rpc, "author_submitExtrinsic", forged):
            assert reply["error"]["code"] == 1010

    while not node.transactions.verifier._wanted.is_set():
        await flood()
    await until(lambda: node.transactions.verifier._ready)


async def test_each_request_has_its_own_answer(node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    extrinsics = [signed(genesis, remark(b""), nonce, forged=nonce == 300) for nonce in range(400)]
    async with connected(node) as rpc:
        await with_process(node, rpc)
        replies = await replies_to(rpc, "author_submitExtrinsic", extrinsics)
        bad = replies.pop(300)
        assert bad["error"] == {
            "code": 1010,
            "message": "Invalid Transaction",
            "data": "Transaction has a bad signature",
        }
        hashes = [to_hex(tx_hash(extrinsic)) for nonce, extrinsic in enumerate(extrinsics) if nonce != 300]
        assert [reply["result"] for reply in replies] == hashes
        pool = node.transactions.pool
        assert (pool.ready_count, pool.future_count) == (300, 99)


async def test_refusals_are_those_of_a_node_that_verifies_itself(node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    async with connected(node) as rpc:
        await rpc.call("author_submitExtrinsic", to_hex(signed(genesis, remark(b""), 0)))
        await rpc.call("author_submitExtrinsic", to_hex(signed(genesis, remark(b""), 1)))
        await rpc.call("engine_createBlock", True, False)
        await with_process(node, rpc)
        replies = await replies_to(rpc, "author_submitExtrinsic", [make(genesis) for make, *_ in REFUSED.values()])
    for (name, (_, code, message, data)), reply in zip(REFUSED.items(), replies, strict=True):
        error = reply["error"]
        assert (name, error["code"], error["message"]) == (name, code, message)
        assert data is None or error["data"] == data


async def test_a_watched_one_is_told_from_the_start(node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    extrinsics = [signed(genesis, remark(b""), nonce, by=BOB) for nonce in range(20)]
    async with connected(node) as rpc:
        await with_process(node, rpc)
        replies = await replies_to(rpc, "author_submitAndWatchExtrinsic", extrinsics)
        ids = [reply["result"] for reply in replies]
        assert len(set(ids)) == len(ids)
        for subscription in ids:
            assert await rpc.news(subscription) == ("author_extrinsicUpdate", "ready")
        block = (await rpc.call("engine_createBlock", False, False))["hash"]
        for subscription in ids:
            assert await rpc.news(subscription) == ("author_extrinsicUpdate", {"inBlock": block})
