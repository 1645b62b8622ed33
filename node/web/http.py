"""HTTP/1.1 without I/O, over h11: requests and responses as values, one server side, one client side.

*Overview.* `ServerProtocol` is fed bytes and gives whole `Request`s, one at a time; `respond` gives the bytes of the
answer. What can't be served is a `RequestRefused`, which carries the answer. `ClientProtocol` is its mirror.

*Usage.* `server.py` and `client.py` drive them. `loopback_only` is the check of Host and Origin to hand to
`server.serve` where only this machine may speak to the port.

*Out of scope.* Streamed bodies, trailers, HTTP/2, cookies, compression.
"""

from __future__ import annotations

import enum
import http
import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import h11

from node.web.errors import InvalidResponse, ResponseTooLarge

_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}

Headers = tuple[tuple[str, str], ...]
"""Names in lower case, in the order of the wire, repeated where the wire repeats them."""


@dataclass(frozen=True)
class Request:
    """One HTTP request, its body complete."""

    method: str
    target: str
    """Path and query as sent, percent-encoded; it starts with `/`, or is `*`."""
    headers: Headers
    body: bytes
    peer: tuple[str, int]
    """Address and port of the client."""

    @property
    def path(self) -> str:
        """The target up to the first `?`, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after the first `?`, still percent-encoded."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """The value of the header with this lower-case name, several joined by `, `; None where there is none."""
        return _joined(self.headers, name)


@dataclass(frozen=True)
class Response:
    """One HTTP response. `content-length` is added on the wire, and isn't for the maker of a response to give."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    @classmethod
    def text(cls, status: int, text: str, headers: Headers = ()) -> Response:
        """A line of plain text."""
        return cls(status, (("content-type", "text/plain; charset=utf-8"), *headers), text.encode() + b"\n")

    def header(self, name: str) -> str | None:
        """As `Request.header`."""
        return _joined(self.headers, name)


class RequestRefused(Exception):
    """A request that can't be served, with the answer to give before the connection is closed."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.response = Response.text(status, text)


def is_loopback(authority: str) -> bool:
    """Whether `host` or `host:port`, as in a Host header or an Origin after its `//`, names this machine."""
    try:
        host = urlsplit(f"//{authority}").hostname
    except ValueError:
        return False
    if host is None or "@" in authority or "/" in authority:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def loopback_only(request: Request, pages: Collection[str] | None = ()) -> Response | None:
    """Refuses what may come from another machine's page: a foreign Host (DNS rebinding) or a foreign Origin.

    `pages` are further origins whose pages may ask; `None` is all.
    """
    host, origin = request.header("host"), request.header("origin")
    if host is None or not is_loopback(host):
        return Response.text(403, "this port answers only to a Host of the local machine, such as localhost")
    if origin is None or pages is None or origin in pages:
        return None
    if not is_loopback(origin.partition("://")[2]):
        return Response.text(403, "this port answers only pages whose Origin is the local machine")
    return None


class Phase(enum.Enum):
    """What the server waits for; each has a time limit of its own."""

    IDLE = enum.auto()
    HEADERS = enum.auto()
    BODY = enum.auto()


class ServerProtocol:
    """The server's side of one connection: `receive_data`, `next_request`, `respond`, `next_cycle`, and again."""

    def __init__(self, peer: tuple[str, int], *, max_headers: int, max_request_size: int) -> None:
        self._peer = peer
        self._max_headers = max_headers
        self._max_request_size = max_request_size
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=max_headers)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._interim = b""
        self._complete = False
        self._ended = False
        self.phase = Phase.IDLE

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; `b""` is the end of the connection."""
        if data and self.phase is Phase.IDLE:
            self.phase = Phase.HEADERS
        self._h11.receive_data(data)

    @property
    def ended(self) -> bool:
        """Whether the peer has closed the connection, so that no request will follow."""
        return self._ended

    def next_request(self) -> Request | None:
        """The next complete request; None where more bytes are needed, or none will come (`ended`).

        Raises `RequestRefused` with 400, 413, 431 or 501.
        """
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise self._refusal(error) from error
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > self._max_request_size:
                    raise self._too_large()
            elif isinstance(event, h11.EndOfMessage):
                self._complete = True
                return self._request()
            elif isinstance(event, h11.ConnectionClosed):
                self._ended = True
                return None
            else:
                return None

    def data_to_send(self) -> bytes:
        """What the client is waiting for before it sends its body (`100 Continue`), once."""
        data, self._interim = self._interim, b""
        return data

    @property
    def wants_websocket(self) -> bool:
        """Whether the request just given asks to become a WebSocket; HTTP/1.0 can't ask."""
        if self._head is None or self._head.http_version < b"1.1":
            return False
        return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in self._head.headers)

    @property
    def early_data(self) -> bytes:
        """What the peer sent after the request that became a WebSocket."""
        return self._h11.trailing_data[0]

    def respond(self, response: Response) -> bytes:
        """The bytes of the answer to the request just given, or just refused.

        Raises `h11.LocalProtocolError` for a response that isn't valid HTTP; the connection is then spent.
        """
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.headers]
        has_body = response.status not in (204, 304)
        if has_body:
            headers.append((b"content-length", b"%d" % len(response.body)))
        if not self._complete:
            headers.append((b"connection", b"close"))
        reason = _PHRASES.get(response.status, "").encode()
        data = self._h11.send(h11.Response(status_code=response.status, headers=headers, reason=reason))
        if has_body and not (self._head is not None and self._head.method == b"HEAD"):
            data += self._h11.send(h11.Data(data=response.body))
        return data + self._h11.send(h11.EndOfMessage())

    def next_cycle(self) -> bool:
        """Be ready for the next request; False where the connection ends with this one."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        self._complete = False
        self.phase = Phase.HEADERS if self._h11.trailing_data[0] else Phase.IDLE
        return True

    def _begin(self, head: h11.Request) -> None:
        self._head, self._body, self.phase = head, bytearray(), Phase.BODY
        # h11 bounds only what is incomplete: a long head may come in one piece
        if len(head.target) + sum(len(name) + len(value) for name, value in head.headers) > self._max_headers:
            raise self._headers_too_large()
        if not head.target.startswith(b"/") and head.target != b"*":
            raise RequestRefused(400, "the request target must be a path that starts with /")
        length = next((int(value) for name, value in head.headers if name == b"content-length"), 0)
        if length > self._max_request_size:
            raise self._too_large()
        if self._h11.they_are_waiting_for_100_continue:
            self._interim = self._h11.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))

    def _request(self) -> Request:
        assert self._head is not None
        self._interim = b""  # the body is here: nobody waits for leave to send it any more
        return Request(
            method=self._head.method.decode("ascii"),
            target=self._head.target.decode("ascii"),
            headers=_decoded(self._head.headers),
            body=bytes(self._body),
            peer=self._peer,
        )

    def _too_large(self) -> RequestRefused:
        return RequestRefused(413, f"the request body is over the limit of {self._max_request_size} bytes")

    def _headers_too_large(self) -> RequestRefused:
        return RequestRefused(431, f"the request line and headers are over the limit of {self._max_headers} bytes")

    def _refusal(self, error: h11.RemoteProtocolError) -> RequestRefused:
        if error.error_status_hint == 431:
            return self._headers_too_large()
        return RequestRefused(error.error_status_hint, f"this is not a valid HTTP/1.1 request: {error}")


class ClientProtocol:
    """The client's side of one request on a connection of its own."""

    def __init__(self, *, max_response_size: int) -> None:
        self._max_response_size = max_response_size
        self._h11 = h11.Connection(h11.CLIENT)
        self._head: h11.Response | None = None
        self._body = bytearray()

    def request(self, url: SplitResult, method: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
        """The bytes of the request. Raises `h11.LocalProtocolError` where it isn't valid HTTP."""
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        fields = [("host", url.netloc.rpartition("@")[2]), ("connection", "close"), *headers]
        if body or method not in ("GET", "HEAD", "OPTIONS"):
            fields.append(("content-length", str(len(body))))
        data = self._h11.send(h11.Request(method=method, target=target, headers=fields))
        if body:
            data += self._h11.send(h11.Data(data=body))
        return data + self._h11.send(h11.EndOfMessage())

    def receive_data(self, data: bytes) -> Response | None:
        """Take bytes of the answer, `b""` at its end; the response once it is complete.

        Raises `InvalidResponse` and `ResponseTooLarge`.
        """
        self._h11.receive_data(data)
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise InvalidResponse(f"the server's answer is not valid HTTP/1.1: {error}") from error
            if isinstance(event, h11.Response):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > self._max_response_size:
                    raise ResponseTooLarge(f"the response body is over the limit of {self._max_response_size} bytes")
            elif isinstance(event, h11.EndOfMessage):
                assert self._head is not None
                return Response(self._head.status_code, _decoded(self._head.headers), bytes(self._body))
            elif isinstance(event, h11.ConnectionClosed):
                raise InvalidResponse("the server closed the connection without an answer")
            elif event is h11.NEED_DATA:
                return None


def _joined(headers: Headers, name: str) -> str | None:
    values = [value for key, value in headers if key == name]
    return ", ".join(values) if values else None


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in headers)
