"""Finding a transcript by its root, at the endpoints of workers that may have it.

What is found has the root; that it is of the run that it should be of is left to who replays it.
"""

from __future__ import annotations

from collections.abc import Iterable

import trio

from node.web import connect_websocket
from node.web.errors import WebError
from offchain.chain import Chain
from offchain.records import WORKER
from offchain.serving.store import MAX_ENTRY
from offchain.serving.wire import TO_GATEWAY, TO_WORKER, Found, GetTranscript
from pallets.primitives.scale import DecodeError
from pallets.primitives.transcript import Transcript, read_transcript, transcript_root

FETCH_SECONDS = 10.0


async def find_transcript(
    chain: Chain, root: bytes, workers: Iterable[bytes], max_bytes: int = MAX_ENTRY
) -> Transcript | None:
    """The transcript of a root, from whichever of these workers has it first: all are asked at once."""
    keys = [WORKER.key(worker) for worker in dict.fromkeys(workers)]
    records = [WORKER.decode(value) for value in await chain.get_all(keys)]
    found: Transcript | None = None

    async def ask(endpoint: bytes) -> None:
        nonlocal found
        data = await fetch_transcript(endpoint, root, max_bytes)
        given = await trio.to_thread.run_sync(transcript_of, root, data)  # whoever gave it chose how long that takes
        if given is not None:
            found = given
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for endpoint in {record.info.endpoint for record in records if record is not None and record.info.endpoint}:
            nursery.start_soon(ask, endpoint)
    return found


def transcript_of(root: bytes, data: bytes | None) -> Transcript | None:
    """What somebody gave for a root, if it is that."""
    if data is None:
        return None
    try:
        transcript = read_transcript(data)
    except DecodeError:
        return None
    return transcript if transcript_root(transcript) == root else None


async def fetch_transcript(endpoint: bytes, root: bytes, max_bytes: int) -> bytes | None:
    """What the worker at an endpoint gives for a root; `None` where it has nothing, or isn't there."""
    try:
        url = endpoint.decode()
        with trio.move_on_after(FETCH_SECONDS):
            async with connect_websocket(url, max_message_size=max_bytes + 64) as websocket:
                await websocket.send(TO_WORKER.encode(GetTranscript(1, root)))
                message = await websocket.receive()
                said = TO_GATEWAY.decode_all(message) if isinstance(message, bytes) else None
                return said.file if isinstance(said, Found) else None
    except (UnicodeDecodeError, WebError, DecodeError, OSError):
        pass
    return None
