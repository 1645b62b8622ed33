"""`fathom dao`: an agent's holders lock, propose, vote; and see what they have decided."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain.authoring.options import NODE_URL, Agent, AsJson, Suri, Url, keypair
from offchain.governance import propose_cli
from offchain.governance.options import GuardianAccount, ProposalNumber, Term, about_proposal, in_company, with_rules
from offchain.trading.options import Money, Tokens

if TYPE_CHECKING:
    from offchain.governance.company import Company

app = typer.Typer(
    name="dao",
    help="Decide about agents: lock their tokens, propose, vote.\n\n"
    "fathom dao lock weather 10WTHR && fathom dao propose script weather --bundle dist/index.js",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(propose_cli.app)

Part = Annotated[str | None, typer.Option(metavar="TOKENS", help="So many, or `all`.")]


@app.command()
def show(
    agent: Agent,
    who: Annotated[str | None, typer.Option(help="An account: what it has locked, and votes with.")] = None,
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Show who decides about an agent, by which rules, what is proposed, and what was.

    [bold]Example[/bold]

    fathom dao show weather --who //Bob
    """
    from offchain.governance import shown

    company, found = in_company(url, agent, lambda company: _overview(company, who))
    if as_json:
        print(json.dumps(shown.as_json(found)))
        return
    print("\n".join(shown.company_text(company, found)))


@app.command()
def proposal(number: ProposalNumber, url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Show a proposal, also a dead one.

    [bold]Example[/bold]

    fathom dao proposal 0
    """
    from offchain.governance import shown

    company, found = about_proposal(url, number, lambda company: company.proposal(number))
    print(json.dumps(shown.as_json(found)) if as_json else "\n".join(shown.proposal_text(company, found)))


@app.command()
def lock(agent: Agent, amount: Tokens, suri: Suri = "//Bob", url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Lock tokens to vote with: they stay yours and earn, but can't be sold or sent.

    [bold]Example[/bold]

    fathom dao lock weather 10WTHR --suri //Bob
    """
    _move_locked(url, agent, suri, "lock", amount, as_json)


@app.command()
def unlock(agent: Agent, amount: Tokens, suri: Suri = "//Bob", url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Unlock tokens; those that were voted with stay until the proposal is executed or dies.

    [bold]Example[/bold]

    fathom dao unlock weather 10WTHR --suri //Bob
    """
    _move_locked(url, agent, suri, "unlock", amount, as_json)


@app.command()
def delegate(
    agent: Agent,
    to: Annotated[str, typer.Argument(help="Who is to vote: an address, or `none` for yourself again.")],
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Have another vote with all that you have locked, and lock later.

    [bold]Example[/bold]

    fathom dao delegate weather //Charlie --suri //Bob
    """

    async def do(company: Company) -> int:
        from offchain.governance.company import account

        whom = None if to == "none" else account(to)
        events = await company.do(keypair(suri), "delegate", agent=company.agent, to=whom)
        return int(next(each.fields["amount"] for each in events if each.name == "Delegated"))

    company, amount = in_company(url, agent, do)
    text = f"{company.token.text(amount)} are voted with by {'you' if to == 'none' else to}"
    print(json.dumps({"amount": amount, "delegate": None if to == "none" else to}) if as_json else text)


@app.command()
def vote(
    number: ProposalNumber,
    aye: Part = None,
    nay: Part = None,
    abstain: Part = None,
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Vote with all that you may, or with a bit of each; a second ballot takes the first one's place.

    [bold]Example[/bold]

    fathom dao vote 0 --aye all --suri //Bob
    """

    said = {"aye": aye, "nay": nay, "abstain": abstain}
    company, ballot = about_proposal(url, number, lambda company: company.vote(keypair(suri), number, said))
    text = "  ".join(f"{name} {company.token.text(amount)}" for name, amount in ballot.items() if amount)
    print(json.dumps(ballot) if as_json else f"voted on proposal {number}: {text}")


@app.command()
def execute(number: ProposalNumber, suri: Suri = "//Bob", url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Carry out an approved motion that couldn't be carried out when its time-lock ended.

    [bold]Example[/bold]

    fathom dao execute 0
    """
    _decide(url, number, suri, "execute", as_json)


@app.command()
def cancel(number: ProposalNumber, suri: Suri = "//Alice", url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Take back a proposal of yours, while it is announced.

    [bold]Example[/bold]

    fathom dao cancel 0
    """
    _decide(url, number, suri, "cancel", as_json)


@app.command()
def veto(number: ProposalNumber, suri: Suri = "//Alice", url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Stop a proposal, as the agent's guardian.

    [bold]Example[/bold]

    fathom dao veto 0
    """
    _decide(url, number, suri, "veto", as_json)


@app.command()
def spend(
    agent: Agent,
    dest: Annotated[str, typer.Argument(help="Whom to pay: an address.")],
    amount: Money,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Pay from the treasury, as the creator, before anybody holds the token; later that is a proposal.

    [bold]Example[/bold]

    fathom dao spend weather //Charlie 5UNIT
    """

    async def do(company: Company) -> int:
        from offchain.governance.company import account

        money = company.money.parse(amount)
        await company.do(keypair(suri), "spend", agent=company.agent, dest=account(dest), amount=money)
        return money

    company, money = in_company(url, agent, do)
    print(json.dumps({"amount": money}) if as_json else f"paid {company.money.text(money)} to {dest}")


@app.command("set-rules")
@with_rules
def set_rules(agent: str, changes: dict[str, str | int], suri: str, url: str, as_json: bool) -> None:
    """Set the rules, as the creator, before anybody holds the token; what isn't said stays as it is.

    [bold]Example[/bold]

    fathom dao set-rules weather --voting 1d --quorum 20%
    """
    from offchain.governance import shown

    async def do(company: Company) -> dict[str, Any]:
        from offchain.governance.motions import changed_rules

        rules = await changed_rules(company, changes)
        await company.do(keypair(suri), "set_rules", agent=company.agent, rules=rules)
        return rules

    company, rules = in_company(url, agent, do)
    print(json.dumps(rules) if as_json else "\n".join(shown.rules_text(company, rules)))


@app.command("set-guardian")
def set_guardian(
    agent: Agent,
    who: GuardianAccount,
    term: Term = "30d",
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Appoint the guardian, as the creator, before anybody holds the token.

    [bold]Example[/bold]

    fathom dao set-guardian weather //Dave --term 10d
    """

    async def do(company: Company) -> int:
        from offchain.governance.company import account
        from offchain.trading.amounts import duration

        whom = None if who == "none" else account(who)
        arguments = {"agent": company.agent, "guardian": whom, "term": duration(term)}
        events = await company.do(keypair(suri), "set_guardian", **arguments)
        return int(next(each.fields["guardian"]["until"] for each in events if each.name == "GuardianSet"))

    from offchain.trading.amounts import moment

    _, until = in_company(url, agent, do)
    text = "nobody may veto" if who == "none" else f"{who} may veto until {moment(until)}"
    print(json.dumps({"until": until}) if as_json else text)


# What these have in common


def _move_locked(url: str, agent: str, suri: str, call: str, amount: str, as_json: bool) -> None:
    async def do(company: Company) -> int:
        events = await company.do(keypair(suri), call, agent=company.agent, amount=company.tokens(amount))
        return int(next(each.fields["total"] for each in events if each.name in ("Locked", "Unlocked")))

    company, total = in_company(url, agent, do)
    print(json.dumps({"locked": total}) if as_json else f"{company.token.text(total)} locked")


def _decide(url: str, number: int, suri: str, call: str, as_json: bool) -> None:
    from offchain.governance import shown

    async def do(company: Company) -> dict[str, Any]:
        await company.do(keypair(suri), call, proposal=number)
        return await company.proposal(number)

    company, found = about_proposal(url, number, do)
    print(json.dumps(shown.as_json(found)) if as_json else "\n".join(shown.proposal_text(company, found)))


async def _overview(company: Company, who: str | None) -> dict[str, Any]:
    from offchain.governance.company import account

    live, circulating = await company.live(), await company.circulating()
    guardian = await company.read("Guardian", company.agent)
    found: dict[str, Any] = {
        "agent": company.agent,
        "owner": company.record.owner,
        "holders_decide": circulating > 0,
        "circulating": circulating,
        "treasury": await company.treasury(),
        "paused": company.record.paused,
        "rules": await company.rules(),
        "guardian": guardian["who"],
        "guardian_until": guardian["until"],
        "scripts": await company.described.read(company.chain, "Agents", "Scripts", company.agent),
        "contributions": [
            await company.read("Contribution", company.agent, number)
            for number in range(await company.read("NextContribution", company.agent))
        ],
        "proposals": live,
    }
    if who is not None:
        id = account(who)
        weights = {str(each["id"]): await company.weight(each["id"], id) for each in live}
        found["account"] = {"who": id, "locked": await company.locked(id), "weights": weights}
    return found
