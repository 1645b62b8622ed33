"""What scripts find beside the language, against Node as an outside judge: one run here, one process there.

The files of `snippets` have a comment first, then the bodies of async functions with an empty line between.
Where Node is known to differ from the standards there is no snippet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from offchain.sandbox.javascript import JavaScriptSandbox
from tests.offchain.prelude.judged import here, in_node

SNIPPETS = {
    f"{file.stem}-{number}": snippet
    for file in sorted(Path(__file__).with_name("snippets").glob("*.js"))
    for number, snippet in enumerate(file.read_text().strip().split("\n\n")[1:], 1)
}

Answers = dict[str, tuple[Any, Any]]


@pytest.fixture(scope="module")
def answers(sandbox: JavaScriptSandbox) -> Answers:
    snippets = list(SNIPPETS.values())
    return dict(zip(SNIPPETS, zip(here(sandbox, snippets), in_node(snippets), strict=True), strict=True))


@pytest.mark.parametrize("name", SNIPPETS)
def test_as_in_node(answers: Answers, name: str) -> None:
    mine, theirs = answers[name]
    assert mine == theirs, SNIPPETS[name]
