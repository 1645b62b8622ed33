"""The models that scripts of one worker meet, opened when the first script asks: few workers ever need them.

    models = ModelsOnDemand("embedded")
    nursery.start_soon(models.run)
    way_out = WayOut(virtual=models.virtual_hosts)

Errors: `offchain.ai.provider.AiSettingError`, where embedded models are asked for that are not installed. A setting
that turns out to be wrong later is logged, and scripts are answered 503.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

import trio

from offchain.ai.installed import require_installed
from offchain.ai.opening import EMBEDDED, OFF, open_provider
from offchain.ai.provider import AiSettingError, Provider
from offchain.ai.virtual import URL, answer
from offchain.outside.fetching import VirtualHost

Headers = list[tuple[str, str]]
UNAVAILABLE = b'{"error":{"message":"this worker has no models","type":"server_error","param":null,"code":null}}'

log = logging.getLogger(__name__)


class ModelsOnDemand:
    """What `setting` names: `embedded`, `off`, or the URL of a server."""

    def __init__(self, setting: str) -> None:
        """Raises `AiSettingError` where embedded models are not installed."""
        if setting == EMBEDDED:
            require_installed()
        self._setting = setting
        self._asked, self._opened = trio.Event(), trio.Event()
        self._provider: Provider | None = None

    @property
    def virtual_hosts(self) -> dict[str, VirtualHost]:
        """Where URLs begin that the models answer, and how."""
        return {} if self._setting == OFF else {URL: self._answer}

    async def run(self) -> None:
        """Keeps what is opened until cancelled."""
        await self._asked.wait()
        try:
            async with open_provider(self._setting) as self._provider:
                self._opened.set()
                await trio.sleep_forever()
        except AiSettingError as error:
            log.error("scripts find no models: %s", error)
            self._opened.set()

    async def _answer(
        self, method: str, path: str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        self._asked.set()
        await self._opened.wait()
        if self._provider is None:
            return 503, [("content-type", "application/json")], _once(UNAVAILABLE)
        return await answer(self._provider, method, path, headers, body)


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
