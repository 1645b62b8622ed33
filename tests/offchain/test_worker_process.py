"""The worker as its operator starts it: a process against a node's process, killed, restarted and ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from offchain import records
from offchain.chain import Chain, StorageItem
from offchain.keys import KEY_FILE
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import InlineInput, Mode
from pallets.primitives.job_record import Job, JobState, Shares
from pallets.primitives.types import U64
from tests.e2e.conftest import ROOT, DevChain, dev_chain
from tests.offchain.real_node import ALICE, BOB, ECHO, OPERATOR, STAKE, UNIT, call_bytes, chain_of

PATIENCE = 60
NEXT_AGENT: StorageItem[int] = StorageItem("Agents", "NextAgent", U64)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevChain]:
    with dev_chain(tmp_path_factory.mktemp("chain"), "--workers", "0") as running:
        yield running


class WorkerProcess:
    """A worker's process, and the line on its standard output."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self.log = process, log
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the worker ended at start:\n{log.read_text()}"
        self.said: dict[str, Any] = json.loads(line)

    def end(self, by: signal.Signals) -> int:
        self.process.send_signal(by)
        return self.process.wait(timeout=20)


def command(url: str, *arguments: str, suri: str = OPERATOR) -> list[str]:
    given = ["--url", url, "--suri", suri, "--stake", str(STAKE), "--json", *arguments]
    return [sys.executable, "-m", "offchain", "worker", *given]


@contextmanager
def worker_process(url: str, log: Path, *arguments: str) -> Iterator[WorkerProcess]:
    with log.open("a") as stderr:
        process = subprocess.Popen(command(url, *arguments), stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT)
    try:
        yield WorkerProcess(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def deploy(chain: Chain) -> int:
    """An agent of Alice's; its number."""
    agent = await chain.read(NEXT_AGENT) or 0
    policy = AgentPolicy(2, 10**9, Shares(1_000_000, 0, 0, 0), narrow=True)
    calls = (
        call_bytes("Agents", "upload_code", code=ECHO),
        call_bytes("Agents", "create", name=b"echo", kind=AgentKind.JavaScript, policy=policy),
        call_bytes("Agents", "approve_code", agent=agent, hash=blake2_256(ECHO)),
    )
    for call in calls:
        await chain.submit_signed(ALICE, call)
    return agent


async def settled(chain: Chain, agent: int, input: bytes, replicas: int = 1) -> Job:
    """Submits a job, and waits for what it comes to."""
    terms = {"replicas": replicas, "max_fee": UNIT // 10, "deadline": 45_000, "callback": None}
    call = call_bytes("Jobs", "submit", agent=agent, input=InlineInput(input), mode=Mode.Deterministic, **terms)
    id = await chain.read(records.NEXT_JOB) or 0
    await chain.submit_signed(BOB, call)
    send, changes = trio.open_memory_channel[bytes | None](99)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chain.follow, [records.JOB.key(id)], lambda _key, value: send.send_nowait(value))
        with trio.fail_after(PATIENCE):
            async for value in changes:
                job = records.JOB.decode(value)
                if job is not None and job.state is JobState.Settled:
                    break
        nursery.cancel_scope.cancel()
    assert job is not None
    return job


async def test_a_worker_process_serves_is_killed_and_serves_again(node: DevChain, tmp_path: Path, cache: Path) -> None:
    base, log = tmp_path / "base", tmp_path / "worker.log"
    places = ("--base-path", str(base), "--cache-path", str(cache))
    async with chain_of(node.ws) as chain:
        agent = await deploy(chain)
        with worker_process(node.ws, log, *places) as first:
            key = bytes.fromhex(first.said["worker"][2:])
            assert first.said["pid"] == first.process.pid
            assert (await settled(chain, agent, b"one")).workers == [key]
            assert first.end(signal.SIGKILL) == -9
        assert (base / KEY_FILE).stat().st_mode & 0o777 == 0o600
        with worker_process(node.ws, log, *places) as second:
            assert second.said["worker"] == first.said["worker"]
            assert (await settled(chain, agent, b"two")).workers == [key]
            assert second.end(signal.SIGTERM) == 0
    text = log.read_text()
    assert "Traceback" not in text and OPERATOR not in text
    secrets = json.loads((base / KEY_FILE).read_bytes())
    assert secrets["signing"] not in text and secrets["sealing"] not in text
    for line in (
        "is registered, with a stake of",
        "runs job 0, attempt 1",
        "is attested again",
        "runs job 1, attempt 1",
    ):
        assert line in text


def test_a_worker_that_misbehaves_says_so_and_is_refused(node: DevChain, cache: Path) -> None:
    given = command(node.ws, "--cache-path", str(cache), "--misbehave", "forge-quote", suri="//Worker//2")
    ended = subprocess.run(given, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=ROOT)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "MISBEHAVES: forge-quote" in ended.stderr and "Attestation.QuoteForged" in ended.stderr
    assert ended.stderr.splitlines()[-1] == "Error: the chain takes none of the worker's forged quotes"


@pytest.mark.parametrize(
    ("url", "suri", "error"),
    [
        ("", "//Nobody", "has 0, and the stake is"),
        ("ws://127.0.0.1:1", OPERATOR, "cannot connect to 127.0.0.1:1"),
        ("", "not a phrase", "the phrase is no BIP-39 mnemonic"),
    ],
)
def test_an_error_at_start_is_one_line(node: DevChain, cache: Path, url: str, suri: str, error: str) -> None:
    given = command(url or node.ws, "--cache-path", str(cache), suri=suri)
    ended = subprocess.run(given, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=ROOT)
    *logs, last = ended.stderr.splitlines()
    assert ended.returncode == 1 and ended.stdout == ""
    assert last.startswith("Error: ") and error in last
    assert all(line[:2] == "20" for line in logs), ended.stderr
