"""What is read of metadata, judged by what polkadot.js and scalecodec read of the same bytes."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from offchain.metadata import HEAD, Registry, UnreadableMetadata, constant_value, extrinsic_failure
from pallets.frame.events import ModuleError
from pallets.frame.metadata import metadata_bytes
from pallets.frame.runtime import EventRecord
from pallets.primitives.metadata_v14 import CODEC
from pallets.primitives.portable_types import Array, Definition, PortableType, Sequence, Tuple, Type
from pallets.primitives.scale import DecodeError, compact
from pallets.runtime import DevRuntime
from tests.pallets.frame.decoded_metadata import real
from tests.pallets.frame.random_values import dispatch_errors, values_of
from tests.pallets.frame.scalecodec_judge import Judge, judge_of
from tests.vectors import vector

DEV = metadata_bytes(DevRuntime, 14)
INFO = bytes(4)
"""A `DispatchInfo`: no weight, normal class, pays a fee."""


def judge() -> Judge:
    return judge_of(DevRuntime)


def failed(index: int, error: bytes) -> bytes:
    """The record of an extrinsic that failed."""
    return b"\0" + index.to_bytes(4, "little") + b"\0\1" + error + INFO + b"\0"


def events_type() -> int:
    system = next(pallet for pallet in judge().source.pallets if pallet.name == "System")
    return next(entry.value for entry in system.storage if entry.name == "Events")


def test_kusamas_constants_are_those_that_polkadot_js_reads() -> None:
    metadata = real("metadata/pjs/v14-kusama.scale.gz")
    read = json.loads(gzip.decompress(vector("metadata/pjs/v14-kusama.decoded.json.gz").read_bytes()))
    values = {(p["name"], c["name"]): c["value"] for p in read["metadata"]["v14"]["pallets"] for c in p["constants"]}
    for pallet, name in random.Random(1).sample(sorted(values), 8):
        assert f"0x{constant_value(metadata, pallet, name).hex()}" == values[pallet, name]
    for pallet, name in (("Balances", "Existential"), ("Balance", "ExistentialDeposit")):
        with pytest.raises(KeyError, match=rf"the chain has no constant {pallet}\.{name}"):
            constant_value(metadata, pallet, name)


def in_words(error: Any) -> str:
    """What scalecodec reads of an error, in our words."""
    if isinstance(error, str):
        return error
    ((kind, place),) = error.items()
    if kind != "Module":
        return f"{kind}.{place}"
    module = judge().metadata
    number = bytes.fromhex(place["error"][2:])[0]
    found = module.get_module_error(module_index=place["index"], error_index=number)
    pallet = next(each for each in module.pallets if each.value["index"] == place["index"])
    return f"{pallet.value['name']}.{found.name}: {' '.join(found.docs)}"


@settings(
    max_examples=4, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(st.data())
def test_events_and_failures_are_those_that_scalecodec_reads(data: st.DataObject) -> None:
    made = judge()
    others = data.draw(values_of(made, list[EventRecord]))
    known = dispatch_errors(made).filter(lambda error: not isinstance(error, ModuleError))
    errors = [data.draw(known) for _ in range(3)]
    records = [made.runtime.codecs.of(EventRecord, made.names).encode(each) for each in others]
    records += [failed(number, made.runtime.encode_error(error)) for number, error in enumerate(errors)]
    events = compact(len(records)) + b"".join(records)
    read = made.decode(events_type(), events)
    ours = Registry(CODEC.decode_all(DEV[len(HEAD) :]).types).decode_all(events_type(), events)
    assert [(each["event"][0], each["event"][1][0][0]) for each in ours] == [
        (each["event"]["module_id"], each["event"]["event_id"]) for each in read
    ]
    theirs: dict[int, Any] = {}
    for each in read:
        if each["phase"] == "ApplyExtrinsic" and each["event"]["event_id"] == "ExtrinsicFailed":
            theirs.setdefault(each["extrinsic_idx"], each["event"]["attributes"]["dispatch_error"])
    assert set(theirs) >= {0, 1, 2}
    for number in (0, 1, 2):
        assert extrinsic_failure(DEV, events, number) == in_words(theirs[number])


def test_defaults_and_constants_are_read_to_their_last_byte() -> None:
    registry = Registry(CODEC.decode_all(DEV[len(HEAD) :]).types)
    for number, value in storage_defaults():
        registry.decode_all(number, value)
        with pytest.raises(DecodeError):
            registry.decode_all(number, value + b"\0")


def storage_defaults() -> Iterator[tuple[int, bytes]]:
    """What storage that isn't optional has where nothing was written, and all constants."""
    for pallet in judge().source.pallets:
        yield from ((entry.value, entry.default) for entry in pallet.storage if not entry.optional)
        yield from ((constant.type, constant.value) for constant in pallet.constants)


@pytest.mark.parametrize(
    ("metadata", "events"),
    [
        (b"", b"\0"),
        (DEV[:-1], b"\0"),
        (DEV + b"\0", b"\0"),
        (metadata_bytes(DevRuntime, 15), b"\0"),
        (DEV, b""),
        (DEV, b"\0\0"),
        (DEV, b"\4" + failed(0, b"\3\xfe\0\0\0\0")),
        (DEV, b"\4" + failed(0, b"\3\0\xff\0\0\0")),
        (DEV, b"\4" + failed(0, b"\xff")),
    ],
    ids=["nothing", "cut", "too long", "V15", "no events", "more events", "no such pallet", "no such error", "no kind"],
)
def test_what_cannot_be_read_is_told(metadata: bytes, events: bytes) -> None:
    with pytest.raises(UnreadableMetadata, match=r"^the (chain's metadata|block's events) can't be read: "):
        extrinsic_failure(metadata, events, 0)


@pytest.mark.parametrize("definition", [Tuple([0]), Tuple([2]), Array(2**32 - 1, 1), Sequence(1)])
def test_types_of_which_nobody_sees_the_end_are_given_up(
    definition: Definition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pallets.primitives.portable_values.MAX_VALUES", 10_000)
    definitions = [definition, Tuple([]), Array(2**31, 0)]
    registry = Registry([PortableType(id, Type([], [], each)) for id, each in enumerate(definitions)])
    with pytest.raises(DecodeError, match=r"without end|more than 10000 values"):
        registry.decode_all(0, compact(2**30))
