"""JSON-RPC over WebSocket and HTTP: messages, batches, bounds, and who may ask."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trio.testing import MockClock

from node.config import RpcConfig
from node.rpc.registry import MAX_ITEMS
from node.service import RunningNode
from node.web import connect_websocket, request
from node.web.errors import HandshakeRefused
from tests.node.extrinsics import BOB, UNIT, signed, transfer, tx_hash
from tests.node.rpc.client import JSON, RpcClient, connected, post, result_of

CHAIN = {"jsonrpc": "2.0", "id": 1, "method": "system_chain", "params": []}
NOT_JSON = ["", "{", "}", "nul", "[1,", '{"id":1,}', "'x'", "\u0000", '{"a":"\\ud800"}', "NaN", "[" * 2000]
NO_REQUEST: list[Any] = [
    1,
    "text",
    None,
    True,
    {},
    [],
    {"id": 1},
    {"id": 1, "method": None},
    {"id": 1, "method": 5},
    {"id": 1, "method": ["system_chain"]},
    {"id": {}, "method": "system_chain"},
    {"id": [1], "method": "system_chain"},
    {"id": 1.5, "method": "system_chain"},
    {"id": True, "method": "system_chain"},
]


@pytest.mark.parametrize("text", NOT_JSON)
async def test_what_is_not_json_is_told_and_the_connection_lives(clock: MockClock, rpc: RpcClient, text: str) -> None:
    reply = await rpc.exchange(text)
    assert (reply["jsonrpc"], reply["id"], reply["error"]["code"]) == ("2.0", None, -32700)
    assert reply["error"]["message"] == "Parse error"
    assert await rpc.call("system_chain") == "Fathom Development"


@pytest.mark.parametrize("message", NO_REQUEST)
async def test_what_is_no_request_is_told_and_the_connection_lives(
    clock: MockClock, rpc: RpcClient, message: Any
) -> None:
    reply = await rpc.exchange(json.dumps(message))
    assert (reply["error"]["code"], reply["error"]["message"]) == (-32600, "Invalid request")
    well_named = isinstance(message, dict) and type(message.get("id")) is int
    assert reply["id"] == (1 if well_named else None)
    assert await rpc.call("system_chain") == "Fathom Development"


async def test_bytes_that_are_no_text_are_told(clock: MockClock, rpc: RpcClient) -> None:
    await rpc.socket.send(b"\xff\xfe\x00")
    assert (await rpc.receive())["error"]["code"] == -32700


# Batches


async def test_a_batch_is_answered_in_order_each_by_itself(clock: MockClock, rpc: RpcClient) -> None:
    replies = await rpc.exchange(
        [
            {"id": "a", "method": "system_chain"},
            {"id": "b", "method": "nope"},
            7,
            {"method": "system_name"},
            {"id": "c", "method": "state_getStorage", "params": ["zz"]},
            {"id": "a", "method": "chain_getBlockHash", "params": [5]},
        ]
    )
    assert [reply["id"] for reply in replies] == ["a", "b", None, "c", "a"]
    assert result_of(replies[0], "a") == "Fathom Development"
    assert [reply["error"]["code"] for reply in replies[1:4]] == [-32601, -32600, -32602]
    assert replies[4] == {"jsonrpc": "2.0", "id": "a", "result": None}


async def test_a_batch_carries_out_what_it_asks_one_after_the_other(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    extrinsic = signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0)
    replies = await rpc.exchange(
        [
            {"id": 1, "method": "author_submitExtrinsic", "params": [f"0x{extrinsic.hex()}"]},
            {"id": 2, "method": "author_pendingExtrinsics"},
            {"id": 3, "method": "engine_createBlock", "params": [False, True]},
            {"id": 4, "method": "author_pendingExtrinsics"},
            {"id": 5, "method": "chain_getFinalizedHead"},
        ]
    )
    results = [reply["result"] for reply in replies]
    assert results[:2] == [f"0x{tx_hash(extrinsic).hex()}", [f"0x{extrinsic.hex()}"]]
    assert results[3:] == [[], results[2]["hash"]]


async def test_batches_are_bounded_in_number(clock: MockClock, rpc: RpcClient) -> None:
    assert len(await rpc.exchange([CHAIN] * 1024)) == 1024
    reply = await rpc.exchange([CHAIN] * 1025)
    assert (reply["id"], reply["error"]["code"]) == (None, -32010)
    assert reply["error"]["message"] == "The batch request was too large"
    assert reply["error"]["data"] == "Exceeded max limit of 1024"


@pytest.mark.parametrize("served", [RpcConfig(max_response_bytes=1000)])
async def test_replies_are_bounded_in_size(clock: MockClock, served: RpcConfig, rpc: RpcClient) -> None:
    assert RpcConfig().max_response_bytes == 15 * 1024 * 1024
    failure = await rpc.failure("state_getMetadata")
    assert (failure.code, failure.message, failure.data) == (
        -32008,
        "Response is too big",
        "Exceeded max limit of 1000",
    )
    assert await rpc.call("system_chain") == "Fathom Development"
    reply = await rpc.exchange([CHAIN] * 50)
    assert (reply["id"], reply["error"]["code"]) == (None, -32011)
    assert reply["error"]["message"] == "The batch response was too large"


async def test_lists_are_bounded(clock: MockClock, rpc: RpcClient) -> None:
    assert len(await rpc.call("chain_getBlockHash", [0] * MAX_ITEMS)) == MAX_ITEMS
    for method, item in (
        ("chain_getBlockHash", 0),
        ("state_queryStorageAt", "0x"),
        ("state_subscribeStorage", "0x"),
    ):
        failure = await rpc.failure(method, [item] * (MAX_ITEMS + 1))
        assert failure.code == -32602
        assert f"at most {MAX_ITEMS}" in failure.data


async def test_a_long_batch_lets_others_in_between(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    async with connected(node) as other:
        await rpc.socket.send(json.dumps([{"id": 1, "method": "state_getMetadata"}] * 20))
        assert await other.call("system_chain") == "Fathom Development"
        assert not rpc.socket._inbox  # the batch isn't through yet
    assert len(await rpc.receive()) == 20


# HTTP


async def test_http_posts(clock: MockClock, node: RunningNode) -> None:
    response = await post(node, CHAIN)
    assert (response.status, response.header("content-type")) == (200, "application/json")
    assert result_of(json.loads(response.body), 1) == "Fathom Development"
    batch = await post(node, [CHAIN, {"id": 2, "method": "nope"}])
    assert [reply["id"] for reply in json.loads(batch.body)] == [1, 2]
    quiet = await post(node, {"method": "system_chain"})
    assert (quiet.status, quiet.body) == (204, b"")
    for body, code in ((b"", -32700), (b"\xff", -32700), (b"{}", -32600), (b'{"id":1,"method":"x"}', -32601)):
        refused = await post(node, body)
        assert (refused.status, json.loads(refused.body)["error"]["code"]) == (200, code)
    plain = await post(node, CHAIN, headers=())
    assert json.loads(plain.body)["result"] == "Fathom Development"


async def test_subscriptions_need_a_websocket(clock: MockClock, node: RunningNode) -> None:
    for method in ("chain_subscribeNewHeads", "state_subscribeStorage", "author_submitAndWatchExtrinsic"):
        reply = json.loads((await post(node, {"id": 1, "method": method, "params": ["0x00"]})).body)
        assert (reply["error"]["code"], reply["error"]["message"]) == (-32601, "Method not found")
        assert "WebSocket" in reply["error"]["data"]
    ended = json.loads((await post(node, {"id": 1, "method": "chain_unsubscribeNewHeads", "params": ["1"]})).body)
    assert ended["result"] is False


async def test_health_by_get(clock: MockClock, node: RunningNode) -> None:
    response = await request(f"{node.http_url}/health")
    assert (response.status, response.header("content-type")) == (200, "application/json")
    assert json.loads(response.body) == {"peers": 0, "isSyncing": False, "shouldHavePeers": False}


async def test_other_requests_are_told_what_to_do(clock: MockClock, node: RunningNode) -> None:
    for method, path in (("GET", "/"), ("GET", "/nothing"), ("PUT", "/"), ("DELETE", "/health")):
        response = await request(f"{node.http_url}{path}", method)
        assert response.status == 405
        assert response.header("allow") == "POST, OPTIONS"
        assert b"JSON-RPC" in response.body


async def test_pages_of_this_machine_and_known_explorers_may_ask_others_may_not(
    clock: MockClock, node: RunningNode
) -> None:
    for origin in ("http://localhost:3000", "http://127.0.0.1", "https://polkadot.js.org", "https://dev.papi.how"):
        response = await post(node, CHAIN, (*JSON, ("origin", origin)))
        assert (response.status, response.header("access-control-allow-origin")) == (200, origin)
        preflight = await request(node.http_url, "OPTIONS", (("origin", origin),))
        assert (preflight.status, preflight.header("access-control-allow-origin")) == (204, origin)
        assert preflight.header("access-control-allow-headers") == "content-type"
        async with connect_websocket(node.ws_url, headers=(("origin", origin),)) as socket:
            assert await RpcClient(socket).call("system_chain") == "Fathom Development"
    for origin in ("https://evil.example", "null", "https://polkadot.js.org.evil.example", "file://"):
        response = await post(node, CHAIN, (*JSON, ("origin", origin)))
        assert (response.status, response.header("access-control-allow-origin")) == (403, None)
        with pytest.raises(HandshakeRefused):
            async with connect_websocket(node.ws_url, headers=(("origin", origin),)):
                pass
