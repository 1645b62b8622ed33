"""A provider that asks a server of OpenAI's API at a base URL: OpenAI itself, vLLM, Ollama, another machine's Fathom.

Overview
    Requests and replies pass through as they are, fields unknown to this program included. The operator's key is read
    once and goes into one header of requests to that server; redirects aren't followed, so it goes nowhere else.

Usage
    async with open_openai_compatible("https://api.openai.com/v1", ApiKey.from_environment("OPENAI_API_KEY")) as ai:
        reply = await ai.chat({...})

Errors
    `ServerUnreachable`, `ModelTimedOut`, `Overloaded`, `KeyRefused`, `BadServerAnswer`, and `ServerRefused` with the
    server's own status and words. None names the key; `AiSettingError` for a URL or a key that can't be used.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import orjson
import trio

from node.web.http import is_loopback
from offchain.ai.api_key import ApiKey
from offchain.ai.provider import (
    MODEL_HEADER,
    AiSettingError,
    BadServerAnswer,
    JsonObject,
    KeyRefused,
    ModelIdentity,
    ModelTimedOut,
    Overloaded,
    Reply,
    ServerRefused,
    ServerUnreachable,
    StreamedReply,
)

MAX_ANSWER = 16 << 20
"""Bytes of one answer."""
MAX_ERROR = 64 << 10
CONNECTIONS = 16
_MAX_WORDS = 2000  # characters of a server's error that are passed on
_AGENT = "fathom"


@dataclass(frozen=True)
class Timeouts:
    """Times in seconds."""

    connect: float = 10.0
    silence: float = 120.0
    """Between two bytes of an answer."""
    free: float = 10.0
    """Until one of the connections is free."""


class OpenAiCompatible:
    """A `Provider` of a server's; made by `open_openai_compatible`."""

    def __init__(self, client: httpx.AsyncClient, key: ApiKey | None, chat: str | None, embedding: str | None) -> None:
        self._client = client
        self._key = key
        self._chat_model, self._embedding_model = chat, embedding

    async def chat(self, request: JsonObject) -> Reply | StreamedReply:
        """See `Provider`."""
        asked = request if self._chat_model is None else {**request, "model": self._chat_model}
        if asked.get("stream") is not True:
            return await self._whole("POST", "chat/completions", asked)
        response = await self._send("POST", "chat/completions", asked)
        events = _Events(response)
        try:
            kind = response.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                raise BadServerAnswer("The AI server was asked for a stream, and answered something else.")
            first = await events.peek()
        except BaseException:
            await events.aclose()
            raise
        return StreamedReply(_identity(response, first), events)

    async def embed(self, request: JsonObject) -> Reply:
        """See `Provider`."""
        asked = request if self._embedding_model is None else {**request, "model": self._embedding_model}
        return await self._whole("POST", "embeddings", asked)

    async def models(self) -> Reply:
        """See `Provider`."""
        reply = await self._whole("GET", "models", None)
        return Reply(None, reply.body)

    async def _whole(self, method: str, path: str, request: JsonObject | None) -> Reply:
        response = await self._send(method, path, request)
        body = _object(await _content(response, MAX_ANSWER))
        return Reply(_identity(response, body), body)

    async def _send(self, method: str, path: str, request: JsonObject | None) -> httpx.Response:
        """A response of status 2xx, its body not yet read. Raises `AiError`."""
        headers = {"authorization": f"Bearer {self._key.secret}"} if self._key else {}
        body = None
        if request is not None:
            headers["content-type"] = "application/json"
            body = orjson.dumps(request)
        with _named():
            response = await self._client.send(
                self._client.build_request(method, path, content=body, headers=headers), stream=True
            )
        if not response.is_success:
            refusal = self._refusal(response.status_code, await _content(response, MAX_ERROR))
            wait = response.headers.get("retry-after", "")
            refusal.retry_after = int(wait) if re.fullmatch("[0-9]{1,5}", wait) else None
            raise refusal
        return response

    def _refusal(self, status: int, content: bytes) -> KeyRefused | ServerRefused | BadServerAnswer:
        """What an answer of another status means. Words about keys stay here: servers like to quote them."""
        if status in (401, 403):
            which = "the worker's key" if self._key else "a request without a key, and the worker has none"
            return KeyRefused(f"The AI server refused {which} ({status}); its operator has to mend that.")
        if not 400 <= status < 600:
            return BadServerAnswer(f"The AI server answered with status {status}; its base URL may be another one.")
        try:
            error: Any = orjson.loads(content)
        except orjson.JSONDecodeError:
            error = None
        error = error.get("error") if isinstance(error, dict) else None
        fields = error if isinstance(error, dict) else {"message": error}
        kind = _text(fields.get("type")) or ("invalid_request_error" if status < 500 else "server_error")
        message = _text(fields.get("message")) or f"The AI server answered with status {status}."
        if self._key is not None:
            message = message.replace(self._key.secret, "***")
        return ServerRefused(status, message, kind, _text(fields.get("code")), _text(fields.get("param")))


@asynccontextmanager
async def open_openai_compatible(
    base_url: str,
    key: ApiKey | None = None,
    *,
    chat_model: str | None = None,
    embedding_model: str | None = None,
    timeouts: Timeouts = Timeouts(),
) -> AsyncIterator[OpenAiCompatible]:
    """A provider for the server at `base_url`, which usually ends with `/v1`.

    The two models, where given, stand in for those that requests name. Raises `AiSettingError`.
    """
    url = _checked(base_url, key)
    client = httpx.AsyncClient(
        base_url=url,
        timeout=httpx.Timeout(timeouts.silence, connect=timeouts.connect, pool=timeouts.free),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        follow_redirects=False,
        trust_env=not is_loopback(urlsplit(url).netloc),  # proxies of the environment don't know this machine
        headers={"user-agent": _AGENT},
    )
    async with client:
        yield OpenAiCompatible(client, key, chat_model, embedding_model)


def _checked(base_url: str, key: ApiKey | None) -> str:
    """The URL with a slash at its end. Its words are never in an error: they may be a secret."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise AiSettingError(
            "the URL of the AI server must be scheme, host and path alone; a key goes into its own place"
        )
    if parts.scheme not in ("http", "https") or not host:
        raise AiSettingError("--ai must be embedded, off, or a http:// or https:// URL of an OpenAI-compatible server")
    if key is not None and parts.scheme == "http" and not is_loopback(parts.netloc):
        raise AiSettingError(f"a key doesn't go over plain http to {host}: give a https:// URL, or no key")
    return base_url.rstrip("/") + "/"


class _Events:
    """The events of a streamed answer, each checked to be a JSON object."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._parts = response.aiter_bytes()
        self._buffer = bytearray()
        self._size = 0
        self._first: JsonObject | None = None

    async def peek(self) -> JsonObject:
        """The first event, which iteration gives once more."""
        try:
            self._first = await self.__anext__()
        except StopAsyncIteration:
            raise BadServerAnswer("The AI server's stream ended before it began.") from None
        return self._first

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JsonObject:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        data: list[bytes] = []
        while True:
            line = await self._line()
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                break
        content = b"\n".join(data)
        if content == b"[DONE]":
            await self.aclose()
            raise StopAsyncIteration
        event = _object(content)
        if isinstance(event.get("error"), dict):
            message = _text(event["error"].get("message")) or "no reason given"
            raise BadServerAnswer(f"The AI server broke its answer off: {message}")
        return event

    async def aclose(self) -> None:
        """Nobody wants the rest: the connection is closed, by which the server knows."""
        await _close(self._response, self._parts)

    async def _line(self) -> bytes:
        """The next line without its end. Raises `BadServerAnswer` where the stream ends instead."""
        while (end := self._buffer.find(b"\n")) < 0:
            with _named():
                part = await anext(self._parts, None)
            if part is None:
                raise BadServerAnswer("The AI server's stream broke off.")
            self._size += len(part)
            if self._size > MAX_ANSWER:
                raise BadServerAnswer(f"The AI server's answer is over the limit of {MAX_ANSWER} bytes.")
            self._buffer += part
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")


@contextmanager
def _named() -> Iterator[None]:
    """What httpx raises, by our names; without its words, which may hold a URL or a header."""
    try:
        yield
    except httpx.PoolTimeout:
        raise Overloaded(f"All {CONNECTIONS} connections to the AI server are in use; try again later.") from None
    except httpx.ConnectTimeout:
        raise ServerUnreachable("The AI server could not be reached in time.") from None
    except httpx.TimeoutException:
        raise ModelTimedOut("The AI server said nothing for too long.") from None
    except httpx.ConnectError:
        raise ServerUnreachable("The AI server could not be reached.") from None
    except (httpx.HTTPError, httpx.StreamError):
        raise ServerUnreachable("The connection to the AI server broke.") from None


async def _content(response: httpx.Response, most: int) -> bytes:
    """The body of a response, which is then closed."""
    content = bytearray()
    parts = response.aiter_bytes()
    try:
        with _named():
            async for part in parts:
                content += part
                if len(content) > most:
                    raise BadServerAnswer(f"The AI server's answer is over the limit of {most} bytes.")
    finally:
        await _close(response, parts)
    return bytes(content)


async def _close(response: httpx.Response, parts: AsyncIterator[bytes]) -> None:
    """Close the connection, then read on: it takes an error from within to end httpx's nested generators in order."""
    with trio.CancelScope(shield=True), trio.move_on_after(1), suppress(httpx.HTTPError, httpx.StreamError):
        await response.aclose()
        async for _ in parts:
            pass


def _object(content: bytes) -> JsonObject:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise BadServerAnswer("The AI server's answer isn't a JSON object; its base URL may be another one.")
    return value


def _identity(response: httpx.Response, body: JsonObject) -> ModelIdentity:
    """Which model answered: as a Fathom says it in a header, or the name in the answer."""
    if told := response.headers.get(MODEL_HEADER):
        return ModelIdentity.parse(told)
    return ModelIdentity(_text(body.get("model")) or "unknown")


def _text(value: Any) -> str | None:
    return value[:_MAX_WORDS] if isinstance(value, str) else None
