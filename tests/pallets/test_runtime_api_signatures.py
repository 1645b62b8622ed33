"""The runtime APIs against Substrate's description of itself: the V16 metadata of its kitchen-sink node."""

from __future__ import annotations

import gzip

from pallets.frame.metadata import metadata_bytes
from pallets.primitives import metadata_v16 as v16
from pallets.primitives.portable_types import (
    Array,
    Basic,
    Cases,
    CompactForm,
    Composite,
    Field,
    PortableType,
    Sequence,
    Tuple,
)
from pallets.primitives.scale import read_compact
from pallets.runtime import DevRuntime
from tests.vectors import vector


def reference() -> v16.MetadataV16:
    """The metadata of Substrate's kitchen-sink node."""
    wrapped = gzip.decompress(vector("metadata/pjs/v16-substrate.scale.gz").read_bytes())
    length, start = read_compact(wrapped, 1)
    assert wrapped[0] == 1 and len(wrapped) == start + length and wrapped[start : start + 5] == b"meta\x10"
    found: v16.MetadataV16 = v16.CODEC.decode_all(wrapped[start + 5 :])
    return found


RUNTIMES_OWN = ("RuntimeCall", "UncheckedExtrinsic", "DispatchError")


def shape(types: list[PortableType], number: int) -> object:
    """A type by its structure and names, down to what every runtime composes for itself."""
    described = types[number].type
    name = "::".join(described.path)
    if described.path and described.path[-1] in RUNTIMES_OWN:
        return described.path[-1]

    def fields(given: list[Field]) -> list[object]:
        return [(field.name, shape(types, field.type)) for field in given]

    match described.definition:
        case Composite([Field(type=borrowed)]) if described.path == ["Cow"]:  # as Rust keeps it, not another value
            return shape(types, borrowed)
        case Composite(content):
            return name, fields(content)
        case Cases(cases):
            if described.path[-1:] == ["UnknownTransaction"]:  # this chain has no reasons of its own for not knowing
                cases = [case for case in cases if case.name != "Custom"]
            by_index = sorted(cases, key=lambda case: case.index)
            return name, [(case.index, case.name, fields(case.fields)) for case in by_index]
        case Sequence(element):
            return ["..", shape(types, element)]
        case Array(length, element):
            return [length, shape(types, element)]
        case Tuple(members):
            return tuple(shape(types, member) for member in members)
        case CompactForm(inner):
            return "compact", shape(types, inner)
        case Basic(primitive):
            return primitive.name
    raise TypeError(described.definition)


SUBSTRATES = (
    "Core",
    "Metadata",
    "BlockBuilder",
    "TaggedTransactionQueue",
    "AccountNonceApi",
    "TransactionPaymentApi",
    "TransactionPaymentCallApi",
    "SessionKeys",
    "AuraApi",
    "GrandpaApi",
)


def signatures(metadata: v16.MetadataV16) -> dict[str, object]:
    """Parameters and results of the APIs that are Substrate's."""
    return {
        f"{api.name}_{method.name}": (
            [(given.name, shape(metadata.types, given.type)) for given in method.inputs],
            shape(metadata.types, method.output),
        )
        for api in metadata.apis
        if api.name in SUBSTRATES
        for method in api.methods
    }


def own_metadata() -> v16.MetadataV16:
    found: v16.MetadataV16 = v16.CODEC.decode_all(metadata_bytes(DevRuntime, 16)[5:])
    return found


AURA_SIGNATURES: dict[str, object] = {  # of `sp_consensus_aura::AuraApi`, which the kitchen-sink node lacks
    "AuraApi_slot_duration": ([], ("sp_consensus_slots::SlotDuration", [(None, "u64")])),
    "AuraApi_authorities": ([], ["..", ("sp_consensus_aura::sr25519::app_sr25519::Public", [(None, [32, "u8"])])]),
}


def test_every_function_has_substrates_signature() -> None:
    ours, theirs = signatures(own_metadata()), signatures(reference()) | AURA_SIGNATURES
    assert len(ours) == 25
    for name, signature in ours.items():
        assert signature == theirs[name], name


def test_every_api_has_substrates_version() -> None:
    theirs = {api.name: api.version for api in reference().apis} | {"AuraApi": 1}
    ours = {api.__name__: api.api_version for api in DevRuntime.apis}
    assert {name: ours[name] for name in SUBSTRATES} == {name: theirs[name] for name in SUBSTRATES}
