"""Which log lines are written, and how they look."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest

from node import logs


@pytest.fixture(autouse=True)
def untouched_loggers() -> Iterator[None]:
    names = ["", "node", *(logger for each in logs.TARGETS.values() for logger in each)]
    before = {name: logging.getLogger(name or None).level for name in names}
    handlers = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = handlers
    for name, level in before.items():
        logging.getLogger(name or None).setLevel(level)


def written(capsys: pytest.CaptureFixture[str], logger: str, level: int, text: str, **extra: object) -> str:
    logging.getLogger(logger).log(level, "%s", text, extra={"fields": extra})
    return capsys.readouterr().err


def test_lines_are_substrates(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up()
    line = written(capsys, "node", logging.INFO, "💤 Idle (0 peers)")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d 💤 Idle \(0 peers\)\n", line)
    assert written(capsys, "node.txpool", logging.DEBUG, "unwanted") == ""
    logs.set_up(detailed=True)
    line = written(capsys, "node.txpool", logging.WARNING, "full")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  WARN txpool: full\n", line)


def test_levels_of_substrates_targets(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(["warn,txpool=debug", "babe=trace,grandpa=off,node::web=error"])
    assert written(capsys, "node", logging.INFO, "unwanted") == ""
    assert " WARN substrate: told" in written(capsys, "node", logging.WARNING, "told")
    assert "DEBUG txpool: told" in written(capsys, "node.txpool", logging.DEBUG, "told")
    assert "DEBUG aura: told" in written(capsys, "node.producer", logging.DEBUG, "told")
    assert written(capsys, "node.finality", logging.ERROR, "unwanted") == ""
    assert written(capsys, "node.web.server", logging.WARNING, "unwanted") == ""
    assert logs.parse_levels(["off"]) == {"": logging.CRITICAL + 1}
    assert logs.parse_levels(["rpc"]) == {"node.rpc": logging.DEBUG, "node.web": logging.DEBUG}


@pytest.mark.parametrize("given", ["", "loud", "txpool=", "=debug", "txpool=debug,", "txpool=loud"])
def test_what_is_no_level(given: str) -> None:
    with pytest.raises(logs.InvalidLogLevel, match=r"levels are error, warn, info, debug, trace and off"):
        logs.parse_levels([given])


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(as_json=True)
    line = json.loads(written(capsys, "node", logging.INFO, "🏆 Imported #1\n\udc80", number=1, hash=b"\x01"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {
        "level": "INFO",
        "target": "substrate",
        "message": "🏆 Imported #1\n\\udc80",
        "fields": {"number": 1, "hash": "b'\\x01'"},
    }
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("offchain.worker").exception("❌")
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["target"]) == ("ERROR", "offchain-worker")
    assert line["exception"].endswith("ValueError: broken")


def test_colours_only_where_they_are_seen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    logs.set_up(["debug"])
    assert re.search(
        r"\x1b\[2m.*\x1b\[0m \x1b\[33m WARN\x1b\[0m rpc: x", written(capsys, "node.rpc", logging.WARNING, "x")
    )
    logs.set_up(["debug"], color=False)
    assert "\x1b" not in written(capsys, "node.rpc", logging.WARNING, "x")
