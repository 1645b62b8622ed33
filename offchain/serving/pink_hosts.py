"""`https://pink.fathom/`: what Phala's contracts find with their worker, its key and a cache of its own.

## Overview

| request | answer |
| --- | --- |
| `GET /worker` | 32 bytes: the worker's public key for encryption |
| `GET /cache/ACCOUNT/KEY` | what is cached under a contract's key, both in hex; 404 |
| `PUT` the same | 204; 507 where it is too large |
| `PATCH` the same, with a number of seconds | 204: gone after these, at once with 0 |
| `DELETE` the same | what was cached there; 404 |

A value lasts a week, and less where room is short: the longest unread goes first. Only the agent whose run it is sees
what it has cached. A run that a query starts writes here as it goes; a job's never asks.

Out of scope: the functions that ask (`offchain.sandbox.ink.pink`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from offchain.outside.fetching import VirtualHost
from offchain.sandbox.ink.outside import PINK_URL
from offchain.serving.run_scope import RunScope
from pallets.primitives.http import Headers

WEEK_MS = 7 * 86_400_000
MAX_BYTES, MAX_AGENT_BYTES, ENTRY_BYTES = 20 << 20, 2 << 20, 128
"""Of all entries, of one agent's, and what an entry takes beside its key and value."""

Key = tuple[int, str]
"""Whose, and the rest of the URL."""


@dataclass
class _Entry:
    value: bytes
    until_ms: int
    size: int


class PinkHosts:
    """The host, for each run of one worker. `now` is the time in milliseconds since 1970."""

    def __init__(self, public: bytes, now: Callable[[], int]) -> None:
        self._public, self._now = public, now
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._bytes = 0
        self._agents: dict[int, int] = {}

    def of(self, scope: RunScope) -> Mapping[str, VirtualHost]:
        """What answers one run."""
        return {PINK_URL: partial(self._answer, scope.agent)}

    async def _answer(
        self, agent: int, method: str, target: str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        path = target.strip("/")
        status, found = (200, self._public) if path == "worker" and method == "GET" else (404, b"")
        if path.startswith("cache/"):
            status, found = self._cached((agent, path), method, body)
        return status, [("content-length", str(len(found)))], _once(found)

    def _cached(self, key: Key, method: str, body: bytes) -> tuple[int, bytes]:
        entry = self._entries.get(key)
        if entry is not None and entry.until_ms <= self._now():
            self._drop(key)
            entry = None
        match method:
            case "PUT":
                return self._put(key, body)
            case _ if entry is None:
                return 404, b""
            case "GET":
                self._entries.move_to_end(key)
                return 200, entry.value
            case "DELETE":
                self._drop(key)
                return 200, entry.value
            case "PATCH" if body.isdigit() and len(body) <= 20:
                entry.until_ms = min(self._now() + 1000 * int(body), 1 << 53)
                return 204, b""
        return 400, b""

    def _put(self, key: Key, value: bytes) -> tuple[int, bytes]:
        size = len(key[1]) + len(value) + ENTRY_BYTES
        if key in self._entries:
            self._drop(key)
        if self._agents.get(key[0], 0) + size > MAX_AGENT_BYTES:
            return 507, b""
        while self._bytes + size > MAX_BYTES:
            self._drop(next(iter(self._entries)))
        self._entries[key] = _Entry(value, self._now() + WEEK_MS, size)
        self._bytes += size
        self._agents[key[0]] = self._agents.get(key[0], 0) + size
        return 204, b""

    def _drop(self, key: Key) -> None:
        size = self._entries.pop(key).size
        self._bytes -= size
        self._agents[key[0]] -= size
        if not self._agents[key[0]]:
            del self._agents[key[0]]


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
