"""Extrinsics taken apart: real ones of Polkadot and Kusama, eras, and what isn't an extrinsic."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import (
    IMMORTAL,
    Era,
    UncheckedExtrinsic,
    bare_extrinsic,
    is_bare,
    signed_extrinsic,
    signing_payload,
    verify_signature,
)
from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import DecodeError
from tests.vectors import vector


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


@cache
def scalecodec_types() -> RuntimeConfigurationObject:
    config = RuntimeConfigurationObject()
    config.update_type_registry(load_type_registry_preset("legacy"))
    return config


def recorded() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(vector("recorded/verified_signed_extrinsics.json").read_text())
    return found


def test_real_extrinsics() -> None:
    for case in recorded():
        data = raw(case["extrinsic"])
        assert blake2_256(data) == raw(case["hash"])
        taken = UncheckedExtrinsic.decode(data)
        assert taken.version == 4
        assert taken.call == raw(case["call"])
        preamble = taken.preamble
        assert preamble is not None
        assert preamble.signer == raw(case["signer_public"])
        assert preamble.extra_bytes == raw(case["extra"])
        genesis = raw(case["genesis_hash"])
        versions = case["spec_version"].to_bytes(4, "little") + case["tx_version"].to_bytes(4, "little")
        payload = signing_payload(taken.call, preamble.extra_bytes, versions + genesis + genesis)
        assert payload == raw(case["signing_payload"])
        assert verify_signature(preamble.signature, payload, preamble.signer)
        assert not verify_signature(preamble.signature, payload + b"\0", preamble.signer)
        assert signed_extrinsic(preamble.signer, preamble.signature, preamble.extra_bytes, taken.call) == data
        assert not is_bare(data)


def test_long_payloads_are_hashed() -> None:
    assert signing_payload(b"c" * 200, b"e" * 50, b"i" * 6) == b"c" * 200 + b"e" * 50 + b"i" * 6
    assert signing_payload(b"c" * 200, b"e" * 50, b"i" * 7) == blake2_256(b"c" * 200 + b"e" * 50 + b"i" * 7)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"\x04", b"\x08\x84", b"\x04\x83", b"\x08\x04", b"\x04\x04\x00", b"\xff" * 40, b"\x0c\x84\x00\x00"],
)
def test_what_is_no_extrinsic(data: bytes) -> None:
    with pytest.raises(DecodeError):
        UncheckedExtrinsic.decode(data)


def test_bare() -> None:
    data = bare_extrinsic(b"\x00\x01call")
    assert UncheckedExtrinsic.decode(data) == UncheckedExtrinsic(4, None, b"\x00\x01call")
    assert is_bare(data)


@given(period=st.integers(2, 16).map(lambda power: 1 << power), current=st.integers(0, (1 << 32) - 1))
def test_eras_are_those_of_scalecodec(period: int, current: int) -> None:
    config = scalecodec_types()
    theirs = config.create_scale_object("Era")
    encoded = theirs.encode({"period": period, "current": current})
    ours = Era.mortal(period, current)
    codec = codec_of(Era)
    assert codec.encode(ours) == bytes(encoded.data)
    assert codec.decode_all(bytes(encoded.data)) == ours
    again = config.create_scale_object("Era", ScaleBytes(codec.encode(ours)))
    again.decode()
    assert (again.birth(current), again.death(current)) == (ours.birth(current), ours.death(current))


def test_immortal_and_impossible_eras() -> None:
    codec = codec_of(Era)
    assert codec.decode_all(b"\0") == IMMORTAL
    assert IMMORTAL.birth(5) == 0
    for data in (b"\x10\x00", b"\x41\x00", b"\x01"):  # period 2, phase beyond the period, half an era
        with pytest.raises(DecodeError):
            codec.decode_all(data)
