"""What is done to states of either kind: those that are all here, and those of a fork, read as they are needed.

`update_of` is what a change set does, `prove_in` proofs, `name_of` what nothing else is named by. Where a forked
chain's endpoints give no proofs there is no trie, and no root: headers say zero. Any of it may raise `Missing`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Protocol

from node.state.backend import State
from node.state.descent import closest_descendant
from node.state.proof import prove
from node.state.remote.children import FlatUpdate
from node.state.remote.proof import closest_descendant as closest_partly
from node.state.remote.proof import prove as prove_partly
from node.state.remote.state import RemoteState
from node.state.remote.update import PartialUpdate
from node.state.trie import Changes, Nodes, Update
from pallets.primitives.hashing import blake2_256

NO_ROOT = bytes(32)
_unnamed = count()


class Updating(Protocol):
    """What a change set does to a trie, in parts; as `node.state.trie.Update`."""

    root: bytes

    @property
    def nodes(self) -> Nodes: ...

    def advance(self, keys: int) -> bool: ...

    def run(self) -> bytes: ...


class Rootless:
    """What a change set does where there is no trie: nothing."""

    root = NO_ROOT
    nodes: Nodes = {}

    def advance(self, keys: int) -> bool:
        return True

    def run(self) -> bytes:
        return NO_ROOT


def update_of(state: State, changes: Changes, version: int | None = None) -> Updating:
    """What a change set does, written in a state version, the state's own unless told."""
    forked = forked_from(state)
    if forked is None:
        return Update(state, changes)
    return FlatUpdate(state, changes, forked.version if version is None else version) if forked.proves else Rootless()


def prove_in(state: State, keys: Iterable[bytes]) -> list[bytes]:
    """The nodes that prove the values of keys; raises `NoProofs` where a fork has none."""
    return prove(state, keys) if forked_from(state) is None else prove_partly(state, list(keys))


def closest_in(state: State, key: bytes) -> bytes | None:
    """The Merkle value of the first node at or below a key; raises `NoProofs`."""
    return closest_descendant(state, key) if forked_from(state) is None else closest_partly(state, key)


def forked_from(state: State) -> RemoteState | None:
    """The state that a fork's state stands on; `None` where all of it is here."""
    found: object = state
    while True:
        if isinstance(found, RemoteState):
            return found
        below = getattr(found, "below", None)  # of a fork's head, of earlier blocks, and of blocks beside the chain
        if below is None:
            return None
        found = below


def name_of(state: State) -> bytes:
    """32 bytes that no other state has: its root, or where there is none a number."""
    found = getattr(state, "root", NO_ROOT)
    if found != NO_ROOT:
        return bytes(found)
    forked = forked_from(state)
    if forked is None:
        return Update(state, {}).run()
    if forked.proves:
        return PartialUpdate(state, {}, forked.version).run()
    return blake2_256(b"state without a root" + next(_unnamed).to_bytes(8, "little"))
