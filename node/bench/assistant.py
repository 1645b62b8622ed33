"""A process that works for a bench: it takes one order, says when it is ready, does as it is told, and reports.

## Usage

    with assistant("node.bench.sender", order) as sender:
        sender.tell("go")
        report = sender.report()

Orders and reports are one JSON line each. Inside the process, `serve` reads the order and prints the report; an error
is one line in its place.

## Errors

`BenchError`, with what the process said last.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from node.bench.errors import BenchError

READY = "ready"


class Assistant:
    """The process, ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._await(READY)

    def tell(self, word: str) -> None:
        """Says one word to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def report(self) -> dict[str, Any]:
        """What it reports, awaited."""
        report: dict[str, Any] = json.loads(self._await("{"))
        return report

    def _await(self, start: str) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith(start):
            raise BenchError(line.strip() or "an assisting process ended without a word")
        return line


@contextmanager
def assistant(module: str, order: Any) -> Iterator[Assistant]:
    """A process of a module for the block, with an order (a dataclass); on the cores of this process."""
    command = [sys.executable, "-m", module]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(asdict(order)) + "\n")
            process.stdin.flush()
            yield Assistant(process)
        finally:
            process.kill()


# Inside the process


def say_ready() -> None:
    """Everything is prepared: waits for the first word."""
    print(READY, flush=True)
    sys.stdin.readline()


def serve(carry_out: Callable[[dict[str, Any]], Any]) -> None:
    """Carries out the order on stdin, and prints the report, a dataclass."""
    try:
        print(json.dumps(asdict(carry_out(json.loads(sys.stdin.readline())))), flush=True)
    except BenchError as error:
        print(error, flush=True)
        raise SystemExit(1) from None
