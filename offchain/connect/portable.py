"""The decoder of runtimes whose metadata describes its types: `PortableDecoder`.

Reading is bounded by what `offchain.metadata.Registry` bounds, for the bytes come from endpoints that aren't trusted.
Writing is `offchain.described`'s, which names the argument that is wrong.

Errors: those of `decoder`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, cast

from offchain.connect.decoder import (
    Argument,
    CallForm,
    ConstantForm,
    Event,
    EventForm,
    Extrinsic,
    ItemForm,
    PalletForm,
    Undecodable,
    item_of,
)
from offchain.described import BadValue, Described
from offchain.metadata import UnreadableMetadata
from pallets.primitives import hashing
from pallets.primitives.extrinsic import BARE_VERSIONS, SIGNED_V4
from pallets.primitives.hashing import blake2_256, storage_prefix
from pallets.primitives.metadata_schema import Schema, read_schema, rewritten, type_name
from pallets.primitives.metadata_v14 import Map, Modifier, Pallet, Plain, StorageEntry
from pallets.primitives.portable_plain import CONCAT, LOST, Reader, named, plain, undecodable
from pallets.primitives.portable_types import Cases, Field, Tuple
from pallets.primitives.scale import read_compact

GENERAL_V5 = 0x45


class PortableDecoder:
    """A runtime of metadata 14 to 16, with the chain's SS58 prefix."""

    def __init__(self, metadata: bytes, prefix: int = 42) -> None:
        """Some 100 ms; raises `UnreadableMetadata`."""
        self.schema: Schema = read_schema(metadata)
        self.prefix = prefix
        self._reader = Reader(self.schema.portable, prefix)
        self._by_name = {each.name: each for each in self.schema.pallets}

    @property
    def version(self) -> int:
        return self.schema.version

    @cached_property
    def pallets(self) -> list[PalletForm]:
        return [self._form(each) for each in self.schema.pallets]

    def extrinsic(self, data: bytes) -> Extrinsic:
        with undecodable():
            length, at = read_compact(data, 0)
            if length != len(data) - at:
                raise Undecodable(f"the extrinsic says that it has {length} bytes, and has {len(data) - at}")
            if at >= len(data):
                raise Undecodable("the extrinsic is empty")
            return self._preamble(data, data[at], at + 1)

    def call(self, data: bytes) -> Any:
        return self._reader.all(self.schema.call, data)

    def events(self, data: bytes | None) -> list[Event]:
        entry = self._entry("System", "Events")
        with undecodable():
            return [_event(each) for each in self._reader.decode_all(cast(Plain, entry.type).type, data or b"\0")]

    def error(self, dispatch_error: Any) -> str:
        if isinstance(dispatch_error, str):
            return dispatch_error
        ((kind, inner),) = (
            dispatch_error.items() if isinstance(dispatch_error, dict) else ((str(dispatch_error), None),)
        )
        if kind != "Module" or not isinstance(inner, dict):
            return kind if inner is None else f"{kind}.{inner}"
        index, number = inner["index"], _error_number(inner["error"])
        for pallet in self.pallets:
            for each in pallet.errors if pallet.index == index else ():
                if each.index == number:
                    return f"{pallet.name}.{each.name}" + (f": {each.docs}" if each.docs else "")
        return f"error {number} of pallet {index}, which the metadata doesn't name"

    def key(self, pallet: str, item: str, keys: Sequence[Any]) -> bytes:
        of, form = item_of(self, pallet, item)
        kinds = self._key_types(of.name, form.name)
        if len(keys) > len(kinds):
            raise BadValue(f"{of.name}.{form.name} has {len(kinds)} keys ({', '.join(form.keys)}), not {len(keys)}")
        storage = self._by_name[of.name].storage
        assert storage is not None
        made = storage_prefix(storage.prefix, form.name)
        for number, (kind, hasher, value) in enumerate(zip(kinds, form.hashers, keys, strict=False), 1):
            encoded = self.described.encode(kind, value, f"key {number} of {of.name}.{form.name}")
            made += getattr(hashing, hasher).apply(encoded)
        return made

    def keys_in(self, pallet: str, item: str, key: bytes) -> list[Any]:
        of, form = item_of(self, pallet, item)
        found: list[Any] = []
        at = 32
        for kind, hasher in zip(self._key_types(of.name, form.name), form.hashers, strict=True):
            if hasher in LOST:
                found.append(None)
                at += LOST[hasher]
            else:
                value, at = self._reader.read(kind, key, at + CONCAT[hasher])
                found.append(value)
        if at != len(key):
            raise Undecodable(f"{len(key) - at} bytes follow the keys of {of.name}.{form.name}")
        return found

    def value(self, pallet: str, item: str, data: bytes | None) -> Any:
        of, form = item_of(self, pallet, item)
        entry = self._entry(of.name, form.name)
        if data is None and form.optional:
            return None
        type = entry.type.value if isinstance(entry.type, Map) else cast(Plain, entry.type).type
        return self._reader.all(type, entry.default if data is None else data)

    def typed(self, type: int, data: bytes) -> Any:
        """The plain value of a type by its number; raises `Undecodable`."""
        return self._reader.all(type, data)

    def encode_call(self, value: Any) -> bytes:
        """The bytes of a call, of its plain value; raises `BadValue`."""
        return self.described.encode_call(value)

    @cached_property
    def described(self) -> Described:
        """What writes values; for metadata of version 14, which every chain serves. Raises `UnreadableMetadata`."""
        if self.version != 14:
            raise UnreadableMetadata(f"values are written by metadata of version 14, this is of version {self.version}")
        return Described(rewritten(self.schema))

    # Inside

    def _preamble(self, data: bytes, version: int, at: int) -> Extrinsic:
        signer = signature = None
        extensions: dict[str, Any] = {}
        if version == SIGNED_V4:
            signer, at = self._reader.read(self.schema.address, data, at)
            signature, at = self._reader.read(self.schema.signature, data, at)
        elif version == GENERAL_V5:
            at += 1  # the version of the extensions
        elif version not in BARE_VERSIONS:
            raise Undecodable(f"extrinsics of version byte 0x{version:02x} are not known")
        if version not in BARE_VERSIONS:
            for each in self.schema.extensions:
                start = at
                value, at = self._reader.read(each.type, data, at)
                if at > start:
                    extensions[each.identifier] = value
        encoded = data[at:]
        pallet, inner = self._reader.decode_all(self.schema.call, encoded)
        name, fields = inner[0]
        return Extrinsic(blake2_256(data), pallet, name, named(fields), signer, signature, extensions, encoded)

    def _entry(self, pallet: str, item: str) -> StorageEntry:
        found = self._by_name.get(pallet)
        for entry in found.storage.entries if found is not None and found.storage is not None else ():
            if entry.name == item:
                return entry
        raise Undecodable(f"the runtime has no storage {pallet}.{item}")

    def _key_types(self, pallet: str, item: str) -> list[int]:
        type = self._entry(pallet, item).type
        if not isinstance(type, Map):
            return []
        definition = self.schema.types[type.key].definition
        several = len(type.hashers) > 1 and isinstance(definition, Tuple)
        return list(definition.types) if several and isinstance(definition, Tuple) else [type.key]

    def _form(self, pallet: Pallet) -> PalletForm:
        entries = pallet.storage.entries if pallet.storage is not None else []
        return PalletForm(
            pallet.name,
            pallet.index,
            [CallForm(*each) for each in self._cases(pallet.calls)],
            [EventForm(*each) for each in self._cases(pallet.events)],
            [EventForm(*each) for each in self._cases(pallet.errors)],
            [self._item(pallet.name, each) for each in entries],
            [
                ConstantForm(c.name, type_name(self.schema.types, c.type), self._shown(c.type, c.value), _docs(c.docs))
                for c in pallet.constants
            ],
        )

    def _shown(self, type: int, data: bytes) -> Any:
        try:
            return self._reader.all(type, data)
        except Undecodable:
            return f"0x{data.hex()}"

    def _cases(self, type: int | None) -> Iterator[tuple[str, int, list[Argument], str]]:
        definition = None if type is None else self.schema.types[type].definition
        for case in definition.cases if isinstance(definition, Cases) else ():
            yield case.name, case.index, [self._argument(*each) for each in enumerate(case.fields)], _docs(case.docs)

    def _argument(self, place: int, field: Field) -> Argument:
        types, name = self.schema.types, field.name or str(place)
        return Argument(name, type_name(types, field.type, field.type_name), type_name(types, field.type))

    def _item(self, pallet: str, entry: StorageEntry) -> ItemForm:
        types, type = self.schema.types, entry.type
        hashers = [each.name for each in type.hashers] if isinstance(type, Map) else []
        value = type.value if isinstance(type, Map) else cast(Plain, type).type
        definition = types[type.key].definition if isinstance(type, Map) else None
        several = isinstance(definition, Tuple) and len(hashers) > 1
        keys = definition.types if several and isinstance(definition, Tuple) else []
        if isinstance(type, Map) and not several:
            keys = [type.key]
        names = [type_name(types, each) for each in keys]
        optional = entry.modifier is Modifier.Optional
        return ItemForm(entry.name, hashers, names, type_name(types, value), optional, _docs(entry.docs))


def _event(record: Any) -> Event:
    (kind, at), (pallet, wrapped) = record["phase"], record["event"]
    name, fields = wrapped[0]
    return Event(kind, at[0] if at else None, pallet, name, named(fields), plain(record.get("topics", [])))


def _error_number(error: Any) -> int:
    return bytes.fromhex(error[2:])[0] if isinstance(error, str) else int(error)


def _docs(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
