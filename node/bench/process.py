"""Node processes as a user starts them, and what the system says of them.

## Overview

`node(...)` runs one `fathom node` for a `with` block, `dev(...)` one `fathom dev` with its workers. A node can be held
on one core. Its log goes to a file, so that writing it is part of what is measured.

## Errors

`BenchError` where a process doesn't start or ends too early; the message has its last line.

Source of the CPU clock of another process: `clock_getcpuclockid(3)`.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.bench.errors import BenchError

START_SECONDS = 600.0
STOP_SECONDS = 120.0
POLL_SECONDS = 0.002
PING = b'{"jsonrpc":"2.0","id":1,"method":"system_name","params":[]}'
JSON = {"content-type": "application/json"}


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


@contextmanager
def held_on(those: Collection[int]) -> Iterator[None]:
    """Holds this process, and those that it starts meanwhile, on these cores for a block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, those)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Node:
    """A node that answers; `first_answer_s` is the time from the process's start until it did."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, first_answer_s: float) -> None:
        self.process, self.port, self.first_answer_s = process, port, first_answer_s

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far."""
        return cpu_seconds(self.process.pid)

    def rss_mib(self) -> float:
        """Resident memory."""
        return resident_mib(self.process.pid)

    def rss_peak_mib(self) -> float:
        """The most that was ever resident."""
        return _memory(self.process.pid, "VmHWM")


@contextmanager
def node(*arguments: str, log: Path, core: int | None = None, module: Sequence[str] = ("node",)) -> Iterator[Node]:
    """Runs `fathom node` with these arguments, ended by SIGTERM; `module` may be another one that runs `node`."""
    port = free_port()
    with answering([*module, "node", *arguments, "--rpc-port", str(port)], port, log, core) as found:
        yield found


@contextmanager
def answering(module: Sequence[str], port: int, log: Path, core: int | None = None) -> Iterator[Node]:
    """Runs a module, with its arguments, that serves JSON-RPC on a port; ended by SIGTERM."""
    command = [sys.executable, "-m", *module]
    with log.open("ab") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            _await_answer(process, port, log)
            yield Node(process, port, time.perf_counter() - started)
            _end(process, log)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


@dataclass(frozen=True)
class Dev:
    """A `fathom dev` that is ready: what it said of itself, and the seconds that took."""

    ready: dict[str, Any]
    ready_s: float

    @property
    def pid(self) -> int:
        """Of the node; workers and gateway are its children, and sandboxes the workers'."""
        return int(self.ready["pid"])

    @property
    def port(self) -> int:
        """Of the node's JSON-RPC."""
        return int(self.ready["rpc"].rpartition(":")[2])


@contextmanager
def dev(workers: int, log: Path, base_path: Path | None = None, *, agents: bool = False) -> Iterator[Dev]:
    """Runs `fathom dev` on free ports, ended by SIGTERM; without a base path it keeps nothing.

    The `agents` that come with Fathom are left out unless they are wanted.
    """
    command = [sys.executable, "-m", "node", "dev", "--json", "--workers", str(workers), "--rpc-port", "0"]
    command += ["--gateway-port", "0", "--prometheus-port", "0"]
    command += ["--tmp"] if base_path is None else ["--base-path", str(base_path)]
    command += [] if agents else ["--no-agents"]
    with log.open("ab") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            ready = time.perf_counter() - started
            if not line:
                raise BenchError(f"fathom dev ended at start: {_last_line(log)}")
            yield Dev(json.loads(line), ready)
            _end(process, log)
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.kill()
                process.wait()


def children(pid: int) -> dict[int, str]:
    """The processes that a process has started, with their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # where it has ended meanwhile
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == pid:
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
    return found


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process so far."""
    return time.clock_gettime(~pid << 3 | 2)


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    return _memory(pid, "VmRSS")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Returns at the first JSON-RPC answer over HTTP."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"the node ended at start: {_last_line(log)}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        try:
            connection.request("POST", "/", PING, JSON)
            if connection.getresponse().status == 200:
                return
        except ConnectionRefusedError:
            time.sleep(POLL_SECONDS)
        except (OSError, http.client.HTTPException) as error:
            raise BenchError(f"the node doesn't answer: {error!r}; it says: {_last_line(log)}") from None
        finally:
            connection.close()
    raise BenchError(f"the node doesn't answer within {START_SECONDS:g} s")


def _end(process: subprocess.Popen[bytes], log: Path) -> None:
    if process.poll() is not None:
        raise BenchError(f"the node ended with code {process.returncode}: {_last_line(log)}")
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        raise BenchError(f"the node doesn't end within {STOP_SECONDS:g} s of SIGTERM") from None
    if code != 0:
        raise BenchError(f"the node ended with code {code}: {_last_line(log)}")


def _memory(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise BenchError(f"the system doesn't tell {field} of a process")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing"
