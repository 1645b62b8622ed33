"""Servers to fetch from: a real application on a real server, and one whose every answer is an attack."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

MEBIBYTE = 1 << 20


@dataclass
class Site:
    """The application's server."""

    port: int
    seen: list[str] = field(default_factory=list)
    """Paths of the requests that reached it."""
    connections: set[int] = field(default_factory=set)
    """Callers' ports."""
    sent: int = 0
    """Parts of `/endless` that the server could send."""

    @property
    def url(self) -> str:
        return f"http://site.test:{self.port}"


class _Endless:
    """A body without an end. No generator: nobody closes it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __aiter__(self) -> _Endless:
        return self

    async def __anext__(self) -> bytes:
        self._site.sent += 1
        return bytes(64 * 1024)


async def real_site(task_status: trio.TaskStatus[Site] = trio.TASK_STATUS_IGNORED) -> None:
    site = Site(0)

    async def echo(request: Request) -> Response:
        body = (await request.body()).decode()
        return JSONResponse(
            {
                "method": request.method,
                "path": request.url.path,
                "query": request.url.query,
                "headers": dict(request.headers),
                "body": body,
            }
        )

    async def redirect(request: Request) -> Response:
        return RedirectResponse(request.query_params["to"], int(request.path_params["status"]))

    async def loop(request: Request) -> Response:
        return RedirectResponse("/loop", 302)

    async def late(request: Request) -> Response:
        await trio.sleep(int(request.path_params["ms"]) / 1000)
        return PlainTextResponse(f"after {request.path_params['ms']} ms")

    async def streamed(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for number in range(3):
                yield f"data: {number}\n\n".encode()
                await trio.sleep(0.01)

        return StreamingResponse(parts(), media_type="text/event-stream")

    async def endless(request: Request) -> Response:
        return StreamingResponse(_Endless(site))

    async def packed(request: Request) -> Response:
        coding = request.path_params["coding"]
        plain = b"compressible " * 20_000
        compressor = zlib.compressobj(wbits=-15)
        forms = {
            "gzip": gzip.compress(plain),
            "members": gzip.compress(plain[:1000]) + gzip.compress(plain[1000:]),
            "zlib": zlib.compress(plain),
            "raw": compressor.compress(plain) + compressor.flush(),
        }
        name = "gzip" if coding in ("gzip", "members") else "deflate"
        return Response(forms[coding], headers={"content-encoding": name})

    async def status(request: Request) -> Response:
        return Response(status_code=int(request.path_params["status"]))

    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    app = Starlette(
        routes=[
            Route("/echo{rest:path}", echo, methods=methods),
            Route("/redirect/{status}", redirect, methods=methods),
            Route("/loop", loop),
            Route("/late/{ms}", late),
            Route("/streamed", streamed),
            Route("/endless", endless),
            Route("/packed/{coding}", packed),
            Route("/status/{status}", status),
        ]
    )

    async def counted(scope: object, receive: object, send: object) -> None:
        if isinstance(scope, dict) and scope["type"] == "http":
            site.seen.append(scope["path"])
            site.connections.add(scope["client"][1])
        await app(scope, receive, send)  # type: ignore[arg-type]

    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = None
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(serve, counted, config)
        site.port = int(bound[0].rpartition(":")[2])
        task_status.started(site)


@dataclass
class Hostile:
    """The attacker's server."""

    port: int
    reached: list[str] = field(default_factory=list)
    """First lines of what reached it."""

    def url(self, attack: str) -> str:
        return f"http://hostile.test:{self.port}/{attack}"


HEAD = b"HTTP/1.1 200 OK\r\n"


async def _slow_head(stream: trio.SocketStream) -> None:
    await stream.send_all(HEAD)
    while True:
        await stream.send_all(b"x-slow: 1\r\n")
        await trio.sleep(5)


async def _slow_body(stream: trio.SocketStream) -> None:
    await stream.send_all(HEAD + b"content-length: 100000\r\n\r\n")
    while True:
        await stream.send_all(b".")
        await trio.sleep(5)


async def _silent(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def _informing(stream: trio.SocketStream) -> None:
    while True:
        await stream.send_all(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
        await trio.sleep(1)


async def _endless(stream: trio.SocketStream) -> None:
    await stream.send_all(HEAD + b"\r\n")
    while True:
        await stream.send_all(bytes(65536))


async def _endless_head(stream: trio.SocketStream) -> None:
    await stream.send_all(HEAD)
    while True:
        await stream.send_all(b"x-more: " + b"a" * 4000 + b"\r\n")


def _sends(data: bytes) -> Callable[[trio.SocketStream], Awaitable[None]]:
    async def send(stream: trio.SocketStream) -> None:
        await stream.send_all(data)

    return send


def _bomb() -> bytes:
    packed = gzip.compress(bytes(32 * MEBIBYTE), compresslevel=1)
    return HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed


ATTACKS: dict[str, Callable[[], Callable[[trio.SocketStream], Awaitable[None]]]] = {
    "slow-head": lambda: _slow_head,
    "slow-body": lambda: _slow_body,
    "silent": lambda: _silent,
    "informing": lambda: _informing,
    "endless": lambda: _endless,
    "endless-head": lambda: _endless_head,
    "bomb": lambda: _sends(_bomb()),
    "empty-members": lambda: _sends(
        HEAD + b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"") * (2 * MEBIBYTE // 20)
    ),
    "half-gzip": lambda: _sends(HEAD + b"content-encoding: gzip\r\n\r\n" + gzip.compress(bytes(10**6))[:200]),
    "no-gzip": lambda: _sends(HEAD + b"content-encoding: gzip\r\n\r\nplain"),
    "brotli": lambda: _sends(HEAD + b"content-encoding: br\r\n\r\nplain"),
    "many-headers": lambda: _sends(HEAD + b"".join(b"x-%d: 1\r\n" % i for i in range(300)) + b"\r\n"),
    "long-lie": lambda: _sends(HEAD + b"content-length: 1000\r\n\r\nshort"),
    "short-lie": lambda: _sends(
        HEAD + b"content-length: 5\r\n\r\nshortHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"
    ),
    "no-http": lambda: _sends(b"220 mail.example ESMTP\r\n"),
    "hangs-up": lambda: _sends(b""),
    "to-nowhere": lambda: _sends(b"HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n"),
}


async def hostile_server(task_status: trio.TaskStatus[Hostile] = trio.TASK_STATUS_IGNORED) -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    hostile = Hostile(listener.socket.getsockname()[1])

    async def handle(stream: trio.SocketStream) -> None:
        try:
            line = (await stream.receive_some(65536)).split(b"\r\n")[0].decode()
            hostile.reached.append(line)
            await ATTACKS[line.split()[1][1:]]()(stream)
            await stream.send_eof()
        except (trio.BrokenResourceError, OSError):
            pass  # the caller has had enough
        finally:
            await stream.aclose()

    task_status.started(hostile)
    await trio.serve_listeners(handle, [listener])
