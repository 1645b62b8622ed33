"""A site to fetch from, one that does everything wrong, and a world that reaches both."""

from __future__ import annotations

import ssl

import pytest
import trio

from offchain.outside.network import Network
from tests.offchain.outside.servers import Hostile, Site, hostile_server, real_site
from tests.offchain.outside.worlds import Names


@pytest.fixture
async def site(nursery: trio.Nursery) -> Site:
    """A real server with a real application."""
    site: Site = await nursery.start(real_site)
    return site


@pytest.fixture
async def hostile(nursery: trio.Nursery) -> Hostile:
    hostile: Hostile = await nursery.start(hostile_server)
    return hostile


@pytest.fixture
def network() -> Network:
    """The system's resolver, and every name of `.test` is this machine."""
    return Network(Names(), ssl.create_default_context())
