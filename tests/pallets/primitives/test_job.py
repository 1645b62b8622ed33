"""What a job is on the wire, judged by scalecodec and by bytes written out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scalecodec.base import RuntimeConfigurationObject
from scalecodec.type_registry import load_type_registry_preset

from pallets.primitives.codec import codec_of
from pallets.primitives.job import (
    MAX_INPUT,
    MAX_SEALED_OUTPUT,
    HashInput,
    HashOutput,
    InlineInput,
    InlineOutput,
    Input,
    Mode,
    Output,
    SealedInput,
    job_output_bytes,
)
from pallets.primitives.scale import DecodeError, EncodeError, compact

TYPES = {
    "Hashed": {"type": "struct", "type_mapping": [["hash", "[u8; 32]"], ["length", "u32"]]},
    "Boxes": {"type": "struct", "type_mapping": [["commitment", "[u8; 32]"], ["boxes", "Vec<Vec<u8>>"]]},
    "Input": {"type": "enum", "type_mapping": [["Inline", "Vec<u8>"], ["Hash", "[u8; 32]"], ["Sealed", "Boxes"]]},
    "Output": {"type": "enum", "type_mapping": [["Inline", "Vec<u8>"], ["Hash", "Hashed"]]},
    "Mode": {"type": "enum", "value_list": ["Deterministic", "Recorded", "Oracle"]},
}
HASH = st.binary(min_size=32, max_size=32)


def judge() -> RuntimeConfigurationObject:
    config = RuntimeConfigurationObject()
    config.update_type_registry(load_type_registry_preset("core"))
    config.update_type_registry({"types": TYPES})
    return config


JUDGE = judge()


def judged(kind: str, value: Any) -> bytes:
    return bytes(JUDGE.create_scale_object(kind).encode(value).data)


@given(st.binary(max_size=300))
def test_inline(data: bytes) -> None:
    expected = judged("Input", {"Inline": f"0x{data.hex()}"})
    assert codec_of(Input).encode(InlineInput(data)) == expected == judged("Output", {"Inline": f"0x{data.hex()}"})
    assert codec_of(Output).encode(InlineOutput(data)) == expected
    assert codec_of(Input).decode_all(expected) == InlineInput(data)


@given(HASH, st.integers(0, 2**32 - 1), st.lists(st.binary(max_size=80), max_size=3))
def test_the_other_variants(hash: bytes, length: int, boxes: list[bytes]) -> None:
    hexed = f"0x{hash.hex()}"
    assert codec_of(Input).encode(HashInput(hash)) == judged("Input", {"Hash": hexed})
    hashed = {"Hash": {"hash": hexed, "length": length}}
    assert codec_of(Output).encode(HashOutput(hash, length)) == judged("Output", hashed)
    sealed = {"Sealed": {"commitment": hexed, "boxes": [f"0x{box.hex()}" for box in boxes]}}
    assert codec_of(Input).encode(SealedInput(hash, boxes)) == judged("Input", sealed)


@pytest.mark.parametrize("mode", Mode)
def test_modes(mode: Mode) -> None:
    assert codec_of(Mode).encode(mode) == judged("Mode", mode.name)


@pytest.mark.parametrize(
    ("kind", "variant", "limit", "bytes_"),
    [(Input, InlineInput, MAX_INPUT, 65_536), (Output, InlineOutput, MAX_SEALED_OUTPUT, 65_536 + 80)],
)
def test_what_is_inline_has_at_most_64_kib_and_a_box_around_it(
    kind: Any, variant: Any, limit: int, bytes_: int
) -> None:
    assert limit == bytes_
    codec_of(kind).decode_all(codec_of(kind).encode(variant(bytes(limit))))
    with pytest.raises(EncodeError):
        codec_of(kind).encode(variant(bytes(limit + 1)))
    with pytest.raises(DecodeError):
        codec_of(kind).decode_all(b"\0" + compact(limit + 1) + bytes(limit + 1))


def test_output_is_signed_as_the_tag_then_the_fields() -> None:
    genesis, code, input, output, root, runtime = (bytes((0xA0 + i,)) * 32 for i in range(6))
    signed = job_output_bytes(
        genesis=genesis,
        job=0x0102,
        attempt=3,
        code=code,
        input=input,
        output=output,
        transcript_root=root,
        gas=0x0405,
        runtime_id=runtime,
    )
    expected = b"fathom/job-output" + b"\x01" + genesis + b"\x02\x01" + bytes(6) + b"\x03\0\0\0" + code + input + output
    assert signed == expected + root + b"\x05\x04" + bytes(6) + runtime


def test_no_transcript_is_32_zero_bytes() -> None:
    hash = b"\x01" * 32
    fields: dict[str, Any] = {"genesis": hash, "job": 1, "attempt": 1, "code": hash, "input": hash, "output": hash}
    rest: dict[str, Any] = {"gas": 1, "runtime_id": hash}
    assert job_output_bytes(**fields, **rest) == job_output_bytes(**fields, transcript_root=bytes(32), **rest)
