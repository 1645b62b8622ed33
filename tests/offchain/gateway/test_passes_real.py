"""An agent that has a price for calls and lets holders call free, before a real gateway, worker and node."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.web import request
from offchain.sandbox.pool import Pool
from offchain.serving import agents
from pallets.dao.pallet import Dao
from pallets.primitives.curves.presets import PRESETS
from pallets.primitives.service import AccessPolicy
from tests.offchain.command import Fathom
from tests.offchain.gateway.real_gateway import gateway_before
from tests.offchain.real_node import ALICE, BOB, UNIT, Scene, worker_of
from tests.offchain.serving.gateway import eventually

GATEWAY, SCRIPT = "//Gateway", b"scriptOutput = 'hello!'"
PRICE, CALL_PRICE, MAX_CHARGE = 2, UNIT // 10, UNIT // 100
NEEDED, EPOCH = 5, 600_000


class Door:
    """The agent as callers see it."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(self, **headers: str) -> tuple[int, Any]:
        """Status and JSON of an error; of an answer, its receipt."""
        given = [(f"x-fathom-{name}", value) for name, value in headers.items()]
        found = await request(f"{self.url}/agents/echo/", headers=given)
        if found.status != 200:
            return found.status, json.loads(found.body)
        assert found.body == b"hello!"
        return 200, await self.receipt(dict(found.headers)["x-fathom-receipt"])

    async def receipt(self, id: str) -> Any:
        return json.loads((await request(f"{self.url}/receipts/{id}")).body)

    async def answered(self, **headers: str) -> Any:
        """The receipt, once worker and gateway have started."""

        async def once() -> Any:
            status, found = await self.ask(**headers)
            assert status == 200 or found["error"] in ("unknown-channel", "worker-starting", "no-worker"), found
            return found if status == 200 else None

        return await eventually(once)


async def test_holders_call_free_and_others_by_voucher(
    scene: Scene, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "REFRESH_SECONDS", 0.1)
    agent = await scene.deploy(SCRIPT, price=PRICE)
    await scene.send(ALICE, "Agents", "fund", agent=agent, amount=UNIT)
    author = Fathom(scene.node.ws_url, "agent")
    terms = "--call-price", CALL_PRICE, "--free-tokens", NEEDED, "--quota", 3
    assert await author("access", "echo") == {"callPrice": 0, "freeTokens": None, "quota": 0}
    assert "go together" in await author.refused("access", "echo", "--free-tokens", 1, suri="//Alice")
    assert "NotDao" in await author.refused("access", "echo", *terms, suri="//Bob")
    said = {"callPrice": CALL_PRICE, "freeTokens": NEEDED, "quota": 3}
    assert await author("access", "echo", *terms, suri="//Alice") == said
    assert scene.state.agents.access.get(agent) == AccessPolicy(CALL_PRICE, NEEDED, 3)
    await buys_and_locks(scene, agent)
    await scene.travel(EPOCH)

    serving = worker_of(scene.node.ws_url, pool, listen=("127.0.0.1", 0))
    async with serving as running, gateway_before(scene, suri=GATEWAY) as url:
        door = Door(url)
        status, refusal = await door.ask()
        assert (status, refusal["error"]) == (402, "payment-required")
        assert refusal["terms"] == {
            "gasPrice": str(PRICE),
            "callPrice": str(CALL_PRICE),
            "freeTokens": str(NEEDED),
            "quota": 3,
        }
        mine = (await author.text("pass", "echo", suri="//Bob")).strip()
        status, refusal = await door.ask(**{"pass": mine})
        assert (status, refusal["error"]) == (402, "too-few-tokens"), "an epoch has begun since, and isn't over"
        await scene.travel(EPOCH)
        free = await door.answered(**{"pass": (await author.text("pass", "echo", suri="//Bob")).strip()})
        assert int(free["charge"]) == min(int(free["gas"]) * PRICE, MAX_CHARGE) > 0, "the agent pays for gas alone"
        called = await author.said("call", "echo", "/", "--pass", "--gateway", url, "--json", suri="//Bob")
        assert called.code == 0 and json.loads(called.out)["body"] == "hello!"
        other = await author.said("call", "echo", "/", "--pass", "--gateway", url, "--json", suri="//Alice")
        assert other.code == 1 and "too-few-tokens" in other.out

        voucher = await voucher_of(scene, running.worker_key, agent, author)
        paid = await door.answered(voucher=voucher)
        assert int(paid["charge"]) == min(int(paid["gas"]) * PRICE, MAX_CHARGE) + CALL_PRICE

        await scene.send(BOB, "Dao", "unlock", agent=agent, amount=1)
        status, refusal = await door.ask(**{"pass": (await author.text("pass", "echo", suri="//Bob")).strip()})
        assert (status, refusal["error"]) == (402, "too-few-tokens"), "what was unlocked a moment ago is gone"


async def buys_and_locks(scene: Scene, agent: int) -> None:
    """Bob has as much locked as it takes."""
    preset = PRESETS["straight"](UNIT)
    fields = {"name": b"Echo", "symbol": b"ECH", "decimals": preset.decimals}
    await scene.send(ALICE, "Curves", "create", agent=agent, shape=preset.shape, terms=preset.terms, **fields)
    await scene.send(BOB, "Curves", "buy", curve=0, units=NEEDED, max_cost=100 * UNIT)
    await scene.send(BOB, "Dao", "lock", agent=agent, amount=NEEDED)
    assert (await scene.seen(Dao.Locked)).who == BOB.account_id


async def voucher_of(scene: Scene, worker: bytes, agent: int, author: Fathom) -> str:
    """Bob's, over what a request costs at most, in hex."""
    channel = Fathom(scene.node.ws_url, "channel")
    key = f"0x{worker.hex()}"
    opened = await channel("open", "--agent", "echo", "--worker", key, "--amount", UNIT, suri="//Bob")
    assert opened["most"] == MAX_CHARGE + CALL_PRICE
    given = "--channel", opened["channel"], "--agent", "echo", "--cumulative"
    return (await channel.text("voucher", *given, opened["most"], suri="//Bob")).strip()
