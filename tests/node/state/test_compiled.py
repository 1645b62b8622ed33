"""Native code of the trie, where `make compiled` has made it, is of the source beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.state import branch, node_codec, trie

STATE = Path(__file__).parents[3] / "node" / "state"


@pytest.mark.parametrize("module", [trie, branch, node_codec])
def test_native_code_is_not_older_than_its_source(module: object) -> None:
    loaded = Path(str(getattr(module, "__file__", "")))
    source = STATE / f"{loaded.name.partition('.')[0]}.py"
    assert source.is_file()
    assert loaded.stat().st_mtime >= source.stat().st_mtime, "run `make compiled` again, or `make pure`"
