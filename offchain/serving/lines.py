"""Lines to gateways: by them a run calls an agent, as its gateway admits it, like any caller's request.

## Overview

A gateway's connection to the worker is a `Line`. A request's run calls by the line that brought the request. A job's
run, which no gateway brought, calls by one whose gateway the agent's DAO has named: gateways say who they are, signed
for this worker (`wire.TakesCalls`).

## Errors

`LineLost`: the connection ended before the call was answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import trio

from node.web.errors import ConnectionClosed
from offchain.serving.wire import Answered, CallAgent, NotAnswered, TakesCalls, takes_calls_bytes
from pallets.primitives.http import HttpRequest
from pallets.primitives.keys import verify_ed25519

Outcome = Answered | NotAnswered


class LineLost(Exception):
    """The gateway went away before it had answered a call."""


class Line:
    """One gateway's connection, as runs call by it."""

    def __init__(self, send: Callable[[CallAgent], Awaitable[None]]) -> None:
        """`send` raises `ConnectionClosed`."""
        self._send = send
        self._count = 0
        self._open: dict[int, _Call] = {}
        self.said: TakesCalls | None = None
        """What its gateway says of itself; nothing of that is checked."""

    async def call(self, id: int, job: int | None, agent: str, request: HttpRequest, max_charge: int | None) -> Outcome:
        """What became of a call of an agent that the run of request `id`, or of a job, makes. Raises `LineLost`."""
        self._count += 1
        number, call = self._count, _Call()
        self._open[number] = call
        try:
            await self._send(CallAgent(id, number, job, agent, request, max_charge))
            await call.over.wait()
        except ConnectionClosed:
            pass
        finally:
            del self._open[number]
        if call.outcome is None:
            raise LineLost("the gateway went away")
        return call.outcome

    def take(self, outcome: Outcome) -> None:
        """The gateway has answered a call; one that nobody waits for any more is left."""
        call = self._open.get(outcome.id)
        if call is not None:
            call.outcome = outcome
            call.over.set()

    def lose(self) -> None:
        """The connection is over."""
        for call in self._open.values():
            call.over.set()

    def is_of(self, gateways: Collection[bytes], genesis: bytes, worker: bytes, now: int) -> bool:
        """Whether one of these gateways is at its end, and takes calls of jobs; `now` in milliseconds."""
        said = self.said
        if said is None or said.gateway not in gateways or said.expiry < now:
            return False
        return verify_ed25519(said.signature, takes_calls_bytes(genesis, worker, said.expiry), said.gateway)


class _Call:
    """A call that is waited for."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self.outcome: Outcome | None = None
