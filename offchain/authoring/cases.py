"""Test cases of an agent: requests, what the world outside says meanwhile, and what the answer has to be.

A case is an object in one of the JSON files of `tests/`, each a list of them:

```json
{
  "name": "tells the weather",
  "request": {"method": "GET", "path": "/?city=Oslo", "headers": {"accept": "*/*"}, "body": "text", "secret": {}},
  "outside": [{"url": "https://api.example.com/", "status": 200, "headers": {}, "json": {"sky": "clear"}}],
  "expect": {"status": 200, "headers": {"content-type": "application/json"}, "json": {"sky": "clear"}, "gas": 12345}
}
```

| | |
| --- | --- |
| `request` | only `path`, which includes the query, must be there |
| `submitter` | an account: the request is a job of theirs, which may write; later cases find what it has written |
| `outside` | answers requests whose URL begins so; others are really sent. `json` stands for a `body` written as JSON |
| `expect` | what is there is compared: `body` all of the text, `contains` a part of it, `json` the body's value |

Errors: `BadCase`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offchain.authoring.errors import BadCase
from offchain.authoring.local import LocalAnswer
from offchain.outside.fetching import VirtualHost
from pallets.primitives import ss58
from pallets.primitives.http import Headers, HttpRequest

FIELDS = {"name", "request", "submitter", "outside", "expect"}
REQUEST_FIELDS = {"method", "path", "headers", "body", "secret"}
OUTSIDE_FIELDS = {"url", "status", "headers", "body", "json"}
EXPECT_FIELDS = {"status", "headers", "body", "contains", "json", "gas"}


@dataclass(frozen=True)
class Case:
    """A request, and what has to come of it."""

    name: str
    request: HttpRequest
    secret: Any
    expect: dict[str, Any]
    virtual: dict[str, VirtualHost] = field(default_factory=dict)
    submitter: bytes | None = None


def read_cases(directory: Path) -> list[Case]:
    """All cases of the JSON files in a directory, in the order of their names; raises `BadCase`."""
    cases = []
    for path in sorted(directory.glob("*.json")):
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise BadCase(f"{path}: {error}") from None
        if not isinstance(found, list):
            raise BadCase(f"{path}: a list of cases is wanted")
        cases += [_case(path, number, each) for number, each in enumerate(found, 1)]
    return cases


def failures(case: Case, answer: LocalAnswer) -> list[str]:
    """How an answer differs from what a case expects; empty where it doesn't."""
    response, expect = answer.response, case.expect
    text = response.body.decode("utf-8", "replace")
    found = []
    if expect.get("status", response.status) != response.status:
        found.append(f"the status is {response.status}, not {expect['status']}: {text[:200]}")
    headers = dict(response.headers)
    for name, value in expect.get("headers", {}).items():
        if headers.get(name.lower()) != value:
            found.append(f"the header {name} is {headers.get(name.lower())!r}, not {value!r}")
    if expect.get("body", text) != text:
        found.append(f"the body is {text[:500]!r}, not {expect['body']!r}")
    if expect.get("contains", "") not in text:
        found.append(f"the body {text[:500]!r} has no {expect['contains']!r}")
    if "json" in expect and _json(text) != expect["json"]:
        found.append(f"the body's value is {text[:500]}, not {json.dumps(expect['json'])}")
    if expect.get("gas", answer.gas) != answer.gas:
        found.append(f"the gas is {answer.gas}, not {expect['gas']}")
    return found


def _case(path: Path, number: int, given: Any) -> Case:
    where = f"{path}, case {number}"
    fields = _object(where, given, FIELDS)
    request = _object(f"{where}, request", fields.get("request"), REQUEST_FIELDS)
    target = request.get("path")
    if not isinstance(target, str) or not target.startswith("/"):
        raise BadCase(f"{where}: a request's `path` begins with /")
    name, _, query = target.partition("?")
    body = request.get("body", "")
    if not isinstance(body, str):
        body = json.dumps(body)
    headers = _headers(f"{where}, request", request.get("headers", {}))
    made = HttpRequest(str(request.get("method", "GET")).upper(), name, query, headers, body.encode())
    virtual = {}
    for each in fields.get("outside", []):
        answer = _object(f"{where}, outside", each, OUTSIDE_FIELDS)
        if not isinstance(answer.get("url"), str):
            raise BadCase(f"{where}: an answer from outside has a `url`")
        virtual[answer["url"]] = _answering(where, answer)
    expect = _object(f"{where}, expect", fields.get("expect", {}), EXPECT_FIELDS)
    title, submitter = str(fields.get("name", f"{path.name} {number}")), fields.get("submitter")
    if submitter is not None:
        try:
            submitter = ss58.decode_account(submitter)
        except (ss58.InvalidAddress, TypeError, AttributeError):
            raise BadCase(f"{where}: a `submitter` is an address") from None
    return Case(title, made, request.get("secret"), expect, virtual, submitter)


def _answering(where: str, answer: dict[str, Any]) -> VirtualHost:
    body = json.dumps(answer["json"]) if "json" in answer else answer.get("body", "")
    if not isinstance(body, str):
        raise BadCase(f"{where}: the `body` of an answer is text; write `json` for a value")
    status, headers = answer.get("status", 200), _headers(f"{where}, outside", answer.get("headers", {}))
    if not isinstance(status, int):
        raise BadCase(f"{where}: `status` is a number")
    if "json" in answer and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))

    async def chunks() -> AsyncGenerator[bytes, None]:
        yield body.encode()

    async def answered(
        _method: str, _target: str, _headers: Headers, _body: bytes
    ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        return status, headers, chunks()

    return answered


def _object(where: str, given: Any, known: set[str]) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise BadCase(f"{where}: an object is wanted, of {', '.join(sorted(known))}")
    unknown = given.keys() - known
    if unknown:
        raise BadCase(f"{where}: {', '.join(sorted(unknown))}: known are {', '.join(sorted(known))}")
    return given


def _headers(where: str, given: Any) -> Headers:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise BadCase(f"{where}: `headers` is an object of strings")
    return [(name.lower(), value) for name, value in given.items()]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
