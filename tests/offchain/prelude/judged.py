"""Snippets of JavaScript run here and in Node, whose answers must be the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offchain.sandbox.base import Limits, Sandbox
from tests.offchain.sandbox.running import succeed

LIMITS = Limits(gas=10**11, wall_seconds=60, memory_bytes=256 << 20, output_bytes=4 << 20)

_PROGRAM = Path(__file__).with_name("judged.js").read_text()


def _program(snippets: Sequence[str], end: str) -> str:
    functions = ",\n".join(f"async () => {{ {snippet} }}" for snippet in snippets)
    return f"const snippets = [\n{functions}\n];\n{_PROGRAM}\n{end}"


def here(sandbox: Sandbox, snippets: Sequence[str]) -> list[Any]:
    """What the snippets return in the sandbox, one run for all; what throws is `{"threw": name}`."""
    end = "answers.then(text => { globalThis.scriptOutput = text });"
    answers: list[Any] = json.loads(succeed(sandbox, _program(snippets, end), limits=LIMITS).output)
    return answers


def in_node(snippets: Sequence[str]) -> list[Any]:
    """What they return in Node, one process for all."""
    program = _program(snippets, "answers.then(text => process.stdout.write(text));")
    command = ["node", "--no-warnings", "--input-type=commonjs", "-"]
    done = subprocess.run(command, input=program.encode(), capture_output=True, check=True, timeout=60)
    answers: list[Any] = json.loads(done.stdout)
    return answers
