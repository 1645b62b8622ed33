"""`fathom fork`: go on with somebody else's chain here, by its own runtime."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.commands import options as opt
from node.commands.chopsticks import ForkFile, InvalidConfig, read_fork_file
from node.commands.run import run, sealing_of, set_up_logs
from node.config import KNOWN_EXPLORERS, ForkConfig, InvalidPruning, NodeConfig, PoolConfig, RpcConfig, parse_pruning
from node.exit import fail

if TYPE_CHECKING:
    from node.service import ForkSource

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")
FINALITY_SECONDS = 0.5
"""Clients that look at a block when they hear of it still find it the last one."""
URL = re.compile(r"wss?://")


@app.command()
def fork(
    target: Annotated[
        str | None,
        typer.Argument(
            help="A URL (ws, wss), a network of `fathom connect --list`, or a full raw chain spec.",
            metavar="[URL|SPEC]",
            show_default=False,
        ),
    ] = None,
    block: Annotated[
        str | None, typer.Option(help="Number or hash of the block to go on from.", show_default="the last final one")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Chopsticks' YAML, as it is; options count for more.", metavar="FILE")
    ] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(help="Ask this one of the chain's endpoints; more than once, in order.")
    ] = None,
    wasm_override: Annotated[
        Path | None,
        typer.Option(help="A runtime in place of the chain's: the first block sets it.", metavar="FILE"),
    ] = None,
    mock_signatures: Annotated[
        bool, typer.Option("--mock-signatures", help="Let 0xdeadbeefcdcd… count as anybody's signature.")
    ] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Keep nothing of what was fetched and compiled.")
    ] = False,
    base_path: opt.BasePath = None,
    state_pruning: opt.StatePruning = "archive",
    json_output: opt.Json = False,
    sealing: Annotated[
        str | None,
        typer.Option(
            help="When blocks are sealed: instant, manual, or every so many milliseconds.",
            metavar="MODE",
            show_default="instant",
        ),
    ] = None,
    finalize_delay: Annotated[
        float,
        typer.Option(
            "--finalize-delay-sec",
            help="Seconds from a block's seal until it is final.",
            metavar="SECONDS",
            callback=opt.within(0, 86_400),
        ),
    ] = FINALITY_SECONDS,
    rpc_port: Annotated[
        int | None,
        typer.Option(
            help="Port of JSON-RPC, WebSocket and HTTP; 0 picks a free one.",
            metavar="PORT",
            callback=opt.within(0, 65535),
            show_default="9944",
        ),
    ] = None,
    log: opt.Log = None,
    detailed_log_output: opt.DetailedLogs = False,
    disable_log_color: opt.NoLogColor = False,
    json_logs: opt.JsonLogs = False,
) -> None:
    """Go on with somebody else's chain here: its state, its runtime, and blocks of your own.

    State is fetched as it is needed, and proven; what is written stays here. Nothing is sent to the chain.

    [bold]Examples[/bold]

    fathom fork wss://kusama-rpc.polkadot.io --block 22000000

    fathom fork --config kusama.yml

    fathom fork asset-hub.raw.json --mock-signatures
    """
    file = _file(config)
    given = target or (str(file.spec) if file.spec is not None else None) or next(iter(file.endpoints), None)
    if given is None:
        fail("say which chain to fork: a URL, a network's name, or a raw chain spec; or --config FILE that does")
    endpoints = tuple(endpoint or (file.endpoints if target is None else ()))
    code, states = _caches(no_cache, file.cache)
    spec = Path(given)
    is_spec = not URL.match(given) and spec.exists()
    if is_spec and block is not None:
        fail("--block is for chains that are served elsewhere: a chain spec has its genesis alone")
    settings = NodeConfig(
        chain=spec,
        base_path=base_path,
        rpc_port=rpc_port if rpc_port is not None else 9944 if file.port is None else file.port,
        sealing=sealing_of(sealing) if sealing is not None else file.sealing or "instant",
        finalize_delay=finalize_delay,
        state_pruning=_pruning(state_pruning),
        name="fork",
        rpc=RpcConfig(cors=KNOWN_EXPLORERS),
        pool=PoolConfig(ban_seconds=0),
        fork=ForkConfig(
            code,
            mock_signatures=mock_signatures or file.mock_signatures,
            wasm_override=wasm_override or file.wasm_override,
            import_storage=file.import_storage,
            runtime_log_level=3 if file.runtime_log_level is None else file.runtime_log_level,
        ),
    )
    set_up_logs(log, detailed_log_output, disable_log_color, json_logs)
    warnings = [f"{config}: {key!r} means nothing here" for key in file.unknown]
    where = None if is_spec else (given, endpoints, block or file.block, states)
    run(lambda: _run_fork(settings, where, warnings, json_output))


async def _run_fork(
    config: NodeConfig,
    where: tuple[str, tuple[str, ...], str | None, Path | None] | None,
    warnings: list[str],
    json_output: bool,
) -> None:
    if where is None:
        await _serve(config, None, warnings, json_output)
        return
    from node.commands.forked_chain import forked_chain

    async with forked_chain(*where, warnings.append) as source:
        await _serve(config, source, warnings, json_output)


async def _serve(config: NodeConfig, source: ForkSource | None, warnings: list[str], json_output: bool) -> None:
    from functools import partial

    import trio

    from node.informant import greet, run_informant
    from node.service import Effects, RunningNode, run_node

    async with trio.open_nursery() as nursery:
        running: RunningNode = await nursery.start(partial(run_node, source=source), config, Effects.real())
        async with running.chain.imported.subscribe() as blocks:
            greet(running, warnings)
            urls = {"rpc": running.ws_url, "http": running.http_url, "pid": os.getpid()}
            if json_output:
                print(json.dumps({**urls, "block": running.chain.base.number}), flush=True)
            else:
                print(f"\nReady: {running.spec.name} goes on from block {running.chain.base.number:,}")
                print(f"  rpc       {running.ws_url}")
                print(f"  explorer  https://polkadot.js.org/apps/?rpc={running.ws_url}#/explorer\n", flush=True)
            await run_informant(running, blocks)


def _file(path: Path | None) -> ForkFile:
    if path is None:
        return ForkFile()
    try:
        return read_fork_file(path, os.environ.get)
    except InvalidConfig as error:
        fail(str(error))


def _caches(no_cache: bool, given: Path | None) -> tuple[Path | None, Path | None]:
    """Where compiled runtimes are kept, and what was fetched."""
    from offchain.cache import user_cache

    sandbox = None if no_cache else user_cache()
    base = None if sandbox is None else sandbox.parent.absolute()
    states = base / "states" if base is not None else None
    return (None if base is None else base / "foreign"), (states if given is None or no_cache else _beside(given))


def _beside(given: Path) -> Path:
    """Chopsticks' `db` is a file; ours is a directory beside it."""
    return given.with_name(given.name + ".fathom")


def _pruning(text: str) -> int | None:
    try:
        return parse_pruning(text)
    except InvalidPruning as error:
        fail(str(error))
