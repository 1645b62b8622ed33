"""Fixtures of the workers' tests."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from node.service import RunningNode
from offchain.chain import Chain
from offchain.sandbox.javascript import JavaScriptSandbox
from offchain.sandbox.pool import Pool, open_pool
from tests.offchain.hearing import Lines
from tests.offchain.real_node import InlineSandbox, Scene, chain_of, real_node, scene_of


@pytest.fixture
def jumping_clock() -> MockClock:
    """Trio's virtual clock, which jumps when nothing has happened for a moment: loopback bytes take a moment."""
    return MockClock(autojump_threshold=0.03)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of compiled code that lives as long as the tests."""
    return tmp_path_factory.mktemp("compiled") / "cache"


@pytest.fixture(scope="session")
def sandbox(cache: Path) -> Iterator[JavaScriptSandbox]:
    sandbox = JavaScriptSandbox(cache)
    yield sandbox
    sandbox.close()


@pytest.fixture
def inline(sandbox: JavaScriptSandbox) -> InlineSandbox:
    """Runs programs in the test's own process."""
    return InlineSandbox(sandbox)


@pytest.fixture
async def pool(cache: Path) -> AsyncIterator[Pool]:
    """Runs programs in processes of their own."""
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


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, logger = Lines(), logging.getLogger("offchain")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture(scope="session")
def runtime_id(sandbox: JavaScriptSandbox) -> bytes:
    """Of the sandbox that this chain's genesis lists."""
    return sandbox.runtime_id
