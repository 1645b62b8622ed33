"""Fixtures of the workers' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from node.service import RunningNode
from offchain.chain import Chain
from offchain.sandbox.pool import Pool, open_pool
from tests.offchain.real_node import Scene, chain_of, real_node, scene_of


@pytest.fixture
def jumping_clock() -> MockClock:
    """Trio's virtual clock, which jumps when nothing has happened for a moment: loopback bytes take a moment."""
    return MockClock(autojump_threshold=0.03)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of compiled code that lives as long as the tests."""
    return tmp_path_factory.mktemp("compiled") / "cache"


@pytest.fixture
async def pool(cache: Path) -> AsyncIterator[Pool]:
    async with open_pool(slots=1, waiting=8, cache=cache) as opened:
        yield opened


@pytest.fixture
async def node() -> AsyncIterator[RunningNode]:
    async with real_node() as running:
        yield running


@pytest.fixture
async def chain(node: RunningNode) -> AsyncIterator[Chain]:
    async with chain_of(node.ws_url) as opened:
        yield opened


@pytest.fixture
async def scene(node: RunningNode) -> AsyncIterator[Scene]:
    async with scene_of(node) as watched:
        yield watched
