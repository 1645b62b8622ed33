"""What workers say in their logs, as something a test can wait for."""

from __future__ import annotations

import logging

import trio

PATIENCE = 60.0


class Lines(logging.Handler):
    """What the workers say."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.text = ""
        self._more = trio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage() + "\n"
        self._more.set()
        self._more = trio.Event()

    async def seen(self, text: str) -> None:
        """Waits for a line that has this in it."""
        with trio.fail_after(PATIENCE):
            while text not in self.text:
                await self._more.wait()
