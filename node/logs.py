"""Log lines: where they go, how they look, and which are wanted.

## Overview

All go to stderr, as Substrate writes them: time and message; with level and target too where details are asked for, or
debug lines are; or one JSON object a line. Substrate's target names stand for our loggers (`TARGETS`), and name them in
what is written.

## Errors

`InvalidLogLevel` where `-l` is not understood.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable

import orjson

TARGETS = {
    "substrate": ("node",),
    "txpool": ("node.txpool",),
    "rpc": ("node.rpc", "node.web"),
    "aura": ("node.producer",),
    "babe": ("node.producer",),
    "slots": ("node.producer",),
    "basic-authorship": ("node.producer",),
    "grandpa": ("node.finality",),
    "afg": ("node.finality",),
    "db": ("node.state",),
    "state": ("node.state",),
    "offchain-worker": ("offchain",),
}
"""Substrate's names of what is logged about, and the loggers that they stand for."""
NAMED = {"node": "substrate", "node.producer": "aura", "node.finality": "grandpa", "node.web": "rpc"}
"""Loggers by the target they are written with, where that is not the rest of their name."""

LEVELS = {
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": logging.DEBUG,
    "off": logging.CRITICAL + 1,
}
NAMES = {logging.ERROR: "ERROR", logging.WARNING: "WARN", logging.INFO: "INFO", logging.DEBUG: "DEBUG"}
MAX_LOGGERS, MAX_DIRECTIVES = 256, 4096
"""Loggers that may be given levels while the process runs, and characters to name some: names stay in memory."""
COLORS = {"ERROR": 31, "WARN": 33, "INFO": 32, "DEBUG": 34}


class InvalidLogLevel(ValueError):
    """A level that is none, or nothing before the `=`."""


def parse_levels(given: Iterable[str]) -> dict[str, int]:
    """The level of each logger that `-l` names, the root's as ``""``; raises `InvalidLogLevel`."""
    levels: dict[str, int] = {}
    for each in (part.strip() for option in given for part in option.split(",")):
        target, equals, name = each.rpartition("=")
        if not equals and name in TARGETS:
            target, name = name, "trace"  # a target alone shows all of it
        level = LEVELS.get(name.lower())
        if level is None or (equals and not target):
            raise InvalidLogLevel(
                f"-l {each}: write a level, or target=level; levels are error, warn, info, debug, trace and off"
            )
        for logger in TARGETS.get(target, (target.replace("::", "."),)):
            levels[logger] = level
    return levels


def set_up(levels: Iterable[str] = (), *, detailed: bool = False, color: bool = True, as_json: bool = False) -> None:
    """Sends the process's log to stderr; raises `InvalidLogLevel`."""
    wanted = parse_levels(levels)
    handler = logging.StreamHandler(sys.stderr)
    if as_json:
        handler.setFormatter(JsonLines())
    else:
        detailed = detailed or any(level < logging.INFO for level in wanted.values())
        handler.setFormatter(TextLines(detailed=detailed, color=color and sys.stderr.isatty()))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name, level in wanted.items():
        logging.getLogger(name or None).setLevel(level)


class LogFilter:
    """What is logged, changed while the process runs."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}

    def add(self, directives: str) -> None:
        """Sets levels as `-l` does; raises `InvalidLogLevel`, also where these are too many."""
        if len(directives) > MAX_DIRECTIVES:
            raise InvalidLogLevel(f"at most {MAX_DIRECTIVES} characters of directives are taken at once")
        levels = parse_levels([directives])
        if len({*self._before, *levels}) > MAX_LOGGERS:
            raise InvalidLogLevel(f"at most {MAX_LOGGERS} targets can be given levels: reset the filter first")
        for name, level in levels.items():
            logger = logging.getLogger(name or None)
            self._before.setdefault(name, logger.level)
            logger.setLevel(level)

    def reset(self) -> None:
        """Undoes every `add`."""
        for name, level in self._before.items():
            logging.getLogger(name or None).setLevel(level)
        self._before.clear()


LOG_FILTER = LogFilter()
"""The process's own, as its loggers are."""


def target_of(logger: str) -> str:
    """The target that a logger's lines are written with."""
    if logger.startswith("offchain"):
        return "offchain-worker"
    return NAMED.get(logger) or NAMED.get(".".join(logger.split(".")[:2])) or logger.removeprefix("node.")


class TextLines(logging.Formatter):
    """`2026-11-22 16:14:21 message`, or with milliseconds, level and target before the message."""

    def __init__(self, *, detailed: bool, color: bool) -> None:
        super().__init__()
        self._detailed, self._color = detailed, color
        self._second, self._shown = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and those of a traceback where there is one."""
        second = int(record.created)
        if second != self._second:  # of many lines that come in one second, the time is written once
            self._second, self._shown = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        text = record.getMessage()
        moment, before = self._shown, ""
        if self._detailed:
            moment += f".{int(record.msecs):03d}"
            level = NAMES.get(record.levelno, record.levelname)
            before = f"{level:>5} {target_of(record.name)}: "
            if self._color:
                before = f"\x1b[{COLORS.get(level, 0)}m{level:>5}\x1b[0m {target_of(record.name)}: "
        if self._color:
            moment = f"\x1b[2m{moment}\x1b[0m"
        text = f"{moment} {before}{text}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class JsonLines(logging.Formatter):
    """One JSON object a line; `fields` is what was logged with `extra={"fields": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        """A line without its line break."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "timestamp": f"{moment}.{int(record.msecs):03d}Z",
            "level": NAMES.get(record.levelno, record.levelname),
            "target": target_of(record.name),
            "message": record.getMessage().encode(errors="backslashreplace").decode(),
            "fields": getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()
