"""One port for HTTP/1.1 and WebSocket, on trio.

*Overview.* `open_listeners` binds, `serve` runs until cancelled: it reads requests, asks `allow` about each, hands
HTTP requests to one function and opened WebSockets to another. A connection's failure ends that connection alone;
a fault of a handler is logged and answered 500, or closes the WebSocket with 1011.

*Usage.*

    listeners = await open_listeners("127.0.0.1", 9944)
    port = await nursery.start(partial(serve, listeners, http=answer, websocket=converse))

*Out of scope.* Routing, TLS, and what is said.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable

import trio

from node.web.connection import WebSocket
from node.web.errors import CannotListen, ConnectionClosed
from node.web.http import Phase, Request, RequestRefused, Response, ServerProtocol, loopback_only
from node.web.limits import Limits
from node.web.transport import SocketTransport, send_all
from node.web.websocket import MessageStream, accept

log = logging.getLogger(__name__)

HttpHandler = Callable[[Request], Awaitable[Response]]
WebSocketHandler = Callable[[WebSocket], Awaitable[None]]
Allow = Callable[[Request], Response | None]
"""Asked before a request is handled or upgraded: the response that refuses it, or None."""


async def open_listeners(host: str, port: int) -> list[trio.SocketListener]:
    """Bind every address of `host`, all at the same port; 0 is a free one. Raises `CannotListen`."""
    listeners: list[trio.SocketListener] = []
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for address in dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found):
            listeners += await trio.open_tcp_listeners(bound_port(listeners) if listeners else port, host=address)
    except OSError as error:
        for listener in listeners:
            await trio.aclose_forcefully(listener)
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listeners


def bound_port(listeners: list[trio.SocketListener]) -> int:
    """The port that `open_listeners` has bound."""
    return int(listeners[0].socket.getsockname()[1])


async def serve(
    listeners: list[trio.SocketListener],
    *,
    http: HttpHandler,
    websocket: WebSocketHandler | None = None,
    allow: Allow = loopback_only,
    limits: Limits = Limits(),
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; then WebSockets are closed with 1001, and the listeners with them.

    Starts with the bound port. A WebSocket handler that returns closes its WebSocket with 1000; a `ConnectionClosed`
    that it lets through is no fault. Without such a handler the wish for a WebSocket is ignored, as HTTP allows.
    """
    server = _Server(http, websocket, allow, limits)
    task_status.started(bound_port(listeners))
    await trio.serve_listeners(server.attend, listeners)


class _Server:
    def __init__(self, http: HttpHandler, websocket: WebSocketHandler | None, allow: Allow, limits: Limits) -> None:
        self._http = http
        self._websocket = websocket
        self._allow = allow
        self._limits = limits
        self._connections = 0
        self._refusals = 0

    async def attend(self, stream: trio.SocketStream) -> None:
        """All of one connection. Raises nothing but cancellation."""
        try:
            peer: tuple[str, int] = stream.socket.getpeername()[:2]
        except OSError:
            return  # reset before it was looked at
        transport = SocketTransport(stream, self._limits.stall_timeout)
        try:
            if self._connections < self._limits.max_connections:
                self._connections += 1
                try:
                    await self._converse(transport, peer)
                finally:
                    self._connections -= 1
            elif self._refusals < self._limits.max_connections:
                self._refusals += 1
                try:
                    await self._turn_away(transport, peer)
                finally:
                    self._refusals -= 1
        except* trio.BrokenResourceError:
            log.debug("the connection of %s:%d broke off", *peer)
        except* Exception:
            log.exception("the connection of %s:%d failed", *peer)
        finally:
            transport.close()

    async def _converse(self, transport: SocketTransport, peer: tuple[str, int]) -> None:
        protocol = self._protocol(peer)
        opening = True
        while True:
            try:
                request = await self._next_request(transport, protocol, opening)
            except RequestRefused as refusal:
                await send_all(transport, protocol.respond(refusal.response))
                break
            if request is None:
                return
            opening = False
            outcome = await self._outcome(protocol, request)
            if isinstance(outcome, MessageStream):
                await self._hold(transport, protocol, outcome, request)
                return
            await send_all(transport, protocol.respond(outcome))
            if not protocol.next_cycle():
                break
            await trio.lowlevel.checkpoint()  # pipelined requests come without one
        await self._linger(transport)

    async def _next_request(
        self, transport: SocketTransport, protocol: ServerProtocol, opening: bool
    ) -> Request | None:
        """The next request, None at the end of the connection. Raises `RequestRefused`."""
        limits = self._limits
        timeouts = {
            Phase.IDLE: limits.header_timeout if opening else limits.idle_timeout,
            Phase.HEADERS: limits.header_timeout,
            Phase.BODY: limits.body_timeout,
        }
        phase: Phase | None = None
        with trio.CancelScope() as scope:
            while (request := protocol.next_request()) is None and not protocol.ended:
                if phase is not protocol.phase:
                    phase = protocol.phase
                    scope.deadline = trio.current_time() + timeouts[phase]
                if data := protocol.data_to_send():
                    await send_all(transport, data)
                protocol.receive_data(await transport.receive_some())
            return request
        if phase is Phase.IDLE:
            return None
        raise RequestRefused(408, f"the request was not complete after {timeouts[protocol.phase]:g} s")

    async def _outcome(self, protocol: ServerProtocol, request: Request) -> Response | MessageStream:
        """What a request leads to: its response, or a WebSocket."""
        if refusal := self._allow(request):
            return refusal
        if self._websocket is not None and protocol.wants_websocket:
            return accept(request, max_message_size=self._limits.max_message_size)
        try:
            return await self._http(request)
        except Exception:
            log.exception("the handler of %s %s failed", request.method, request.path)
            return Response.text(500, "internal error; the node's log says more")

    async def _hold(
        self, transport: SocketTransport, protocol: ServerProtocol, stream: MessageStream, request: Request
    ) -> None:
        assert self._websocket is not None
        early = protocol.early_data
        received = stream.receive_data(early) if early else ()
        try:
            async with WebSocket(transport, stream, request, self._limits, received) as websocket:
                await self._websocket(websocket)
        except* ConnectionClosed:
            pass  # the peer left while something was being said to it
        except* Exception:
            log.exception("the handler of a WebSocket of %s:%d failed", *request.peer)

    async def _turn_away(self, transport: SocketTransport, peer: tuple[str, int]) -> None:
        text = f"all {self._limits.max_connections} connections of this server are in use; try again later"
        await send_all(transport, self._protocol(peer).respond(Response.text(503, text)))
        await self._linger(transport)

    async def _linger(self, transport: SocketTransport) -> None:
        """Close in a way that the peer can still read the answer: unread bytes would turn the close into a reset."""
        transport.send_eof()
        with trio.move_on_after(self._limits.close_timeout):
            while await transport.receive_some():
                pass

    def _protocol(self, peer: tuple[str, int]) -> ServerProtocol:
        return ServerProtocol(
            peer, max_headers=self._limits.max_headers, max_request_size=self._limits.max_request_size
        )
