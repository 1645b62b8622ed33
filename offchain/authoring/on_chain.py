"""One thing done on a chain: connected, done, disconnected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import trio

if TYPE_CHECKING:
    from offchain.chain import Chain

T = TypeVar("T")


def on_chain(url: str, do: Callable[[Chain], Awaitable[T]]) -> T:
    """What `do` answers of the chain behind a node."""
    return trio.run(_connected, url, do)


async def _connected(url: str, do: Callable[[Chain], Awaitable[T]]) -> T:
    from node.web import connect_websocket
    from offchain.chain import Chain
    from offchain.rpc import Client

    async with trio.open_nursery() as nursery:
        client = Client(partial(connect_websocket, url), url)
        await nursery.start(client.run)
        found = await do(await Chain.open(client))
        nursery.cancel_scope.cancel()
    return found
