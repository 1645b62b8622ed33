"""The gateway itself, before a real node and its workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from offchain.gateway.service import GatewayConfig, RunningGateway, run_gateway
from tests.offchain.real_node import Scene


@asynccontextmanager
async def gateway_before(scene: Scene, suri: str | None = None, base_path: Path | None = None) -> AsyncIterator[str]:
    """A gateway in this process; its URL."""
    config = GatewayConfig(scene.node.ws_url, port=0, suri=suri, base_path=base_path)
    async with trio.open_nursery() as nursery:
        running: RunningGateway = await nursery.start(run_gateway, config)
        yield running.url
        nursery.cancel_scope.cancel()
