"""A model's process: its queue, and what happens when it dies, hangs, or nobody listens."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from offchain.ai.embedded import Embedded
from offchain.ai.model_process import Answer, ModelProcess, Patience
from offchain.ai.provider import ModelFailed, ModelTimedOut, Overloaded, StreamedReply
from offchain.ai.virtual import answer

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Describe the universe."}], "max_tokens": 600}
LONG = {"texts": ["word " * 300] * 250}
SHORT = {"texts": ["Hi"]}


@asynccontextmanager
async def running(patience: Patience) -> AsyncIterator[ModelProcess]:
    process = ModelProcess("embed", patience)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(process.run)
        yield process
        nursery.cancel_scope.cancel()


async def vectors_of(answer: Answer) -> list[str]:
    return [part["vector"] async for part in answer]


async def test_one_after_the_other_and_no_more_than_may_wait(models: None) -> None:
    async with running(Patience(waiting=2)) as process:
        first = process.ask(SHORT)
        await first.begun()  # so it waits no more
        others = [process.ask(SHORT), process.ask(SHORT)]
        with pytest.raises(Overloaded, match="2 requests wait"):
            process.ask(SHORT)
        answers = [await vectors_of(each) for each in (first, *others)]
        assert len(answers[0]) == 1 and answers == answers[:1] * 3


async def test_what_nobody_wants_ends_early_and_what_is_waiting_unwanted_is_left_out(models: None) -> None:
    async with running(Patience()) as process:
        unwanted, left_out, wanted = process.ask(LONG), process.ask(LONG), process.ask(SHORT)
        left_out.close()
        parts = 0
        async for _ in unwanted:
            parts += 1
            if parts == 3:
                unwanted.close()
        assert parts < 100
        pid = process.pid
        assert await vectors_of(wanted)
        assert process.pid == pid
        assert not left_out.started


async def test_a_process_that_is_killed_costs_one_answer_and_the_next_says_the_same(models: None) -> None:
    async with running(Patience()) as process:
        said = await vectors_of(process.ask(SHORT))
        struck = process.ask(LONG)
        await struck.begun()
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ModelFailed, match="has ended"):
            await vectors_of(struck)
        assert await vectors_of(process.ask(SHORT)) == said
        assert process.pid != pid


async def test_a_process_that_died_in_its_sleep_costs_none_and_an_idle_one_ends(models: None) -> None:
    async with running(Patience(idle=0.5)) as process:
        assert await vectors_of(process.ask(SHORT))
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await trio.to_thread.run_sync(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert await vectors_of(process.ask(SHORT))
        while process.pid is not None:  # noqa: ASYNC110
            await trio.sleep(0.05)


async def test_a_process_that_hangs_is_replaced(models: None) -> None:
    async with running(Patience(silence=3.0)) as process:
        assert await vectors_of(process.ask(SHORT))
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(ModelTimedOut):
            await vectors_of(process.ask(SHORT))
        assert process.pid != pid


async def test_a_stream_that_is_closed_unread_ends_and_one_that_breaks_off_says_so(embedded: Embedded) -> None:
    unread = await embedded.chat({**CHAT, "stream": True})
    assert isinstance(unread, StreamedReply)
    await unread.events.aclose()

    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"Describe the universe."}]}'
    status, headers, parts = await answer(embedded, "POST", "/v1/chat/completions", [], body)
    assert (status, dict(headers)["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert (await anext(parts)).startswith(b'data: {"id":"chatcmpl-')
    (pid,) = embedded.pids
    os.kill(pid, signal.SIGKILL)
    *_, last = [part async for part in parts]
    assert last == (
        b'data: {"error":{"message":"The model\'s process has ended.","type":"server_error","param":null,'
        b'"code":"model_failed"}}\n\n'
    )


async def test_the_same_request_has_the_same_reply_whatever_chance_it_asks_for(embedded: Embedded) -> None:
    request = {**CHAT, "temperature": 1.5, "seed": 7, "max_tokens": 5}
    assert await embedded.chat(request) == await embedded.chat(request)
    vectors = {"model": "any", "input": ["A man is eating food."]}
    assert await embedded.embed(vectors) == await embedded.embed({**vectors, "encoding_format": "float"})
    for pid in embedded.pids:
        limits = {line[:26].strip(): line[26:].split()[:2] for line in await _limits(pid)}
        for name in ("Max open files", "Max file size", "Max processes", "Max core file size"):
            assert limits[name] == ["0", "0"], name


async def _limits(pid: int) -> list[str]:
    return (await trio.Path(f"/proc/{pid}/limits").read_text()).splitlines()
