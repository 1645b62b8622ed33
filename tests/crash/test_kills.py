"""A few of the kills that `make crash` makes many of, one at each kind of moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.campaign import campaign


def test_a_few_kills_lose_and_tear_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = campaign(5, 8, tmp_path, print)
    said = capsys.readouterr().out
    assert (figures["kills"], figures["lost"], figures["torn"], figures["unexpected"]) == (5, 0, 0, 0), said
    assert figures["late"] < 5, said
    assert figures["blocks"] > 0, said
