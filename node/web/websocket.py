"""WebSocket (RFC 6455) without I/O, over the protocols of `websockets`: whole messages in, frames out.

*Overview.* `accept` answers an upgrade on the server's side, `ClientHandshake` asks for one on the client's; both end
in a `MessageStream`, the same for either side. Pings are answered and the closing handshake is echoed inside it.
Masking, framing, fragmentation and the validity of frames are the library's; UTF-8 of whole messages is checked here.

*Out of scope.* Extensions, so no compression: it would cost an RPC more than the bytes it saves on a local wire.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidURI
from websockets.frames import BINARY, CONT, TEXT, CloseCode, Frame, Opcode
from websockets.http11 import Request as UpgradeRequest
from websockets.http11 import Response as UpgradeResponse
from websockets.protocol import CLOSED, OPEN, Event, Protocol, Side
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from node.web.errors import ConnectionClosed, HandshakeRefused, InvalidUrl
from node.web.http import Request, Response

Message = str | bytes
"""A text message is `str`, a binary one `bytes`."""

NORMAL, GOING_AWAY, INTERNAL_ERROR = 1000, 1001, 1011
"""Close codes of RFC 6455 section 7.4.1."""

_MAX_REASON = 123
_REFUSAL_EXCERPT = 200

# The library reports every connection at INFO, and whole frames, secrets included, at DEBUG.
_library_log = logging.getLogger(f"{__name__}.library")
_library_log.setLevel(logging.WARNING)


class MessageStream:
    """An open WebSocket: feed it bytes, take messages; hand it messages, take bytes."""

    def __init__(self, protocol: Protocol, opening: bytes = b"") -> None:
        """`opening` precedes every frame on the wire: the server's answer to the handshake."""
        self._protocol = protocol
        self._is_client = protocol.side is Side.CLIENT
        self.output = bytearray(opening)
        """What is to be sent; who sends it takes it out."""
        self._fragments: bytearray | None = None
        self._fragments_are_text = False
        self.eof_due = False
        """Whether the peer is to be told, once all output is sent, that nothing follows; reset by who has told it."""
        self.ended = False
        """Whether no further message can come: the peer has closed or broken the protocol, or is gone."""

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._protocol.state is OPEN

    @property
    def is_over(self) -> bool:
        """Whether both sides have closed, so that the connection below can be closed too."""
        protocol = self._protocol
        return protocol.state is CLOSED or (protocol.close_rcvd is not None and protocol.close_sent is not None)

    def closed(self) -> ConnectionClosed:
        """Why the stream is closed: the peer's close frame, else our own, else 1006."""
        close = self._protocol.close_rcvd or self._protocol.close_sent
        return ConnectionClosed(close.code, close.reason) if close else ConnectionClosed(CloseCode.ABNORMAL_CLOSURE, "")

    def receive_data(self, data: bytes) -> list[Message]:
        """Take bytes from the peer, `b""` at the end of the connection; the messages that they complete."""
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        messages = self.receive_events(self._protocol.events_received())
        self._take_output()
        return messages

    def receive_events(self, events: Iterable[Event]) -> list[Message]:
        """As `receive_data`, from events that the library has already parsed."""
        messages: list[Message] = []
        try:
            for event in events:
                assert isinstance(event, Frame)
                if event.opcode is TEXT and event.fin:
                    messages.append(str(event.data, "utf-8"))
                elif event.opcode is BINARY and event.fin:
                    messages.append(bytes(event.data))
                elif event.opcode in (TEXT, BINARY, CONT):
                    messages += self._joined(event)
        except UnicodeDecodeError as error:
            self._fragments = None
            self._protocol.fail(CloseCode.INVALID_DATA, f"a text message is not UTF-8: {error.reason}")
            self.ended = True
        protocol = self._protocol
        if protocol.state is not OPEN and (protocol.close_rcvd or protocol.parser_exc or protocol.state is CLOSED):
            self.ended = True
        return messages

    def send(self, message: Message) -> None:
        """Queue one message. Raises `ConnectionClosed`."""
        if isinstance(message, str):
            self.send_text(message.encode())
        else:
            self._send(BINARY, message)

    def send_text(self, utf8: bytes) -> None:
        """Queue one text message that is encoded already. Raises `ConnectionClosed`."""
        self._send(TEXT, utf8)

    def ping(self) -> None:
        """Queue a ping, unless closing."""
        if self.is_open:
            self._protocol.send_ping(b"")
            self._take_output()

    def close(self, code: int, reason: str) -> None:
        """Queue a close frame, unless closing already. A reason over 123 bytes is cut."""
        if self.is_open:
            self._protocol.send_close(code, reason.encode()[:_MAX_REASON].decode(errors="ignore"))
            self._take_output()

    def _send(self, opcode: Opcode, data: bytes) -> None:
        if self._protocol.state is not OPEN:
            raise self.closed()
        self.output += Frame(opcode, data).serialize(mask=self._is_client)  # the protocol's own way takes twice as long

    def _take_output(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.output += data
            else:
                self.eof_due = True

    def _joined(self, frame: Frame) -> list[Message]:
        """The message that a fragment completes, if it does."""
        if self._fragments is None:
            self._fragments, self._fragments_are_text = bytearray(), frame.opcode is TEXT
        self._fragments += frame.data
        if not frame.fin:
            return []
        whole, self._fragments = bytes(self._fragments), None
        return [whole.decode() if self._fragments_are_text else whole]


def accept(request: Request, *, max_message_size: int) -> MessageStream | Response:
    """Answer an upgrade: an open stream, or the response that says what is wrong with the request."""
    if request.body:
        return Response.text(400, "a WebSocket handshake has no body")
    response = ServerProtocol(logger=_library_log).accept(
        UpgradeRequest(request.target, Headers(request.headers), request.method)
    )
    if response.status_code != 101:
        text = bytes(response.body).decode().strip()
        kept = tuple(
            (name.lower(), value) for name, value in response.headers.raw_items() if name in ("Allow", "Upgrade")
        )
        return Response.text(response.status_code, text, kept)
    protocol = ServerProtocol(state=OPEN, max_size=max_message_size, logger=_library_log)
    return MessageStream(protocol, response.serialize())


class ClientHandshake:
    """A client's opening handshake: send `data_to_send`, feed the answer, get the stream."""

    def __init__(self, url: str, headers: Iterable[tuple[str, str]], *, max_message_size: int) -> None:
        """Raises `InvalidUrl`."""
        try:
            self._protocol = ClientProtocol(parse_uri(url), max_size=max_message_size, logger=_library_log)
        except InvalidURI as error:
            raise InvalidUrl(str(error)) from error
        request = self._protocol.connect()
        for name, value in headers:
            request.headers[name] = value
        self._protocol.send_request(request)
        self.request = request

    def data_to_send(self) -> bytes:
        """The handshake's request, once."""
        return b"".join(self._protocol.data_to_send())

    def receive_data(self, data: bytes) -> tuple[MessageStream, list[Message]] | None:
        """Take bytes of the answer, `b""` at its end; once it is whole, the stream and what came right behind.

        Raises `HandshakeRefused`.
        """
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        events = self._protocol.events_received()
        response = next((event for event in events if isinstance(event, UpgradeResponse)), None)
        if self._protocol.handshake_exc is not None:
            raise _refusal(response, self._protocol.handshake_exc)
        if response is None:
            return None
        stream = MessageStream(self._protocol)
        return stream, stream.receive_events(event for event in events if event is not response)


def _refusal(response: UpgradeResponse | None, error: Exception) -> HandshakeRefused:
    if response is None:
        return HandshakeRefused(None, str(error))
    if response.status_code == 101 and isinstance(error, InvalidHandshake):
        return HandshakeRefused(101, str(error))
    excerpt = bytes(response.body).decode(errors="replace")[:_REFUSAL_EXCERPT].strip()
    return HandshakeRefused(response.status_code, excerpt, next(iter(response.headers.get_all("Retry-After")), None))
