"""What we write, scalecodec reads, and the other way round, for every type of a runtime, by our V14 metadata alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scalecodec.base import ScaleBytes

from pallets.frame.extensions import extension_codecs
from pallets.frame.extrinsic_types import OpaqueExtrinsic
from pallets.frame.runtime import Call, Runtime, RuntimeCall, RuntimeEvent
from pallets.frame.types_registry import NoIndex
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import Era, MultiSignature, UncheckedExtrinsic, bare_extrinsic, signed_extrinsic
from pallets.primitives.portable_types import Array
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import AccountId, FixedBytes
from pallets.runtime import DevRuntime
from tests.pallets.frame.feature_runtime import FeatureRuntime
from tests.pallets.frame.random_values import call_values, foreign_values, struct_values, values_of
from tests.pallets.frame.scalecodec_judge import Judge, Spelling, hexed, judge_of, tidy

RUNTIMES: tuple[type[Runtime], ...] = (FeatureRuntime, DevRuntime)
EXAMPLES = settings(
    max_examples=10,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
INSIDE_OTHERS = (  # no Python value of their own: judged as part of a DispatchError or a TransactionValidity
    "sp_runtime::ModuleError",
    "sp_runtime::TokenError",
    "sp_arithmetic::ArithmeticError",
    "sp_runtime::TransactionalError",
    "sp_runtime::transaction_validity::TransactionValidityError",
    "sp_runtime::transaction_validity::InvalidTransaction",
    "sp_runtime::transaction_validity::UnknownTransaction",
    "Result",
)
UNWRITABLE = (  # what scalecodec reads but can't write: maps, and calls inside an enum that isn't `RuntimeCall`
    "BTreeMap",
    "sp_inherents::InherentData",
    "sp_inherents::CheckInherentsResult",
    "::pallet::Call",
)
NOT_ON_THE_WIRE = ("::Runtime", "::RuntimeError")


class Case(NamedTuple):
    """One described type and how we handle its values; `spell(value, writing)` is the value in scalecodec's terms."""

    number: int
    values: SearchStrategy[Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    spell: Callable[[Any, bool], Any]


JUDGES = {runtime: judge_of(runtime) for runtime in RUNTIMES}


def annotated(judge: Judge, number: int, annotation: Any) -> Case:
    """A type that an annotation stands for."""
    codec = judge.runtime.codecs.of(annotation, judge.names)

    def spell(value: Any, writing: bool) -> Any:
        return Spelling(judge, writing).value_of(annotation, value)

    values = st.nothing() if annotation == NoIndex else values_of(judge, annotation)  # no address of ours is an index
    return Case(number, values, codec.encode, codec.decode_all, spell)


def cases_of(judge: Judge) -> dict[int, Case]:
    """Every type that has values, by number."""
    annotations = {**judge.annotations, judge.source.extrinsic.type: OpaqueExtrinsic}
    found = {number: annotated(judge, number, annotation) for number, annotation in annotations.items()}
    for described in judge.source.types:
        if isinstance(described.type.definition, Array):
            size = described.type.definition.length
            codec = codec_of(Annotated[bytes, FixedBytes(size)])
            found[described.id] = Case(
                described.id,
                st.binary(min_size=size, max_size=size),
                codec.encode,
                codec.decode_all,
                lambda v, _: hexed(v),
            )
    for pallet, described_pallet in zip(judge.runtime.pallets, judge.source.pallets, strict=True):
        if described_pallet.calls is not None:
            found[described_pallet.calls] = _calls(judge, pallet, described_pallet.calls)
        if described_pallet.events is not None:
            found[described_pallet.events] = _events(judge, pallet, described_pallet.events)
        if described_pallet.errors is not None:
            found[described_pallet.errors] = _errors(pallet, described_pallet.errors)
    for extension, described_extension in zip(judge.runtime.extensions, judge.source.extrinsic.extensions, strict=True):
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


def _calls(judge: Judge, pallet: Any, number: int) -> Case:
    runtime, head = judge.runtime, bytes((pallet.index,))
    specs = [spec for (index, _), spec in runtime.tables.calls.items() if index == pallet.index]

    def spell(call: Call, writing: bool) -> Any:
        content = Spelling(judge, writing).as_RuntimeCall(call)["call_args"]
        return {call.spec.name: content} if content else call.spec.name

    values = st.one_of([call_values(judge, spec, 0) for spec in specs])
    return Case(
        number, values, lambda c: runtime.encode_call(c)[1:], lambda data: runtime.decode_call(head + data), spell
    )


def _events(judge: Judge, pallet: Any, number: int) -> Case:
    runtime, head = judge.runtime, bytes((pallet.index,))
    codec = runtime.codecs.of(RuntimeEvent)

    def spell(event: Any, writing: bool) -> Any:
        content = Spelling(judge, writing).fields(type(event), event)
        return {type(event).__name__: content} if content else type(event).__name__

    values = st.one_of([struct_values(judge, event, 0) for event in pallet.events])
    return Case(
        number, values, lambda e: runtime.encode_event(e)[1:], lambda data: codec.decode_all(head + data), spell
    )


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


CASES = {runtime: cases_of(JUDGES[runtime]) for runtime in RUNTIMES}
EVERY_TYPE = [
    (runtime, number) for runtime, cases in CASES.items() for number, case in cases.items() if not case.values.is_empty
]


def path_of(runtime: type[Runtime], number: int) -> str:
    return "::".join(JUDGES[runtime].source.types[number].type.path)


def label(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


@pytest.mark.parametrize("runtime", RUNTIMES, ids=label)
def test_every_described_type_is_judged(runtime: type[Runtime]) -> None:
    judge, cases = JUDGES[runtime], CASES[runtime]
    left = [path_of(runtime, number) for number in range(len(judge.source.types)) if number not in cases]
    assert [path for path in left if path not in INSIDE_OTHERS and not path.endswith(NOT_ON_THE_WIRE)] == []


@pytest.mark.parametrize(("runtime", "number"), EVERY_TYPE, ids=label)
@EXAMPLES
@given(data=st.data())
def test_scalecodec_reads_what_we_write(runtime: type[Runtime], number: int, data: st.DataObject) -> None:
    judge, case = JUDGES[runtime], CASES[runtime][number]
    value = data.draw(case.values)
    ours = case.encode(value)
    assert judge.decode(number, ours) == case.spell(value, False)
    assert case.encode(case.decode(ours)) == ours
    if not path_of(runtime, number).endswith(UNWRITABLE):
        assert judge.encode(number, case.spell(value, True)) == ours


@pytest.mark.parametrize(
    ("runtime", "number"), [case for case in EVERY_TYPE if not path_of(*case).endswith(UNWRITABLE)], ids=label
)
@EXAMPLES
@given(data=st.data())
def test_we_read_what_scalecodec_writes(runtime: type[Runtime], number: int, data: st.DataObject) -> None:
    judge, case = JUDGES[runtime], CASES[runtime][number]
    theirs = judge.encode(number, data.draw(foreign_values(judge, number)))
    try:
        value = case.decode(theirs)
    except DecodeError as refusal:
        assert "at most" in str(refusal), "only a bound, which the metadata doesn't tell, may be a reason to refuse"
        reject()
    assert case.encode(value) == theirs


SIGNED = {
    "signer": st.binary(min_size=32, max_size=32),
    "signature": values_of(JUDGES[DevRuntime], MultiSignature),
    "extra": CASES[DevRuntime][JUDGES[DevRuntime].source.extrinsic.extra].values,
    "call": values_of(JUDGES[DevRuntime], RuntimeCall),
}


@EXAMPLES
@given(**SIGNED)
def test_scalecodec_reads_and_writes_our_signed_extrinsics(
    signer: AccountId, signature: MultiSignature, extra: Any, call: Call
) -> None:
    judge = JUDGES[DevRuntime]
    reading, writing = Spelling(judge, False), Spelling(judge, True)
    codec, _ = extension_codecs(DevRuntime.extensions, judge.runtime.codecs)
    *_, era, nonce, _, tip, mode = extra
    ours = signed_extrinsic(signer, signature, codec.encode(extra), judge.runtime.encode_call(call))

    read = judge.config.create_scale_object("Extrinsic", ScaleBytes(ours), metadata=judge.metadata)
    read.decode(check_remaining=True)
    parts = {name: tidy(part.value) for name, part in read.value_object.items() if name != "extrinsic_length"}
    spelled = {
        "address": hexed(signer),
        "signature": reading.value_of(MultiSignature, signature),
        "era": reading.value_of(Era, era),
        "nonce": nonce,
        "tip": tip,
        "mode": {"mode": mode.name},
        "call": reading.as_RuntimeCall(call),
    }
    assert parts == spelled

    written = judge.config.create_scale_object("Extrinsic", metadata=judge.metadata)
    content = {
        **spelled,
        "signature": writing.value_of(MultiSignature, signature),
        "era": writing.single(writing.value_of(Era, era)),
        "call": writing.as_RuntimeCall(call),
    }
    assert bytes(written.encode(content).data) == ours

    taken_apart = UncheckedExtrinsic.decode(ours, codec)
    assert taken_apart.preamble is not None
    assert (taken_apart.preamble.signer, taken_apart.preamble.signature) == (signer, signature)
    assert taken_apart.preamble.extra == extra
    assert judge.runtime.encode_call(judge.runtime.decode_call(taken_apart.call)) == judge.runtime.encode_call(call)


@EXAMPLES
@given(call=SIGNED["call"])
def test_scalecodec_reads_our_bare_extrinsics(call: Call) -> None:
    judge = JUDGES[DevRuntime]
    ours = bare_extrinsic(judge.runtime.encode_call(call))
    read = judge.config.create_scale_object("Extrinsic", ScaleBytes(ours), metadata=judge.metadata)
    read.decode(check_remaining=True)
    assert tidy(read.value_object["call"].value) == Spelling(judge, False).as_RuntimeCall(call)
