"""A world of a few pages, for scripts that fetch: answers in the order of asking, streams part by part, no waiting."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from offchain.sandbox.base import Answer, Ask, Context, Limits, Sandbox, Success

CONTEXT = Context(block_time_ms=1_767_225_600_000, seed=b"seed", derive_key=bytes(range(32)))
LIMITS = Limits(gas=10**11, wall_seconds=60, output_bytes=1 << 20, asks=1000, ask_bytes=1 << 20, answer_bytes=1 << 24)


@dataclass
class Page:
    """What one URL answers. A list of parts is streamed; text is an error that the world gives."""

    body: bytes | list[bytes] | str = b""
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Web:
    """`sandbox.run(..., Web({url: page}))`; `asked` are the heads and bodies of what was fetched."""

    pages: dict[str, Page | Callable[[dict[str, Any], bytes], Page]]
    now_ms: int = CONTEXT.block_time_ms
    asked: list[tuple[dict[str, Any], bytes]] = field(default_factory=list)
    emitted: list[tuple[dict[str, Any], bytes]] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    """Streams, and fetches by the numbers of their asks."""
    _open: deque[Ask] = field(default_factory=deque)
    _streams: list[list[bytes]] = field(default_factory=list)

    def __call__(self, asks: Sequence[Ask]) -> Answer:
        self._open.extend(asks)
        first = next((ask for ask in self._open if ask.op != "sleep"), None) or self._open[0]
        self._open.remove(first)
        ok, head, body = self._answer(first, json.loads(first.head))
        return Answer(first.id, ok, json.dumps(head).encode(), body, self.now_ms)

    def _answer(self, ask: Ask, head: dict[str, Any]) -> tuple[bool, dict[str, Any], bytes]:
        match ask.op:
            case "sleep":
                self.now_ms = max(self.now_ms, head["until_ms"])
                return True, {}, b""
            case "emit":
                self.emitted.append((head, ask.body))
                return True, {}, b""
            case "cancel":
                self.cancelled.append(head["fetch"] if "fetch" in head else head["stream"])
                return True, {}, b""
            case "read":
                parts = self._streams[head["stream"]]
                part = parts.pop(0) if parts else b""
                return True, {"done": not parts}, part
        self.asked.append((head, ask.body))
        page = self.pages.get(head["url"])
        if page is None:
            return False, {"error": f"nobody is at {head['url']}"}, b""
        if not isinstance(page, Page):
            page = page(head, ask.body)
        if isinstance(page.body, str):
            return False, {"error": page.body}, b""
        answer = {
            "status": page.status,
            "status_text": "OK" if page.status == 200 else "",
            "headers": page.headers,
            "url": head["url"],
            "redirected": False,
            "stream": None,
        }
        if isinstance(page.body, bytes):
            return True, answer, page.body
        self._streams.append(list(page.body))
        return True, answer | {"stream": len(self._streams) - 1}, b""


def run(sandbox: Sandbox, script: str, input: str = "", web: Web | None = None) -> Success:
    """A run that has to succeed."""
    outcome = sandbox.run(script.encode(), input.encode(), LIMITS, CONTEXT, web)
    assert isinstance(outcome, Success), outcome
    return outcome


def value(sandbox: Sandbox, expression: str, web: Web | None = None) -> Any:
    """What an expression comes to, awaited, by way of JSON."""
    script = f"scriptOutput = (async () => JSON.stringify(await ({expression})) ?? 'null')()"
    return json.loads(run(sandbox, script, web=web).output)
