"""A world of a few pages, for the run that is recorded: it answers the last ask first, and takes a second a turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import trio

from offchain.sandbox.base import Answer, Ask

STREAMED = [b"in \xc3", b"\xa9 parts", b"."]


class FewPages:
    """A `World` without a network."""

    def __init__(self) -> None:
        self._open: list[Ask] = []
        self._parts = list(STREAMED)
        self._now_ms = 1_767_225_600_000

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        """The newest ask that is open is answered."""
        await trio.lowlevel.checkpoint()
        self._open.extend(asks)
        ask = self._open.pop()
        self._now_ms += 1000
        ok, head, body = self._answer(ask, json.loads(ask.head))
        return Answer(ask.id, ok, json.dumps(head).encode(), body, self._now_ms)

    def _answer(self, ask: Ask, head: dict[str, Any]) -> tuple[bool, dict[str, Any], bytes]:
        if ask.op == "read":
            part = self._parts.pop(0)
            return True, {"done": not self._parts}, part
        if ask.op != "fetch":
            return True, {}, b""
        url = head["url"]
        if url.startswith("https://nowhere"):
            return False, {"error": "nobody is there", "reason": "no-address"}, b""
        stream = 0 if url.endswith("streamed") else None
        answer = {"status": 200, "status_text": "OK", "headers": [["content-type", "text/plain"]], "url": url}
        return True, answer | {"redirected": False, "stream": stream}, b"whole: " + ask.body if stream is None else b""
