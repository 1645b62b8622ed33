"""From what a run left to the HTTP answer that its caller gets.

## Overview

| the output | the answer |
| --- | --- |
| JSON text, an object of `status` (a number), `headers` and `body`, or some of these | what it says |
| bytes: the same in MessagePack, `body` bytes or a string (`@phala/wapo-env/guest`) | what it says |
| other text | 200, `text/plain`, that text |
| other bytes | 200, `application/octet-stream`, these bytes |
| a failure | its status, and JSON `{"error", "message", "requestId", "stack"?}` |

An object without `status` has 200. Where it names no headers, it has those of Phala's template: JSON, readable from any
page. A `body` that is no string is written as JSON. `Response` objects come as one of the first two.

What a script says that HTTP can't carry, a header with a line break, say, is the script's failure (`bad-answer`, 500).

| failure | status |
| --- | --- |
| `invalid-input` | 400 |
| all others: `uncaught-error`, `out-of-gas`, `out-of-memory`, ... | 500 |

## Out of scope

Runs without an end, which no receipt can stand for (`server`).
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from offchain.sandbox.base import Failure, Success
from offchain.serving.msgpack import BadMessagePack, unpack
from offchain.serving.wire import MAX_RESPONSE_BODY
from pallets.primitives.http import Headers, HttpResponse

MAX_HEADERS, MAX_HEADER_BYTES = 128, 32 * 1024
"""Of an answer: how many, and their names and values together."""
JSON_TYPE = ("content-type", "application/json")
ANY_ORIGIN = ("access-control-allow-origin", "*")
TEMPLATE: Headers = [JSON_TYPE, ANY_ORIGIN]
TEXT: Headers = [("content-type", "text/plain; charset=utf-8"), ANY_ORIGIN]
BYTES: Headers = [("content-type", "application/octet-stream"), ANY_ORIGIN]
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
OWN = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-fathom-receipt",
        "x-request-id",
    }
)
"""Headers that are not the script's to give: they are about the connection, or whoever answers writes them."""
KEYS = frozenset({"status", "statusText", "headers", "body"})
"""What an object may have that spells an answer out; one with anything else is data."""
NO_BODY = frozenset({204, 205, 304})
BAD_STATUS = {"invalid-input": 400}


class BadAnswer(Exception):
    """The output says what no HTTP answer can be; the message says what."""


def answer_of(outcome: Success | Failure, request_id: str | None) -> HttpResponse:
    """The answer to a request whose run left this; `request_id` goes into that of a failure."""
    if isinstance(outcome, Failure):
        reason = outcome.reason
        return error_answer(BAD_STATUS.get(reason.kind, 500), reason.kind, reason.message, request_id, reason.stack)
    try:
        found = _said(outcome)
        if isinstance(found, dict):
            return _spelt_out(found)
        headers = TEXT if outcome.kind == "text" else BYTES
        return HttpResponse(200, headers, _bounded(outcome.output))
    except BadAnswer as error:
        return error_answer(500, "bad-answer", str(error), request_id)


def error_answer(status: int, error: str, message: str, request_id: str | None, stack: str = "") -> HttpResponse:
    """A failure as every caller sees one."""
    body: dict[str, str | None] = {"error": error, "message": message, "requestId": request_id}
    if stack:
        body["stack"] = stack
    return HttpResponse(status, TEMPLATE, orjson.dumps(body))


def answer_headers(given: Any) -> Headers:
    """Headers as a script gives them: an object of strings or lists of strings, or pairs. Raises `BadAnswer`."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(given, dict):
        for name, values in given.items():
            pairs += [(name, value) for value in (values if isinstance(values, list) else [values])]
    elif isinstance(given, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in given):
        pairs = [(name, value) for name, value in given]
    else:
        raise BadAnswer("headers are neither an object nor a list of pairs")
    found = [(_name(name), _value(name, value)) for name, value in pairs]
    if len(found) > MAX_HEADERS or sum(len(name) + len(value) for name, value in found) > MAX_HEADER_BYTES:
        raise BadAnswer(f"more than {MAX_HEADERS} headers, or more than {MAX_HEADER_BYTES} bytes of them")
    return [header for header in found if header[0] not in OWN]


def answer_status(given: Any) -> int:
    """A status that ends a request. Raises `BadAnswer`."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 200 <= given <= 599 or given != int(given):
        raise BadAnswer(f"the status {given!r:.40} is none from 200 to 599")
    return int(given)


def _said(outcome: Success) -> Any:
    """The object that spells the answer out; anything else where the output is the body itself."""
    output = outcome.output
    try:
        if outcome.kind == "bytes":
            found: Any = unpack(output)
        elif output[:1] == b"{":
            found = orjson.loads(output)
        else:
            return None
    except (BadMessagePack, orjson.JSONDecodeError):
        return None
    if not isinstance(found, dict) or not found or not found.keys() <= KEYS:
        return None
    return found if isinstance(found.get("status", 200), int | float) else None


def _spelt_out(found: dict[str, Any]) -> HttpResponse:
    status = answer_status(found.get("status", 200))
    headers = TEMPLATE if found.get("headers") is None else answer_headers(found["headers"])
    body = found.get("body")
    if isinstance(body, str):
        content = body.encode()
    elif isinstance(body, bytes):
        content = body
    else:
        content = b"" if body is None else orjson.dumps(body)
    return HttpResponse(status, headers, b"" if status in NO_BODY else _bounded(content))


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_RESPONSE_BODY:
        raise BadAnswer(f"the body has {len(body)} bytes, more than {MAX_RESPONSE_BODY}")
    return body


def _name(name: Any) -> str:
    if not isinstance(name, str) or TOKEN.fullmatch(name) is None:
        raise BadAnswer(f"{name!r:.80} is no name of a header")
    return name.lower()


def _value(name: Any, value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode() if isinstance(value, int | float) else None
    if text is None or VALUE.fullmatch(text) is None:
        raise BadAnswer(f"the header {name} has a value that is no line of text")
    return text.strip()
