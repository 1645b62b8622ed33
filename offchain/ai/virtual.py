"""OpenAI's HTTP API out of a provider: what scripts meet at `https://api.openai.com/v1`.

Overview
    `answer` takes a request as HTTP has it, and gives status, headers and a body in parts. It knows
    `POST /v1/chat/completions` with and without `stream`, `POST /v1/embeddings`, `GET /v1/models` and
    `GET /v1/models/{model}`; everything else is 404 or 405, with OpenAI's words. Each answer of a model has the header
    `x-fathom-model`. What the caller sends as a key or in other headers isn't looked at, and never passed on.

Usage
    async with open_world(network, reach, start_ms=..., virtual=virtual_hosts(provider)) as world: ...

    status, headers, body = await answer(provider, "POST", "/v1/chat/completions", headers, content)
    try:
        async for part in body: ...
    finally:
        await body.aclose()  # always: it ends a generation that nobody listens to any more

Errors
    None is raised: each is an answer in OpenAI's shape, and in the midst of a stream an event with an `error`, which
    OpenAI's clients raise.

Out of scope
    Sockets: `service` has one.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, NoReturn
from urllib.parse import unquote

import orjson

from offchain.ai.provider import (
    MODEL_HEADER,
    AiError,
    Events,
    InvalidRequest,
    JsonObject,
    ModelIdentity,
    Provider,
    Reply,
    RequestTooLarge,
    StreamedReply,
    UnknownModel,
)

if TYPE_CHECKING:
    from offchain.outside.fetching import VirtualHost

MAX_REQUEST = 8 << 20
"""Bytes of a request's body."""
BASE = "/v1"
URL = f"https://api.openai.com{BASE}/"
"""What begins like this is answered here."""

Headers = list[tuple[str, str]]
Handler = Callable[[JsonObject], Awaitable[Reply | StreamedReply]]

log = logging.getLogger("offchain.ai")


class Body(AsyncGenerator[bytes, None]):
    """The parts of an answer's body. Unlike a generator's, its `aclose` has an effect before the first part too."""

    def __init__(self, whole: bytes = b"", events: Events | None = None) -> None:
        self._whole = whole
        self._events = events

    async def asend(self, value: None) -> bytes:
        """The next part."""
        if self._whole:
            whole, self._whole = self._whole, b""
            return whole
        if self._events is None:
            raise StopAsyncIteration
        try:
            return _event(orjson.dumps(await anext(self._events)))
        except StopAsyncIteration:
            await self.aclose()
            return _event(b"[DONE]")
        except AiError as error:
            await self.aclose()
            return _event(orjson.dumps(_shape(error)))

    async def athrow(self, *error: object) -> NoReturn:
        """Nobody has an error for an answer."""
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Nobody wants the rest."""
        events, self._events = self._events, None
        if events is not None:
            await events.aclose()


class HttpAnswer(NamedTuple):
    """An answer as HTTP has it; names of headers in lower case."""

    status: int
    headers: Headers
    body: Body


def virtual_hosts(provider: Provider | None) -> dict[str, VirtualHost]:
    """What `outside.open_world` takes: where URLs begin that the provider answers, and how. Nothing without one."""
    return {} if provider is None else {URL: partial(answer, provider)}


async def answer(
    provider: Provider, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes
) -> HttpAnswer:
    """Answer one request; `path` from the root, with or without a query."""
    try:
        return await _route(provider, method.upper(), path.partition("?")[0], dict(headers), body)
    except AiError as error:
        return _whole(error.status, _shape(error), retry_after=error.retry_after)
    except Exception:
        log.exception("the provider of models failed at %s %s", method, path.partition("?")[0])
        return refusal(500, "The server had an error while processing your request.", "server_error")


async def _route(provider: Provider, method: str, path: str, headers: dict[str, str], body: bytes) -> HttpAnswer:
    posts: dict[str, Handler] = {f"{BASE}/chat/completions": provider.chat, f"{BASE}/embeddings": provider.embed}
    models, _, model = path.partition(f"{BASE}/models/")
    if path in posts:
        return _answer(await posts[path](_request(body, headers))) if method == "POST" else _not_allowed(method, path)
    if path == f"{BASE}/models":
        return _answer(await provider.models()) if method == "GET" else _not_allowed(method, path)
    if model and not models:
        return _answer(await _model(provider, unquote(model))) if method == "GET" else _not_allowed(method, path)
    message = f"Unknown request URL: {method} {path}. This server has chat/completions, embeddings and models."
    return refusal(404, message, "invalid_request_error", "unknown_url")


def _request(body: bytes, headers: dict[str, str]) -> JsonObject:
    if len(body) > MAX_REQUEST:
        raise RequestTooLarge(f"The body of the request is over the limit of {MAX_REQUEST} bytes.")
    if any(name.lower() == "content-encoding" and value.lower() != "identity" for name, value in headers.items()):
        raise InvalidRequest("The body of a request must not be compressed.")
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        request = None
    if not isinstance(request, dict):
        raise InvalidRequest("We could not parse the JSON body of your request: it must be an object.")
    return request


async def _model(provider: Provider, name: str) -> Reply:
    """One entry of the list of models."""
    for entry in (await provider.models()).body.get("data") or []:
        if isinstance(entry, dict) and entry.get("id") == name:
            return Reply(None, entry)
    raise UnknownModel(f"The model '{name}' does not exist.")


def _answer(reply: Reply | StreamedReply) -> HttpAnswer:
    if isinstance(reply, Reply):
        return _whole(200, reply.body, reply.model)
    headers = [*_headers("text/event-stream; charset=utf-8", reply.model), ("cache-control", "no-cache")]
    return HttpAnswer(200, headers, Body(events=reply.events))


def _headers(kind: str, model: ModelIdentity | None) -> Headers:
    return [("content-type", kind)] + ([(MODEL_HEADER, str(model))] if model else [])


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _not_allowed(method: str, path: str) -> HttpAnswer:
    message = f"Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)"
    return refusal(405, message, "invalid_request_error", "method_not_supported")


def refusal(status: int, message: str, kind: str, code: str | None = None) -> HttpAnswer:
    """An error in OpenAI's shape, for reasons that no provider has."""
    return _whole(status, _error(message, kind, code=code))


def _whole(
    status: int, body: JsonObject, model: ModelIdentity | None = None, retry_after: int | None = None
) -> HttpAnswer:
    content = orjson.dumps(body)
    headers = [*_headers("application/json", model), ("content-length", str(len(content)))]
    if retry_after is not None:
        headers.append(("retry-after", str(retry_after)))
    return HttpAnswer(status, headers, Body(content))


def _shape(error: AiError) -> JsonObject:
    return _error(str(error), error.kind, error.param, error.code)


def _error(message: str, kind: str, param: str | None = None, code: str | None = None) -> JsonObject:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
