"""Arguments and options that the commands of `fathom dao` share, and how each is run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from offchain.authoring.on_chain import on_chain
from offchain.authoring.one_line import one_line
from offchain.authoring.options import NODE_URL, Agent, AsJson, Suri, Url

if TYPE_CHECKING:
    from offchain.chain import Chain
    from offchain.governance.company import Company

T = TypeVar("T")
WithRules = Callable[[str, dict[str, str | int], str, str, bool], None]

ProposalNumber = Annotated[int, typer.Argument(help="The proposal's number.", min=0)]
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


def in_company(url: str, agent: str, do: Callable[[Company], Awaitable[T]]) -> tuple[Company, T]:
    """An agent's company, and what `do` answers of it; ends the command with one line where it can't be done."""
    from offchain.governance.company import Company

    return _done(url, lambda chain: Company.of(chain, agent), do)


def about_proposal(url: str, proposal: int, do: Callable[[Company], Awaitable[T]]) -> tuple[Company, T]:
    """The company that a proposal is made to, and what `do` answers of it; ends the command as `in_company` does."""
    from offchain.governance.company import Company

    return _done(url, lambda chain: Company.of_proposal(chain, proposal), do)


def with_rules(do: WithRules) -> Callable[..., None]:
    """A command with an option for each rule: `do(agent, rules, suri, url, as_json)`, of the rules that are said."""

    def command(
        agent: Agent,
        announcement: Announcement = None,
        voting: Voting = None,
        time_lock: TimeLock = None,
        execute_within: ExecuteWithin = None,
        quorum: Quorum = None,
        threshold: Threshold = None,
        floor: Floor = None,
        min_holders: MinHolders = None,
        min_age: MinAge = None,
        reserve: Reserve = None,
        suri: Suri = "//Alice",
        url: Url = NODE_URL,
        as_json: AsJson = False,
    ) -> None:
        rules = {
            "announcement": announcement,
            "voting": voting,
            "time_lock": time_lock,
            "execute_within": execute_within,
            "quorum": quorum,
            "threshold": threshold,
            "floor": floor,
            "min_holders": min_holders,
            "min_age": min_age,
            "reserve": reserve,
        }
        do(agent, {name: value for name, value in rules.items() if value is not None}, suri, url, as_json)

    command.__doc__ = do.__doc__
    return command


def _done(
    url: str, find: Callable[[Chain], Awaitable[Company]], do: Callable[[Company], Awaitable[T]]
) -> tuple[Company, T]:
    async def done(chain: Chain) -> tuple[Company, T]:
        company = await find(chain)
        return company, await do(company)

    with one_line():
        return on_chain(url, done)
