"""The gateway: a program that knows the chain by JSON-RPC, and its workers by the endpoints they registered.

## Overview

`run_gateway` opens the world (files, network, chance, the wall clock) and runs until cancelled. Where the chain behind
its node is replaced by another (a fresh `fathom dev`), it begins again with that one.

## Usage

```python
async with trio.open_nursery() as nursery:
    running = await nursery.start(run_gateway, GatewayConfig("ws://127.0.0.1:9944", port=8000))
```

## Errors

`StartError` is what a person can mend: one line that says what to do.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import trio

from node.web import WebSocket, bound_port, connect_websocket, is_loopback, open_listeners
from node.web.errors import CannotConnect, WebError
from offchain.chain import Chain, ChainError
from offchain.gateway.admission import Admission
from offchain.gateway.asked import RequestLimits
from offchain.gateway.calls import Calls, takes_calls
from offchain.gateway.control import Control
from offchain.gateway.delivery import Delivery
from offchain.gateway.directory import Directory
from offchain.gateway.dispatch import Dispatch
from offchain.gateway.doorway import Doorway, send_error
from offchain.gateway.errors import Starting
from offchain.gateway.http_connection import ConnectionLimits, HttpServer, NewId, Receive, Scope, Send
from offchain.gateway.keys import GatewayKeys, Tickets, gateway_keys
from offchain.gateway.links import Links, is_private
from offchain.gateway.messages import new_request_id
from offchain.gateway.receipts import Receipts
from offchain.gateway.request_logs import RequestLogs
from offchain.gateway.vault import Vault, VaultError
from offchain.keys import Entropy, KeyFileError
from offchain.rpc import Client, RpcError
from offchain.serving.wire import MAX_MESSAGE
from pallets.primitives.suri import InvalidSecret

MENDABLE = (WebError, ChainError, RpcError, KeyFileError, VaultError, InvalidSecret, OSError)

log = logging.getLogger("offchain.gateway")


class StartError(Exception):
    """The gateway can't serve; the message is one line that says what to do."""


class ChainReplaced(Exception):
    """The node serves another chain than a moment ago."""


@dataclass(frozen=True)
class GatewayConfig:
    """One gateway.

    `url` is a node's WebSocket. A `port` of 0 picks a free one. `host` is where it listens; anything but loopback
    exposes it. `suri` is the ed25519 secret that tickets are signed by; without it there is one in the base path.
    Without `base_path` keys, vault and counts are in memory only.
    """

    url: str
    port: int = 8000
    host: str = "127.0.0.1"
    suri: str | None = field(default=None, repr=False)
    base_path: Path | None = None
    requests: RequestLimits = field(default_factory=RequestLimits)
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)


@dataclass(frozen=True)
class Effects:
    """The world outside. Time is trio's clock; `clock` is the wall's, in seconds since the Unix epoch, for logs."""

    connect: Callable[[str], AbstractAsyncContextManager[WebSocket]]
    entropy: Entropy
    clock: Callable[[], float]

    @classmethod
    def real(cls) -> Effects:
        """The ordinary ones."""
        return cls(partial(connect_websocket, max_message_size=MAX_MESSAGE), secrets.token_bytes, time.time)


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that serves: its URL, and the key that its tickets are signed by."""

    url: str
    key: bytes


async def run_gateway(
    config: GatewayConfig,
    effects: Effects | None = None,
    *,
    task_status: trio.TaskStatus[RunningGateway] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Runs a gateway until cancelled; started once it knows the chain's agents. Raises `StartError`."""
    effects = effects or Effects.real()
    with _one_line():
        if config.base_path is not None:
            config.base_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = gateway_keys(config.base_path, config.suri, effects.entropy)
        if not _is_loopback(config.host):
            log.warning("the gateway listens at %s: others may reach agents, the vault and the logs", config.host)
        vault = Vault(keys.vault, effects.entropy, config.base_path)
        door = Door(partial(new_request_id, effects.entropy))
        async with _listening(config.host, config.port) as listeners, trio.open_nursery() as nursery:
            url = f"http://{_in_url(config.host)}:{bound_port(listeners)}"
            opened = _Opened(effects.connect, config.url)
            client = Client(opened.connect, config.url)
            await nursery.start(client.run)
            nursery.start_soon(
                trio.serve_listeners, HttpServer(door, config.connections, door.new_id).attend, listeners
            )
            announced = False

            def on_serving(key: bytes) -> None:
                nonlocal announced
                if not announced:
                    announced = True
                    log.info("the gateway answers at %s", url)
                    task_status.started(RunningGateway(url, key))

            while True:
                chain = await Chain.open(client)
                try:
                    async with trio.open_nursery() as serving:
                        serving.start_soon(opened.watch_genesis, chain)
                        await serve_chain(chain, config, effects, keys, vault, door, on_serving)
                except* ChainReplaced:
                    log.warning("the node serves another chain: beginning anew")


@asynccontextmanager
async def _listening(host: str, port: int) -> AsyncIterator[list[trio.SocketListener]]:
    listeners = await open_listeners(host, port)
    try:
        yield listeners
    finally:
        for listener in listeners:
            await trio.aclose_forcefully(listener)


async def serve_chain(
    chain: Chain,
    config: GatewayConfig,
    effects: Effects,
    keys: GatewayKeys,
    vault: Vault,
    door: Door,
    on_serving: Callable[[bytes], None],
) -> None:
    """Serves one chain through a door until cancelled, from the call of `on_serving` on."""
    tickets = Tickets(chain.genesis, keys.ticket, config.base_path)
    if config.suri is not None and config.base_path is None:
        log.warning("tickets are counted in memory: workers refuse those that a restarted gateway numbers again")
    directory = Directory(chain)
    private = is_private(config.url)
    links = Links(directory, _guarded(effects.connect, private), private=private)
    receipts, logs = Receipts(chain.genesis), RequestLogs(effects.clock)
    delivery = Delivery(receipts, effects.entropy)
    dispatch = Dispatch(directory, links, tickets, delivery, effects.clock, config.requests)
    admission = Admission(directory, chain.genesis, tickets.public, effects.clock)
    doorway = Doorway(directory, admission, dispatch, vault, logs, effects.entropy, config.requests)
    clock = effects.clock
    calls = Calls(directory, links, tickets, admission, receipts, logs, clock, config.requests)
    links.on_call, links.first_word = calls.on_call, partial(takes_calls, tickets, clock)
    parts = (directory, links, receipts, vault, logs, doorway, config.requests)
    control = Control(*parts, only_loopback=_is_loopback(config.host))
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(calls.run)
            nursery.start_soon(links.run)
            await nursery.start(directory.run)
            door.open(doorway, control)
            on_serving(tickets.public)
    finally:
        door.shut()
        tickets.close()


class Door:
    """The application that connections are answered by: `/agents/…` and `/ipfs/…` by hand, the rest by starlette."""

    def __init__(self, new_id: NewId) -> None:
        self.new_id = new_id
        self._doorway: Doorway | None = None
        self._control: Control | None = None

    def open(self, doorway: Doorway, control: Control) -> None:
        """From here on these answer."""
        self._doorway, self._control = doorway, control

    def shut(self) -> None:
        """From here on callers are told to come again."""
        self._doorway = self._control = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._doorway is None or self._control is None:
            await send_error(send, Starting("the gateway is reading the chain: try again"), self.new_id())
        elif scope["raw_path"].startswith((b"/agents/", b"/ipfs/")):
            await self._doorway(scope, receive, send)
        else:
            await self._control.application(scope, receive, send)


class _Opened:
    """Connections to the node, each of which may be to another chain than the one before."""

    def __init__(self, connect: Callable[[str], AbstractAsyncContextManager[WebSocket]], url: str) -> None:
        self._connect, self._url = connect, url
        self._happened = trio.Event()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[WebSocket]:
        async with self._connect(self._url) as socket:
            self._happened.set()
            self._happened = trio.Event()
            yield socket

    async def watch_genesis(self, chain: Chain) -> None:
        """Raises `ChainReplaced` once a connection is to another chain."""
        while True:
            happened = self._happened
            found = await chain.hash_of(0)
            if found != chain.genesis:
                raise ChainReplaced
            await happened.wait()


def _guarded(
    connect: Callable[[str], AbstractAsyncContextManager[WebSocket]], private: bool
) -> Callable[[str], AbstractAsyncContextManager[WebSocket]]:
    """Connects to workers' endpoints, which anyone with a stake may write: not to this machine's neighbours."""

    @asynccontextmanager
    async def guarded(url: str) -> AsyncIterator[WebSocket]:
        if not private:
            try:
                parts = urlsplit(url)
                found = await trio.socket.getaddrinfo(parts.hostname or "", parts.port)
            except (OSError, ValueError) as error:
                raise CannotConnect(f"{url} can't be looked up: {error}") from None
            if any(is_private(f"ws://{_in_url(str(address[0]))}") for *_, address in found):
                raise CannotConnect(f"{parts.hostname} is an address of a private network")
        async with connect(url) as socket:
            yield socket

    return guarded


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    return is_loopback(_in_url(host))


@contextmanager
def _one_line() -> Iterator[None]:
    """What a person can mend becomes a `StartError`, out of whatever groups it comes in."""
    try:
        yield
    except MENDABLE as error:
        raise StartError(str(error)) from None
    except ExceptionGroup as group:
        mendable, others = group.split(MENDABLE)
        if mendable is None or others is not None:
            raise
        found: Exception = mendable
        while isinstance(found, ExceptionGroup):
            found = found.exceptions[0]
        raise StartError(str(found)) from None
