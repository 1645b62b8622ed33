"""Storage items at work in one pallet instance: what `self.m[k]` runs, over the pallet's `Overlay`.

Out of scope: how items are declared, `pallets.frame.storage`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from pallets.frame.overlay import Overlay
from pallets.primitives.codec import Codec

if TYPE_CHECKING:
    from pallets.frame.storage import BoundValue, DoubleMap, Map, MapLayout, TripleMap

K = TypeVar("K")
K1 = TypeVar("K1")
K2 = TypeVar("K2")
K3 = TypeVar("K3")
V = TypeVar("V")


class BoundMap(Generic[K, V]):
    """A map at work in one pallet; `key(k)` is the storage key of an entry."""

    __slots__ = ("decode", "default", "encode", "hasher", "key", "key_codec", "missing", "start", "state")

    def __init__(self, item: Map[K, V], layout: MapLayout[K, V], state: Overlay) -> None:
        self.state = state
        self.start, self.default, self.missing, self.hasher = item.prefix, item.default, item.missing, item.hashers[0]
        self.key, self.key_codec, self.encode, self.decode = layout.key, layout.key_codec, layout.encode, layout.decode

    def __getitem__(self, k: K) -> V:
        raw = self.state.get(self.key(k))
        if raw is not None:
            return self.decode(raw)[0]
        default = self.default
        if default is not None:
            return default() if callable(default) else default
        raise (self.missing or KeyError)(k)

    def get(self, k: K) -> V | None:
        """The stored value, or `None`; a default doesn't count."""
        raw = self.state.get(self.key(k))
        return None if raw is None else self.decode(raw)[0]

    def __setitem__(self, k: K, value: V) -> None:
        self.state.put(self.key(k), self.encode(value))

    def __delitem__(self, k: K) -> None:
        self.state.put(self.key(k), None)

    def __contains__(self, k: K) -> bool:
        return self.state.get(self.key(k)) is not None

    def items(self, after: K | None = None) -> Iterator[tuple[K, V]]:
        """Entries in the order of their storage keys, starting behind `after`; needs a hasher that keeps the key."""
        skip = len(self.start) + self.hasher.digest_size
        if not self.hasher.transparent:
            raise TypeError(f"{self.hasher.name} drops the key, so entries can't be listed")
        for full in self.state.keys(self.start, None if after is None else self.key(after)):
            raw = self.state.get(full)
            if raw is not None:
                yield self.key_codec.decode_all(full[skip:]), self.decode(raw)[0]

    def __iter__(self) -> Iterator[K]:
        for k, _ in self.items():
            yield k

    def clear(self, limit: int | None = None) -> int:
        """Deletes entries, at most `limit`; returns how many."""
        return self.state.clear_prefix(self.start, limit)


class BoundCountedMap(BoundMap[K, V]):
    """A counted map at work in one pallet."""

    __slots__ = ("counter",)
    counter: BoundValue

    def __len__(self) -> int:
        raw = self.state.get(self.counter.key)
        return 0 if raw is None else int(self.counter.decode(raw)[0])

    def __bool__(self) -> bool:
        return True  # emptiness is `len`, as for any storage item

    def __setitem__(self, k: K, value: V) -> None:
        key = self.key(k)
        if self.state.get(key) is None:
            self.state.put(self.counter.key, self.counter.encode(len(self) + 1))
        self.state.put(key, self.encode(value))

    def __delitem__(self, k: K) -> None:
        key = self.key(k)
        if self.state.get(key) is not None:
            self.state.put(self.counter.key, self.counter.encode(len(self) - 1))
            self.state.put(key, None)

    def clear(self, limit: int | None = None) -> int:
        removed = super().clear(limit)
        self.state.put(self.counter.key, self.counter.encode(len(self) - removed))
        return removed


class BoundDoubleMap(Generic[K1, K2, V]):
    """A double map at work in one pallet; `start_of(k1)` begins all storage keys under `k1`, `end_of(k2)` ends one."""

    __slots__ = (
        "state",
        "start",
        "start_of",
        "end_of",
        "default",
        "missing",
        "encode",
        "decode",
        "hashers",
        "first",
        "second",
    )

    def __init__(
        self,
        item: DoubleMap[K1, K2, V],
        layout: tuple[Callable[[K1], bytes], Callable[[K2], bytes], Codec[K1], Codec[K2], Codec[V]],
        state: Overlay,
    ) -> None:
        start_of, end_of, first, second, value = layout
        self.start_of, self.end_of = start_of, end_of
        self.state = state
        self.start, self.default, self.missing, self.hashers = item.prefix, item.default, item.missing, item.hashers
        self.encode: Callable[[V], bytes] = value.encode
        self.decode: Callable[..., tuple[V, int]] = value.decode
        self.first: Codec[K1] = first
        self.second: Codec[K2] = second

    def key(self, keys: tuple[K1, K2]) -> bytes:
        """The storage key of an entry."""
        return self.start_of(keys[0]) + self.end_of(keys[1])

    def __getitem__(self, keys: tuple[K1, K2]) -> V:
        raw = self.state.get(self.key(keys))
        if raw is not None:
            return self.decode(raw)[0]
        default = self.default
        if default is not None:
            return default() if callable(default) else default
        raise (self.missing or KeyError)(keys)

    def get(self, k1: K1, k2: K2) -> V | None:
        """The stored value, or `None`; a default doesn't count."""
        raw = self.state.get(self.key((k1, k2)))
        return None if raw is None else self.decode(raw)[0]

    def __setitem__(self, keys: tuple[K1, K2], value: V) -> None:
        self.state.put(self.key(keys), self.encode(value))

    def __delitem__(self, keys: tuple[K1, K2]) -> None:
        self.state.put(self.key(keys), None)

    def __contains__(self, keys: tuple[K1, K2]) -> bool:
        return self.state.get(self.key(keys)) is not None

    def items(self) -> Iterator[tuple[tuple[K1, K2], V]]:
        """All entries in the order of their storage keys; needs hashers that keep the key."""
        if not (self.hashers[0].transparent and self.hashers[1].transparent):
            raise TypeError("an opaque hasher drops its key, so entries can't be listed")
        for full in self.state.keys(self.start):
            raw = self.state.get(full)
            if raw is not None:
                k1, at = self.first.decode(full, len(self.start) + self.hashers[0].digest_size)
                yield (k1, self.second.decode_all(full[at + self.hashers[1].digest_size :])), self.decode(raw)[0]

    def prefix(self, k1: K1) -> Iterator[tuple[K2, V]]:
        """Entries under the first key, in the order of their storage keys."""
        if not self.hashers[1].transparent:
            raise TypeError(f"{self.hashers[1].name} drops the key, so entries can't be listed")
        start = self.start_of(k1)
        for full in self.state.keys(start):
            raw = self.state.get(full)
            if raw is not None:
                yield self.second.decode_all(full[len(start) + self.hashers[1].digest_size :]), self.decode(raw)[0]

    def clear(self, k1: K1, limit: int | None = None) -> int:
        """Deletes entries under the first key, at most `limit`; returns how many."""
        return self.state.clear_prefix(self.start_of(k1), limit)


class BoundTripleMap(Generic[K1, K2, K3, V]):
    """A map of three keys at work in one pallet; `start_of(k1)` is the common start of the storage keys under `k1`."""

    __slots__ = (
        "state",
        "start",
        "start_of",
        "default",
        "missing",
        "encode",
        "decode",
        "hashers",
        "first",
        "second",
        "third",
    )

    def __init__(
        self,
        item: TripleMap[K1, K2, K3, V],
        layout: tuple[Callable[[K1], bytes], Codec[K1], Codec[K2], Codec[K3], Codec[V]],
        state: Overlay,
    ) -> None:
        start_of, first, second, third, value = layout
        self.start_of = start_of
        self.state = state
        self.start, self.default, self.missing, self.hashers = item.prefix, item.default, item.missing, item.hashers
        self.encode: Callable[[V], bytes] = value.encode
        self.decode: Callable[..., tuple[V, int]] = value.decode
        self.first: Codec[K1] = first
        self.second: Codec[K2] = second
        self.third: Codec[K3] = third

    def key(self, keys: tuple[K1, K2, K3]) -> bytes:
        """The storage key of an entry."""
        _, second, third = self.hashers
        return (
            self.start_of(keys[0]) + second.apply(self.second.encode(keys[1])) + third.apply(self.third.encode(keys[2]))
        )

    def __getitem__(self, keys: tuple[K1, K2, K3]) -> V:
        raw = self.state.get(self.key(keys))
        if raw is not None:
            return self.decode(raw)[0]
        default = self.default
        if default is not None:
            return default() if callable(default) else default
        raise (self.missing or KeyError)(keys)

    def get(self, k1: K1, k2: K2, k3: K3) -> V | None:
        """The stored value, or `None`; a default doesn't count."""
        raw = self.state.get(self.key((k1, k2, k3)))
        return None if raw is None else self.decode(raw)[0]

    def __setitem__(self, keys: tuple[K1, K2, K3], value: V) -> None:
        self.state.put(self.key(keys), self.encode(value))

    def __delitem__(self, keys: tuple[K1, K2, K3]) -> None:
        self.state.put(self.key(keys), None)

    def __contains__(self, keys: tuple[K1, K2, K3]) -> bool:
        return self.state.get(self.key(keys)) is not None

    def items(self) -> Iterator[tuple[tuple[K1, K2, K3], V]]:
        """All entries in the order of their storage keys; needs hashers that keep the key."""
        self._check_hashers(0)
        for full in self.state.keys(self.start):
            raw = self.state.get(full)
            if raw is not None:
                k1, at = self.first.decode(full, len(self.start) + self.hashers[0].digest_size)
                yield (k1, *self._rest(full, at)), self.decode(raw)[0]

    def prefix(self, k1: K1) -> Iterator[tuple[tuple[K2, K3], V]]:
        """Entries under the first key by the other two, in the order of their storage keys."""
        self._check_hashers(1)
        start = self.start_of(k1)
        for full in self.state.keys(start):
            raw = self.state.get(full)
            if raw is not None:
                yield self._rest(full, len(start)), self.decode(raw)[0]

    def _check_hashers(self, since: int) -> None:
        for hasher in self.hashers[since:]:
            if not hasher.transparent:
                raise TypeError(f"{hasher.name} drops the key, so entries can't be listed")

    def _rest(self, full: bytes, at: int) -> tuple[K2, K3]:
        """The second and third key, which start at `at`."""
        k2, at = self.second.decode(full, at + self.hashers[1].digest_size)
        return k2, self.third.decode_all(full[at + self.hashers[2].digest_size :])
