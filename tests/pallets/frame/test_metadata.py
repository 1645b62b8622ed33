"""Metadata, judged by real chains' metadata, by scalecodec, and by the libraries that JavaScript clients stand on."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from pallets.frame import U8, U16, U32, Balance, Const, Error, Event, Pallet, Signed, Value, call, struct
from pallets.frame.documentation import class_docs, member_docs
from pallets.frame.metadata import SUPPORTED, UnsupportedMetadataVersion, describe, metadata_bytes
from pallets.frame.metadata_v14 import MetadataV14
from pallets.frame.metadata_v14 import Modifier as V14Modifier
from pallets.frame.metadata_v15 import MetadataV15
from pallets.frame.metadata_v16 import MetadataV16, NotDeprecated
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.portable_types import Array, Basic, Cases, CompactForm, Composite, PortableType, Sequence, Tuple
from pallets.frame.runtime import DispatchErrorType, Runtime
from pallets.frame.types_registry import NoIndex, TypesRegistry, path_of, rust_name
from pallets.primitives.codec import Codec, codec_of
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.types import RuntimeType, Wrapped
from pallets.runtime import DevRuntime
from tests.pallets.frame.feature_runtime import FeatureRuntime, Features, Point
from tests.pallets.frame.scalecodec_judge import Judge
from tests.pallets.frame.test_codec_oracle import RUNTIMES, cases_of, judge_of, label
from tests.vectors import vector

CODECS: dict[int, Codec[Any]] = {14: codec_of(MetadataV14), 15: codec_of(MetadataV15), 16: codec_of(MetadataV16)}
REAL_METADATA = (
    "metadata/phala/phala_1291.scale.gz",
    "metadata/phala/khala_spec1251.scale.gz",
    "metadata/pjs/v14-kusama.scale.gz",
    "metadata/pjs/v14-substrate.scale.gz",
    "metadata/pjs/v15-kusama.scale.gz",
    "metadata/pjs/v16-kusama.scale.gz",
    "metadata/pjs/v16-substrate.scale.gz",
    "metadata/sidecar/polkadotV1000001Metadata.scale.gz",
)
FRAME_METADATA = "metadata/pjs/v16-substrate.scale.gz"
REPOSITORY = Path(__file__).resolve().parents[3]
CLIENTS = ("polkadot.js", "polkadot-api")


def decoded(data: bytes) -> Any:
    """The content of metadata bytes, decoded by the version they name."""
    assert data[:4] == b"meta"
    return CODECS[data[4]].decode_all(data[5:])


def real(name: str) -> bytes:
    """A real chain's metadata, without the option and length around some of the files."""
    data = gzip.decompress(vector(name).read_bytes())
    return data[data.index(b"meta") :]


# Real metadata


@pytest.mark.parametrize("name", REAL_METADATA)
def test_real_metadata_decodes_and_encodes_to_the_same_bytes(name: str) -> None:
    data = real(name)
    assert CODECS[data[4]].encode(decoded(data)) == data[5:]


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
            return tuple(described.path)
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
            return tuple(described.path), [(f.name, self.of(f.type, below)) for f in made.fields]
        assert isinstance(made, Cases)
        cases = {(c.index, c.name): [(f.name, self.of(f.type, below)) for f in c.fields] for c in made.cases}
        return tuple(described.path), cases


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
)
PART_OF_FRAME = (  # where a runtime may leave variants out, but must agree on those it has
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


# What the declarations say


def features(version: int) -> Any:
    content = decoded(metadata_bytes(FeatureRuntime, version))
    return next(pallet for pallet in content.pallets if pallet.name == "Features")


@pytest.mark.parametrize("version", SUPPORTED)
def test_storage_is_described_as_declared(version: int) -> None:
    found = features(version).storage
    entries = {entry.name: entry for entry in found.entries}
    assert found.prefix == "Features"
    assert list(entries) == [
        *("Total", "Owner", "OriginPoint", "ODD", "Digest", "ByNumber", "ByAccount", "ByDue", "ByHash", "ByText"),
        *("ByCode", "ByPair", "Counted", "CounterForCounted", "Under", "UnderDefault"),
    ]
    hashers = {
        name: [h.name for h in entry.type.hashers] for name, entry in entries.items() if hasattr(entry.type, "hashers")
    }
    assert hashers == {
        "ByNumber": ["Twox64Concat"],
        "ByAccount": ["Blake2_128Concat"],
        "ByDue": ["Identity"],
        "ByHash": ["Blake2_128"],
        "ByText": ["Blake2_256"],
        "ByCode": ["Twox128"],
        "ByPair": ["Twox256"],
        "Counted": ["Blake2_128Concat"],
        "Under": ["Blake2_128Concat", "Identity"],
        "UnderDefault": ["Blake2_128Concat", "Twox64Concat"],
    }
    optional = {name for name, entry in entries.items() if entry.modifier is V14Modifier.Optional}
    assert optional == {"Owner", "ByNumber", "ByHash", "ByText", "ByCode", "ByPair", "Under"}
    assert all(entries[name].default == b"\0" for name in optional)
    assert entries["Total"].default == (5).to_bytes(16, "little")
    assert entries["OriginPoint"].default == codec_of(Point).encode(Point(1, 2))
    assert entries["UnderDefault"].default == b"\1\1"
    assert entries["CounterForCounted"].default == bytes(4)
    assert entries["Total"].docs == [" All of it."]
    assert entries["OriginPoint"].docs == [" Where it starts.", "", " On two lines."]
    assert entries["Owner"].docs == []


def test_keys_of_double_maps_are_tuples() -> None:
    source = describe(FeatureRuntime(Overlay(DictBackend())))
    entry = next(e for p in source.pallets for e in p.storage if e.name == "Under")
    assert entry.key is not None
    key = source.types[entry.key].type.definition
    assert isinstance(key, Tuple)
    account, number = key.types
    assert source.types[account].type.path == ["sp_core", "crypto", "AccountId32"]
    assert source.types[number].type.definition == source.types[source.registry.id_of(U32)].type.definition


@pytest.mark.parametrize("version", SUPPORTED)
def test_constants_are_described_as_declared(version: int) -> None:
    found = {constant.name: constant for constant in features(version).constants}
    assert {name: constant.value for name, constant in found.items()} == {
        "Limit": bytes((4, 0, 0, 0)),
        "OddNAME": b"\7" * 32,
        "Shape": bytes((4, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 12)),
        "Points": bytes((4, 4, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0)),
    }
    assert found["Limit"].docs == [" How many.", "", " At most."]
    assert found["OddNAME"].docs == []


def cases(number: int, types: list[PortableType]) -> dict[str, Any]:
    made = types[number].type.definition
    assert isinstance(made, Cases)
    return {case.name: case for case in made.cases}


def test_calls_events_and_errors_are_described_as_declared() -> None:
    content, pallet = decoded(metadata_bytes(FeatureRuntime, 14)), features(14)
    calls = cases(pallet.calls, content.types)
    in_order = ("integers", "texts", "options", "structs", "enums", "accounts", "signed", "wrapped")
    places = {name: index for index, name in enumerate(in_order)} | {"calls": 9, "nothing": 12}
    assert {name: case.index for name, case in calls.items()} == places
    assert calls["integers"].docs == ["Takes integers.", "", "All of them."]
    assert calls["nothing"].docs == []
    assert [(f.name, f.type_name) for f in calls["integers"].fields][-2:] == [("e", "u128"), ("f", "Balance")]
    assert [f.type_name for f in calls["texts"].fields] == [
        *("bool", "String", "Vec<u8>", "Code", "Tags", "Vec<Vec<u8>>")
    ]
    assert [f.type_name for f in calls["signed"].fields] == ["Era", "MultiSignature", "[u8; 5]"]
    assert [f.name for f in calls["calls"].fields] == ["call", "more", "events"]
    events = cases(pallet.events, content.types)
    assert {name: case.index for name, case in events.items()} == {"Numbers": 0, "Compacts": 1, "Plain": 2, "Late": 9}
    assert [(f.name, f.docs) for f in events["Plain"].fields][-1] == ("from", ["Where from."])
    errors = cases(pallet.errors, content.types)
    assert {name: (case.index, case.docs) for name, case in errors.items()} == {
        "NotThere": (0, ["Nothing is there."]),
        "TooMany": (1, ["More than the limit."]),
    }
    outer = cases(content.types[content.extrinsic.type].type.params[1].type, content.types)
    assert {name: case.index for name, case in outer.items()} == {"System": 0, "Features": 17, "Holder": 200}
    assert content.types[pallet.calls].type.path == ["pallet_features", "pallet", "Call"]


def test_a_pallet_without_declarations_has_a_place_and_nothing_in_it() -> None:
    quiet = next(p for p in decoded(metadata_bytes(FeatureRuntime, 15)).pallets if p.name == "Quiet")
    assert (quiet.index, quiet.storage, quiet.calls, quiet.events, quiet.errors, quiet.constants) == (
        *(3, None, None, None, None, []),
    )
    assert quiet.docs == [" A pallet with nothing on the wire."]


def test_every_call_argument_has_a_type_name() -> None:
    """scalecodec can't show a call without."""
    source = describe(DevRuntime(Overlay(DictBackend())))
    fields = [
        f for p in source.pallets if p.calls for case in cases(p.calls, source.types).values() for f in case.fields
    ]
    assert fields
    assert all(field.type_name for field in fields)


@pytest.mark.parametrize("version", (15, 16))
def test_runtime_apis_are_described_as_declared(version: int) -> None:
    (api,) = decoded(metadata_bytes(FeatureRuntime, version)).apis
    assert (api.name, api.docs) == ("FeaturesApi", [" Everything a function can take.", "", " And answer."])
    shape_of, nothing = api.methods
    assert [parameter.name for parameter in shape_of.inputs] == ["class", "points", "call"]
    assert shape_of.docs == [" The shape.", "", " Or none."]
    types = decoded(metadata_bytes(FeatureRuntime, version)).types
    assert types[shape_of.output].type.path == ["Option"]
    assert types[nothing.output].type.definition == Tuple([])


def test_version_16_has_its_own_fields() -> None:
    content = decoded(metadata_bytes(DevRuntime, 16))
    assert content.extrinsic.versions == [4]
    assert content.extrinsic.extensions_by_version == [(0, list(range(len(DevRuntime.extensions))))]
    assert [(api.name, api.version) for api in content.apis] == [
        (api.__name__, api.api_version) for api in DevRuntime.apis
    ]
    assert all(isinstance(pallet.deprecation, NotDeprecated) for pallet in content.pallets)
    assert all(not (pallet.view_functions or pallet.associated_types) for pallet in content.pallets)


def test_versions_differ_in_form_only() -> None:
    contents = {version: decoded(metadata_bytes(DevRuntime, version)) for version in SUPPORTED}
    assert contents[14].types == contents[15].types == contents[16].types
    for version in (14, 15):
        assert contents[version].runtime_type == describe(DevRuntime(Overlay(DictBackend()))).runtime_type
    enums = contents[15].outer_enums
    assert enums == contents[16].outer_enums
    named = [contents[15].types[number].type.path[-1] for number in (enums.call, enums.event, enums.error)]
    assert named == ["RuntimeCall", "RuntimeEvent", "RuntimeError"]


def test_metadata_is_made_once_a_runtime_class() -> None:
    first = metadata_bytes(FeatureRuntime, 14)
    assert metadata_bytes(FeatureRuntime(Overlay(DictBackend())), 14) is first
    assert metadata_bytes(DevRuntime, 14) != first


@pytest.mark.parametrize("version", (0, 13, 17, 2**32 - 1))
def test_other_versions_are_refused(version: int) -> None:
    with pytest.raises(UnsupportedMetadataVersion, match=rf"{version} is none of 14, 15, 16"):
        metadata_bytes(DevRuntime, version)


# What can't be described is refused when it is declared so


@struct(path="somewhere::Twin")
class Twin:
    """One of two."""

    value: U8


@struct(path="somewhere::Twin")
class OtherTwin:
    """The other."""

    value: U16


class Plain:
    """No type of the wire."""


@struct
class OwnForm:
    """A class with a codec of its own that nobody describes."""

    @staticmethod
    def __scale_encode__(value: Any) -> bytes:
        return b""

    @staticmethod
    def __scale_decode__(data: bytes, at: int = 0) -> tuple[Any, int]:
        return None, at


def test_two_types_under_one_name_are_refused() -> None:
    registry = TypesRegistry()
    registry.id_of(Twin)
    with pytest.raises(TypeError, match="both somewhere::Twin"):
        registry.id_of(OtherTwin)
    with pytest.raises(TypeError, match="both somewhere::Twin"):
        registry.id_of(Annotated[U32, Wrapped("somewhere::Twin")])


@pytest.mark.parametrize("kind", (Plain, int, float, OwnForm, dict[str, bytes], list[Plain]), ids=str)
def test_types_without_description_are_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="no description of"):
        TypesRegistry().id_of(kind)


def test_unknown_runtime_types_are_refused() -> None:
    with pytest.raises(TypeError, match="no description of Nonsense: add it"):
        TypesRegistry().id_of(Annotated[Any, RuntimeType("Nonsense")])


def test_paths_follow_from_modules() -> None:
    assert path_of(Twin) == "somewhere::Twin"
    assert path_of(Features.Local) == "pallet_features::pallet::Local"
    assert path_of(OwnForm) == "tests::pallets::frame::test_metadata::OwnForm"
    for module, path in {
        "pallets.jobs": "pallet_jobs::Made",
        "pallets.curves.linear": "pallet_curves::linear::Made",
        "pallets.system": "frame_system::Made",
        "pallets.primitives.job": "fathom_primitives::job::Made",
    }.items():
        assert path_of(type("Made", (), {"__module__": module, "__qualname__": "Made"})) == path
    nested = type("HoldReason", (), {"__module__": "pallets.jobs", "__qualname__": "Jobs.HoldReason"})
    assert path_of(nested) == "pallet_jobs::pallet::HoldReason"


@pytest.mark.parametrize(
    ("written", "spelled"),
    {
        "Compact[Balance]": "Balance",
        "list[tuple[U8, AccountId]]": "Vec<(u8, AccountId)>",
        "Const[U32]": "u32",
        "bytes | None": "Option<Vec<u8>>",
        "Features.Local": "Local",
        "None": "()",
        "Address": "AccountIdLookupOf<T>",
        "Annotated[bytes, Bound(3)]": None,
        "list[Annotated[bytes, Bound(3)]]": None,
    }.items(),
)
def test_annotations_are_spelled_as_rust_spells_them(written: str, spelled: str | None) -> None:
    assert rust_name(written) == spelled


# Documentation


class Documented(Pallet):
    """Says what it is.

    Indented.
    """

    first: Const[U32]
    """The first."""
    second: Const[U32]
    third: Const[U32] = 3
    "The third."

    class Silent(Event):
        number: U32

    class Said(Error):
        """Said."""

    stored = Value[Balance](default=0)
    """Stored."""

    @call(0)
    def act(self, who: Signed) -> None:
        """Act."""


def test_documentation_is_what_stands_in_the_source() -> None:
    class Local:
        """Within a function."""

        field: U32
        """A field."""

    assert class_docs(Documented) == ["Says what it is.", "", "    Indented.", "Not."]
    assert member_docs(Documented, "first") == ["The first."]
    assert member_docs(Documented, "second") == []
    assert member_docs(Documented, "third") == ["The third."]
    assert member_docs(Documented, "stored") == ["Stored."]
    assert class_docs(Documented.Silent) == [], "the docstring that dataclass makes up is none"
    assert class_docs(Documented.Said) == ["Said."]
    assert (class_docs(Local), member_docs(Local, "field")) == (["Within a function."], ["A field."])


def test_without_source_there_is_no_documentation() -> None:
    made = type("Made", (), {"__doc__": "Made.", "__module__": "nowhere"})
    assert (class_docs(made), member_docs(made, "x")) == ([], [])


# Clients


@cache
def client_libraries() -> str | None:
    """Why the JavaScript libraries can't judge, or `None` where they can."""
    if shutil.which("node") is None:
        return "node is not installed"
    missing = [p for p in ("@polkadot/types", "polkadot-api") if not (REPOSITORY / "node_modules" / p).is_dir()]
    return f"npm packages {', '.join(missing)} are not installed: npm ci" if missing else None


@cache
def reports(runtime: type[Runtime]) -> dict[str, Any]:
    """What each client library makes of each version, of values of all types, and of all errors."""
    reason = client_libraries()
    if reason is not None:
        pytest.skip(reason)
    question = {
        "metadata": {str(version): f"0x{metadata_bytes(runtime, version).hex()}" for version in SUPPORTED},
        "values": {
            "polkadot.js": values_of_every_type(Judge(runtime)),
            "polkadot-api": values_of_every_type(Judge(runtime, module_errors=False)),  # it shortens those it encodes
        },
        "errors": [judge_of(runtime).source.registry.id_of(DispatchErrorType), list(errors_of(runtime))],
    }
    judge = REPOSITORY / "tests" / "clients" / "metadata_judge.mjs"
    done = subprocess.run(
        ["node", str(judge)], input=json.dumps(question), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def errors_of(runtime: type[Runtime]) -> dict[str, str]:
    """Names of all pallets' errors by their bytes as a `DispatchError`."""
    made = judge_of(runtime).runtime
    return {
        f"0x{made.encode_error(error()).hex()}": f"{pallet.wire_name}.{error.__name__}"
        for pallet in made.pallets
        for error in pallet.errors
    }


def values_of_every_type(judge: Judge) -> list[tuple[int, str]]:
    return [
        (number, f"0x{case.encode(value).hex()}")
        for number, case in cases_of(judge).items()
        if not case.values.is_empty
        for value in drawn(case.values)
    ]


def drawn(values: SearchStrategy[Any]) -> list[Any]:
    """A dozen random values."""
    found: list[Any] = []

    @settings(
        max_examples=12, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(values)
    def take(value: Any) -> None:
        found.append(value)

    take()
    return found


def each_report(runtime: type[Runtime]) -> list[tuple[str, str, Any]]:
    return [
        (version, client, reports(runtime)[version][client]) for version in map(str, SUPPORTED) for client in CLIENTS
    ]


@pytest.mark.parametrize("runtime", RUNTIMES, ids=label)
def test_clients_see_the_pallets_as_declared(runtime: type[Runtime]) -> None:
    made = runtime(Overlay(DictBackend()))
    source = describe(made)
    for version, client, report in each_report(runtime):
        assert list(report["pallets"]) == [pallet.wire_name for pallet in made.pallets]
        for pallet, described in zip(made.pallets, source.pallets, strict=True):
            seen = report["pallets"][pallet.wire_name]
            where = f"{client}, V{version}, {pallet.wire_name}"
            assert seen["index"] == pallet.index, where
            assert {name: entry["prefix"] for name, entry in seen["storage"].items()} == {
                entry.name: f"0x{storage_prefix(pallet.wire_name, entry.name).hex()}" for entry in described.storage
            }, where
            assert {name: entry["fallback"] for name, entry in seen["storage"].items()} == {
                entry.name: None if entry.optional else f"0x{entry.default.hex()}" for entry in described.storage
            }, where
            assert seen["constants"] == {c.name: f"0x{c.value.hex()}" for c in described.constants}, where
            for kind, number in (
                ("calls", described.calls),
                ("events", described.events),
                ("errors", described.errors),
            ):
                declared = {} if number is None else cases(number, source.types)
                assert set(seen[kind]) == set(declared), where


@pytest.mark.parametrize("runtime", RUNTIMES, ids=label)
def test_clients_find_every_call_and_event_at_its_place(runtime: type[Runtime]) -> None:
    made = runtime(Overlay(DictBackend()))
    for version, client, report in each_report(runtime):
        for pallet in made.pallets:
            seen = report["pallets"][pallet.wire_name]
            declared = {
                "calls": {s.name: s.index for (at, _), s in made.tables.calls.items() if at == pallet.index},
                "events": {event.__name__: event.index for event in pallet.events},
                "errors": {error.__name__: error.index for error in pallet.errors},
            }
            for kind, places in declared.items():
                at = {name: entry[0] if client == "polkadot.js" else entry[1] for name, entry in seen[kind].items()}
                assert at == places, f"{client}, V{version}, {pallet.wire_name}"


@pytest.mark.parametrize("runtime", RUNTIMES, ids=label)
def test_clients_see_extensions_and_apis_as_declared(runtime: type[Runtime]) -> None:
    apis = {
        api.__name__: {m.name: [name.rstrip("_") for name, _ in m.params] for m in api.methods()}
        for api in runtime.apis
    }
    for version, client, report in each_report(runtime):
        where = f"{client}, V{version}"
        assert report["extensions"] == [extension.identifier for extension in runtime.extensions], where
        assert report["versions"] == [4], where
        assert report["apis"] == ({} if version == "14" else apis), where
        if client == "polkadot.js":
            assert report["signedExtensions"] == report["extensions"], where
            assert '"Id":"AccountId"' in report["address"], where
            assert '"Sr25519":"Sr25519Signature"' in report["signature"], where
        else:
            assert report["ss58"] == 42, where
            assert report["call"] == describe(runtime(Overlay(DictBackend()))).extrinsic.call, where


@pytest.mark.parametrize("runtime", RUNTIMES, ids=label)
def test_clients_can_use_every_type(runtime: type[Runtime]) -> None:
    source = judge_of(runtime).source
    no_index = source.registry.id_of(NoIndex)
    for version, client, report in each_report(runtime):
        unusable = [] if client == "polkadot-api" else [no_index]  # polkadot.js has its own form of that address
        assert report["unusable"] == unusable, f"{client}, V{version}"


@pytest.mark.parametrize("runtime", RUNTIMES, ids=label)
def test_clients_decode_and_encode_values_of_every_type(runtime: type[Runtime]) -> None:
    for version, client, report in each_report(runtime):
        assert report["failures"] == [], f"{client}, V{version}"


@pytest.mark.parametrize("runtime", RUNTIMES, ids=label)
def test_clients_name_every_error(runtime: type[Runtime]) -> None:
    for version, client, report in each_report(runtime):
        assert report["errors"] == list(errors_of(runtime).values()), f"{client}, V{version}"
