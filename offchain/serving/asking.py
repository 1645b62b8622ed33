"""Asking workers, at the endpoints that they registered, for what they keep.

What is found is judged by who asks: whoever listens at an endpoint may give anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import trio

from node.web import connect_websocket
from node.web.errors import WebError
from offchain.chain import Chain
from offchain.records import WORKER
from offchain.serving.wire import TO_GATEWAY, TO_WORKER, Found, ToWorker
from pallets.primitives.scale import DecodeError

T = TypeVar("T")

ANSWER_SECONDS = 10.0


async def endpoints_of(chain: Chain, workers: Iterable[bytes]) -> list[bytes]:
    """Where these workers listen, as far as the chain knows any of them."""
    keys = [WORKER.key(worker) for worker in dict.fromkeys(workers)]
    records = [WORKER.decode(value) for value in await chain.get_all(keys)]
    return [record.info.endpoint for record in records if record is not None and record.info.endpoint]


async def first_answer(
    endpoints: Iterable[bytes], question: ToWorker, max_bytes: int, read: Callable[[bytes], T | None]
) -> T | None:
    """What `read`, in a thread of its own, makes of the first answer of which it makes anything: all are asked at once.

    An answer of more than `max_bytes` isn't taken.
    """
    found: T | None = None

    async def ask(endpoint: bytes) -> None:
        nonlocal found
        data = await answer_of(endpoint, question, max_bytes)
        if data is None:
            return
        made = await trio.to_thread.run_sync(read, data)  # whoever gave it chose how long that takes
        if made is not None:
            found = made
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for endpoint in dict.fromkeys(endpoints):
            nursery.start_soon(ask, endpoint)
    return found


async def answer_of(endpoint: bytes, question: ToWorker, max_bytes: int) -> bytes | None:
    """What the worker at an endpoint gives; `None` where it has nothing, or isn't there."""
    try:
        url = endpoint.decode()
        with trio.move_on_after(ANSWER_SECONDS):
            async with connect_websocket(url, max_message_size=max_bytes + 64) as websocket:
                await websocket.send(TO_WORKER.encode(question))
                message = await websocket.receive()
                said = TO_GATEWAY.decode_all(message) if isinstance(message, bytes) else None
                return said.file if isinstance(said, Found) else None
    except (UnicodeDecodeError, WebError, DecodeError, OSError):
        pass
    return None
