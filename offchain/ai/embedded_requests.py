"""What the embedded models understand of OpenAI's requests.

Overview
    Fields that ask for chance (`temperature`, `top_p`, `seed`) have no effect: the models are greedy, so that one
    request has one answer. Fields that name a deed the models can't do are refused by name, so that nobody takes the
    answer for more than it is. What only concerns OpenAI's bookkeeping is ignored.

Errors
    `InvalidRequest` names the field. `UnknownModel` where a model is asked for what only the other can do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from offchain.ai.provider import InvalidRequest, JsonObject, UnknownModel

CHAT_MODEL, EMBEDDING_MODEL = "SmolLM2-135M-Instruct", "all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_MESSAGES, MAX_TEXT = 256, 1 << 16
"""Of one request; in a message, and of an input to embed, characters."""
MAX_INPUTS = 256
DEFAULT_TOKENS, MAX_TOKENS = 512, 2048
MAX_STOPS = 4
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_UNABLE = ("tools", "functions", "logprobs", "audio", "prediction", "web_search_options")
_MAX_SCHEMA_DEPTH, _MAX_SCHEMA_NODES, _MAX_SCHEMA_COUNT = 16, 500, 256


@dataclass(frozen=True)
class ChatRequest:
    """A request to chat, checked; `for_model` is what `SmolLM.answer` takes."""

    for_model: JsonObject
    stream: bool
    usage_in_stream: bool


@dataclass(frozen=True)
class EmbeddingRequest:
    """Texts to embed, and whether the vectors are wanted in base64."""

    texts: Sequence[str]
    in_base64: bool


def chat_request(request: JsonObject) -> ChatRequest:
    """Read `POST /chat/completions`. Raises `InvalidRequest` and `UnknownModel`."""
    _model(request, not_this=EMBEDDING_MODEL, deed="chat")
    for name in _UNABLE:
        if request.get(name):
            raise InvalidRequest(f"The embedded model doesn't do '{name}'; leave it out.", name)
    if request.get("n") not in (None, 1):
        raise InvalidRequest("'n' must be 1: the embedded model has one answer to a request.", "n")
    asked: JsonObject = {"messages": _messages(request.get("messages")), "max_tokens": _max_tokens(request)}
    if stops := _stops(request.get("stop")):
        asked["stop"] = stops
    for name in ("frequency_penalty", "presence_penalty"):
        if (value := request.get(name)) is not None:
            asked[name] = _number(value, name)
    if (form := request.get("response_format")) is not None:
        asked["response_format"] = _response_format(form)
    options = request.get("stream_options") or {}
    usage = isinstance(options, dict) and options.get("include_usage") is True
    return ChatRequest(asked, _flag(request, "stream"), usage)


def embedding_request(request: JsonObject) -> EmbeddingRequest:
    """Read `POST /embeddings`. Raises `InvalidRequest` and `UnknownModel`."""
    _model(request, not_this=CHAT_MODEL, deed="embed")
    given = request.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise InvalidRequest("'input' must be a string, or an array of at least one string.", "input")
    if len(texts) > MAX_INPUTS:
        raise InvalidRequest(f"'input' has {len(texts)} strings; at most {MAX_INPUTS} go into one request.", "input")
    for text in texts:
        if not isinstance(text, str):
            raise InvalidRequest("'input' must be strings: the embedded model has tokens of its own.", "input")
        if not text or len(text) > MAX_TEXT:
            raise InvalidRequest(f"Every string of 'input' must have 1 to {MAX_TEXT} characters.", "input")
    if request.get("dimensions") not in (None, DIMENSIONS):
        raise InvalidRequest(f"'dimensions' must be {DIMENSIONS}, or left out.", "dimensions")
    form = request.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise InvalidRequest("'encoding_format' must be 'float' or 'base64'.", "encoding_format")
    return EmbeddingRequest(texts, form == "base64")


def _model(request: JsonObject, *, not_this: str, deed: str) -> None:
    """Any name will do, since scripts name models of others; only the other embedded model can't be meant."""
    model = request.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("you must provide a model parameter", "model")
    if model == not_this:
        raise UnknownModel(f"The model '{model}' can't {deed}.")


def _messages(given: Any) -> list[JsonObject]:
    if not isinstance(given, list) or not given:
        raise InvalidRequest("'messages' must be an array of at least one message.", "messages")
    if len(given) > MAX_MESSAGES:
        raise InvalidRequest(f"'messages' has {len(given)} messages; {MAX_MESSAGES} are the most.", "messages")
    return [_message(message, f"messages[{index}]") for index, message in enumerate(given)]


def _message(message: Any, where: str) -> JsonObject:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str) or role not in _ROLES:
        raise InvalidRequest(f"'{where}.role' must be one of {', '.join(_ROLES)}.", f"{where}.role")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(_text_part(part, f"{where}.content[{index}]") for index, part in enumerate(content))
    if not isinstance(content, str):
        raise InvalidRequest(f"'{where}.content' must be a string, or an array of texts.", f"{where}.content")
    if len(content) > MAX_TEXT:
        raise InvalidRequest(f"'{where}.content' has more than {MAX_TEXT} characters.", f"{where}.content")
    return {"role": _ROLES[role], "content": content}


def _text_part(part: Any, where: str) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    raise InvalidRequest(f"'{where}' must be of type 'text': the embedded model knows nothing else.", where)


def _max_tokens(request: JsonObject) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        value = request.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidRequest(f"'{name}' must be a whole number of at least 1.", name)
        return min(value, MAX_TOKENS)
    return DEFAULT_TOKENS


def _stops(given: Any) -> list[str]:
    stops = [given] if isinstance(given, str) else given if given is not None else []
    if not isinstance(stops, list) or len(stops) > MAX_STOPS or not all(isinstance(stop, str) for stop in stops):
        raise InvalidRequest(f"'stop' must be a string, or up to {MAX_STOPS} of them.", "stop")
    if any(not stop or len(stop) > 256 for stop in stops):
        raise InvalidRequest("Every string of 'stop' must have 1 to 256 characters.", "stop")
    return stops


def _number(value: Any, name: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not -2 <= value <= 2:
        raise InvalidRequest(f"'{name}' must be a number from -2 to 2.", name)
    return float(value)


def _flag(request: JsonObject, name: str) -> bool:
    value = request.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidRequest(f"'{name}' must be true or false.", name)
    return value is True


def _response_format(form: Any) -> JsonObject:
    """Text, any JSON, or JSON of a schema, which llama.cpp makes a grammar of: hence its bounds."""
    match form:
        case {"type": "text" | "json_object" as kind}:
            return {"type": kind}
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            if not _bounded(schema):
                raise InvalidRequest("The schema of 'response_format' is too large.", "response_format")
            return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    raise InvalidRequest("'response_format' must be text, json_object, or json_schema.", "response_format")


def _bounded(schema: Any) -> bool:
    """Whether it is neither deep nor wide, repeats nothing often, and doesn't refer: references could go round."""
    level, nodes = [schema], 0
    for _ in range(_MAX_SCHEMA_DEPTH):
        nodes += len(level)
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                if not {"$ref", "pattern"}.isdisjoint(node):
                    return False
                counts = [node.get(name) for name in ("minItems", "maxItems", "minLength", "maxLength")]
                if any(isinstance(count, int | float) and count > _MAX_SCHEMA_COUNT for count in counts):
                    return False
                below += node.values()
            elif isinstance(node, list):
                below += node
        if not below:
            return nodes <= _MAX_SCHEMA_NODES
        level = below
    return False
