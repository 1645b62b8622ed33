"""What the embedded models take, and the field by which they refuse the rest."""

from __future__ import annotations

from typing import Any

import pytest

from offchain.ai.embedded_requests import CHAT_MODEL, EMBEDDING_MODEL, chat_request, embedding_request
from offchain.ai.provider import InvalidRequest, UnknownModel

HELLO = [{"role": "user", "content": "Hi"}]
LONG = {"type": "string", "maxLength": 10**9}
DEEP: dict[str, Any] = {}
for _ in range(20):
    DEEP = {"type": "object", "properties": {"a": DEEP}}


def test_a_request_of_a_template_is_understood() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    read = chat_request(
        {
            "model": "gpt-4o",
            "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}],
            "temperature": 0.7,
            "top_p": 1,
            "n": 1,
            "tools": [],
            "max_tokens": 9999,
            "stop": "x",
            "presence_penalty": 1,
            "user": "somebody",
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    )
    assert read.for_model == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "ab"}],
        "max_tokens": 2048,
        "stop": ["x"],
        "presence_penalty": 1.0,
    }
    assert read.stream and read.usage_in_stream
    assert embedding_request({"model": "ada", "input": "x", "dimensions": 384}).texts == ["x"]


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("model", None, "model"),
        ("messages", None, "messages"),
        ("messages", HELLO * 300, "messages"),
        ("messages", ["Hi"], "messages[0].role"),
        ("messages", [{"role": "tool", "content": "x"}], "messages[0].role"),
        ("messages", [{"role": ["user"], "content": "x"}], "messages[0].role"),
        ("messages", [{"role": "user"}], "messages[0].content"),
        ("messages", [{"role": "user", "content": "x" * 70000}], "messages[0].content"),
        ("messages", [{"role": "user", "content": [{"type": "image_url"}]}], "messages[0].content[0]"),
        ("n", 2, "n"),
        ("tools", [{}], "tools"),
        ("logprobs", True, "logprobs"),
        ("max_tokens", 0, "max_tokens"),
        ("max_tokens", 1.5, "max_tokens"),
        ("max_completion_tokens", True, "max_completion_tokens"),
        ("stop", ["a"] * 5, "stop"),
        ("stop", [""], "stop"),
        ("stop", 5, "stop"),
        ("stream", "yes", "stream"),
        ("frequency_penalty", 3, "frequency_penalty"),
        ("response_format", "json", "response_format"),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": DEEP}}, "response_format"),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": {"$ref": "#"}}}, "response_format"),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": LONG}}, "response_format"),
    ],
)
def test_what_it_cannot_do_is_refused_by_its_field(field: str, value: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat_request({"model": "m", "messages": HELLO, field: value})
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input", []),
        ("input", [1, 2]),
        ("input", ""),
        ("input", ["x"] * 300),
        ("input", "x" * 70000),
        ("dimensions", 256),
        ("encoding_format", "int8"),
        ("model", 5),
    ],
)
def test_embeddings_refuse_by_field_too(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        embedding_request({"model": "m", "input": "x", field: value})
    assert caught.value.param == field


def test_neither_model_is_asked_for_what_the_other_does() -> None:
    with pytest.raises(UnknownModel):
        chat_request({"model": EMBEDDING_MODEL, "messages": HELLO})
    with pytest.raises(UnknownModel):
        embedding_request({"model": CHAT_MODEL, "input": "x"})
