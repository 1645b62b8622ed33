"""The HTTP protocols without sockets."""

from __future__ import annotations

import io
import itertools
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.web.errors import InvalidResponse, ResponseTooLarge
from node.web.http import (
    ClientProtocol,
    Phase,
    Request,
    RequestRefused,
    Response,
    ServerProtocol,
    is_loopback,
    loopback_only,
)

PEER = ("127.0.0.1", 50_000)
POST = b"POST /a%20b?c=d&e HTTP/1.1\r\nHost: x\r\nX-Many: 1\r\nContent-Length: 5\r\nX-Many: 2\r\n\r\nhello"


def server(**limits: int) -> ServerProtocol:
    return ServerProtocol(PEER, **{"max_headers": 1000, "max_request_size": 1000, **limits})


class Wire:
    """Bytes as the standard library's parser wants to read them."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self.data)


def parsed(data: bytes, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """A response as the standard library's client reads it."""
    response = HTTPResponse(Wire(data), method=method)  # type: ignore[arg-type]
    response.begin()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def request_of(protocol: ServerProtocol, data: bytes) -> Request:
    protocol.receive_data(data)
    request = protocol.next_request()
    assert request is not None
    return request


def test_a_request_is_given_whole() -> None:
    request = request_of(server(), POST)
    assert (request.method, request.target, request.path, request.query) == ("POST", "/a%20b?c=d&e", "/a%20b", "c=d&e")
    assert request.body == b"hello"
    assert request.peer == PEER
    assert (request.header("host"), request.header("x-many"), request.header("absent")) == ("x", "1, 2", None)


@given(cuts=st.lists(st.integers(0, 2 * len(POST)), max_size=6))
def test_requests_are_the_same_however_the_bytes_arrive(cuts: list[int]) -> None:
    protocol, stream, bodies = server(), POST + POST, []
    edges = [0, *sorted(cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        if start == end:
            continue
        protocol.receive_data(stream[start:end])
        while request := protocol.next_request():
            bodies.append((request.target, request.body))
            protocol.respond(Response(200))
            assert protocol.next_cycle()
    assert bodies == [("/a%20b?c=d&e", b"hello")] * 2
    assert protocol.phase is Phase.IDLE


def test_phases_follow_the_request() -> None:
    protocol = server()
    assert protocol.phase is Phase.IDLE
    for data, phase in ((b"POST / HTTP/1.1\r\n", Phase.HEADERS), (b"Host: x\r\nContent-Length: 2\r\n\r\n", Phase.BODY)):
        protocol.receive_data(data)
        assert protocol.next_request() is None
        assert protocol.phase is phase


def test_the_standard_library_reads_our_response() -> None:
    protocol = server()
    request_of(protocol, POST)
    status, headers, body = parsed(protocol.respond(Response(201, (("x-a", "é"),), b"made")))
    assert (status, headers["x-a"], headers["content-length"], body) == (201, "é", "4", b"made")


def test_a_head_request_gets_the_length_and_no_body() -> None:
    protocol = server()
    request_of(protocol, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    data = protocol.respond(Response(200, (), b"four"))
    assert data.endswith(b"\r\n\r\n")
    assert parsed(data, "HEAD")[1]["content-length"] == "4"
    assert protocol.next_cycle()


def test_no_content_has_no_length() -> None:
    protocol = server()
    request_of(protocol, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
    status, headers, body = parsed(protocol.respond(Response(204)))
    assert (status, body) == (204, b"")
    assert "content-length" not in headers


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET http://elsewhere/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + bytes(1001), 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2000, 431),
        (b"GET /" + b"a" * 2000, 431),
    ],
)
def test_what_cannot_be_served_is_refused_and_ends_the_connection(data: bytes, status: int) -> None:
    protocol = server()
    protocol.receive_data(data)
    with pytest.raises(RequestRefused) as refused:
        protocol.next_request()
    got, headers, body = parsed(protocol.respond(refused.value.response))
    assert (got, headers["connection"]) == (status, "close")
    assert body.endswith(b"\n")
    assert not protocol.next_cycle()


def test_bounds_are_exact() -> None:
    assert request_of(server(max_request_size=5), POST).body == b"hello"
    protocol = server(max_request_size=4)
    protocol.receive_data(POST)
    with pytest.raises(RequestRefused, match="4 bytes"):
        protocol.next_request()


def test_a_client_that_asks_before_its_body_is_answered_once() -> None:
    protocol = server()
    protocol.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert protocol.next_request() is None
    assert protocol.data_to_send().startswith(b"HTTP/1.1 100 ")
    assert protocol.data_to_send() == b""
    assert request_of(protocol, b"ok").body == b"ok"


def test_http_1_0_cannot_upgrade() -> None:
    upgrade = b"GET / HTTP/%s\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n"
    for version, wanted in ((b"1.1", True), (b"1.0", False)):
        protocol = server()
        request_of(protocol, upgrade % version)
        assert protocol.wants_websocket is wanted


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    protocol = server()
    if data:
        protocol.receive_data(data)
    protocol.receive_data(b"")
    try:
        request = protocol.next_request()
    except RequestRefused as refused:
        assert parsed(protocol.respond(refused.response))[0] >= 400
    else:
        assert request is not None or protocol.ended


@pytest.mark.parametrize(
    ("authority", "local"),
    [
        ("localhost", True),
        ("LocalHost:9944", True),
        ("127.0.0.1", True),
        ("127.9.9.9:1", True),
        ("[::1]", True),
        ("[::1]:9944", True),
        ("", False),
        ("example.com", False),
        ("localhost.example.com", False),
        ("example.com:127", False),
        ("127.0.0.1.example.com", False),
        ("localhost@example.com", False),
        ("example.com#localhost", False),
        ("example.com/localhost", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("[::2]", False),
        ("[", False),
        ("null", False),
    ],
)
def test_loopback_authorities(authority: str, local: bool) -> None:
    assert is_loopback(authority) is local


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ((("host", "localhost:9944"),), True),
        ((("host", "localhost"), ("origin", "http://127.0.0.1:3000")), True),
        ((("host", "localhost"), ("origin", "https://example.com")), False),
        ((("host", "localhost"), ("origin", "null")), False),
        ((("host", "localhost"), ("origin", "http://localhost"), ("origin", "https://example.com")), False),
        ((("host", "example.com"),), False),
        ((), False),
    ],
)
def test_only_this_machine_is_allowed(headers: tuple[tuple[str, str], ...], allowed: bool) -> None:
    refusal = loopback_only(Request("GET", "/", headers, b"", PEER))
    assert (refusal is None) is allowed
    assert refusal is None or refusal.status == 403


def test_further_pages_may_be_allowed_and_no_further_host() -> None:
    page = "https://example.com"
    from_page = Request("GET", "/", (("host", "localhost"), ("origin", page)), b"", PEER)
    rebound = Request("GET", "/", (("host", "example.com"), ("origin", page)), b"", PEER)
    for pages in (None, (page,)):
        assert loopback_only(from_page, pages) is None
        assert loopback_only(rebound, pages) is not None
    assert loopback_only(from_page, ("https://other.example",)) is not None


def client(data: bytes, limit: int = 100) -> Response:
    protocol = ClientProtocol(max_response_size=limit)
    protocol.request(urlsplit("http://h/"), "GET", (), b"")
    if response := protocol.receive_data(data):
        return response
    response = protocol.receive_data(b"")
    assert response is not None
    return response


def test_our_server_reads_our_client() -> None:
    asked = urlsplit("http://u:p@h:1/a?b=c")
    sent = ClientProtocol(max_response_size=9).request(asked, "POST", [("X-A", "1")], b"body")
    request = request_of(server(), sent)
    assert (request.target, request.body) == ("/a?b=c", b"body")
    assert (request.header("host"), request.header("x-a"), request.header("connection")) == ("h:1", "1", "close")


def test_answers_of_every_framing_are_read() -> None:
    assert client(b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok") == Response(
        200, (("x-a", "b"), ("content-length", "2")), b"ok"
    )
    assert client(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n").body == b"ok"
    assert client(b"HTTP/1.0 404 No\r\n\r\nuntil the end") == Response(404, (), b"until the end")
    assert client(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").status == 200


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", b"SSH-2.0-x\r\n\r\n", b"HTTP"])
def test_an_answer_that_is_no_http_or_is_cut_off(data: bytes) -> None:
    with pytest.raises(InvalidResponse):
        client(data or b"")


def test_an_answer_over_the_bound() -> None:
    with pytest.raises(ResponseTooLarge, match="100 bytes"):
        client(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(101))
