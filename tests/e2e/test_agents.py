"""From an empty directory to a receipt that holds: agents, by the commands that their authors and callers use."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from offchain.ai.installed import missing
from tests.e2e.conftest import DevChain, dev_chain
from tests.offchain.authoring.conftest import needs_bundler

pytestmark = needs_bundler

PATIENCE = 90
AGENT = """
export default async function main(request) {
  const { method, path, queries, body, secret } = JSON.parse(request);
  console.log('asked', method, path);
  if (path === '/throw') throw new Error('on purpose');
  if (path === '/spin') for (;;);
  if (path === '/secret') return JSON.stringify({ body: JSON.stringify(secret ?? null) });
  if (path === '/seed') return JSON.stringify({ body: Math.random() + ' ' + Date.now() });
  const said = `${method} ${body ?? ''} ${queries.a ?? ''}`;
  return JSON.stringify({ status: 201, headers: { 'x-said': 'yes' }, body: said });
}
"""
THINKER = """
export default async function main() {
  const messages = [{ role: 'user', content: 'Say hello.' }];
  const chat = await fetch('https://api.openai.com/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages, max_tokens: 8 }),
  });
  const text = (await chat.json()).choices[0].message.content;
  const [{ length: size }] = await ai.embed(['hello']);
  return JSON.stringify({ body: JSON.stringify({ text, size, model: chat.headers.get('x-fathom-model') }) });
}
"""


@dataclass
class Stage:
    """A chain with an agent called `echo`."""

    chain: DevChain
    project: Path
    gateway: str

    @property
    def agent(self) -> str:
        return f"{self.gateway}/agents/echo"


def fathom(*arguments: str, cwd: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    place = tmp_path_factory.mktemp("agents")
    with dev_chain(place, "--workers", "3", "--gateway-port", "0", "--prometheus-port", "0") as chain:
        gateway = chain.urls["gateway"]
        assert fathom("agent", "new", "echo", "--template", "javascript", cwd=place).returncode == 0
        project = place / "echo"
        (project / "src" / "index.js").write_text(AGENT)
        deployed = fathom("agent", "deploy", "--url", chain.ws, "--gateway", gateway, "--json", cwd=project)
        assert deployed.returncode == 0, deployed.stderr
        assert json.loads(deployed.stdout)["url"] == f"{gateway}/agents/echo/"
        yield Stage(chain, project, gateway)


def receipt_of(stage: Stage, answer: httpx.Response, name: str) -> Path:
    """The receipt's file of an answer, once its batch is on the chain and final."""
    id = answer.headers["x-fathom-receipt"]
    give_up = time.monotonic() + PATIENCE
    while True:
        found = httpx.get(f"{stage.gateway}/receipts/{id}", timeout=30)
        if found.status_code == 200 and found.json()["batch"] is not None:
            path = stage.project / name
            path.write_bytes(found.content)
            return path
        assert time.monotonic() < give_up, found.text
        time.sleep(0.5)


def verify(stage: Stage, path: Path) -> subprocess.CompletedProcess[str]:
    genesis = json.loads(path.read_text())["genesis"]
    return fathom("verify", str(path), "--url", stage.chain.ws, "--genesis", genesis, cwd=stage.project)


def test_an_answer_and_its_receipt(stage: Stage) -> None:
    answer = httpx.post(f"{stage.agent}/x?a=1&a=2", content="text", timeout=60)
    assert (answer.status_code, answer.text, answer.headers["x-said"]) == (201, "POST text 1,2", "yes")
    path = receipt_of(stage, answer, "receipt.json")
    found = json.loads(path.read_text())
    assert found["simulated"] is True and found["id"] == answer.headers["x-fathom-receipt"]
    give_up = time.monotonic() + PATIENCE
    while (verified := verify(stage, path)).returncode:  # its batch may not be final yet
        assert time.monotonic() < give_up, verified.stderr
        time.sleep(1)
    replayed = fathom("receipt", "replay", str(path), "--url", stage.chain.ws, "--json", cwd=stage.project)
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout) == {
        "same": True,
        "gas": int(found["gas"]),
        "output": "POST text 1,2",
        "differences": [],
    }
    altered = path.with_name("altered.json")
    altered.write_text(path.read_text().replace(found["response_hash"], "0x" + "00" * 32))
    refused = verify(stage, altered)
    assert refused.returncode == 1 and len(refused.stderr.strip().splitlines()) == 1
    told = dict(found, gas=str(int(found["gas"]) + 1))
    altered.write_text(json.dumps(told))
    lied = fathom("receipt", "replay", str(altered), "--url", stage.chain.ws, cwd=stage.project)
    assert lied.returncode == 2 and "id" in lied.stderr  # the file contradicts itself


def test_what_goes_wrong_is_said_with_the_requests_id(stage: Stage) -> None:
    thrown = httpx.get(f"{stage.agent}/throw", timeout=60)
    told = thrown.json()
    assert (thrown.status_code, told["error"]) == (500, "uncaught-error")
    assert "on purpose" in told["message"] and "stack" in told
    assert told["requestId"] == thrown.headers["x-request-id"] and "x-fathom-receipt" in thrown.headers
    spun = httpx.get(f"{stage.agent}/spin", timeout=60)
    assert (spun.status_code, spun.json()["error"]) == (500, "out-of-gas")
    after = httpx.get(f"{stage.agent}/", timeout=60)
    assert after.status_code == 201
    unknown = httpx.get(f"{stage.gateway}/agents/nobody/", timeout=60)
    assert unknown.status_code == 404 and unknown.json()["requestId"]


def test_a_secret_reaches_the_script_and_no_log(stage: Stage) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:  # the cluster's key has to be final
        stored = httpx.post(f"{stage.gateway}/vaults", json={"agent": "echo", "data": {"token": "hush"}}, timeout=30)
        if stored.status_code == 200:
            break
        assert time.monotonic() < give_up, stored.text
        time.sleep(0.5)
    kept = stored.json()
    answer = httpx.get(f"{stage.agent}/secret", params={"key": kept["key"]}, timeout=60)
    assert answer.json() == {"token": "hush"}
    assert httpx.get(f"{stage.agent}/secret", params={"key": "0" * 16}, timeout=60).status_code == 401
    read = httpx.get(f"{stage.gateway}/vaults/{kept['key']}/{kept['token']}", timeout=30)
    assert read.json() == {"data": {"token": "hush"}, "succeed": True}
    lines = fathom("agent", "logs", "echo", "--gateway", stage.gateway, cwd=stage.project).stdout
    assert "asked GET /secret" in lines and "hush" not in lines and kept["key"] not in lines
    assert "hush" not in stage.chain.log.read_text() and kept["key"] not in stage.chain.log.read_text()


def test_calls_from_the_command_line(stage: Stage) -> None:
    called = fathom("agent", "call", "echo", "/?a=7", "-d", "body", "--gateway", stage.gateway, cwd=stage.project)
    assert (called.returncode, called.stdout) == (0, "POST body 7\n") and "receipt 0x" in called.stderr
    again = fathom("agent", "deploy", "--url", stage.chain.ws, "--json", cwd=stage.project)
    assert json.loads(again.stdout)["changed"] is False
    other = fathom("agent", "deploy", "--url", stage.chain.ws, "--suri", "//Bob", cwd=stage.project)
    assert other.returncode == 1 and "agent of" in other.stderr


def test_chance_differs_from_request_to_request(stage: Stage) -> None:
    said = {httpx.get(f"{stage.agent}/seed", timeout=60).text for _ in range(3)}
    assert len(said) == 3


def job(stage: Stage, **terms: Any) -> int:
    """Submits a job of the agent, and waits until it is over; its number."""
    from tests.e2e.substrate_client import connect
    from tests.e2e.test_worker_dies import BOB, UNIT, attribute, send

    client = connect(stage.chain.ws)
    agent = client.query("Agents", "ByName", ["echo"]).value
    given = {"mode": "Deterministic", "replicas": 1, "max_fee": UNIT, "deadline": 60_000, "callback": None} | terms
    request = json.dumps({"method": "GET", "path": "/job", "queries": {}, "headers": {}})
    sent = send(client, BOB, "Jobs", "submit", agent=agent, input={"Inline": request}, **given)
    id: int = attribute(sent, "Submitted", "job")
    give_up = time.monotonic() + PATIENCE
    while (record := client.query("Jobs", "Job", [id]).value)["state"] != "Settled":
        assert time.monotonic() < give_up and record["state"] != "Expired", record
        time.sleep(0.1)
    client.close()
    return id


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("mode", ["Deterministic", "Recorded", "Oracle"])
def test_a_job_and_its_replay(stage: Stage, mode: str) -> None:
    id = job(stage, mode=mode, replicas=1 if mode == "Deterministic" else 3)
    replayed = fathom("job", "replay", str(id), "--url", stage.chain.ws, "--json", cwd=stage.project)
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout)["same"] is True


def test_a_model_answers_without_a_network(stage: Stage, tmp_path: Path) -> None:
    if missing():
        pytest.skip("the embedded models are not installed: make dev installs them")
    assert fathom("agent", "new", "thinker", "--template", "javascript", cwd=tmp_path).returncode == 0
    project = tmp_path / "thinker"
    (project / "src" / "index.js").write_text(THINKER)
    deployed = fathom("agent", "deploy", "--url", stage.chain.ws, "--gateway", stage.gateway, cwd=project)
    assert deployed.returncode == 0, deployed.stderr
    answer = httpx.get(f"{stage.gateway}/agents/thinker/", timeout=90)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["text"] and found["size"] == 384 and "@0x" in found["model"]
