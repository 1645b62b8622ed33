"""The decoder on scalecodec: `NamedDecoder`, of runtimes whose types are known by name alone, metadata 9 to 13.

It reads later metadata, too, with a registry made of our own reading of it (its own takes over a second). There it is
the second opinion on what is signed: `submit.payload` has it read every call again that was written for a signature.

Of scalecodec's values those are changed that would lose something: bytes that happen to be text are hex all the same,
and a length that the data can't hold is refused before anything is made of it.

Errors: those of `decoder`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset
from scalecodec.types import U8, BitVec, Bytes, Era, Vec

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
    known,
)
from offchain.described import BadValue
from offchain.metadata import UnreadableMetadata
from pallets.primitives import hashing
from pallets.primitives.hashing import blake2_256, storage_prefix
from pallets.primitives.metadata_schema import read_schema, unwrapped, version_of
from pallets.primitives.portable_types import (
    Array,
    Basic,
    BitSequence,
    Cases,
    CompactForm,
    Composite,
    Field,
    PortableType,
    Tuple,
)
from pallets.primitives.portable_types import (
    Sequence as SequenceType,
)

OLDEST, FIRST_PORTABLE = 9, 14
MAX_EMPTY = 4096
"""How many values of no bytes a sequence may have."""
REPLACED = ("btreemap", "btreeset", "hashmap", "boundedbtreemap")
KEPT = ("accountid", "ethereumaccountid")
CONCAT = {"Blake2_128Concat": 16, "Twox64Concat": 8, "Identity": 0}


class NamedDecoder:
    """A runtime, as scalecodec reads it."""

    def __init__(self, metadata: bytes, prefix: int = 42, preset: str | None = None, spec: int | None = None) -> None:
        """`preset` names scalecodec's list of the chain's old types, `spec` the runtime's version in it.

        Raises `UnreadableMetadata`.
        """
        metadata = unwrapped(metadata)
        self._version = version_of(metadata)
        if not OLDEST <= self._version <= 16:
            raise UnreadableMetadata(f"metadata of version {self._version} is not read: 9 to 16 are")
        self._types = RuntimeConfigurationObject(ss58_format=prefix)
        self._types.update_type_registry(load_type_registry_preset("core"))
        self._metadata: Any = None
        if self._version < FIRST_PORTABLE:
            self._read_named(metadata, preset, spec)
        else:
            self._read_portable(metadata)

    @property
    def version(self) -> int:
        return self._version

    @cached_property
    def pallets(self) -> list[PalletForm]:
        if self._metadata is None:
            return self._forms
        return [_form(self, number, each) for number, each in enumerate(self._metadata.pallets)]

    def extrinsic(self, data: bytes) -> Extrinsic:
        if self._metadata is None:
            raise Undecodable("extrinsics of runtimes that describe their types are read by them")
        found = self._decoded("Extrinsic", data)
        call = found["call"]
        extensions = {"CheckMortality": found.get("era"), "CheckNonce": found.get("nonce")}
        extensions["ChargeTransactionPayment"] = found.get("tip")
        signed = "address" in found
        return Extrinsic(
            blake2_256(data),
            *_parts(call),
            found.get("address"),
            found.get("signature"),
            {name: value for name, value in extensions.items() if value is not None} if signed else {},
        )

    def call(self, data: bytes) -> Any:
        if self._metadata is None:
            return self._decoded(f"scale_info::{self._call}", data)
        pallet, name, arguments = _parts(self._decoded("Call", data))
        return {pallet: {name: arguments} if arguments else name}

    def events(self, data: bytes | None) -> list[Event]:
        if self._metadata is None:
            raise Undecodable("events of runtimes that describe their types are read by them")
        return [_event(each) for each in self._decoded("Vec<EventRecord>", data or b"\0")]

    def error(self, dispatch_error: Any) -> str:
        module = dispatch_error.get("Module") if isinstance(dispatch_error, dict) else None
        if not isinstance(module, dict | list):
            return str(dispatch_error)
        index, number = module if isinstance(module, list) else (module["index"], module["error"])
        for pallet in self.pallets:
            for each in pallet.errors if pallet.index == index else ():
                if each.index == number:
                    return f"{pallet.name}.{each.name}" + (f": {each.docs}" if each.docs else "")
        return f"error {number} of pallet {index}, which the metadata doesn't name"

    def key(self, pallet: str, item: str, keys: Sequence[Any]) -> bytes:
        of, form = item_of(self, pallet, item)
        if len(keys) > len(form.keys):
            raise BadValue(f"{of.name}.{form.name} has {len(form.keys)} keys, not {len(keys)}")
        storage = self._storage(of.name, form.name)[0]
        made = storage_prefix(storage.value["storage"]["prefix"], form.name)
        for number, (type, hasher, value) in enumerate(zip(form.keys, form.hashers, keys, strict=False), 1):
            try:
                encoded = bytes(self._types.create_scale_object(type, metadata=self._metadata).encode(value).data)
            except Exception as error:  # of whatever kind: scalecodec has none of its own
                raise BadValue(f"key {number} of {of.name}.{form.name} has to be a {type}: {error}") from None
            made += getattr(hashing, hasher).apply(encoded)
        return made

    def keys_in(self, pallet: str, item: str, key: bytes) -> list[Any]:
        _, form = item_of(self, pallet, item)
        found: list[Any] = []
        at = 32
        for type, hasher in zip(form.keys, form.hashers, strict=True):
            if hasher not in CONCAT:
                raise Undecodable(f"keys that are hashed by {hasher} can't be told from their storage keys")
            at += CONCAT[hasher]
            with _undecodable():
                read = self._types.create_scale_object(type, ScaleBytes(key[at:]), metadata=self._metadata)
                read.decode(check_remaining=False)
                found.append(_plain(read.value))
                at += read.data_end_offset
        return found

    def value(self, pallet: str, item: str, data: bytes | None) -> Any:
        of, form = item_of(self, pallet, item)
        if data is None and form.optional:
            return None
        entry = self._storage(of.name, form.name)[1]
        default = bytes.fromhex(str(entry.value["default"])[2:]) if data is None else data
        return self._decoded(form.value, default)

    def portable(self, type: int, data: bytes) -> Any:
        """The plain value of a type by its number, of metadata that describes its types; raises `Undecodable`."""
        return self._decoded(f"scale_info::{type}", data)

    # Inside

    def _read_named(self, metadata: bytes, preset: str | None, spec: int | None) -> None:
        self._types.update_type_registry(load_type_registry_preset("legacy"))
        if preset is not None:
            self._types.update_type_registry(load_type_registry_preset(preset))
        if spec is not None:
            self._types.set_active_spec_version_id(spec)
        self._replace()
        read = self._types.create_scale_object("MetadataVersioned", data=ScaleBytes(metadata))
        try:
            read.decode()
        except Exception as error:  # as above
            raise UnreadableMetadata(f"the metadata can't be read: {error}") from None
        self._metadata = read

    def _read_portable(self, metadata: bytes) -> None:
        schema = read_schema(metadata)
        known_types = self._types.type_registry["types"]
        for name in [name for name in known_types if "::" in name and not name.endswith(KEPT)]:
            if not name.endswith(("accountid32", "::era")):
                del known_types[name]
        for name in REPLACED:
            known_types.pop(name, None)
        self._replace()
        self._types.implements_scale_info = True
        self._types.update_from_scale_info_types([_described(each) for each in schema.portable])
        self._call = schema.call
        self._forms: list[PalletForm] = []

    def _replace(self) -> None:
        types = self._types.type_registry["types"]
        for name, kind in (("bytes", ExactBytes), ("vec", ExactVec), ("vec<u8>", ExactBytes), ("bitvec", ExactBits)):
            types[name] = type(kind.__name__, (kind,), {"runtime_config": self._types})
        types["era"] = types["sp_runtime::generic::era::era"] = ExactEra

    def _decoded(self, type: str, data: bytes) -> Any:
        with _undecodable():
            read = self._types.create_scale_object(type, ScaleBytes(data), metadata=self._metadata)
            read.decode()
            return _plain(read.value)

    def _storage(self, pallet: str, item: str) -> tuple[Any, Any]:
        for each in self._metadata.pallets if self._metadata is not None else ():
            if each.value["name"] == pallet:
                entries = {entry.value["name"]: entry for entry in each.storage or ()}
                return each, entries[known(f"storage item in {pallet}:", item, list(entries))]
        raise Undecodable(f"the runtime has no storage {pallet}.{item}")


class ExactBytes(Bytes):  # type: ignore[misc]
    """Bytes that are hex even where they could be text."""

    def process(self) -> str:
        super().process()
        return f"0x{bytes(self.value_object).hex()}"


class ExactVec(Vec):  # type: ignore[misc]
    """A sequence no longer than its data, of bytes as `ExactBytes`."""

    def process(self) -> Any:
        start = self.data.offset
        count = self.process_type("Compact<u32>").value
        if count > max(self.data.get_remaining_length(), MAX_EMPTY):
            raise Undecodable(f"a sequence says that it has {count} values, of which the data can't hold as many")
        self.data.offset = start
        found = super().process()
        element = self.runtime_config.get_decoder_class(self.sub_type)
        return f"0x{bytes(self.value_object).hex()}" if element is U8 else found


class ExactBits(BitVec):  # type: ignore[misc]
    """Bits, the first one first."""

    def process(self) -> str:
        start = self.data.offset
        count = self.process_type("Compact<u32>").value
        self.data.offset = start
        return "0b" + str(super().process())[2:][::-1][:count]


class ExactEra(Era):  # type: ignore[misc]
    """An era, as `decoder` has it."""

    def process(self) -> Any:
        super().process()
        return "Immortal" if self.period is None else {"period": self.period, "phase": self.phase}


class _Part:
    """What scalecodec takes a part of decoded metadata for."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _described(each: PortableType) -> dict[str, _Part]:
    """A type as scalecodec's own reading of metadata has it."""
    type = each.type
    match type.definition:
        case Composite(fields):
            made: dict[str, Any] = {"composite": {"fields": [_field(field) for field in fields]}}
        case Cases(cases):
            variants = [
                {"name": case.name, "index": case.index, "fields": [_field(field) for field in case.fields]}
                for case in cases
            ]
            made = {"variant": {"variants": variants}}
        case SequenceType(element):
            made = {"sequence": {"type": element}}
        case Array(length, element):
            made = {"array": {"len": length, "type": element}}
        case Tuple(types):
            made = {"tuple": tuple(types)}
        case Basic(primitive):
            made = {"primitive": primitive.name}
        case CompactForm(inner):
            made = {"compact": {"type": inner}}
        case BitSequence():
            made = {"bitsequence": {}}
        case other:
            raise UnreadableMetadata(
                f"type {each.id} is a {other.__class__.__name__}, which scalecodec has no name for"
            )
    params = [{"name": param.name, "type": param.type} for param in type.params]
    return {"id": _Part(each.id), "type": _Part({"path": list(type.path), "params": params, "def": made})}


def _field(field: Field) -> dict[str, Any]:
    return {"name": field.name, "type": field.type, "typeName": field.type_name}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) >= {"call_module", "call_function", "call_args"}:
            return {**value, "call_args": [{**each, "value": _plain(each["value"])} for each in value["call_args"]]}
        return {key: _plain(each) for key, each in value.items()} or None
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value] or ([] if isinstance(value, list) else None)
    return f"0x{bytes(value).hex()}" if isinstance(value, bytes | bytearray) else value


def _parts(call: Any) -> tuple[str, str, dict[str, Any]]:
    arguments = {each["name"]: each["value"] for each in call["call_args"]}
    return call["call_module"], call["call_function"], arguments


def _event(record: Any) -> Event:
    event = record["event"]
    attributes = event["attributes"] or []
    fields = {str(place): each["value"] for place, each in enumerate(attributes)}
    return Event(
        record["phase"], record["extrinsic_idx"], event["module_id"], event["event_id"], fields, record["topics"] or []
    )


def _form(decoder: NamedDecoder, place: int, pallet: Any) -> PalletForm:
    """A pallet of old metadata, where calls and events are numbered by their place."""
    index = pallet.value.get("index", place)
    calls = [
        CallForm(each.name, number, [Argument(arg.name, arg.type) for arg in each.args], _docs(each))
        for number, each in enumerate(pallet.calls or ())
    ]
    events = [
        EventForm(each.value["name"], number, [Argument(str(n), str(a)) for n, a in enumerate(each.args)], _docs(each))
        for number, each in enumerate(pallet.events or ())
    ]
    errors = [EventForm(each.value["name"], number, [], _docs(each)) for number, each in enumerate(pallet.errors or ())]
    storage = [
        ItemForm(
            each.value["name"],
            list(each.get_param_hashers()),
            list(each.get_params_type_string()),
            each.get_value_type_string(),
            each.value["modifier"] == "Optional",
            _docs(each),
        )
        for each in pallet.storage or ()
    ]
    constants = [
        ConstantForm(each.value["name"], each.type, _constant(decoder, each), _docs(each))
        for each in pallet.constants or ()
    ]
    return PalletForm(pallet.value["name"], index, calls, events, errors, storage, constants)


def _constant(decoder: NamedDecoder, constant: Any) -> Any:
    data = bytes.fromhex(str(constant.value["value"])[2:]) if str(constant.value["value"]).startswith("0x") else None
    if data is None:
        return constant.value["value"]
    try:
        return decoder._decoded(constant.type, data)
    except Undecodable:
        return f"0x{data.hex()}"


def _docs(each: Any) -> str:
    found = each.value.get("docs", each.value.get("documentation", each.value.get("metadata", [])))
    return " ".join(" ".join(map(str, found or [])).split())


@contextmanager
def _undecodable() -> Iterator[None]:
    """What fails in scalecodec is `Undecodable`; it has no kinds of errors of its own."""
    try:
        yield
    except Undecodable:
        raise
    except Exception as error:
        raise Undecodable(f"the bytes can't be decoded: {error}") from None
