"""The state before a block: all of it at hand, or fetched as it is read.

A `Past` serves both executions: the engine's process asks it for single values (`node.wasm.process.RemoteState`), and
our own pallets run on it within `read`, maybe more than once until all is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from node.replay.block import NO_ROOT
from node.state.remote import Fetcher, PartialUpdate, reading
from node.state.remote import RemoteState as FetchedState
from node.wasm.backend import Child, FullState
from node.wasm.process import HeldState, RemoteState
from pallets.frame.overlay import Backend

T = TypeVar("T")


class Past(RemoteState, Protocol):
    """A state, to be read and to be executed on."""

    @property
    def has_roots(self) -> bool:
        """Whether `root` is true; else it answers what it was told."""
        ...

    async def read(self, work: Callable[[Backend], T]) -> T:
        """What `work` answers of this state; it has to leave nothing behind, for it may be called again."""
        ...


class HeldPast(HeldState):
    """A state in memory."""

    has_roots = True

    def __init__(self, name: bytes, state: FullState) -> None:
        super().__init__(name, state)
        self._state = state

    async def read(self, work: Callable[[Backend], T]) -> T:
        return work(_Flat(self._state))


class FetchedPast:
    """A state that others serve. Where they give no proofs, its root after changes is `said`: nobody can tell it."""

    def __init__(self, name: bytes, fetcher: Fetcher, said: bytes = NO_ROOT) -> None:
        self.name, self._fetcher, self._said = name, fetcher, said

    @property
    def has_roots(self) -> bool:
        """Whether there are proofs."""
        return self._fetcher.proves

    async def get(self, key: bytes, child: Child = None) -> bytes | None:
        state = self._trie(child)
        return await reading(self._fetcher, lambda: state.get(key))

    async def next_keys(self, key: bytes, count: int, child: Child = None) -> Sequence[bytes]:
        state = self._trie(child)
        return await reading(self._fetcher, lambda: list(islice(state.keys(b"", key), count)))

    async def root(self, changes: Mapping[bytes, bytes | None], version: int, child: Child = None) -> bytes:
        if not self.has_roots:
            return self._said
        trie = self._trie(child, version)
        return await reading(self._fetcher, lambda: PartialUpdate(trie, changes, version).run())

    async def read(self, work: Callable[[Backend], T]) -> T:
        return await reading(self._fetcher, lambda: work(self._trie(None)))

    def _trie(self, child: Child, version: int = 0) -> FetchedState:
        top = FetchedState(self._fetcher.known, version)
        return top if child is None else top.child(child)


class _Flat:
    """A full state's top trie, as our own pallets read states."""

    def __init__(self, state: FullState) -> None:
        self._state = state

    def get(self, key: bytes, /) -> bytes | None:
        return self._state.get(key)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        if after is None and self._state.get(prefix) is not None:
            yield prefix
        at = self._state.next_key(prefix if after is None or after < prefix else after)
        while at is not None and at.startswith(prefix):
            yield at
            at = self._state.next_key(at)
