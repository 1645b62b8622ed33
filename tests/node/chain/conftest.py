"""Nodes on a virtual clock. A test has to name `autojump_clock` itself for it to be in force."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from node.service import RunningNode
from tests.node.nodes import running_node
from tests.node.scratch import scratch_directory


@pytest.fixture
async def node(autojump_clock: MockClock) -> AsyncIterator[RunningNode]:
    """One that seals by itself."""
    with scratch_directory() as directory:
        async with running_node(directory) as running:
            yield running


@pytest.fixture
async def manual(autojump_clock: MockClock) -> AsyncIterator[RunningNode]:
    """One that seals when a test says so."""
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as running:
            yield running
