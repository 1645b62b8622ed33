"""Byte streams under the protocols: a plain socket, and TLS over one.

*Overview.* The protocols hand over what they want sent in a `bytearray`, and a transport removes from its front what
it has sent. `send_now` never waits, so that an answer leaves in the task that made it; `send_some` waits for room.
Reading reports every end of a connection, a reset included, as `b""`: no protocol above could do better.

*Out of scope.* Protocols and their limits, other than the time that a peer may take nothing.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Protocol

import trio

READ_SIZE = 64 * 1024
TLS_CHUNK = 64 * 1024


class Transport(Protocol):
    """What `node.web` needs of a connection."""

    def send_now(self, buffer: bytearray) -> None:
        """Send and remove what can be sent without waiting, perhaps nothing. Raises `trio.BrokenResourceError`."""

    async def send_some(self, buffer: bytearray) -> None:
        """Wait until a part of a non-empty `buffer` could be sent, and remove it.

        Raises `trio.BrokenResourceError` where the connection is gone or takes nothing for the stall timeout. A
        cancelled call leaves `buffer` and the connection whole (TLS: the connection can only be closed).
        """

    async def receive_some(self) -> bytes:
        """Wait for bytes, at most 64 KiB. `b""` once the connection is over, in whatever way."""

    def send_eof(self) -> None:
        """Tell the peer that nothing follows, where the transport can say so."""

    def close(self) -> None:
        """Close at once; waiting tasks are woken. May be called again."""


async def send_all(transport: Transport, data: bytes) -> None:
    """Send all of `data`. Raises `trio.BrokenResourceError` as `Transport.send_some` does."""
    buffer = bytearray(data)
    transport.send_now(buffer)
    while buffer:
        await transport.send_some(buffer)


class SocketTransport:
    """A TCP connection: the socket itself, without the extra trip through the scheduler that a trio stream makes."""

    def __init__(self, stream: trio.SocketStream, stall_timeout: float) -> None:
        """Takes the socket out of `stream`, which is then spent."""
        self._socket = socket.socket(fileno=stream.socket.detach())
        self._socket.setblocking(False)
        with contextlib.suppress(OSError):  # the peer may already be gone, which the first read tells
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._closed = False
        self._stall_timeout = stall_timeout

    def send_now(self, buffer: bytearray) -> None:
        try:
            sent = self._socket.send(buffer)
        except BlockingIOError:
            return
        except OSError as error:
            raise trio.BrokenResourceError(f"the connection is gone: {error}") from error
        del buffer[:sent]

    async def send_some(self, buffer: bytearray) -> None:
        before = len(buffer)
        while len(buffer) == before:
            if self._closed:
                raise trio.BrokenResourceError("the connection was closed")
            try:
                with trio.fail_after(self._stall_timeout):
                    await trio.lowlevel.wait_writable(self._socket)
            except trio.TooSlowError:
                raise trio.BrokenResourceError(f"the peer took nothing for {self._stall_timeout} s") from None
            except trio.ClosedResourceError as error:
                raise trio.BrokenResourceError("the connection was closed") from error
            self.send_now(buffer)

    async def receive_some(self) -> bytes:
        while not self._closed:
            try:
                await trio.lowlevel.wait_readable(self._socket)
                return self._socket.recv(READ_SIZE)
            except BlockingIOError:
                continue
            except (trio.ClosedResourceError, OSError):
                break
        return b""

    def send_eof(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()


class TlsTransport:
    """TLS as a client over a TCP connection."""

    def __init__(self, stream: trio.SocketStream, context: ssl.SSLContext, host: str, stall_timeout: float) -> None:
        self._tls = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
        self._socket = stream.socket
        self._stall_timeout = stall_timeout

    async def handshake(self) -> None:
        """Check the server's certificate. Raises `trio.BrokenResourceError`."""
        await self._tls.do_handshake()

    def send_now(self, buffer: bytearray) -> None:
        """Nothing: TLS records are made by trio's stream, which may wait."""

    async def send_some(self, buffer: bytearray) -> None:
        chunk = bytes(buffer[:TLS_CHUNK])
        try:
            with trio.fail_after(self._stall_timeout):
                await self._tls.send_all(chunk)
        except trio.TooSlowError:
            raise trio.BrokenResourceError(f"the peer took nothing for {self._stall_timeout} s") from None
        except trio.ClosedResourceError as error:
            raise trio.BrokenResourceError("the connection was closed") from error
        del buffer[: len(chunk)]

    async def receive_some(self) -> bytes:
        try:
            return bytes(await self._tls.receive_some(READ_SIZE))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    def send_eof(self) -> None:
        """Nothing: TLS has no half-closed state."""

    def close(self) -> None:
        self._socket.close()
