"""A chain as its metadata describes it: calls from plain values, and storage and events as plain values.

## Overview

For what has no type of its own among `pallets.primitives`: events, and whatever a motion of a DAO is made of. Plain
values are JSON's, with `bytes` and integers of any size:

| type | plain value |
| --- | --- |
| composite, tuple | a dict of its fields; a list where they have no names; of a single one without a name its value |
| enum | the alternative's name, or `{name: fields}` where it has fields; of an `Option` the value or `None` |
| account, address | 32 bytes; an SS58 address and hex are taken too |
| bytes | bytes; `0x` and hex, and other text as UTF-8, are taken too |
| integer | an integer; decimal digits are taken too |

## Errors

`BadValue`: a value isn't of the type that it has to be of; says where. `UnreadableMetadata`: the chain's metadata or
events can't be read. `WrongChain` names what the chain doesn't have.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import trio

from offchain.chain import EVENTS_KEY, Chain, WrongChain
from offchain.metadata import Registry, UnreadableMetadata, decoded
from pallets.primitives import hashing
from pallets.primitives.keys import Keypair
from pallets.primitives.metadata_v14 import Hasher, Map, Modifier, Pallet, Plain, StorageEntry
from pallets.primitives.portable_types import Cases, Tuple
from pallets.primitives.portable_writing import ACCOUNT as ACCOUNT
from pallets.primitives.portable_writing import ADDRESS as ADDRESS
from pallets.primitives.portable_writing import BadValue as BadValue
from pallets.primitives.portable_writing import Writer


class Happened(NamedTuple):
    """An event."""

    extrinsic: int | None
    """Whose, by its place in the block; of none where the block itself did it."""
    pallet: str
    name: str
    fields: dict[str, Any]


class EventKind(NamedTuple):
    """A kind of event, as the wire has it."""

    pallet: int
    event: int
    fields: list[tuple[str, int]]
    """Names and types."""


class Described:
    """A runtime, as its metadata describes it."""

    def __init__(self, metadata: bytes) -> None:
        """Of version 14. Decoding takes some 30 ms; raises `UnreadableMetadata`."""
        self._metadata = decoded(metadata)
        self._types = {each.id: each.type for each in self._metadata.types}
        self._registry = Registry(self._metadata.types)
        self._writer = Writer(self._types)

    @classmethod
    async def at(cls, chain: Chain, block: bytes | None = None) -> Described:
        """The runtime of a block, or of the best one."""
        return await trio.to_thread.run_sync(cls, await chain.metadata(block))

    def decode(self, type: int, data: bytes) -> Any:
        """The plain value of exactly these bytes; raises `DecodeError`."""
        return plain(self._registry.decode_all(type, data))

    def encode(self, type: int, value: Any, where: str = "the value") -> bytes:
        """The bytes of a plain value; raises `BadValue`."""
        return self._writer.encode(type, value, where)

    def call(self, pallet: str, name: str, **arguments: Any) -> bytes:
        """The bytes of a call."""
        return self.encode_call({pallet: {name: arguments}})

    def encode_call(self, value: Any) -> bytes:
        """The bytes of a call, of its plain value `{pallet: {name: arguments}}`; raises `BadValue`."""
        return self.encode(self._call_type, value, "the call")

    def decode_call(self, data: bytes) -> Any:
        """The plain value of a call's bytes; raises `DecodeError`."""
        return self.decode(self._call_type, data)

    def decode_as(self, pallet: str, item: str, data: bytes) -> Any:
        """The plain value of bytes that are of a storage item's type; raises `DecodeError`."""
        type = self._entry(pallet, item)[0].type
        return self.decode(type.value if isinstance(type, Map) else cast(Plain, type).type, data)

    async def read(self, chain: Chain, pallet: str, item: str, *keys: Any, at: bytes | None = None) -> Any:
        """The plain value of a storage entry: its default, or `None`, where nothing is stored."""
        return self.value_of(pallet, item, await chain.get(self.storage_key(pallet, item, *keys), at))

    def storage_key(self, pallet: str, item: str, *keys: Any) -> bytes:
        """The key of a storage entry, of the plain values of a map's keys; raises `BadValue`."""
        entry, prefix = self._entry(pallet, item)
        key, type = hashing.storage_prefix(prefix, item), entry.type
        kinds: list[int] = []
        hashers: list[Hasher] = []
        if isinstance(type, Map):
            kinds, hashers = [type.key] if len(type.hashers) == 1 else self._elements(type.key), type.hashers
        if len(kinds) != len(keys):
            raise BadValue(f"{pallet}.{item} has {len(kinds)} keys, not {len(keys)}")
        for kind, hasher, each in zip(kinds, hashers, keys, strict=True):
            key += getattr(hashing, hasher.name).apply(self.encode(kind, each, f"the key of {pallet}.{item}"))
        return key

    def value_of(self, pallet: str, item: str, data: bytes | None) -> Any:
        """The plain value of what is stored: the item's default, or `None`, of nothing. Raises `DecodeError`."""
        entry, _ = self._entry(pallet, item)
        if data is None and entry.modifier is Modifier.Optional:
            return None
        return self.decode_as(pallet, item, entry.default if data is None else data)

    def constant(self, pallet: str, name: str) -> tuple[bytes, Any]:
        """A constant's bytes and plain value."""
        for each in self._pallet(pallet).constants:
            if each.name == name:
                return each.value, self.decode(each.type, each.value)
        raise WrongChain(f"the chain has no constant {pallet}.{name}")

    def error(self, value: Any) -> str:
        """A dispatch error's plain value in words: its pallet's where it has one."""
        match value:
            case {"Module": {"index": index, "error": number}}:
                pallet = {each.index: each for each in self._metadata.pallets}[index]
                name, docs = self._registry.variant(pallet.errors, number[0])
                return f"{pallet.name}.{name}: {' '.join(docs)}"
            case dict():
                return ".".join(map(str, next(iter(value.items()))))
        return str(value)

    def event(self, pallet: str, name: str) -> EventKind:
        """An event's indices and fields; raises `WrongChain` where there is none of this name."""
        found = self._pallet(pallet)
        cases = None if found.events is None else self._types[found.events].definition
        for case in cases.cases if isinstance(cases, Cases) else ():
            if case.name == name:
                return EventKind(found.index, case.index, [(each.name or "", each.type) for each in case.fields])
        raise WrongChain(f"{pallet} has no event {name}")

    def events(self, data: bytes | None) -> list[Happened]:
        """The events of a block, of the value of `System.Events` after it; raises `UnreadableMetadata`."""
        entry, _ = self._entry("System", "Events")
        try:
            return [_happened(each) for each in self._registry.decode_all(cast(Plain, entry.type).type, data or b"\0")]
        except (ValueError, LookupError, TypeError) as error:
            raise UnreadableMetadata(f"the block's events can't be read: {error!r}") from None

    # Inside

    def _pallet(self, name: str) -> Pallet:
        for pallet in self._metadata.pallets:
            if pallet.name == name:
                return pallet
        raise WrongChain(f"the chain has no pallet {name}")

    def _entry(self, pallet: str, item: str) -> tuple[StorageEntry, str]:
        storage = self._pallet(pallet).storage
        for entry in storage.entries if storage is not None else ():
            if entry.name == item:
                assert storage is not None
                return entry, storage.prefix
        raise WrongChain(f"the chain has no storage {pallet}.{item}")

    @property
    def _call_type(self) -> int:
        """Of the parameters of an extrinsic, the one called so."""
        extrinsic = self._types[self._metadata.extrinsic.type]
        return next(int(each.type) for each in extrinsic.params if each.name == "Call" and each.type is not None)

    def _elements(self, type: int) -> list[int]:
        definition = self._types[type].definition
        return list(definition.types) if isinstance(definition, Tuple) else [type]


async def carried_out(chain: Chain, signer: Keypair, call: bytes, described: Described | None = None) -> list[Happened]:
    """Signs a transaction, waits for its block, and answers its events; raises `ChainError`s, `DispatchFailed` too.

    `described` is the block's runtime, if it is at hand.
    """
    inclusion = await chain.submit_signed(signer, call)
    block, index = inclusion.block.hash, await chain.index_of(inclusion)
    described = described or await Described.at(chain, block)
    events = [each for each in described.events(await chain.get(EVENTS_KEY, block)) if each.extrinsic == index]
    if any((each.pallet, each.name) == ("System", "ExtrinsicFailed") for each in events):
        await chain.require_success(inclusion)
    return events


def _happened(record: Any) -> Happened:
    phase, (pallet, wrapped) = record["phase"], record["event"]
    name, fields = wrapped[0]
    extrinsic = phase[1][0] if phase[0] == "ApplyExtrinsic" else None
    return Happened(extrinsic, pallet, name, {str(key): plain(value) for key, value in fields.items()})


def plain(value: Any) -> Any:
    """The plain value of what `Registry` reads."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, tuple):
        name, fields = value
        if name in ("None", "Some"):
            return plain(fields[0]) if fields else None
        return {name: plain(fields)} if fields else name
    if isinstance(value, dict):
        if 0 in value:
            return plain(value[0]) if len(value) == 1 else [plain(each) for each in value.values()]
        return {key: plain(each) for key, each in value.items()}
    return value
