"""`fathom agent call` where the answer flows, and where it ends too soon."""

from __future__ import annotations

import json
from functools import partial

import pytest
import trio
from typer.testing import CliRunner, Result

from node.cli import app

FLOWING = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    b"x-fathom-receipt-at: /receipts/later\r\nconnection: close\r\n\r\n4\r\nhalf\r\n"
)
FILE = b'HTTP/1.1 200 OK\r\ncontent-length: 14\r\nconnection: close\r\n\r\n{"id":"0xabc"}'
NO_FILE = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


async def called(answer: bytes, file: bytes, *arguments: str) -> Result:
    """What `fathom agent call` makes of a gateway's answer, and of what it has where the receipt should be."""

    async def serve(stream: trio.SocketStream) -> None:
        asked = await stream.receive_some()
        await stream.send_all(file if asked.startswith(b"GET /receipts/later ") else answer)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        gateway = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        given = ["agent", "call", "echo", "--gateway", gateway, *arguments]
        found = await trio.to_thread.run_sync(CliRunner().invoke, app, given)
        nursery.cancel_scope.cancel()
    return found


@pytest.mark.parametrize(("file", "receipt"), [(FILE, "0xabc"), (NO_FILE, "none")])
async def test_an_answer_that_flowed_has_its_receipt_afterwards(file: bytes, receipt: str) -> None:
    found = await called(FLOWING + b"0\r\n\r\n", file)
    assert (found.exit_code, found.stdout, found.stderr) == (0, "half\n", f"200  receipt {receipt}\n")


async def test_an_answer_that_breaks_off_is_shown_and_said_to_be_broken() -> None:
    found = await called(FLOWING, FILE)
    status, error = found.stderr.splitlines()
    assert (found.exit_code, found.stdout, status) == (1, "half\n", "200  receipt 0xabc")
    assert error.startswith("Error: the answer broke off: ") and "fathom agent logs echo" in error
    told = await called(FLOWING, FILE, "--json")
    assert told.exit_code == 1 and json.loads(told.stdout)["broken"] == "the connection ended before its end"


async def test_a_gateway_that_says_nothing_at_all() -> None:
    found = await called(b"", b"")
    assert (found.exit_code, found.stdout) == (1, "") and "doesn't answer" in found.stderr
