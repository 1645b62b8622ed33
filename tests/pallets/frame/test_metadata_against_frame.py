"""What our metadata says of FRAME's types and pallets is what FRAME's own metadata says of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from pallets.frame.metadata import describe, metadata_bytes
from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives.portable_types import Array, Basic, Cases, CompactForm, Composite, PortableType, Sequence, Tuple
from pallets.runtime import DevRuntime
from tests.pallets.frame.decoded_metadata import decoded, real

FRAME_METADATA = "metadata/pjs/v16-substrate.scale.gz"


class Shape:
    """The structure of types by path, so that two registries can be compared whatever their numbering."""

    def __init__(self, types: list[PortableType]) -> None:
        self.types = [entry.type for entry in types]
        self.by_path: dict[tuple[str, ...], list[int]] = {}
        for number, described in enumerate(self.types):
            if described.path:
                self.by_path.setdefault(tuple(described.path), []).append(number)

    def of(self, number: int, depth: int = 3) -> Any:
        """Names, indices and types down to `depth` paths; docs, parameters and type names don't count."""
        described = self.types[number]
        made = described.definition
        if described.path == ["Cow"]:  # Rust's way not to copy a constant; nothing on the wire
            assert isinstance(made, Composite)
            return self.of(made.fields[0].type, depth)
        if described.path and depth == 0:
            return self.path(described.path)
        below = depth - 1 if described.path else depth
        if isinstance(made, Basic):
            return made.primitive.name
        if isinstance(made, CompactForm):
            return "compact", self.of(made.type, below)
        if isinstance(made, Sequence):
            return "sequence", self.of(made.type, below)
        if isinstance(made, Array):
            return "array", made.length, self.of(made.type, below)
        if isinstance(made, Tuple):
            return "tuple", [self.of(member, below) for member in made.types]
        if isinstance(made, Composite):
            return self.path(described.path), [(f.name, self.of(f.type, below)) for f in made.fields]
        assert isinstance(made, Cases)
        cases = {(c.index, c.name): [(f.name, self.of(f.type, below)) for f in c.fields] for c in made.cases}
        return self.path(described.path), cases

    @staticmethod
    def path(segments: list[str]) -> tuple[str, ...]:
        """A path without what can't agree: a runtime's own name, and which bounded vector FRAME took."""
        first, last = segments[0], segments[-1]
        if last == "WeakBoundedVec":
            return Shape.path(["bounded_collections", "bounded_vec", "BoundedVec"])
        return (first if len(segments) != 2 or not first.endswith("_runtime") else "runtime", *segments[1:])


SAME_AS_FRAME = (  # those that any runtime has; pallets' own are compared in their tests
    "sp_core::crypto::AccountId32",
    "primitive_types::H256",
    "sp_runtime::MultiSignature",
    "sp_runtime::generic::era::Era",
    "sp_runtime::generic::digest::Digest",
    "sp_runtime::generic::digest::DigestItem",
    "sp_runtime::generic::header::Header",
    "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic",
    "sp_runtime::ModuleError",
    "sp_runtime::TokenError",
    "sp_runtime::TransactionalError",
    "sp_runtime::transaction_validity::TransactionSource",
    "sp_runtime::transaction_validity::ValidTransaction",
    "sp_arithmetic::ArithmeticError",
    "sp_weights::weight_v2::Weight",
    "sp_weights::RuntimeDbWeight",
    "frame_support::dispatch::DispatchClass",
    "frame_support::dispatch::Pays",
    "frame_support::dispatch::PerDispatchClass",
    "frame_system::AccountInfo",
    "frame_system::DispatchEventInfo",
    "frame_system::LastRuntimeUpgradeInfo",
    "frame_system::Phase",
    "frame_system::limits::BlockLength",
    "frame_system::limits::BlockWeights",
    "frame_system::limits::WeightsPerClass",
    "frame_metadata_hash_extension::CheckMetadataHash",
    "frame_system::extensions::check_genesis::CheckGenesis",
    "frame_system::extensions::check_mortality::CheckMortality",
    "frame_system::extensions::check_non_zero_sender::CheckNonZeroSender",
    "frame_system::extensions::check_nonce::CheckNonce",
    "frame_system::extensions::check_spec_version::CheckSpecVersion",
    "frame_system::extensions::check_tx_version::CheckTxVersion",
    "frame_system::extensions::check_weight::CheckWeight",
    "pallet_balances::types::AccountData",
    "pallet_balances::types::ExtraFlags",
    "pallet_multisig::Multisig",
    "pallet_multisig::Timepoint",
    "pallet_proxy::Announcement",
    "pallet_proxy::DepositKind",
)
PART_OF_FRAME = (  # where a runtime may leave variants out, but must agree on those it has
    "frame_support::dispatch::RawOrigin",
    "sp_runtime::DispatchError",
    "sp_runtime::transaction_validity::InvalidTransaction",
    "sp_runtime::transaction_validity::UnknownTransaction",
    "frame_system::pallet::Call",
    "frame_system::pallet::Event",
    "frame_system::pallet::Error",
)


@cache
def shapes() -> tuple[Shape, Shape]:
    """Our registry and FRAME's."""
    return Shape(describe(DevRuntime(Overlay(DictBackend()))).types), Shape(decoded(real(FRAME_METADATA)).types)


@pytest.mark.parametrize("name", SAME_AS_FRAME)
def test_types_of_frame_are_described_as_frame_describes_them(name: str) -> None:
    ours, frames = shapes()
    path = tuple(name.split("::"))
    theirs = [frames.of(number) for number in frames.by_path[path]]
    assert ours.by_path[path]
    assert all(ours.of(number) in theirs for number in ours.by_path[path])


@pytest.mark.parametrize("name", PART_OF_FRAME)
def test_enums_of_frame_agree_on_the_variants_we_have(name: str) -> None:
    ours, frames = shapes()
    path = tuple(name.split("::"))
    (_, mine), (_, theirs) = ours.of(ours.by_path[path][0], 1), frames.of(frames.by_path[path][0], 1)
    assert mine
    assert {case: mine[case] for case in mine if theirs.get(case) != mine[case]} == {}


FRAME_PALLETS = [
    *("System", "Timestamp", "Grandpa", "Balances", "TransactionPayment", "Sudo", "Utility", "Session"),
    *("Multisig", "Proxy"),
]


@pytest.mark.parametrize("name", FRAME_PALLETS)
def test_pallets_of_frame_agree_with_frame_on_what_we_have(name: str) -> None:
    ours, frames = shapes()
    mine, theirs = (
        next(p for p in content.pallets if p.name == name)
        for content in (decoded(metadata_bytes(DevRuntime, 16)), decoded(real(FRAME_METADATA)))
    )
    for kind in ("calls", "events", "errors"):
        if getattr(mine, kind) is not None:
            (_, have), (_, known) = ours.of(getattr(mine, kind).type, 1), frames.of(getattr(theirs, kind).type, 1)
            assert {case: fields for case, fields in have.items() if known.get(case) != fields} == {}, kind
    known_entries = (
        {entry.name: entry_shape(frames, entry) for entry in theirs.storage.entries} if theirs.storage else {}
    )
    for entry in mine.storage.entries if mine.storage else []:
        assert entry_shape(ours, entry) == known_entries[entry.name]
    known_constants = {constant.name: frames.of(constant.type, 1) for constant in theirs.constants}
    for constant in mine.constants:
        assert ours.of(constant.type, 1) == known_constants[constant.name]


def entry_shape(shape: Shape, entry: Any) -> Any:
    """What a storage item is, apart from docs."""
    types = [shape.of(getattr(entry.type, part), 0) for part in ("type", "key", "value") if hasattr(entry.type, part)]
    return entry.modifier, entry.default, getattr(entry.type, "hashers", []), types


def test_types_that_clients_know_by_path_exist() -> None:
    ours, _ = shapes()
    wanted = (
        "sp_core::crypto::AccountId32",
        "sp_runtime::multiaddress::MultiAddress",
        "sp_runtime::MultiSignature",
        "sp_runtime::generic::era::Era",
        "sp_runtime::generic::digest::DigestItem",
        "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic",
        "sp_weights::weight_v2::Weight",
        "primitive_types::H256",
        "sp_runtime::DispatchError",
        "sp_runtime::ModuleError",
        "bounded_collections::bounded_vec::BoundedVec",
        "frame_system::EventRecord",
        "fathom_runtime::Runtime",
        "fathom_runtime::RuntimeCall",
        "fathom_runtime::RuntimeEvent",
        "fathom_runtime::RuntimeError",
    )
    assert [path for path in wanted if tuple(path.split("::")) not in ours.by_path] == []


def test_clients_find_the_parts_of_an_extrinsic_in_its_parameters() -> None:
    source = describe(DevRuntime(Overlay(DictBackend())))
    form, named = source.extrinsic, source.types[source.extrinsic.type].type.params
    assert [(p.name, p.type) for p in named] == [
        ("Address", form.address),
        ("Call", form.call),
        ("Signature", form.signature),
        ("Extra", form.extra),
    ]
    assert [p.name for p in source.types[form.address].type.params] == ["AccountId", "AccountIndex"]
    record = next(entry.type for entry in source.types if entry.type.path[-1:] == ["EventRecord"])
    assert [p.name for p in record.params] == ["E", "T"]
    assert record.params[0].type == source.outer_enums.event
