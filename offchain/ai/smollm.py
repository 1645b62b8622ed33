"""SmolLM2-135M-Instruct on llama.cpp: a small model that chats.

Overview
    Greedy, one thread, nothing kept from one request to the next: the same request has the same text. The prompt is
    made by the template in the model's own file. Runs in the process of `model_program`, nowhere else: it is native
    code over untrusted text.

Errors
    `Refused` for a request that the model can't take.

Out of scope
    OpenAI's API, which is `embedded_requests`'.
"""

from __future__ import annotations

import re
import secrets
import tempfile
from pathlib import Path
from typing import Any

from offchain.ai.installed import SMOLLM, package_file
from offchain.ai.local_model import Emit, Refused
from offchain.ai.provider import JsonObject

CONTEXT_TOKENS = 2048
_BATCH_TOKENS = 64  # of the prompt, between two looks at whether anybody still listens
_CONTROL = re.compile(r"<\|(im_start|im_end|endoftext)\|>")


class SmolLM:
    """The loaded model."""

    weights: Path

    def __init__(self) -> None:
        import xllamacpp

        self.weights = package_file(SMOLLM)
        params = xllamacpp.CommonParams()
        params.model.path = str(self.weights)
        params.n_ctx = CONTEXT_TOKENS
        params.n_batch = params.n_ubatch = _BATCH_TOKENS
        params.n_parallel = 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.cache_ram_mib = 0
        params.warmup = False
        params.verbosity = -1
        # llama.cpp opens a port of its own, with much on it. Nobody shall find it: a socket file in a directory of
        # this user's, which is gone once it listens, behind a key that nobody is told.
        with tempfile.TemporaryDirectory() as hidden:
            params.hostnames = [f"{hidden}/llama.sock"]
            params.api_keys = [secrets.token_hex(32)]
            params.n_threads_http = 1
            params.ui = False
            self._server = xllamacpp.Server(params)

    def answer(self, request: JsonObject, emit: Emit) -> JsonObject:
        """Chat: `messages` and any of `max_tokens`, `stop`, `response_format` and penalties, as OpenAI's API has them.

        Emits `{"text": …}` for each piece, `{}` while the prompt is read. Returns `finish` and `usage`. Raises
        `Refused`.
        """
        asked = {**request, "messages": [_plain(message) for message in request["messages"]]}
        fixed = {"temperature": 0, "seed": 0, "cache_prompt": False, "stream": True, "return_progress": True}
        end: JsonObject = {"finish": "stop", "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}}
        refusal: list[JsonObject] = []

        def take(part: Any) -> bool:
            """Whether to stop."""
            if "error" in part:
                refusal.append(part["error"])
                return True
            if part.get("usage"):
                end["usage"] = {name: part["usage"][name] for name in end["usage"]}
            text = ""
            for choice in part["choices"]:
                text += choice["delta"].get("content") or ""
                end["finish"] = choice["finish_reason"] or end["finish"]
            return emit({"text": text} if text else {})

        options = {"stream_options": {"include_usage": True}}
        outcome = self._server.handle_chat_completions({**asked, **fixed, **options}, take)
        if isinstance(outcome, dict) and "error" in outcome:
            refusal.append(outcome["error"])
        if refusal:
            raise _refused(refusal[0])
        return end


def _plain(message: JsonObject) -> JsonObject:
    """The message without what would end it and begin another in the midst of its text."""
    return {**message, "content": _CONTROL.sub(r"<| \1 |>", message["content"])}


def _refused(error: JsonObject) -> Refused:
    if error.get("type") == "exceed_context_size_error":
        return Refused(
            f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your messages resulted in "
            f"{error.get('n_prompt_tokens')} tokens. Please reduce the length of the messages.",
            "messages",
            "context_length_exceeded",
        )
    return Refused(str(error.get("message", "the model refused the request")), None, None)
