"""A node on a virtual clock and a client on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from node.config import RpcConfig
from node.service import RunningNode
from tests.node.nodes import running_node
from tests.node.rpc.client import RpcClient, connected
from tests.node.scratch import scratch_directory


@pytest.fixture
def clock() -> MockClock:
    """Trio's virtual clock, which jumps when nothing has happened for a moment: loopback bytes take a moment.

    A test has to name it itself.
    """
    return MockClock(autojump_threshold=0.01)


@pytest.fixture
def served() -> RpcConfig:
    """How the node serves JSON-RPC; a test that wants it otherwise is parametrized with it."""
    return RpcConfig()


@pytest.fixture
async def node(clock: MockClock, served: RpcConfig) -> AsyncIterator[RunningNode]:
    """A node that seals when a test says so."""
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", rpc=served) as running:
            yield running


@pytest.fixture
async def rpc(node: RunningNode) -> AsyncIterator[RpcClient]:
    async with connected(node) as client:
        yield client
