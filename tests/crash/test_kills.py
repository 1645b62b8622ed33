"""A few of the kills that `make crash` makes many of, and commands that are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.chain_spec import ChainSpec
from node.dev_spec import DEV_SPEC
from tests.crash.campaign import campaign
from tests.crash.inspection import Findings, inspect
from tests.crash.lives import ROOT
from tests.crash.plans import Moment, Operation, Plan
from tests.crash.told import Told
from tests.e2e.node_process import node_process

SPEC = ChainSpec.load(DEV_SPEC)
DB = Path("chains") / SPEC.id / "db"


def test_a_few_kills_lose_and_tear_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = campaign(5, 8, tmp_path, print)
    said = capsys.readouterr().out
    assert (figures["kills"], figures["lost"], figures["torn"], figures["unexpected"]) == (5, 0, 0, 0), said
    assert figures["late"] < 5, said
    assert figures["blocks"] > 0, said


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of ten blocks, the eighth of which is final."""
    directory = tmp_path_factory.mktemp("exported")
    with node_process(directory / "base", "--sealing", "manual") as node:
        for number in range(1, 11):
            node.call("engine_createBlock", True, number == 8)
    assert fathom("export-blocks", directory / "file", "--base-path", directory / "base") == 0
    return directory / "file"


def fathom(*arguments: object) -> int:
    return subprocess.run([sys.executable, "-m", "node", *map(str, arguments)], cwd=ROOT, check=False).returncode


def killed(operation: Operation, moment: Moment, nth: int, *arguments: object) -> int:
    """A command that dies at a write; its exit code."""
    plan = Plan(operation, moment, nth, 0, "", "")
    with open(os.devnull, "wb") as nobody:
        command = [sys.executable, "-m", "tests.crash.node_to_kill", plan.encode(), str(nobody.fileno())]
        return subprocess.run([*command, *map(str, arguments)], cwd=ROOT, check=False).returncode


def inspected(base_path: Path) -> tuple[int, Findings]:
    """The best block's number, and what is wrong with the database."""
    told = Told()
    findings = inspect(base_path / DB, SPEC, told, 20)
    return max(header.number for header in told.found.values()), findings


@pytest.mark.parametrize(
    ("operation", "moment", "nth", "best"),
    [("extend", "before", 4, 3), ("extend", "after", 4, 4), ("finalize", "before", 1, 8), ("finalize", "after", 1, 8)],
)
def test_an_import_that_is_killed_goes_on(
    exported: Path, tmp_path: Path, operation: Operation, moment: Moment, nth: int, best: int
) -> None:
    command = ("import-blocks", exported, "--base-path", tmp_path)
    assert killed(operation, moment, nth, *command) == -9
    assert inspected(tmp_path) == (best, ([], []))
    assert fathom(*command) == 0
    assert inspected(tmp_path) == (10, ([], []))


@pytest.mark.parametrize(("moment", "best"), [("before", 10), ("after", 6)])
def test_a_revert_that_is_killed_has_happened_or_not(exported: Path, tmp_path: Path, moment: Moment, best: int) -> None:
    assert fathom("import-blocks", exported, "--base-path", tmp_path) == 0
    assert killed("anything", moment, 1, "revert", 4, "--base-path", tmp_path) == -9
    found, findings = inspected(tmp_path)
    assert (found, findings.lost) == (best, [])
    assert set(findings.torn) <= {"the final block has no justification"}  # which only the latest one has
