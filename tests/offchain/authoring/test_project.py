"""Projects: what templates make, how they are bundled, and what is said where something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offchain.authoring.bundle import BUNDLER, MAX_CODE, bundle
from offchain.authoring.errors import (
    AuthoringError,
    BadName,
    BundleFailed,
    BundleTooLarge,
    NoBundler,
    NoProject,
    ProjectExists,
)
from offchain.authoring.project import PROJECT_FILE, TEMPLATES, create, load
from tests.offchain.authoring.conftest import needs_bundler


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_a_project_of_the_name(tmp_path: Path, template: str) -> None:
    made = create(tmp_path / "weather", "weather", template)
    project = load(tmp_path / "weather")
    assert (project.name, project.hosts) == ("weather", None)
    assert project.directory / project.entry in made and all(path.is_file() for path in made)
    assert not any("agent-name" in path.read_text() for path in made)
    json.loads((tmp_path / "weather" / "package.json").read_text())


def test_a_bundle_made_elsewhere_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / PROJECT_FILE).write_text('{"name": "gm", "bundle": "made.js"}')
    with pytest.raises(NoProject, match=r"names made\.js, and there is no such file"):
        load(tmp_path)
    (tmp_path / "made.js").write_text("globalThis.scriptOutput = 'gm'  // as it is\n")
    assert bundle(load(tmp_path)) == (tmp_path / "made.js").read_bytes()
    (tmp_path / "made.js").write_bytes(bytes(MAX_CODE + 1))
    with pytest.raises(BundleTooLarge):
        bundle(load(tmp_path))


@pytest.mark.parametrize("name", ["", "Weather", "1st", "a_b", "a" * 65, "../x"])
def test_names_that_no_agent_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadName):
        create(tmp_path / "p", name, TEMPLATES[0])
    assert not (tmp_path / "p").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ProjectExists):
        create(tmp_path, "weather", TEMPLATES[0])
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "{",
        "[]",
        '{"name": "weather"}',
        '{"name": "Weather", "entry": "a.js"}',
        '{"name": 1, "entry": "a.js"}',
        '{"name": "w", "entry": "absent.js"}',
        '{"name": "w", "entry": "a.js", "hosts": "x.y"}',
    ],
)
def test_what_is_no_project(tmp_path: Path, content: str | None) -> None:
    (tmp_path / "a.js").write_text("export default 1")
    if content is not None:
        (tmp_path / PROJECT_FILE).write_text(content)
    with pytest.raises(NoProject) as caught:
        load(tmp_path)
    assert PROJECT_FILE in str(caught.value)


def project_of(directory: Path, source: str) -> Path:
    (directory / PROJECT_FILE).write_text('{"name": "w", "entry": "a.js"}')
    (directory / "a.js").write_text(source)
    return directory


@needs_bundler
def test_a_bundle_is_one_handler_program(tmp_path: Path) -> None:
    (tmp_path / "b.ts").write_text("export const answer: number = 42;")
    project = load(project_of(tmp_path, 'import { answer } from "./b"; export default () => String(answer)'))
    code = bundle(project)
    assert code.startswith(b"'use agent';") and b"42" in code and b"import" not in code
    assert bundle(project) == code
    assert len(bundle(project, minify=False)) > len(code)


@needs_bundler
def test_what_the_bundler_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(BundleFailed) as caught:
        bundle(load(project_of(tmp_path, 'import x from "./absent"; export default x')))
    assert "absent" in str(caught.value) and "a.js" in str(caught.value)


@needs_bundler
def test_a_bundle_that_no_chain_takes(tmp_path: Path) -> None:
    with pytest.raises(BundleTooLarge):
        bundle(load(project_of(tmp_path, f"export default () => '{'x' * MAX_CODE}'")))


def test_no_bundler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offchain.authoring.bundle.BUNDLER", BUNDLER.with_name("absent"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoBundler) as caught:
        bundle(load(project_of(tmp_path, "export default 1")))
    assert "npm install" in str(caught.value)


def test_every_error_is_one_of_authoring() -> None:
    assert {each.__name__ for each in AuthoringError.__subclasses__()} >= {"BadName", "NoProject", "BadCase"}
