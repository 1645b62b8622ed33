"""Programs that were evaluated or parsed once, and are run again from where that left the engine's memory.

A program's gas up to there is kept with it and added to every run, so that what a run costs never depends on what this
process happens to remember.

Out of scope
    How a program gets there: `javascript`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import NamedTuple

from offchain.sandbox.host_calls import Rejection
from offchain.sandbox.image import Difference

_LEADING = re.compile(rb"(?>\s+|//[^\n]*+|/\*(?s:.*?)\*/|#![^\n]*+|(?:'use strict'|\"use strict\")\s*+;?)*+")
_DIRECTIVE = re.compile(rb"(?:'use agent'|\"use agent\")[ \t]*+(?:;|[\r\n]|//|/\*|\Z)")


def is_handler(code: bytes) -> bool:
    """Whether a program is evaluated once, to be called with each input: its first statement says 'use agent'."""
    leading = _LEADING.match(code)
    return _DIRECTIVE.match(code, leading.end() if leading else 0) is not None


class Program(NamedTuple):
    """A program ready to be run."""

    difference: Difference
    """Of the engine's memory, from the image after the prelude."""
    gas: int
    """What it took to get there."""
    parsed: int | None
    """The parsed script's handle; None of a handler program, which was evaluated."""
    log: tuple[int, int]
    """Address and length of the log."""
    rejections: tuple[Rejection, ...]


class ProgramKey(NamedTuple):
    """What a program's state before its runs depends on."""

    code_hash: bytes
    memory_bytes: int
    log_bytes: int


class Programs:
    """The programs that were run last, as many as there is room for."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[ProgramKey, Program] = OrderedDict()

    def find(self, key: ProgramKey) -> Program | None:
        """A program, if it is kept still."""
        program = self._kept.get(key)
        if program is not None:
            self._kept.move_to_end(key)
        return program

    def keep(self, key: ProgramKey, program: Program) -> None:
        """Keep a program, in the place of those that were not run for longest."""
        self._kept[key] = program
        self._bytes += program.difference.bytes
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.difference.bytes
