"""HTTP/1.1 exchanges of one run, over connections that it may use again for the same origin.

Overview
    `Connections.send` sends a request and waits for the head of its response; `Incoming.receive` hands out the body as
    it is asked for, so that who sends waits for who reads: nothing is read ahead but what one read of the socket
    brings. Time limits are the caller's cancel scopes: a cancelled exchange closes its connection.

Errors
    `ConnectionBroken`, `TooLarge`, `InvalidRequest`, and those of `network`.

Out of scope
    Redirects and `content-encoding`: `fetching`, `decoding`. HTTP/2.
"""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Self

import h11
import trio

from offchain.outside.errors import ConnectionBroken, InvalidRequest, TooLarge
from offchain.outside.network import Network
from offchain.outside.policy import FetchLimits
from offchain.outside.urls import Url
from pallets.primitives.http import Headers

READ = 64 * 1024
IDLE_SECONDS = 5.0
"""After which a connection isn't used again: many servers close them soon."""


class Connections:
    """The connections of one run."""

    def __init__(self, network: Network, limits: FetchLimits, *, allow_private: bool) -> None:
        self._network = network
        self._limits = limits
        self._allow_private = allow_private
        self._idle: dict[str, list[_Connection]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connections in self._idle.values():
            for connection in connections:
                await connection.close()

    async def send(self, method: str, url: Url, headers: Headers, body: bytes) -> Incoming:
        """Send a request; the response to it, to be closed. `headers` are all but `host` and what frames the body."""
        connection = await self._unused(url.origin) or await self._opened(url)
        try:
            await connection.send(method, url, headers, body)
            return Incoming(self, url, connection, await connection.response(url.host))
        except BaseException:
            await connection.close()
            raise

    def keep(self, url: Url, connection: _Connection) -> None:
        """Take back a connection whose exchange is over."""
        self._idle.setdefault(url.origin, []).append(connection)

    async def _unused(self, origin: str) -> _Connection | None:
        waiting = self._idle.get(origin, [])
        while waiting:
            if (connection := waiting.pop()).usable:
                return connection
            await connection.close()
        return None

    async def _opened(self, url: Url) -> _Connection:
        seconds = self._limits.connect_seconds
        stream = await self._network.connect(url, allow_private=self._allow_private, seconds=seconds)
        return _Connection(stream, self._limits.header_bytes)


class Incoming:
    """A response, whose body is still to be received. A context manager that closes it."""

    def __init__(self, home: Connections, url: Url, connection: _Connection, head: h11.Response) -> None:
        self._home, self._url, self._connection = home, url, connection
        self.status: int = head.status_code
        self.reason = bytes(head.reason).decode("latin-1")
        self.headers: Headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
        """Names in lower case."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection.over():
            self._home.keep(self._url, self._connection)
        else:
            await self._connection.close()

    async def receive(self) -> bytes:
        """The next bytes of the body as they are sent; empty at its end."""
        return await self._connection.part(self._url.host)


class _Connection:
    def __init__(self, stream: trio.abc.Stream, header_bytes: int) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=header_bytes)
        self._idle_since = trio.current_time()

    @property
    def usable(self) -> bool:
        """Whether another request may be sent, and the server hasn't hung up meanwhile."""
        stream = self._stream.transport_stream if isinstance(self._stream, trio.SSLStream) else self._stream
        assert isinstance(stream, trio.SocketStream)
        return trio.current_time() - self._idle_since < IDLE_SECONDS and not stream.socket.is_readable()

    def over(self) -> bool:
        """Whether an exchange is complete and the connection ready for the next one."""
        if self._http.their_state is h11.SEND_BODY:
            with suppress(h11.RemoteProtocolError):
                self._http.next_event()  # of an empty body the end has come with the head
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._idle_since = trio.current_time()
        return True

    async def close(self) -> None:
        await trio.aclose_forcefully(self._stream)

    async def send(self, method: str, url: Url, headers: Headers, body: bytes) -> None:
        framed = [("host", url.authority), *headers]
        if body or method in ("POST", "PUT", "PATCH"):
            framed.append(("content-length", str(len(body))))
        try:
            head = h11.Request(
                method=method,
                target=url.target,
                headers=[(name.encode(), value.encode("latin-1")) for name, value in framed],
            )
            events = [head, h11.Data(data=body), h11.EndOfMessage()] if body else [head, h11.EndOfMessage()]
            data = b"".join(self._http.send(event) or b"" for event in events)
        except h11.LocalProtocolError as error:
            raise InvalidRequest("the request can't be sent by HTTP") from error
        with suppress(trio.BrokenResourceError):  # a server may hang up on a body it doesn't want, having said why
            await self._stream.send_all(data)

    async def response(self, host: str) -> h11.Response:
        while not isinstance(event := await self._event(host), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise ConnectionBroken(f"{host} closed the connection without a response")
        return event

    async def part(self, host: str) -> bytes:
        event = await self._event(host)
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def _event(self, host: str) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            while True:
                event = self._http.next_event()
                if event is not h11.NEED_DATA:
                    return event
                self._http.receive_data(bytes(await self._stream.receive_some(READ)))
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                raise TooLarge(f"the headers of {host}'s response are too long") from error
            raise ConnectionBroken(f"{host} sent what isn't HTTP, or hung up in the middle") from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionBroken(f"{host} hung up in the middle") from error
