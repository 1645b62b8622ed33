"""The example, and a worker that dies in the middle of a job."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import ROOT, dev_chain


def first_job(url: str) -> dict[str, object]:
    command = [sys.executable, "examples/first_job.py", "--url", url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def test_first_job_twice_and_after_a_restart(tmp_path: Path) -> None:
    base = str(tmp_path / "base")
    with dev_chain(tmp_path, "--workers", "2", "--base-path", base) as chain:
        first = first_job(chain.ws)
        again = first_job(chain.ws)
        assert again["agent"] == first["agent"]
        assert again["job"] != first["job"]
        assert again["gas"] == first["gas"]
    with dev_chain(tmp_path, "--workers", "2", "--base-path", base) as chain:
        later = first_job(chain.ws)
        assert later["agent"] == first["agent"]
        assert later["gas"] == first["gas"]
        assert later["ranking"] == first["ranking"]
