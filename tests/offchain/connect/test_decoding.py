"""Both decoders on what real chains have said: recorded blocks, recorded decodings, real metadata."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from offchain.connect.chain import decoder_of, header_from
from offchain.connect.decoder import Undecodable, Unknown, call_of, item_of
from offchain.connect.difference import differences
from offchain.connect.errors import WrongAnswer
from offchain.connect.extrinsics_root import extrinsics_root
from offchain.connect.guess import readings
from offchain.connect.named import NamedDecoder
from offchain.connect.output import exact
from offchain.connect.portable import PortableDecoder
from offchain.connect.shown import extrinsic_json
from offchain.metadata import UnreadableMetadata
from pallets.primitives.metadata_schema import read_schema, rewritten, unwrapped
from pallets.primitives.metadata_v14 import Map
from tests.vectors import VECTORS, vector

REAL = (
    "phala/phala_1291",
    "phala/khala_spec1251",
    "pjs/v14-kusama",
    "pjs/v15-kusama",
    "pjs/v16-kusama",
    "sidecar/polkadotV1000001Metadata",
)
OLD = Path(__file__).resolve().parents[3] / "node_modules/@polkadot/types-support/metadata"


def metadata(name: str) -> bytes:
    return gzip.decompress(vector(f"metadata/{name}.scale.gz").read_bytes())


def hex_file(name: str) -> bytes:
    return bytes.fromhex(vector(name).read_text().strip()[2:])


@pytest.fixture(scope="module")
def polkadot() -> PortableDecoder:
    return PortableDecoder(metadata("sidecar/polkadotV1000001Metadata"), 0)


@pytest.mark.parametrize("name", REAL)
def test_metadata_loses_nothing_and_both_decoders_read_its_values_alike(name: str) -> None:
    """Every default and every constant of a real chain, by our decoder and by scalecodec."""
    data = metadata(name)
    schema = read_schema(data)
    assert rewritten(schema) == unwrapped(data)
    ours, theirs = PortableDecoder(data, 2), NamedDecoder(data, 2)
    compared = 0
    for pallet in schema.pallets:
        defaults = [
            (entry.type.value if isinstance(entry.type, Map) else entry.type.type, entry.default)  # type: ignore[attr-defined]
            for entry in (pallet.storage.entries if pallet.storage is not None else [])
            if entry.modifier.name == "Default"
        ]
        for type, encoded in [*defaults, *((each.type, each.value) for each in pallet.constants)]:
            assert ours.typed(type, encoded) == theirs.portable(type, encoded), pallet.name
            compared += 1
    assert compared > 250


def test_a_recorded_block_reads_as_sidecar_recorded_it(polkadot: PortableDecoder) -> None:
    """Polkadot's block 18468942: extrinsics and events, field by field, and the root of its extrinsics."""
    block = json.loads(vector("recorded/sidecar/block18468942.json").read_text())
    expected = json.loads(vector("recorded/sidecar/response_block18468942.json").read_text())
    data = [bytes.fromhex(each[2:]) for each in block["extrinsics"]]
    assert f"0x{extrinsics_root(data).hex()}" == expected["extrinsicsRoot"]
    assert extrinsics_root([*data[:-1], data[-1] + b"\0"]) != extrinsics_root(data)
    events = polkadot.events(hex_file("recorded/sidecar/events18468942Hex.hex"))
    assert len(events) == 58
    for index, (encoded, recorded) in enumerate(zip(data, expected["extrinsics"], strict=True)):
        found = polkadot.extrinsic(encoded)
        assert f"0x{found.hash.hex()}" == recorded["hash"]
        assert same(f"{found.pallet}.{found.call}") == same(
            f"{recorded['method']['pallet']}.{recorded['method']['method']}"
        )
        assert same(found.arguments) == same(recorded["args"])
        assert same(found.nonce) == same(recorded["nonce"]) and same(found.tip) == same(recorded["tip"])
        if recorded["signature"] is not None:
            assert same(found.signer) == same(recorded["signature"]["signer"])
            assert same(next(iter(found.signature.values()))) == same(recorded["signature"]["signature"])
            period, phase = recorded["era"]["mortalEra"]
            assert found.era == {"period": int(period), "phase": int(phase)}
        own = [event for event in events if event.extrinsic == index]
        assert [same(event.name) for event in own] == [same(each["method"]["method"]) for each in recorded["events"]]
        for event, each in zip(own, recorded["events"], strict=True):
            assert same(event.pallet) == same(each["method"]["pallet"])
            assert same(list(event.fields.values())) == same(each["data"]), event


def test_real_signed_extrinsics_read_as_their_chains_took_them(polkadot: PortableDecoder) -> None:
    recorded = json.loads(vector("recorded/verified_signed_extrinsics.json").read_text())
    known = next(each for each in recorded if each["chain"] == "polkadot")
    call = bytes.fromhex(known["call"][2:])
    # the pallets stood at the same indices, four runtimes later
    assert polkadot.call(call) == {
        "Balances": {
            "transfer_allow_death": {"dest": {"Id": known["args"]["dest"]["id"]}, "value": int(known["args"]["value"])}
        }
    }
    assert polkadot.encode_call(polkadot.call(call)) == call
    assert NamedDecoder(metadata("sidecar/polkadotV1000001Metadata"), 0).call(call) == polkadot.call(call)


def test_a_runtime_before_types_were_described_is_read_by_name() -> None:
    """Kusama's metadata 13: an extrinsic of the chain, storage keys and values, events."""
    file = OLD / "v13/kusama-hex.js"
    if not file.exists():
        pytest.skip("the JavaScript clients, of which one brings old metadata, are not installed")
    old = bytes.fromhex(re.search(r"0x([0-9a-f]+)", file.read_text())[1])  # type: ignore[index]
    decoder = decoder_of(old, 2, "kusama", 9010)
    assert isinstance(decoder, NamedDecoder) and decoder.version == 13
    recorded = json.loads(vector("recorded/verified_signed_extrinsics.json").read_text())
    known = next(each for each in recorded if each["chain"] == "kusama")
    found = decoder.extrinsic(bytes.fromhex(known["extrinsic"][2:]))
    assert f"0x{found.hash.hex()}" == known["hash"]
    assert same(f"{found.pallet}.{found.call}") == same(f"{known['method']['pallet']}.{known['method']['method']}")
    assert same(found.arguments) == same(known["args"])
    who = "HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F"
    key = decoder.key("system", "account", [who])
    modern = PortableDecoder(metadata("pjs/v14-kusama"), 2)
    assert key == modern.key("System", "Account", [who])
    assert decoder.keys_in("System", "Account", key) == modern.keys_in("System", "Account", key) == [who]
    assert decoder.value("System", "Account", None) == {
        **modern.value("System", "Account", None),
        "data": {"free": 0, "reserved": 0, "misc_frozen": 0, "fee_frozen": 0},
    }
    _, call = call_of(decoder, "Balances", "transferKeepAlive")
    assert [each.name for each in call.arguments] == ["dest", "value"]


@pytest.mark.parametrize("data", [b"", b"meta", b"meta\x08", b"meta\x0e", b"meta\x0e\xff\xff\xff\xff", b"meta\x63rest"])
def test_what_is_no_metadata_is_one_error(data: bytes) -> None:
    with pytest.raises(UnreadableMetadata):
        decoder_of(data, 42)


def test_bytes_of_a_hostile_endpoint_are_refused_at_once(polkadot: PortableDecoder) -> None:
    """Lengths that the data can't hold, types that end early: an error, and no memory or time spent."""
    billion = (2**30 - 1 << 2 | 2).to_bytes(4, "little")
    theirs = NamedDecoder(metadata("sidecar/polkadotV1000001Metadata"), 0)
    events_type = next(
        entry.type.type  # type: ignore[attr-defined]
        for pallet in polkadot.schema.pallets
        if pallet.name == "System" and pallet.storage is not None
        for entry in pallet.storage.entries
        if entry.name == "Events"
    )
    for data in (billion, billion + b"\0" * 50, b"\x04\xff", b"\x04\x00\x01", b"\x08"):
        with pytest.raises(Undecodable):
            polkadot.events(data)
        with pytest.raises(Undecodable):
            theirs.portable(events_type, data)
    for data in (b"", b"\0", b"\x04\x84", b"\x04\x46", b"\x08\x84\0"):
        with pytest.raises(Undecodable):
            polkadot.extrinsic(data)
    for found in (None, {}, {"number": "0x1"}, {"digest": {"logs": ["0xzz"]}}, [1]):
        with pytest.raises(WrongAnswer):
            header_from(found)


def test_bytes_are_told_apart(polkadot: PortableDecoder) -> None:
    block = json.loads(vector("recorded/sidecar/block18468942.json").read_text())
    extrinsic = bytes.fromhex(block["extrinsics"][2][2:])
    found = polkadot.extrinsic(extrinsic)
    assert readings(polkadot, extrinsic, 0)[0] == ("extrinsic", extrinsic_json(found))
    assert readings(polkadot, found.encoded_call, 0)[0].kind == "call"
    assert readings(polkadot, hex_file("recorded/sidecar/events18468942Hex.hex"), 0)[0].kind == "events"
    assert readings(polkadot, metadata("phala/phala_1291"), 0)[0].kind == "metadata"
    account = found.arguments["dest"]["Id"]
    key = polkadot.key("System", "Account", [account])
    assert readings(polkadot, key, 0)[-1].value == {"pallet": "System", "item": "Account", "keys": [account]}
    with pytest.raises(Undecodable, match="7 bytes that are none of"):
        readings(polkadot, b"\xff" * 7, 0)


def test_names_are_found_in_whatever_case_and_others_proposed(polkadot: PortableDecoder) -> None:
    assert item_of(polkadot, "system", "blockHash")[1].name == "BlockHash"
    with pytest.raises(Unknown, match="there is no pallet Balance; there are Balances"):
        item_of(polkadot, "Balance", "Account")
    with pytest.raises(Unknown, match=r"there is no call in Balances: transfer_keep; there are transfer_keep_alive$"):
        call_of(polkadot, "balances", "transfer_keep")


def test_the_difference_of_two_runtimes(polkadot: PortableDecoder) -> None:
    khala, phala = (PortableDecoder(metadata(name), 30) for name in REAL[1::-1])
    changes = differences(khala, phala)
    texts = [each.text for each in changes]
    assert "+ call Balances.burn" not in " ".join(texts)
    assert "- call Balances.transfer(dest: MultiAddress, value: Compact<u128>) (index 7)" in texts
    assert "~ pallet Assets: index 89 -> index 42" in texts
    assert any(each.startswith("+ pallet PhalaPhatContracts") for each in texts)
    assert any(each.startswith("+ extension CheckMetadataHash") for each in texts)
    assert differences(phala, phala) == []


def test_json_keeps_every_number() -> None:
    assert exact({"a": 2**53 - 1, "b": 2**53, "c": -(2**53), "d": b"\1", "e": [True, None, (1,)]}) == {
        "a": 2**53 - 1,
        "b": str(2**53),
        "c": str(-(2**53)),
        "d": "0x01",
        "e": [True, None, [1]],
    }


def same(value: Any) -> Any:
    """What sidecar writes, and what we do, in one form: names without case, numbers as text, bits as bytes."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value.values())) is None:
            return same(next(iter(value)))
        return {same(str(key)): same(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [same(each) for each in value]
    if isinstance(value, str) and value.startswith("0b"):
        bits = value[2:]
        count = -(-len(bits) // 8)
        return f"0x{int((bits[::-1] or '0'), 2).to_bytes(count, 'little').hex()}"
    if value is None or isinstance(value, bool):
        return value
    return str(value).replace("_", "").lower()


assert VECTORS  # where all of this lies
