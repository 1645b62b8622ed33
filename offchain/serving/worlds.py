"""The world of runs: the way out of one worker, and the world of one request's run, opened when the run asks.

Most runs ask nothing of the outside, and opening a world costs as much as a short run.

    world = RunWorld(tasks, partial(way_out.open, hosts, context, scope, emit), context)
    outcome = await pool.run(code, input, limits, context, world.recorded)
    world.close()
    world.transcript
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property

import trio

from offchain.outside.fetching import VirtualHost
from offchain.outside.network import Network, SystemResolver, public_roots
from offchain.outside.policy import Reach
from offchain.outside.recording import Recording
from offchain.outside.world import Emit, open_world
from offchain.sandbox.base import Answer, Ask, Context, World
from offchain.serving.run_scope import RunScope, ScopedHosts
from pallets.primitives.transcript import Transcript

OpenWorld = Callable[[], AbstractAsyncContextManager[World]]


class WayOut:
    """How runs of one worker get outside.

    `virtual` are URLs that the worker answers itself, by their beginning; `scoped` hosts are made for each run.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        virtual: Mapping[str, VirtualHost] | None = None,
        scoped: tuple[ScopedHosts, ...] = (),
    ) -> None:
        self._allow_private, self._virtual, self._scoped = allow_private, virtual or {}, scoped

    def within(self, *scoped: ScopedHosts) -> WayOut:
        """The same with more hosts that are made for each run."""
        return WayOut(allow_private=self._allow_private, virtual=self._virtual, scoped=(*self._scoped, *scoped))

    def hosts_of(self, scope: RunScope) -> dict[str, VirtualHost]:
        """The hosts made for one run."""
        return {url: host for make in self._scoped for url, host in make(scope).items()}

    def open(
        self,
        hosts: tuple[str, ...] | None,
        context: Context,
        scope: RunScope | None = None,
        emit: Emit | None = None,
    ) -> AbstractAsyncContextManager[World]:
        """The world of one run of an agent that may reach these hosts, any public one if `None`."""
        reach = Reach(hosts=hosts, allow_private=self._allow_private)
        own = {} if scope is None else self.hosts_of(scope)
        start_ms = context.block_time_ms
        return open_world(self.network, reach, start_ms=start_ms, virtual=self._virtual, own=own, emit=emit)

    @property
    def allow_private(self) -> bool:
        """Whether the operator lets anything out to addresses that aren't the public internet's."""
        return self._allow_private

    @cached_property
    def network(self) -> Network:
        """The way out itself."""
        return Network(SystemResolver(), public_roots())  # the roots take a while to read


class RunWorld:
    """A world that is opened when it is first asked, in a task of its own, and recorded."""

    def __init__(self, tasks: trio.Nursery, open_world: OpenWorld, context: Context) -> None:
        self._tasks, self._open_world = tasks, open_world
        self._recording = Recording(self, context)
        self._world: World | None = None
        self._over = trio.Event()

    @property
    def recorded(self) -> World:
        """What the run is given."""
        return self._recording

    @property
    def transcript(self) -> Transcript:
        """What it has answered so far."""
        return self._recording.transcript

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        """As the open world's."""
        if self._world is None:
            self._world = await self._tasks.start(self._hold)
        return await self._world.turn(asks)

    def close(self) -> None:
        """The run is over: what it has open outside is closed."""
        self._over.set()

    async def _hold(self, *, task_status: trio.TaskStatus[World]) -> None:
        async with self._open_world() as world:
            task_status.started(world)
            await self._over.wait()
