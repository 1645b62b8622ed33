"""A chain behind several endpoints, of which none is trusted or expected to last: `Remote`.

## Overview

One endpoint is used at a time, the first of the list that isn't resting. One that fails rests, the longer the more
often it failed, and the next one is taken; a question that was under way is asked again there. One that limits how
often it is asked rests as long as it says (`Retry-After`, or what its error says); where there is no other it is waited
for. One of another chain is never asked again. One whose answer can't be right is not asked again for a good while.

What is asked is asked at most `Policy.attempts` times, and for no longer than `Policy.patience`; then the reason is
raised that the last attempt failed for. All questions may be asked twice: reads, and extrinsics, which have one hash.

## Usage

```python
async with trio.open_nursery() as nursery:
    remote = Remote(network, connect_websocket)
    await nursery.start(remote.run)
    version = await remote.call("state_getRuntimeVersion")
```

## Errors

`offchain.connect.errors`; `CallFailed` where the error is about what was asked. Before the first connection `run`
raises `Unreachable`, or `WrongNetwork` where that is the matter with every endpoint.

## Out of scope

What methods mean: `chain`. Resuming what a subscription missed: `follow`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import trio

from node.web.errors import HandshakeRefused, WebError
from offchain.connect.errors import (
    EndpointDropped,
    MethodMissing,
    NotProven,
    RateLimited,
    RemoteError,
    StateDiscarded,
    Unreachable,
    WrongAnswer,
    WrongNetwork,
    lost,
    meant,
    retry_after,
)
from offchain.connect.networks import Network, identified
from offchain.rpc import CallFailed, Connection, ConnectionLost, Link, RpcError

Connect = Callable[[str], AbstractAsyncContextManager[Link]]
"""Opens a link to a URL; raises `WebError`."""
Check = Callable[[Any], Any]
"""Makes something of an answer; raises `WrongAnswer` or `NotProven` where it can't be right."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """How endpoints are borne with; seconds."""

    answer: float = 30.0
    """For an answer."""
    patience: float = 120.0
    """For a question, with all that it takes to have it answered."""
    attempts: int = 8
    first_rest: float = 0.5
    """After an endpoint's first failure; each further one doubles it."""
    longest_rest: float = 60.0
    distrust: float = 600.0
    """The rest of an endpoint that answered what can't be."""
    limited: float = 5.0
    """The rest of one that limits how often it is asked, where it doesn't say how long."""
    silence: float = 60.0
    """Without a notification, after which it is looked whether there is none."""
    steady: float = 30.0
    """A connection that lasted so long ends a series of failures."""
    at_once: int = 8
    """Questions under way."""


@dataclass
class Endpoint:
    """A URL and how it has done."""

    url: str
    failures: int = 0
    not_before: float = -math.inf
    refused: RemoteError | None = None
    """Why it is never asked again."""
    said: RemoteError | None = None
    """Its last failure."""

    def rest(self, seconds: float, reason: RemoteError) -> None:
        """Isn't asked for a while."""
        self.said = reason
        self.not_before = max(self.not_before, trio.current_time() + seconds)

    def failed(self, reason: RemoteError, policy: Policy) -> None:
        """Failed once more."""
        pause = min(policy.first_rest * 2**self.failures, policy.longest_rest)
        self.failures += 1
        self.rest(pause, reason)


class Lease(NamedTuple):
    """The connection of the moment."""

    connection: Connection
    endpoint: Endpoint


@dataclass
class Remote:
    """A network that is asked over one connection at a time."""

    network: Network
    connect: Connect
    policy: Policy = Policy()
    note: Callable[[str], None] = log.warning
    """Told one line whenever an endpoint is left."""
    endpoints: list[Endpoint] = field(init=False)

    def __post_init__(self) -> None:
        self.endpoints = [Endpoint(url) for url in self.network.endpoints]
        self._genesis = self.network.genesis
        self._lease: Lease | None = None
        self._leased = trio.Event()
        self._served = False
        self._held: list[str] = []
        self._limit = trio.CapacityLimiter(self.policy.at_once)

    @property
    def genesis(self) -> bytes:
        """The hash of the chain's first block; known once `run` has started."""
        assert self._genesis is not None
        return self._genesis

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Keeps a connection until cancelled; started once there is the first.

        Raises `Unreachable` where every endpoint has failed twice before that, or `WrongNetwork`.
        """
        while True:
            endpoint = await self._next()
            opened = trio.current_time()
            reason = await self._use(endpoint, task_status)
            if trio.current_time() - opened >= self.policy.steady:
                endpoint.failures = 0
            if reason is None:
                continue  # it was left, and rests
            self._tell(str(reason))
            if isinstance(reason, WrongNetwork):
                endpoint.refused = reason
            elif isinstance(reason, RateLimited):
                endpoint.failures += 1
                endpoint.rest(self.policy.limited if reason.seconds is None else reason.seconds, reason)
            else:
                endpoint.failed(reason, self.policy)

    async def call(self, method: str, *params: Any, check: Check | None = None) -> Any:
        """The result of a call, or what `check` makes of it. Raises `RemoteError`, `CallFailed`."""
        async with self._limit:
            return await self._asked(method, params, check)

    async def lease(self) -> Lease:
        """The connection of the moment, waited for; raises `Unreachable`."""
        with trio.move_on_after(self.policy.patience):
            while True:
                if self._lease is not None:
                    rest = self._lease.endpoint.not_before - trio.current_time()
                    if rest <= 0:
                        return self._lease
                    await trio.sleep(rest)
                else:
                    await self._leased.wait()
        raise self._unreachable()

    def leave(self, lease: Lease, reason: RemoteError, seconds: float) -> None:
        """Lets an endpoint rest; ends its connection where another endpoint may be asked meanwhile."""
        lease.endpoint.rest(seconds, reason)
        if self._others(lease.endpoint):
            self._tell(str(reason))
            if self._lease is lease:
                self._end_lease()
            lease.connection.give_up(ConnectionLost(str(reason)))

    # Inside

    async def _asked(self, method: str, params: tuple[Any, ...], check: Check | None) -> Any:
        barren: dict[str, RemoteError] = {}  # endpoints that can't answer this, and why
        last: RemoteError | None = None
        with trio.move_on_after(self.policy.patience):
            for _ in range(self.policy.attempts):
                lease = await self.lease()
                url = lease.endpoint.url
                try:
                    found = await lease.connection.call(method, *params)
                    return found if check is None else check(found)
                except (WrongAnswer, NotProven) as error:
                    last = barren[url] = type(error)(f"{url} answers {method} wrongly: {error}")
                    seconds = self.policy.distrust
                except CallFailed as error:
                    reason = meant(error, url)
                    if reason is None:
                        raise
                    last, seconds = reason, 0.0
                    if isinstance(reason, RateLimited):
                        seconds = self.policy.limited if reason.seconds is None else reason.seconds
                    elif isinstance(reason, StateDiscarded | MethodMissing):
                        barren[url], seconds = reason, self.policy.first_rest
                except ConnectionLost as error:
                    last = lost(error, url)
                    if self._lease is lease:
                        self._end_lease()
                    await trio.lowlevel.checkpoint()
                    continue
                if url in barren and not self._others(lease.endpoint, set(barren)):
                    if isinstance(last, WrongAnswer | NotProven):
                        lease.endpoint.said = last
                    raise last
                self.leave(lease, last, seconds)
        raise last or self._unreachable()

    def _tell(self, line: str) -> None:
        """Notes a line; before the first connection only once there is one, for the error says it all otherwise."""
        if self._served:
            self.note(line)
        else:
            self._held.append(line)

    def _end_lease(self) -> None:
        if self._lease is not None:
            self._lease = None
            self._leased = trio.Event()

    def _others(self, endpoint: Endpoint, but: set[str] | frozenset[str] = frozenset()) -> bool:
        """Whether another endpoint may be asked now, or soon."""
        soon = trio.current_time() + self.policy.patience / 2
        return any(
            each is not endpoint and each.refused is None and each.url not in but and each.not_before <= soon
            for each in self.endpoints
        )

    async def _next(self) -> Endpoint:
        usable = [each for each in self.endpoints if each.refused is None]
        if not usable or (not self._served and all(each.failures >= 2 for each in usable)):
            raise self._unreachable()
        chosen = min(usable, key=lambda each: (max(each.not_before, trio.current_time()), self.endpoints.index(each)))
        await trio.sleep(max(0.0, chosen.not_before - trio.current_time()))
        return chosen

    async def _use(self, endpoint: Endpoint, status: trio.TaskStatus[None]) -> RemoteError | None:
        """Serves by an endpoint for as long as it lasts; why it didn't any longer, `None` where it was left."""
        url = endpoint.url
        try:
            async with self.connect(url) as link:
                connection = Connection(link, answer_seconds=self.policy.answer, strict=True)
                async with trio.open_nursery() as nursery:
                    ended = trio.Event()
                    nursery.start_soon(_read, connection, ended)
                    reason = await self._serve(connection, endpoint, ended, status)
                    nursery.cancel_scope.cancel()
                return reason
        except HandshakeRefused as error:
            if error.status == 429:
                return RateLimited(f"{url} limits how often it is asked: HTTP 429", retry_after(error.retry_after))
            return EndpointDropped(f"{url}: {error}")
        except WebError as error:
            return EndpointDropped(f"{url}: {error}")

    async def _serve(
        self, connection: Connection, endpoint: Endpoint, ended: trio.Event, status: trio.TaskStatus[None]
    ) -> RemoteError | None:
        try:
            await self._check_network(connection, endpoint)
        except RemoteError as error:
            return error
        except CallFailed as error:
            return meant(error, endpoint.url) or EndpointDropped(f"{endpoint.url}: {error}")
        except RpcError as error:
            return lost(error, endpoint.url) if isinstance(error, ConnectionLost) else EndpointDropped(str(error))
        self._lease = Lease(connection, endpoint)
        self._leased.set()
        if not self._served:
            self._served = True
            for line in self._held:
                self.note(line)
            status.started()
        try:
            await ended.wait()
        finally:
            self._end_lease()
        if endpoint.not_before > trio.current_time():
            return None
        return lost(connection.lost or ConnectionLost("it was closed"), endpoint.url)

    async def _check_network(self, connection: Connection, endpoint: Endpoint) -> None:
        found = await connection.call("chain_getBlockHash", 0)
        try:
            genesis = bytes.fromhex(found.removeprefix("0x"))
        except (AttributeError, ValueError):
            genesis = b""
        if len(genesis) != 32:
            raise WrongAnswer(f"{endpoint.url} answers {found!r:.80} where the hash of the first block was asked for")
        if self._genesis is None:
            self._genesis = genesis
            self.network = identified(self.network, genesis)
        elif genesis != self._genesis:
            raise WrongNetwork(
                f"{endpoint.url} serves another chain than {self.network.title}: its genesis is 0x{genesis.hex()}, "
                f"not 0x{self._genesis.hex()}"
            )

    def _unreachable(self) -> RemoteError:
        refused = [each.refused for each in self.endpoints if each.refused is not None]
        if refused and len(refused) == len(self.endpoints):
            return WrongNetwork("; ".join(map(str, refused)))
        reasons = [str(each.refused or each.said or f"{each.url}: no answer yet") for each in self.endpoints]
        return Unreachable(f"no endpoint of {self.network.title} can be reached: {'; '.join(reasons)}")


async def _read(connection: Connection, ended: trio.Event) -> None:
    try:
        await connection.read()
    finally:
        ended.set()
