"""Nested transactional state over a backend.

Every read costs one dictionary hit at any depth: there is one dict of current values, one log of what was overwritten
since the outermost layer was opened, and a layer is only a place in that log. Committing a layer forgets its place,
rolling back undoes the log down to it. Mirrors the changeset of `sp_state_machine::overlayed_changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Protocol

_ABSENT: Final = object()


class Backend(Protocol):
    """The state below the overlay: flat bytes, readable in key order."""

    def get(self, key: bytes, /) -> bytes | None: ...
    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        """Keys that start with `prefix`, ascending, those up to and including `after` left out."""
        ...


class Overlay:
    """Changes on top of a backend, in layers. `changes` maps a key to its new value, `None` where it was deleted."""

    __slots__ = ("backend", "read", "changes", "journal", "_layers", "_log")

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.read: Callable[[bytes], bytes | None] = backend.get
        self.changes: dict[bytes, bytes | None] = {}
        self.journal: list[tuple[bytes, bytes | None]] | None = None
        """Every write in order, those that are undone later too; a tracer puts a list here."""
        self._layers: list[int] = []  # where each starts in the log
        self._log: list[tuple[bytes, object]] = []

    def get(self, key: bytes) -> bytes | None:
        value = self.changes.get(key, _ABSENT)
        return self.read(key) if value is _ABSENT else value  # type: ignore[return-value]

    def put(self, key: bytes, value: bytes | None) -> None:
        """Sets a value; `None` deletes."""
        changes = self.changes
        if self._layers:
            self._log.append((key, changes.get(key, _ABSENT)))
        if self.journal is not None:
            self.journal.append((key, value))
        changes[key] = value

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        """Present keys under a prefix in ascending order; safe against changes made while iterating."""
        changes = self.changes
        added = sorted(
            key
            for key, value in changes.items()
            if value is not None and key.startswith(prefix) and (after is None or key > after)
        )
        at = 0
        for key in self.backend.keys(prefix, after):
            while at < len(added) and added[at] < key:
                if self.get(added[at]) is not None:
                    yield added[at]
                at += 1
            if at < len(added) and added[at] == key:
                at += 1
            if key not in changes or changes[key] is not None:
                yield key
        for key in added[at:]:
            if self.get(key) is not None:
                yield key

    def clear_prefix(self, prefix: bytes, limit: int | None = None) -> int:
        """Deletes the keys under a prefix, at most `limit`; returns how many."""
        doomed: list[bytes] = []
        for key in self.keys(prefix):
            if limit is not None and len(doomed) >= limit:
                break
            doomed.append(key)
        for key in doomed:
            self.put(key, None)
        return len(doomed)

    @property
    def depth(self) -> int:
        """How many layers are open."""
        return len(self._layers)

    def begin(self) -> None:
        """Opens a layer."""
        self._layers.append(len(self._log))

    def commit(self) -> None:
        """Keeps the innermost layer's changes, as part of the one around it."""
        self._layers.pop()
        if not self._layers:
            self._log.clear()

    def rollback(self) -> None:
        """Undoes the innermost layer's changes."""
        changes, log, start = self.changes, self._log, self._layers.pop()
        while len(log) > start:
            key, before = log.pop()
            if before is _ABSENT:
                del changes[key]
            else:
                changes[key] = before  # type: ignore[assignment]

    def __enter__(self) -> Overlay:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()


class DictBackend:
    """A state in a dictionary: genesis starts on an empty one, tests run on it."""

    def __init__(self, pairs: dict[bytes, bytes] | None = None) -> None:
        self.pairs = {} if pairs is None else pairs

    def get(self, key: bytes, /) -> bytes | None:
        return self.pairs.get(key)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        return iter(sorted(k for k in self.pairs if k.startswith(prefix) and (after is None or k > after)))
