"""`fathom bench …`: the commands, and how figures are printed.

One JSON object on stdout with `--json`, a table without it; progress on stderr; an error is one line and exit code 1.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from node.bench.errors import BenchError
from node.exit import fail

app = typer.Typer(
    name="fathom bench",
    help="Measure a node on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, for scripts.")]
Runs = Annotated[int, typer.Option(help="Repetitions; figures are their medians.", min=1)]
Accounts = Annotated[int, typer.Option(help="Funded accounts on the chain.", min=2, max=1_000_000)]
Keep = Annotated[
    Path | None, typer.Option(help="Directory where prepared chains are kept and found again; else a temporary one.")
]


@app.command()
def start(
    runs: Runs = 5,
    workers: Annotated[int, typer.Option(help="Workers of `fathom dev`.", min=0, max=8)] = 3,
    blocks: Annotated[int, typer.Option(help="Empty blocks in each of five rounds.", min=1)] = 100,
    json_output: Json = False,
) -> None:
    """How soon a node answers, what it weighs, and what an empty block costs it."""
    from node.bench import start as bench

    _print("start", lambda: bench.measure(runs, workers, blocks, _progress), json_output)


@app.command()
def state(
    accounts: Accounts = 10_000,
    count: Annotated[int, typer.Option(help="Transfers whose bytes on disk are counted.", min=1)] = 5000,
    back: Annotated[int, typer.Option(help="How many blocks back the past state is.", min=1)] = 10_000,
    reads: Annotated[int, typer.Option(help="Reads of each kind.", min=1)] = 2000,
    keep: Keep = None,
    json_output: Json = False,
) -> None:
    """Reading the state of the best block and of one far back, proving it, and what it takes on disk."""
    from node.bench import state as bench

    _print("state", lambda: bench.measure(accounts, count, back, reads, keep, _progress), json_output)


@app.command()
def transfers(
    accounts: Accounts = 100_000,
    count: Annotated[int, typer.Option(help="Transfers to send.", min=1)] = 5000,
    runs: Runs = 3,
    connections: Annotated[int, typer.Option(help="WebSockets to send them over.", min=1, max=32)] = 4,
    functions: Annotated[int, typer.Option(help="Name so many of the dearest functions, too.", min=0)] = 0,
    keep: Keep = None,
    json_output: Json = False,
) -> None:
    """Signed transfers, from the wire until they are in sealed, persisted blocks."""
    from node.bench import transfers as bench

    _print(
        "transfers", lambda: bench.measure(accounts, count, runs, connections, functions, keep, _progress), json_output
    )


@app.command()
def rpc(
    accounts: Accounts = 10_000,
    connections: Annotated[int, typer.Option(help="WebSockets that ask at the same time.", min=1, max=90)] = 50,
    seconds: Annotated[float, typer.Option(help="How long each load lasts.", min=0.1)] = 3.0,
    transfers: Annotated[int, typer.Option(help="Transfers in a block built meanwhile.", min=1, max=8000)] = 2000,
    runs: Runs = 3,
    keep: Keep = None,
    json_output: Json = False,
) -> None:
    """Reads of the state over JSON-RPC: how many, how soon, and how soon while blocks are built."""
    from node.bench import rpc as bench

    _print("rpc", lambda: bench.measure(accounts, connections, seconds, transfers, runs, keep, _progress), json_output)


@app.command()
def workers(
    count: Annotated[int, typer.Option(help="Attested workers on the chain.", min=1, max=100_000)] = 36_000,
    jobs: Annotated[int, typer.Option(help="Jobs submitted, drawn and committed in each block.", min=1, max=200)] = 100,
    blocks: Annotated[int, typer.Option(help="Measured blocks.", min=1)] = 30,
    seconds: Annotated[float, typer.Option(help="Time from block to block, with 20 heartbeats a second.", min=0.1)] = 2,
    keep: Keep = None,
    json_output: Json = False,
) -> None:
    """What so many attested workers cost a block, against 360 that do the same."""
    from node.bench import workers as bench

    _print("workers", lambda: bench.measure(count, jobs, blocks, seconds, keep, _progress), json_output)


@app.command()
def agents(
    connections: Annotated[int, typer.Option(help="Callers, each with one request under way.", min=1, max=200)] = 8,
    seconds: Annotated[float, typer.Option(help="How long they call in a run.", min=0.1)] = 5.0,
    runs: Runs = 3,
    json_output: Json = False,
) -> None:
    """Requests to a hello-world agent through the gateway, with signed receipts, and the sandbox alone."""
    from node.bench import agents as bench

    _print("agents", lambda: bench.measure(connections, seconds, runs, _progress), json_output)


@app.command()
def jobs(
    count: Annotated[int, typer.Option(help="Jobs whose settling is measured.", min=4, max=100_000)] = 3000,
    under_way: Annotated[int, typer.Option(help="Jobs submitted and not settled at a time.", min=1, max=1000)] = 90,
    workers: Annotated[int, typer.Option(help="Workers of `fathom dev`.", min=1, max=8)] = 3,
    json_output: Json = False,
) -> None:
    """Jobs on the chain, from submission over run and commit until they are settled."""
    from node.bench import jobs as bench

    _print("jobs", lambda: bench.measure(count, under_way, workers, _progress), json_output)


@app.command()
def curves(
    traders: Annotated[int, typer.Option(help="Who trades on each curve, with a key each.", min=2, max=2000)] = 200,
    runs: Runs = 7,
    json_output: Json = False,
) -> None:
    """What trades on every kind of curve cost to execute, in sr25519 verifications."""
    from node.bench import curves as bench

    _print("curves", lambda: bench.measure(traders, runs, _progress), json_output)


@app.command()
def fork(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC", help="Raw spec of another chain, such as Kusama's Asset Hub.")
    ],
    count: Annotated[int, typer.Option(help="Transfers of a block.", min=1, max=5000)] = 1000,
    runs: Runs = 3,
    json_output: Json = False,
) -> None:
    """What another chain's own runtime costs: a transfer, an empty block, a full one, the start."""
    from node.bench import fork as bench

    _print("fork", lambda: bench.measure(spec, count, runs, _progress), json_output)


def _print(name: str, measure: Callable[[], dict[str, Any]], json_output: bool) -> None:
    try:
        if not sys.platform.startswith("linux"):
            raise BenchError("benches need Linux: they read /proc, and hold processes on cores")
        figures = {"bench": name, **measure()}
    except BenchError as error:
        fail(str(error))
    if json_output:
        print(json.dumps(figures))
    else:
        show(figures)


def show(figures: dict[str, Any]) -> None:
    """Prints figures as a table; those of an inner object under its name."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"bench {figures['bench']}", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for key, value in _rows(figures):
        table.add_row(key, value)
    Console().print(table)


def _rows(figures: dict[str, Any]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in figures.items():
        if isinstance(value, dict):
            rows += [(f"{key} · {inner}", _text(each)) for inner, each in value.items()]
        elif key != "bench":
            rows.append((key, _text(value)))
    return rows


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return " … ".join(map(_text, value))
    return f"{value:,}"


def _progress(text: str) -> None:
    print(f"{text} …", file=sys.stderr, flush=True)
