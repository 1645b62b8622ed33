"""State items as descriptors of a pallet class.

## Overview

| declaration | FRAME | reads as |
| --- | --- | --- |
| `Value[Balance](default=0)` | `StorageValue`, ValueQuery | `self.total`, `self.total += 1`, `del self.total` |
| `Value[AccountId \\| None]()` | `StorageValue`, OptionQuery | `self.key`, `None` if absent; assigning `None` deletes |
| `Map[K, V](default=...)` | `StorageMap`, ValueQuery | `self.m[k]`, `self.m[k] = v`, `del self.m[k]`, `k in self.m` |
| `Map[K, V]()` | `StorageMap`, OptionQuery | `self.m.get(k)`; `self.m[k]` raises `KeyError` |
| `Map[K, V](missing=Error)` | `StorageMap`, ResultQuery | `self.m[k]` raises the pallet's error |
| `CountedMap[K, V]()` | `CountedStorageMap` | and `len(self.m)` |
| `DoubleMap[K1, K2, V]()` | `StorageDoubleMap` | `self.m[k1, k2]`, `self.m.prefix(k1)`, `self.m.clear(k1)` |

A default is a value, or a callable that makes one where values are mutable. The text under a declaration is its
documentation in the metadata. Keys are `twox128(pallet) ‖ twox128(item) ‖ hasher(key)…`, byte for byte Substrate's.

## Out of scope

What lies beneath: an item reads and writes through the pallet's `state`, an `Overlay`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Generic, TypeVar, cast, overload

from pallets.frame.overlay import Overlay
from pallets.primitives.annotations import option_of
from pallets.primitives.codec import Codec, Codecs
from pallets.primitives.hashing import Blake2_128Concat, StorageHasher, Twox64Concat, storage_prefix
from pallets.primitives.types import U32

K = TypeVar("K")
K1 = TypeVar("K1")
K2 = TypeVar("K2")
V = TypeVar("V")

KEY_MEMO = 1 << 15  # hashed keys remembered per map, by all instances of a runtime


def pascal(name: str) -> str:
    """`total_issuance` as the wire writes it: `TotalIssuance`."""
    return "".join(word.capitalize() for word in name.rstrip("_").split("_"))


class Item:
    """What all storage items share: a name, a prefix, and the annotations given in brackets."""

    def __init__(self, name: str | None = None) -> None:
        self.wire_name = name
        self.owner: type[Any]
        self.attribute: str

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.owner, self.attribute = owner, name
        self.wire_name = self.wire_name or pascal(name)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The types in brackets."""
        return cast("tuple[Any, ...]", self.__orig_class__.__args__)  # type: ignore[attr-defined]

    @cached_property
    def prefix(self) -> bytes:
        """The 32 bytes its keys start with."""
        return storage_prefix(self.owner.wire_name, self.wire_name or "")

    @property
    def value_type(self) -> Any:
        """The annotation of what is stored."""
        return self.arguments[-1]

    @property
    def default_value(self) -> Any:
        """What an absent entry reads as, or `None`."""
        default = getattr(self, "default", None)
        return default() if callable(default) else default

    def bind(self, pallet: Any) -> Any:
        """The item at work in one pallet instance."""
        raise NotImplementedError(type(self).__name__)

    def layout(self, pallet: Any) -> Any:
        """What doesn't change from one instance of a runtime to the next: worked out once a runtime class."""
        layouts: dict[Item, Any] = pallet.runtime.tables.layouts
        found = layouts.get(self)
        if found is None:
            found = layouts[self] = self.lay_out(pallet.codecs)
        return found

    def lay_out(self, codecs: Codecs) -> Any:
        """The item in a runtime of these codecs."""
        raise NotImplementedError(type(self).__name__)


class Value(Item, Generic[V]):
    """One value."""

    def __init__(self, *, default: V | Callable[[], V] | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.default = default

    @property
    def value_type(self) -> Any:
        return option_of(self.arguments[0]) or self.arguments[0]

    @overload
    def __get__(self, pallet: None, owner: type[Any]) -> Value[V]: ...
    @overload
    def __get__(self, pallet: Any, owner: Any = None) -> V: ...
    def __get__(self, pallet: Any, owner: Any = None) -> Any:
        if pallet is None:
            return self
        bound = pallet.items[self.attribute]
        raw = pallet.state.get(bound.key)
        if raw is None:
            default = self.default
            return default() if callable(default) else default
        return bound.decode(raw)[0]

    def __set__(self, pallet: Any, value: V) -> None:
        bound = pallet.items[self.attribute]
        pallet.state.put(bound.key, None if value is None else bound.encode(value))

    def __delete__(self, pallet: Any) -> None:
        pallet.state.put(pallet.items[self.attribute].key, None)

    def bind(self, pallet: Any) -> BoundValue:
        return cast("BoundValue", self.layout(pallet))

    def lay_out(self, codecs: Codecs) -> BoundValue:
        return BoundValue(self.prefix, codecs.of(self.value_type))


class BoundValue:
    """A value's key and codec in one runtime class."""

    __slots__ = ("key", "encode", "decode")

    def __init__(self, key: bytes, codec: Codec[Any]) -> None:
        self.key, self.encode, self.decode = key, codec.encode, codec.decode


class Map(Item, Generic[K, V]):
    """Values by key."""

    def __init__(
        self,
        *,
        default: V | Callable[[], V] | None = None,
        missing: type[Exception] | None = None,
        hasher: StorageHasher = Blake2_128Concat,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.default, self.missing, self.hashers = default, missing, (hasher,)

    @overload
    def __get__(self, pallet: None, owner: type[Any]) -> Map[K, V]: ...
    @overload
    def __get__(self, pallet: Any, owner: Any = None) -> BoundMap[K, V]: ...
    def __get__(self, pallet: Any, owner: Any = None) -> Any:
        return self if pallet is None else pallet.items[self.attribute]

    def bind(self, pallet: Any) -> BoundMap[K, V]:
        bound: BoundMap[K, V] = BoundMap(self, pallet)
        pallet.__dict__[self.attribute] = bound  # shadows this descriptor: later reads are plain attribute reads
        return bound

    def lay_out(self, codecs: Codecs) -> MapLayout[K, V]:
        return MapLayout(self.prefix, self.hashers[0], codecs.of(self.arguments[0]), codecs.of(self.value_type))


class MapLayout(Generic[K, V]):
    """A map's codecs and the storage keys worked out so far, in one runtime class."""

    __slots__ = ("decode", "encode", "key", "key_codec")

    def __init__(self, start: bytes, hasher: StorageHasher, key: Codec[K], value: Codec[V]) -> None:
        self.key_codec, self.encode, self.decode = key, value.encode, value.decode
        self.key: Callable[[K], bytes] = _KeyMemo(start, hasher, key).__getitem__


class _KeyMemo(dict[K, bytes]):
    """Storage keys by map key, each worked out when first asked for; forgets them all when there are too many."""

    __slots__ = ("apply", "encode", "start")

    def __init__(self, start: bytes, hasher: StorageHasher, codec: Codec[K]) -> None:
        self.start, self.apply, self.encode = start, hasher.apply, codec.encode

    def __missing__(self, k: K) -> bytes:
        if len(self) >= KEY_MEMO:
            self.clear()
        full = self[k] = self.start + self.apply(self.encode(k))
        return full


class BoundMap(Generic[K, V]):
    """A map at work in one pallet; `key(k)` is the storage key of an entry."""

    __slots__ = ("decode", "default", "encode", "hasher", "key", "key_codec", "missing", "start", "state")

    def __init__(self, item: Map[K, V], pallet: Any) -> None:
        layout: MapLayout[K, V] = item.layout(pallet)
        self.state: Overlay = pallet.state
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
        return (k for k, _ in self.items())

    def clear(self, limit: int | None = None) -> int:
        """Deletes entries, at most `limit`; returns how many."""
        return self.state.clear_prefix(self.start, limit)


class CountedMap(Map[K, V]):
    """A map that knows how many entries it has; the count lies under `CounterFor<Name>`."""

    @overload
    def __get__(self, pallet: None, owner: type[Any]) -> CountedMap[K, V]: ...
    @overload
    def __get__(self, pallet: Any, owner: Any = None) -> BoundCountedMap[K, V]: ...
    def __get__(self, pallet: Any, owner: Any = None) -> Any:
        return self if pallet is None else pallet.items[self.attribute]

    @property
    def counter_name(self) -> str:
        return f"CounterFor{self.wire_name}"

    def bind(self, pallet: Any) -> BoundCountedMap[K, V]:
        bound: BoundCountedMap[K, V] = BoundCountedMap(self, pallet)
        bound.counter = self.layout(pallet).counter
        pallet.__dict__[self.attribute] = bound
        return bound

    def lay_out(self, codecs: Codecs) -> CountedMapLayout[K, V]:
        layout = CountedMapLayout(
            self.prefix, self.hashers[0], codecs.of(self.arguments[0]), codecs.of(self.value_type)
        )
        layout.counter = BoundValue(storage_prefix(self.owner.wire_name, self.counter_name), codecs.of(U32))
        return layout


class CountedMapLayout(MapLayout[K, V]):
    """A counted map's, and its counter."""

    __slots__ = ("counter",)
    counter: BoundValue


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


class DoubleMap(Item, Generic[K1, K2, V]):
    """Values by two keys; entries that share the first lie together."""

    def __init__(
        self,
        *,
        default: V | Callable[[], V] | None = None,
        missing: type[Exception] | None = None,
        hashers: tuple[StorageHasher, StorageHasher] = (Blake2_128Concat, Twox64Concat),
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.default, self.missing, self.hashers = default, missing, hashers

    @overload
    def __get__(self, pallet: None, owner: type[Any]) -> DoubleMap[K1, K2, V]: ...
    @overload
    def __get__(self, pallet: Any, owner: Any = None) -> BoundDoubleMap[K1, K2, V]: ...
    def __get__(self, pallet: Any, owner: Any = None) -> Any:
        return self if pallet is None else pallet.items[self.attribute]

    def bind(self, pallet: Any) -> BoundDoubleMap[K1, K2, V]:
        bound: BoundDoubleMap[K1, K2, V] = BoundDoubleMap(self, pallet)
        pallet.__dict__[self.attribute] = bound
        return bound

    def lay_out(self, codecs: Codecs) -> tuple[Codec[K1], Codec[K2], Codec[V]]:
        first, second, value = (codecs.of(annotation) for annotation in self.arguments)
        return first, second, value


class BoundDoubleMap(Generic[K1, K2, V]):
    """A double map at work in one pallet."""

    __slots__ = ("state", "start", "default", "missing", "encode", "decode", "hashers", "first", "second")

    def __init__(self, item: DoubleMap[K1, K2, V], pallet: Any) -> None:
        first, second, value = item.layout(pallet)
        self.state: Overlay = pallet.state
        self.start, self.default, self.missing, self.hashers = item.prefix, item.default, item.missing, item.hashers
        self.encode: Callable[[V], bytes] = value.encode
        self.decode: Callable[..., tuple[V, int]] = value.decode
        self.first: Codec[K1] = first
        self.second: Codec[K2] = second

    def start_of(self, k1: K1) -> bytes:
        """The common start of the storage keys under `k1`."""
        return self.start + self.hashers[0].apply(self.first.encode(k1))

    def key(self, keys: tuple[K1, K2]) -> bytes:
        """The storage key of an entry."""
        return self.start_of(keys[0]) + self.hashers[1].apply(self.second.encode(keys[1]))

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
