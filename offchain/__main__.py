"""The command line of the off-chain programs: `python -m offchain worker`.

Logs go to stderr. On stdout stands one line, printed when the worker serves. An error at start is one line and exit
code 1; SIGINT and SIGTERM end it cleanly with code 0.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import trio
import typer

from offchain.dishonest_seats import Misbehaviour
from offchain.worker import RunningWorker, WorkerConfig, WorkerError, run_worker
from pallets.primitives import ss58

app = typer.Typer(
    name="offchain",
    help="The off-chain programs of Fathom.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def programs() -> None:
    """The off-chain programs of Fathom."""


@app.command()
def worker(
    url: Annotated[str, typer.Option(help="WebSocket of a node.")],
    suri: Annotated[
        str,
        typer.Option(
            envvar="FATHOM_SURI",
            help="Secret URI of the operator's account, which stakes and is paid. In the environment it isn't seen by "
            "those who list processes.",
        ),
    ],
    stake: Annotated[
        int | None,
        typer.Option(help="What to stake, in the chain's smallest units.", min=0, show_default="the least allowed"),
    ] = None,
    slots: Annotated[int, typer.Option(help="How many jobs run at once.", min=1, max=64)] = 1,
    base_path: Annotated[
        Path | None, typer.Option(help="Where the worker's keys are kept; without it each start takes fresh ones.")
    ] = None,
    cache_path: Annotated[
        Path | None, typer.Option(help="Where the compiled sandbox is kept.", show_default="the user's cache directory")
    ] = None,
    alone: Annotated[
        bool,
        typer.Option(
            "--alone",
            help="No other worker of this operator serves: keys that an earlier one has lost leave the chain.",
        ),
    ] = False,
    gpu: Annotated[
        bool,
        typer.Option(
            "--gpu", help="Show a simulated GPU, for chains whose genesis takes such; it is marked simulated."
        ),
    ] = False,
    misbehave: Annotated[
        Misbehaviour | None,
        typer.Option(
            help="Break the rules in this way, to see what a development chain does about it; it costs stake."
        ),
    ] = None,
    log: Annotated[str, typer.Option("-l", "--log", help="Log level: error, warning, info or debug.")] = "info",
    json_output: Annotated[bool, typer.Option("--json", help="Print the line on stdout as JSON, for scripts.")] = False,
) -> None:
    """Run an off-chain worker against any node."""
    _logging(log)
    config = WorkerConfig(url, suri, stake, slots, base_path, cache_path or _user_cache(), alone, gpu, misbehave)
    refusal: str | None = None
    try:
        trio.run(_until_signal, config, json_output)
    except* WorkerError as group:
        refusal = _message(group)  # Python 3.11.2 makes a group of what is raised in here
    if refusal is not None:
        print(f"Error: {refusal}", file=sys.stderr)
        raise SystemExit(1)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command of `arguments`, the process's own if None, and exits."""
    app(arguments)


async def _until_signal(config: WorkerConfig, json_output: bool) -> None:
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        async with trio.open_nursery() as work:
            _announce(await work.start(run_worker, config), json_output)
        nursery.cancel_scope.cancel()


def _announce(running: RunningWorker, json_output: bool) -> None:
    key, operator = f"0x{running.worker_key.hex()}", ss58.encode(running.operator)
    if json_output:
        print(json.dumps({"worker": key, "operator": operator, "pid": os.getpid()}), flush=True)
    else:
        print(f"Ready  worker {key}  operator {operator}", flush=True)


def _user_cache() -> Path | None:
    """Where programs of this user keep what can be made again."""
    given, home = os.environ.get("XDG_CACHE_HOME"), os.environ.get("HOME")
    base = Path(given) if given else Path(home) / ".cache" if home else None
    return None if base is None else base / "fathom" / "sandbox"


def _logging(level: str) -> None:
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        print(f"Error: --log {level!r} is none of error, warning, info and debug", file=sys.stderr)
        raise SystemExit(1)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.basicConfig(level=number, handlers=[handler], force=True)


def _message(group: BaseExceptionGroup[BaseException]) -> str:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return str(found)


if __name__ == "__main__":
    main()
