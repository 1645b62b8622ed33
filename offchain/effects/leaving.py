"""What a run leaves for the chain, gathered from what it asks and is answered: the same of a run and of its replay.

    leaving = Leaving(recording)                 # or a world that replays, or the pinned one
    outcome = await pool.run(code, input, limits, context, leaving)
    outcome = leaving.enveloped(outcome)

A value that is read before the run writes it is a lock, unless it asked for none; a key's last write counts; actions
are in the order of their answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from offchain.effects.chain_host import ACTION, ACTION_HEADER, URL, locks, route_of
from offchain.outside.errors import AskFailed
from offchain.outside.recording import ReplayFailed
from offchain.outside.urls import read_url
from offchain.sandbox.base import Answer, Ask, Failure, Outcome, OutputTooLarge, Success, World
from pallets.primitives.effects import EFFECTS, Action, Condition, Effects, Update, enveloped
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import MAX_OUTPUT
from pallets.primitives.scale import DecodeError, EncodeError

OF_CHAIN, OF_OTHER_CHAINS = read_url(URL).origin, read_url("https://chains.fathom/").origin
"""The answers of both may bring actions."""


class Asked(NamedTuple):
    """A request to one of these hosts."""

    method: str
    target: str
    """Path and query."""
    body: bytes
    of_chain: bool
    """Whether it is to `chain_host`, not to other chains."""


class NotOurs(ReplayFailed):
    """A recorded answer is none that any worker's host gives."""


class Leaving:
    """A world that answers what another one does, and gathers what that leaves."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: dict[int, Asked] = {}
        self._conditions: dict[bytes, bytes | None] = {}
        self._updates: dict[bytes, bytes | None] = {}
        self._actions: list[Action] = []

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        """As the other world's."""
        for ask in asks:
            if (asked := asked_of_chain(ask)) is not None:
                self._asked[ask.id] = asked
        answer = await self._world.turn(asks)
        asked = self._asked.pop(answer.id, None)
        if asked is not None and answer.ok:
            try:
                self._gather(asked, orjson.loads(answer.head), answer.body)
            except (DecodeError, ValueError, AttributeError, TypeError):
                raise NotOurs("what was recorded of the chain is no answer of its host's") from None
        return answer

    @property
    def effects(self) -> Effects:
        """What the run has left so far."""
        return Effects(
            [Condition(*each) for each in self._conditions.items()],
            [Update(*each) for each in self._updates.items()],
            list(self._actions),
        )

    def enveloped(self, outcome: Outcome) -> Outcome:
        """The outcome with what it leaves in its output, where it leaves anything: failed runs leave nothing."""
        if not isinstance(outcome, Success):
            return outcome
        effects = self.effects
        try:
            encoded = b"" if effects.changes_nothing else EFFECTS.encode(effects)
        except EncodeError:  # more than hosts that are ours would have allowed
            return Failure(
                OutputTooLarge("the run leaves more for the chain than one job may"), outcome.gas, outcome.logs
            )
        content = enveloped(encoded, outcome.output)
        if content == outcome.output:
            return outcome
        if encoded and len(content) > MAX_OUTPUT:
            text = f"the output and what it leaves for the chain have more than {MAX_OUTPUT} bytes together"
            return Failure(OutputTooLarge(text), outcome.gas, outcome.logs)
        return replace(outcome, output=content, kind="bytes")

    def _gather(self, asked: Asked, head: dict[str, Any], body: bytes) -> None:
        parts, given = route_of(asked.target)
        status = head.get("status")
        if asked.of_chain and parts[0] == "kv" and len(parts) == 2:
            key = bytes.fromhex(parts[1].removeprefix("0x")) if status in (200, 204, 404) else b""
            if asked.method == "GET" and status in (200, 404):
                if locks(given) and key not in self._updates and key not in self._conditions:
                    self._conditions[key] = blake2_256(body) if status == 200 else None
            elif status == 204:
                self._updates[key] = asked.body if asked.method == "PUT" else None
            return
        for name, value in head.get("headers", ()):
            if name == ACTION_HEADER and status in (200, 204):
                self._actions.append(ACTION.decode_all(bytes.fromhex(value.removeprefix("0x"))))


def asked_of_chain(ask: Ask) -> Asked | None:
    """What an ask asks of these hosts; `None` of any other."""
    if ask.op != "fetch":
        return None
    head = orjson.loads(ask.head)
    try:
        url = read_url(head["url"])
    except (AskFailed, KeyError, TypeError, AttributeError):
        return None
    if url.origin not in (OF_CHAIN, OF_OTHER_CHAINS):
        return None
    return Asked(str(head.get("method")), url.target, ask.body, url.origin == OF_CHAIN)
