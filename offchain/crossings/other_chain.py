"""Connections to other chains, each known by its genesis hash, over whichever of its endpoints answers.

## Overview

`Others` holds a worker's connections; those that nobody asks are closed after a minute. An endpoint is reached as
scripts reach a host (`offchain.outside.network`): its name is resolved here, and private addresses and this machine
only where the operator allows them. TLS is everywhere else than on this machine. Whoever answers must have the genesis
hash that the agent's DAO has named.

What an endpoint says of its chain is believed: it is one node's word, and labelled so wherever it goes.

## Usage

```python
others = Others(lambda: network, allow_private=False)
nursery.start_soon(others.run)
other = await others.chain(genesis, [b"wss://rpc.example"])
head = await other.final_head()
runtime = await other.runtime(head)
```

## Errors

`Unreachable`, `WrongChain`, `Unsupported` where its metadata can't be read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

import trio

from node.web import WebSocket, connect_websocket
from node.web.errors import WebError
from offchain.chain import EVENTS_KEY, IN_POOL, Chain, ChainError, Head, Versions
from offchain.crossings.errors import Unreachable, Unsupported, WrongChain
from offchain.crossings.other_runtime import OtherRuntime, understood
from offchain.metadata import UnreadableMetadata, extrinsic_failure
from offchain.outside.errors import AskFailed
from offchain.outside.network import Network
from offchain.outside.urls import Url
from offchain.rpc import CallFailed, Client, RpcError
from pallets.primitives.crossing import MAX_DETAIL, Failed, Succeeded, Unknown, Verdict
from pallets.primitives.types import H256, AccountId

ANSWER_SECONDS = 20.0
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 60.0
MAX_OPEN = 32
"""Connections at once; the one that was asked longest ago goes for a new one."""
MAX_MESSAGE = 16 << 20
MAX_METADATA = 2 << 20
"""Bytes; a large chain's has half as many."""
MAX_RUNTIMES = 4
"""Decoded runtimes that are kept; a large chain's takes tens of megabytes."""
MAX_WORDS = 240
"""Characters of what an endpoint says that are repeated."""

FAILURES = (WebError, RpcError, ChainError)


class Balance(NamedTuple):
    """An account there, after a block."""

    nonce: int
    free: int | None
    """None where the chain keeps it otherwise than `Balances` does."""


class OtherChain(Protocol):
    """Another chain, as delivery and reads need it. All raise `Unreachable`."""

    genesis: bytes

    async def final_head(self) -> Head:
        """Its last final block."""

    async def runtime(self, head: Head) -> OtherRuntime:
        """Its runtime after a block; raises `Unsupported` too."""

    async def storage(self, key: bytes, head: Head) -> bytes | None:
        """A storage value after a block."""

    async def account(self, account: AccountId, head: Head) -> Balance:
        """An account after a block."""

    async def fee(self, transaction: bytes) -> int:
        """What a transaction would cost now."""

    async def submit(self, transaction: bytes) -> str | None:
        """Hands its pool a transaction; the pool's word where it doesn't take it."""

    async def block(self, number: int) -> tuple[H256, list[bytes]]:
        """Hash and transactions of the canonical block of a number."""

    async def verdict(self, block: H256, index: int) -> Verdict:
        """How a transaction of a block ended."""


class ConnectedChain:
    """A chain behind one endpoint."""

    def __init__(self, chain: Chain, endpoint: bytes, runtimes: dict[tuple[bytes, Versions], OtherRuntime]) -> None:
        """`runtimes` are those that are kept, by endpoint: no other agent has to believe this one."""
        self.genesis = chain.genesis
        self._chain, self._endpoint, self._runtimes = chain, endpoint, runtimes
        self.asked_at = trio.current_time()
        self._given_up = trio.Event()

    @property
    def lost(self) -> bool:
        """Whether no answer came to the last question."""
        return self._given_up.is_set()

    async def idle(self) -> None:
        """Waits until nobody has asked for a while, or no answer came."""
        while (left := self.asked_at + IDLE_SECONDS - trio.current_time()) > 0 and not self.lost:
            with trio.move_on_after(left):
                await self._given_up.wait()

    async def final_head(self) -> Head:
        async with self._asking():
            return await self._chain.finalized()

    async def runtime(self, head: Head) -> OtherRuntime:
        async with self._asking():
            versions = await self._chain.versions(head.hash)
            known = self._runtimes.get((self._endpoint, versions))
            if known is not None:
                return known
            metadata = await self._chain.metadata(head.hash)
        if len(metadata) > MAX_METADATA:
            raise Unsupported(f"the chain's metadata has {len(metadata)} bytes, and is read up to {MAX_METADATA}")
        made = await trio.to_thread.run_sync(OtherRuntime, metadata, versions)
        while len(self._runtimes) >= MAX_RUNTIMES:
            del self._runtimes[next(iter(self._runtimes))]
        self._runtimes[self._endpoint, versions] = made
        return made

    async def storage(self, key: bytes, head: Head) -> bytes | None:
        async with self._asking():
            return await self._chain.get(key, head.hash)

    async def account(self, account: AccountId, head: Head) -> Balance:
        described = (await self.runtime(head)).described
        with understood():
            key = described.storage_key("System", "Account", account)
        raw = await self.storage(key, head)
        with understood():
            found = described.value_of("System", "Account", raw)
            free = found["data"].get("free") if isinstance(found["data"], dict) else None
            return Balance(_unsigned(found["nonce"], 64), None if free is None else _unsigned(free, 128))

    async def fee(self, transaction: bytes) -> int:
        async with self._asking():
            return await self._chain.fee(transaction)

    async def submit(self, transaction: bytes) -> str | None:
        async with self._asking():
            try:
                await self._chain.client.call("author_submitExtrinsic", f"0x{transaction.hex()}")
            except CallFailed as error:
                if error.code not in IN_POOL:
                    return _words(error.data if error.data is not None else error.message)
        return None

    async def block(self, number: int) -> tuple[bytes, list[bytes]]:
        async with self._asking():
            hash = await self._chain.hash_of(number)
            if hash is None:
                raise Unreachable(f"the endpoint has no block {number}")
            found = await self._chain.client.call("chain_getBlock", f"0x{hash.hex()}")
            return hash, [bytes.fromhex(each[2:]) for each in found["block"]["extrinsics"]]

    async def verdict(self, block: bytes, index: int) -> Verdict:
        try:
            async with self._asking():
                events, metadata = await self._chain.get(EVENTS_KEY, block), await self._chain.metadata(block)
            failure = await trio.to_thread.run_sync(extrinsic_failure, metadata, events or b"\0", index)
        except (UnreadableMetadata, Unreachable, RecursionError):
            return Unknown()
        return Succeeded() if failure is None else Failed(failure.encode()[:MAX_DETAIL])

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Whatever goes wrong with a question is `Unreachable`."""
        self.asked_at = trio.current_time()
        try:
            with trio.fail_after(ANSWER_SECONDS):
                yield
        except trio.TooSlowError:
            self._given_up.set()
            raise Unreachable(f"no answer within {ANSWER_SECONDS:g} s") from None
        except (RpcError, ChainError, TypeError, ValueError, LookupError) as error:
            raise Unreachable(f"the endpoint's answer is no good: {_words(error)}") from None


class Others:
    """A worker's connections to other chains."""

    def __init__(self, network: Callable[[], Network], *, allow_private: bool) -> None:
        """`network` is asked for when the first chain is."""
        self._network, self._allow_private = network, allow_private
        self._open: dict[bytes, tuple[ConnectedChain, trio.CancelScope]] = {}
        self._runtimes: dict[tuple[bytes, Versions], OtherRuntime] = {}
        self._opening: dict[bytes, trio.Event] = {}
        self._tasks: trio.Nursery | None = None
        self._begun = trio.Event()

    async def run(self) -> None:
        """Holds the connections, until cancelled."""
        async with trio.open_nursery() as self._tasks:
            self._begun.set()
            await trio.sleep_forever()

    async def chain(self, genesis: bytes, endpoints: Sequence[bytes]) -> OtherChain:
        """The chain of this genesis hash, by the first of its endpoints that answers; raises `NotDelivered`s."""
        await self._begun.wait()
        wrong: list[str] = []
        failed: list[str] = []
        for endpoint in endpoints:
            try:
                found = await self._connected(endpoint)
            except Unreachable as error:
                failed.append(str(error))
                continue
            if found.genesis == genesis:
                return found
            wrong.append(f"{_host(endpoint)} has genesis 0x{found.genesis.hex()}")
        if wrong:
            raise WrongChain(f"{'; '.join(wrong)}: not 0x{genesis.hex()}")
        raise Unreachable("; ".join(failed))

    async def _connected(self, endpoint: bytes) -> ConnectedChain:
        while endpoint in self._opening:  # nobody waits for an endpoint but its own
            await self._opening[endpoint].wait()
        known = self._open.get(endpoint)
        if known is not None and not known[0].lost:
            known[0].asked_at = trio.current_time()
            return known[0]
        if known is not None:
            known[1].cancel()
        while len(self._open) >= MAX_OPEN:
            oldest = min(self._open, key=lambda each: self._open[each][0].asked_at)
            self._open.pop(oldest)[1].cancel()
        assert self._tasks is not None
        scope, opening = trio.CancelScope(), trio.Event()
        self._opening[endpoint] = opening
        try:
            with trio.fail_after(ANSWER_SECONDS):
                chain: ConnectedChain = await self._tasks.start(self._hold, endpoint, scope)
        except trio.TooSlowError:
            raise Unreachable(f"{_host(endpoint)} doesn't answer within {ANSWER_SECONDS:g} s") from None
        finally:
            del self._opening[endpoint]
            opening.set()
        self._open[endpoint] = chain, scope
        return chain

    async def _hold(
        self, endpoint: bytes, scope: trio.CancelScope, *, task_status: trio.TaskStatus[ConnectedChain]
    ) -> None:
        """A connection, for as long as somebody asks over it."""
        url = endpoint.decode("ascii", "replace")
        connect = partial(self._connect, url)
        failure: BaseException | None = None
        try:
            with scope:
                async with trio.open_nursery() as nursery:
                    client = Client(connect, _host(endpoint))
                    await nursery.start(client.run)
                    made = ConnectedChain(await Chain.open(client), endpoint, self._runtimes)
                    task_status.started(made)
                    await made.idle()
                    nursery.cancel_scope.cancel()
        except FAILURES as error:
            failure = error
        except ExceptionGroup as group:
            if group.split(FAILURES)[1] is not None:
                raise
            failure = _first(group)
        finally:
            if self._open.get(endpoint, (None, None))[1] is scope:
                del self._open[endpoint]
        if failure is not None:  # before it was open: a connection that is open is opened again by its client
            raise Unreachable(f"{_host(endpoint)} can't be reached: {failure}") from None

    @asynccontextmanager
    async def _connect(self, url: str) -> AsyncIterator[WebSocket]:
        tls = self._network().tls
        connecting = connect_websocket(
            url, max_message_size=MAX_MESSAGE, within=CONNECT_SECONDS, tls=tls, open_stream=self._stream
        )
        async with connecting as socket:
            yield socket

    async def _stream(self, host: str, port: int) -> trio.SocketStream:
        """A connection to a checked address; raises `OSError`."""
        where = Url("http", host, port, "/")
        try:
            stream = await self._network().connect(where, allow_private=self._allow_private, seconds=CONNECT_SECONDS)
        except AskFailed as error:
            raise OSError(str(error)) from None
        return cast(trio.SocketStream, stream)


def _host(endpoint: bytes) -> str:
    """What logs and messages call an endpoint: its path may be somebody's key."""
    return urlsplit(endpoint.decode("ascii", "replace")).netloc


def _words(told: object) -> str:
    """What an endpoint says, on one line and in short: for logs, and for our chain."""
    return " ".join(str(told)[:MAX_WORDS].split())


def _unsigned(value: Any, bits: int) -> int:
    """A number of so many bits; raises `ValueError`."""
    if not isinstance(value, int) or value < 0 or value >> bits:
        raise ValueError(f"{value!r:.80} is no number of {bits} bits")
    return value


def _first(errors: BaseException) -> BaseException:
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
