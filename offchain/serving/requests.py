"""What a script is told of a request: `scriptArgs[0]`, one JSON text for all conventions that scripts are written in.

## Overview

```json
{"method": "POST", "path": "/feed", "queries": {"lang": ["en"]}, "headers": {"accept": "*/*"}, "body": "…",
 "secret": {"apiKey": "…"}, "url": "http://localhost:8000/feed?lang=en"}
```

| field | |
| --- | --- |
| `queries` | decoded, each name with all its values; without `key` |
| `headers` | in canonical order, names in lower case, values of one name joined by `, ` |
| `body` | if it is UTF-8, else `bodyBase64`; absent with an empty one |
| `secret` | what the request came with sealed; absent without |
| `url` | by the request's own `host` header, else what the gateway says the caller asked; without `key` |

All but `secret` and headers with credentials follows from what the receipt's hash covers: so whoever has the request
can run it again.

## Errors

`BadRequest`, where a request is what no script can be told.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import parse_qsl

import orjson

from offchain.serving.wire import MAX_REQUEST_BODY
from pallets.primitives.http import HttpRequest, canonical_headers, public_query

MAX_HEADERS, MAX_HEADER_BYTES = 128, 64 * 1024
MAX_URL = 16 * 1024
MAX_QUERIES = 1000


class BadRequest(Exception):
    """The request is too large, or garbled; `error` is a word for it, `status` an HTTP status."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error = status, error


def script_input(request: HttpRequest, host: str, secret: Any = None) -> bytes:
    """`scriptArgs[0]`, UTF-8. Raises `BadRequest`."""
    _check(request)
    headers: dict[str, str] = {}
    for name, value in canonical_headers(request.headers):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = public_query(request.query)
    queries: dict[str, list[str]] = {}
    if query:
        for name, value in _parsed(query):
            queries.setdefault(name, []).append(value)
    told: dict[str, Any] = {"method": request.method, "path": request.path, "queries": queries, "headers": headers}
    if request.body:
        try:
            told["body"] = request.body.decode()
        except UnicodeDecodeError:
            told["bodyBase64"] = b64encode(request.body).decode()
    if secret is not None:
        told["secret"] = secret
    told["url"] = f"http://{headers.get('host', host)}{request.path}" + (f"?{query}" if query else "")
    return orjson.dumps(told)


def secret_of(data: bytes) -> Any:
    """What a script gets as `secret`, of what was sealed. Raises `BadRequest`."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise BadRequest(401, "secret-not-readable", "what is sealed is not JSON: store the secret again") from None


def _check(request: HttpRequest) -> None:
    if len(request.body) > MAX_REQUEST_BODY:
        text = f"the body has {len(request.body)} bytes, more than {MAX_REQUEST_BODY}"
        raise BadRequest(413, "request-too-large", text)
    size = sum(len(name) + len(value) for name, value in request.headers)
    if len(request.headers) > MAX_HEADERS or size > MAX_HEADER_BYTES:
        text = f"more than {MAX_HEADERS} headers, or {MAX_HEADER_BYTES} characters of them"
        raise BadRequest(413, "request-too-large", text)
    if len(request.path) + len(request.query) > MAX_URL:
        raise BadRequest(413, "request-too-large", f"path and query have more than {MAX_URL} characters")
    if not request.path.startswith("/"):
        raise BadRequest(400, "bad-request", "the path does not begin with /")


def _parsed(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_QUERIES)
    except ValueError:
        raise BadRequest(413, "request-too-large", f"the query has more than {MAX_QUERIES} fields") from None
