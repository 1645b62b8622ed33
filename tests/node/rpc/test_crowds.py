"""Ten thousand subscriptions, and callers that ask for much and read nothing."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack

import trio
from trio.testing import MockClock

from node.service import RunningNode
from tests.node.rpc.client import RpcClient, connected
from tests.node.rpc.head import mine
from tests.node.until import until

EACH, CONNECTIONS = 1024, 10


async def test_ten_thousand_subscriptions(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    """Each connection has as many as it may and not one more; all are told of a block, and leave nothing behind."""
    told = 0

    async def read(client: RpcClient, count: int) -> None:
        nonlocal told
        for _ in range(count):
            assert "params" in json.loads(await client.socket.receive() or "")
            told += 1

    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(node)) for _ in range(CONNECTIONS)]
        request = {"jsonrpc": "2.0", "id": 1, "method": "chain_subscribeNewHeads"}
        for client in clients:
            replies = await client.exchange([request] * EACH)
            assert len({reply["result"] for reply in replies}) == EACH
            await read(client, EACH - len(client.notifications))
            refused = await client.failure("chain_subscribeNewHeads")
            assert (refused.code, refused.message) == (-32006, "Too many subscriptions on the connection")
        told = 0
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(read, client, EACH)
            await mine(rpc)
        assert told == EACH * CONNECTIONS
        assert await clients[0].call("chain_unsubscribeNewHeads", replies[0]["result"]) is True
        assert await clients[0].call("chain_subscribeNewHeads")
    await until(lambda: len(node.chain.imported._subscribers) == 1)  # the finalizer's


async def test_who_asks_and_never_reads_is_not_read_from(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    """Metadata is about 300 KiB: what it waits for is bounded, and so is what is carried out for it."""
    asked = '{"jsonrpc":"2.0","id":1,"method":"state_getMetadata"}' + " " * 10_000
    async with connected(node) as deaf:
        with trio.move_on_after(5) as held_up:
            for _ in range(5000):
                await deaf.socket.send(asked)
        assert held_up.cancelled_caught
        assert await rpc.call("system_chain") == "Fathom Development"
