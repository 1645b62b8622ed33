"""Somebody else's chain, served elsewhere, as the node goes on with it: its block, checked, and its state."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio

from node.chain.tree import ForkedChain
from node.chain_spec import ChainSpec
from node.commands.endpoints import ask_of
from node.service import ForkSource, StartError
from node.state.remote import Cache, Fetcher, ForkedBlock, Missing, RemoteState, RemoteStateError, open_cache, reading
from node.web import connect_websocket
from offchain.connect.chain import RemoteChain
from offchain.connect.errors import RemoteError
from offchain.connect.networks import network_of
from offchain.connect.remote import Policy, Remote
from offchain.rpc import CallFailed
from pallets.primitives.header import Header
from pallets.primitives.runtime_code import CODE_KEY, InvalidRuntimeCode, runtime_version

MAX_MESSAGE = 64 << 20


class EndpointsFailed(RemoteStateError):
    """None of the chain's endpoints answers; the message says what is the matter."""


@dataclass(frozen=True)
class ForkedSpec(ChainSpec):
    """What a chain calls itself, of whose genesis only the header is here."""

    first: Header = field(default_factory=lambda: Header(bytes(32), 0, bytes(32), bytes(32)))

    def genesis_header(self) -> Header:
        return self.first


class OwnTerms:
    """A fetcher whose failures are all of the state's."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    async def fetch(self, missing: Missing) -> None:
        try:
            await self._fetcher.fetch(missing)
        except (RemoteError, CallFailed) as error:
            raise EndpointsFailed(str(error)) from None


@asynccontextmanager
async def forked_chain(
    given: str, endpoints: tuple[str, ...], block: str | None, cache: Path | None, note: Callable[[str], None]
) -> AsyncIterator[ForkSource]:
    """A block of a chain, by a network's name or a URL; the last final one unless it is named. Raises `StartError`.

    What was fetched is kept in `cache`, if it is given, for the next time. `note` is told what people should know.
    """
    try:
        network = network_of(given, endpoints)
    except RemoteError as error:
        raise StartError(str(error)) from None
    policy = Policy()
    connect = partial(connect_websocket, max_message_size=MAX_MESSAGE, within=policy.answer)
    remote = Remote(network, connect, policy, note=note)
    with ExitStack() as stack:
        async with trio.open_nursery() as nursery:
            try:
                try:
                    await nursery.start(remote.run)
                    kept = None if cache is None else stack.enter_context(open_cache(cache, remote.genesis))
                    source = await _source(await RemoteChain.open(remote), block, kept, note)
                except* (RemoteError, CallFailed, RemoteStateError) as group:
                    raise StartError(str(_first(group))) from None
            except BaseExceptionGroup as group:
                raise _first(group) from None
            yield source
            nursery.cancel_scope.cancel()


async def _source(
    chain: RemoteChain, block: str | None, cache: Cache | None, note: Callable[[str], None]
) -> ForkSource:
    remote = chain.remote
    found = await chain.block(await chain.resolve(block or "final"))
    first = await chain.header(remote.genesis)
    kind, properties = await remote.call("system_chainType"), await remote.call("system_properties")
    fetcher = await Fetcher.open(
        ask_of(remote), ForkedBlock(remote.genesis, found.hash, found.header.state_root), cache
    )
    if not fetcher.proves:
        note("no endpoint proves what it says of the state: it is believed, and blocks of the fork have no state root")
    terms = OwnTerms(fetcher)
    state = RemoteState(fetcher.known, 0)
    code = await reading(terms, lambda: state.get(CODE_KEY))
    if not code:
        raise StartError(f"the state of block {found.number} has no `:code`")
    try:
        version = runtime_version(code)
    except InvalidRuntimeCode as error:
        raise StartError(f"`:code` of block {found.number} can't be read: {error}") from None
    state = RemoteState(fetcher.known, 0 if version is None else min(version.system_version, 1))
    name = re.sub("[^a-z0-9]+", "-", chain.name.lower()).strip("-") or "chain"
    spec = ForkedSpec(
        chain.name,
        f"{name}-fork-{found.number}",
        kind if isinstance(kind, str) else "Custom",
        properties if isinstance(properties, dict) else {},
        (),
        {},
        {},
        first,
    )
    return ForkSource(spec, ForkedChain(first, found.header, found.extrinsics, state, terms))


def _first(error: BaseException) -> Any:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
