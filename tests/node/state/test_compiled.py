"""Native code, where the build has made it, is of the source beside it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMPILED = re.findall(r'"([a-z_/]+)\.py"', (ROOT / "setup.py").read_text())


@pytest.mark.parametrize("path", COMPILED)
def test_native_code_is_not_older_than_its_source(path: str) -> None:
    loaded = Path(str(import_module(path.replace("/", ".")).__file__))
    source = ROOT / f"{path}.py"
    assert loaded.parent == source.parent
    assert loaded.stat().st_mtime >= source.stat().st_mtime, "run `make compiled` again, or `make pure`"


def test_there_is_something_to_compile() -> None:
    assert "node/state/trie" in COMPILED
