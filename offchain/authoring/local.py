"""Running an agent on this machine: the engine, limits, world and answers that a worker has, without a chain.

What a worker adds is missing: a receipt, secrets that derive from the cluster's key (`deriveSecret` throws unless a key
is given), payment. Output and gas of a run are those that a worker finds, if the world outside says the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import trio

from offchain.effects.chain_host import URL
from offchain.effects.leaving import Leaving
from offchain.effects.local import LocalChain
from offchain.outside.errors import CallRefused
from offchain.outside.fetching import VirtualHost
from offchain.outside.network import Network, SystemResolver, public_roots
from offchain.outside.policy import Reach
from offchain.outside.world import open_world
from offchain.sandbox.base import Abstained, Context, Failure
from offchain.sandbox.pool import Pool, open_pool
from offchain.serving.answers import answer_of, error_answer
from offchain.serving.calls import URL as AGENTS
from offchain.serving.requests import script_input
from offchain.serving.server import Caller
from offchain.serving.service import request_limits
from offchain.serving.streamed import StreamedAnswer
from offchain.serving.worlds import RunWorld
from pallets.primitives.effects import Effects
from pallets.primitives.http import HttpRequest, HttpResponse

HOST = "localhost"
SEED = bytes(32)
MAX_GAS = 4_000_000_000


class LocalAnswer(NamedTuple):
    """What a run came to."""

    response: HttpResponse
    gas: int
    logs: tuple[str, ...]
    asked: int
    """How many answers from outside it took."""
    effects: Effects
    """What it left for the chain."""


class LocalAgent:
    """A bundle that can be asked; made by `open_agent`."""

    def __init__(self, pool: Pool, tasks: trio.Nursery, code: bytes, reach: Reach, network: Network) -> None:
        self._pool, self._tasks, self._code, self._reach, self._network = pool, tasks, code, reach, network
        self.chain = LocalChain()
        """Where its jobs keep things."""

    async def ask(
        self,
        request: HttpRequest,
        *,
        now_ms: int,
        secret: Any = None,
        virtual: Mapping[str, VirtualHost] | None = None,
        submitter: bytes | None = None,
    ) -> LocalAnswer:
        """Answers a request as a worker would at this time; `virtual` has URLs that are answered in this process.

        With a `submitter`, an account, the request is the input of a job of theirs, which may write.
        """
        context = Context(block_time_ms=now_ms, seed=SEED)
        streamed = StreamedAnswer(0, Caller(_nowhere))
        called = {url: host for url, host in (virtual or {}).items() if url.startswith(AGENTS)}
        own = {URL: self.chain.host(submitter).answer, **called, AGENTS: _no_agent}
        opened = partial(
            open_world, self._network, self._reach, start_ms=now_ms, virtual=virtual or {}, own=own, emit=streamed.emit
        )
        world = RunWorld(self._tasks, opened, context)
        leaving = Leaving(world.recorded)
        limits = request_limits(MAX_GAS)
        try:
            outcome = await self._pool.run(self._code, script_input(request, HOST, secret), limits, context, leaving)
        finally:
            world.close()
        if isinstance(outcome, Abstained):
            return LocalAnswer(error_answer(504, "time-out", outcome.reason, None), 0, (), 0, Effects())
        found = None if isinstance(outcome, Failure) else streamed.answer
        asked = len(world.transcript.entries)
        effects = Effects() if isinstance(outcome, Failure) else leaving.effects
        self.chain.apply(effects)
        return LocalAnswer(found or answer_of(outcome, None), outcome.gas, tuple(outcome.logs), asked, effects)


async def _no_agent(method: str, target: str, *_: object) -> NoReturn:
    raise CallRefused("no-gateway", f"nobody calls agents here: have a case answer {AGENTS}{target[1:]}")


@asynccontextmanager
async def open_agent(
    code: bytes, *, hosts: tuple[str, ...] | None, allow_private: bool, cache: Path | None
) -> AsyncIterator[LocalAgent]:
    """An agent to ask; `cache` as in `open_pool`. Raises `SandboxError`."""
    reach, network = Reach(hosts=hosts, allow_private=allow_private), Network(SystemResolver(), public_roots())
    async with open_pool(slots=1, waiting=16, cache=cache) as pool, trio.open_nursery() as tasks:
        yield LocalAgent(pool, tasks, code, reach, network)
        tasks.cancel_scope.cancel()


async def _nowhere(reply: object) -> None:
    """Nobody listens: what is streamed is remembered."""
