"""The world of a `Deterministic` job: the chain's state after the block in which it was given to its workers, no more.

Every replica asks the same and is told the same, in the order of its asks, at no time at all; so nothing is recorded.
That only the chain is asked is the sandbox's to see to (`Context.pinned`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import orjson

from offchain.effects.chain_host import ChainHost, headers_of
from offchain.execution import Unfinished
from offchain.outside.urls import read_url
from offchain.sandbox.base import Answer, Ask
from offchain.serving.agents import UNREADABLE


class PinnedWorld:
    """Answers one run."""

    def __init__(self, host: ChainHost) -> None:
        self._host = host
        self._asked: deque[Ask] = deque()

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        """The answer to the first ask that has none. Raises `Unfinished` where the chain can't be read."""
        self._asked.extend(asks)
        ask = self._asked.popleft()
        head = orjson.loads(ask.head)
        url = read_url(head["url"])
        try:
            told = await self._host.ask(str(head["method"]), url.target, ask.body)
        except UNREADABLE as error:
            raise Unfinished(f"the chain can't be read: {error}") from None
        answer = {
            "status": told.status,
            "status_text": "",
            "headers": headers_of(told),
            "url": str(url),
            "redirected": False,
            "stream": None,
        }
        return Answer(ask.id, True, orjson.dumps(answer), told.body)
