"""What answers for a model: the contract of providers, in OpenAI's vocabulary, and every error.

Overview
    A request is the JSON object that OpenAI's HTTP API takes, and a reply the one that it gives, so that nothing is
    lost between a script and a server that knows more than this program does. Every reply says which model gave it
    and, where that is known, by which weights.

Usage
    reply = await provider.chat({"model": "any", "messages": [{"role": "user", "content": "Hi"}], "stream": True})
    async with aclosing(reply.events) as events:
        async for event in events:
            ...

Errors
    `AiError` and its subclasses, one a reason; each has the status and the code that OpenAI's API gives for it.

Out of scope
    HTTP, which is `virtual`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol, Self

JsonObject = dict[str, Any]

MODEL_HEADER = "x-fathom-model"
_UNPRINTABLE = re.compile(r"[^!-?A-~]")  # `@` divides name and hash
_MAX_NAME = 128


@dataclass(frozen=True)
class ModelIdentity:
    """Which model answered. `weights` is the blake2-256 hash of its file of weights; None where nobody told."""

    name: str
    weights: bytes | None = None

    def __str__(self) -> str:
        """As in the header `x-fathom-model`: `name@0x…`, or `name` alone."""
        name = _UNPRINTABLE.sub("_", self.name[:_MAX_NAME]) or "unknown"
        return name if self.weights is None else f"{name}@0x{self.weights.hex()}"

    @classmethod
    def parse(cls, text: str) -> ModelIdentity:
        """What `str` has printed; text of another form is a name."""
        name, at, digits = text.rpartition("@0x")
        if at and re.fullmatch(r"[0-9a-f]{64}", digits):
            return cls(name, bytes.fromhex(digits))
        return cls(text)


@dataclass(frozen=True)
class Reply:
    """A whole answer: the JSON object of OpenAI's API."""

    model: ModelIdentity | None
    """None where no model was asked, as in a list of models."""
    body: JsonObject


class Events(Protocol):
    """JSON objects as they come. Not a generator: closing it before the first one has an effect too."""

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> JsonObject: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True)
class StreamedReply:
    """An answer in parts, each a JSON object `chat.completion.chunk`.

    The first of them exists already: what is wrong with the request was raised instead. Who doesn't want the rest
    closes `events`, which ends the generation. It raises `AiError` where the answer breaks off.
    """

    model: ModelIdentity
    events: Events


class Provider(Protocol):
    """Answers for models. Every method may raise `AiError`."""

    async def chat(self, request: JsonObject) -> Reply | StreamedReply:
        """`POST /chat/completions`; a `StreamedReply` where, and only where, `stream` is true."""
        ...

    async def embed(self, request: JsonObject) -> Reply:
        """`POST /embeddings`, with vectors in the `encoding_format` that was asked for."""
        ...

    async def models(self) -> Reply:
        """`GET /models`."""
        ...


class AiSettingError(Exception):
    """The operator's setting can't be followed: no such setting, no such key, or models that aren't installed.

    Raised when a provider is opened; the message is one line that says what to do.
    """


class AiError(Exception):
    """A request that has no answer; `status`, `kind` and `code` as OpenAI's API says it."""

    status: int = 500
    kind: str = "server_error"
    code: str | None = None
    param: str | None = None
    retry_after: int | None = None
    """Seconds after which it makes sense to ask again."""


class InvalidRequest(AiError):
    """The request is none that the model can answer: a field that is missing, of a wrong type or out of bounds.

    `param` is the field.
    """

    status = 400
    kind = "invalid_request_error"

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param, self.code = param, code


class UnknownModel(AiError):
    """There is no such model for what is asked of it."""

    status = 404
    kind = "invalid_request_error"
    code = "model_not_found"
    param = "model"


class RequestTooLarge(AiError):
    """The body of the request is over the bound."""

    status = 413
    kind = "invalid_request_error"
    code = "request_too_large"


class Overloaded(AiError):
    """Too many requests wait for the model already."""

    status = 503
    code = "overloaded"
    retry_after = 2


class ModelTimedOut(AiError):
    """The model, or the server that has it, said nothing for longer than it may."""

    status = 504
    code = "timeout"


class ModelFailed(AiError):
    """The process of an embedded model died or answered nonsense; the next request has a new one."""

    code = "model_failed"


class ServerUnreachable(AiError):
    """The operator's server can't be reached, or the connection broke."""

    status = 502
    code = "provider_unreachable"


class KeyRefused(AiError):
    """The operator's server refused the operator's key, or the lack of one."""

    status = 502
    code = "provider_key_refused"


class BadServerAnswer(AiError):
    """The operator's server answered what isn't OpenAI's API, or more than may be."""

    status = 502
    code = "provider_bad_answer"


class ServerRefused(AiError):
    """The operator's server refused the request; status and words are its own."""

    def __init__(self, status: int, message: str, kind: str, code: str | None, param: str | None) -> None:
        super().__init__(message)
        self.status, self.kind, self.code, self.param = status, kind, code, param
