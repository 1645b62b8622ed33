"""`fathom agent chains`: the other chains that an agent may reach, its accounts there, and what is on its way."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from offchain.authoring.errors import BadTerms
from offchain.authoring.one_line import one_line
from offchain.authoring.options import NODE_URL, Agent, AsJson, Suri, Url, keypair

app = typer.Typer(
    name="chains",
    help="Other chains that an agent may reach: what it may do there, and what it sends.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

ChainName = Annotated[str, typer.Argument(help="What the agent's scripts call the chain.")]


@app.command()
def allow(
    agent: Agent,
    name: ChainName,
    endpoint: Annotated[list[str], typer.Option(help="WebSocket of a node of it; up to four.")],
    call: Annotated[
        list[str] | None, typer.Option(help="A call that it may make there, as Balances.transfer_keep_alive.")
    ] = None,
    cap: Annotated[int, typer.Option(min=0, help="What it may spend there in a day, in that chain's units.")] = 0,
    genesis: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="That chain's first block.", show_default="what the endpoint says"),
    ] = None,
    ss58: Annotated[
        int | None, typer.Option(min=0, max=16_383, help="How it writes addresses.", show_default="as it says")
    ] = None,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Let an agent reach another chain, or change on which terms; without `--call` it only reads.

    [bold]Example[/bold]

    fathom agent chains allow weather paseo --endpoint wss://paseo.example --call Balances.transfer_keep_alive --cap 100
    """
    from offchain.authoring.on_chain import on_chain
    from offchain.chain import Chain
    from offchain.crossings.governing import allow as allow_chain
    from offchain.crossings.governing import reached, terms_of, told_by

    async def do(chain: Chain) -> Any:
        terms_of(name, endpoint, call or (), cap, ss58 or 0)  # before anybody is asked
        given = None if genesis is None else _hash(genesis)
        told, format = (given, ss58) if given and ss58 is not None else await told_by(endpoint[0])
        if given not in (None, told):
            raise BadTerms(f"{endpoint[0]} serves another chain, with genesis 0x{told.hex()}")
        terms = terms_of(name, endpoint, call or (), cap, format if ss58 is None else ss58)
        await allow_chain(chain, keypair(suri), agent, told, terms)
        return (await reached(chain, agent, name)).told

    with one_line():
        found = on_chain(url, do)
    _print(found, as_json, f"{agent} may reach {name}: genesis {found['genesis']}")


@app.command("list")
def list_chains(agent: Agent, url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Print the chains that an agent may reach.

    [bold]Example[/bold]

    fathom agent chains list weather
    """
    from offchain.authoring.on_chain import on_chain
    from offchain.chain import Chain
    from offchain.crossings.governing import chains_of

    async def do(chain: Chain) -> list[Any]:
        return [each.told for each in await chains_of(chain, agent)]

    with one_line():
        found = on_chain(url, do)
    lines = []
    for each in found:
        calls = ", ".join(each["calls"]) or "reads only"
        lines.append(f"{each['name']}  {each['genesis']}  at most {each['cap']} a day  {calls}")
    _print(found, as_json, *(lines or [f"{agent} may reach no other chain"]))


@app.command()
def account(agent: Agent, name: ChainName, url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Print an agent's account on another chain: fund it there.

    [bold]Example[/bold]

    fathom agent chains account weather paseo
    """
    from offchain.authoring.on_chain import on_chain
    from offchain.chain import Chain
    from offchain.crossings.governing import reached

    async def do(chain: Chain) -> Any:
        return (await reached(chain, agent, name)).told

    with one_line():
        found = on_chain(url, do)
        if found["account"] is None:
            raise BadTerms(f"no worker has announced {agent}'s account on {name} yet: one that holds the cluster's key")
    warning = ["its key was derived from a secret that is exposed: move what it has"] if found["exposed"] else []
    _print({"account": found["account"], "exposed": found["exposed"]}, as_json, found["account"], *warning)


@app.command()
def outbox(agent: Agent, name: ChainName, url: Url = NODE_URL, as_json: AsJson = False) -> None:
    """Print what an agent sends to another chain: what waits, and the last that is over.

    [bold]Example[/bold]

    fathom agent chains outbox weather paseo
    """
    from offchain.authoring.on_chain import on_chain
    from offchain.chain import Chain
    from offchain.crossings.governing import outbox_of

    async def do(chain: Chain) -> list[Any]:
        return await outbox_of(chain, agent, name)

    with one_line():
        found = on_chain(url, do)
    lines = [f"{each['entry']}  {each['state']}  job {each['job']}  {each['call']}{_end(each)}" for each in found]
    _print(found, as_json, *(lines or ["nothing was sent yet"]))


@app.command()
def disallow(
    agent: Agent, name: ChainName, suri: Suri = "//Alice", url: Url = NODE_URL, as_json: AsJson = False
) -> None:
    """Let an agent reach a chain no more. Its outbox must be empty; it keeps its account.

    [bold]Example[/bold]

    fathom agent chains disallow weather paseo
    """
    _govern(agent, name, "disallow", suri, url, as_json, f"{agent} may reach {name} no more")


@app.command()
def withdraw(
    agent: Agent, name: ChainName, suri: Suri = "//Alice", url: Url = NODE_URL, as_json: AsJson = False
) -> None:
    """Take back what is first in an outbox. If it was sent, it may still be included.

    [bold]Example[/bold]

    fathom agent chains withdraw weather paseo
    """
    _govern(agent, name, "withdraw", suri, url, as_json, f"the first of {agent}'s entries for {name} is taken back")


@app.command("drop-account")
def drop_account(
    agent: Agent, name: ChainName, suri: Suri = "//Alice", url: Url = NODE_URL, as_json: AsJson = False
) -> None:
    """Have another account made, of the cluster's secret of now. What the old one has stays there: move it first.

    [bold]Example[/bold]

    fathom agent chains drop-account weather paseo
    """
    _govern(agent, name, "drop_account", suri, url, as_json, f"{agent} gets another account on {name}")


def _govern(agent: str, name: str, call: str, suri: str, url: str, as_json: bool, text: str) -> None:
    from offchain.authoring.on_chain import on_chain
    from offchain.crossings.governing import govern

    with one_line():
        found = on_chain(url, lambda chain: govern(chain, keypair(suri), agent, name, call))
    _print({"genesis": f"0x{found.genesis.hex()}"}, as_json, text)


def _end(entry: dict[str, Any]) -> str:
    if entry["state"] == "failed":
        return f"  {entry['reason']}: {entry['detail']}" if entry["detail"] else f"  {entry['reason']}"
    if entry["state"] == "delivered":
        return f"  in block {entry['block']['number']}: {entry['verdict']}"
    return f"  nonce {entry['nonce']}, {entry['hash']}" if entry["state"] == "sent" else ""


def _hash(text: str) -> bytes:
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 32:
        raise BadTerms(f"--genesis {text!r} is no hash: it is 32 bytes in hex")
    return found


def _print(found: Any, as_json: bool, *lines: str) -> None:
    for line in [json.dumps(found)] if as_json else lines:
        print(line)
