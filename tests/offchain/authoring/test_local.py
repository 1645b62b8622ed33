"""Agents that run on this machine: the same engine and answers as on a worker, and cases that can fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from offchain.authoring.cases import failures, read_cases
from offchain.authoring.errors import BadCase
from offchain.authoring.local import LocalAgent, LocalAnswer, open_agent
from offchain.cache import user_cache
from pallets.primitives import ss58
from pallets.primitives.effects import Effects
from pallets.primitives.http import HttpRequest, HttpResponse
from tests.offchain.authoring.conftest import needs_bundler

NOW = 1_772_323_200_000
AGENT = b"""'use agent';
globalThis.agent = async (request) => {
  const { method, path, queries, body, secret } = JSON.parse(request);
  console.log('asked', path);
  if (path === '/fetch') {
    const found = await fetch('https://api.example.com/sky?city=' + queries.city[0]);
    return JSON.stringify({ status: found.status, body: JSON.stringify(await found.json()) });
  }
  if (path === '/kept') return JSON.stringify({ body: kv.getText('last') ?? 'nothing' });
  if (path === '/keep') {
    kv.set('last', job?.submitter ?? 'nobody');
    return '';
  }
  if (path === '/throw') throw new Error('on purpose');
  return JSON.stringify({ body: JSON.stringify({ method, queries, body, secret, now: Date.now() }) });
};
"""


def request(path: str, query: str = "", body: bytes = b"", method: str = "GET") -> HttpRequest:
    return HttpRequest(method, path, query, [], body)


async def ask(agent: LocalAgent, what: HttpRequest, **more: Any) -> LocalAnswer:
    return await agent.ask(what, now_ms=NOW, **more)


async def test_an_agent_answers_as_on_a_worker() -> None:
    async with open_agent(AGENT, hosts=None, allow_private=False, cache=user_cache()) as agent:
        first = await ask(agent, request("/", "a=1&a=2", b"text", "POST"), secret={"token": "t"})
        said = json.loads(first.response.body)
        assert said == {
            "method": "POST",
            "queries": {"a": ["1", "2"]},
            "body": "text",
            "secret": {"token": "t"},
            "now": NOW,
        }
        assert first.logs == ("asked /",) and (first.response.status, first.asked) == (200, 0)
        again = await ask(agent, request("/", "a=1&a=2", b"text", "POST"), secret={"token": "t"})
        assert (again.gas, again.response) == (first.gas, first.response)
        failed = await ask(agent, request("/throw"))
        told = json.loads(failed.response.body)
        assert (failed.response.status, told["error"]) == (500, "uncaught-error")
        assert "on purpose" in told["message"] and "stack" in told


CASES = [
    {
        "name": "asks the sky",
        "request": {"path": "/fetch?city=Oslo"},
        "outside": [{"url": "https://api.example.com/", "status": 203, "json": {"sky": "clear"}}],
        "expect": {"status": 203, "json": {"sky": "clear"}, "contains": "clear"},
    },
    {"request": {"path": "/keep"}, "expect": {"status": 500, "contains": "only a job can write"}},
    {"request": {"path": "/keep"}, "submitter": ss58.encode(bytes(32)), "expect": {"status": 200}},
    {"request": {"path": "/kept"}, "expect": {"body": "0x" + "00" * 32}},
    {"name": "says what it was asked", "request": {"path": "/x"}, "expect": {"status": 404}},
]


async def test_cases_are_answered_by_what_they_say_of_the_world(tmp_path: Path) -> None:
    (tmp_path / "sky.json").write_text(json.dumps(CASES))
    good, *jobs, bad = read_cases(tmp_path)
    async with open_agent(AGENT, hosts=("api.example.com",), allow_private=False, cache=user_cache()) as agent:
        answer = await ask(agent, good.request, virtual=good.virtual)
        assert failures(good, answer) == [] and answer.asked
        for case in jobs:
            assert failures(case, await ask(agent, case.request, submitter=case.submitter)) == []
        (wrong,) = failures(bad, await ask(agent, bad.request))
        assert "the status is 200, not 404" in wrong


CALLS = b"""
agents.call('weather', { path: '/sky', query: { city: 'Oslo' } }).then(async (answer) => {
  scriptOutput = await answer.text();
}, (error) => { scriptOutput = `${error.name} ${error.reason}`; });
scriptOutput = new Promise(() => {});
"""


async def test_a_case_answers_calls_of_other_agents(tmp_path: Path) -> None:
    """Whatever the hosts are that the agent may reach; without a case there is nobody."""
    asked = {"url": "https://agents.fathom/weather/sky?city=Oslo", "body": "clear"}
    (tmp_path / "a.json").write_text(json.dumps([{"request": {"path": "/"}, "outside": [asked], "expect": {}}]))
    (case,) = read_cases(tmp_path)
    async with open_agent(CALLS, hosts=("api.example.com",), allow_private=False, cache=user_cache()) as agent:
        answer = await ask(agent, case.request, virtual=case.virtual)
        assert answer.response.body == b"clear"
        assert (await ask(agent, case.request)).response.body == b"TypeError no-gateway"


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"status": 201}, "status"),
        ({"headers": {"Content-Type": "text/html"}}, "header"),
        ({"body": "no"}, "body"),
        ({"contains": "absent"}, "absent"),
        ({"json": {"a": 2}}, "value"),
        ({"gas": 8}, "gas"),
    ],
)
def test_each_expectation_can_fail(tmp_path: Path, expect: dict[str, Any], said: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"request": {"path": "/"}, "expect": expect}]))
    (case,) = read_cases(tmp_path)
    answer = LocalAnswer(HttpResponse(200, [("content-type", "application/json")], b'{"a": 1}'), 7, (), 0, Effects())
    (wrong,) = failures(case, answer)
    assert said in wrong


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "{}",
        "[1]",
        '[{"request": {}}]',
        '[{"request": {"path": "x"}}]',
        '[{"request": {"path": "/", "verb": "GET"}}]',
        '[{"request": {"path": "/"}, "expect": {"code": 200}}]',
        '[{"request": {"path": "/"}, "outside": [{"status": 200}]}]',
        '[{"request": {"path": "/", "headers": {"a": 1}}}]',
        '[{"request": {"path": "/"}, "submitter": "Alice"}]',
        '[{"request": {"path": "/"}, "submitter": 7}]',
    ],
)
def test_what_is_no_case(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(BadCase) as caught:
        read_cases(tmp_path)
    assert "a.json" in str(caught.value)


def fathom(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", "agent", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@needs_bundler
def test_from_a_template_to_an_answer_on_the_command_line(tmp_path: Path) -> None:
    assert fathom("new", "weather", cwd=tmp_path).returncode == 0
    project = tmp_path / "weather"
    tested = fathom("test", "--json", cwd=project)
    assert tested.returncode == 0 and json.loads(tested.stdout)["cases"] == 2
    ran = fathom("run", "--path", "/?name=Ada", cwd=project)
    assert json.loads(ran.stdout) == {"message": "Hello, Ada!"} and "gas" in ran.stderr
    cases = project / "tests" / "hello.json"
    cases.write_text(cases.read_text().replace("Hello, Ada!", "Hello, Bob!"))
    failed = fathom("test", cwd=project)
    assert failed.returncode == 1 and "✗ greets who asks" in failed.stdout and "Hello, Ada!" in failed.stdout
    refused = fathom("build", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "") and refused.stderr.startswith("Error: agent.json is absent")
