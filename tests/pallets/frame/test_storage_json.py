"""Storage by names: what is shown of any entry reads back as that entry, and what people leave out is nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pallets.frame.json_values import InvalidJson, value_of_json
from pallets.frame.storage_json import Entry, Prefix, _index, _Stored, read_storage, show_entry
from pallets.primitives.codec import codec_of
from pallets.primitives.header import DigestItem, PreRuntime
from pallets.runtime import DevRuntime
from pallets.sudo import Sudo
from pallets.system.account import AccountInfo
from pallets.system.pallet import System
from tests.pallets.frame.random_values import values_of
from tests.pallets.frame.scalecodec_judge import judge_of

JUDGE = judge_of(DevRuntime)
SHOWN_ONLY = ("Events", "Holds")  # types of the composed runtime
ITEMS = [stored for stored in _index(DevRuntime).by_prefix.values() if stored.item not in SHOWN_ONLY]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ITEMS), st.data())
def test_what_is_shown_reads_back(stored: _Stored, data: st.DataObject) -> None:
    keys = [data.draw(values_of(JUDGE, key.annotation)) for key in stored.keys]
    value = data.draw(values_of(JUDGE, stored.annotation)) if stored.annotation is not type(None) else None
    entry = Entry(
        stored.prefix
        + b"".join(key.hasher.apply(key.codec.encode(each)) for key, each in zip(stored.keys, keys, strict=True)),
        stored.value.encode(value),
    )
    shown = show_entry(DevRuntime, *entry)
    assert shown is not None
    assert (shown.pallet, shown.item) == (stored.pallet, stored.item)
    written = json.loads(json.dumps(shown.value))
    if isinstance(written, str) and written.startswith("0x"):
        assert entry.value is not None
        written = f"0x{entry.value.hex()}"  # at the place of a value hex is what is stored, length and all
    given_keys = json.loads(json.dumps(shown.keys))
    document = {stored.pallet: {stored.item: [[given_keys, written]] if keys else written}}
    assert list(read_storage(DevRuntime, document)) == [entry]
    assert show_entry(DevRuntime, entry.key + b"\0", entry.value) is None or not keys
    assert show_entry(DevRuntime, b"\xff" * 32, b"") is None


def test_what_is_left_out_is_nothing() -> None:
    account = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    document = {
        "system": {"account": [[account, {"providers": 1}]], "$removePrefix": ["block_hash"]},
        "SUDO": {"key": None},
    }
    entry, removed, deleted = read_storage(DevRuntime, document)
    assert isinstance(entry, Entry)
    assert entry.value == codec_of(AccountInfo).encode(AccountInfo(providers=1))
    assert removed == Prefix(System.block_hash.prefix)
    assert deleted == Entry(Sudo.key.prefix, None)
    commitment = {"layer": "0x" + "11" * 32}
    (found,) = read_storage(DevRuntime, {"Randomness": {"Commitment": [["0x" + "22" * 32, commitment]]}})
    assert isinstance(found, Entry)
    assert found.value == b"\x11" * 32 + bytes(8)


def test_enums() -> None:
    item = PreRuntime(b"aura", b"\1")
    for written in ({"PreRuntime": ["0x61757261", "0x01"]}, {"preRuntime": {"engine": "aura", "data": "0x01"}}):
        assert value_of_json(DigestItem, written, "logs") == item
    wrong: tuple[object, ...] = (
        "Nonesuch",
        {"PreRuntime": ["0x61757261"]},
        {"PreRuntime": 1},
        {},
        {"Other": 1},
        3,
        None,
    )
    for written_wrong in wrong:
        with pytest.raises(InvalidJson, match="logs"):
            value_of_json(DigestItem, written_wrong, "logs")
