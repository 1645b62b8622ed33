"""The provider that asks a server, against real servers: good ones, broken ones, and ones that quote the key."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from node.web import Request, Response, open_listeners, serve
from offchain.ai.api_key import ApiKey
from offchain.ai.openai_compatible import OpenAiCompatible, Timeouts, open_openai_compatible
from offchain.ai.opening import open_provider
from offchain.ai.provider import (
    AiError,
    AiSettingError,
    BadServerAnswer,
    KeyRefused,
    ModelIdentity,
    ModelTimedOut,
    Reply,
    ServerRefused,
    ServerUnreachable,
    StreamedReply,
)
from offchain.ai.virtual import answer

SECRET = "sk-a-secret-that-nobody-shall-read"
ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "tools": [{"type": "function"}]}
CHUNK = b'data: {"id":"1","model":"gpt-4o-2024","choices":[{"delta":{"content":"%d"}}]}\r\n\r\n'

Handler = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def asking(handler: Handler, **options: str) -> AsyncIterator[OpenAiCompatible]:
    """A provider of a real server whose requests `handler` answers."""
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, await open_listeners("127.0.0.1", 0), http=handler))
        key = ApiKey(SECRET)
        url = f"http://127.0.0.1:{port}/v1"
        async with open_openai_compatible(url, key, timeouts=Timeouts(silence=0.5), **options) as provider:
            yield provider
        nursery.cancel_scope.cancel()


def answering(status: int, body: bytes, *headers: tuple[str, str]) -> Handler:
    async def handler(request: Request) -> Response:
        return Response(status, headers or (("content-type", "application/json"),), body)

    return handler


def streaming(body: bytes) -> Handler:
    return answering(200, body, ("content-type", "text/event-stream"))


async def hanging(request: Request) -> Response:
    await trio.sleep(60)
    return Response(200)


async def test_request_and_reply_pass_as_they_are_with_the_key_in_its_header() -> None:
    seen: list[Request] = []
    body = {"model": "gpt-4o-2024", "choices": [], "unknown": [1.5]}

    async def handler(request: Request) -> Response:
        seen.append(request)
        return Response(200, (), json.dumps(body).encode())

    async with asking(handler) as provider:
        reply = await provider.chat(ASKED)
        await provider.embed({"model": "e", "input": "x"})
        await provider.models()
    assert reply == Reply(ModelIdentity("gpt-4o-2024"), body)
    assert [(each.method, each.path) for each in seen] == [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/models"),
    ]
    assert json.loads(seen[0].body) == ASKED
    assert all(each.header("authorization") == f"Bearer {SECRET}" for each in seen)


async def test_the_operators_models_stand_in_for_those_asked_for() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, (), request.body)

    async with asking(handler, chat_model="llama", embedding_model="bge") as provider:
        chat, embedding = await provider.chat(ASKED), await provider.embed({"model": "x", "input": "y"})
    assert isinstance(chat, Reply) and chat.body == {**ASKED, "model": "llama"}
    assert embedding.body["model"] == "bge"


async def test_a_stream_passes_event_by_event() -> None:
    async with asking(streaming(b": hello\n\n" + CHUNK % 1 + CHUNK % 2 + b"data: [DONE]\n\n")) as provider:
        reply = await provider.chat({**ASKED, "stream": True})
        assert isinstance(reply, StreamedReply)
        assert reply.model == ModelIdentity("gpt-4o-2024")
        assert [event["choices"][0]["delta"]["content"] async for event in reply.events] == ["1", "2"]


@pytest.mark.parametrize(
    ("handler", "error", "words"),
    [
        (answering(200, b"<html>"), BadServerAnswer, "isn't a JSON object"),
        (answering(200, b"[]"), BadServerAnswer, "isn't a JSON object"),
        (answering(200, b'{"a":"' + b"x" * (17 << 20)), BadServerAnswer, "over the limit"),
        (answering(302, b"", ("location", "https://example.com/")), BadServerAnswer, "status 302"),
        (answering(401, f'{{"error":{{"message":"Incorrect key {SECRET}"}}}}'.encode()), KeyRefused, "operator"),
        (answering(403, SECRET.encode()), KeyRefused, "operator"),
        (answering(500, b"oops"), ServerRefused, "status 500"),
        (hanging, ModelTimedOut, "nothing for too long"),
    ],
)
async def test_what_goes_wrong_has_a_name_and_never_the_key(
    handler: Handler, error: type[AiError], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with asking(handler) as provider:
            with pytest.raises(error, match=words) as caught:
                await provider.chat(ASKED)
            status, _, body = await answer(provider, "POST", "/v1/embeddings", [], b'{"input":"x"}')
            told = b"".join([part async for part in body])
    assert status >= 500 and json.loads(told)["error"]["message"]
    shown = f"{caught.value!r} {caught.getrepr(showlocals=False)} {provider!r} {told!r}"
    assert SECRET not in shown + caplog.text


async def test_the_words_of_a_refusal_pass_with_their_status_but_without_the_key() -> None:
    body = {"error": {"message": f"slow down, {SECRET}", "type": "requests", "param": None, "code": "rate_limit"}}
    refusing = answering(429, json.dumps(body).encode(), ("retry-after", "7"))
    async with asking(refusing) as provider:
        status, headers, parts = await answer(provider, "POST", "/v1/chat/completions", [], b"{}")
        told = json.loads(b"".join([part async for part in parts]))
    assert (status, dict(headers)["retry-after"]) == (429, "7")
    assert told == {"error": {**body["error"], "message": "slow down, ***"}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CHUNK % 1 + CHUNK % 2, "broke off"),
        (CHUNK % 1 + b"data: {\n\n", "isn't a JSON object"),
        (CHUNK % 1 + b'data: {"error":{"message":"no more"}}\n\n', "no more"),
    ],
)
async def test_a_stream_that_breaks_off_ends_with_an_error(content: bytes, words: str) -> None:
    async with asking(streaming(content)) as provider:
        status, _, parts = await answer(provider, "POST", "/v1/chat/completions", [], b'{"stream":true}')
        *first, last = [part async for part in parts]
    assert (status, json.loads(first[0].removeprefix(b"data: "))["model"]) == (200, "gpt-4o-2024")
    error = json.loads(last.removeprefix(b"data: "))["error"]
    assert error["code"] == "provider_bad_answer" and words in error["message"]


async def test_a_stream_that_never_began_is_an_error_with_a_status() -> None:
    for handler in (streaming(b""), answering(200, b"{}")):
        async with asking(handler) as provider:
            status, _, _ = await answer(provider, "POST", "/v1/chat/completions", [], b'{"stream":true}')
            assert status == 502


async def test_nobody_at_the_url() -> None:
    with trio.socket.socket() as bound:
        await bound.bind(("127.0.0.1", 0))
        async with open_openai_compatible(f"http://127.0.0.1:{bound.getsockname()[1]}/v1") as provider:
            with pytest.raises(ServerUnreachable):
                await provider.models()


@pytest.mark.parametrize(
    "url",
    ["embeded", "ftp://example.com", "http://", "http://[::1", f"https://me:{SECRET}@example.com/v1", "http://a:99999"],
)
async def test_a_setting_that_is_none_is_refused_without_its_words(url: str) -> None:
    with pytest.raises(AiSettingError) as caught:
        async with open_provider(url):
            pass
    assert SECRET not in str(caught.value)


async def test_a_key_never_goes_over_plain_http_to_another_machine() -> None:
    with pytest.raises(AiSettingError, match="plain http"):
        async with open_openai_compatible("http://example.com/v1", ApiKey(SECRET)):
            pass
