"""All states of a chain that goes on from somebody else's block: what local blocks have written, over what is remote.

`ForkedStates` is `States` with another head, which has what was written here and asks the `RemoteState` for the rest.
Histories, undoing and redoing are those of every chain. Nothing remote goes into the node's database; what was deleted
here is marked there, since it is still there below.

Whatever reads may raise `Missing`, a move too: then the move is void, and nothing has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Final, Generic, TypeVar, cast

from sortedcontainers import SortedSet

from node.state.db import Batch, Database
from node.state.delta import Delta
from node.state.remote.state import RemoteState
from node.state.states import Move, States
from node.state.trie import Changes, Nodes, Trie
from node.state.view import of_tries, overwritten, present, restored

N = TypeVar("N", bytes, str)
_UNTOUCHED: Final = object()


class Laid(Generic[N]):
    """What was written here, by name, over what is below; `None` where it was deleted."""

    def __init__(self, written: dict[N, bytes | None], below: Callable[[N], bytes | None]) -> None:
        self.written: dict[N, bytes | None] = written
        self._below: Callable[[N], bytes | None] = below

    def get(self, name: N, /) -> bytes | None:
        found = self.written.get(name, _UNTOUCHED)
        return self._below(name) if found is _UNTOUCHED else cast("bytes | None", found)


class ForkedHead:
    """The state after the best block of a fork, in the place of a `Trie`."""

    def __init__(
        self, below: RemoteState, root: bytes, values: dict[bytes, bytes | None], nodes: dict[str, bytes | None]
    ) -> None:
        self.below, self.root, self.version = below, root, below.version
        self.values, self.nodes = Laid(values, below.get), Laid(nodes, below.node)
        self.get, self.node = self.values.get, self.nodes.get
        self._order = SortedSet(values)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        start = prefix if after is None or after < prefix else after + b"\0"
        mine = takewhile(lambda key: key.startswith(prefix), self._written_from(start))
        return present(self, self.below.keys(prefix, after), mine)

    def keys_from(self, start: bytes) -> Iterator[bytes]:
        return present(self, self.below.keys_from(start), self._written_from(start))

    def _written_from(self, start: bytes) -> Iterator[bytes]:
        return of_tries(self._order.irange(start), start)

    def apply(self, changes: Changes, nodes: Nodes, root: bytes) -> None:
        """Takes over what an update has found."""
        self.values.written.update(changes)
        self._order.update(changes)
        self.nodes.written.update(nodes)
        self.root = root


class ForkedStates(States):
    """The states of a chain that goes on from a forked block."""

    @classmethod
    def of(cls, db: Database, below: RemoteState, root: bytes) -> ForkedStates:
        """What a database has over the forked state; `root` is the best block's. Raises `CorruptDatabase`."""
        values = {key: restored(entry) for key, entry in db.items_from("state")}
        nodes = {path.decode(): restored(entry) for path, entry in db.items_from("trie")}
        return cls(db, cast(Trie, ForkedHead(below, root, values, nodes)))

    def move(self, batch: Batch) -> Move:
        return ForkedMove(self, batch)


class ForkedMove(Move):
    """A move of such a head; what a block overwrites is asked for at once."""

    def redo(self, number: int, delta: Delta) -> None:
        head = cast(ForkedHead, self._states.head)
        head.below.need(key for key in delta.values if key not in head.values.written and key not in self.values)
        super().redo(number, delta)

    def write(self) -> Changes:
        if not self._is_written:
            self._is_written = True
            put = self.batch.putter("state")
            for key, value in self.values.items():
                put(key, overwritten(value))
            put = self.batch.putter("trie")
            for path, record in self._nodes.items():
                put(path.encode(), overwritten(record))
        return self.values
