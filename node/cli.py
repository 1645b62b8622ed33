"""The command line: `fathom`.

What a command needs is imported when it runs, so that `--help` is quick. Logs go to stderr, results to stdout; an error
at start is one line and exit code 1; SIGINT and SIGTERM end a node cleanly with code 0.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(
    name="fathom",
    help="A Substrate-style blockchain node with attested off-chain workers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DEFAULT_CHAIN = Path(__file__).resolve().parent.parent / "chain_spec.json"

Chain = Annotated[Path, typer.Option(help="Chain spec file, plain or raw.", show_default="the dev chain")]
BasePath = Annotated[Path | None, typer.Option(help="Where the chain is kept; without it a temporary directory.")]
RpcPort = Annotated[
    int, typer.Option(help="Port of JSON-RPC, WebSocket and HTTP; 0 picks a free one.", min=0, max=65535)
]
Sealing = Annotated[str, typer.Option(help="When blocks are sealed: instant, manual, or every so many milliseconds.")]
Verifiers = Annotated[
    int | None,
    typer.Option(
        help="Processes that verify the signatures of submitted transactions; 0 verifies them in the node's own.",
        min=0,
        max=16,
        show_default="1 where the node may use more than one processor, else 0",
    ),
]
StatePruning = Annotated[
    str, typer.Option(help="Of how many final blocks the states are kept: a number, or archive for all.")
]
LoadState = Annotated[
    Path | None,
    typer.Option(
        help="Start from a dumped state, blocks and snapshots included. It need not exist if it is dumped to as well."
    ),
]
DumpState = Annotated[Path | None, typer.Option(help="Dump the state to this file at the end.")]
Level = Annotated[list[str] | None, typer.Option("-l", "--log", help="Log levels: level, or target=level.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, for scripts.")]


@app.command()
def dev(
    base_path: BasePath = None,
    tmp: Annotated[bool, typer.Option(help="Keep nothing (the default without --base-path).")] = False,
    chain: Chain = DEFAULT_CHAIN,
    rpc_port: RpcPort = 9944,
    gateway_port: Annotated[int, typer.Option(help="Port of the agent gateway, once there is one.")] = 8000,
    prometheus_port: Annotated[int, typer.Option(help="Port of the metrics, once there are some.")] = 9615,
    workers: Annotated[
        int, typer.Option(help="How many off-chain workers to start; the dev chain funds eight.", min=0, max=8)
    ] = 3,
    sealing: Sealing = "instant",
    verifiers: Verifiers = None,
    state_pruning: StatePruning = "archive",
    load_state: LoadState = None,
    dump_state: DumpState = None,
    log: Level = None,
    json_output: Json = False,
) -> None:
    """Run the dev chain with its workers, and print what you need to use it."""
    from node.dev import run_dev

    config = _config(
        chain, None if tmp else base_path, rpc_port, sealing, verifiers, state_pruning, load_state, dump_state
    )
    _logging(log)
    _run(lambda: run_dev(config, workers, json_output))


@app.command()
def node(
    dev: Annotated[
        bool, typer.Option("--dev", help="The dev chain: implies --alice, and --tmp without --base-path.")
    ] = False,
    tmp: Annotated[bool, typer.Option("--tmp", help="Keep nothing.")] = False,
    base_path: BasePath = None,
    chain: Chain = DEFAULT_CHAIN,
    alice: Annotated[bool, typer.Option("--alice", help="Author blocks with //Alice's keys.")] = False,
    rpc_port: RpcPort = 9944,
    unsafe_rpc_external: Annotated[
        bool,
        typer.Option("--unsafe-rpc-external", help="Listen on all interfaces. Anybody can then send transactions."),
    ] = False,
    sealing: Sealing = "instant",
    verifiers: Verifiers = None,
    state_pruning: StatePruning = "archive",
    load_state: LoadState = None,
    dump_state: DumpState = None,
    log: Level = None,
) -> None:
    """Run a node alone."""
    from node.dev import run_alone

    if not (dev or tmp or base_path):
        _fail("name a --base-path, or use --dev or --tmp to keep nothing")
    config = _config(
        chain,
        None if tmp else base_path,
        rpc_port,
        sealing,
        verifiers,
        state_pruning,
        load_state,
        dump_state,
        external=unsafe_rpc_external,
        author=dev or alice,
    )
    _logging(log)
    _run(lambda: run_alone(config))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def worker(context: typer.Context) -> None:
    """Run an off-chain worker against any node (`fathom worker --help`)."""
    from offchain.__main__ import main as offchain_main

    offchain_main(["worker", *context.args])


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def bench(context: typer.Context) -> None:
    """Measure a node on this machine (`fathom bench --help`)."""
    from node.bench.cli import app as bench_app

    bench_app(context.args, prog_name="fathom bench")


@app.command("build-spec")
def build_spec(
    chain: Chain = DEFAULT_CHAIN,
    raw: Annotated[bool, typer.Option("--raw", help="Genesis as raw storage, which any client reads.")] = False,
) -> None:
    """Print a chain spec."""
    from node.chain_spec import ChainSpec

    with _one_line_errors():
        spec = ChainSpec.load(chain)
        print(json.dumps(spec.raw_document() if raw else dict(spec.document), indent=2))


@app.command("chain-info")
def chain_info(chain: Chain = DEFAULT_CHAIN, json_output: Json = False) -> None:
    """Print a chain's genesis hash and state root."""
    from node.chain_spec import ChainSpec

    with _one_line_errors():
        spec = ChainSpec.load(chain)
        header = spec.genesis_header()
        info: dict[str, Any] = {
            "name": spec.name,
            "id": spec.id,
            "genesis_hash": f"0x{header.hash.hex()}",
            "state_root": f"0x{header.state_root.hex()}",
            "state_version": spec.state_version,
            "keys": len(spec.genesis),
        }
    if json_output:
        print(json.dumps(info))
    else:
        for key, value in info.items():
            print(f"{key.replace('_', ' '):>14}  {value}")


def _chain_command(name: str, text: str) -> None:
    """A command of `node.maintenance`, which is imported when it is wanted."""

    @app.command(
        name,
        help=text,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    )
    def run(context: typer.Context) -> None:
        from node.maintenance.cli import app as maintenance_app

        maintenance_app([name, *context.args], prog_name="fathom")


for _name, _text in (
    ("check-block", "Execute a block again, and compare what comes of it with its header."),
    ("export-blocks", "Write a chain's blocks to a file."),
    ("import-blocks", "Read blocks from a file, verify them, and add them to a chain."),
    ("export-state", "Print a raw chain spec whose genesis is the state of a block."),
    ("revert", "Take a chain's last blocks back, final ones too."),
    ("purge-chain", "Remove a chain's database."),
):
    _chain_command(_name, _text)


def main() -> None:
    """The console script."""
    app()


# How commands run


def _config(
    chain: Path,
    base_path: Path | None,
    rpc_port: int,
    sealing: str,
    verifiers: int | None,
    state_pruning: str,
    load_state: Path | None,
    dump_state: Path | None,
    *,
    external: bool = False,
    author: bool = True,
) -> Any:
    from node.config import InvalidPruning, InvalidSealing, NodeConfig, parse_pruning, parse_sealing

    try:
        mode = parse_sealing(sealing)
        keep_states = parse_pruning(state_pruning)
    except (InvalidSealing, InvalidPruning) as error:
        _fail(str(error))
    return NodeConfig(
        chain=chain,
        base_path=base_path,
        rpc_port=rpc_port,
        rpc_external=external,
        sealing=mode,
        author=author,
        state_pruning=keep_states,
        load_state=load_state,
        dump_state=dump_state,
        verifiers=int(_processors() > 1) if verifiers is None else verifiers,
    )


def _processors() -> int:
    """How many of the machine's processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(start: Callable[[], Awaitable[None]]) -> None:
    """Runs until SIGINT or SIGTERM, then ends cleanly; a start error becomes one line."""
    import trio

    from node.service import StartError

    async def until_signal() -> None:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for _ in signals:
                        nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            await start()
            nursery.cancel_scope.cancel()

    refusal: BaseException | None = None
    try:
        trio.run(until_signal)
    except* StartError as group:
        refusal = _first(group)  # Python 3.11.2 makes a group of what is raised in here
    if refusal is not None:
        _fail(str(refusal))


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


@contextmanager
def _one_line_errors() -> Iterator[None]:
    from node.chain_spec import InvalidChainSpec

    try:
        yield
    except InvalidChainSpec as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    print(f"Error: {message}", file=sys.stderr)
    raise SystemExit(1)


def _logging(levels: list[str] | None) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for each in (part for given in levels or () for part in given.split(",")):
        target, _, level = each.rpartition("=")
        number = logging.getLevelNamesMapping().get(level.upper().replace("TRACE", "DEBUG"))
        if number is None:
            _fail(f"-l {each}: {level!r} is none of error, warn, info, debug, trace")
        logging.getLogger(target.replace("::", ".") or None).setLevel(number)
