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
| `TripleMap[K1, K2, K3, V]()` | `StorageNMap` of three keys | `self.m[k1, k2, k3]`, `self.m.prefix(k1)` |

A default is a value, or a callable that makes one where values are mutable. The text under a declaration is its
documentation in the metadata. Keys are `twox128(pallet) ‖ twox128(item) ‖ hasher(key)…`, byte for byte Substrate's.

## Out of scope

What lies beneath: an item reads and writes through the pallet's `state`, an `Overlay`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, TypeVar, cast, overload

from pallets.frame.bound_items import BoundCountedMap, BoundDoubleMap, BoundMap, BoundTripleMap
from pallets.primitives.annotations import option_of
from pallets.primitives.codec import Codec, Codecs
from pallets.primitives.hashing import Blake2_128Concat, StorageHasher, Twox64Concat, storage_prefix
from pallets.primitives.types import U32

K = TypeVar("K")
K1 = TypeVar("K1")
K2 = TypeVar("K2")
K3 = TypeVar("K3")
V = TypeVar("V")

KEY_MEMO = 1 << 15  # hashed keys remembered per map, by all instances of a runtime


def pascal(name: str) -> str:
    """`total_issuance` as the wire writes it: `TotalIssuance`."""
    return "".join(word.capitalize() for word in name.rstrip("_").split("_"))


class Item(ABC):
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

    @abstractmethod
    def bind(self, pallet: Any) -> Any:
        """The item at work in one pallet instance."""

    def layout(self, pallet: Any) -> Any:
        """What doesn't change from one instance of a runtime to the next: worked out once a runtime class."""
        layouts: dict[Item, Any] = pallet.runtime.tables.layouts
        found = layouts.get(self)
        if found is None:
            found = layouts[self] = self.lay_out(pallet.codecs)
        return found

    @abstractmethod
    def lay_out(self, codecs: Codecs) -> Any:
        """The item in a runtime of these codecs."""


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
        bound: BoundMap[K, V] = BoundMap(self, self.layout(pallet), pallet.state)
        pallet.__dict__[self.attribute] = bound  # shadows this descriptor: later reads are plain attribute reads
        return bound

    def lay_out(self, codecs: Codecs) -> MapLayout[K, V]:
        return MapLayout(self.prefix, self.hashers[0], codecs.of(self.arguments[0]), codecs.of(self.value_type))


class MapLayout(Generic[K, V]):
    """A map's codecs and the storage keys worked out so far, in one runtime class."""

    __slots__ = ("decode", "encode", "key", "key_codec")

    def __init__(self, start: bytes, hasher: StorageHasher, key: Codec[K], value: Codec[V]) -> None:
        self.key_codec, self.encode, self.decode = key, value.encode, value.decode
        self.key = _keys(start, hasher, key)


def _keys(start: bytes, hasher: StorageHasher, codec: Codec[K]) -> Callable[[K], bytes]:
    """What makes storage keys of map keys: remembers them where that pays."""
    if hasher is Blake2_128Concat:
        return _KeyMemo(start, hasher, codec).__getitem__
    apply, encode = hasher.apply, codec.encode  # quick to work out, and of keys that come and go, such as blocks'
    return lambda k: start + apply(encode(k))


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
        layout: CountedMapLayout[K, V] = self.layout(pallet)
        bound: BoundCountedMap[K, V] = BoundCountedMap(self, layout, pallet.state)
        bound.counter = layout.counter
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
        bound: BoundDoubleMap[K1, K2, V] = BoundDoubleMap(self, self.layout(pallet), pallet.state)
        pallet.__dict__[self.attribute] = bound
        return bound

    def lay_out(
        self, codecs: Codecs
    ) -> tuple[Callable[[K1], bytes], Callable[[K2], bytes], Codec[K1], Codec[K2], Codec[V]]:
        first, second, value = (codecs.of(annotation) for annotation in self.arguments)
        start_of, end_of = _keys(self.prefix, self.hashers[0], first), _keys(b"", self.hashers[1], second)
        return start_of, end_of, first, second, value


class TripleMap(Item, Generic[K1, K2, K3, V]):
    """Values by three keys; entries that share the first lie together."""

    def __init__(
        self,
        *,
        default: V | Callable[[], V] | None = None,
        missing: type[Exception] | None = None,
        hashers: tuple[StorageHasher, StorageHasher, StorageHasher] = (Blake2_128Concat,) * 3,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.default, self.missing, self.hashers = default, missing, hashers

    @overload
    def __get__(self, pallet: None, owner: type[Any]) -> TripleMap[K1, K2, K3, V]: ...
    @overload
    def __get__(self, pallet: Any, owner: Any = None) -> BoundTripleMap[K1, K2, K3, V]: ...
    def __get__(self, pallet: Any, owner: Any = None) -> Any:
        return self if pallet is None else pallet.items[self.attribute]

    def bind(self, pallet: Any) -> BoundTripleMap[K1, K2, K3, V]:
        bound: BoundTripleMap[K1, K2, K3, V] = BoundTripleMap(self, self.layout(pallet), pallet.state)
        pallet.__dict__[self.attribute] = bound
        return bound

    def lay_out(self, codecs: Codecs) -> tuple[Callable[[K1], bytes], Codec[K1], Codec[K2], Codec[K3], Codec[V]]:
        first, second, third, value = (codecs.of(annotation) for annotation in self.arguments)
        return _keys(self.prefix, self.hashers[0], first), first, second, third, value
