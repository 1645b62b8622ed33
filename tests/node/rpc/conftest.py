"""A node on a virtual clock and a client on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

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
async def node(clock: MockClock) -> AsyncIterator[RunningNode]:
    """A node that seals when a test says so."""
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as running:
            yield running


@pytest.fixture
async def rpc(node: RunningNode) -> AsyncIterator[RpcClient]:
    async with connected(node) as client:
        yield client
