"""The end of a turn: when every task that could run has run, right before trio looks at its sockets again.

What many tasks have to say in one turn is cheapest to send then, in one go: the first byte wakes a peer that sleeps,
and the others find it awake. trio tells that moment to an instrument, which costs no task and no trip through the
scheduler.

## Usage

    turns = turns_of_this_run()
    turns.at_end(callback)  # each time; it is called once

## Errors

A callback mustn't raise; if one does, that is logged and the others are called. trio would drop the instrument.

Source: `trio.abc.Instrument.before_io_wait`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

log = logging.getLogger(__name__)


class Turns(trio.abc.Instrument):
    """Callbacks for the end of the turn that is under way."""

    def __init__(self) -> None:
        self._due: list[Callable[[], None]] = []
        self._token = trio.lowlevel.current_trio_token()

    def at_end(self, callback: Callable[[], None]) -> None:
        """Calls this at the end of the turn. It can't wait, and wakes tasks by `wake`."""
        self._due.append(callback)

    def wake(self, callback: Callable[[], object]) -> None:
        """Calls this in the next turn, which begins at once: for a callback that has a task to wake."""
        self._token.run_sync_soon(callback)

    def before_io_wait(self, timeout: float) -> None:
        """trio calls this."""
        if self._due:
            due, self._due = self._due, []
            for callback in due:
                try:
                    callback()
                except Exception:
                    log.exception("what was to be done at the end of a turn failed")


_TURNS: trio.lowlevel.RunVar[Turns] = trio.lowlevel.RunVar("turns")


def turns_of_this_run() -> Turns:
    """The one of this trio run."""
    try:
        return _TURNS.get()
    except LookupError:
        turns = Turns()
        trio.lowlevel.add_instrument(turns)
        _TURNS.set(turns)
        return turns
