"""Workers that lie, break the format or never end: their callers get a true answer from another, or are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import cast

import httpx
import pytest
import trio
from trio.testing import MockClock

from node.web import WebSocket
from node.web.errors import ConnectionClosed
from offchain.gateway import dispatch, links
from offchain.gateway.asked import RequestLimits
from offchain.serving import wire
from pallets.primitives.http import Headers, HttpResponse
from pallets.primitives.keys import Keypair, Scheme
from tests.offchain.gateway.stage import GATEWAY, PATIENCE, Say, StubWorker, echo, error_of, said, staged

STREAM: Headers = [("content-type", "text/event-stream")]
TRUE = HttpResponse(200, [], b"true")
ENDPOINTS = [
    b"ws://[",
    b"ws://a..b:1",
    b"ws://\xff:1",
    b"ws://a:99999",
    b"ws://:1",
    b"ws://127.0.0.1:1/a b",
    b"ws://a\0b:1",
]
Lie = Callable[[StubWorker, wire.Ask, Say], Awaitable[None]]


def copy_of(ask: wire.Ask) -> wire.Ask:
    copy: wire.Ask = wire.TO_WORKER.decode_all(wire.TO_WORKER.encode(ask))
    return copy


def whole(end: wire.End, response: HttpResponse = TRUE) -> wire.Whole:
    signed = end.receipt, end.signature, end.worker, end.logs, end.milliseconds
    return wire.Whole(end.id, response.status, response.headers, response.body, *signed)


async def bad_signature(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    end = worker.end(ask, TRUE)
    end.signature = bytes(64)
    await say(whole(end))


async def other_response(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await say(whole(worker.end(ask, TRUE), HttpResponse(200, [], b"false")))


async def other_status(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await say(whole(worker.end(ask, TRUE), HttpResponse(404, [], b"true")))


async def other_request(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    signed = copy_of(ask)
    signed.request.path = "/elsewhere"
    await say(whole(worker.end(signed, TRUE)))


async def other_agent(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    signed = copy_of(ask)
    signed.agent = 9
    await say(whole(worker.end(signed, TRUE)))


async def other_worker(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    end = worker.end(ask, TRUE)
    end.worker = bytes(32)
    await say(whole(end))


async def malformed(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    end = worker.end(ask, TRUE)
    end.receipt += b"\0"
    await say(whole(end))


async def parts_that_were_not_signed(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await say(wire.Head(ask.id, 200, []))
    await say(wire.Chunk(ask.id, b"false"))
    await say(worker.end(ask, TRUE))


async def a_status_that_is_none(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    response = HttpResponse(99, [], b"")
    await say(whole(worker.end(ask, response), response))


async def a_refusal_that_is_none(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await say(wire.Refused(ask.id, 200, "fine", "all is well", None, False))


async def a_body_where_none_may_be(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    response = HttpResponse(204, [], b"body")
    await say(whole(worker.end(ask, response), response))


async def parts_where_none_may_be(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await say(wire.Head(ask.id, 304, []))
    await say(wire.Chunk(ask.id, b"body"))


async def no_beginning(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await say(worker.end(ask, TRUE))


async def a_file_instead(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await say(wire.Found(ask.id, b"{}"))


async def two_heads(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await say(wire.Head(ask.id, 200, []))
    await say(wire.Head(ask.id, 200, []))


async def garbage(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await worker.sockets[-1].send(b"\xff" * 100)


async def text(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await worker.sockets[-1].send("hello")


async def a_chunk_too_large(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await say(wire.Head(ask.id, 200, []))
    chunk = wire.TO_GATEWAY.encode(wire.Chunk(ask.id, b""))[:-1]
    length = (wire.MAX_CHUNK + 1) << 2 | 2  # SCALE's compact form
    await worker.sockets[-1].send(chunk + length.to_bytes(4, "little") + bytes(wire.MAX_CHUNK + 1))


async def a_message_too_large(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    await worker.sockets[-1].send(bytes(wire.MAX_MESSAGE + 1))


async def too_many_lines(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    end = wire.TO_GATEWAY.encode(whole(worker.end(ask, TRUE)))
    before, after = end[:-5], end[-4:]  # no lines, milliseconds
    count = (1 << 20) << 2 | 2
    await worker.sockets[-1].send(before + count.to_bytes(4, "little") + bytes(1 << 20) + after)


LIES_IN_ANSWERS: list[Lie] = [
    bad_signature,
    other_response,
    other_status,
    other_request,
    other_agent,
    other_worker,
    malformed,
    parts_that_were_not_signed,
]
BREACHES: list[Lie] = [
    a_status_that_is_none,
    a_refusal_that_is_none,
    a_body_where_none_may_be,
    parts_where_none_may_be,
    no_beginning,
    a_file_instead,
    two_heads,
    garbage,
    text,
    a_chunk_too_large,
    a_message_too_large,
    too_many_lines,
]


async def test_another_worker_answers_and_without_one_the_caller_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("AVOID_SECONDS", 0.0), ("FIRST_PAUSE", 0.01), ("LONGEST_PAUSE", 0.01)):
        monkeypatch.setattr(links, name, seconds)
    async with staged(echo, echo) as stage, stage.client() as client:
        liar, honest = stage.workers
        for lie in LIES_IN_ANSWERS + BREACHES:
            liar.behave, asks = lie, len(liar.asks)
            answer = await client.post("/agents/echo/", content=b"once")
            assert len(liar.asks) == asks + 1, lie
            assert answer.headers["x-fathom-worker"] == f"0x{honest.keys.worker_key.hex()}", lie
            assert answer.json()["body"] == b"once".hex() and answer.headers["x-fathom-receipt"], lie
            await stage.linked(2)
        stage.unseat(1)
        for lie in LIES_IN_ANSWERS + BREACHES:
            liar.behave = lie
            told = await client.get("/agents/echo/")
            error_of(told, *((502, "bad-answer") if lie in LIES_IN_ANSWERS else (503, "worker-gone")))
            assert "x-fathom-receipt" not in told.headers, lie
            await stage.linked(1)


async def test_a_call_that_may_have_been_run_counts_as_all_that_it_may_cost() -> None:
    price, told = 7, list[wire.Answered | wire.NotAnswered]()

    async def calling(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        if ask.agent == 1:
            await bad_signature(worker, ask, say)
        else:
            told.extend([await worker.call(ask, say, 1) for _ in range(2)])
            await worker.answer(ask, say, TRUE)

    async with staged(calling) as stage, stage.client() as client:
        stage.deploy(1, b"called", price=price)
        stage.pays(1, Keypair.from_suri(GATEWAY, Scheme.ED25519).public)
        most = {"x-fathom-max-charge": str(price * 10**9)}  # what one call of it may cost
        assert (await client.get("/agents/echo/", headers=most)).content == TRUE.body
    assert [each.error for each in told if isinstance(each, wire.NotAnswered)] == ["bad-answer", "too-costly"]


async def test_what_the_gateway_knows_better_no_worker_refuses_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "NEWS_SECONDS", 0.0)
    refusals = [(404, "unknown-agent"), (403, "agent-paused"), (402, "payment-required"), (401, "secret-not-readable")]
    async with staged(echo, echo) as stage, stage.client() as client:
        liar, honest = stage.workers
        for status, reason in refusals:
            asks = len(liar.asks)

            async def refuse(_: StubWorker, ask: wire.Ask, say: Say, said: tuple[int, str] = (status, reason)) -> None:
                await say(wire.Refused(ask.id, *said, "which isn't so", None, False))

            liar.behave = refuse
            answer = await client.get("/agents/echo/")
            assert len(liar.asks) == asks + 1, reason
            if reason == "secret-not-readable":
                error_of(answer, status, reason)
            else:
                assert answer.headers["x-fathom-worker"] == f"0x{honest.keys.worker_key.hex()}", reason


@pytest.mark.parametrize("part", [b"", b"x" * 1000])
async def test_an_answer_without_an_end_breaks_off(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MAX_ANSWER", 1 << 18)
    sent = 0

    async def endless(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        nonlocal sent
        await say(wire.Head(ask.id, 200, STREAM))
        with pytest.raises(ConnectionClosed):
            while True:
                await say(wire.Chunk(ask.id, part))
                sent += 1

    async with staged(endless) as stage, stage.client() as client:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"), trio.fail_after(PATIENCE):
            await client.get("/agents/echo/")
        log = (await client.get("/logs/all/agents/echo")).text
        assert "[ERROR] the answer breaks off" in log and "END Request: broken off" in log


async def test_what_flowed_and_was_not_signed_breaks_off() -> None:
    async def lies(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        await say(wire.Head(ask.id, 200, STREAM))
        await say(wire.Chunk(ask.id, b"false"))
        await trio.sleep(0.02)
        await say(worker.end(ask, HttpResponse(200, STREAM, b"true")))

    async with staged(lies) as stage:
        raw = await said(stage, b"GET /agents/echo/ HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert raw.endswith(b"\r\n5\r\nfalse\r\n")


async def test_an_endpoint_that_is_none_costs_its_worker_alone() -> None:
    async with staged(echo, echo) as stage, stage.client() as client:
        _, liar = stage.workers
        for endpoint in ENDPOINTS:
            stage.seat(1, liar, endpoint=endpoint)
            await stage.linked(1)
            assert (await client.get("/agents/echo/")).status_code == 200
            stage.seat(1, liar)
            await stage.linked(2)
    assert links.is_private("ws://["), "nor is it asked by a gateway that may ask no neighbours"


async def test_a_worker_that_says_nothing_is_asked_last() -> None:
    async def silent(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        await trio.sleep_forever()

    async with staged(silent, echo, limits=RequestLimits(answer_seconds=0.1)) as stage, stage.client() as client:
        error_of(await client.get("/agents/echo/"), 504, "time-out")
        for _ in range(3):
            assert (await client.get("/agents/echo/")).status_code == 200
        assert len(stage.workers[0].asks) == 1


async def test_a_worker_that_never_keeps_to_the_format_is_connected_to_ever_more_rarely(
    autojump_clock: MockClock,
) -> None:
    opened: list[float] = []

    class Babbler:
        async def receive(self) -> bytes:
            return b"\xff"

    @asynccontextmanager
    async def connect(_: str) -> AsyncIterator[WebSocket]:
        opened.append(trio.current_time())
        yield cast(WebSocket, Babbler())

    with trio.move_on_after(60):
        await links.Link(bytes(32), "ws://worker", connect).run(lambda: None)
    pauses = [after - before for before, after in pairwise(opened)]
    assert pauses[:3] == pytest.approx([0.1, 0.2, 0.4]) and max(pauses) == pytest.approx(links.LONGEST_PAUSE)
