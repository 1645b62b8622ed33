"""`fathom dev`: workers that are processes of their own, started with the chain."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from node import dev
from node.service import StartError
from tests.node.nodes import running_node


def program(tmp_path: Path, does: str) -> str:
    """A program that runs in place of the worker's."""
    path = tmp_path / "worker"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o700)
    return str(path)


async def test_a_worker_that_is_ready_may_run_for_ever(
    monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.executable", program(tmp_path, f"echo $$ > {tmp_path}/pid; echo ready; exec sleep 3600"))
    async with running_node(tmp_path / "chain", sealing="manual") as node, trio.open_nursery() as nursery:
        await nursery.start(dev._worker, node, "//Worker//1", "off", False)
        mock_clock.jump(2 * dev.START_SECONDS)
        await trio.testing.wait_all_tasks_blocked(0.01)
        os.kill(int((tmp_path / "pid").read_text()), 0)
        nursery.cancel_scope.cancel()


async def test_a_worker_that_isnt_ready_in_time_is_told(
    monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.executable", program(tmp_path, "exec sleep 3600"))
    async with running_node(tmp_path / "chain", sealing="manual") as node:
        with pytest.RaisesGroup(pytest.RaisesExc(StartError, match="was not ready within")):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(nursery.start, dev._worker, node, "//Worker//1", "off", False)
                await trio.testing.wait_all_tasks_blocked(0.01)
                mock_clock.jump(2 * dev.START_SECONDS)
