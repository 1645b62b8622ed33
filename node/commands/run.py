"""`fathom dev` and `fathom node`: from flags to a node that runs.

SIGINT and SIGTERM end it cleanly with code 0; an error at start is one line and exit code 1.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import AsyncIterable, Awaitable, Callable
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from node import logs
from node.commands import options as opt
from node.commands.passwords import read_password
from node.config import (
    KNOWN_EXPLORERS,
    MIB,
    InvalidPruning,
    InvalidSealing,
    NodeConfig,
    PoolConfig,
    PrometheusConfig,
    RpcConfig,
    RpcMethodSet,
    Sealing,
    parse_pruning,
    parse_sealing,
)
from node.exit import fail

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")

MAX_NAME = 64  # NODE_NAME_MAX_LENGTH
DEV_CORS = "Running in --dev mode, RPC CORS has been disabled."
EXPOSED = "It isn't safe to expose RPC publicly without a proxy server that filters available set of RPC methods."
FIRST_NAMES = (
    "abrupt",
    "amber",
    "brave",
    "calm",
    "deep",
    "eager",
    "gentle",
    "jolly",
    "keen",
    "misty",
    "noble",
    "quiet",
)
LAST_NAMES = (
    "anchor",
    "beacon",
    "cable",
    "current",
    "delta",
    "harbor",
    "keel",
    "lagoon",
    "plumb",
    "reef",
    "tide",
    "wave",
)


@app.command()
def dev(
    base_path: opt.BasePath = None,
    tmp: opt.Tmp = False,
    chain: opt.Chain = opt.DEV_SPEC,
    load_state: opt.LoadState = None,
    dump_state: opt.DumpState = None,
    state_pruning: opt.StatePruning = "archive",
    workers: Annotated[
        int,
        typer.Option(
            help="How many off-chain workers to start; the dev chain funds eight.",
            metavar="COUNT",
            callback=opt.within(0, 8),
        ),
    ] = 3,
    gateway_port: Annotated[
        int, typer.Option(help="Port of the gateway, where agents answer HTTP.", callback=opt.within(0, 65535))
    ] = 8000,
    no_gateway: Annotated[bool, typer.Option("--no-gateway", help="Start no gateway.")] = False,
    no_agents: Annotated[
        bool, typer.Option("--no-agents", help="Deploy none of the agents that come with Fathom.")
    ] = False,
    allow_private_network: Annotated[
        bool,
        typer.Option(
            "--allow-private-network",
            help="Let agents reach this machine and private networks, as a second chain of development.",
        ),
    ] = False,
    json_output: opt.Json = False,
    sealing: opt.Sealing = "instant",
    finalize_delay: opt.FinalizeDelay = None,
    rpc_port: opt.RpcPort = 9944,
    unsafe_rpc_external: opt.UnsafeRpcExternal = False,
    rpc_methods: opt.RpcMethods = "auto",
    rpc_cors: opt.RpcCors = None,
    verifiers: opt.Verifiers = None,
    prometheus_port: opt.PrometheusPort = 9615,
    prometheus_external: opt.PrometheusExternal = False,
    no_prometheus: opt.NoPrometheus = False,
    log: opt.Log = None,
    detailed_log_output: opt.DetailedLogs = False,
    disable_log_color: opt.NoLogColor = False,
    json_logs: opt.JsonLogs = False,
) -> None:
    """Run the dev chain with its workers, and print what you need to use it.

    Everything is in memory or a temporary directory unless you name a --base-path. A block is sealed as soon as a
    transaction comes; //Alice … //Ferdie have funds, and //Alice is sudo.

    [bold]Examples[/bold]

    fathom dev

    fathom dev --base-path ./mychain --sealing 3000 --workers 1
    """
    levels = ["aura=warn", *(log or ())]  # what comes of building a block says enough
    config = NodeConfig(
        chain=chain,
        base_path=_base_path(base_path, tmp),
        rpc_port=rpc_port,
        rpc_external=unsafe_rpc_external,
        sealing=sealing_of(sealing),
        finalize_delay=finalize_delay,
        state_pruning=_pruning(state_pruning),
        load_state=load_state,
        dump_state=dump_state,
        name="Alice",
        rpc=RpcConfig(methods=_methods(rpc_methods), cors=_cors(rpc_cors, KNOWN_EXPLORERS)),
        pool=PoolConfig(ban_seconds=0),
        verifiers=_verifiers(verifiers),
        prometheus=None if no_prometheus else PrometheusConfig(prometheus_port, prometheus_external),
    )
    set_up_logs(levels, detailed_log_output, disable_log_color, json_logs)
    from node.dev import run_dev

    port = None if no_gateway else gateway_port
    asked = {"agents": not no_agents, "allow_private": allow_private_network}
    run(lambda: run_dev(config, workers, port, json_output, **asked))


@app.command()
def node(
    dev: Annotated[
        bool,
        typer.Option("--dev", help="The dev chain: implies --alice, --rpc-cors all, and --tmp without --base-path."),
    ] = False,
    tmp: opt.Tmp = False,
    base_path: opt.BasePath = None,
    chain: opt.Chain = opt.DEV_SPEC,
    state_pruning: opt.StatePruning = "archive",
    load_state: opt.LoadState = None,
    dump_state: opt.DumpState = None,
    validator: Annotated[
        bool,
        typer.Option(
            "--validator",
            help="Author blocks and vote, with the aura and gran keys in the keystore.",
            rich_help_panel=opt.KEYS,
        ),
    ] = False,
    alice: opt.Alice = False,
    bob: opt.Bob = False,
    charlie: opt.Charlie = False,
    dave: opt.Dave = False,
    eve: opt.Eve = False,
    ferdie: opt.Ferdie = False,
    keystore_path: opt.KeystorePath = None,
    password: opt.Password = None,
    password_interactive: opt.PasswordInteractive = False,
    password_filename: opt.PasswordFilename = None,
    name: Annotated[str | None, typer.Option(help="What this node is called.", show_default="a random name")] = None,
    sealing: opt.Sealing = "instant",
    finalize_delay: opt.FinalizeDelay = None,
    rpc_port: opt.RpcPort = 9944,
    rpc_external: opt.RpcExternal = False,
    unsafe_rpc_external: opt.UnsafeRpcExternal = False,
    rpc_methods: opt.RpcMethods = "auto",
    rpc_cors: opt.RpcCors = None,
    rpc_max_connections: opt.RpcMaxConnections = 100,
    rpc_max_request_size: opt.RpcMaxRequestSize = 15,
    rpc_max_response_size: opt.RpcMaxResponseSize = 15,
    rpc_max_subscriptions: opt.RpcMaxSubscriptions = 1024,
    rpc_message_buffer: opt.RpcMessageBuffer = 64,
    rpc_disable_batches: opt.RpcDisableBatches = False,
    rpc_max_batch: opt.RpcMaxBatch = None,
    rpc_rate_limit: opt.RpcRateLimit = None,
    pool_limit: opt.PoolLimit = 8192,
    pool_kbytes: opt.PoolKbytes = 20_480,
    tx_ban_seconds: opt.TxBanSeconds = None,
    verifiers: opt.Verifiers = None,
    prometheus_port: opt.PrometheusPort = 9615,
    prometheus_external: opt.PrometheusExternal = False,
    no_prometheus: opt.NoPrometheus = False,
    log: opt.Log = None,
    detailed_log_output: opt.DetailedLogs = False,
    disable_log_color: opt.NoLogColor = False,
    json_logs: opt.JsonLogs = False,
) -> None:
    """Run a node alone, with Substrate's flags.

    It answers JSON-RPC on this machine. With --dev, --alice … --ferdie or --validator it authors blocks too, if it has
    keys of the chain's authorities.

    [bold]Examples[/bold]

    fathom node --dev

    fathom node -d ./mychain --validator --rpc-methods safe
    """
    keyring = _keyring(Alice=alice, Bob=bob, Charlie=charlie, Dave=dave, Eve=eve, Ferdie=ferdie)
    if not (dev or tmp or base_path):
        fail("name a --base-path, or use --dev or --tmp to keep nothing")
    methods = _methods(rpc_methods)
    if rpc_external and validator and methods != "unsafe":
        fail(
            "--rpc-external option shouldn't be used if the node is running as a validator. Use `--unsafe-rpc-external`"
            " or `--rpc-methods=unsafe` if you understand the risks."
        )
    if rpc_disable_batches and rpc_max_batch is not None:
        fail("--rpc-disable-batch-requests and --rpc-max-batch-request-len exclude each other")
    external = rpc_external or unsafe_rpc_external
    authority = f"//{keyring or 'Alice'}" if keyring or dev else None
    config = NodeConfig(
        chain=chain,
        base_path=_base_path(base_path, tmp),
        rpc_port=rpc_port,
        rpc_external=external,
        sealing=sealing_of(sealing),
        finalize_delay=finalize_delay,
        author=validator or authority is not None,
        authority=authority,
        keystore_path=keystore_path,
        keystore_password=read_password(password, password_interactive, password_filename, "Keystore password: "),
        name=_node_name(name or keyring),
        state_pruning=_pruning(state_pruning),
        load_state=load_state,
        dump_state=dump_state,
        rpc=RpcConfig(
            methods=methods,
            cors=_cors(rpc_cors, "all" if dev else KNOWN_EXPLORERS),
            max_connections=rpc_max_connections,
            max_request_bytes=rpc_max_request_size * MIB,
            max_response_bytes=rpc_max_response_size * MIB,
            max_subscriptions=rpc_max_subscriptions,
            max_batch=0 if rpc_disable_batches else rpc_max_batch or RpcConfig.max_batch,
            rate_limit=rpc_rate_limit,
            message_buffer=rpc_message_buffer,
        ),
        pool=PoolConfig(
            max_count=pool_limit,
            max_bytes=pool_kbytes * 1024,
            ban_seconds=tx_ban_seconds if tx_ban_seconds is not None else 0 if dev else PoolConfig.ban_seconds,
        ),
        verifiers=_verifiers(verifiers),
        prometheus=None if no_prometheus else PrometheusConfig(prometheus_port, prometheus_external),
    )
    warnings = [DEV_CORS] if dev and rpc_cors is None else []
    warnings += [EXPOSED] if external and methods == "unsafe" else []
    set_up_logs(log, detailed_log_output, disable_log_color, json_logs)
    from node.dev import run_alone

    run(lambda: run_alone(config, warnings))


# From flags to values


def _base_path(base_path: Path | None, tmp: bool) -> Path | None:
    if tmp and base_path is not None:
        fail("--tmp and --base-path exclude each other")
    return base_path


def _keyring(**flags: bool) -> str | None:
    """The account of development that a flag names."""
    named = [name for name, is_given in flags.items() if is_given]
    if len(named) > 1:
        fail(f"--{named[0].lower()} and --{named[1].lower()} exclude each other")
    return named[0] if named else None


def _node_name(given: str | None) -> str:
    """Substrate's rules for a name, and a name where none is given."""
    if given is None:
        return f"{secrets.choice(FIRST_NAMES)}-{secrets.choice(LAST_NAMES)}-{secrets.randbelow(10_000):04}"
    reason = None
    if not given:
        reason = "Node name cannot be empty"
    elif len(given) >= MAX_NAME:
        reason = "Node name too long"
    elif any(char in "\\.@" for char in given) or not given.isprintable():
        reason = "Node name should not contain invalid chars such as '.' and '@'"
    elif given.startswith(("http:", "https:")):
        reason = "Node name should not contain urls"
    if reason is not None:
        fail(f"Invalid node name {given!r}. Reason: {reason}. If unsure, use none.")
    return given


def sealing_of(text: str) -> Sealing:
    """The mode that a flag names; ends the program where it names none."""
    try:
        return parse_sealing(text)
    except InvalidSealing as error:
        fail(str(error))


def _pruning(text: str) -> int | None:
    try:
        return parse_pruning(text)
    except InvalidPruning as error:
        fail(str(error))


def _methods(text: str) -> RpcMethodSet:
    if text.lower() not in get_args(RpcMethodSet):
        fail(f"--rpc-methods takes auto, safe or unsafe, not {text!r}")
    return cast(RpcMethodSet, text.lower())


def _cors(text: str | None, default: tuple[str, ...] | opt.All) -> tuple[str, ...] | opt.All:
    if text is None:
        return default
    if text == "all":
        return "all"
    origins = tuple(part.strip() for part in text.split(","))
    for origin in origins:
        if origin != "null" and "://" not in origin:
            fail(f"--rpc-cors takes all, or origins such as https://example.org, not {origin!r}")
    return origins


def _verifiers(given: int | None) -> int:
    """By default one, where this process may use more than one processor."""
    if given is not None:
        return given
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(processors > 1)


def set_up_logs(levels: list[str] | None, detailed: bool, no_color: bool, as_json: bool) -> None:
    """Sets up what the flags say about logs; ends the program where they are wrong."""
    try:
        logs.set_up(levels or (), detailed=detailed, color=not no_color, as_json=as_json)
    except logs.InvalidLogLevel as error:
        fail(str(error))


# Running


def run(start: Callable[[], Awaitable[None]]) -> None:
    """Runs until SIGINT or SIGTERM, then ends cleanly; a start error becomes one line."""
    import trio

    from node.allocator import bound_unused_memory
    from node.service import StartError

    async def watch(signals: AsyncIterable[int], running: trio.CancelScope) -> None:
        async for _ in signals:  # who presses Ctrl-C twice gets a clean end, too
            running.cancel()

    async def until_signal() -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:
                with trio.CancelScope() as running:
                    nursery.start_soon(watch, signals, running)
                    await start()
                nursery.cancel_scope.cancel()

    bound_unused_memory()
    refusal: BaseException | None = None
    try:
        trio.run(until_signal)
    except* StartError as group:
        refusal = _first(group)  # Python 3.11.2 makes a group of what is raised in here
    if refusal is not None:
        fail(str(refusal))


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
