"""Waiting for what no event tells."""

from __future__ import annotations

from collections.abc import Callable

import trio


async def until(condition: Callable[[], object]) -> None:
    """Returns once the condition holds; a test that waits in vain is ended by its runner's time limit."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(0.01)
