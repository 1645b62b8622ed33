"""The guide does what it says: every block of `docs/guide` is run, page after page, on one `fathom dev`.

Each page is a terminal of its own. A block of `sh` is typed into it; the block without a language behind it is all that
it prints, where `…` stands for anything and a line of it alone for any lines. A block of another language begins with
a comment that names the file it is, in the terminal's directory; commands to come make use of it. What can't be run
has a comment above that says why, and is listed here.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import typer.main

from offchain.ai.installed import missing
from tests.e2e.conftest import ROOT, DevChain, dev_chain

GUIDE = ROOT / "docs" / "guide"
PAGES = ("first-agent", "scripts", "pallets", "from-phala", "workers", "from-chopsticks")
"""In this order, since the last ones end workers and turn the clock; `index` has no commands."""
NOT_RUN = {
    ("first-agent", "make dev"): "the chain that all of this runs on",
    ("first-agent", ". .venv/bin/activate"): "the environment that this runs in",
    ("pallets", "        self.kudos = Kudos(index=60, most_a_time=10)"): "a change of Fathom's own code",
}
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>.+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
FILE = re.compile(r"(?://|#) ([\w./-]+)\n")
INLINE = re.compile(r"`(fathom [^`]+)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
PATIENCE_SECONDS = 60
END = "==> end of block"


class Block(NamedTuple):
    """A fenced block of a page."""

    line: int
    language: str
    text: str
    why: str | None
    """Why it isn't run."""


def page_of(name: str) -> str:
    return (GUIDE / f"{name}.md").read_text()


def prose_of(name: str) -> str:
    return BLOCK.sub("", page_of(name))


def blocks(name: str) -> list[Block]:
    text = page_of(name)
    found = [
        Block(text.count("\n", 0, match.start("text")), match["language"], match["text"], match["why"])
        for match in BLOCK.finditer(text)
    ]
    assert text.count("\n```") + text.startswith("```") == 2 * len(found), f"{name}: a block that isn't closed"
    return found


class Terminal:
    """A shell that is typed into."""

    def __init__(self, directory: Path, urls: dict[str, str], environment: dict[str, str]) -> None:
        self._urls = urls
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=directory,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._directory, self._script = directory, directory.with_suffix(".sh")

    def shown(self, text: str) -> str:
        """With the usual URLs as they are here."""
        for usual, real in self._urls.items():
            text = text.replace(usual, real)
        return text

    def type(self, text: str) -> str:
        """What a block prints; a command of it that fails is none that the page shows."""
        assert self._shell.stdin is not None and self._shell.stdout is not None
        self._script.write_text(self.shown(text))
        print(
            f"failed=; trap 'failed=${{failed:-$BASH_COMMAND}}' ERR; source {self._script} < /dev/null; "
            f'trap - ERR; printf "\\n{END} %s\\n" "$failed"',
            file=self._shell.stdin,
            flush=True,
        )
        end = threading.Timer(PATIENCE_SECONDS, self.kill)
        end.start()
        printed = ""
        for line in self._shell.stdout:
            if line.startswith(END):
                break
            printed += line
        else:
            logs = "\n".join(log.read_text() for log in self._directory.glob("*.log"))
            raise AssertionError(f"after {PATIENCE_SECONDS} s:\n{text}\n{printed}\n{logs}")
        end.cancel()
        failed = line[len(END) :].strip()
        assert not failed, f"{failed}\n{printed}"
        return printed.removesuffix("\n")

    def kill(self) -> None:
        """Ends the shell and whatever it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGTERM)

    def close(self) -> None:
        self.kill()
        self._shell.communicate()


@contextmanager
def terminal(directory: Path, urls: dict[str, str], environment: dict[str, str]) -> Iterator[Terminal]:
    opened = Terminal(directory, urls, environment)
    try:
        yield opened
    finally:
        opened.close()


def pattern(shown: str) -> re.Pattern[str]:
    """What a shown output matches."""
    lines = [
        r"(?:.*\n)*?" if line == "…" else ".*?".join(map(re.escape, line.rstrip().split("…"))) + r"[ ]*\n"
        for line in shown.splitlines()
    ]
    return re.compile("".join(lines))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevChain]:
    with dev_chain(tmp_path_factory.mktemp("guide"), "--gateway-port", "0") as chain:
        yield chain


@pytest.mark.parametrize("name", PAGES)
def test_the_page_does_what_it_says(name: str, running: DevChain, tmp_path: Path) -> None:
    if name == "scripts" and missing():
        pytest.skip("the models are not installed: `make test`, unless AI=0")
    gateway = str(running.urls["gateway"])
    urls = {"http://127.0.0.1:8000": gateway, "ws://127.0.0.1:9944": running.ws, "http://127.0.0.1:9944": running.http}
    environment = {
        **{key: value for key, value in os.environ.items() if key in ("HOME", "LANG", "TMPDIR")},
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "FATHOM_URL": running.ws,
        "FATHOM_GATEWAY": gateway,
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
    }
    directory = tmp_path / name
    directory.mkdir()
    written: set[str] = set()
    with terminal(directory, urls, environment) as at:
        printed: str | None = None
        for block in blocks(name):
            where = f"docs/guide/{name}.md:{block.line}"
            if block.why is not None:
                printed = None
            elif block.language == "sh":
                printed = at.type(block.text)
                written.clear()
            elif block.language == "":
                assert printed is not None, f"{where}: what prints this?"
                expected = pattern(at.shown(block.text))
                assert expected.fullmatch(printed.rstrip("\n") + "\n"), f"{where} prints\n{printed}"
                printed = None
            else:
                named = FILE.match(block.text)
                assert named, f"{where}: which file is this?"
                path = named[1]
                at.type(f"mkdir -p $(dirname {path})\ncat > {path} <<'END OF FILE'\n{block.text}END OF FILE\n")
                written.add(path)
                printed = None
    assert not written, f"{name}: nothing uses {written}"


def test_what_is_not_run() -> None:
    found = {
        (name, block.text.splitlines()[0]): block.why
        for name in ("index", *PAGES)
        for block in blocks(name)
        if block.why is not None
    }
    assert found == NOT_RUN


def test_pages_and_links() -> None:
    assert {path.stem for path in GUIDE.iterdir()} == {"index", *PAGES}
    for name in ("index", *PAGES):
        for link in LINK.findall(prose_of(name)):
            assert (GUIDE / link).exists(), f"{name}.md: {link}"
    assert all(f"({name}.md)" in page_of("index") for name in PAGES)


def test_commands_within_the_text() -> None:
    """Those that aren't in a block exist, and their options do."""
    from node.cli import app

    for name in ("index", *PAGES):
        for shown in INLINE.findall(prose_of(name)):
            command: Any = typer.main.get_command(app)
            context = click.Context(command, info_name="fathom")
            words = shlex.split(shown)[1:]
            while words and hasattr(command, "resolve_command"):
                own = sum(parameter.param_type_name == "argument" for parameter in command.params)
                if not words[own:]:
                    break
                name_of, found, words = command.resolve_command(context, words[own:])
                assert found is not None, f"{name}.md: {shown}"
                command, context = found, click.Context(found, info_name=name_of, parent=context)
            options = {each for parameter in command.params for each in (*parameter.opts, *parameter.secondary_opts)}
            unknown = {word for word in words if word.startswith("-")} - options - {"-h", "--help"}
            assert not unknown, f"{name}.md: {shown} has no {unknown}"
