"""How the off-chain programs run: logs to stderr, one line on stdout once they serve, a clean end.

An error at start is one line and exit code 1; SIGINT and SIGTERM end a program with code 0.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from node.exit import fail


def run_program(
    program: Callable[..., Awaitable[None]], announce: Callable[[Any], None], mendable: type[Exception]
) -> None:
    """Runs `program`, which is started by trio, until a signal; `announce` is handed what it is started with.

    A `mendable` error is what a person can do something about: its text is printed, and the process exits.
    """
    refusal: str | None = None
    try:
        trio.run(_until_signal, program, announce)
    except* mendable as group:
        refusal = _message(group)  # Python 3.11.2 makes a group of what is raised in here
    if refusal is not None:
        fail(refusal)


def bytes32(text: str | None, option: str, meant: str) -> bytes | None:
    """The 32 bytes that an option names in hex, if it is given; exits where they are no such thing as is meant."""
    if text is None:
        return None
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 32:
        fail(f"{option} {text!r} is no {meant}: give 32 bytes in hex")
    return found


def set_up_logs(level: str) -> None:
    """Logs from this level on; exits where there is no such level."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        fail(f"--log {level!r} is none of error, warning, info and debug")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.basicConfig(level=number, handlers=[handler], force=True)
    # What no line shows isn't looked up for each: half of what a line costs (Python's logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


async def _until_signal(program: Callable[..., Awaitable[None]], announce: Callable[[Any], None]) -> None:
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        async with trio.open_nursery() as work:
            running = await work.start(program)
            _calm_collector()
            announce(running)
        nursery.cancel_scope.cancel()


def _calm_collector() -> None:
    """What is loaded by now stays, and what a request or a job leaves is hardly ever a cycle: look more seldom."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _message(group: BaseExceptionGroup[BaseException]) -> str:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return str(found)
