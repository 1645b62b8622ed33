"""Fixtures of the models' tests: the real ones, in the real service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from offchain.ai.embedded import Embedded, open_embedded
from offchain.ai.installed import missing

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def models() -> None:
    """The models are installed, or the test is skipped."""
    if gone := missing():
        pytest.skip(f"{', '.join(gone)} not installed: `make test` installs them unless AI=0")


@pytest.fixture(scope="session")
def service(models: None) -> Iterator[str]:
    """Base URL of a service of the embedded models, a process of its own."""
    command = [sys.executable, "-m", "offchain.ai", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
            process.terminate()
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


@pytest.fixture
async def embedded(models: None) -> AsyncIterator[Embedded]:
    """The embedded provider, its models not yet loaded."""
    async with open_embedded() as provider:
        yield provider
        pids = provider.pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
