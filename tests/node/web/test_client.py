"""The client on real loopback sockets, against the servers of the standard library and of `websockets`."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
import websockets.sync.server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from trio.testing import MockClock

from node.web import Response, connect_websocket, request
from node.web.errors import (
    CannotConnect,
    ConnectionClosed,
    HandshakeRefused,
    InvalidResponse,
    InvalidUrl,
    ResponseTooLarge,
    TimedOut,
)
from node.web.websocket import Message
from tests.node.web.serving import serving

SAMPLES: list[Message] = ["", "é\U0001f600", b"\x00\xff", "a" * 65_536, b"b" * 3_000_000]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("X-Told", f"{self.path} {self.headers['Host']} {self.headers['X-A']}")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"3\r\nchu\r\n4\r\nnked\r\n0\r\n\r\n")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def standard_server(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def websockets_server(tls: ssl.SSLContext | None = None, **options: int) -> Iterator[int]:
    def echo(connection: websockets.sync.server.ServerConnection) -> None:
        for message in connection:
            if message == "close":
                connection.close(4002, "as asked")
            connection.send(message)

    with websockets.sync.server.serve(echo, "127.0.0.1", 0, ssl=tls, max_size=None, **options) as server:  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "loopback.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_requests_reach_the_standard_server() -> None:
    with standard_server() as port:
        response = await request(f"http://127.0.0.1:{port}/a?b", headers=[("X-A", "1")])
        assert (response.status, response.body) == (200, b"chunked")
        assert response.header("x-told") == f"/a?b 127.0.0.1:{port} 1"
        response = await request(f"http://localhost:{port}", "PUT", body=b"x" * 1_000_000)
        assert (response.status, response.body) == (201, b"x" * 1_000_000)
        with pytest.raises(ResponseTooLarge, match="999 bytes"):
            await request(f"http://127.0.0.1:{port}", "PUT", body=bytes(1000), max_response_size=999)


async def test_a_websocket_to_the_websockets_server() -> None:
    with websockets_server() as port:
        async with connect_websocket(f"ws://127.0.0.1:{port}/") as client:
            for message in SAMPLES:
                await client.send(message)
                assert await client.receive() == message
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.send, "from")
                nursery.start_soon(client.send, "two")
            assert {await client.receive(), await client.receive()} == {"from", "two"}
            await client.send("close")
            assert await client.receive() is None
            assert client.closed is not None
            assert (client.closed.code, client.closed.reason) == (4002, "as asked")
            with pytest.raises(ConnectionClosed):
                await client.send("late")


async def test_a_message_over_the_clients_bound_closes() -> None:
    with websockets_server() as port:
        async with connect_websocket(f"ws://127.0.0.1:{port}", max_message_size=1000) as client:
            for size in (1000, 1001):
                await client.send("a" * size)
            assert await client.receive() == "a" * 1000
            assert await client.receive() is None
            assert client.closed is not None
            assert client.closed.code == 1009


async def test_tls(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with standard_server(server_side(certificate)) as port:
        assert (await request(f"https://127.0.0.1:{port}/", tls=trusting)).body == b"chunked"
        with pytest.raises(CannotConnect, match="TLS"):
            await request(f"https://127.0.0.1:{port}/")
    with websockets_server(server_side(certificate)) as port:
        async with connect_websocket(f"wss://127.0.0.1:{port}/", tls=trusting) as client:
            for message in SAMPLES:
                await client.send(message)
                assert await client.receive() == message
            assert client.send_nowait("now")
            assert await client.receive() == "now"


async def test_our_client_and_our_server() -> None:
    async with serving() as port, trio.open_nursery() as nursery:

        async def talk(name: int) -> None:
            async with connect_websocket(f"ws://127.0.0.1:{port}/rpc", headers=[("X-Name", str(name))]) as client:
                assert (client.request.path, client.request.header("x-name")) == ("/rpc", str(name))
                for number in range(50):
                    await client.send(f"{name}/{number}")
                assert [await client.receive() for _ in range(50)] == [f"{name}/{number}" for number in range(50)]

        for name in range(20):
            nursery.start_soon(talk, name)


async def test_what_the_server_refuses() -> None:
    async with serving(allow=lambda _: Response.text(403, "not you")) as port:
        with pytest.raises(HandshakeRefused, match="403: not you"):
            async with connect_websocket(f"ws://127.0.0.1:{port}"):
                raise AssertionError
        assert (await request(f"http://127.0.0.1:{port}")).status == 403
    with standard_server() as port, pytest.raises(HandshakeRefused, match="200"):
        async with connect_websocket(f"ws://127.0.0.1:{port}"):
            raise AssertionError


async def test_nobody_there() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(CannotConnect, match=f"127.0.0.1:{port}"):
            await request(f"http://127.0.0.1:{port}")
        with pytest.raises(CannotConnect):
            async with connect_websocket(f"ws://127.0.0.1:{port}"):
                raise AssertionError
    with pytest.raises(CannotConnect):
        await request("http://host.invalid")


async def test_a_server_that_says_nothing(jumping_clock: MockClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        start = trio.current_time()
        with pytest.raises(TimedOut, match="within 5 s"):
            await request(f"http://127.0.0.1:{port}", within=5)
        with pytest.raises(TimedOut, match="within 10 s"):
            async with connect_websocket(f"ws://127.0.0.1:{port}"):
                raise AssertionError
        assert trio.current_time() - start == pytest.approx(15, abs=0.1)


async def test_a_server_that_hangs_up() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]

    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.receive_some()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, hang_up, listeners)
        with pytest.raises(InvalidResponse):
            await request(f"http://127.0.0.1:{port}")
        with pytest.raises(HandshakeRefused):
            async with connect_websocket(f"ws://127.0.0.1:{port}"):
                raise AssertionError
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "url", ["", "localhost:9944", "ftp://h/", "ws://", "http://h:70000", "http://[", "http://h:0", "http://a..b"]
)
async def test_what_is_no_url(url: str) -> None:
    with pytest.raises(InvalidUrl):
        await request(url)
    with pytest.raises(InvalidUrl):
        async with connect_websocket(url):
            raise AssertionError
