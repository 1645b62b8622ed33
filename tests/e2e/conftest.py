"""A dev chain for clients to connect to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "tests" / "clients"


@dataclass(frozen=True)
class DevChain:
    """A running `fathom dev`."""

    urls: dict[str, Any]
    process: subprocess.Popen[str]
    log: Path

    @property
    def ws(self) -> str:
        return str(self.urls["rpc"])

    @property
    def http(self) -> str:
        return str(self.urls["http"])


@contextmanager
def dev_chain(tmp_path: Path, *arguments: str) -> Iterator[DevChain]:
    """`fathom dev` on a free port until the block ends; its log goes to a file."""
    log = tmp_path / "fathom.log"
    command = [sys.executable, "-m", "node", "dev", "--rpc-port", "0", "--json", *arguments]
    if "--gateway-port" not in arguments:
        command.append("--no-gateway")
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"fathom dev ended at start:\n{log.read_text()}"
        yield DevChain(json.loads(line), process, log)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0, log.read_text()
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevChain]:
    """One chain without workers for the tests of a module."""
    with dev_chain(tmp_path_factory.mktemp("chain"), "--workers", "0") as running:
        yield running


def run_client(script: str, *arguments: str, timeout: float = 120) -> dict[str, Any]:
    """Runs one of the JavaScript clients and answers the JSON object it prints last; skips without node_modules."""
    if not (ROOT / "node_modules" / "polkadot-api").exists():
        pytest.skip("the JavaScript clients are not installed: run `make test`, or `npm ci`")
    environment = {**os.environ, "NODE_NO_WARNINGS": "1"}
    done = subprocess.run(
        ["node", str(CLIENTS / script), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, f"{script} failed:\n{done.stdout}\n{done.stderr}"
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result
