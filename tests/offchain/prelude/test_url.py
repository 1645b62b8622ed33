"""URL against Node's, over inputs that the standard treats each in its own way."""

from __future__ import annotations

import json
from pathlib import Path

from offchain.sandbox.javascript import JavaScriptSandbox
from tests.offchain.prelude.judged import here, in_node

CASES = json.loads(Path(__file__).with_name("url_cases.json").read_text())
"""In the manner of the Web Platform Tests: `parsed` are a URL and its base, `set` a URL, a part and values for it,
`newer` what the standard says since Node 20 was made."""
PARTS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"]
SHOW = f"const shown = (url) => {json.dumps(PARTS)}.map(part => url[part]).concat([...url.searchParams]);"


def test_parsing(sandbox: JavaScriptSandbox) -> None:
    snippets = [
        f"{SHOW} return shown(new URL({json.dumps(text)}{'' if base is None else ', ' + json.dumps(base)}))"
        for text, base in CASES["parsed"]
    ]
    wrong = _differences(sandbox, snippets)
    assert not wrong, "\n".join(wrong)


def test_setting(sandbox: JavaScriptSandbox) -> None:
    snippets = [
        f"{SHOW} const url = new URL({json.dumps(url)}); url.searchParams; "
        f"url.{part} = {json.dumps(value)}; return shown(url)"
        for url, part, values in CASES["set"]
        for value in values
    ]
    wrong = _differences(sandbox, snippets)
    assert not wrong, "\n".join(wrong)


def test_what_is_newer_than_node(sandbox: JavaScriptSandbox) -> None:
    assert here(sandbox, [f"return new URL({json.dumps(text)}).href" for text, _ in CASES["newer"]]) == [
        url for _, url in CASES["newer"]
    ]


def _differences(sandbox: JavaScriptSandbox, snippets: list[str]) -> list[str]:
    return [
        f"{snippet.removeprefix(SHOW)}\n  here {mine}\n  node {theirs}"
        for snippet, mine, theirs in zip(snippets, here(sandbox, snippets), in_node(snippets), strict=True)
        if mine != theirs
    ]
