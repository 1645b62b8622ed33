"""OpenAI's own JavaScript client is content with what the embedded models answer over HTTP."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from offchain.ai.embedded_requests import CHAT_MODEL, EMBEDDING_MODEL
from offchain.ai.installed import MINILM, SMOLLM, package_file
from tests.offchain.ai.conftest import ROOT

SCRIPT = Path(__file__).with_name("openai_client.mjs")


@pytest.fixture(scope="module")
def seen(service: str) -> Any:
    """What the client saw."""
    if not (ROOT / "node_modules" / "openai").exists():
        pytest.skip("the npm package openai isn't installed: `make test` installs it")
    done = subprocess.run(["node", SCRIPT, service], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_reads_a_whole_answer(seen: Any) -> None:
    body = seen["whole"]["body"]
    (choice,) = body["choices"]
    assert (body["object"], body["model"], choice["finish_reason"]) == ("chat.completion", CHAT_MODEL, "length")
    assert choice["message"]["content"].startswith("Gravity")
    assert body["usage"] == {"prompt_tokens": 34, "completion_tokens": 12, "total_tokens": 46}


def test_it_reads_the_same_text_as_a_stream(seen: Any) -> None:
    deltas = seen["stream"]["deltas"]
    assert "".join(deltas) == seen["whole"]["body"]["choices"][0]["message"]["content"]
    assert len([delta for delta in deltas if delta]) == 12
    assert (seen["stream"]["finish"], seen["stream"]["usage"]) == ("length", seen["whole"]["body"]["usage"])


def test_it_may_abort_a_stream(seen: Any) -> None:
    assert seen["aborted"] == "APIUserAbortError"


def test_it_reads_embeddings_in_base64_and_as_numbers(seen: Any) -> None:
    assert [len(entry["embedding"]) for entry in seen["base64"]["data"]] == [384, 384]
    assert seen["base64"] == seen["floats"]
    assert seen["floats"]["usage"] == {"prompt_tokens": 17, "total_tokens": 17}


def test_it_lists_and_finds_models(seen: Any) -> None:
    assert seen["models"] == [CHAT_MODEL, EMBEDDING_MODEL]
    assert seen["retrieved"] == EMBEDDING_MODEL


def test_each_answer_names_its_model_and_weights(seen: Any) -> None:
    def named(name: str, weights: Path) -> str:
        return f"{name}@0x{hashlib.blake2b(weights.read_bytes(), digest_size=32).hexdigest()}"

    chat = named(CHAT_MODEL, package_file(SMOLLM))
    assert (seen["whole"]["model"], seen["stream"]["model"]) == (chat, chat)
    assert seen["embeddingModel"] == named(EMBEDDING_MODEL, package_file(MINILM))


@pytest.mark.parametrize(
    ("case", "name", "status", "code", "param"),
    [
        ("model", "NotFoundError", 404, "model_not_found", "model"),
        ("messages", "BadRequestError", 400, None, "messages"),
        ("tools", "BadRequestError", 400, None, "tools"),
        ("input", "BadRequestError", 400, None, "input"),
        ("long", "BadRequestError", 400, "context_length_exceeded", "messages"),
        ("longStream", "BadRequestError", 400, "context_length_exceeded", "messages"),
        ("large", "APIError", 413, "request_too_large", None),
        ("route", "NotFoundError", 404, "unknown_url", None),
    ],
)
def test_it_knows_errors_for_what_they_are(
    seen: Any, case: str, name: str, status: int, code: str | None, param: str | None
) -> None:
    told = {"name": name, "status": status, "code": code, "param": param, "type": "invalid_request_error"}
    assert seen["errors"][case] == told


def test_a_page_of_another_machine_is_refused(service: str) -> None:
    with httpx.Client(trust_env=False) as client:
        foreign = client.get(f"{service}/models", headers={"origin": "https://example.com"})
        rebound = client.get(f"{service}/models", headers={"host": "example.com"})
        wrong = client.put(f"{service}/models")
        broken = client.post(f"{service}/embeddings", content=b"{")
    assert [each.status_code for each in (foreign, rebound, wrong, broken)] == [403, 403, 405, 400]
