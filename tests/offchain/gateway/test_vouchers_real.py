"""A caller that pays by vouchers, by the commands it would use, before a real gateway, worker and node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.web import request
from offchain.sandbox.pool import Pool
from offchain.serving import channels, claims
from pallets.jobs.pallet import Jobs
from pallets.primitives.service import ServicePolicy
from tests.offchain.command import Fathom
from tests.offchain.gateway.real_gateway import gateway_before
from tests.offchain.real_node import ALICE, BOB, UNIT, Scene, worker_of
from tests.offchain.serving.gateway import eventually

MOST, HELD = UNIT, 10 * UNIT


class Caller:
    """Bob, who pays."""

    def __init__(self, scene: Scene, gateway: str) -> None:
        self.channel, self._agent = Fathom(scene.node.ws_url, "channel"), Fathom(scene.node.ws_url, "agent")
        self._gateway = gateway

    async def voucher(self, cumulative: int) -> str:
        given = ("--channel", 0, "--agent", "echo", "--cumulative", cumulative)
        return (await self.channel.text("voucher", *given, suri="//Bob")).strip()

    async def call(self, voucher: str) -> dict[str, Any]:
        """An answer to `fathom agent call`, which must have a receipt."""
        given = ("--voucher", voucher, "--gateway", self._gateway)
        found: dict[str, Any] = await self._agent("call", "echo", "/", *given)
        assert found["status"] == 200 and found["body"].endswith("!") and "x-fathom-receipt" in found["headers"]
        return found

    async def charge(self, answer: dict[str, Any]) -> int:
        """What its receipt says that an answer cost."""
        id = answer["headers"]["x-fathom-receipt"]
        return int(json.loads((await request(f"{self._gateway}/receipts/{id}")).body)["charge"])

    async def refusal(self, voucher: str | None = None) -> tuple[int, str, str]:
        headers = [] if voucher is None else [("x-fathom-voucher", voucher)]
        found = await request(f"{self._gateway}/agents/echo/", headers=headers)
        body = json.loads(found.body)
        return found.status, body["error"], body["message"]

    async def refused(self, error: str, voucher: str | None = None) -> str:
        """The message of a 402, once it is for this reason: the worker goes by final blocks, and may have to start."""

        async def refusal() -> str | None:
            status, said, message = await self.refusal(voucher)
            return message if (status, said) == (402, error) else None

        return await eventually(refusal)


async def test_a_caller_pays_by_vouchers(
    scene: Scene, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, seconds in (
        (channels, "REFRESH_SECONDS", 0.1),
        (channels, "WATCH_SECONDS", 0.2),
        (claims, "LOOK_SECONDS", 0.2),
        (claims, "ALONE_SECONDS", 1.0),
    ):
        monkeypatch.setattr(module, name, seconds)
    agent = await scene.deploy(b"scriptOutput = 'hello!'", price=10**9)
    await scene.send(ALICE, "Agents", "set_service", agent=agent, service=ServicePolicy(0, [], MOST))

    def worker() -> Any:
        return worker_of(scene.node.ws_url, pool, base_path=tmp_path, listen=("127.0.0.1", 0))

    async with gateway_before(scene) as gateway:
        caller = Caller(scene, gateway)
        async with worker() as running:
            key = running.worker_key
            given = ("--agent", "echo", "--worker", f"0x{key.hex()}", "--amount", HELD)
            assert await caller.channel("open", *given, suri="//Bob") == {"channel": 0, "most": MOST}
            assert "voucher" in await caller.refused("payment-required")
            assert f"sign one over {MOST} or more" in await caller.refused(
                "voucher-too-small", await caller.voucher(MOST - 1)
            )
            first = await caller.voucher(MOST)
            assert await caller.charge(await caller.call(first)) == MOST
            assert f"sign one over {2 * MOST}" in await caller.refused("voucher-too-small", first)
            claimed = await scene.seen(Jobs.VoucherClaimed, channel=0, worker=key, agent=agent)
            assert claimed.amount == MOST
            second = await caller.voucher(2 * MOST)
            await caller.call(second)
            await scene.seen(Jobs.VoucherClaimed, 2, channel=0, worker=key)
            monkeypatch.setattr(claims, "WORTH", 10**9)
            third = await caller.voucher(4 * MOST)
            await caller.call(third)
        assert (await scene.seen(Jobs.VoucherClaimed, 3, channel=0, worker=key)).amount == 2 * MOST  # as it ended
        async with worker() as again:
            assert again.worker_key == key
            await caller.refused("voucher-too-small", second)
            await caller.call(third)  # a half of what it added is owed yet
            assert f"sign one over {5 * MOST}" in await caller.refused("voucher-too-small", third)
            fourth = await caller.voucher(5 * MOST)
            await caller.call(fourth)
            assert (await caller.channel("top-up", "--channel", 0, "--amount", HELD, suri="//Bob"))[
                "held"
            ] == 2 * HELD - 4 * MOST
            closes = (await caller.channel("close", "--channel", 0, suri="//Bob"))["closes"]
            await scene.seen(Jobs.VoucherClaimed, 4, channel=0, worker=key)
    assert scene.node.clock.now_ms() < closes
    while scene.node.clock.now_ms() <= closes:  # no jump, which would give everybody more time
        scene.node.clock.advance_to(scene.node.clock.now_ms() + 50_000)
        await scene.node.producer.create_block(create_empty=True)
    assert (await caller.channel("close", "--channel", 0, "--withdraw", suri="//Bob"))["held"] == 2 * HELD - 5 * MOST
    assert (await scene.seen(Jobs.ChannelClosed)).released == 2 * HELD - 5 * MOST
    assert not scene.state.balances.held(Jobs.HoldReason.Channel, BOB.account_id)
