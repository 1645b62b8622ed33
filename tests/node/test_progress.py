"""Long work shows how far it is to who sits at a terminal, and is quiet elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from node import progress as shown
from node.progress import progress


class Terminal(io.StringIO):
    """What a terminal is sent."""

    def isatty(self) -> bool:
        return True


def test_it_is_quiet_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("exporting", total=None, unit="blocks") as at:
        for number in range(3 * shown.LINE_EVERY):
            at(number)
    assert capsys.readouterr() == ("", "")


def test_lines_for_who_asks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("exporting", total=2500, unit="blocks", verbose=True) as at:
        for number in range(2500):
            at(number)
    assert capsys.readouterr() == ("", "exporting: 1000 of 2500 blocks\nexporting: 2000 of 2500 blocks\n")


@pytest.mark.parametrize("total", [32, None])
def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, total: int | None) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress("importing", total=total, unit="blocks") as at:
        for number in range(1, 33):
            at(number)
    text = terminal.getvalue()
    assert "importing" in text and ("32/32 blocks" if total else "32 blocks") in text
    assert text.endswith("\x1b[2K")  # and is gone at the end
