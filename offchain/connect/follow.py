"""Blocks as they come, none left out and none twice, whatever becomes of the connection: `Follower`.

## Overview

A head that is announced is only a wish to go there: what is between it and the last block that was handed out is asked
for by number. So a subscription that broke off is resumed where it was, and so a start in the past catches up. Each
block has to have the one before it for its parent. Where it hasn't, best blocks are taken back one by one until it has;
of final ones that is an error.

A subscription that says nothing for `Policy.silence` is looked after: where the chain went on without it, it is made
anew, at another endpoint if there is one.

## Errors

`ForkedHistory`; those of `chain`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import trio

from offchain.connect.chain import Block, RemoteChain, header_from
from offchain.connect.errors import PASSING, EndpointStalled, ForkedHistory, NoSuchBlock, RemoteError, WrongAnswer
from offchain.connect.remote import Lease
from offchain.rpc import CallFailed, ConnectionLost
from pallets.primitives.header import Header

AT_ONCE = 8
"""Blocks that are asked for together, to catch up."""
REMEMBERED = 512
"""Blocks that can be taken back."""


class Seen(NamedTuple):
    """A block that was handed out."""

    number: int
    hash: bytes


OnBlock = Callable[[Block, int], Awaitable[None]]
"""Told a block, and the number of the highest one that is known of."""
OnRetracted = Callable[[Seen], Awaitable[None]]
"""Told a block that is not part of the chain any more."""


class Follower:
    """Follows a chain's best blocks, or its final ones."""

    def __init__(
        self, chain: RemoteChain, on_block: OnBlock, on_retracted: OnRetracted, *, final: bool, start: int | None = None
    ) -> None:
        """From block `start` on, or from the next one that is announced."""
        self._chain, self._final = chain, final
        self._on_block, self._on_retracted = on_block, on_retracted
        self._seen: deque[Seen] = deque(maxlen=REMEMBERED)
        self._next = start
        self._wanted = -1
        self._more = trio.Event()

    async def run(self) -> None:
        """Until cancelled, however long no endpoint can be reached; raises `RemoteError`."""
        failed: RemoteError | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            try:
                await self._go()
            except RemoteError as error:
                failed = error  # out of the nursery, which would make a group of it
            nursery.cancel_scope.cancel()
        if failed is not None:
            raise failed

    async def up_to(self, last: int) -> None:
        """Hands out the blocks up to that number, and no more."""
        self._wanted = last
        await self._advance(last)

    # Heads

    async def _listen(self) -> None:
        kind = "Finalized" if self._final else "New"
        method, end = f"chain_subscribe{kind}Heads", f"chain_unsubscribe{kind}Heads"
        while True:
            try:
                lease = await self._chain.remote.lease()
                async with lease.connection.subscription(method, end) as news:
                    await self._hear(lease, news)
            except (ConnectionLost, CallFailed, RemoteError):
                await trio.sleep(self._chain.remote.policy.first_rest)  # the questions of `_go` say what is the matter

    async def _hear(self, lease: Lease, news: trio.MemoryReceiveChannel[Any]) -> None:
        """Takes what a subscription says, until it ends or proves to be dead."""
        policy = self._chain.remote.policy
        while True:
            with trio.move_on_after(policy.silence) as waiting:
                try:
                    self._announced(header_from(await news.receive()))
                except (trio.EndOfChannel, WrongAnswer):
                    return None
            if waiting.cancelled_caught and await self._went_on():
                silent = EndpointStalled(f"{lease.endpoint.url} stalls: it announces no blocks, and there are some")
                return self._chain.remote.leave(lease, silent, policy.distrust)

    async def _went_on(self) -> bool:
        """Whether there are blocks that nobody announced."""
        head = await (self._chain.finalized() if self._final else self._chain.best())
        header = await self._chain.header(head)
        missed = header.number > self._wanted
        self._announced(header)
        return missed

    def _announced(self, header: Header) -> None:
        if self._next is None:
            self._next = int(header.number)
        self._wanted = int(header.number) if not self._final else max(self._wanted, int(header.number))
        self._more.set()

    # Blocks

    async def _go(self) -> None:
        while True:
            await self._more.wait()
            self._more = trio.Event()
            try:
                await self._advance(self._wanted)
            except PASSING as error:
                self._chain.remote.note(f"{error}: trying again")
                self._more.set()
                await trio.sleep(self._chain.remote.policy.first_rest)

    async def _advance(self, last: int) -> None:
        assert self._next is not None
        if self._seen and last <= self._seen[-1].number:
            await self._check_head(last)
        while self._next <= last:
            try:
                blocks = await self._fetched(self._next, min(self._next + AT_ONCE - 1, last))
            except NoSuchBlock:
                return  # the chain has become shorter, or another endpoint isn't there yet: the next head will tell
            for block in blocks:
                if self._seen and block.header.parent_hash != self._seen[-1].hash:
                    await self._retract()
                    break
                await self._on_block(block, max(last, block.number))
                self._seen.append(Seen(block.number, block.hash))
                self._next = block.number + 1

    async def _check_head(self, last: int) -> None:
        """A head no higher than what was handed out: of another branch, unless its endpoint is only late."""
        ours = next((seen.hash for seen in self._seen if seen.number == last), None)
        if self._final or ours is None or await self._chain.hash_of(last) == ours:
            return
        while self._seen:
            top = self._seen[-1]
            if top.number <= last and await self._chain.hash_of(top.number) == top.hash:
                return
            await self._retract()

    async def _retract(self) -> None:
        gone = self._seen.pop()
        if self._final:
            raise ForkedHistory(
                f"block {gone.number}, 0x{gone.hash.hex()}, was final and isn't part of the chain any more"
            )
        self._next = gone.number
        await self._on_retracted(gone)

    async def _fetched(self, first: int, last: int) -> list[Block]:
        found: dict[int, Block] = {}
        failed: list[RemoteError | CallFailed] = []

        async def fetch(number: int) -> None:
            try:
                found[number] = await self._chain.block(await self._chain.hash_of(number))
            except (RemoteError, CallFailed) as error:
                failed.append(error)

        async with trio.open_nursery() as nursery:
            for number in range(first, last + 1):
                nursery.start_soon(fetch, number)
        if failed:
            raise failed[0]
        return [found[number] for number in range(first, last + 1)]
