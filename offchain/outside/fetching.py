"""One fetch: its requests, where they are redirected, and the response that comes of it.

Overview
    What a script asks is read strictly (`read_request`). Each request passes the same gate, the first and those that
    redirects lead to: is it to a host of the agent's list, has the run one left? A URL below one that is *virtual* is
    answered in this process; all others go out by `network`. Those below the run's *own* hosts are answered in this
    process, too, whatever the list says: the script alone asks them, so no server may redirect there.

    Redirects are those of the fetch standard: 301 and 302 make a GET of a POST, 303 of all but HEAD; with the body go
    its headers, and what authenticates goes where the origin changes.

Errors
    `AskFailed`, see `errors`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from offchain.outside.decoding import ACCEPTED, decoded
from offchain.outside.errors import HostNotAllowed, InvalidRequest, RedirectRefused, TooLarge, TooMany
from offchain.outside.http1 import Connections, Incoming
from offchain.outside.policy import FetchLimits, Reach
from offchain.outside.urls import Url, read_url
from pallets.primitives.http import CREDENTIALS, Headers

VirtualHost = Callable[[str, str, Headers, bytes], Awaitable[tuple[int, Headers, AsyncGenerator[bytes, None]]]]
"""`async (method, path with query, headers, body) -> (status, headers, chunks)`."""

OURS = frozenset(("accept-encoding", "content-length", "host", "te", "trailer", "transfer-encoding")) | frozenset(
    ("connection", "expect", "keep-alive", "upgrade")
)
"""Headers that a script doesn't set: they belong to the connection, or name another host than was checked."""
OF_BODY = frozenset(("content-encoding", "content-language", "content-location", "content-type"))
REDIRECTS = frozenset((301, 302, 303, 307, 308))
BODILESS = frozenset((204, 205, 304))
REFUSED_METHODS = frozenset(("CONNECT", "TRACE", "TRACK"))

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True)
class Request:
    """What a script wants fetched."""

    method: str
    url: Url
    headers: Headers
    body: bytes
    redirect: str
    """`follow`, `manual` or `error`."""
    timeout_seconds: float | None


@dataclass(frozen=True)
class Response:
    """How a fetch was answered; the body is still to be read."""

    status: int
    status_text: str
    headers: Headers
    url: Url
    redirected: bool
    body: AsyncGenerator[bytes, None]
    """Decompressed, in parts of at most `decoding.PART` bytes."""

    @property
    def length(self) -> int | None:
        """Bytes of the body as the server says it sends them; `None` where it doesn't."""
        said = [value for name, value in self.headers if name == "content-length"]
        return int(said[0]) if said and said[0].isascii() and said[0].isdigit() else None


def read_request(head: Mapping[str, Any], body: bytes, limits: FetchLimits) -> Request:
    """A request of a `fetch` ask. Raises `InvalidRequest`, `PortNotAllowed`, `TooLarge`."""
    method, url, redirect = (_text(head, name) for name in ("method", "url", "redirect"))
    if _TOKEN.fullmatch(method) is None or method.upper() in REFUSED_METHODS:
        raise InvalidRequest(f"{method[:40]!r} is no method that can be sent")
    if redirect not in ("follow", "manual", "error"):
        raise InvalidRequest("redirect is 'follow', 'manual' or 'error'")
    if len(body) > limits.request_bytes:
        raise TooLarge(f"the request's body has {len(body)} bytes: at most {limits.request_bytes} are sent")
    if body and method in ("GET", "HEAD"):
        raise InvalidRequest(f"a {method} request has no body")
    match head.get("timeout_ms"):
        case None:
            seconds = None
        case int() | float() as given if 0 <= given < 1 << 43:
            seconds = given / 1000
        case _:
            raise InvalidRequest("timeout_ms is a number of milliseconds")
    return Request(method, read_url(url), _headers(head, limits), body, redirect, seconds)


def _text(head: Mapping[str, Any], name: str) -> str:
    value = head.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string")
    return value


def _headers(head: Mapping[str, Any], limits: FetchLimits) -> Headers:
    given = head.get("headers")
    if not isinstance(given, list) or len(given) > limits.headers:
        raise InvalidRequest(f"headers are a list of at most {limits.headers} pairs")
    headers: Headers = []
    for pair in given:
        match pair:
            case [str(name), str(value)] if _TOKEN.fullmatch(name) and _VALUE.fullmatch(value):
                headers.append((name.lower(), value.strip("\t ")))
            case _:
                raise InvalidRequest("a header's name or value has characters that HTTP can't send")
    if sum(len(name) + len(value) for name, value in headers) > limits.header_bytes:
        raise TooLarge(f"the request's headers have more than {limits.header_bytes} bytes")
    return [(name, value) for name, value in headers if name not in OURS and not name.startswith("proxy-")]


class Fetcher:
    """Fetches for one run."""

    def __init__(
        self,
        connections: Connections,
        reach: Reach,
        limits: FetchLimits,
        virtual: Mapping[str, VirtualHost],
        own: Mapping[str, VirtualHost],
    ) -> None:
        self._connections = connections
        self._reach = reach
        self._limits = limits
        self._virtual = virtual
        self._own = own
        self._left = limits.requests

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Response]:
        """The response to a request, redirects followed as it says. Raises `AskFailed`, as does reading its body."""
        for hop in range(self._limits.redirects + 1):
            async with self._sent(request) as response:
                location = next((value for name, value in response.headers if name == "location"), None)
                if response.status not in REDIRECTS or location is None or request.redirect == "manual":
                    yield replace(response, redirected=hop > 0)
                    return
                if request.redirect == "error":
                    raise RedirectRefused("the server redirects, and the script allows no redirect")
                request = _redirected(request, response.status, location)
                if _below(self._own, request.url) is not None:
                    raise RedirectRefused(f"the server redirects to {request.url.host}, which scripts alone may ask")
        raise RedirectRefused(f"more than {self._limits.redirects} redirects")

    @asynccontextmanager
    async def _sent(self, request: Request) -> AsyncIterator[Response]:
        own = _below(self._own, request.url)
        if own is None and not self._reach.allows(request.url.host):
            raise HostNotAllowed(f"{request.url.host} is not among the hosts that this agent may reach")
        if not self._left:
            raise TooMany(f"a run may send {self._limits.requests} requests")
        self._left -= 1
        answer = own or _below(self._virtual, request.url)
        way = self._from_outside(request) if answer is None else self._from_inside(request, answer)
        async with way as response:
            yield response

    @asynccontextmanager
    async def _from_inside(self, request: Request, answer: VirtualHost) -> AsyncIterator[Response]:
        status, headers, chunks = await answer(request.method, request.url.target, request.headers, request.body)
        async with aclosing(chunks), aclosing(self._decoded(headers, chunks)) as body:
            yield Response(status, "", headers, request.url, False, body)

    @asynccontextmanager
    async def _from_outside(self, request: Request) -> AsyncIterator[Response]:
        sent = await self._connections.send(request.method, request.url, _sent_headers(request), request.body)
        async with (
            sent as incoming,
            aclosing(_received(incoming)) as chunks,
            aclosing(self._decoded(incoming.headers, chunks)) as body,
        ):
            yield Response(incoming.status, incoming.reason, incoming.headers, request.url, False, body)

    def _decoded(self, headers: Headers, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        if len(headers) > self._limits.headers:
            raise TooLarge(f"the response has more than {self._limits.headers} headers")
        coding = ", ".join(value for name, value in headers if name == "content-encoding")
        return decoded(chunks, coding, self._limits.response_bytes)


def _below(hosts: Mapping[str, VirtualHost], url: Url) -> VirtualHost | None:
    """Who answers a URL in this process."""
    text = str(url)
    return next((answer for prefix, answer in hosts.items() if text.startswith(prefix)), None)


async def _received(incoming: Incoming) -> AsyncGenerator[bytes, None]:
    while chunk := await incoming.receive():
        yield chunk


def _sent_headers(request: Request) -> Headers:
    given = {name for name, _ in request.headers}
    ours = [(name, value) for name, value in (("accept", "*/*"), ("user-agent", "fathom")) if name not in given]
    return [("accept-encoding", ACCEPTED), *ours, *request.headers]


def _redirected(request: Request, status: int, location: str) -> Request:
    """The request that a redirect makes of another. Raises `RedirectRefused`, `PortNotAllowed`."""
    try:
        url = request.url.joined(_utf_8(location))
    except InvalidRequest as error:
        raise RedirectRefused("the server redirects to what can't be fetched") from error
    method, body, dropped = request.method, request.body, frozenset[str]()
    if (status in (301, 302) and method == "POST") or (status == 303 and method not in ("GET", "HEAD")):
        method, body, dropped = "GET", b"", OF_BODY
    if url.origin != request.url.origin:
        dropped |= CREDENTIALS
    headers = [(name, value) for name, value in request.headers if name not in dropped]
    return replace(request, method=method, url=url, headers=headers, body=body)


def _utf_8(header: str) -> str:
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        return header
