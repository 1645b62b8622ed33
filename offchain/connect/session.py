"""One command on a chain that others serve: connected, done, disconnected; what a person can mend is one line.

found = on_remote(Target("kusama"), lambda chain: chain.runtime(...))
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import trio

from node.exit import fail
from offchain.connect.errors import RemoteError

if TYPE_CHECKING:
    from offchain.connect.chain import RemoteChain
    from offchain.connect.remote import Policy

T = TypeVar("T")
METADATA_BYTES = 64 * 1024 * 1024
"""The largest message that an endpoint may send: metadata in hex, and blocks."""


@dataclass(frozen=True)
class Target:
    """Which chain, and how patiently."""

    network: str
    endpoints: tuple[str, ...] = ()
    genesis: bytes | None = None
    timeout: float | None = None
    quiet: bool = False
    """Whether nothing is said of endpoints that are left."""
    told: list[str] = field(default_factory=list)


def on_remote(target: Target, do: Callable[[RemoteChain], Awaitable[T]]) -> T:
    """What `do` answers of a chain; ends the command with one line where it can't be done."""
    with mendable():
        return trio.run(_connected, target, do)
    raise AssertionError("unreachable: `mendable` ends the process or passes errors on")


@contextmanager
def mendable() -> Iterator[None]:
    """Ends the command with one line where there is something to mend, out of whatever groups it comes in."""
    refusal: str | None = None
    try:
        with _no_other_lines():
            yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        found = _first(error)
        if isinstance(found, KeyboardInterrupt):
            raise SystemExit(130) from None
        refusal = _text(found)
        if refusal is None:
            raise
    if refusal is not None:
        fail(refusal)


async def connected(target: Target, do: Callable[[RemoteChain], Awaitable[T]]) -> T:
    """What `do` answers of a chain; raises what goes wrong, maybe in groups."""
    return await _connected(target, do)


async def _connected(target: Target, do: Callable[[RemoteChain], Awaitable[T]]) -> T:
    from node.web import connect_websocket
    from offchain.connect.chain import RemoteChain
    from offchain.connect.networks import network_of
    from offchain.connect.remote import Remote

    network = network_of(target.network, target.endpoints, target.genesis)
    policy = _policy(target.timeout)
    connect = partial(connect_websocket, max_message_size=METADATA_BYTES, within=policy.answer)
    remote = Remote(network, connect, policy, note=target.told.append if target.quiet else _note)
    async with trio.open_nursery() as nursery:
        await nursery.start(remote.run)
        found = await do(await RemoteChain.open(remote))
        nursery.cancel_scope.cancel()
    return found


def _policy(timeout: float | None) -> Policy:
    from offchain.connect.remote import Policy

    return Policy() if timeout is None else Policy(answer=timeout, patience=4 * timeout)


def _note(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr, flush=True)


@contextmanager
def _no_other_lines() -> Iterator[None]:
    """What a connection logs is in the notes and in the error."""
    logger = logging.getLogger("offchain.rpc")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _text(error: BaseException) -> str | None:
    from node.web.errors import WebError
    from offchain.connect.decoder import Undecodable, Unknown
    from offchain.described import BadValue
    from offchain.metadata import UnreadableMetadata
    from offchain.rpc import RpcError
    from pallets.primitives.scale import ScaleError
    from pallets.primitives.ss58 import InvalidAddress
    from pallets.primitives.suri import InvalidSecret

    kinds = (RemoteError, RpcError, WebError, Undecodable, Unknown, BadValue, UnreadableMetadata, ScaleError)
    return str(error) if isinstance(error, (*kinds, InvalidAddress, InvalidSecret, OSError)) else None
