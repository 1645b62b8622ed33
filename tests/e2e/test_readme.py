"""Every command in the README works, as it stands there but for the port."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pallets.primitives.job_record import SeatPhase
from tests.e2e.conftest import ROOT, DevChain, dev_chain
from tests.offchain.real_node import chain_of
from tests.offchain.test_worker_process import deploy, settled

README = (ROOT / "README.md").read_text()
COMMANDS = [block.strip() for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevChain]:
    with dev_chain(tmp_path_factory.mktemp("readme"), "--workers", "3", "--gateway-port", "0") as running:
        yield running


def test_the_commands_are_the_expected_ones() -> None:
    assert [command.split()[0] for command in COMMANDS] == [
        "make",
        ".venv/bin/python",
        ".venv/bin/fathom",
        ".venv/bin/python",
        "curl",
        ".venv/bin/fathom",
        ".venv/bin/fathom",
        "make",
    ]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make")])
def test_make_targets_exist(command: str) -> None:
    done = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.startswith("make")])
def test_commands_run(command: str, served: DevChain) -> None:
    port = served.ws.rsplit(":", 1)[1]
    gateway = str(served.urls["gateway"])
    shown = command.replace("9944", port).replace("http://127.0.0.1:8000", gateway)
    environment = {**os.environ, "FATHOM_URL": served.ws, "FATHOM_GATEWAY": gateway}
    shutil.rmtree(ROOT / "build" / "hello", ignore_errors=True)
    if "examples/" in shown:
        shown += f" --url {served.ws}"
    done = subprocess.run(
        f"set -e\n{shown}",
        shell=True,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = json.loads(done.stdout if done.stdout.startswith("{") else done.stdout.strip().splitlines()[-1])
    assert last


def test_an_example_says_what_is_missing(served: DevChain) -> None:
    for arguments, said in (
        (("--url", "ws://127.0.0.1:1"), "No chain answers"),
        (("--url", served.ws, "--gateway", served.http), f"{served.http} is no gateway of this chain"),
    ):
        command = [sys.executable, "examples/launch_agent.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr


async def test_its_three_workers_vote(served: DevChain) -> None:
    async with chain_of(served.ws) as chain:
        job = await settled(chain, await deploy(chain), b"hello", replicas=3)
    assert {seat.phase for seat in job.seats} == {SeatPhase.Revealed} and len(job.seats) == 3
    assert len({seat.operator for seat in job.seats}) == 3 and job.tally().total() == 3


def test_documented_paths_exist() -> None:
    for path in re.findall(r"`((?:pallets|node|docs|examples|offchain)/[\w/.]*)`", README):
        assert (ROOT / path).exists(), path
    assert (ROOT / "LICENSE").exists()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert Path(ROOT / "CONTRIBUTING.md").exists()
