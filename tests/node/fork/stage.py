"""Forks in the test's process: of raw chain specs and of each other, with compiled runtimes kept from run to run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from node.chain.cheats import Cheats
from node.commands.forked_chain import forked_chain
from node.config import ForkConfig, NodeConfig, Sealing
from node.service import Effects, ForkSource, RunningNode, run_node
from tests.vectors import vector

CODE_CACHE = Path(__file__).resolve().parents[3] / "build" / "foreign"
NOON = 1_767_268_800_000
SPECS = {"asset-hub": "asset-hub-kusama-local", "phala": "phala-poc6"}
UNIT = 10**12


@asynccontextmanager
async def served(config: NodeConfig, source: ForkSource | None = None) -> AsyncIterator[RunningNode]:
    """A node until the block ends."""
    effects = Effects(lambda: NOON + int(trio.current_time() * 1000))
    async with trio.open_nursery() as nursery:
        yield await nursery.start(partial(run_node, source=source), config, effects)
        nursery.cancel_scope.cancel()


def settings(
    chain: Path, base: Path, sealing: Sealing = "manual", finalize_delay: float = 0.0, **fork: Any
) -> NodeConfig:
    """Of a fork that seals when a test says so, and finalises at once."""
    return NodeConfig(
        chain=chain,
        base_path=base,
        rpc_port=0,
        sealing="manual",
        finalize_delay=0.0,
        fork=ForkConfig(CODE_CACHE, **fork),
    )


def spec_of(name: str) -> Path:
    return vector(f"chainspecs/{SPECS[name]}.raw.json.gz")


@asynccontextmanager
async def fork_of(url: str, base: Path, block: str = "best") -> AsyncIterator[RunningNode]:
    """A fork of what is served there; its warnings are none."""
    warnings: list[str] = []
    async with (
        forked_chain(url, (), block, None, warnings.append) as source,
        served(settings(Path(), base), source) as node,
    ):
        yield node
    assert warnings == []


def cheats(node: RunningNode) -> Cheats:
    return Cheats(node.producer, node.finalizer)
