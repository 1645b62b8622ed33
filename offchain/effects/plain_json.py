"""Plain values of the chain (`offchain.described`) as JSON: bytes as hex, what JSON's numbers can't hold as digits."""

from __future__ import annotations

from typing import Any

MOST = 1 << 53
"""From here on integers aren't exact in JavaScript."""


def to_json(value: Any) -> Any:
    """A plain value with bytes as `0x…`, and integers from `MOST` on as decimal digits."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -MOST < value < MOST else str(value)
    if isinstance(value, dict):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    return value
