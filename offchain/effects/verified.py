"""A replayed world whose answers about the chain are looked up again: they are no recorder's word, as gas isn't.

A host of the replay's own is asked all that the recorder's was, in the order of its answers, so that it has written the
same. What can't be read any more, since the node has dropped the block's state, is taken as it was recorded; so is what
the recorder said it couldn't read.

Errors: `NotTheChains`, a `ReplayFailed`: an answer isn't what the chain says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import orjson

from offchain.effects.chain_host import ACTION_HEADER, ChainHost, headers_of, route_of
from offchain.effects.leaving import Asked, asked_of_chain
from offchain.outside.recording import ReplayFailed
from offchain.sandbox.base import Answer, Ask, World
from offchain.serving.agents import UNREADABLE

UNKNOWN, TOO_MANY = 503, 409
STORE = ("kv", "keys")


class NotTheChains(ReplayFailed):
    """What was recorded of the chain isn't what it says."""


class Verified:
    """A world that answers what another one does, if that is so; `host` makes what answers the run afresh."""

    def __init__(self, world: World, host: Callable[[], ChainHost]) -> None:
        self._world, self._host = world, cache(host)
        self._asked: dict[int, Asked] = {}
        self._overlapped = False
        """Whether requests stood beside one that writes: which of them came first at the recorder nobody knows."""

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        """As the other world's. Raises `NotTheChains`."""
        for ask in asks:
            asked = asked_of_chain(ask)
            if asked is not None and asked.of_chain:
                self._asked[ask.id] = asked
        self._overlapped |= len(self._asked) > 1 and any(each.method != "GET" for each in self._asked.values())
        answer = await self._world.turn(asks)
        asked = self._asked.pop(answer.id, None)
        if asked is not None and answer.ok:
            await self._check(asked, orjson.loads(answer.head), answer.body)
        return answer

    async def _check(self, asked: Asked, head: Any, body: bytes) -> None:
        status, kind = head.get("status"), route_of(asked.target)[0][0]
        try:
            told = await self._host().ask(asked.method, asked.target, asked.body)
        except UNREADABLE:
            return
        if status == UNKNOWN or (self._overlapped and (kind in STORE or status == TOO_MANY)):
            return
        if (told.status, told.body, _action(headers_of(told))) != (status, body, _action(head.get("headers", ()))):
            raise NotTheChains(f"the chain's answer to {asked.method} /{kind} is another one")


def _action(headers: Sequence[Sequence[str]]) -> str | None:
    return next((value for name, value in headers if name == ACTION_HEADER), None)
