"""A real server on a free loopback port, and raw exchanges with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio
from websocket import ABNF

from node.web import Limits, Request, Response, WebSocket, loopback_only, open_listeners, serve
from node.web.server import Allow, HttpHandler, WebSocketHandler

UPGRADE = (
    b"GET /rpc HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
"""The handshake of RFC 6455 section 1.3."""


PATIENCE = 150
"""Seconds after which a test fails that would wait forever; beyond every timeout that the tests look at."""


async def echo(websocket: WebSocket) -> None:
    async for message in websocket:
        await websocket.send(message)


async def mirror(request: Request) -> Response:
    """Answers what was asked, so that a test sees what the handler saw."""
    fields = (("x-method", request.method), ("x-target", request.target), ("x-peer", request.peer[0]))
    return Response(200, fields, request.body)


@asynccontextmanager
async def serving(
    websocket: WebSocketHandler = echo,
    http: HttpHandler = mirror,
    *,
    allow: Allow = loopback_only,
    limits: Limits = Limits(),
) -> AsyncIterator[int]:
    listeners = await open_listeners("127.0.0.1", 0)
    run = partial(serve, listeners, http=http, websocket=websocket, allow=allow, limits=limits)
    async with trio.open_nursery() as nursery:
        port: int = await nursery.start(run)
        yield port
        nursery.cancel_scope.cancel()


async def connect(port: int) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", port)


async def read_until(stream: trio.SocketStream, marker: bytes) -> bytes:
    data = bytearray()
    with trio.fail_after(PATIENCE):
        while marker not in data:
            more = await stream.receive_some()
            assert more, f"the server closed after {bytes(data)!r}"
            data += more
    return bytes(data)


async def read_to_end(stream: trio.SocketStream) -> bytes:
    data = bytearray()
    with trio.fail_after(PATIENCE):
        while more := await stream.receive_some():
            data += more
    return bytes(data)


async def exchange(port: int, data: bytes, *, half_close: bool = False) -> bytes:
    """Send `data` on a new connection; all that the server answers until it closes."""
    async with await connect(port) as stream:
        await stream.send_all(data)
        if half_close:
            await stream.send_eof()
        return await read_to_end(stream)


async def opened(port: int) -> trio.SocketStream:
    """A connection on which frames can be written by hand."""
    stream = await connect(port)
    await stream.send_all(UPGRADE)
    answer = await read_until(stream, b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101 ")
    return stream


def frame(payload: bytes, opcode: int = ABNF.OPCODE_TEXT, fin: int = 1) -> bytes:
    """A client's frame, made by websocket-client."""
    return bytes(ABNF(fin, 0, 0, 0, opcode, 1, payload).format())


def close_of(data: bytes) -> tuple[int, str]:
    """Code and reason of the server's close frame that `data` consists of."""
    assert data[0] == 0x88, data
    assert len(data) == 2 + data[1], data
    return int.from_bytes(data[2:4], "big"), data[4:].decode()
