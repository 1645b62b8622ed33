"""scalecodec as an outside judge: knowing our V14 metadata alone, it must read what we write and write what we read.

A `Spelling` says in scalecodec's terms what one of our values is.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args, get_origin

from hypothesis.strategies import SearchStrategy
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

from pallets.frame.events import DispatchError, Error, ModuleError, NestedError
from pallets.frame.metadata import describe, metadata_bytes
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Call, EventRecord, Runtime
from pallets.frame.validity import Custom, TransactionValidityError, ValidTransaction
from pallets.primitives.annotations import find_marker, option_of, split_annotation, struct_fields
from pallets.primitives.extrinsic import Era
from pallets.primitives.types import (
    U8,
    AddressForm,
    BigEndian,
    Bound,
    Compacted,
    FixedBytes,
    RuntimeType,
    UnitEnum,
    Variant,
    Wrapped,
)


class Judge:
    """One runtime, as we know it and as scalecodec learns it from the V14 metadata when it is first asked.

    With `module_errors` the values drawn include pallets' errors, and those of pallets that this runtime hasn't.
    """

    def __init__(self, runtime: type[Runtime], *, module_errors: bool = True) -> None:
        self.module_errors = module_errors
        self.runtime = runtime(Overlay(DictBackend()))
        self.source = describe(self.runtime)
        self.names: dict[str, Any] = {}
        for pallet in self.runtime.pallets:
            self.names.update(vars(type(pallet)))
        self.strategies: dict[Any, SearchStrategy[Any]] = {}  # built once, or calls within calls would multiply them
        self.annotations = {number: annotation for annotation, number in self.source.registry.ids.items()}

    @cached_property
    def config(self) -> RuntimeConfigurationObject:
        """What scalecodec knows before it has read the metadata, and of it afterwards."""
        config = RuntimeConfigurationObject(implements_scale_info=True)
        config.update_type_registry(load_type_registry_preset("core"))
        return config

    @cached_property
    def metadata(self) -> Any:
        """The metadata, as scalecodec reads it: that takes it seconds."""
        data = ScaleBytes(metadata_bytes(type(self.runtime), 14))
        metadata = self.config.create_scale_object("MetadataVersioned", data=data)
        metadata.decode()
        self.config.add_portable_registry(metadata)
        return metadata

    @cached_property
    def types(self) -> list[dict[str, Any]]:
        """Of the portable registry."""
        return [entry["type"] for entry in self.metadata.portable_registry.value["types"]]

    def decode(self, number: int, data: bytes) -> Any:
        """What scalecodec reads in exactly these bytes."""
        made = self.config.create_scale_object(f"scale_info::{number}", ScaleBytes(data), metadata=self.metadata)
        made.decode(check_remaining=True)
        return tidy(made.value)

    def encode(self, number: int, value: Any) -> bytes:
        """What scalecodec writes for a value in its own terms."""
        made = self.config.create_scale_object(f"scale_info::{number}", metadata=self.metadata)
        return bytes(made.encode(value).data)


JUDGES: dict[type[Runtime], Judge] = {}


def judge_of(runtime: type[Runtime]) -> Judge:
    """The judge of a runtime that all modules of a test run share."""
    if runtime not in JUDGES:
        JUDGES[runtime] = Judge(runtime)
    return JUDGES[runtime]


def tidy(value: Any) -> Any:
    """A decoded value without what scalecodec adds: hashes, indices and type names of calls and events."""
    if isinstance(value, dict):
        if "call_args" in value:
            arguments = {argument["name"]: tidy(argument["value"]) for argument in value["call_args"]}
            return {**{key: value[key] for key in ("call_module", "call_function")}, "call_args": arguments}
        if "event_id" in value and "phase" not in value:
            return {key: tidy(value[key]) for key in ("module_id", "event_id", "attributes")}
        if "event_id" in value:
            return {key: tidy(value[key]) for key in ("phase", "extrinsic_idx", "event", "topics")}
        return {key: tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(tidy, value))
    return value


@dataclass(frozen=True)
class Spelling:
    """Our values in scalecodec's terms: as it decodes them, or as it wants them to encode (`writing`)."""

    judge: Judge
    writing: bool

    def value_of(self, annotation: Any, value: Any) -> Any:
        base, markers = split_annotation(annotation)
        runtime, wrapped = find_marker(markers, RuntimeType), find_marker(markers, Wrapped)
        if wrapped is not None and find_marker(markers, Compacted) is None:
            plain = self.plain(base, tuple(m for m in markers if m is not wrapped), value)
            return self.single(plain) if wrapped.field is None else {wrapped.field: plain}
        if runtime is not None:
            return getattr(self, f"as_{runtime.name}")(value)
        return self.plain(base, markers, value)

    def plain(self, base: Any, markers: tuple[Any, ...], value: Any) -> Any:
        if find_marker(markers, AddressForm) is not None:
            return {"Id": hexed(value)} if self.writing else hexed(value)
        if (big := find_marker(markers, BigEndian)) is not None:
            return hexed(value.to_bytes(big.width, "big"))
        if find_marker(markers, FixedBytes) is not None:
            return hexed(value)
        if find_marker(markers, Bound) is not None and base is not str:
            return self.single(self.value_of(base, value))
        option = option_of(base)
        if option is not None:
            return None if value is None else self.value_of(option, value)
        if base in (int, bool, str):
            return value
        if base is bytes:
            return value if self.writing else text_or_hex(value)
        if base == list[U8]:
            return self.plain(bytes, (), bytes(value))
        if get_origin(base) is list:
            return [self.value_of(get_args(base)[0], item) for item in value]
        if get_origin(base) is tuple or base is type(None):
            return self.several([self.value_of(kind, v) for kind, v in zip(get_args(base), value or (), strict=True)])
        if base is Era:
            return (value.period, value.phase) if value.period else "00"
        if issubclass(base, UnitEnum):
            return value.name
        if issubclass(base, Variant) and Variant in base.__bases__:
            if not dataclasses.fields(value):
                return value.variant_name
            content = self.fields(type(value), value)
            return {value.variant_name: content[0] if isinstance(content, list) else content}
        if base is EventRecord and not self.writing:
            return self.event_record(value)
        return self.fields(base, value)

    def fields(self, cls: Any, value: Any) -> Any:
        found = [
            (name.rstrip("_"), self.value_of(kind, getattr(value, name)))
            for name, kind in struct_fields(cls, self.judge.names)
        ]
        if getattr(cls, "__unnamed__", False):
            return self.several([item for _, item in found])
        return dict(found)

    def single(self, value: Any) -> Any:
        """One unnamed field: scalecodec drops the wrapping when it reads, and wants it when it writes."""
        return [value] if self.writing else value

    def several(self, values: list[Any]) -> Any:
        """Unnamed fields; a list stands for a single one that has to stay wrapped."""
        return self.single(values[0]) if len(values) == 1 else tuple(values)

    def event_record(self, record: EventRecord) -> dict[str, Any]:
        phase = type(record.phase).__name__
        index = getattr(record.phase, "index", None) if phase == "ApplyExtrinsic" else None
        topics = [hexed(topic) for topic in record.topics]
        return {"phase": phase, "extrinsic_idx": index, "event": self.as_RuntimeEvent(record.event), "topics": topics}

    def as_RuntimeCall(self, call: Call) -> dict[str, Any]:
        given = {
            name: self.value_of(kind, value)
            for (name, kind), value in zip(call.spec.params, call.arguments, strict=True)
        }
        return {"call_module": call.spec.pallet_name, "call_function": call.spec.name, "call_args": given}

    def as_RuntimeEvent(self, event: Any) -> dict[str, Any]:
        pallet = next(p for p in self.judge.runtime.pallets if type(event) in p.events)
        content = self.fields(type(event), event) or None
        name = type(event).__name__
        if self.writing:
            return {pallet.wire_name: name if content is None else {name: content}}
        return {"module_id": pallet.wire_name, "event_id": name, "attributes": content}

    def as_RuntimeHoldReason(self, reason: UnitEnum) -> dict[str, str]:
        pallet = next(p for p in self.judge.runtime.pallets if p.hold_reasons is type(reason))
        return {pallet.wire_name: reason.name}

    def as_DispatchError(self, error: DispatchError) -> Any:
        if isinstance(error, NestedError):
            return {type(error).__name__: error.reason}
        if isinstance(error, ModuleError):
            return {"Module": {"index": error.pallet_index, "error": hexed(error.error)}}
        if isinstance(error, Error):
            pallet = self.judge.runtime.tables.pallet_of[type(error)]
            return {"Module": {"index": pallet, "error": hexed(bytes((error.index, 0, 0, 0)))}}
        return type(error).__name__

    def as_DispatchResult(self, error: DispatchError | None) -> Any:
        return {"Ok": ()} if error is None else {"Err": self.as_DispatchError(error)}

    def refusal(self, error: TransactionValidityError) -> Any:
        reason = {"Custom": error.code} if isinstance(error, Custom) else type(error).__name__
        return {"Err": {("Invalid", "Unknown")[error.kind]: reason}}

    def as_TransactionValidity(self, result: Any) -> Any:
        if isinstance(result, TransactionValidityError):
            return self.refusal(result)
        return {"Ok": self.fields(ValidTransaction, result)}

    def as_ApplyExtrinsicResult(self, result: Any) -> Any:
        if isinstance(result, TransactionValidityError):
            return self.refusal(result)
        return {"Ok": self.as_DispatchResult(result)}

    def as_UncheckedExtrinsic(self, extrinsic: bytes) -> Any:
        content = bare_content(extrinsic)
        return self.single(content if self.writing else text_or_hex(content))


def hexed(data: bytes) -> str:
    return f"0x{data.hex()}"


def text_or_hex(data: bytes) -> str:
    """How scalecodec shows bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return hexed(data)


def bare_content(extrinsic: bytes) -> bytes:
    """The bytes behind an extrinsic's length prefix; those that are drawn here are short."""
    assert extrinsic[0] & 3 == 0
    return extrinsic[1:]
