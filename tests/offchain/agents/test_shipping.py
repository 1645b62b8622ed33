"""What is shipped: each agent's bundle is what its source makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from offchain.agents.shipping import HERE, SHIPPED
from offchain.authoring.bundle import bundle
from offchain.authoring.project import load
from tests.offchain.authoring.conftest import needs_bundler

PROJECTS = sorted(path.parent for path in HERE.glob("*/agent.json"))


@needs_bundler
@pytest.mark.parametrize("folder", PROJECTS, ids=lambda folder: folder.name)
def test_a_bundle_is_what_its_source_makes(folder: Path) -> None:
    project = load(folder)
    made = bundle(project, minify=False)
    assert made == (project.directory / "agent.js").read_bytes(), "python -m offchain.agents.shipping makes it anew"


def test_each_has_a_folder_a_readme_and_calls_to_measure() -> None:
    for agent in SHIPPED:
        assert agent.code().startswith(b"'use agent';")
        for name in ("README.md", "calls.json"):
            assert (agent.folder / name).is_file(), f"{agent.folder}/{name}"
