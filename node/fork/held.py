"""A state of the node as the engine reads it: `node.wasm.backend.Backend` over `node.state.backend.State`.

Out of scope: child tries of a state that is all here, of which only their roots are kept. A forked chain's are read and
written as `node.state.remote.children` says.
"""

from __future__ import annotations

from collections.abc import Iterator

from node.state.backend import State
from node.state.forked import forked_from, update_of
from node.state.remote.children import ChildState, flattened
from node.state.trie import EMPTY_ROOT, Changes
from node.wasm.backend import DEFAULT_CHILD_STORAGE, Child
from node.wasm.errors import StateFailed
from node.wasm.overlay import StorageChanges


class Held:
    """One state, as the engine reads it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._at: tuple[bytes, Iterator[bytes]] | None = None
        """Where the last walk along the keys has come to."""

    def get(self, key: bytes, child: Child = None, /) -> bytes | None:
        if child is None:
            return self._state.get(key)
        forked = self._child(child)
        return None if forked is None else forked.get(key)

    def next_key(self, key: bytes, child: Child = None, /) -> bytes | None:
        if child is not None:
            forked = self._child(child)
            return None if forked is None else next(forked.keys_from(key + b"\0"), None)
        walk = self._at[1] if self._at is not None and self._at[0] == key else self._state.keys_from(key + b"\0")
        self._at = None
        found = next(walk, None)
        if found is not None:
            self._at = found, walk
        return found

    def root(self, changes: Changes, version: int, child: Child = None, /) -> bytes:
        if child is not None:
            forked = self._child(child)
            if forked is not None:
                return update_of(forked, changes, version).run()
            if any(value is not None for value in changes.values()):
                raise StateFailed("the runtime writes to a child trie, and this state keeps only the roots of those")
            return EMPTY_ROOT
        if version != self._state.version and forked_from(self._state) is None:
            raise StateFailed(
                f"the runtime writes its state in version {version}, and the chain's is in version "
                f"{self._state.version}"
            )
        return update_of(self._state, changes, version).run()

    def _child(self, child: bytes) -> ChildState | None:
        """A child trie of a forked chain; of others `None` where it is empty, `StateFailed` where it isn't here."""
        if forked_from(self._state) is not None:
            return ChildState(self._state, child)
        if self._state.get(DEFAULT_CHILD_STORAGE + child) is not None:
            raise StateFailed(f"the child trie 0x{child.hex()[:80]} isn't here, only its root is")
        return None


def flat(changes: StorageChanges) -> Changes:
    """What a session has changed of all tries, as a fork's states keep it."""
    return flattened(changes.top, changes.children)
