"""Hashes and addresses as they stand in log lines: the beginning and the end of them."""

from __future__ import annotations


def short_hash(block_hash: bytes) -> str:
    """`0x1234…abcd`."""
    return f"0x{block_hash[:2].hex()}…{block_hash[-2:].hex()}"


def short_address(address: str) -> str:
    """`5Grwva…utQY`."""
    return f"{address[:6]}…{address[-4:]}"
