"""One subscription to the head of the chain: what it is told and when, and the operations it has under way.

## Overview

The chain's news reaches a `Follower` while it is published, so that what it holds is exactly what it knows; it is told
of that, and does its operations, slice by slice, in the task of its subscription. News comes before operations. A
client that reads too slowly to keep up with the chain is told `stop`, and nothing of it is kept.

## Usage

`Followers` are those of one connection: `Session.part(Followers)`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

import trio

from node.chain.feed import BUFFER, Finalized, Imported
from node.chain.follow import (
    BestBlockChanged,
    BlocksFinalized,
    Follow,
    FollowEnded,
    FollowEvent,
    Initialized,
    NewBlock,
)
from node.executor import UnknownRuntime
from node.rpc.context import Context, to_hex
from node.rpc.operations import MAX_OPERATIONS, Event, Operation, Steps
from node.rpc.serving.session import Session, Subscription
from node.state.backend import StateDiscarded, UnknownBlock
from node.state.remote.missing import Missing
from pallets.primitives.runtime_code import RuntimeVersion

MAX_FOLLOWERS = 4
"""Of one connection: Substrate's `MAX_FOLLOW_SUBSCRIPTIONS_PER_CONNECTION`."""

log = logging.getLogger("node.rpc")


class Follower:
    """A client that follows the chain, from its subscription to `stop`."""

    def __init__(self, node: Context, with_runtime: bool) -> None:
        self.node, self.with_runtime = node, with_runtime
        self.follow = Follow(node.chain)
        self.operations: dict[str, Operation] = {}
        self.is_over = False
        """Whether nothing but `stop` is to be told any more."""
        self._untold: deque[FollowEvent] = deque()
        self._runtimes: dict[bytes, RuntimeVersion | str] = {}  # of the last final block and those behind it
        self._final = b""
        self._begun = 0
        self._idle = trio.lowlevel.ParkingLot()

    async def news(self) -> AsyncGenerator[Event, None]:
        """All that the subscription is told, to the end."""
        chain = self.node.chain
        with chain.imported.listen(self._on_imported), chain.finality.listen(self._on_finalized):
            try:
                first = deque(self.follow.begin(trio.current_time()))
                while not self.is_over:
                    try:
                        event = self._next(first)
                    except Missing as missing:
                        event = await self._fetched(missing)
                    if event is not None:
                        yield event
                    if first or self._untold or self._runnable() is not None:
                        await trio.lowlevel.checkpoint()
                    elif not self.is_over:
                        await self._idle.park()
                yield {"event": "stop"}
            finally:
                self._end()

    def begin(self, block_hash: bytes, items: int, steps: Steps) -> Operation:
        """Takes an operation on a pinned block in, which is held until it is over; `go_on` sets it going."""
        operation = Operation(str(self._begun), block_hash, items, steps)
        self._begun += 1
        self.operations[operation.identifier] = operation
        self.node.chain.hold(block_hash)
        return operation

    def room(self) -> int:
        """How many further items may be under way."""
        return MAX_OPERATIONS - sum(operation.items for operation in self.operations.values())

    def go_on(self, operation: Operation) -> None:
        """The client knows of an operation, or wants what else it has to tell."""
        operation.is_going, operation.is_waiting = True, False
        self._idle.unpark_all()

    def stop(self, identifier: str) -> None:
        """Ends an operation, if it is under way."""
        operation = self.operations.pop(identifier, None)
        if operation is not None:
            self.node.chain.release(operation.block_hash)

    # In the task of the subscription

    def _next(self, first: deque[FollowEvent]) -> Event | None:
        """What is to be told next, if anything is."""
        if first or self._untold:
            return self._told((first or self._untold).popleft())
        operation = self._runnable()
        if operation is None:
            return None
        event = operation.step()
        if operation.is_over:
            self.stop(operation.identifier)
        else:
            self.operations[operation.identifier] = self.operations.pop(operation.identifier)  # the others' turn
        return event

    async def _fetched(self, missing: Missing) -> Event | None:
        """Fetches what the operation lacks whose turn it is; the event that ends it where that can't be had."""
        operation, fetcher = self._runnable(), self.node.chain.fetcher
        assert fetcher is not None and operation is not None  # who else would miss anything
        try:
            await fetcher.fetch(missing)
        except Exception as error:
            self.stop(operation.identifier)
            return operation.fail(error)
        return None

    def _runnable(self) -> Operation | None:
        return next((operation for operation in self.operations.values() if operation.is_going), None)

    def _told(self, event: FollowEvent) -> Event:
        match event:
            case Initialized(finalized):
                told: Event = {"event": "initialized", "finalizedBlockHashes": _hex(finalized)}
                self._final = finalized[-1]
                if self.with_runtime:
                    told["finalizedBlockRuntime"] = runtime_json(self._runtime_of(self._final))
            case NewBlock(block_hash, parent):
                told = {"event": "newBlock", "blockHash": to_hex(block_hash), "parentBlockHash": to_hex(parent)}
                if self.with_runtime:
                    runtime = self._runtime_of(block_hash)
                    told["newRuntime"] = None if runtime == self._runtimes[parent] else runtime_json(runtime)
            case BestBlockChanged(block_hash):
                told = {"event": "bestBlockChanged", "bestBlockHash": to_hex(block_hash)}
            case BlocksFinalized(finalized, pruned):
                told = {
                    "event": "finalized",
                    "finalizedBlockHashes": _hex(finalized),
                    "prunedBlockHashes": _hex(pruned),
                }
                for block_hash in (self._final, *finalized[:-1], *pruned):
                    self._runtimes.pop(block_hash, None)
                self._final = finalized[-1]
        return told

    def _runtime_of(self, block_hash: bytes) -> RuntimeVersion | str:
        """The version of the runtime that executes on a block's state, or why there is none."""
        found: RuntimeVersion | str
        try:
            found = self.node.chain.runtime_at(block_hash).version
        except (UnknownRuntime, UnknownBlock, StateDiscarded) as error:
            found = str(error)
        self._runtimes[block_hash] = found
        return found

    # While news is published

    def _on_imported(self, news: Imported) -> None:
        try:
            self._tell(self.follow.on_imported(news))
        except FollowEnded as error:
            self._give_up(error)

    def _on_finalized(self, news: Finalized) -> None:
        try:
            self._tell(self.follow.on_finalized(news, trio.current_time()))
        except FollowEnded as error:
            self._give_up(error)

    def _tell(self, events: list[FollowEvent]) -> None:
        if len(self._untold) + len(events) > BUFFER:
            raise FollowEnded(f"over {BUFFER} events are not read yet")
        self._untold.extend(events)
        self._idle.unpark_all()

    def _give_up(self, error: FollowEnded) -> None:
        log.info("a follower of the chain was stopped: %s", error)
        self._end()
        self._idle.unpark_all()

    def _end(self) -> None:
        self.is_over = True
        self._untold.clear()
        self._runtimes.clear()
        for identifier in list(self.operations):
            self.stop(identifier)
        self.follow.end()


class Followers:
    """The followers of one connection, by the identifiers of their subscriptions."""

    def __init__(self) -> None:
        self._followers: dict[str, Follower] = {}

    def add(self, subscription: Subscription, follower: Follower) -> bool:
        """Takes one in, whose subscription isn't under way yet; `False` where there are as many as may be."""
        session = subscription.session
        self._followers = {found: each for found, each in self._followers.items() if session.has(found)}
        if len(self._followers) >= MAX_FOLLOWERS:
            return False
        self._followers[subscription.identifier] = follower
        return True

    def find(self, session: Session, identifier: str) -> Follower | None:
        """A follower that is still told what happens."""
        follower = self._followers.get(identifier) if session.has(identifier) else None
        return None if follower is None or follower.is_over else follower


def spec_json(version: RuntimeVersion) -> dict[str, Any]:
    """A runtime version as the specification has it: unlike in `state_getRuntimeVersion`, `apis` is an object."""
    return {
        "specName": version.spec_name,
        "implName": version.impl_name,
        "specVersion": version.spec_version,
        "implVersion": version.impl_version,
        "apis": {to_hex(api): number for api, number in version.apis},
        "transactionVersion": version.transaction_version,
    }


def runtime_json(runtime: RuntimeVersion | str) -> dict[str, Any]:
    """A runtime, or why there is none."""
    if isinstance(runtime, str):
        return {"type": "invalid", "error": runtime}
    return {"type": "valid", "spec": spec_json(runtime)}


def _hex(block_hashes: tuple[bytes, ...]) -> list[str]:
    return [to_hex(block_hash) for block_hash in block_hashes]
