"""A client of `chainHead_v1_*`, and what it asks for."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from tests.node.nodes import storage_key
from tests.node.rpc.client import RpcClient

CODE = "0x" + b":code".hex()
ACCOUNTS = "0x" + storage_key("System", "Account").hex()
NUMBER = "0x" + storage_key("System", "Number").hex()
STRANGER = "0x" + "77" * 32


class Head:
    """One follow, as a client has it."""

    def __init__(self, rpc: RpcClient, subscription: str) -> None:
        self.rpc, self.subscription = rpc, subscription

    async def next(self) -> Any:
        method, event = await self.rpc.news(self.subscription)
        assert method == "chainHead_v1_followEvent"
        return event

    async def kinds(self, count: int) -> list[str]:
        return [(await self.next())["event"] for _ in range(count)]

    async def call(self, name: str, *params: Any) -> Any:
        return await self.rpc.call(f"chainHead_v1_{name}", self.subscription, *params)

    async def fails(self, name: str, *params: Any) -> int:
        return (await self.rpc.failure(f"chainHead_v1_{name}", self.subscription, *params)).code

    async def outcome(self, name: str, *params: Any) -> Any:
        """The last event of an operation, with the storage items of all."""
        started = await self.call(name, *params)
        assert started["result"] == "started"
        items: list[Any] = []
        while True:
            event = await self.next()
            assert event["operationId"] == started["operationId"]
            items += event.pop("items", [])
            if event["event"] == "operationWaitingForContinue":
                assert await self.call("continue", started["operationId"]) is None
            elif event["event"] != "operationStorageItems":
                return {**event, "items": items}

    async def items(self, block: str, *items: tuple[str, str], child: str | None = None) -> list[Any]:
        asked = [{"key": key, "type": kind} for key, kind in items]
        done = await self.outcome("storage", block, asked, child)
        assert done["event"] == "operationStorageDone"
        found: list[Any] = done["items"]
        return found


async def follow(rpc: RpcClient, with_runtime: bool = True) -> Head:
    return Head(rpc, await rpc.call("chainHead_v1_follow", with_runtime))


async def mine(rpc: RpcClient, *, final: bool = False, on: str | None = None) -> str:
    block: str = (await rpc.call("engine_createBlock", True, final, on))["hash"]
    return block


def blake2(text: str) -> str:
    return "0x" + blake2b(bytes.fromhex(text[2:]), digest_size=32).hexdigest()
