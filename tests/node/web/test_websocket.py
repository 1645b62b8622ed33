"""The WebSocket stream without sockets; websocket-client makes and reads the frames of the other side."""

from __future__ import annotations

import itertools
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websocket import ABNF, frame_buffer

from node.web.errors import ConnectionClosed, HandshakeRefused, InvalidUrl
from node.web.http import Request, Response
from node.web.websocket import ClientHandshake, Message, MessageStream, accept
from tests.node.web.serving import close_of, frame

HEADERS = (
    ("host", "localhost"),
    ("upgrade", "websocket"),
    ("connection", "keep-alive, Upgrade"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
)
PEER = ("127.0.0.1", 50_000)
LIMIT = 1000


def upgrade(headers: tuple[tuple[str, str], ...] = HEADERS, method: str = "GET") -> MessageStream | Response:
    return accept(Request(method, "/", headers, b"", PEER), max_message_size=LIMIT)


def output(stream: MessageStream) -> bytes:
    taken = bytes(stream.output)
    stream.output.clear()
    return taken


def opened() -> MessageStream:
    stream = upgrade()
    assert isinstance(stream, MessageStream)
    output(stream)
    return stream


def read(data: bytes) -> list[tuple[int, bytes]]:
    """Opcode and payload of the server's frames in `data`, as websocket-client reads them."""
    position = 0

    def take(size: int) -> bytes:
        nonlocal position
        position += size
        return data[position - size : position]

    buffer, frames = frame_buffer(take, skip_utf8_validation=False), []
    while position < len(data):
        received = buffer.recv_frame()
        assert not received.mask_value
        assert isinstance(received.data, bytes)
        frames.append((received.opcode, received.data))
    return frames


def test_the_answer_is_that_of_the_rfc() -> None:
    stream = upgrade((*HEADERS, ("sec-websocket-extensions", "permessage-deflate"), ("sec-websocket-protocol", "a")))
    assert isinstance(stream, MessageStream)
    head, end, rest = output(stream).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert b"xtensions" not in head
    assert b"rotocol: " not in head
    assert (end, rest) == (b"\r\n\r\n", b"")


@pytest.mark.parametrize(
    ("name", "value", "status", "word"),
    [
        ("connection", "close", 426, "Connection"),
        ("sec-websocket-version", "8", 400, "Version"),
        ("sec-websocket-key", "c2hvcnQ=", 400, "Key"),
    ],
)
def test_a_handshake_that_is_wrong_is_told_so(name: str, value: str, status: int, word: str) -> None:
    refusal = upgrade(tuple((key, value if key == name else old) for key, old in HEADERS))
    assert isinstance(refusal, Response)
    assert refusal.status == status
    assert word in refusal.body.decode()


def test_a_handshake_is_a_get_without_body() -> None:
    refusal = upgrade(method="POST")
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.header("allow")) == (405, "GET")
    refusal = accept(Request("GET", "/", HEADERS, b"body", PEER), max_message_size=LIMIT)
    assert isinstance(refusal, Response)
    assert refusal.status == 400


messages = st.lists(st.one_of(st.text(max_size=40), st.binary(max_size=40)), max_size=4)


@given(sent=messages, pieces=st.integers(1, 4), cuts=st.lists(st.integers(0, 800), max_size=6))
def test_messages_are_the_same_however_framed_and_cut(sent: list[Message], pieces: int, cuts: list[int]) -> None:
    data = b""
    for message in sent:
        payload = message.encode() if isinstance(message, str) else message
        opcode = ABNF.OPCODE_TEXT if isinstance(message, str) else ABNF.OPCODE_BINARY
        size = len(payload) // pieces + 1
        parts = [payload[start : start + size] for start in range(0, len(payload), size)] or [b""]
        for index, part in enumerate(parts):
            data += frame(part, opcode if index == 0 else ABNF.OPCODE_CONT, int(index == len(parts) - 1))
            data += frame(b"between", ABNF.OPCODE_PING)
    stream, received = opened(), []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        if start < end:
            received += stream.receive_data(data[start:end])
    assert received == sent
    assert not stream.ended
    assert set(read(output(stream))) <= {(ABNF.OPCODE_PONG, b"between")}


@given(sent=messages, size=st.sampled_from([0, 125, 126, 65535, 65536]))
def test_the_other_side_reads_what_is_sent(sent: list[Message], size: int) -> None:
    stream = opened()
    for message in (*sent, bytes(size), "é" * size):
        stream.send(message)
    expected = [
        (ABNF.OPCODE_TEXT, message.encode()) if isinstance(message, str) else (ABNF.OPCODE_BINARY, message)
        for message in (*sent, bytes(size), "é" * size)
    ]
    assert read(output(stream)) == expected


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"\xff\xfe"), 1007),
        (frame(b"\xc3", fin=0) + frame(b"\x28", ABNF.OPCODE_CONT), 1007),
        (frame(b"", ABNF.OPCODE_CONT), 1002),
        (frame(b"a", fin=0) + frame(b"b"), 1002),
        (frame(b"a" * 126, ABNF.OPCODE_PING), 1002),
        (b"\x81\x01a", 1002),
        (b"\xc1" + frame(b"a")[1:], 1002),
        (b"\x83" + frame(b"a")[1:], 1002),
        (frame(b"\x03\xed", ABNF.OPCODE_CLOSE), 1002),
        (frame(b"a" * (LIMIT + 1)), 1009),
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 1009),
        (frame(b"a" * LIMIT, fin=0) + frame(b"a", ABNF.OPCODE_CONT), 1009),
    ],
    ids=count(),  # the frames' masks are random
)
def test_a_peer_that_breaks_the_rules_is_closed_with_the_right_code(data: bytes, code: int) -> None:
    stream = opened()
    assert stream.receive_data(frame(b"before") + data + frame(b"after")) == ["before"]
    assert stream.ended
    assert not stream.is_open
    assert close_of(output(stream))[0] == code
    assert stream.eof_due
    with pytest.raises(ConnectionClosed) as closed:
        stream.send("late")
    assert closed.value.code == code


def test_a_message_of_exactly_the_limit_passes() -> None:
    stream = opened()
    halves = frame(b"a" * (LIMIT // 2), fin=0) + frame(b"a" * (LIMIT // 2), ABNF.OPCODE_CONT)
    assert stream.receive_data(frame(b"a" * LIMIT) + halves) == ["a" * LIMIT] * 2


def test_the_peers_close_is_echoed_and_told() -> None:
    stream = opened()
    assert stream.receive_data(frame(b"last") + frame(b"\x0f\xa0why", ABNF.OPCODE_CLOSE)) == ["last"]
    assert close_of(output(stream)) == (4000, "why")
    assert stream.is_over
    assert (stream.closed().code, stream.closed().reason) == (4000, "why")


def test_our_close_waits_for_the_peers() -> None:
    stream = opened()
    stream.close(1000, "é" * 100)
    code, reason = close_of(output(stream))
    assert (code, reason) == (1000, "é" * 61)
    stream.close(1001, "")
    assert output(stream) == b""
    assert not stream.is_over
    assert stream.receive_data(frame(b"in flight") + frame(b"\x03\xe8", ABNF.OPCODE_CLOSE)) == ["in flight"]
    assert stream.is_over


def test_an_end_without_close_is_abnormal() -> None:
    stream = opened()
    assert stream.receive_data(frame(b"half", fin=0)) == []
    assert stream.receive_data(b"") == []
    assert stream.receive_data(b"") == []
    assert stream.ended
    assert stream.closed().code == 1006


@given(data=st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    stream = opened()
    if data:
        stream.receive_data(data)
    stream.receive_data(b"")
    assert stream.ended
    assert not stream.is_open


def client() -> ClientHandshake:
    return ClientHandshake("ws://localhost:9944/rpc?a", [("X-A", "1")], max_message_size=LIMIT)


def answer_to(handshake: ClientHandshake) -> bytes:
    headers = tuple((name.lower(), value) for name, value in handshake.request.headers.raw_items())
    stream = accept(Request("GET", handshake.request.path, headers, b"", PEER), max_message_size=LIMIT)
    assert isinstance(stream, MessageStream)
    stream.send("early")
    return output(stream)


def test_a_client_opens_a_stream() -> None:
    handshake = client()
    asked = handshake.data_to_send()
    assert asked.startswith(b"GET /rpc?a HTTP/1.1\r\n")
    assert b"\r\nX-A: 1\r\n" in asked
    assert b"xtensions" not in asked
    answer = answer_to(handshake)
    assert handshake.receive_data(answer[:50]) is None
    opened = handshake.receive_data(answer[50:])
    assert opened is not None
    stream, received = opened
    assert received == ["early"]
    stream.send("masked")
    assert b"masked" not in output(stream)


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nno way", 403, "no way"),
        (b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 101, "Accept"),
        (b"SSH-2.0-x\r\n\r\n", None, "HTTP"),
        (b"HTTP/1.1 101", None, "HTTP"),
    ],
)
def test_a_client_is_told_why_it_is_refused(answer: bytes, status: int | None, word: str) -> None:
    handshake = client()
    with pytest.raises(HandshakeRefused, match=word) as refused:
        if handshake.receive_data(answer) is None:
            handshake.receive_data(b"")
    assert refused.value.status == status


def test_a_client_refuses_what_is_no_websocket_url() -> None:
    with pytest.raises(InvalidUrl):
        ClientHandshake("http://localhost", [], max_message_size=LIMIT)
