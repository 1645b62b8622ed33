"""The server on real loopback sockets, judged by urllib, http.client, websocket-client and `websockets`."""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
import struct
import urllib.error
import urllib.request
from functools import partial

import pytest
import trio
import websocket
import websockets.exceptions
import websockets.sync.client
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked
from websockets.typing import Origin

from node.web import Limits, Request, Response, WebSocket, bound_port, open_listeners, serve
from node.web.errors import CannotListen
from tests.node.web.serving import (
    UPGRADE,
    close_of,
    connect,
    echo,
    exchange,
    frame,
    mirror,
    opened,
    read_to_end,
    read_until,
    serving,
)

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
in_thread = trio.to_thread.run_sync


async def assert_serves(port: int) -> None:
    assert (await exchange(port, LAST)).startswith(b"HTTP/1.1 200 ")


async def test_urllib_gets_and_posts() -> None:
    def visit(port: int) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/a?b=c", timeout=5) as response:
            assert response.status == 200
            told = [response.headers[name] for name in ("x-method", "x-target", "x-peer")]
            assert told == ["GET", "/a?b=c", "127.0.0.1"]
        with urllib.request.urlopen(f"http://localhost:{port}/", b"\x00body", timeout=5) as response:
            assert response.read() == b"\x00body"

    async with serving() as port:
        await in_thread(visit, port)


async def test_one_connection_serves_many_requests() -> None:
    def visit(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.connect()
        kept = connection.sock
        for method, body in (("GET", b""), ("POST", b"x" * 100_000), ("OPTIONS", b""), ("HEAD", b""), ("POST", b"end")):
            connection.request(method, "/", body)
            response = connection.getresponse()
            assert (response.status, response.headers["x-method"]) == (200, method)
            assert response.read() == body
            assert connection.sock is kept
        connection.request("POST", "/", iter([b"chunk", b"ed"]), encode_chunked=True)
        assert connection.getresponse().read() == b"chunked"
        connection.close()

    async with serving() as port:
        await in_thread(visit, port)


async def test_pipelined_requests_are_answered_in_order() -> None:
    asked = b"".join(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in range(200)) + LAST
    async with serving() as port:
        answers = await exchange(port, asked)
    told = [line for line in answers.split(b"\r\n") if line.startswith(b"x-target: ")]
    assert told == [b"x-target: /%d" % number for number in range(200)] + [b"x-target: /"]


async def test_a_body_over_the_limit_is_refused_in_words_that_arrive() -> None:
    def visit(port: int) -> None:
        for chunked in (False, True):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            body = bytes(20_000_000)
            connection.request("POST", "/", iter([body]) if chunked else body, encode_chunked=chunked)
            response = connection.getresponse()
            assert response.status == 413
            assert b"1000000 bytes" in response.read()
            connection.close()

    async with serving(limits=Limits(max_request_size=1_000_000)) as port:
        await in_thread(visit, port)
        await assert_serves(port)


async def test_a_client_that_waits_for_leave_to_send_its_body() -> None:
    async with serving(allow=lambda _: None) as port, await connect(port) as stream:
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert (await read_until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        await stream.send_all(b"ok")
        assert (await read_until(stream, b"\r\n\r\nok")).startswith(b"HTTP/1.1 200 ")


async def test_headers_over_the_limit_are_refused() -> None:
    async with serving(limits=Limits(max_headers=500)) as port:
        assert b" 431 " in await exchange(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 600)


@settings(max_examples=40, deadline=None)
@given(data=st.one_of(st.binary(min_size=1, max_size=300), st.binary(max_size=200).map(lambda noise: UPGRADE + noise)))
async def test_garbage_ends_its_own_connection_only(data: bytes) -> None:
    async with serving() as port, await opened(port) as other:
        with trio.fail_after(5):
            answer = await exchange(port, data, half_close=True)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
        await other.send_all(frame(b"still"))
        assert await read_until(other, b"still")
        await assert_serves(port)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", UPGRADE, UPGRADE + frame(b"half")[:7], GET])
async def test_a_reset_ends_its_own_connection_only(sent: bytes) -> None:
    async with serving() as port, await opened(port) as other:
        for _ in range(10):
            stream = await connect(port)
            await stream.send_all(sent)
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.socket.close()
        await other.send_all(frame(b"still"))
        assert await read_until(other, b"still")
        await assert_serves(port)


@pytest.mark.parametrize(
    ("sent", "seconds", "answer"),
    [
        (b"", 10, b""),
        (b"GET / HTTP/1.1\r\nX: a", 10, b" 408 "),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf", 60, b" 408 "),
        (GET, 120, b" 200 "),
    ],
)
async def test_a_peer_that_takes_its_time_is_cut_off(
    sent: bytes, seconds: float, answer: bytes, jumping_clock: MockClock
) -> None:
    async with serving() as port:
        start = trio.current_time()
        assert answer in await exchange(port, sent)
        assert trio.current_time() - start == pytest.approx(seconds, abs=0.1)


async def test_a_slow_drip_of_headers_wins_no_time(jumping_clock: MockClock) -> None:
    async with serving() as port, await connect(port) as stream:
        start = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):
            for _ in range(100):
                await stream.send_all(b"X")
                await trio.sleep(1)
        assert trio.current_time() - start < 15


async def test_one_connection_too_many_is_told_so() -> None:
    def visit(port: int) -> None:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        assert refused.value.code == 503
        assert b"all 2 connections" in refused.value.read()
        refused.value.close()
        with pytest.raises(websocket.WebSocketBadStatusException, match="503"):
            websocket.create_connection(f"ws://127.0.0.1:{port}", timeout=5)

    async with serving(limits=Limits(max_connections=2)) as port:
        async with await opened(port), await opened(port):
            await in_thread(visit, port)
        await wait_all_tasks_blocked(0.05)
        await assert_serves(port)


async def test_refusing_is_bounded_too() -> None:
    async with serving(limits=Limits(max_connections=1)) as port, await opened(port), await connect(port) as refused:
        assert (await read_until(refused, b"later")).startswith(b"HTTP/1.1 503 ")
        assert await exchange(port, b"") == b""


async def test_foreign_hosts_and_origins_are_refused_before_the_upgrade() -> None:
    async def unreachable(_: object) -> Response:
        raise AssertionError

    async with serving(http=unreachable, websocket=unreachable) as port:  # type: ignore[arg-type]
        for head in (LAST, UPGRADE.replace(b"Connection: Upgrade", b"Connection: Upgrade, close")):
            foreign_host = head.replace(b"localhost", b"rebound.example.com")
            foreign_origin = head.replace(b"Host", b"Origin: https://example.com\r\nHost")
            assert b" 403 " in await exchange(port, foreign_host, half_close=True)
            assert b" 403 " in await exchange(port, foreign_origin, half_close=True)


async def test_the_check_of_requests_is_the_callers() -> None:
    def only_rpc(request: Request) -> Response | None:
        return None if request.path == "/rpc" else Response.text(404, "not here")

    async with serving(allow=only_rpc) as port:
        assert b" 404 " in await exchange(port, LAST)
        assert b" 200 " in await exchange(port, LAST.replace(b"GET /", b"GET /rpc").replace(b"localhost", b"elsewhere"))


async def test_a_fault_of_the_http_handler_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def faulty(request: Request) -> Response:
        if request.path == "/bad":
            raise ExceptionGroup("several", [ValueError("a fault in the handler")])
        return await mirror(request)

    async with serving(http=faulty) as port:
        answers = await exchange(port, GET.replace(b"/ ", b"/bad ") + LAST)
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"500", b"200"]
    assert "a fault in the handler" in caplog.text


async def test_a_response_that_is_no_http_ends_its_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    async def invalid(_: Request) -> Response:
        return Response(200, (("x", "a\r\nsmuggled: b"),))

    async with serving(http=invalid) as port, await opened(port) as other:
        assert await exchange(port, GET) == b""
        await other.send_all(frame(b"still"))
        assert await read_until(other, b"still")
    assert "LocalProtocolError" in caplog.text


async def test_a_fault_of_the_websocket_handler_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def faulty(websocket: WebSocket) -> None:
        if await websocket.receive() == "bad":
            raise ValueError("a fault in the handler")

    async with serving(websocket=faulty) as port:
        for word, code in ((b"bad", 1011), (b"good", 1000)):
            async with await opened(port) as stream:
                await stream.send_all(frame(word))
                assert close_of(await read_until(stream, b"\x03"))[0] == code
    assert len(caplog.records) == 1
    assert "a fault in the handler" in caplog.text


@pytest.mark.parametrize("tasks", [0, 3])
async def test_a_peer_that_leaves_in_the_middle_is_no_fault(tasks: int, caplog: pytest.LogCaptureFixture) -> None:
    async def talk(websocket: WebSocket) -> None:
        while True:
            await websocket.send("more")
            await trio.sleep(0.001)

    async def talk_in_tasks(websocket: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(tasks):
                nursery.start_soon(talk, websocket)

    async with serving(talk_in_tasks if tasks else talk) as port:
        async with await opened(port) as stream:
            await read_until(stream, b"more")
        await trio.sleep(0.05)
        await assert_serves(port)
    assert [record.getMessage() for record in caplog.records] == []


async def test_the_handler_knows_the_request() -> None:
    async def tell(websocket: WebSocket) -> None:
        request = websocket.request
        await websocket.send(json.dumps([request.path, request.query, request.header("origin"), request.peer[0]]))

    def visit(port: int) -> None:
        with websockets.sync.client.connect(
            f"ws://localhost:{port}/rpc?a=b", origin=Origin("http://localhost")
        ) as client:
            assert json.loads(client.recv()) == ["/rpc", "a=b", "http://localhost", "127.0.0.1"]

    async with serving(websocket=tell) as port:
        await in_thread(visit, port)


async def test_frames_right_behind_the_handshake_are_read() -> None:
    async with serving() as port, await connect(port) as stream:
        await stream.send_all(UPGRADE + frame(b"early") + frame(b"bird"))
        assert (await read_until(stream, b"bird")).endswith(b"\x81\x05early\x81\x04bird")


@pytest.mark.parametrize(("header", "status"), [(b"Upgrade: h2c", b" 200 "), (b"Upgrade: websocket", b" 400 ")])
async def test_an_upgrade_that_cannot_be_is_answered_as_http(header: bytes, status: bytes) -> None:
    asked = GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\n" + header + b"\r\n\r\n")
    async with serving() as port:
        answers = await exchange(port, asked + LAST)
    assert status in answers
    assert answers.count(b"HTTP/1.1 ") == 2


async def test_cancelling_says_1001_and_frees_the_port() -> None:
    told: list[int] = []

    def stay(port: int) -> None:
        client = websocket.create_connection(f"ws://127.0.0.1:{port}", timeout=5)
        client.send("hello")
        assert client.recv() == "hello"
        trio.from_thread.run_sync(ready.set)
        opcode, data = client.recv_data()
        assert opcode == websocket.ABNF.OPCODE_CLOSE
        told.append(int.from_bytes(data[:2], "big"))
        client.shutdown()  # type: ignore[no-untyped-call]

    ready = trio.Event()
    async with trio.open_nursery() as nursery:
        async with serving() as port, await connect(port), await opened(port):
            nursery.start_soon(in_thread, stay, port)
            await ready.wait()
        for listener in await open_listeners("127.0.0.1", port):
            await listener.aclose()
    assert told == [1001]


async def test_a_peer_that_does_not_answer_the_goodbye_delays_no_more_than_allowed(jumping_clock: MockClock) -> None:
    async with serving() as port:
        stream = await opened(port)
        await wait_all_tasks_blocked(0.01)
        start = trio.current_time()
    assert trio.current_time() - start == pytest.approx(2, abs=0.1)
    assert close_of(await read_to_end(stream)) == (1001, "shutting down")
    await stream.aclose()


async def test_a_port_in_use_is_told_plainly() -> None:
    listeners = await open_listeners("127.0.0.1", 0)
    with pytest.raises(CannotListen, match=f"127.0.0.1:{bound_port(listeners)}: .*in use"):
        await open_listeners("127.0.0.1", bound_port(listeners))
    with pytest.raises(CannotListen):
        await open_listeners("host.invalid", 0)
    for listener in listeners:
        await listener.aclose()


async def test_every_address_of_a_name_gets_the_same_port() -> None:
    listeners = await open_listeners("localhost", 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, listeners, http=mirror, websocket=echo))
        ports = {listener.socket.getsockname()[1] for listener in listeners}
        assert ports == {bound_port(listeners)}
        await assert_serves(ports.pop())
        nursery.cancel_scope.cancel()


async def test_quiet_clients_leave_no_noise_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as port, await opened(port) as stream:
        await stream.send_all(frame(b"a secret"))
        assert await read_until(stream, b"a secret")
        await assert_serves(port)
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []
    assert "secret" not in caplog.text
