"""Metadata says what the declarations say, in a form that real chains' metadata proves."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from pallets.frame import U8, U16, U32, struct
from pallets.frame.metadata import SUPPORTED, UnsupportedMetadataVersion, describe, metadata_bytes
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.types_registry import TypesRegistry, path_of, rust_name
from pallets.primitives.codec import codec_of
from pallets.primitives.metadata_v14 import Modifier as V14Modifier
from pallets.primitives.metadata_v16 import NotDeprecated
from pallets.primitives.portable_types import Tuple
from pallets.primitives.types import RuntimeType, Wrapped
from pallets.runtime import DevRuntime
from tests.pallets.frame.decoded_metadata import CODECS, cases, decoded, real
from tests.pallets.frame.feature_runtime import FeatureRuntime, Features, Point

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


# Real metadata


@pytest.mark.parametrize("name", REAL_METADATA)
def test_real_metadata_decodes_and_encodes_to_the_same_bytes(name: str) -> None:
    data = real(name)
    assert CODECS[data[4]].encode(decoded(data)) == data[5:]


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
        *("ByCode", "ByPair", "Counted", "CounterForCounted", "Under", "Deep", "UnderDefault"),
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
        "Deep": ["Identity", "Blake2_128Concat", "Twox64Concat"],
        "UnderDefault": ["Blake2_128Concat", "Twox64Concat"],
    }
    optional = {name for name, entry in entries.items() if entry.modifier is V14Modifier.Optional}
    assert optional == {"Owner", "ByNumber", "ByHash", "ByText", "ByCode", "ByPair", "Under", "Deep"}
    assert all(entries[name].default == b"\0" for name in optional)
    assert entries["Total"].default == (5).to_bytes(16, "little")
    assert entries["OriginPoint"].default == codec_of(Point).encode(Point(1, 2))
    assert entries["UnderDefault"].default == b"\1\1"
    assert entries["CounterForCounted"].default == bytes(4)
    assert entries["Total"].docs == [" All of it."]
    assert entries["OriginPoint"].docs == [" Where it starts.", "", " On two lines."]
    assert entries["Owner"].docs == []


@pytest.mark.parametrize("name", ["Under", "Deep"])
def test_several_keys_are_a_tuple(name: str) -> None:
    source = describe(FeatureRuntime(Overlay(DictBackend())))
    entry = next(e for p in source.pallets for e in p.storage if e.name == name)
    assert entry.key is not None
    key = source.types[entry.key].type.definition
    assert isinstance(key, Tuple)
    account, number = key.types[-2:]
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


WrappedTwin = Annotated[U32, Wrapped("somewhere::Twin")]
Nonsense = Annotated[Any, RuntimeType("Nonsense")]


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
        registry.id_of(WrappedTwin)


@pytest.mark.parametrize("kind", (Plain, int, float, OwnForm, dict[str, bytes], list[Plain]), ids=str)
def test_types_without_description_are_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="no description of"):
        TypesRegistry().id_of(kind)


def test_unknown_runtime_types_are_refused() -> None:
    with pytest.raises(TypeError, match="no description of Nonsense: add it"):
        TypesRegistry().id_of(Nonsense)


def test_paths_follow_from_modules() -> None:
    assert path_of(Twin) == "somewhere::Twin"
    assert path_of(Features.Local) == "pallet_features::pallet::Local"
    assert path_of(OwnForm) == "tests::pallets::frame::test_metadata::OwnForm"
    for module, path in {
        "pallets.jobs.pallet": "pallet_jobs::Made",
        "pallets.curves.linear": "pallet_curves::linear::Made",
        "pallets.system.pallet": "frame_system::Made",
        "pallets.primitives.job": "fathom_primitives::job::Made",
    }.items():
        assert path_of(type("Made", (), {"__module__": module, "__qualname__": "Made"})) == path
    nested = type("HoldReason", (), {"__module__": "pallets.jobs.pallet", "__qualname__": "Jobs.HoldReason"})
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
