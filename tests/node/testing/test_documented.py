"""`docs/testing.md` and the module's own example do what they say."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import node.testing
from node.testing import Devnet

DOCS = Path(__file__).resolve().parents[3] / "docs" / "testing.md"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def run(text: str) -> dict[str, Any]:
    """The names that a document's examples leave, run one after another as one module."""
    names: dict[str, Any] = {"__name__": "documented"}
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(DOCS), "exec"), names)
    return names


def test_the_page(chain: Devnet) -> None:
    names = run(DOCS.read_text())
    tests = {name: thing for name, thing in names.items() if name.startswith("test_")}
    assert set(tests) == {"test_a_transfer_arrives", "test_no_unit_is_made_or_lost"}
    tests["test_a_transfer_arrives"](chain)
    tests["test_no_unit_is_made_or_lost"]()


def test_the_module() -> None:
    assert inspect.getdoc(node.testing)
    names = run(node.testing.__doc__ or "")
    assert names["chain"].number == 11
