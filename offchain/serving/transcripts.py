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
from offchain.serving.wire import MAX_MESSAGE, TO_GATEWAY, TO_WORKER, Found, GetTranscript
from pallets.primitives.scale import DecodeError
from pallets.primitives.transcript import Transcript, read_transcript, transcript_root

FETCH_SECONDS = 10.0


async def find_transcript(chain: Chain, root: bytes, workers: Iterable[bytes]) -> Transcript | None:
    """The transcript of a root, from the first of these workers that has it."""
    for worker in workers:
        record = await chain.read(WORKER, worker)
        if record is not None and record.info.endpoint:
            found = transcript_of(root, await fetch_transcript(record.info.endpoint, root))
            if found is not None:
                return found
    return None


def transcript_of(root: bytes, data: bytes | None) -> Transcript | None:
    """What somebody gave for a root, if it is that."""
    if data is None:
        return None
    try:
        transcript = read_transcript(data)
    except DecodeError:
        return None
    return transcript if transcript_root(transcript) == root else None


async def fetch_transcript(endpoint: bytes, root: bytes) -> bytes | None:
    """What the worker at an endpoint gives for a root; `None` where it has nothing, or isn't there."""
    try:
        url = endpoint.decode()
        with trio.move_on_after(FETCH_SECONDS):
            async with connect_websocket(url, max_message_size=MAX_MESSAGE) as websocket:
                await websocket.send(TO_WORKER.encode(GetTranscript(1, root)))
                message = await websocket.receive()
                said = TO_GATEWAY.decode_all(message) if isinstance(message, bytes) else None
                return said.file if isinstance(said, Found) else None
    except (UnicodeDecodeError, WebError, DecodeError, OSError):
        pass
    return None
