"""What `RpcConfig` says of who may call what, how much, and how often."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.config import RpcConfig
from node.service import RunningNode
from node.web import Response
from tests.node.rpc.client import JSON, RpcClient, connected, post, result_of

EXPLORER = "https://polkadot.js.org"
UNSAFE = "RPC call is unsafe to be called externally"
NAME = {"jsonrpc": "2.0", "id": 1, "method": "system_name"}


def from_page(origin: str) -> tuple[tuple[str, str], ...]:
    return (*JSON, ("origin", origin))


def body(reply: Response) -> Any:
    import json

    return json.loads(reply.body)


def unsafe_call() -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "system_dryRun", "params": ["0x00"]}


@pytest.mark.parametrize(
    ("served", "here", "there"),
    [
        (RpcConfig(), True, False),
        (RpcConfig(methods="unsafe"), True, True),
        (RpcConfig(methods="safe"), False, False),
    ],
    ids=["auto", "unsafe", "safe"],
)
async def test_unsafe_methods_are_for_the_operator(
    clock: MockClock, node: RunningNode, served: RpcConfig, here: bool, there: bool
) -> None:
    for headers, is_served in ((JSON, here), (from_page(EXPLORER), there)):
        reply = body(await post(node, unsafe_call(), headers))
        refusal = {"code": -32601, "message": UNSAFE}
        assert (reply.get("error") != refusal) is is_served
        assert "result" in body(await post(node, NAME, headers))


@pytest.mark.parametrize("served", [RpcConfig(methods="safe")])
async def test_a_call_may_be_unsafe_by_what_it_leaves_out(clock: MockClock, served: RpcConfig, rpc: RpcClient) -> None:
    failure = await rpc.failure("state_subscribeStorage")
    assert (failure.code, failure.message) == (-32601, UNSAFE)
    assert await rpc.news(await rpc.call("state_subscribeStorage", ["0x00"]))


@pytest.mark.parametrize(
    ("served", "status"),
    [
        (RpcConfig(), 403),
        (RpcConfig(cors=("https://my.page",)), 200),
        (RpcConfig(cors="all"), 200),
    ],
    ids=["default", "named", "all"],
)
async def test_pages_that_may_ask(clock: MockClock, node: RunningNode, served: RpcConfig, status: int) -> None:
    reply = await post(node, NAME, from_page("https://my.page"))
    assert reply.status == status
    assert reply.header("access-control-allow-origin") == ("https://my.page" if status == 200 else None)


@pytest.mark.parametrize("served", [RpcConfig(max_batch=0)])
async def test_batches_can_be_refused(clock: MockClock, rpc: RpcClient) -> None:
    reply = await rpc.exchange([NAME, NAME])
    assert reply["error"] == {"code": -32005, "message": "Batched requests are not supported by this server"}
    assert await rpc.call("system_name")


@pytest.mark.parametrize("served", [RpcConfig(max_batch=2)])
async def test_a_batch_has_a_length(clock: MockClock, rpc: RpcClient) -> None:
    assert len(await rpc.exchange([NAME, NAME])) == 2
    reply = await rpc.exchange([NAME] * 3)
    assert reply["error"]["code"] == -32010
    assert reply["error"]["data"] == "Exceeded max limit of 2"


@pytest.mark.parametrize("served", [RpcConfig(max_connections=2)])
async def test_so_many_connections(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    async with connected(node):
        assert (await post(node, NAME)).status == 503
    await trio.sleep(1)
    assert (await post(node, NAME)).status == 200


@pytest.mark.parametrize("served", [RpcConfig(rate_limit=60)])
async def test_who_calls_too_often_waits_and_nobody_else_does(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    started = trio.current_time()
    for _ in range(60):
        await rpc.call("system_name")
    assert trio.current_time() - started < 5
    full = trio.current_time()
    for _ in range(5):
        await rpc.call("system_name")
    waited = trio.current_time() - full
    assert 4 <= waited + (full - started) <= 6
    async with connected(node) as other:
        before = trio.current_time()
        await other.call("system_name")
        assert trio.current_time() - before < 0.5
    slow = trio.current_time()
    replies = await rpc.exchange([{**NAME, "id": number} for number in range(10)])
    assert trio.current_time() - slow > 8
    assert [result_of(reply, number) for number, reply in enumerate(replies)]


@pytest.mark.parametrize("served", [RpcConfig(rate_limit=60)])
async def test_every_call_of_a_posted_batch_counts(clock: MockClock, node: RunningNode) -> None:
    started = trio.current_time()
    assert (await post(node, [{**NAME, "id": number} for number in range(70)])).status == 200
    assert trio.current_time() - started > 8


@pytest.mark.parametrize("served", [RpcConfig(max_request_bytes=2000)])
async def test_a_request_has_a_size(clock: MockClock, node: RunningNode) -> None:
    assert (await post(node, {**NAME, "params": ["x" * 2000]})).status == 413
    async with connected(node) as client:
        await client.socket.send("x" * 2001)
        assert await client.socket.receive() is None
        assert client.socket.closed is not None
        assert client.socket.closed.code == 1009
