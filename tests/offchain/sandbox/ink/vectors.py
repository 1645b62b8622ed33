"""The real contracts among the vectors: metadata and Wasm."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from offchain.contracts.metadata import Metadata
from tests.vectors import vector

FLIPPERS, ERC20S = ("flipper", "flipper-v4", "flipper-v5"), ("erc20-v4", "erc20-v5")


@cache
def told(name: str) -> Any:
    """The metadata as its file has it."""
    return json.loads(vector(f"ink/{name}.contract.json" if name in ERC20S else f"ink/{name}.json").read_bytes())


@cache
def metadata(name: str) -> Metadata:
    return Metadata(told(name))


def code(name: str) -> bytes:
    return metadata(name).code(None if name in ERC20S else vector(f"ink/{name}.wasm"))
