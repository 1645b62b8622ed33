"""`fathom` in the test's process."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from node.cli import app


class Outcome(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error; nothing else was printed."""
        assert (self.code, self.out) == (1, ""), self
        assert self.err.startswith("Error: ") and self.err.count("\n") == 1, self
        return self.err[7:-1]

    @property
    def good(self) -> str:
        """What was printed, without its last line break."""
        assert (self.code, self.err) == (0, ""), self
        return self.out.removesuffix("\n")


Fathom = Callable[..., Outcome]


@pytest.fixture
def fathom(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fathom:
    """Runs a command with this on stdin."""
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        capfd.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = 0
        try:
            app([str(each) for each in arguments], prog_name="fathom")
        except SystemExit as end:
            code = int(end.code or 0)
        return Outcome(code, *capfd.readouterr())

    return run
