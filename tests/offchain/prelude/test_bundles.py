"""Programs as others build them: bundled by esbuild from entries in the way of Phala's templates, run unmodified."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from offchain.sandbox.javascript import JavaScriptSandbox
from tests.offchain.prelude.web import Page, Web, run

ENTRIES = Path(__file__).with_name("entries")
ESBUILD = Path("node_modules/.bin/esbuild")
COMPLETIONS = "https://api.openai.com/v1/chat/completions"
FORM = "application/x-www-form-urlencoded"
JSON = [("content-type", "application/json")]

Bundle = Callable[..., str]


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle of an entry, with an agent in the place of `the-agent` and a banner in front; or `exported`, with the
    options that the templates of Phala's Hono agents give to tsup."""

    @cache
    def build(entry: str, agent: str | None = None, banner: str = "", exported: bool = False) -> str:
        command = [str(ESBUILD), str(ENTRIES / entry), "--bundle", "--format=iife", "--target=es2022"]
        if exported:
            command += ["--platform=node", "--global-name=module.exports"]
            command.append("--footer:js=module.exports = module.exports?.default;")
            banner = "var module = module || { exports: {} };"
        command.append(f"--banner:js={banner}")
        if agent is not None:
            command.append(f"--alias:the-agent={ENTRIES / agent}")
        return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()

    return build


def request(method: str = "GET", path: str = "/", **rest: object) -> str:
    """The JSON that an agent is given."""
    return json.dumps({"method": method, "path": path, "queries": {}, "headers": {}, "url": f"http://x{path}"} | rest)


def completion(text: str) -> Page:
    message = {"id": "1", "object": "chat.completion", "choices": [{"index": 0, "message": {"content": text}}]}
    return Page(json.dumps(message).encode(), headers=JSON)


class TestOpenAI:
    def test_chat(self, sandbox: JavaScriptSandbox, bundle: Bundle) -> None:
        web = Web({COMPLETIONS: completion("forty-two")})
        asked = request(queries={"chatQuery": ["What is é?"]}, secret={"apiKey": "sk-1"})
        answer = json.loads(run(sandbox, bundle("phat-fn.ts", "openai.ts"), asked, web).output)
        assert json.loads(answer["body"]) == {"model": "gpt-4o", "message": "forty-two"}
        head, body = web.asked[0]
        assert ["authorization", "Bearer sk-1"] in head["headers"]
        assert json.loads(body)["messages"] == [{"role": "user", "content": "What is é?"}]

    def test_streamed(self, sandbox: JavaScriptSandbox, bundle: Bundle) -> None:
        lines = b"".join(
            b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": word}}]}).encode() + b"\n\n"
            for word in ("Grüße", ", ", "世界")
        )
        text = lines + b"data: [DONE]\n\n"
        parts = [text[at : at + 7] for at in range(0, len(text), 7)]  # cut inside characters and lines
        web = Web({COMPLETIONS: Page(parts, headers=[("content-type", "text/event-stream")])})
        asked = request(queries={"chatQuery": ["hi"], "stream": ["1"]})
        answer = json.loads(run(sandbox, bundle("phat-fn.ts", "openai.ts"), asked, web).output)
        assert json.loads(answer["body"]) == {"parts": ["Grüße", ", ", "世界"]}

    def test_streamed_in_a_guest_made_for_node(self, sandbox: JavaScriptSandbox, bundle: Bundle) -> None:
        text = b'data: {"choices": [{"index": 0, "delta": {"content": "h\xc3\xa9"}}]}\n\ndata: [DONE]\n\n'
        parts = [text[at : at + 7] for at in range(0, len(text), 7)]
        web = Web({COMPLETIONS: Page(parts, headers=[("content-type", "text/event-stream")])})
        asked = request(path="/?chatQuery=hi", secret={"apiKey": "sk-1"})
        answer = unpacked(run(sandbox, bundle("node-guest.ts", exported=True), asked, web).output)
        assert json.loads(answer["body"]) == {"text": "hé", "hex": "68c3a9"}
        assert ["authorization", "Bearer sk-1"] in web.asked[0][0]["headers"]

    def test_embeddings(self, sandbox: JavaScriptSandbox, bundle: Bundle) -> None:
        data = {"object": "list", "data": [{"index": 0, "embedding": [0.25, -1]}]}
        web = Web({"https://api.openai.com/v1/embeddings": Page(json.dumps(data).encode(), headers=JSON)})
        asked = request("POST", body='{"texts": ["a"]}')
        answer = json.loads(run(sandbox, bundle("phat-fn.ts", "openai.ts"), asked, web).output)
        assert json.loads(answer["body"]) == {"vectors": [[0.25, -1]]}

    def test_tries_again_after_a_while(self, sandbox: JavaScriptSandbox, bundle: Bundle) -> None:
        def busy_once(head: dict[str, Any], body: bytes) -> Page:
            return completion("at last") if len(web.asked) > 1 else Page(b"{}", 503, JSON)

        web = Web({COMPLETIONS: busy_once})
        began = web.now_ms
        asked = request(queries={"chatQuery": ["hi"]})
        answer = json.loads(run(sandbox, bundle("phat-fn.ts", "openai.ts"), asked, web).output)
        assert json.loads(answer["body"])["message"] == "at last"
        assert web.now_ms > began

    def test_refused(self, sandbox: JavaScriptSandbox, bundle: Bundle) -> None:
        error = json.dumps({"error": {"message": "no such key", "type": "invalid_request_error"}}).encode()
        web = Web({COMPLETIONS: Page(error, 401, JSON)})
        asked = request(queries={"chatQuery": ["hi"]})
        answer = json.loads(run(sandbox, bundle("phat-fn.ts", "openai.ts"), asked, web).output)
        assert answer["status"] == 401
        assert "no such key" in answer["body"]


def test_fetch_alone(sandbox: JavaScriptSandbox, bundle: Bundle) -> None:
    web = Web({"https://api.red-pill.ai/v1/chat/completions": completion("hi there")})
    asked = request(queries={"chatQuery": ["hi"]}, secret={"apiKey": "k"})
    answer = json.loads(run(sandbox, bundle("phat-fn.ts", "redpill.ts"), asked, web).output)
    assert answer["body"] == "hi there"


HONO = [
    (request(), 200, "hello"),
    (request("GET", "/users/é?q=1&q=2", headers={"x-key": "k"}), 200, {"name": "é", "q": ["1", "2"], "secret": "k"}),
    (request("POST", "/echo", body='{"a":["\\u0000é"]}', headers=dict(JSON)), 201, {"a": ["\0é"]}),
    (request("POST", "/form", body="a=1&b=%C3%A9", headers={"content-type": FORM}), 200, "a=1;b=é"),
    (request("GET", "/fail"), 418, "a teapot"),
    (request("DELETE", "/none"), 404, "404 Not Found"),
    (request("GET", "/events"), 200, "".join(f"data: number {i}\nid: {i}\n\n" for i in range(3))),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "status", "body"), HONO)
def test_hono_as_guest_and_as_handler(
    sandbox: JavaScriptSandbox, bundle: Bundle, asked: str, status: int, body: object
) -> None:
    guest = run(sandbox, bundle("guest.ts", exported=True), asked)
    assert guest.kind == "bytes"
    answer = unpacked(guest.output)
    handled = run(sandbox, bundle("handler.ts", banner="'use agent';"), asked)
    assert handled.kind == "text"
    for found in (answer, json.loads(handled.output)):
        assert found["status"] == status
        assert found["headers"]["access-control-allow-origin"] == "*"
        assert (found["body"] if isinstance(body, str) else json.loads(found["body"])) == body


def test_bytes_and_streams_of_a_handler(sandbox: JavaScriptSandbox, bundle: Bundle) -> None:
    program = bundle("handler.ts", banner="'use agent';")
    outcome = run(sandbox, program, request("GET", "/bytes"))
    assert outcome.kind == "bytes"
    assert unpacked(outcome.output)["body"] == b"\xff\0\x80"
    web = Web({})
    assert run(sandbox, program, request("GET", "/events"), web).output == b""
    (head, _), *parts, (end, _) = web.emitted
    assert head["status"] == 200
    assert ["content-type", "text/event-stream"] in head["headers"]
    assert end == {"end": True}
    assert b"".join(part for _, part in parts) == b"".join(b"data: number %d\nid: %d\n\n" % (i, i) for i in range(3))
    assert len(parts) == 3


def unpacked(packed: bytes) -> Any:
    """What MessagePack holds, as far as answers go: an outside reading of both packers."""

    def read(at: int) -> tuple[Any, int]:
        code = packed[at]
        if code < 0x80:
            return code, at + 1
        if code < 0x90 or code == 0xDE:
            count, at = (code & 15, at + 1) if code < 0x90 else (int.from_bytes(packed[at + 1 : at + 3]), at + 3)
            pairs = {}
            for _ in range(count):
                key, at = read(at)
                pairs[key], at = read(at)
            return pairs, at
        if code in (0xCC, 0xCD):
            size = 1 << code - 0xCC
            return int.from_bytes(packed[at + 1 : at + 1 + size]), at + 1 + size
        if 0xA0 <= code < 0xC0:
            return packed[at + 1 : at + 1 + (code & 31)].decode(), at + 1 + (code & 31)
        width, kind = {0xD9: (1, str), 0xDA: (2, str), 0xDB: (4, str), 0xC4: (1, bytes), 0xC5: (2, bytes)}[code]
        start = at + 1 + width
        end = start + int.from_bytes(packed[at + 1 : start])
        return packed[start:end].decode() if kind is str else packed[start:end], end

    value, end = read(0)
    assert end == len(packed)
    return value
