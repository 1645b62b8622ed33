"""What can go wrong on the wire, one class a reason.

WebError
├── CannotListen         the address can't be bound
├── CannotConnect        nobody answers at the URL
├── InvalidUrl           the URL can't be used
├── HandshakeRefused     the server answers, but opens no WebSocket
├── InvalidResponse      the answer isn't HTTP, or ends too soon
│   └── ResponseTooLarge the answer is over the caller's bound
├── TimedOut             the server took longer than the caller allowed
└── ConnectionClosed     the WebSocket is closed, nothing can be sent
"""

from __future__ import annotations


class WebError(Exception):
    """Anything that this package raises on purpose."""


class CannotListen(WebError):
    """The address can't be bound: in use, not of this machine, or not permitted."""


class CannotConnect(WebError):
    """No connection could be made: nobody listens, the name is unknown, or TLS failed."""


class InvalidUrl(WebError, ValueError):
    """The URL has no host, or a scheme other than the ones asked for."""


class HandshakeRefused(WebError):
    """The server answered the WebSocket handshake with something else than an open WebSocket.

    `status` is the HTTP status of the answer, or None where it was no valid answer at all; `retry_after` is what its
    header of that name says, if there is one.
    """

    def __init__(self, status: int | None, text: str, retry_after: str | None = None) -> None:
        super().__init__(f"the server refused the WebSocket: {status or 'no HTTP answer'}: {text}")
        self.status, self.retry_after = status, retry_after


class InvalidResponse(WebError):
    """The server's answer isn't valid HTTP/1.1, or the connection ended inside it."""


class ResponseTooLarge(InvalidResponse):
    """The body of the answer is larger than the caller allowed."""


class TimedOut(WebError):
    """The server didn't answer within the time that the caller gave."""


class ConnectionClosed(WebError):
    """The WebSocket is closed or closing. `code` and `reason` are those of RFC 6455 section 7.1.5."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the WebSocket is closed: {code}" + (f" {reason}" if reason else ""))
        self.code = code
        self.reason = reason
