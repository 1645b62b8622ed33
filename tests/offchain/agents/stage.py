"""A shipped agent on this machine, with or without models, and without a chain."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from offchain.agents.shipping import HERE
from offchain.ai.opening import open_provider
from offchain.ai.virtual import virtual_hosts
from offchain.authoring.local import LocalAgent, LocalAnswer, open_agent
from offchain.cache import user_cache
from offchain.outside.fetching import VirtualHost
from pallets.primitives.http import HttpRequest

NOW = 1_767_225_600_000
"""The moment of `examples/feed.json`."""


class Shipped:
    """One of them, to be asked."""

    def __init__(self, agent: LocalAgent, virtual: Mapping[str, VirtualHost]) -> None:
        self._agent, self._virtual = agent, virtual

    async def asked(self, method: str, path: str, body: Any = None, **outside: VirtualHost) -> LocalAnswer:
        """Its answer to a request; `outside` are hosts, by name, that answer in this process."""
        name, _, query = path.partition("?")
        content = b"" if body is None else json.dumps(body).encode()
        virtual = {**self._virtual, **{f"https://{host}.example/": answer for host, answer in outside.items()}}
        return await self._agent.ask(HttpRequest(method, name, query, [], content), now_ms=NOW, virtual=virtual)

    async def told(self, method: str, path: str, body: Any = None, status: int = 200, **outside: VirtualHost) -> Any:
        """The JSON of an answer of this status."""
        answer = await self.asked(method, path, body, **outside)
        assert answer.response.status == status, answer.response.body
        return json.loads(answer.response.body)


@asynccontextmanager
async def shipped(folder: str, models: str = "off") -> AsyncIterator[Shipped]:
    """The agent of a folder; `models` are those at a URL, such as the fixture `service`."""
    code = (HERE / folder / "agent.js").read_bytes()
    async with (
        open_provider(models) as provider,
        open_agent(code, hosts=None, allow_private=False, cache=user_cache()) as agent,
    ):
        yield Shipped(agent, {} if provider is None else virtual_hosts(provider))
