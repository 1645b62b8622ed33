"""What the hashes of requests and responses cover: protocol 6."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pallets.primitives.hashing import blake2_256
from pallets.primitives.http import (
    HttpRequest,
    HttpResponse,
    canonical_request,
    public_query,
    request_hash,
    response_hash,
)

REQUEST = HttpRequest("POST", "/feed", "a=1&key=f00&b=%20", [("X-B", "2"), ("x-a", "1"), ("Cookie", "id=7")], b"body")


def test_a_request_is_hashed_without_what_is_secret() -> None:
    encoded = b"\x10POST" + b"\x14/feed" + b"\x24a=1&b=%20" + b"\x08" + b"\x0cx-a\x041" + b"\x0cx-b\x042" + b"\x10body"
    assert request_hash(REQUEST) == blake2_256(encoded)
    assert canonical_request(canonical_request(REQUEST)) == canonical_request(REQUEST)
    for header in ("Authorization", "PROXY-AUTHORIZATION", "cookie", "X-Api-Key"):
        assert request_hash(replace(REQUEST, headers=[*REQUEST.headers, (header, "s")])) == request_hash(REQUEST)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"path": "/feeds"},
        {"query": "a=1&b= "},
        {"query": "b=%20&a=1"},
        {"headers": REQUEST.headers[:1]},
        {"headers": [("x-b", "1"), ("x-a", "2")]},
        {"body": b"body "},
    ],
)
def test_it_covers_all_else(change: dict[str, object]) -> None:
    assert request_hash(replace(REQUEST, **change)) != request_hash(REQUEST)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "public"),
    [
        ("key=1", ""),
        ("key", ""),
        ("%6Bey=1&x", "x"),
        ("x&key=1&key=2&y=", "x&y="),
        ("keys=1&akey=2&x=key", "keys=1&akey=2&x=key"),
        ("", ""),
    ],
)
def test_a_key_is_never_part_of_a_query(query: str, public: str) -> None:
    assert public_query(query) == public


def test_a_response_is_hashed_whole() -> None:
    response = HttpResponse(404, [("Content-Type", "text/plain"), ("Cookie", "1")], b"\0")
    encoded = b"\x94\x01" + b"\x08" + b"\x30content-type" + b"\x28text/plain" + b"\x18cookie\x041" + b"\x04\0"
    assert response_hash(response) == blake2_256(encoded)
