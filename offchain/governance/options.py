"""Arguments and options that the commands of `fathom dao` share, and how each is run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from offchain.authoring.on_chain import on_chain
from offchain.authoring.one_line import one_line

if TYPE_CHECKING:
    from offchain.chain import Chain
    from offchain.governance.company import Company
    from pallets.primitives.keys import Keypair

T = TypeVar("T")

Agent = Annotated[str, typer.Argument(help="Name or number of the agent.")]
ProposalNumber = Annotated[int, typer.Argument(help="The proposal's number.", min=0)]
Url = Annotated[str, typer.Option(help="WebSocket of a node.", envvar="FATHOM_URL")]
Suri = Annotated[str, typer.Option(help="Secret URI of the account that signs.", envvar="FATHOM_SURI")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
NODE_URL = "ws://127.0.0.1:9944"

Announcement = Annotated[str | None, typer.Option(metavar="DURATION", help="From a proposal to its vote: 6s, 2h, 1d.")]
Voting = Annotated[str | None, typer.Option(metavar="DURATION", help="How long a vote takes.")]
TimeLock = Annotated[str | None, typer.Option(metavar="DURATION", help="From a vote's end to its motion's execution.")]
ExecuteWithin = Annotated[
    str | None, typer.Option(metavar="DURATION", help="For how long what fails then can be tried again.")
]
Quorum = Annotated[str | None, typer.Option(metavar="PERCENT", help="Of what circulates: ayes and abstentions.")]
Threshold = Annotated[str | None, typer.Option(metavar="PERCENT", help="Of ayes and nays, which ayes have to exceed.")]
Floor = Annotated[str | None, typer.Option(metavar="TOKENS", help="The least quorum, however little circulates.")]
MinHolders = Annotated[int | None, typer.Option(min=0, help="How many have to hold the token to spend.")]
MinAge = Annotated[
    str | None, typer.Option(metavar="DURATION", help="How long tokens are locked to weigh on spending.")
]
Reserve = Annotated[str | None, typer.Option(metavar="MONEY", help="What spending leaves in the treasury.")]
Term = Annotated[str, typer.Option(metavar="DURATION", help="For how long.")]
GuardianAccount = Annotated[str, typer.Argument(help="Its address, or `none` for nobody.")]


def in_company(url: str, agent: str, do: Callable[[Company], Awaitable[T]]) -> T:
    """What `do` answers of an agent's company; ends the command with one line where it can't be done."""
    from offchain.governance.company import Company

    async def of(chain: Chain) -> T:
        return await do(await Company.of(chain, agent))

    with one_line():
        return on_chain(url, of)


def about_proposal(url: str, proposal: int, do: Callable[[Company], Awaitable[T]]) -> T:
    """What `do` answers of the company that a proposal is made to."""
    from offchain.governance.company import Company

    async def of(chain: Chain) -> T:
        return await do(await Company.of_proposal(chain, proposal))

    with one_line():
        return on_chain(url, of)


def keypair(suri: str) -> Keypair:
    """Who signs."""
    from pallets.primitives.keys import Keypair

    return Keypair.from_suri(suri)
