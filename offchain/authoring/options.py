"""Arguments and options of commands that talk to a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pallets.primitives.keys import Keypair

Agent = Annotated[str, typer.Argument(help="Name or number of the agent.")]
Url = Annotated[str, typer.Option(help="WebSocket of a node.", envvar="FATHOM_URL")]
Suri = Annotated[str, typer.Option(help="Secret URI of the account that signs.", envvar="FATHOM_SURI")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
NODE_URL = "ws://127.0.0.1:9944"


def keypair(suri: str) -> Keypair:
    """Who signs."""
    from pallets.primitives.keys import Keypair

    return Keypair.from_suri(suri)
