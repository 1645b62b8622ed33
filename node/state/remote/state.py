"""The state after the forked block: a `node.state.backend.State` that is read as it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from node.state.remote.children import child_key, parted_key, parted_path
from node.state.remote.missing import Child, Missing, Want


class ForkedBlock(NamedTuple):
    """The block that a chain is forked from; who names it has seen that its header has its hash."""

    genesis: bytes
    hash: bytes
    state_root: bytes
    """All zero where the chain's blocks have none, as Chopsticks' do."""


class Known(Protocol):
    """What is here of a state; the rest is raised as `Missing`."""

    @property
    def proves(self) -> bool:
        """Whether what is here was proven."""
        ...

    def root(self, child: Child, /) -> bytes | None: ...

    def get(self, want: Want, /) -> bytes | None: ...

    def node(self, child: Child, path: str, /) -> bytes | None: ...

    def keys_from(self, child: Child, start: bytes, prefix: bytes, /) -> Iterator[bytes]: ...

    def lacks(self, want: Want, /) -> bool: ...


class RemoteState:
    """The state after the forked block, or a child trie of it. Any of it may raise `Missing`.

    Child tries are also read by the names that `children` gives what is in them.
    """

    def __init__(self, known: Known, version: int, child: Child = None) -> None:
        """`version` is the state version in which the chain writes, 0 or 1; what it has written may be in either."""
        self.version = version
        self._known, self._child = known, child

    @property
    def root(self) -> bytes | None:
        """The root of this trie, which all that is read was proven from; `None` where nothing is."""
        return self._known.root(self._child)

    @property
    def proves(self) -> bool:
        """Whether its values are proven, and `node` answers."""
        return self._known.proves

    def get(self, key: bytes, /) -> bytes | None:
        return self._known.get(self._want(key))

    def _want(self, key: bytes) -> Want:
        return Want(self._child, key) if (place := parted_key(key)) is None else Want(*place)

    def need(self, keys: Iterable[bytes]) -> None:
        """Raises one `Missing` for all of these keys whose values aren't here."""
        lacking = [want for key in keys if self._known.lacks(want := self._want(key))]
        if lacking:
            raise Missing(lacking)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        """The keys under a prefix from the first greater than `after` on; nothing behind the prefix is looked at."""
        if after is None or after < prefix:
            return self._known.keys_from(self._child, prefix, prefix)
        if not after.startswith(prefix):
            return iter(())
        return self._known.keys_from(self._child, after + b"\0", prefix)

    def keys_from(self, start: bytes) -> Iterator[bytes]:
        place = parted_key(start)
        if place is None:
            return self._known.keys_from(self._child, start, b"")
        name, key = place
        return (child_key(name, each) for each in self._known.keys_from(name, key, b""))

    def node(self, path: str) -> bytes | None:
        """The encoding of the node that hangs at a path, `None` where none does; raises `NoProofs`.

        It is bare: what a record of `node.state.branch` says besides would need the nodes beside it.
        """
        place = parted_path(path)
        return self._known.node(self._child, path) if place is None else self._known.node(*place)

    def child(self, name: bytes) -> RemoteState:
        """The child trie of this name; one that isn't there holds nothing."""
        return RemoteState(self._known, self.version, name)
