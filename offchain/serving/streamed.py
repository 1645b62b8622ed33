"""An answer that a script gives in parts: passed on as they come, and remembered for the receipt.

What the script emits is a head with status and headers, then parts of the body, then that it is whole. Errors:
`CallerGone`, an `OSError`, as `offchain.outside.world` expects of who takes the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offchain.serving.answers import BadAnswer, answer_headers, answer_status
from offchain.serving.server import Caller
from offchain.serving.wire import MAX_CHUNK, MAX_RESPONSE_BODY, Chunk, Head
from pallets.primitives.http import Headers, HttpResponse


class CallerGone(OSError):
    """Nobody takes the answer any more, or no more of it."""


class StreamedAnswer:
    """The answer to one request, in case it comes in parts."""

    def __init__(self, id: int, caller: Caller) -> None:
        self._id, self._caller = id, caller
        self._head: tuple[int, Headers] | None = None
        self._body = bytearray()

    @property
    def begun(self) -> bool:
        """Whether the head has left."""
        return self._head is not None

    async def emit(self, head: Mapping[str, Any], body: bytes) -> None:
        """Passes a part on. Raises `CallerGone`."""
        if not self._caller.wanted:
            raise CallerGone("the caller has gone")
        if self._head is None:
            try:
                self._head = answer_status(head.get("status")), answer_headers(head.get("headers", []))
            except BadAnswer as error:
                raise CallerGone(str(error)) from None
            await self._caller.send(Head(self._id, *self._head))
        elif head.get("chunk"):
            if len(self._body) + len(body) > MAX_RESPONSE_BODY:
                raise CallerGone(f"the answer is longer than {MAX_RESPONSE_BODY} bytes")
            self._body += body
            for at in range(0, len(body), MAX_CHUNK):
                await self._caller.send(Chunk(self._id, body[at : at + MAX_CHUNK]))

    @property
    def answer(self) -> HttpResponse | None:
        """All that was passed on, also where the script failed then; `None` if the answer doesn't come in parts."""
        if self._head is None:
            return None
        status, headers = self._head
        return HttpResponse(status, headers, bytes(self._body))
