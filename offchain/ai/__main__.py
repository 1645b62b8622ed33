"""The command line of the service: `fathom ai`, or `python -m offchain.ai`.

On stdout stands one line, printed when the service answers; logs go to stderr. An error at start is one line and exit
code 1; SIGINT and SIGTERM end it cleanly with code 0.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from functools import partial
from typing import Annotated

import trio
import typer

from offchain.ai.provider import AiSettingError

app = typer.Typer(
    name="ai",
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("ai")
def ai(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 is a free one.", min=0, max=65535)] = 8321,
    fd: Annotated[
        int | None,
        typer.Option(
            help="A listening socket that is open already, instead of a port; until standard input ends.", min=3
        ),
    ] = None,
    early: Annotated[bool, typer.Option("--early", help="Load the models now, not when they are first asked.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print the line on stdout as JSON, for scripts.")] = False,
) -> None:
    """Serve the embedded models over OpenAI's HTTP API, for the workers of this machine.

    [bold]Example[/bold]

    fathom ai --port 8321
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    refusal: str | None = None
    try:
        trio.run(_until_end, port, fd, early, json_output)
    except* (AiSettingError, OSError) as group:
        refusal = _message(group)
    if refusal is not None:
        print(f"Error: {refusal}", file=sys.stderr)
        raise SystemExit(1)


async def _until_end(port: int, fd: int | None, early: bool, json_output: bool) -> None:
    from offchain.ai.embedded import open_embedded
    from offchain.ai.service import serve

    bind = f"127.0.0.1:{port}" if fd is None else f"fd://{fd}"
    async with open_embedded(early=early) as provider, trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            url = await nursery.start(partial(serve, provider, bind))
            print(json.dumps({"url": url, "pid": os.getpid()}) if json_output else f"Ready  {url}", flush=True)
            if fd is not None:
                nursery.start_soon(_until_parent_ends, nursery.cancel_scope)
            await anext(signals)
        nursery.cancel_scope.cancel()


async def _until_parent_ends(scope: trio.CancelScope) -> None:
    await trio.lowlevel.wait_readable(sys.stdin)
    scope.cancel()


def _message(group: BaseExceptionGroup[BaseException]) -> str:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return str(found)


if __name__ == "__main__":
    app()
