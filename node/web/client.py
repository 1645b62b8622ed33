"""The client's side on trio: a WebSocket, and one HTTP request at a time.

*Usage.*

    async with connect_websocket("ws://127.0.0.1:9944") as websocket:
        await websocket.send(text)
        reply = await websocket.receive()

    response = await request("http://127.0.0.1:9944/health")

*Out of scope.* Reconnecting, redirects, proxies, kept-alive connections.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import SplitResult, urlsplit

import trio

from node.web import http
from node.web.connection import WebSocket
from node.web.errors import CannotConnect, InvalidResponse, InvalidUrl, TimedOut
from node.web.http import Response
from node.web.limits import Limits
from node.web.transport import SocketTransport, TlsTransport, Transport, send_all
from node.web.websocket import ClientHandshake

OpenStream = Callable[[str, int], Awaitable[trio.SocketStream]]
"""Connects to a host and port; raises `OSError`."""
DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


@asynccontextmanager
async def connect_websocket(
    url: str,
    *,
    max_message_size: int = Limits.max_message_size,
    headers: Iterable[tuple[str, str]] = (),
    within: float = 10.0,
    tls: ssl.SSLContext | None = None,
    open_stream: OpenStream = trio.open_tcp_stream,
) -> AsyncIterator[WebSocket]:
    """An open WebSocket to a `ws://` or `wss://` URL, closed at the end of the block.

    `within` is seconds until it is open; `tls` is the context for `wss`, the system's trust if None; `open_stream` is
    for who is choosy about addresses. Raises `InvalidUrl`, `CannotConnect`, `HandshakeRefused`, `TimedOut`.
    """
    limits = Limits(max_message_size=max_message_size)
    parts = _parsed(url, ("ws", "wss"))
    handshake = ClientHandshake(url, headers, max_message_size=max_message_size)
    with _deadline(within, url):
        transport = await _connect(parts, tls, limits, open_stream)
        try:
            await _send(transport, handshake.data_to_send(), url)
            while (opened := handshake.receive_data(await transport.receive_some())) is None:
                pass
        except BaseException:
            transport.close()
            raise
    stream, received = opened
    sent = http.Request(
        method="GET",
        target=handshake.request.path,
        headers=tuple((name.lower(), value) for name, value in handshake.request.headers.raw_items()),
        body=b"",
        peer=_address(parts),
    )
    async with WebSocket(transport, stream, sent, limits, received) as websocket:
        yield websocket


async def request(
    url: str,
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    max_response_size: int = Limits.max_request_size,
    within: float = 60.0,
    tls: ssl.SSLContext | None = None,
) -> Response:
    """One HTTP/1.1 request on a connection of its own.

    `within` is seconds until the answer is complete. Raises `InvalidUrl`, `CannotConnect`, `InvalidResponse`,
    `ResponseTooLarge`, `TimedOut`.
    """
    parts = _parsed(url, ("http", "https"))
    protocol = http.ClientProtocol(max_response_size=max_response_size)
    data = protocol.request(parts, method, headers, body)
    with _deadline(within, url):
        transport = await _connect(parts, tls, Limits())
        try:
            await _send(transport, data, url)
            while (response := protocol.receive_data(await transport.receive_some())) is None:
                pass
            return response
        finally:
            transport.close()


def _parsed(url: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # as who connects will
    except ValueError as error:
        raise InvalidUrl(f"{url!r} is not a URL: {error}") from error
    if parts.scheme not in schemes or not parts.hostname or port == 0:
        raise InvalidUrl(f"{url!r} is not of the form {schemes[0]}://host:port/path")
    return parts


def _address(parts: SplitResult) -> tuple[str, int]:
    return parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]


async def _connect(
    parts: SplitResult, tls: ssl.SSLContext | None, limits: Limits, open_stream: OpenStream = trio.open_tcp_stream
) -> Transport:
    host, port = _address(parts)
    try:
        stream = await open_stream(host, port)
    except OSError as error:
        raise CannotConnect(f"cannot connect to {host}:{port}: {error}") from error
    if parts.scheme not in ("https", "wss"):
        return SocketTransport(stream, limits.stall_timeout)
    secured = TlsTransport(stream, tls or ssl.create_default_context(), host, limits.stall_timeout)
    try:
        await secured.handshake()
    except trio.BrokenResourceError as error:
        secured.close()
        raise CannotConnect(f"cannot connect to {host}:{port}: TLS failed: {error.__cause__ or error}") from error
    except BaseException:
        secured.close()
        raise
    return secured


async def _send(transport: Transport, data: bytes, url: str) -> None:
    try:
        await send_all(transport, data)
    except trio.BrokenResourceError as error:
        raise InvalidResponse(f"{url} closed the connection before it was asked") from error


@contextmanager
def _deadline(seconds: float, url: str) -> Iterator[None]:
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError:
        raise TimedOut(f"{url} did not answer within {seconds:g} s") from None
