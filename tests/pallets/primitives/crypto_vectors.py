"""Reads the cryptographic vectors: literals by the name of the test they stand in, and rows."""

from __future__ import annotations

import json
from typing import Any

from tests.vectors import vector

SEED = b"12345678901234567890123456789012"
"""The seed of polkadot.js's and Substrate's tests."""

SECP256K1_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


def literals(name: str) -> dict[str, list[str]]:
    """The literals of a polkadot.js test file by the name of the test."""
    cases = json.loads(vector(f"crypto/literals_{name}.json").read_text())["cases"]
    return {case["test"]: case["literals"] for case in cases}


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of `crypto/{name}.json`."""
    document = json.loads(vector(f"crypto/{name}.json").read_text())
    found: list[dict[str, Any]] = document["rows"] if isinstance(document, dict) else document
    return found


def unhex(text: str) -> bytes:
    """The bytes of `0x` text."""
    assert text.startswith("0x")
    return bytes.fromhex(text[2:])
