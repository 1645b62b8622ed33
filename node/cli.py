"""The command line: `fathom`.

Each command is in a module of its own, which is imported when the command is wanted: `--help` is quick, and a node
loads nothing that it doesn't need. Logs go to stderr, results to stdout; an error is one line and exit code 1.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

RUNNING, AGENTS, CHAINS, OTHERS = "Run", "Agents", "Work on a chain", "Other chains"
KEYS, MEASURING = "Keys and signatures", "Measure"


class Lazy(NamedTuple):
    """Where a command is, and what is said of it in the list of all."""

    module: str
    text: str
    panel: str


COMMANDS = {
    "dev": Lazy("node.commands.run", "Run the dev chain with its workers, and print what you need to use it.", RUNNING),
    "node": Lazy("node.commands.run", "Run a node alone, with Substrate's flags.", RUNNING),
    "worker": Lazy("offchain.__main__", "Run an off-chain worker against any node.", RUNNING),
    "gateway": Lazy(
        "offchain.gateway.__main__", "Run a gateway: HTTP for those who call agents, against any node.", RUNNING
    ),
    "ai": Lazy("offchain.ai.__main__", "Serve the embedded models over OpenAI's HTTP API.", RUNNING),
    "agent": Lazy("offchain.authoring.cli", "Write agents: new, build, deploy, call, logs.", AGENTS),
    "channel": Lazy("offchain.authoring.channel_cli", "Pay for requests: open, top up, close; sign vouchers.", AGENTS),
    "contract": Lazy("offchain.contracts.cli", "Run ink! contracts as agents: deploy, call, query, events.", AGENTS),
    "curve": Lazy("offchain.trading.cli", "Trade agents' tokens: launch, buy, sell, draw.", AGENTS),
    "dao": Lazy("offchain.governance.cli", "Decide about agents: lock, propose, vote.", AGENTS),
    "devdo": Lazy("offchain.devdo_cli", "Help with code: explain, fix, test, generate.", AGENTS),
    "job": Lazy("offchain.replay.tree_cli", "Run jobs again, and compare; see what they called.", AGENTS),
    "receipt": Lazy("offchain.replay.tree_cli", "Run requests again from their receipts; verify trees.", AGENTS),
    "build-spec": Lazy("node.commands.spec", "Print a chain spec.", CHAINS),
    "export-chain-spec": Lazy("node.commands.spec", "Write a chain spec.", CHAINS),
    "chain-info": Lazy("node.commands.spec", "Print a chain's genesis hash and state root.", CHAINS),
    "check-block": Lazy(
        "node.maintenance.cli", "Execute a block again, and compare what comes of it with its header.", CHAINS
    ),
    "export-blocks": Lazy("node.maintenance.cli", "Write a chain's blocks to a file.", CHAINS),
    "import-blocks": Lazy(
        "node.maintenance.cli", "Read blocks from a file, verify them, and add them to a chain.", CHAINS
    ),
    "export-state": Lazy(
        "node.maintenance.cli", "Print a raw chain spec whose genesis is the state of a block.", CHAINS
    ),
    "revert": Lazy("node.maintenance.cli", "Take a chain's last blocks back, final ones too.", CHAINS),
    "purge-chain": Lazy("node.maintenance.cli", "Remove a chain's database.", CHAINS),
    "connect": Lazy("offchain.connect.cli", "Look at Kusama, Phala and others: blocks, storage, accounts.", OTHERS),
    "submit": Lazy("offchain.connect.submit.cli", "Submit a transaction to another chain, after a dry run.", OTHERS),
    "fork": Lazy("node.commands.fork", "Go on with another chain here, by its own runtime.", OTHERS),
    "replay": Lazy("node.replay.cli", "Execute a block of the past again, and compare what comes of it.", OTHERS),
    "mirror": Lazy("offchain.connect.mirror.cli", "Bring Phala's real workers to a dev chain.", OTHERS),
    "key": Lazy("node.commands.keys", "Generate, inspect and insert keys.", KEYS),
    "sign": Lazy("node.commands.signatures", "Sign a message with a secret key.", KEYS),
    "verify": Lazy("node.commands.signatures", "Verify a signature for a message.", KEYS),
    "vanity": Lazy("node.commands.keys", "Generate a seed that provides a vanity address.", KEYS),
    "tee": Lazy("node.commands.tee", "Mint, inspect and corrupt quotes of enclaves.", KEYS),
    "bench": Lazy("node.bench.cli", "Measure a node on this machine.", MEASURING),
}
GROUPS = frozenset({"agent", "bench", "channel", "connect", "contract", "curve", "dao", "devdo", "tee"})
"""Commands that are all of their module's."""


class Commands(TyperGroup):
    """`fathom`'s commands: known by name and text, loaded when one is called or completed."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments name, and the arguments left for it."""
        name, known, rest = super().resolve_command(ctx, args)
        return name, None if known is None or name is None else _loaded(name), rest


def _loaded(name: str) -> Any:
    command = typer.main.get_command(import_module(COMMANDS[name].module).app)
    return command if name in GROUPS or not isinstance(command, TyperGroup) else command.commands[name]


def _print_version(wanted: bool) -> None:
    if wanted:
        from node.service import NODE_VERSION

        print(f"fathom {NODE_VERSION}")
        raise typer.Exit


app = typer.Typer(
    name="fathom",
    cls=Commands,
    help="A Substrate-style blockchain node with attested off-chain workers.\n\n"
    "`fathom dev` starts a chain to build on; `fathom COMMAND --help` teaches each command, with an example.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def fathom(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Stands for all of the commands; `help` above is what is said of them."""


def _listed() -> Callable[[], None]:
    def listed() -> None:
        """Stands in the list of commands for one that isn't loaded yet."""

    return listed


for _name, _lazy in COMMANDS.items():
    app.command(_name, help=_lazy.text, rich_help_panel=_lazy.panel)(_listed())


def main() -> None:
    """The console script."""
    app()
