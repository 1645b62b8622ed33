"""A real node in the test's own process, on a free port, and a worker's client of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from node.config import NodeConfig
from node.service import Effects, RunningNode, run_node
from node.web import connect_websocket
from offchain.chain import Chain
from offchain.rpc import Client

SPEC = Path(__file__).resolve().parents[2] / "chain_spec.json"


@asynccontextmanager
async def real_node(config: NodeConfig = NodeConfig(SPEC, rpc_port=0)) -> AsyncIterator[RunningNode]:
    async with trio.open_nursery() as nursery:
        yield await nursery.start(run_node, config, Effects.real())
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def chain_of(url: str) -> AsyncIterator[Chain]:
    async with trio.open_nursery() as nursery:
        client = Client(partial(connect_websocket, url), url)
        await nursery.start(client.run)
        yield await Chain.open(client)
        nursery.cancel_scope.cancel()


def spec_with(directory: Path, pallet: str, **genesis: Any) -> Path:
    """A copy of the dev chain's spec with other genesis values of one pallet."""
    document = json.loads(SPEC.read_text())
    document["genesis"]["runtimeGenesis"]["patch"].setdefault(pallet, {}).update(genesis)
    path = directory / "chain_spec.json"
    path.write_text(json.dumps(document))
    return path
