"""A `fathom node` in a process of its own, whose log is read as it comes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from node.bench.client import Client
from tests.e2e.conftest import ROOT

PATIENCE_SECONDS = 60.0
SERVING = re.compile(r"Running JSON-RPC server: addr=127\.0\.0\.1:(\d+)")


class NodeProcess:
    """A node that answers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.killed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        found = self.await_line(SERVING.search)
        self.client = Client.connect(int(SERVING.search(found)[1]))  # type: ignore[index]

    def kill(self) -> None:
        """Ends it by SIGKILL."""
        self.killed = True
        self.process.kill()
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(self.process.stderr)

    def await_line(self, wanted: Callable[[str], Any]) -> str:
        """The first line of the log that is wanted, awaited."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            found = next((line for line in list(self.lines) if wanted(line)), None)
            if found is not None:
                return found
            assert self.process.poll() is None, "".join(self.lines)
            time.sleep(0.01)
        raise AssertionError("".join(self.lines))

    def call(self, method: str, *params: Any) -> Any:
        """The result of a call; raises `CallFailed`."""
        return self.client.call(method, *params)

    def best(self) -> int:
        return int(self.call("chain_getHeader")["number"], 16)

    def await_best(self, number: int) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while self.best() < number:
            assert time.monotonic() < give_up, "".join(self.lines)
            time.sleep(0.01)


@contextmanager
def node_process(base_path: Path, *arguments: str) -> Iterator[NodeProcess]:
    """A node until the block ends; it has to end cleanly when it is told to."""
    command = [sys.executable, "-m", "node", "node", "--dev", "--base-path", str(base_path), "--rpc-port", "0"]
    with subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            node = NodeProcess(process)
            with node.client:
                yield node
            if not node.killed:
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE_SECONDS) == 0, "".join(node.lines)
        finally:
            process.kill()


def refusal(base_path: Path, *arguments: str) -> str:
    """The one line with which a node refuses to start."""
    command = [sys.executable, "-m", "node", "node", "--dev", "--base-path", str(base_path), "--rpc-port", "0"]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE_SECONDS, check=False
    )
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.startswith("Error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr[7:-1]


def json_of(path: Path) -> Any:
    return orjson.loads(path.read_bytes())
