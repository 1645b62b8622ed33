"""The options that commands share, with Substrate's names and defaults.

Each name here is the type of a parameter; where `--help` shows it is part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from node.dev_spec import DEV_SPEC as DEV_SPEC

RPC, POOL, KEYS, STORAGE, BLOCKS, LOGS, METRICS = (
    "JSON-RPC",
    "Transaction pool",
    "Keys",
    "Storage",
    "Blocks",
    "Logs",
    "Metrics",
)


def _named_chain(chain: Path) -> Path:
    """`--chain dev` is the dev chain, unless a file is called so."""
    return DEV_SPEC if str(chain) == "dev" and not chain.exists() else chain


def within(least: int, most: int | None = None) -> Callable[[float | None], float | None]:
    """Refuses a number outside of bounds. Where an option has them itself, they crowd its name out of `--help`."""

    def checked(value: float | None) -> float | None:
        if value is not None and (value < least or (most is not None and value > most)):
            bounds = f"at least {least}" if most is None else f"{least} to {most}"
            raise typer.BadParameter(f"{value} is not in the range of {bounds}.")
        return value

    return checked


Chain = Annotated[
    Path,
    typer.Option(
        help="Chain spec file, plain or raw; `dev` is the dev chain.",
        metavar="CHAIN_SPEC",
        show_default="dev",
        callback=_named_chain,
        rich_help_panel=STORAGE,
    ),
]
BasePath = Annotated[
    Path | None,
    typer.Option(
        "--base-path",
        "-d",
        help="Where the chain is kept; without it a temporary directory.",
        metavar="PATH",
        rich_help_panel=STORAGE,
    ),
]
Tmp = Annotated[bool, typer.Option("--tmp", help="Keep nothing: a temporary directory.", rich_help_panel=STORAGE)]
StatePruning = Annotated[
    str,
    typer.Option(
        "--state-pruning",
        "--pruning",
        help="Of how many final blocks the states are kept: a number, archive, or archive-canonical.",
        metavar="MODE",
        rich_help_panel=STORAGE,
    ),
]
LoadState = Annotated[
    Path | None,
    typer.Option(
        help="Start from a dumped state, blocks and snapshots included. It need not exist if it is dumped to as well.",
        metavar="FILE",
        rich_help_panel=STORAGE,
    ),
]
DumpState = Annotated[
    Path | None,
    typer.Option(help="Dump the state to this file at the end.", metavar="FILE", rich_help_panel=STORAGE),
]

Sealing = Annotated[
    str,
    typer.Option(
        help="When blocks are sealed: instant, manual, or every so many milliseconds.",
        metavar="MODE",
        rich_help_panel=BLOCKS,
    ),
]
FinalizeDelay = Annotated[
    float | None,
    typer.Option(
        "--finalize-delay-sec",
        help="Seconds from a block's seal until it is final.",
        metavar="SECONDS",
        callback=within(0, 86_400),
        show_default="two slots",
        rich_help_panel=BLOCKS,
    ),
]

RpcPort = Annotated[
    int,
    typer.Option(
        help="Port of JSON-RPC, WebSocket and HTTP; 0 picks a free one.",
        metavar="PORT",
        callback=within(0, 65535),
        rich_help_panel=RPC,
    ),
]
RpcExternal = Annotated[
    bool,
    typer.Option(
        "--rpc-external",
        help="Listen on all interfaces, where unsafe methods are not served. Not together with --validator.",
        rich_help_panel=RPC,
    ),
]
UnsafeRpcExternal = Annotated[
    bool,
    typer.Option(
        "--unsafe-rpc-external",
        help="As --rpc-external, together with --validator too. Anybody can then send transactions.",
        rich_help_panel=RPC,
    ),
]
RpcMethods = Annotated[
    str,
    typer.Option(
        help="Which methods are served: safe, unsafe (all), or auto, which is all unless others than this machine "
        "can ask.",
        metavar="METHOD SET",
        rich_help_panel=RPC,
    ),
]
RpcCors = Annotated[
    str | None,
    typer.Option(
        help="Origins of web pages that may ask, with commas between them, or all. Those of this machine always may.",
        metavar="ORIGINS",
        show_default="known explorers; all with `node --dev`",
        rich_help_panel=RPC,
    ),
]
RpcMaxConnections = Annotated[
    int, typer.Option(help="Connections at once.", callback=within(1), metavar="COUNT", rich_help_panel=RPC)
]
RpcMaxRequestSize = Annotated[
    int,
    typer.Option(
        help="The largest request, in megabytes.", metavar="MB", callback=within(1, 1024), rich_help_panel=RPC
    ),
]
RpcMaxResponseSize = Annotated[
    int,
    typer.Option(
        help="The largest response, in megabytes.", metavar="MB", callback=within(1, 1024), rich_help_panel=RPC
    ),
]
RpcMaxSubscriptions = Annotated[
    int,
    typer.Option(
        "--rpc-max-subscriptions-per-connection",
        help="Subscriptions of one connection.",
        metavar="COUNT",
        callback=within(0),
        rich_help_panel=RPC,
    ),
]
RpcMessageBuffer = Annotated[
    int,
    typer.Option(
        "--rpc-message-buffer-capacity-per-connection",
        help="Notifications that wait for a slow reader before it loses its subscription.",
        metavar="COUNT",
        callback=within(1, 65_536),
        rich_help_panel=RPC,
    ),
]
RpcDisableBatches = Annotated[
    bool, typer.Option("--rpc-disable-batch-requests", help="Refuse batches of requests.", rich_help_panel=RPC)
]
RpcMaxBatch = Annotated[
    int | None,
    typer.Option(
        "--rpc-max-batch-request-len",
        help="Requests of one batch.",
        callback=within(1, 65_536),
        metavar="LEN",
        show_default="1024",
        rich_help_panel=RPC,
    ),
]
RpcRateLimit = Annotated[
    int | None,
    typer.Option(
        help="Calls a minute that one connection may make.",
        metavar="COUNT",
        callback=within(1),
        show_default="no limit",
        rich_help_panel=RPC,
    ),
]

PoolLimit = Annotated[
    int,
    typer.Option(
        help="Transactions that may be ready at once.", callback=within(10), metavar="COUNT", rich_help_panel=POOL
    ),
]
PoolKbytes = Annotated[
    int,
    typer.Option(help="Kilobytes of them all together.", callback=within(10), metavar="COUNT", rich_help_panel=POOL),
]
TxBanSeconds = Annotated[
    int | None,
    typer.Option(
        help="For how long a transaction that turned out invalid is refused.",
        callback=within(0),
        metavar="SECONDS",
        show_default="1800; 0 with --dev",
        rich_help_panel=POOL,
    ),
]
Verifiers = Annotated[
    int | None,
    typer.Option(
        help="Processes that verify the signatures of submitted transactions; 0 verifies them in the node's own.",
        metavar="COUNT",
        callback=within(0, 16),
        show_default="1 where the node may use more than one processor, else 0",
        rich_help_panel=POOL,
    ),
]

PrometheusPort = Annotated[
    int,
    typer.Option(
        help="Port of the metrics; 0 picks a free one.",
        metavar="PORT",
        callback=within(0, 65535),
        rich_help_panel=METRICS,
    ),
]
PrometheusExternal = Annotated[
    bool,
    typer.Option("--prometheus-external", help="Serve the metrics on all interfaces.", rich_help_panel=METRICS),
]
NoPrometheus = Annotated[bool, typer.Option("--no-prometheus", help="Serve no metrics.", rich_help_panel=METRICS)]


def _of_development(name: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(
        f"--{name.lower()}", help=f"`--name {name} --validator` with the keys of //{name}.", rich_help_panel=KEYS
    )
    return info


Alice = Annotated[bool, _of_development("Alice")]
Bob = Annotated[bool, _of_development("Bob")]
Charlie = Annotated[bool, _of_development("Charlie")]
Dave = Annotated[bool, _of_development("Dave")]
Eve = Annotated[bool, _of_development("Eve")]
Ferdie = Annotated[bool, _of_development("Ferdie")]
KeystorePath = Annotated[
    Path | None,
    typer.Option(
        help="Where the keystore is.",
        metavar="PATH",
        show_default="BASE_PATH/chains/CHAIN_ID/keystore",
        rich_help_panel=KEYS,
    ),
]
Password = Annotated[
    str | None,
    typer.Option(
        help="Password of the secret phrase, or of the keystore. Others may see it in the list of processes.",
        metavar="PASSWORD",
        rich_help_panel=KEYS,
    ),
]
PasswordInteractive = Annotated[
    bool, typer.Option("--password-interactive", help="Ask for the password.", rich_help_panel=KEYS)
]
PasswordFilename = Annotated[
    Path | None,
    typer.Option(
        help="File that holds the password; a line break at its end is none of it.",
        metavar="PATH",
        rich_help_panel=KEYS,
    ),
]

Log = Annotated[
    list[str] | None,
    typer.Option(
        "-l",
        "--log",
        help="Levels: error, warn, info, debug, trace or off, of everything or of one target, with commas between: "
        "`-l warn,txpool=debug`.",
        metavar="TARGET=LEVEL",
        rich_help_panel=LOGS,
    ),
]
DetailedLogs = Annotated[
    bool,
    typer.Option("--detailed-log-output", help="Milliseconds, level and target with each line.", rich_help_panel=LOGS),
]
NoLogColor = Annotated[
    bool, typer.Option("--disable-log-color", help="No colours, on a terminal either.", rich_help_panel=LOGS)
]
JsonLogs = Annotated[
    bool,
    typer.Option(
        "--json-logs",
        help="One JSON object a line: timestamp, level, target, message and fields.",
        rich_help_panel=LOGS,
    ),
]

All = Literal["all"]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, for scripts.")]
