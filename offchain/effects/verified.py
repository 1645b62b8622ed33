"""A replayed world whose answers about the chain are looked up again: they are no recorder's word, as gas isn't.

A value, an entry, and what a request makes of an action follow from the run's block and the request alone. What can't
be read any more, since the node has dropped the block's state, is taken as it was recorded; so is what the recorder
said it couldn't read.

Errors: `NotTheChains`, a `ReplayFailed`: an answer isn't what the chain says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from offchain.effects.chain_host import ACTION_HEADER, ChainHost, headers_of, route_of
from offchain.effects.leaving import Asked, asked_of_chain
from offchain.outside.recording import ReplayFailed
from offchain.sandbox.base import Answer, Ask, World
from offchain.serving.agents import UNREADABLE

UNKNOWN, TOO_MANY = 503, 409


class NotTheChains(ReplayFailed):
    """What was recorded of the chain isn't what it says."""


class Verified:
    """A world that answers what another one does, if it is so; `host` makes what answers one request afresh."""

    def __init__(self, world: World, host: Callable[[], ChainHost]) -> None:
        self._world, self._host = world, host
        self._asked: dict[int, Asked] = {}
        self._written: set[str] = set()

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        """As the other world's. Raises `NotTheChains`."""
        for ask in asks:
            asked = asked_of_chain(ask)
            if asked is not None and asked.of_chain:
                self._asked[ask.id] = asked
                if asked.method != "GET":
                    self._written.add(_key(asked))
        answer = await self._world.turn(asks)
        asked = self._asked.pop(answer.id, None)
        if asked is not None and answer.ok:
            await self._check(asked, orjson.loads(answer.head), answer.body)
        return answer

    async def _check(self, asked: Asked, head: Any, body: bytes) -> None:
        status, kind = head.get("status"), route_of(asked.target)[0][0]
        if kind == "keys" or (kind == "kv" and _key(asked) in self._written) or status in (UNKNOWN, TOO_MANY):
            return
        try:
            told = await self._host().ask(asked.method, asked.target, asked.body)
        except UNREADABLE:
            return
        if (told.status, told.body, _action(headers_of(told))) != (status, body, _action(head.get("headers", ()))):
            raise NotTheChains(f"the chain's answer to {asked.method} /{kind} is another one")


def _key(asked: Asked) -> str:
    """What of the store a request is about."""
    return "/".join(route_of(asked.target)[0]).lower()


def _action(headers: Sequence[Sequence[str]]) -> str | None:
    return next((value for name, value in headers if name == ACTION_HEADER), None)
