"""The command line of the off-chain programs: `python -m offchain worker|gateway`.

Logs go to stderr. On stdout stands one line, printed when the worker serves. An error at start is one line and exit
code 1; SIGINT and SIGTERM end it cleanly with code 0.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from node.exit import fail
from offchain.ai.opening import usual_setting
from offchain.cache import user_cache
from offchain.dishonest_seats import Misbehaviour
from offchain.gateway.__main__ import gateway
from offchain.programs import bytes32, run_program, set_up_logs
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
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Answer requests to agents at this address, which goes on the chain for gateways to find; port 0 is a "
            "free one.",
            show_default="no requests",
        ),
    ] = None,
    ai: Annotated[
        str | None,
        typer.Option(
            help="The models that scripts find at https://api.openai.com: embedded, off, or the URL of a server that "
            "speaks OpenAI's API, whose key is in the environment's FATHOM_AI_KEY.",
            show_default="embedded, where they are installed",
        ),
    ] = None,
    allow_private_network: Annotated[
        bool,
        typer.Option(
            "--allow-private-network",
            help="Let scripts reach addresses that aren't the public internet's, such as this machine's.",
        ),
    ] = False,
    genesis: Annotated[
        str | None,
        typer.Option(
            metavar="HASH",
            help="The hash of the chain's first block, from which the worker has everything proven that it believes.",
            show_default="what the node says it is",
        ),
    ] = None,
    log: Annotated[str, typer.Option("-l", "--log", help="Log level: error, warning, info or debug.")] = "info",
    json_output: Annotated[bool, typer.Option("--json", help="Print the line on stdout as JSON, for scripts.")] = False,
) -> None:
    """Run an off-chain worker against any node."""
    set_up_logs(log)
    config = WorkerConfig(
        url,
        suri,
        stake,
        slots,
        base_path,
        cache_path or user_cache(),
        alone,
        gpu,
        misbehave,
        listen=_address(listen),
        ai=usual_setting() if ai is None else ai,
        allow_private_network=allow_private_network,
        genesis=bytes32(genesis, "--genesis", "block hash"),
    )
    run_program(partial(run_worker, config), partial(_announce, json_output=json_output), WorkerError)


app.command()(gateway)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command of `arguments`, the process's own if None, and exits."""
    app(arguments)


def _announce(running: RunningWorker, json_output: bool) -> None:
    key, operator = f"0x{running.worker_key.hex()}", ss58.encode(running.operator)
    if json_output:
        fields = {"worker": key, "operator": operator, "endpoint": running.endpoint or None, "pid": os.getpid()}
        print(json.dumps(fields), flush=True)
    else:
        at = f"  requests at {running.endpoint}" if running.endpoint else ""
        print(f"Ready  worker {key}  operator {operator}{at}", flush=True)


def _address(listen: str | None) -> tuple[str, int] | None:
    """Host and port of `--listen`."""
    if listen is None:
        return None
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        fail(f"--listen {listen!r} is not of the form HOST:PORT")
    if host in ("0.0.0.0", "::"):
        fail(f"--listen {listen!r}: name the one address that gateways reach, for it goes on the chain")
    return host, int(port)


if __name__ == "__main__":
    main()
