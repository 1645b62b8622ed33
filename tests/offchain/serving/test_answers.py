"""What of a script's output becomes an HTTP answer."""

from __future__ import annotations

import json
import struct

import pytest

from offchain.sandbox.base import Failure, InvalidInput, OutOfGas, Success, UncaughtError
from offchain.serving.answers import TEMPLATE, TEXT, answer_of
from offchain.serving.msgpack import BadMessagePack, unpack
from offchain.serving.wire import MAX_RESPONSE_BODY


def said(output: str) -> Success:
    return Success(output.encode(), 1)


@pytest.mark.parametrize(
    ("output", "status", "headers", "body"),
    [
        ('{"status":201,"headers":{"X-A":"b"},"body":"c"}', 201, [("x-a", "b")], b"c"),
        ('{"body":"only"}', 200, TEMPLATE, b"only"),
        ('{"body":{"as":"json"}}', 200, TEMPLATE, b'{"as":"json"}'),
        ('{"headers":[["a","1"],["A","2"],["Content-Length","9"]]}', 200, [("a", "1"), ("a", "2")], b""),
        (
            '{"headers":{"set-cookie":["a=1","b=2"],"n":5}}',
            200,
            [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("n", "5")],
            b"",
        ),
        ('{"status":204,"body":"dropped"}', 204, TEMPLATE, b""),
        ('{"status":"ok","body":"data"}', 200, TEXT, b'{"status":"ok","body":"data"}'),
        ('{"body":"x","more":1}', 200, TEXT, b'{"body":"x","more":1}'),
        ("{broken", 200, TEXT, b"{broken"),
        ("{}", 200, TEXT, b"{}"),
        ("grüß", 200, TEXT, "grüß".encode()),
    ],
)
def test_text(output: str, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    answer = answer_of(said(output), "id")
    assert (answer.status, answer.headers, answer.body) == (status, headers, body)


def test_bytes() -> None:
    packed = b"\x83\xa6status\xcd\x01\x94\xa7headers\x81\xa1a\xa1b\xa4body\xc4\x02\x00\xff"
    answer = answer_of(Success(packed, 1, kind="bytes"), None)
    assert (answer.status, answer.headers, answer.body) == (404, [("a", "b")], b"\x00\xff")
    raw = answer_of(Success(b"\xff\xfe", 1, kind="bytes"), None)
    assert (raw.headers[0][1], raw.body) == ("application/octet-stream", b"\xff\xfe")


@pytest.mark.parametrize(
    "output",
    [
        '{"status":99,"body":""}',
        '{"status":200.5,"body":""}',
        '{"headers":"none"}',
        '{"headers":{"a b":"c"}}',
        '{"headers":{"a":"b\\r\\nset-cookie: c"}}',
        '{"headers":{"a":{}}}',
        json.dumps({"headers": {f"n{i}": "v" for i in range(200)}}),
        json.dumps({"body": "x" * (MAX_RESPONSE_BODY + 1)}),
    ],
)
def test_what_http_cannot_carry_is_the_scripts_failure(output: str) -> None:
    answer = answer_of(said(output), "7")
    assert answer.status == 500 and json.loads(answer.body)["error"] == "bad-answer"
    assert json.loads(answer.body)["requestId"] == "7"


def test_failures() -> None:
    thrown = answer_of(Failure(UncaughtError("Error: no", "Error: no\n  at f"), 1), "7")
    assert thrown.status == 500
    assert json.loads(thrown.body) == {
        "error": "uncaught-error",
        "message": "Error: no",
        "requestId": "7",
        "stack": "Error: no\n  at f",
    }
    assert json.loads(answer_of(Failure(OutOfGas("all used"), 1), None).body) == {
        "error": "out-of-gas",
        "message": "all used",
        "requestId": None,
    }
    assert answer_of(Failure(InvalidInput("not UTF-8"), 1), None).status == 400


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x93\xc0\xc2\xc3", [None, False, True]),
        (b"\x95\x7f\xff\xe0\xd0\x80\xd1\x80\x00", [127, -1, -32, -128, -32768]),
        (b"\x92\xcb" + struct.pack(">d", 1.5) + b"\xca" + struct.pack(">f", 0.5), [1.5, 0.5]),
        (b"\xdc\x00\x01\xd9\x02\xc3\xa9", ["é"]),
        (b"\xde\x00\x01\xa1k\xc5\x00\x01x", {"k": b"x"}),
        (b"\xcf" + b"\xff" * 8, (1 << 64) - 1),
    ],
)
def test_message_pack(data: bytes, value: object) -> None:
    assert unpack(data) == value
    for end in range(len(data)):
        with pytest.raises(BadMessagePack):
            unpack(data[:end])
    with pytest.raises(BadMessagePack):
        unpack(data + b"\0")


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",
        b"\xc7\x01\x05x",
        b"\xa1\xff",
        b"\x81\x01\x02",
        b"\x82\xa1a\x01\xa1a\x02",
        b"\x91" * 20 + b"\xc0",
        b"\xdd\xff\xff\xff\xff",
    ],
)
def test_message_pack_is_strict(data: bytes) -> None:
    with pytest.raises(BadMessagePack):
        unpack(data)
