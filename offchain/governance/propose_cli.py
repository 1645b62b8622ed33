"""`fathom dao propose`: one command for each thing that holders can decide."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain.authoring.options import NODE_URL, Agent, AsJson, Suri, Url, keypair
from offchain.governance.options import GuardianAccount, Term, in_company, with_rules
from offchain.trading.options import Money

if TYPE_CHECKING:
    from offchain.governance.company import Company

app = typer.Typer(
    name="propose",
    help="Propose something to the holders of an agent's token. It takes a bond, and locked tokens.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

BuildMotion = Callable[["Company"], Awaitable[Any]]
Measurements = Annotated[
    list[str] | None, typer.Argument(help="Measurements of enclaves, in hex.", show_default="lift what there is")
]


@app.command()
def script(
    agent: Agent,
    bundle: Annotated[
        Path | None, typer.Option(help="The new script: what `fathom agent build` made. Uploaded if need be.")
    ] = None,
    hash: Annotated[str | None, typer.Option(help="Of a script that is uploaded already.")] = None,
    max_gas: Annotated[int | None, typer.Option(min=1, help="The most gas a job may use.")] = None,
    host: Annotated[list[str] | None, typer.Option(help="A host it may reach; more than once for more.")] = None,
    any_host: Annotated[bool, typer.Option("--any-host", help="It may reach any public host.")] = False,
    budget: Annotated[
        str | None, typer.Option(metavar="MONEY", help="What the agent pays a minute for requests.")
    ] = None,
    max_charge: Annotated[str | None, typer.Option(metavar="MONEY", help="The most one request costs it.")] = None,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """A new script, with its gas and what it does over HTTP; what isn't said stays as it is.

    [bold]Example[/bold]

    fathom dao propose script weather --bundle dist/index.js
    """
    from offchain.governance.errors import NoMotion

    async def do(company: Company) -> dict[str, Any]:
        from offchain.governance.motions import changed_http, in_hex
        from offchain.records import CODE
        from pallets.primitives.hashing import blake2_256

        if (bundle is None) == (hash is None):
            raise NoMotion("say by --bundle FILE or by --hash 0x… which script it is to be: one of the two")
        upload, code = None, in_hex(hash or "")
        if bundle is not None:
            content = bundle.read_bytes()
            code = blake2_256(content)
            if await company.chain.read(CODE, code) is None:
                upload = company.described.call("Agents", "upload_code", code=content)
        http = await changed_http(company, host, any_host, budget, max_charge)
        motion = {"ApproveScript": {"hash": code, "max_gas": max_gas, "http": http}}
        return await company.propose(keypair(suri), motion, upload)

    _print(*in_company(url, agent, do), as_json)


@app.command("roll-back")
def roll_back(
    agent: Agent,
    hash: Annotated[str, typer.Argument(help="Of a script that it had: `fathom dao show` lists them.")],
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """A script that the agent had before.

    [bold]Example[/bold]

    fathom dao propose roll-back weather 0x…
    """

    async def motion(company: Company) -> Any:
        from offchain.governance.motions import in_hex

        return {"RollBack": {"hash": in_hex(hash)}}

    _propose(url, agent, suri, motion, as_json)


@app.command()
def terms(
    agent: Agent,
    price: Annotated[int | None, typer.Option(min=0, help="Of a unit of gas, in smallest units.")] = None,
    shares: Annotated[
        str | None, typer.Option(metavar="PERCENTS", help="Of worker, treasury, holders and chain, as 70,20,5,5.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="PERCENT", help="What of the treasury's share is the creator's.")
    ] = None,
    call_price: Annotated[str | None, typer.Option(metavar="MONEY", help="What a call costs beside its gas.")] = None,
    free_tokens: Annotated[
        str | None, typer.Option(metavar="TOKENS", help="With so many locked one calls free; `none` for nobody.")
    ] = None,
    quota: Annotated[int | None, typer.Option(min=0, help="How often a minute one calls free.")] = None,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Prices, shares, and who calls free; what isn't said stays as it is.

    [bold]Example[/bold]

    fathom dao propose terms weather --call-price 0.01UNIT --free-tokens 5WTHR --quota 60
    """

    async def motion(company: Company) -> Any:
        from offchain.governance.motions import changed_terms

        said = {"price": price, "shares": shares, "split": split}
        access = {"call_price": call_price, "free_tokens": free_tokens, "quota": quota}
        return {"SetTerms": await changed_terms(company, **said, **access)}  # type: ignore[arg-type]

    _propose(url, agent, suri, motion, as_json)


@app.command()
def spend(
    agent: Agent,
    dest: Annotated[str, typer.Argument(help="Whom to pay: an address, or `dao` for the DAO's own account.")],
    amount: Money,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Pay somebody from the treasury.

    [bold]Example[/bold]

    fathom dao propose spend weather //Charlie 5UNIT
    """

    async def motion(company: Company) -> Any:
        from offchain.governance.company import account
        from pallets.primitives.pots import dao_account

        whom = dao_account(company.agent) if dest == "dao" else account(dest)
        return {"Spend": {"dest": whom, "amount": company.money.parse(amount)}}

    _propose(url, agent, suri, motion, as_json)


@app.command()
def reward(
    agent: Agent,
    contribution: Annotated[int, typer.Argument(min=0, help="Its number: `fathom dao show` lists them.")],
    amount: Money,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Pay whoever proposed a script that was adopted, once.

    [bold]Example[/bold]

    fathom dao propose reward weather 0 2UNIT
    """

    async def motion(company: Company) -> Any:
        return {"Reward": {"contribution": contribution, "amount": company.money.parse(amount)}}

    _propose(url, agent, suri, motion, as_json)


@app.command("rules")
@with_rules
def rules(agent: str, changes: dict[str, str | int], suri: str, url: str, as_json: bool) -> None:
    """Other rules for proposals to come; what isn't said stays as it is.

    [bold]Example[/bold]

    fathom dao propose rules weather --voting 1d --quorum 20%
    """

    async def motion(company: Company) -> Any:
        from offchain.governance.motions import changed_rules

        return {"SetRules": {"rules": await changed_rules(company, changes)}}

    _propose(url, agent, suri, motion, as_json)


@app.command()
def guardian(
    agent: Agent,
    who: GuardianAccount,
    term: Term = "30d",
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Who may veto, and for how long.

    [bold]Example[/bold]

    fathom dao propose guardian weather //Dave --term 10d
    """

    async def motion(company: Company) -> Any:
        from offchain.governance.company import account
        from offchain.trading.amounts import duration

        return {"SetGuardian": {"who": None if who == "none" else account(who), "term": duration(term)}}

    _propose(url, agent, suri, motion, as_json)


@app.command()
def pause(agent: Agent, suri: Suri = "//Alice", url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Have the agent take no new jobs.

    [bold]Example[/bold]

    fathom dao propose pause weather
    """
    _propose(url, agent, suri, _fixed("Pause"), as_json)


@app.command()
def resume(agent: Agent, suri: Suri = "//Alice", url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Have the agent take jobs again.

    [bold]Example[/bold]

    fathom dao propose resume weather
    """
    _propose(url, agent, suri, _fixed("Resume"), as_json)


@app.command()
def hire(
    agent: Agent,
    measurements: Measurements = None,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Have new jobs done only by these enclaves.

    [bold]Example[/bold]

    fathom dao propose hire weather 0x…
    """
    _propose_enclaves(url, agent, suri, "Hire", measurements, as_json)


@app.command()
def ban(
    agent: Agent,
    measurements: Measurements = None,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Have none of the new jobs done by these enclaves.

    [bold]Example[/bold]

    fathom dao propose ban weather 0x…
    """
    _propose_enclaves(url, agent, suri, "Ban", measurements, as_json)


@app.command()
def call(
    agent: Agent,
    made: Annotated[
        str, typer.Argument(metavar="JSON", help='The call, as {"Pallet": {"call": {"argument": value}}}.')
    ],
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Any call on the chain's list, as the DAO's own account.

    [bold]Example[/bold]

    fathom dao propose call weather '{"System": {"remark_with_event": {"remark": "we were here"}}}'
    """

    async def motion(company: Company) -> Any:
        from offchain.governance.errors import NoMotion

        try:
            return {"Call": {"call": company.described.encode_call(json.loads(made))}}
        except ValueError as error:
            raise NoMotion(f"the call is no JSON: {error}") from None

    _propose(url, agent, suri, motion, as_json)


def _fixed(motion: Any) -> BuildMotion:
    async def build(company: Company) -> Any:
        return motion

    return build


def _propose_enclaves(
    url: str, agent: str, suri: str, kind: str, measurements: list[str] | None, as_json: bool
) -> None:
    async def motion(company: Company) -> Any:
        from offchain.governance.motions import in_hex

        return {kind: {"measurements": [in_hex(each) for each in measurements or ()]}}

    _propose(url, agent, suri, motion, as_json)


def _propose(url: str, agent: str, suri: str, build: BuildMotion, as_json: bool) -> None:
    async def do(company: Company) -> dict[str, Any]:
        return await company.propose(keypair(suri), await build(company))

    _print(*in_company(url, agent, do), as_json)


def _print(company: Company, proposal: dict[str, Any], as_json: bool) -> None:
    from offchain.governance import shown

    if as_json:
        print(json.dumps(shown.as_json(proposal)))
    else:
        print("\n".join(shown.proposal_text(company, proposal)))
