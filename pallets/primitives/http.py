"""An HTTP request and its response as receipts name them: by one hash each.

## Overview

A hash is BLAKE2b-256 of the SCALE encoding of the *canonical* form: header names in lower case, headers sorted by name,
then value; of a request without the query's `key` and without the headers that carry credentials. So whoever shows a
receipt shows neither. Two messages with one hash have one canonical form: who checks a message against a hash
shows it in that form, lest it show something that the hash doesn't cover.

## Usage

```python
request = HttpRequest("GET", "/feed", "lang=en&key=b1946ac9", [("Accept", "*/*"), ("Cookie", "id=7")], b"")
request_hash(request)
canonical_request(request)  # HttpRequest("GET", "/feed", "lang=en", [("accept", "*/*")], b"")
```

## Out of scope

HTTP itself, and which headers a script sees. What is left out of a URL is for the gateway to keep out of its logs.
"""

from __future__ import annotations

from urllib.parse import unquote_plus

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import U16, struct

CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
"""Headers of a request that no hash covers."""
SECRET_PARAMETER = "key"
"""The parameter of a query that no hash covers: it names a secret of the vault."""

Headers = list[tuple[str, str]]
"""Names and values; a name may come more than once."""


@struct(path="fathom_primitives::HttpRequest")
class HttpRequest:
    """What a caller asked."""

    method: str
    path: str
    """As the script sees it, from the `/` on."""
    query: str
    """What follows the `?`, as it came."""
    headers: Headers
    """Those that the script sees."""
    body: bytes


@struct(path="fathom_primitives::HttpResponse")
class HttpResponse:
    """What a script answered."""

    status: U16
    headers: Headers
    body: bytes


def canonical_request(request: HttpRequest) -> HttpRequest:
    """What the hash of a request covers."""
    headers = [header for header in canonical_headers(request.headers) if header[0] not in CREDENTIALS]
    return HttpRequest(request.method, request.path, public_query(request.query), headers, request.body)


def canonical_response(response: HttpResponse) -> HttpResponse:
    """What the hash of a response covers: all of it."""
    return HttpResponse(response.status, canonical_headers(response.headers), response.body)


def canonical_headers(headers: Headers) -> Headers:
    """Headers with their names in lower case, sorted."""
    return sorted((name.lower(), value) for name, value in headers)


def public_query(query: str) -> str:
    """A query without `key`, however that name is escaped; the rest as it came."""
    kept = [part for part in query.split("&") if unquote_plus(part.partition("=")[0]) != SECRET_PARAMETER]
    return "&".join(kept)


def request_hash(request: HttpRequest) -> bytes:
    """The 32 bytes by which a receipt names a request."""
    return blake2_256(REQUEST.encode(canonical_request(request)))


def response_hash(response: HttpResponse) -> bytes:
    """The 32 bytes by which a receipt names a response."""
    return blake2_256(RESPONSE.encode(canonical_response(response)))


REQUEST, RESPONSE = codec_of(HttpRequest), codec_of(HttpResponse)
