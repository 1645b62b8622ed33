"""What an engine's process knows of states that the node holds: what it has asked for, so that it asks once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from node.wasm.backend import Child
from node.wasm.errors import EngineFailed, StateFailed
from node.wasm.messages import AskKeys, AskRoot, AskValue, Command, Keys, NoAnswer, Report, Root, Value
from node.wasm.overlay import StorageChanges

MAX_BYTES = 64 << 20
"""Of values known of one state; with more it starts over."""
PAGE = 64
"""Keys asked for at once: who asks for the next one mostly goes on."""

_UNKNOWN: Final = object()
Ask = Callable[[Report], Command]


class KnownState:
    """A state that is asked for; a `Backend`."""

    def __init__(self, name: bytes, ask: Ask) -> None:
        self.name = name
        self._ask = ask
        self._values: dict[Child, dict[bytes, bytes | None]] = {None: {}}
        self._next: dict[Child, dict[bytes, bytes | None]] = {}
        """The key after a key, known with nothing in between."""
        self._bytes = 0
        self._top = self._values[None]

    def get(self, key: bytes, child: Child = None, /) -> bytes | None:
        values = self._top if child is None else self._values.setdefault(child, {})
        value = values.get(key, _UNKNOWN)
        if value is _UNKNOWN:
            answer = self._answer(AskValue(self.name, child, key))
            if not isinstance(answer, Value):
                raise EngineFailed("the node answered something else than a value")
            value = answer.value
            self.learn(child, ((key, value),))
        return value  # type: ignore[return-value]

    def next_key(self, key: bytes, child: Child = None, /) -> bytes | None:
        known = self._next.setdefault(child, {})
        found = known.get(key, _UNKNOWN)
        if found is _UNKNOWN:
            answer = self._answer(AskKeys(self.name, child, key, PAGE))
            if not isinstance(answer, Keys):
                raise EngineFailed("the node answered something else than keys")
            at = key
            for following in answer.keys:
                known[at] = at = following
            if len(answer.keys) < PAGE:
                known[at] = None
            found = known[key]
        return found  # type: ignore[return-value]

    def root(self, changes: Mapping[bytes, bytes | None], version: int, child: Child = None, /) -> bytes:
        answer = self._answer(AskRoot(self.name, child, version, list(changes.items())))
        if not isinstance(answer, Root):
            raise EngineFailed("the node answered something else than a root")
        return answer.root

    def learn(self, child: Child, values: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Takes note of values."""
        if self._bytes > MAX_BYTES:
            for each in self._values.values():
                each.clear()
            self._bytes = 0
        kept = self._values.setdefault(child, {})
        for key, value in values:
            kept[key] = value
            self._bytes += len(key) + len(value or b"")

    def after(self, name: bytes, changes: StorageChanges) -> KnownState:
        """What is known by that of a state which is this one with changes."""
        new = KnownState(name, self._ask)
        new._values = {child: dict(values) for child, values in self._values.items()}
        new._top, new._bytes = new._values[None], self._bytes
        for child, changed in (None, changes.top), *changes.children.items():
            new.learn(child, changed.items())
        for child, following in self._next.items():
            touched = sorted(changes.top if child is None else changes.children.get(child, ()))
            new._next[child] = {
                key: after
                for key, after in following.items()
                if (at := bisect_right(touched, key)) == len(touched) or (after is not None and touched[at] > after)
            }
        return new

    def _answer(self, question: Report) -> Command:
        answer = self._ask(question)
        if isinstance(answer, NoAnswer):
            raise StateFailed(answer.reason)
        return answer
