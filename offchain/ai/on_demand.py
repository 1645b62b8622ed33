"""One service of models for all workers of a development chain, started when the first of them asks.

Overview
    The socket listens at once, so the URL is known and a caller may connect; the process that answers is started by
    the first connection, and again if it ends. A chain on which nobody asks a model pays nothing for it.

Usage
    async with service_on_demand() as setting:
        ...  # fathom worker --ai SETTING

Where the models aren't installed, that is said once, and the setting is `off`.
"""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from subprocess import DEVNULL, PIPE

import trio

from offchain.ai.opening import OFF, usual_setting

_PAUSE_SECONDS = 2.0  # between the end of a process and the start of the next

log = logging.getLogger("offchain.ai")


@asynccontextmanager
async def service_on_demand() -> AsyncIterator[str]:
    """What `open_provider` takes: a base URL that answers as long as the context lasts, or `off`."""
    if usual_setting() == OFF:
        yield OFF
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep, listener)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
            nursery.cancel_scope.cancel()


async def _keep(listener: socket.socket) -> None:
    descriptor = listener.fileno()
    command = [sys.executable, "-m", "offchain.ai", "--fd", str(descriptor)]
    while True:
        await trio.lowlevel.wait_readable(listener)
        process = await trio.lowlevel.open_process(
            command, stdin=PIPE, stdout=DEVNULL, pass_fds=[descriptor], start_new_session=True
        )
        try:
            await process.wait()
            log.warning("the service of models has ended with code %s", process.returncode)
            await trio.sleep(_PAUSE_SECONDS)
        finally:
            if process.returncode is None:
                process.terminate()
                with trio.CancelScope(shield=True), trio.move_on_after(3):
                    await process.wait()
                if process.returncode is None:
                    process.kill()
