"""Storage by the names of pallets and items, as people write it and are shown it.

```json
{"System": {"Account": [[["5Grw…"], {"providers": 1, "data": {"free": "1000"}}]], "$removePrefix": ["BlockHash"]},
 "Sudo": {"Key": "5Grw…"}}
```
A single value stands by itself, a map's entries as `[[key, …], value]` each. `null` deletes; a string of hex at the
place of a value is its bytes as they are stored. Names are taken however their words are joined. The form is
Chopsticks'.

## Out of scope

How single keys and values look: `json_values`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pallets.frame.json_values import InvalidJson, json_of_value, value_of_json
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Runtime
from pallets.frame.storage import CountedMap, DoubleMap, Map, TripleMap
from pallets.primitives.codec import Codec
from pallets.primitives.hashing import StorageHasher, storage_prefix
from pallets.primitives.scale import DecodeError, EncodeError
from pallets.primitives.types import U32

PREFIX_SIZE = 32
REMOVE = "$removePrefix"


class Entry(NamedTuple):
    """An entry of the state; `None` deletes it."""

    key: bytes
    value: bytes | None


class Prefix(NamedTuple):
    """All entries under a prefix, to be deleted."""

    prefix: bytes


class NamedEntry(NamedTuple):
    """An entry for people: where it is, the JSON of its keys (none of a single value's), and of its value."""

    pallet: str
    item: str
    keys: list[Any]
    value: Any


class _Key(NamedTuple):
    annotation: Any
    codec: Codec[Any]
    hasher: StorageHasher


class _Stored(NamedTuple):
    """A storage item: its names, where it starts, the keys of a map, and what it holds."""

    pallet: str
    item: str
    prefix: bytes
    keys: tuple[_Key, ...]
    annotation: Any
    value: Codec[Any]


def read_storage(runtime: type[Runtime], document: Mapping[str, Any]) -> Iterator[Entry | Prefix]:
    """The entries of a document, in its order; raises `InvalidJson` naming the place."""
    pallets = _index(runtime).by_name
    for pallet, items in document.items():
        known = pallets.get(_folded(pallet))
        if known is None:
            raise InvalidJson(f"Cannot find pallet {pallet[:80]}")
        if not isinstance(items, dict):
            raise InvalidJson(f"{pallet} should be an object of storage items")
        for name, given in items.items():
            if name == REMOVE:
                if not isinstance(given, list):
                    raise InvalidJson(f"{pallet}.{REMOVE} should be a list of storage items")
                yield from (Prefix(_item(known, pallet, removed).prefix) for removed in given)
            else:
                yield from _entries(_item(known, pallet, name), given, f"{pallet}.{name}")


def show_entry(runtime: type[Runtime], key: bytes, value: bytes | None, ss58_prefix: int = 42) -> NamedEntry | None:
    """An entry of the state by its names; `None` where the runtime knows no such item, or it holds something else."""
    stored = _index(runtime).by_prefix.get(key[:PREFIX_SIZE])
    if stored is None:
        return None
    keys, at = [], PREFIX_SIZE
    try:
        for part in stored.keys:
            if not part.hasher.transparent:
                return None
            found, at = part.codec.decode(key, at + part.hasher.digest_size)
            keys.append(json_of_value(part.annotation, found, ss58_prefix))
        if at != len(key):
            return None
        shown = None
        if value is not None:
            shown = json_of_value(stored.annotation, stored.value.decode_all(value), ss58_prefix)
            if stored.annotation in (None, type(None)):
                shown = True  # that it is there is all it says
    except DecodeError:
        return None
    return NamedEntry(stored.pallet, stored.item, keys, shown)


def _item(known: Mapping[str, _Stored], pallet: str, name: Any) -> _Stored:
    if not isinstance(name, str):
        raise InvalidJson(f"{pallet}.{REMOVE} should be a list of the names of storage items")
    found = known.get(_folded(name))
    if found is None:
        raise InvalidJson(f"Cannot find storage {name[:80]} in pallet {pallet}")
    return found


def _entries(stored: _Stored, given: Any, where: str) -> Iterator[Entry]:
    if not stored.keys:
        yield Entry(stored.prefix, _value(stored, given, where))
        return
    if not isinstance(given, list):
        raise InvalidJson(f"{where} is a map: it should be a list of entries, [[key, …], value] each")
    for place, entry in enumerate(given):
        at = f"{where}[{place}]"
        if not isinstance(entry, list) or len(entry) != 2:
            raise InvalidJson(f"{at} should be an entry, [[key, …], value]")
        keys, value = entry
        if not isinstance(keys, list):
            keys = [keys]
        if len(keys) != len(stored.keys):
            raise InvalidJson(f"{at} should have {len(stored.keys)} keys, it has {len(keys)}")
        key = stored.prefix
        for part, written in zip(stored.keys, keys, strict=True):
            key += part.hasher.apply(_encoded(part.codec, part.annotation, written, at))
        yield Entry(key, _value(stored, value, at))


def _value(stored: _Stored, given: Any, where: str) -> bytes | None:
    if given is None:
        return None
    if isinstance(given, str) and given.startswith("0x"):
        try:
            return bytes.fromhex(given[2:])
        except ValueError:
            raise InvalidJson(f"{where} is not hex") from None
    return _encoded(stored.value, stored.annotation, given, where)


def _encoded(codec: Codec[Any], annotation: Any, given: Any, where: str) -> bytes:
    try:
        return codec.encode(value_of_json(annotation, given, where, fills=True))
    except EncodeError as error:
        raise InvalidJson(f"{where}: {error}") from None


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


class _Index(NamedTuple):
    """The items of a runtime: by the folded names of pallet and item, and by where they start."""

    by_name: dict[str, dict[str, _Stored]]
    by_prefix: dict[bytes, _Stored]


_indices: dict[type[Runtime], _Index] = {}


def _index(runtime: type[Runtime]) -> _Index:
    found = _indices.get(runtime)
    if found is None:
        made = runtime(Overlay(DictBackend()))
        found = _indices[runtime] = _Index({_folded(pallet.wire_name): {} for pallet in made.pallets}, {})
        for stored in _stored(made):
            found.by_name[_folded(stored.pallet)][_folded(stored.item)] = stored
            found.by_prefix[stored.prefix] = stored
    return found


def _stored(made: Runtime) -> Iterator[_Stored]:
    for pallet in made.pallets:
        names = vars(type(pallet))
        for item in pallet.items_declared:
            keys: tuple[_Key, ...] = ()
            if isinstance(item, Map | DoubleMap | TripleMap):
                kinds = zip(item.arguments[:-1], item.hashers, strict=True)
                keys = tuple(_Key(kind, made.codecs.of(kind, names), hasher) for kind, hasher in kinds)
            value = made.codecs.of(item.value_type, names)
            yield _Stored(pallet.wire_name, item.wire_name or "", item.prefix, keys, item.value_type, value)
            if isinstance(item, CountedMap):
                prefix = storage_prefix(pallet.wire_name, item.counter_name)
                yield _Stored(pallet.wire_name, item.counter_name, prefix, (), U32, made.codecs.of(U32))
