"""The embedded provider: SmolLM2 chats, MiniLM embeds, on this machine and without a network.

Overview
    Each model has a process of its own, so that nobody waits with an embedding for a chat, and what isn't used takes
    no memory. The same request has the same reply, byte for byte: identifier and date are made of the request and of
    the model, not of the moment.

Usage
    async with open_embedded() as provider:
        reply = await provider.chat({...})

Errors
    As `provider`; `AiSettingError` where the models aren't installed.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import orjson
import trio

from offchain.ai.embedded_requests import (
    CHAT_MODEL,
    DIMENSIONS,
    EMBEDDING_MODEL,
    EmbeddingRequest,
    chat_request,
    embedding_request,
)
from offchain.ai.installed import require_installed
from offchain.ai.model_process import Answer, ModelProcess, Patience
from offchain.ai.model_program import CHAT, EMBED
from offchain.ai.provider import JsonObject, ModelFailed, ModelIdentity, Reply, StreamedReply

_RELEASED = {CHAT_MODEL: 1730419200, EMBEDDING_MODEL: 1630281600}  # Unix time, from the models' pages


class Embedded:
    """A `Provider` of the models on this machine; made by `open_embedded`."""

    def __init__(self, chat: ModelProcess, embed: ModelProcess) -> None:
        self._chat, self._embed = chat, embed

    @property
    def pids(self) -> list[int]:
        """Process ids of the models that are loaded."""
        return [process.pid for process in (self._chat, self._embed) if process.pid is not None]

    async def chat(self, request: JsonObject) -> Reply | StreamedReply:
        """See `Provider`."""
        asked = chat_request(request)
        answer = self._chat.ask(asked.for_model)
        try:
            identity = ModelIdentity(CHAT_MODEL, await answer.begun())
            head: JsonObject = {
                "id": _identifier(request),
                "object": "chat.completion.chunk" if asked.stream else "chat.completion",
                "created": _RELEASED[CHAT_MODEL],
                "model": CHAT_MODEL,
                "system_fingerprint": f"fp_{(identity.weights or b'').hex()[:10]}",
            }
            if not asked.stream:
                text = "".join([part["text"] async for part in answer if "text" in part])
                message = {"role": "assistant", "content": text, "refusal": None}
                choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.end["finish"]}
                return Reply(identity, {**head, "choices": [choice], "usage": answer.end["usage"]})
            events = _Chunks(answer, head, asked.usage_in_stream)
            await events.prepare()
        except BaseException:
            answer.close()
            raise
        return StreamedReply(identity, events)

    async def embed(self, request: JsonObject) -> Reply:
        """See `Provider`."""
        asked = embedding_request(request)
        answer = self._embed.ask({"texts": asked.texts})
        try:
            identity = ModelIdentity(EMBEDDING_MODEL, await answer.begun())
            parts = [part async for part in answer]
        finally:
            answer.close()
        if len(parts) != len(asked.texts):
            raise ModelFailed("The model's process left texts out.")
        data = [_embedding(asked, index, part) for index, part in enumerate(parts)]
        tokens = sum(part["tokens"] for part in parts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Reply(identity, {"object": "list", "data": data, "model": EMBEDDING_MODEL, "usage": usage})

    async def models(self) -> Reply:
        """See `Provider`."""
        data = [
            {"id": name, "object": "model", "created": created, "owned_by": "fathom"}
            for name, created in _RELEASED.items()
        ]
        return Reply(None, {"object": "list", "data": data})


@asynccontextmanager
async def open_embedded(*, early: bool = False, patience: Patience = Patience()) -> AsyncIterator[Embedded]:
    """The embedded provider; `early` loads the models in the background instead of when they are first asked.

    Raises `AiSettingError`.
    """
    require_installed()
    chat, embed = ModelProcess(CHAT, patience), ModelProcess(EMBED, patience)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chat.run, early)
        nursery.start_soon(embed.run, early)
        yield Embedded(chat, embed)
        nursery.cancel_scope.cancel()


class _Chunks:
    """The chunks of a streamed answer: the role, the pieces, the reason of the end, and the usage if asked for."""

    def __init__(self, answer: Answer, head: JsonObject, with_usage: bool) -> None:
        self._answer = answer
        self._head = head
        self._with_usage = with_usage
        self._ready: list[JsonObject] = [self._chunk({"role": "assistant", "content": ""}, None)]
        self._ended = False

    async def prepare(self) -> None:
        """Wait for the first piece, since until then the model may refuse."""
        await self._pull()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JsonObject:
        while not self._ready:
            if self._ended:
                raise StopAsyncIteration
            await self._pull()
        return self._ready.pop(0)

    async def aclose(self) -> None:
        """Nobody wants the rest."""
        self._answer.close()

    async def _pull(self) -> None:
        async for part in self._answer:
            if "text" in part:
                self._ready.append(self._chunk({"content": part["text"]}, None))
                return
        self._ended = True
        self._ready.append(self._chunk({}, self._answer.end["finish"]))
        if self._with_usage:
            self._ready.append({**self._head, "choices": [], "usage": self._answer.end["usage"]})

    def _chunk(self, delta: JsonObject, reason: str | None) -> JsonObject:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._head, "choices": [choice]} | ({"usage": None} if self._with_usage else {})


def _embedding(asked: EmbeddingRequest, index: int, part: JsonObject) -> JsonObject:
    vector: str | tuple[float, ...] = part["vector"]
    if not asked.in_base64:
        vector = struct.unpack(f"<{DIMENSIONS}f", base64.b64decode(part["vector"]))
    return {"object": "embedding", "index": index, "embedding": vector}


def _identifier(request: JsonObject) -> str:
    """As OpenAI's, of the request: who asks the same is answered the same."""
    canonical = orjson.dumps(request, option=orjson.OPT_SORT_KEYS)
    return f"chatcmpl-{hashlib.blake2b(canonical, digest_size=15).hexdigest()}"
