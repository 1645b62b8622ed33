"""What we write, scalecodec reads, and the other way round, for every type of a runtime, by our V14 metadata alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scalecodec.base import ScaleBytes

from pallets.frame.extensions import extension_codecs
from pallets.frame.portable_types import Array
from pallets.frame.runtime import Call, Runtime, RuntimeCall
from pallets.primitives.codec import DecodeError, codec_of, split_annotation
from pallets.primitives.extrinsic import MultiSignature, UncheckedExtrinsic, bare_extrinsic, signed_extrinsic
from pallets.primitives.types import AccountId
from pallets.runtime import DevRuntime
from tests.pallets.frame.feature_runtime import FeatureRuntime
from tests.pallets.frame.scalecodec_judge import (
    Judge,
    Spelling,
    call_values,
    foreign_values,
    hexed,
    struct_values,
    tidy,
    values_of,
)

RUNTIMES = (FeatureRuntime, DevRuntime)
EXAMPLES = settings(
    max_examples=10, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
INSIDE_OTHERS = {  # no Python value of their own: judged as part of what holds them
    "sp_runtime::ModuleError": "DispatchError",
    "sp_runtime::TokenError": "DispatchError",
    "sp_arithmetic::ArithmeticError": "DispatchError",
    "sp_runtime::TransactionalError": "DispatchError",
    "sp_runtime::transaction_validity::TransactionValidityError": "TransactionValidity",
    "sp_runtime::transaction_validity::InvalidTransaction": "TransactionValidity",
    "sp_runtime::transaction_validity::UnknownTransaction": "TransactionValidity",
    "Result": "TransactionValidity",
}
WITHOUT_VALUES = ("Runtime", "RuntimeError", "RuntimeFreezeReason")  # last segments: described, never on the wire


class Case(NamedTuple):
    """One described type and how we handle its values; `spell(value, writing)` is the value in scalecodec's terms."""

    number: int
    values: SearchStrategy[Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    spell: Callable[[Any, bool], Any]


@cache
def judge_of(runtime: type[Runtime]) -> Judge:
    return Judge(runtime)


def annotated(judge: Judge, number: int, annotation: Any) -> Case:
    """A type that an annotation stands for."""
    codec = judge.runtime.codecs.of(annotation, judge.names)

    def spell(value: Any, writing: bool) -> Any:
        return Spelling(judge, writing).value_of(annotation, value)

    return Case(number, values_of(judge, annotation), codec.encode, codec.decode_all, spell)


def cases_of(judge: Judge) -> dict[int, Case]:
    """Every type that has values, by number."""
    found = {number: annotated(judge, number, annotation) for number, annotation in judge.annotations.items()}
    for described in judge.source.types:
        if isinstance(described.type.definition, Array):
            size = described.type.definition.length
            codec = judge.runtime.codecs.of(_bytes_of(size))
            found[described.id] = Case(
                described.id, st.binary(min_size=size, max_size=size), codec.encode, codec.decode_all, lambda v, _: hexed(v)
            )
    for pallet, described_pallet in zip(judge.runtime.pallets, judge.source.pallets, strict=True):
        if described_pallet.calls is not None:
            found[described_pallet.calls] = _calls(judge, pallet, described_pallet.calls)
        if described_pallet.events is not None:
            found[described_pallet.events] = _events(judge, pallet, described_pallet.events)
        if described_pallet.errors is not None:
            found[described_pallet.errors] = _errors(pallet, described_pallet.errors)
    for extension, described_extension in zip(
        judge.runtime.extensions, judge.source.extrinsic.extensions, strict=True
    ):
        found[described_extension.type] = _extension(judge, extension, described_extension.type)
    extra, _ = extension_codecs(judge.runtime.extensions, judge.runtime.codecs)
    values = st.tuples(*(values_of(judge, extension.extra) for extension in judge.runtime.extensions))

    def spell_extra(value: Any, writing: bool) -> Any:
        return tuple(
            _spell_extension(judge, extension, part, writing)
            for extension, part in zip(judge.runtime.extensions, value, strict=True)
        )

    number = judge.source.extrinsic.extra
    found[number] = Case(number, values, extra.encode, extra.decode_all, spell_extra)
    return found


def _bytes_of(size: int) -> Any:
    from typing import Annotated

    from pallets.primitives.types import FixedBytes

    return Annotated[bytes, FixedBytes(size)]


def _calls(judge: Judge, pallet: Any, number: int) -> Case:
    runtime, head = judge.runtime, bytes((pallet.index,))
    specs = [spec for (index, _), spec in runtime.tables.calls.items() if index == pallet.index]

    def spell(call: Call, writing: bool) -> Any:
        content = Spelling(judge, writing).RuntimeCall(call)["call_args"]
        return {call.spec.name: content} if content else call.spec.name

    values = st.one_of([call_values(judge, spec, 0) for spec in specs])
    return Case(number, values, lambda c: runtime.encode_call(c)[1:], lambda data: runtime.decode_call(head + data), spell)


def _events(judge: Judge, pallet: Any, number: int) -> Case:
    runtime, head = judge.runtime, bytes((pallet.index,))
    codec = runtime.codecs.of(_runtime_event())

    def spell(event: Any, writing: bool) -> Any:
        content = Spelling(judge, writing).fields(type(event), event)
        return {type(event).__name__: content} if content else type(event).__name__

    values = st.one_of([struct_values(judge, event, 0) for event in pallet.events])
    return Case(number, values, lambda e: runtime.encode_event(e)[1:], lambda data: codec.decode_all(head + data), spell)


def _runtime_event() -> Any:
    from pallets.frame.runtime import RuntimeEvent

    return RuntimeEvent


def _errors(pallet: Any, number: int) -> Case:
    by_index = {bytes((error.index,)): error for error in pallet.errors}
    return Case(
        number,
        st.sampled_from(list(pallet.errors)),
        lambda error: bytes((error.index,)),
        lambda data: by_index[data],
        lambda error, _: error.__name__,
    )


def _extension(judge: Judge, extension: Any, number: int) -> Case:
    codec = judge.runtime.codecs.of(extension.extra)

    def spell(value: Any, writing: bool) -> Any:
        return _spell_extension(judge, extension, value, writing)

    return Case(number, values_of(judge, extension.extra), codec.encode, codec.decode_all, spell)


def _spell_extension(judge: Judge, extension: Any, value: Any, writing: bool) -> Any:
    if not extension.fields:
        return {}
    spelling, (name,) = Spelling(judge, writing), extension.fields
    content = spelling.value_of(extension.extra, value)
    return spelling.single(content) if name is None else {name: content}
