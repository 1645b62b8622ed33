"""`fathom submit`: a transaction for a chain that others serve, tried before it is sent, followed to finality."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain.connect.options import AsJson, Endpoints, Genesis, NetworkName, Timeout, genesis_of
from offchain.connect.session import Target, on_remote

if TYPE_CHECKING:
    pass

app = typer.Typer(
    name="submit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

SIGNING, SENDING, CHAIN = "Who signs", "What is sent", "Which chain"


@app.command()
def submit(
    network: NetworkName,
    pallet: Annotated[str, typer.Argument(help="Name of the pallet, in whatever case.")],
    call: Annotated[str, typer.Argument(help="Name of the call.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ARGS]…", help="In order, or name=value; JSON for what is nested; 1.5KSM for money."),
    ] = None,
    suri: Annotated[
        str | None,
        typer.Option(envvar="FATHOM_SURI", help="Secret URI of the account that signs.", rich_help_panel=SIGNING),
    ] = None,
    keystore: Annotated[
        Path | None, typer.Option(help="Key file of polkadot.js (JSON).", rich_help_panel=SIGNING)
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="The key file's password.", rich_help_panel=SIGNING)
    ] = None,
    scheme: Annotated[
        str, typer.Option(help="sr25519, ed25519 or ecdsa.", metavar="SCHEME", rich_help_panel=SIGNING)
    ] = "sr25519",
    sender: Annotated[
        str | None,
        typer.Option("--from", metavar="ADDRESS", help="Who signs elsewhere.", rich_help_panel=SIGNING),
    ] = None,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline", help="Print what is to be signed, and ask for the signature.", rich_help_panel=SIGNING
        ),
    ] = False,
    qr: Annotated[
        bool, typer.Option("--qr", help="As --offline, with a QR code for Polkadot Vault.", rich_help_panel=SIGNING)
    ] = False,
    signature: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="The signature that was made elsewhere.", rich_help_panel=SIGNING),
    ] = None,
    nonce: Annotated[
        int | None, typer.Option(min=0, help="Instead of the account's next.", rich_help_panel=SENDING)
    ] = None,
    era: Annotated[
        str,
        typer.Option(
            metavar="ERA",
            help="How many blocks it lives (64), from which on (64:20000000), or immortal.",
            rich_help_panel=SENDING,
        ),
    ] = "64",
    tip: Annotated[
        str, typer.Option(metavar="MONEY", help="For the author of the block.", rich_help_panel=SENDING)
    ] = "0",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what it would cost and do, and send nothing.", rich_help_panel=SENDING),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.", rich_help_panel=SENDING)] = False,
    mean_it: Annotated[
        bool,
        typer.Option(
            "--yes-i-mean-it", help="Sign with a publicly known key on a live chain.", rich_help_panel=SENDING
        ),
    ] = False,
    in_block: Annotated[
        bool, typer.Option("--in-block", help="Don't wait for finality.", rich_help_panel=SENDING)
    ] = False,
    as_json: AsJson = False,
    endpoint: Endpoints = None,
    genesis: Genesis = None,
    timeout: Timeout = None,
) -> None:
    """Submit a transaction to Kusama, Phala or another chain: tried first, then asked about, then followed to finality.

    The exit code is 0 once the call has succeeded in a final block, and 1 with the decoded error where it failed.

    [bold]Example[/bold]

    fathom submit kusama balances transfer_keep_alive HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F 1.5KSM --qr
    """
    from offchain.connect.submit.wish import Wish, carry_out

    wish = Wish(
        pallet=pallet,
        call=call,
        words=list(arguments or []),
        suri=suri,
        keystore=keystore,
        password=password_file,
        scheme=scheme,
        sender=sender,
        offline=offline or qr,
        qr=qr,
        signature=signature,
        nonce=nonce,
        era=era,
        tip=tip,
        dry_run=dry_run,
        yes=yes,
        mean_it=mean_it,
        final=not in_block,
    )
    target = Target(network, tuple(endpoint or ()), genesis_of(genesis), timeout)
    on_remote(target, lambda chain: carry_out(chain, wish, _Shown(as_json)))


class _Shown:
    """How it is told: lines on stdout, or on stderr with one JSON object at the end on stdout."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def say(self, line: str) -> None:
        from offchain.connect.output import printable

        print(printable(line), file=sys.stderr if self._as_json else sys.stdout, flush=True)

    def show(self, name: str, value: Any) -> None:
        from offchain.connect.output import one_line_of

        self.say(f"{name:<12} {one_line_of(value, cut=4000)}")

    def result(self, value: dict[str, Any]) -> None:
        from offchain.connect.output import exact

        if self._as_json:
            print(json.dumps(exact(value), ensure_ascii=False), flush=True)

    def ask(self, question: str) -> bool:
        """Whether somebody at a terminal says yes."""
        if not sys.stdin.isatty():
            return False
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def line(self, prompt: str) -> str:
        """A line of stdin."""
        if sys.stdin.isatty():
            print(prompt, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip()
