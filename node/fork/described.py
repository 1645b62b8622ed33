"""A foreign runtime by its own metadata: events, errors, extrinsics and storage for people.

## Overview

What our own pallets are as classes, a foreign runtime is as data. Its events and errors become classes of their own
names when they are first met, with fields that are plain values (`portable_plain`): whoever shows events shows these.

## Errors

`UnreadableMetadata` for metadata before version 14, whose types have no description: such a runtime runs, and nothing
of it is shown by names. `InvalidJson` for storage that people have written down wrongly, `DecodeError` for extrinsics.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, cast

from node.executor import ExtrinsicSummary
from pallets.frame.events import ApplyExtrinsic, DispatchError, Event, Finalization, Initialization, Phase
from pallets.frame.json_values import NOTHING, InvalidJson, json_of_value
from pallets.frame.runtime import EventRecord
from pallets.frame.storage_json import REMOVE, Entry, NamedEntry, Prefix
from pallets.frame.weights import DispatchClass, DispatchInfo, Pays, Weight
from pallets.primitives import hashing, ss58
from pallets.primitives.extrinsic import BARE_VERSIONS, SIGNED_V4, mock_signature
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.metadata_schema import read_schema
from pallets.primitives.metadata_v14 import Hasher, Map, Plain
from pallets.primitives.portable_plain import CONCAT, LOST, Reader, Undecodable, plain, undecodable
from pallets.primitives.portable_types import Array, Basic, Cases, Composite, Field, Sequence, Tuple
from pallets.primitives.portable_writing import ACCOUNT, ADDRESS, BadValue, Writer
from pallets.primitives.scale import DecodeError, compact, read_compact

DISPATCH_ERROR = ["sp_runtime", "DispatchError"]
GENERAL_V5 = 0x45
PREFIX_SIZE = 32
NONCE = "CheckNonce"
SR25519 = b"\1"


class ForeignError(DispatchError):
    """An error of a foreign runtime; each of its names is a class."""

    encoded: ClassVar[bytes] = b""
    reason: ClassVar[str | None] = None

    def encode(self, pallet_of: Mapping[Any, int]) -> bytes:
        return self.encoded


class Item(NamedTuple):
    """A storage item: its names, where it starts, what its keys are and what it holds, by type numbers."""

    pallet: str
    name: str
    prefix: bytes
    keys: list[int]
    hashers: list[Hasher]
    value: int


class Described:
    """A runtime of metadata 14 to 16, and how the chain writes addresses."""

    def __init__(self, metadata: bytes) -> None:
        """Some 100 ms; raises `UnreadableMetadata`."""
        self.schema = read_schema(metadata)
        self.prefix = self._ss58_prefix()
        self._reader = Reader(self.schema.portable, self.prefix)
        self._writer = Writer(self.schema.types)
        self._events: dict[tuple[str, str], type[Event]] = {}

    # Events and errors

    def events(self, data: bytes) -> Iterator[EventRecord]:
        """The value of `System.Events`; raises `Undecodable`."""
        with undecodable():
            records = self._reader.decode_all(self.item("System", "Events").value, data or b"\0")
        for record in records:
            (kind, at), (pallet, wrapped) = record["phase"], record["event"]
            name, fields = wrapped[0]
            phase: Phase = (
                ApplyExtrinsic(at[0]) if at else Finalization() if kind == "Finalization" else Initialization()
            )
            topics = record.get("topics", [])
            yield EventRecord(phase, self._event(pallet, name, fields), topics)

    def error(self, data: bytes) -> DispatchError:
        """A `DispatchError` from its SCALE, which must end with it."""
        number = next(each.id for each in self.schema.portable if each.type.path == DISPATCH_ERROR)
        return self._error(self._reader.all(number, data), data)

    def _event(self, pallet: str, name: str, fields: dict[str | int, Any]) -> Event:
        named = {_identifier(key): value for key, value in fields.items()}
        kind = self._events.get((pallet, name))
        if kind is None:
            annotations = dict.fromkeys(named, object)
            members = {"__annotations__": annotations, "__qualname__": f"{pallet}.{name}", "__module__": __name__}
            kind = self._events[pallet, name] = cast(type[Event], type(name, (Event,), members))
        return kind(*(self._field(key, value) for key, value in named.items()))

    def _field(self, name: str, value: Any) -> Any:
        shown = plain(value)
        if name == "dispatch_error":
            return self._error(shown, b"")
        if name == "dispatch_info":
            return _dispatch_info(shown)
        return shown

    def _error(self, shown: Any, encoded: bytes) -> DispatchError:
        kind, inner = next(iter(shown.items())) if isinstance(shown, dict) else (str(shown), None)
        members: dict[str, Any] = {"__qualname__": kind, "__module__": __name__, "encoded": encoded}
        if kind == "Module" and inner is not None:
            pallet = next((each for each in self.schema.pallets if each.index == inner["index"]), None)
            number = bytes.fromhex(inner["error"][2:])[0] if isinstance(inner["error"], str) else int(inner["error"])
            name, docs = f"{inner['index']}.{number}", ""
            definition = (
                None if pallet is None or pallet.errors is None else self.schema.types[pallet.errors].definition
            )
            for case in definition.cases if isinstance(definition, Cases) else ():
                if pallet is not None and case.index == number:
                    name, docs = f"{pallet.name}.{case.name}", " ".join(case.docs)
            members |= {"__qualname__": name, "__doc__": docs}
        elif inner is not None:
            members["reason"] = str(inner)
        return cast(DispatchError, type(kind, (ForeignError,), members)())

    # Extrinsics

    def describe(self, extrinsic: bytes) -> ExtrinsicSummary:
        """Takes an extrinsic apart; raises `DecodeError`."""
        try:
            with undecodable():
                return self._described(extrinsic)
        except Undecodable as error:
            raise DecodeError(str(error)) from None

    def signed(self, call: bytes, signer: bytes, nonce: int) -> bytes:
        """What an account would send, with the mock signature, and of all else the least."""
        address = signer if self.schema.types[self.schema.address].path == ACCOUNT else b"\0" + signer
        signature = SR25519 + mock_signature()
        extra = b"".join(
            compact(nonce) if each.identifier == NONCE else self._least(each.type) for each in self.schema.extensions
        )
        body = bytes((SIGNED_V4,)) + address + signature + extra + call
        return compact(len(body)) + body

    def check_call(self, call: bytes) -> None:
        """Raises `DecodeError` unless the bytes are a call."""
        try:
            self._reader.all(self.schema.call, call)
        except Undecodable as error:
            raise DecodeError(str(error)) from None

    def _described(self, data: bytes) -> ExtrinsicSummary:
        length, at = read_compact(data, 0)
        if length != len(data) - at or not length:
            raise Undecodable(f"the extrinsic says that it has {length} bytes, and has {len(data) - at}")
        version, at = data[at], at + 1
        signer: bytes | None = None
        if version == SIGNED_V4:
            address, at = self._reader.read(self.schema.address, data, at)
            signer = _account(address)
            _, at = self._reader.read(self.schema.signature, data, at)
        elif version == GENERAL_V5:
            at += 1  # the version of the extensions
        elif version not in BARE_VERSIONS:
            raise Undecodable(f"extrinsics of version byte 0x{version:02x} are not known")
        if version not in BARE_VERSIONS:
            for each in self.schema.extensions:
                _, at = self._reader.read(each.type, data, at)
        pallet, inner = self._reader.decode_all(self.schema.call, data[at:])
        name, fields = inner[0]
        arguments = tuple((str(key), None, plain(value)) for key, value in fields.items())
        return ExtrinsicSummary(signer, f"{pallet}.{name}", arguments, version in BARE_VERSIONS)

    def _least(self, type: int) -> bytes:
        """The bytes of a value that are all zero."""
        return NOTHING[: self._reader.read(type, NOTHING, 0)[1]]

    # Storage

    def item(self, pallet: str, name: str) -> Item:
        """A storage item; raises `LookupError`."""
        found = self._by_name.get(pallet.replace("_", "").lower(), {}).get(name.replace("_", "").lower())
        if found is None:
            raise LookupError(f"the runtime has no storage {pallet}.{name}")
        return found

    def key(self, item: Item, *keys: Any) -> bytes:
        """The key of an entry, of plain values; raises `BadValue`."""
        made = item.prefix
        for kind, hasher, value in zip(item.keys, item.hashers, keys, strict=True):
            made += getattr(hashing, hasher.name).apply(self._writer.encode(kind, value, f"a key of {item.name}"))
        return made

    def decode(self, type: int, data: bytes) -> Any:
        """The plain value of exactly these bytes; raises `Undecodable`."""
        return self._reader.all(type, data)

    def least(self, type: int) -> Any:
        """The plain value whose bytes are all zero."""
        return self._reader.read(type, NOTHING, 0)[0]

    def encode(self, type: int, value: Any, where: str) -> bytes:
        """The bytes of a value as people write it: fields that are left out are zero; raises `InvalidJson`."""
        try:
            return self._writer.encode(type, self._completed(type, value), where)
        except BadValue as error:
            raise InvalidJson(str(error)) from None

    def read_storage(self, document: Mapping[str, Any]) -> Iterator[Entry | Prefix]:
        """The entries of a document in Chopsticks' form, in its order; raises `InvalidJson`."""
        for pallet, items in document.items():
            if not isinstance(items, dict):
                raise InvalidJson(f"{pallet} should be an object of storage items")
            for name, given in items.items():
                if name != REMOVE:
                    yield from self._entries(self._known(pallet, name), given, f"{pallet}.{name}")
                elif isinstance(given, list):
                    yield from (Prefix(self._known(pallet, removed).prefix) for removed in given)
                else:
                    raise InvalidJson(f"{pallet}.{REMOVE} should be a list of storage items")

    def show_entry(self, key: bytes, value: bytes | None) -> NamedEntry | None:
        """An entry by names; `None` where it has none, or holds something else."""
        item = self._by_prefix.get(key[:PREFIX_SIZE])
        if item is None or any(hasher.name in LOST for hasher in item.hashers):
            return None
        keys, at = [], PREFIX_SIZE
        try:
            for kind, hasher in zip(item.keys, item.hashers, strict=True):
                found, at = self._reader.read(kind, key, at + CONCAT[hasher.name])
                keys.append(json_of_value(None, found))
            if at != len(key):
                return None
            shown = None if value is None else json_of_value(None, self.decode(item.value, value))
        except Undecodable:
            return None
        return NamedEntry(item.pallet, item.name, keys, shown)

    def _known(self, pallet: str, name: Any) -> Item:
        try:
            return self.item(pallet, str(name))
        except LookupError:
            raise InvalidJson(f"Cannot find storage {str(name)[:80]} in pallet {pallet[:80]}") from None

    def _entries(self, item: Item, given: Any, where: str) -> Iterator[Entry]:
        if not item.keys:
            yield Entry(item.prefix, self._value(item, given, where))
            return
        if not isinstance(given, list):
            raise InvalidJson(f"{where} is a map: it should be a list of entries, [[key, …], value] each")
        for place, entry in enumerate(given):
            at = f"{where}[{place}]"
            if not isinstance(entry, list) or len(entry) != 2:
                raise InvalidJson(f"{at} should be an entry, [[key, …], value]")
            keys = entry[0] if isinstance(entry[0], list) else [entry[0]]
            if len(keys) != len(item.keys):
                raise InvalidJson(f"{at} should have {len(item.keys)} keys, it has {len(keys)}")
            key = item.prefix
            for kind, hasher, value in zip(item.keys, item.hashers, keys, strict=True):
                key += getattr(hashing, hasher.name).apply(self.encode(kind, value, at))
            yield Entry(key, self._value(item, entry[1], at))

    def _value(self, item: Item, given: Any, where: str) -> bytes | None:
        if given is None:
            return None
        if isinstance(given, str) and given.startswith("0x"):
            try:
                return bytes.fromhex(given[2:])
            except ValueError:
                raise InvalidJson(f"{where} is not hex") from None
        return self.encode(item.value, given, where)

    def _completed(self, id: int, value: Any) -> Any:
        """A value with all its fields, by their own names."""
        type = self.schema.types[id]
        if type.path in (ACCOUNT, ADDRESS) and not isinstance(value, dict):
            return value
        if type.path == ["Option"]:
            return None if value is None else self._completed(type.params[0].type or 0, value)
        match type.definition:
            case Composite(fields):
                return self._fields(fields, value)
            case Tuple(types):
                return self._fields([Field(None, each) for each in types], value)
            case Cases(cases):
                name, inner = (value, None) if isinstance(value, str) else _only(value)
                for case in cases:
                    if name is not None and case.name.lower() == name.lower():
                        return {case.name: self._fields(case.fields, inner)} if case.fields else case.name
            case Sequence(element) | Array(_, element) if isinstance(value, list):
                return [self._completed(element, each) for each in value]
            case Basic(primitive) if primitive.name not in ("str", "bool") and isinstance(value, str):
                return int(value, 16) if value.startswith("0x") else value.replace(",", "")
        return value

    def _fields(self, fields: list[Field], value: Any) -> Any:
        if len(fields) == 1 and fields[0].name is None:
            return self._completed(fields[0].type, value)
        if isinstance(value, list) and len(value) == len(fields):
            return [self._completed(field.type, each) for field, each in zip(fields, value, strict=True)]
        if not isinstance(value, dict) or any(field.name is None for field in fields):
            return value
        given = {str(name).replace("_", "").lower(): each for name, each in value.items()}
        found = {}
        for field in fields:
            name = str(field.name)
            folded = name.replace("_", "").lower()
            found[name] = self._completed(field.type, given.pop(folded)) if folded in given else self.least(field.type)
        return {**found, **given}  # what isn't a field is told by whoever writes it

    @cached_property
    def _items(self) -> list[Item]:
        found = []
        for pallet in self.schema.pallets:
            for entry in pallet.storage.entries if pallet.storage is not None else ():
                prefix = storage_prefix(pallet.storage.prefix if pallet.storage is not None else "", entry.name)
                if isinstance(entry.type, Map):
                    hashers = list(entry.type.hashers)
                    definition = self.schema.types[entry.type.key].definition
                    several = len(hashers) > 1 and isinstance(definition, Tuple)
                    keys = list(definition.types) if several and isinstance(definition, Tuple) else [entry.type.key]
                    found.append(Item(pallet.name, entry.name, prefix, keys, hashers, entry.type.value))
                else:
                    found.append(Item(pallet.name, entry.name, prefix, [], [], cast(Plain, entry.type).type))
        return found

    @cached_property
    def _by_name(self) -> dict[str, dict[str, Item]]:
        found: dict[str, dict[str, Item]] = {}
        for item in self._items:
            found.setdefault(item.pallet.replace("_", "").lower(), {})[item.name.replace("_", "").lower()] = item
        return found

    @cached_property
    def _by_prefix(self) -> dict[bytes, Item]:
        return {item.prefix: item for item in self._items}

    def _ss58_prefix(self) -> int:
        for pallet in self.schema.pallets:
            for constant in pallet.constants if pallet.name == "System" else ():
                if constant.name == "SS58Prefix":
                    return int.from_bytes(constant.value, "little")
        return 42


def _identifier(name: str | int) -> str:
    """A field's name in Python; one that has none is named by its place."""
    if isinstance(name, int):
        return f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def _account(address: Any) -> bytes | None:
    """The account of an address's plain value, where it is one."""
    shown = next(iter(address.values())) if isinstance(address, dict) and "Id" in address else address
    try:
        return ss58.decode_account(shown) if isinstance(shown, str) else None
    except ss58.InvalidAddress:
        return None


def _dispatch_info(shown: Any) -> Any:
    """What a call cost, in our own terms where it has them."""
    try:
        weight = shown["weight"]
        weight = Weight(weight, 0) if isinstance(weight, int) else Weight(weight["ref_time"], weight["proof_size"])
        return DispatchInfo(weight, DispatchClass[shown["class"]], Pays[shown["pays_fee"]])
    except (KeyError, TypeError):
        return shown


def _only(value: Any) -> tuple[str | None, Any]:
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        return str(name), inner
    return None, None
