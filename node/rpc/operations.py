"""What a client of `chainHead_v1_follow` may ask of a pinned block: its body, a runtime call, its storage.

## Overview

An operation is a generator of the events it tells the follower, without their `operationId`. Each step is one slice of
the work; a step that has nothing to tell gives `None`, and one that lacks something of a forked state says what, and is
taken again once it is here. Nothing is read ahead: the follower goes on with an operation
when the client has taken what it was told before. After about a megabyte of descendants the operation tells that it
waits, and goes on when the client says so.

## Errors

Whatever goes wrong is told as an event, `operationError`. `operationInaccessible` is for those who have to ask others:
what is pinned is here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from node.rpc.context import Context, to_hex
from node.rpc.errors import query_error
from node.rpc.storage_items import DESCENDANTS, StorageItem, found_items, state_after
from node.state.backend import UnknownBlock
from node.state.errors import DatabaseError
from node.state.remote.missing import Missing

MAX_OPERATIONS = 16
"""Under way for one follower; each item of a storage query counts. The least that the specification allows."""
PAUSE_AFTER = 1024 * 1024
"""Of values told, in characters, before a storage query waits for the client."""

Event: TypeAlias = dict[str, Any]
Steps: TypeAlias = Iterator[Event | Missing | None]

T = TypeVar("T")
WAITS = "operationWaitingForContinue"

log = logging.getLogger("node.rpc")


class Operation:
    """One operation: it counts as `items` of those that may be under way."""

    def __init__(self, identifier: str, block_hash: bytes, items: int, steps: Steps) -> None:
        self.identifier, self.block_hash, self.items = identifier, block_hash, items
        self.is_going = False
        """Whether there is something to do: not before the client knows of it, nor while it waits."""
        self.is_waiting = False
        """Whether the client has to say that it goes on."""
        self.is_over = False
        self._steps = steps

    def step(self) -> Event | None:
        """Does a slice of the work; the event it leads to, if any. Raises `Missing`, and can then be called again."""
        try:
            event = next(self._steps, None)
        except Exception as error:
            event = _failed(error)
        if isinstance(event, Missing):
            raise event
        return None if event is None else self._told(event)

    def fail(self, error: Exception) -> Event:
        """Gives the operation up; the event that says so."""
        return self._told(_failed(error))

    def _told(self, event: Event) -> Event:
        kind = event["event"]
        self.is_waiting = kind == WAITS
        self.is_going = not self.is_waiting
        self.is_over = kind not in (WAITS, "operationStorageItems")
        return {"event": kind, "operationId": self.identifier, **event}


def body(node: Context, block_hash: bytes) -> Steps:
    """The extrinsics of a block."""
    extrinsics = node.chain.body(block_hash)
    if extrinsics is None:
        raise UnknownBlock(block_hash)
    yield {"event": "operationBodyDone", "value": [to_hex(extrinsic) for extrinsic in extrinsics]}


def call(node: Context, block_hash: bytes, function: str, data: bytes) -> Steps:
    """A runtime API call on the state after a block."""
    for output in _resumed(lambda: iter((node.chain.call(block_hash, function, data),))):
        yield output if isinstance(output, Missing) else {"event": "operationCallDone", "output": to_hex(output)}


def storage(node: Context, block_hash: bytes, items: list[StorageItem], child_trie: bytes | None) -> Steps:
    """Values, hashes and Merkle values of the state after a block."""
    pauses = any(item.kind in DESCENDANTS for item in items)
    size = 0
    for found in _resumed(lambda: found_items(state_after(node.chain, block_hash), items, child_trie)):
        if isinstance(found, Missing):
            yield found
            continue
        if pauses and size >= PAUSE_AFTER:
            size = 0
            yield {"event": WAITS}
        size += sum(len(text) for item in found for text in item.values())
        yield {"event": "operationStorageItems", "items": found} if found else None
    yield {"event": "operationStorageDone"}


def _resumed(begin: Callable[[], Iterator[T]]) -> Iterator[T | Missing]:
    """What an iterator gives that is begun again, and gone through to the same place, when it lacked something."""
    done = 0
    while True:
        try:
            for each in islice(begin(), done, None):
                done += 1
                yield each
            return
        except Missing as missing:
            yield missing


def _failed(error: Exception) -> Event:
    known = query_error(error)
    if known is None or isinstance(error, DatabaseError):
        log.error("❌ an operation of a follower failed", exc_info=error)
    return {"event": "operationError", "error": "Internal error" if known is None else known.message}
