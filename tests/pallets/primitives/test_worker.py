"""What a worker says of itself, judged by scalecodec and by bytes written out by hand."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

from pallets.primitives.keys import verify_ed25519
from pallets.primitives.worker import INFO, MAX_ENDPOINT, VERSION, WorkerInfo, heartbeat_bytes, runtime_id

FIELDS = [
    ["version", "u8"],
    ["worker_key", "[u8; 32]"],
    ["seal_key", "[u8; 32]"],
    ["operator", "AccountId"],
    ["genesis", "[u8; 32]"],
    ["runtime_id", "[u8; 32]"],
    ["endpoint", "Vec<u8>"],
    ["features", "Vec<u32>"],
    ["gpu_evidence", "Option<[u8; 32]>"],
]
KEY = st.binary(min_size=32, max_size=32)
INFOS = st.builds(
    WorkerInfo,
    version=st.integers(0, 255),
    worker_key=KEY,
    seal_key=KEY,
    operator=KEY,
    genesis=KEY,
    runtime_id=KEY,
    endpoint=st.binary(max_size=MAX_ENDPOINT),
    features=st.lists(st.integers(0, 2**32 - 1), max_size=8),
    gpu_evidence=st.none() | KEY,
)
EXAMPLE = WorkerInfo(VERSION, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, b"\x04" * 32, b"\x05" * 32, b"a:1", [7], None)


def judge() -> RuntimeConfigurationObject:
    config = RuntimeConfigurationObject()
    config.update_type_registry(load_type_registry_preset("core"))
    config.update_type_registry({"types": {"WorkerInfo": {"type": "struct", "type_mapping": FIELDS}}})
    return config


JUDGE = judge()


@given(INFOS)
def test_info_is_the_struct_of_the_protocol(info: WorkerInfo) -> None:
    value = {name: _for_judge(getattr(info, name)) for name, _ in FIELDS}
    encoded = JUDGE.create_scale_object("WorkerInfo").encode(value).data
    assert INFO.encode(info) == encoded
    assert INFO.decode_all(bytes(encoded)) == info
    read = JUDGE.create_scale_object("WorkerInfo", ScaleBytes(INFO.encode(info)))
    read.decode()
    assert read.value["operator"] == f"0x{info.operator.hex()}"


def _for_judge(value: object) -> object:
    return f"0x{value.hex()}" if isinstance(value, bytes) else value


def test_report_data_is_the_hash_of_the_info_then_the_block() -> None:
    raw = (
        b"\x01" + b"\x01" * 32 + b"\x02" * 32 + b"\x03" * 32 + b"\x04" * 32 + b"\x05" * 32
        + b"\x0ca:1" + b"\x04\x07\0\0\0" + b"\0"
    )  # fmt: skip
    assert EXAMPLE.report_data(b"\xbb" * 32) == blake2b(raw, digest_size=32).digest() + b"\xbb" * 32


@pytest.mark.parametrize("name", [name for name, _ in FIELDS])
def test_every_field_counts(name: str) -> None:
    others = {"version": 2, "endpoint": b"b", "features": [8], "gpu_evidence": b"\x09" * 32}
    assert replace(EXAMPLE, **{name: others.get(name, b"\x09" * 32)}).hash != EXAMPLE.hash  # type: ignore[arg-type]


def test_runtime_id_is_the_hash_of_engine_version_files_and_config() -> None:
    def hashed(data: bytes) -> bytes:
        return blake2b(data, digest_size=32).digest()

    raw = b"\x18engine" + b"\x0c1.0" + hashed(b"wasm") + hashed(b"prelude") + b"\x18config"
    assert runtime_id("engine", "1.0", b"wasm", b"prelude", b"config") == hashed(raw)


def test_heartbeat_is_the_tag_then_the_fields() -> None:
    genesis, worker, block = b"\x0a" * 32, b"\x0b" * 32, b"\x0c" * 32
    expected = b"fathom/heartbeat" + b"\x01" + genesis + worker + b"\x02\x01\0\0" + block
    assert heartbeat_bytes(genesis, worker, 258, block) == expected


def test_heartbeat_of_a_real_key_verifies() -> None:
    key = SigningKey(b"\x01" * 32)
    public = key.verify_key.encode()
    signed = heartbeat_bytes(b"\x0a" * 32, public, 1, b"\x0c" * 32)
    signature = key.sign(signed).signature
    assert verify_ed25519(signature, signed, public)
    assert not verify_ed25519(signature, heartbeat_bytes(b"\x0a" * 32, public, 2, b"\x0c" * 32), public)
