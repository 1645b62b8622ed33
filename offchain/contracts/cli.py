"""`fathom contract`: ink! contracts as agents, deployed, called and queried by their metadata."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from offchain.authoring.on_chain import on_chain
from offchain.authoring.one_line import one_line
from offchain.authoring.options import NODE_URL, Agent, AsJson, Suri, Url, keypair

if TYPE_CHECKING:
    from offchain.chain import Chain
    from offchain.contracts.jobs import Done, Emitted
    from offchain.contracts.metadata import Metadata

T = TypeVar("T")

app = typer.Typer(
    name="contract",
    help="Run ink! contracts (v3 to v5) as agents.\n\n"
    "fathom contract deploy flipper.contract new true && fathom contract call flipper flip -m flipper.contract",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

File = Annotated[Path, typer.Argument(help="The contract's metadata: a .contract file, or metadata.json.")]
Described = Annotated[
    Path, typer.Option("--metadata", "-m", metavar="FILE", help="The contract's metadata: .contract or metadata.json.")
]
Label = Annotated[str, typer.Argument(help="The message's name.")]
Arguments = Annotated[
    list[str] | None, typer.Argument(help="Its arguments in order: JSON, or text as it is.", show_default="none")
]
Value = Annotated[int, typer.Option(min=0, help="What is paid with it, in smallest units; takes a mandate.")]
MaxFee = Annotated[int, typer.Option(min=0, help="The most that the job may cost, in smallest units.")]
ModeOption = Annotated[str, typer.Option("--mode", help="Deterministic, Recorded or Oracle.")]
Seconds = Annotated[int, typer.Option("--within", min=1, help="Seconds until the job has to be done.")]
GATEWAY_URL, FEE = "http://127.0.0.1:8000", 10**11
Gateway = Annotated[str, typer.Option(help="URL of a gateway.", envvar="FATHOM_GATEWAY")]


@app.command()
def deploy(
    file: File,
    constructor: Annotated[str, typer.Argument(help="The constructor's name.")],
    arguments: Arguments = None,
    name: Annotated[str | None, typer.Option(help="The agent's name.", show_default="the contract's")] = None,
    wasm: Annotated[Path | None, typer.Option(help="The code, where the metadata has none.")] = None,
    value: Value = 0,
    max_fee: MaxFee = FEE,
    mode: ModeOption = "Deterministic",
    seconds: Seconds = 60,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Upload a contract, make it an agent, and run its constructor in a job.

    [bold]Example[/bold]

    fathom contract deploy erc20.contract new 1000000 --name my-token
    """
    from offchain.authoring.deployment import deploy as upload
    from offchain.contracts.errors import NotDone
    from offchain.contracts.jobs import Terms, send
    from offchain.contracts.metadata import Metadata
    from pallets.primitives import ss58
    from pallets.primitives.agent_record import AgentKind
    from pallets.primitives.contract import DeployMessage
    from pallets.primitives.pots import purse

    with one_line():
        metadata = Metadata.read(file)
        code = metadata.code(wasm)
        message = metadata.constructor(constructor)
        data = message.encode(_given(arguments))
        called = name or metadata.name.replace("_", "-").lower()

        async def do(chain: Chain) -> tuple[int, Done]:
            signer = keypair(suri)
            made = await upload(chain, signer, called, code, None, AgentKind.Ink)
            terms = Terms(max_fee, mode, seconds=seconds)
            return made.agent, await send(chain, signer, made.agent, DeployMessage(value, data), terms)

        agent, done = on_chain(url, do)
        found = {"agent": agent, "name": called, "address": ss58.encode(purse(agent)), **_done(metadata, done)}
        if done.output.reverted:
            raise NotDone(f"the constructor reverted: 0x{done.output.data.hex()}")
    if as_json:
        print(json.dumps(found))
        return
    print(f"agent {agent}  {called}  contract {found['address']}  job {done.job}")
    _print_events(found["events"])


@app.command()
def call(
    agent: Agent,
    label: Label,
    arguments: Arguments = None,
    *,
    metadata: Described,
    value: Value = 0,
    max_fee: MaxFee = FEE,
    mode: ModeOption = "Deterministic",
    seconds: Seconds = 60,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Send a message in a job, which may change the contract's state, and wait for what comes of it.

    [bold]Example[/bold]

    fathom contract call my-token transfer 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty 10 -m erc20.contract
    """
    from offchain.contracts.jobs import Terms, send
    from offchain.contracts.metadata import Metadata
    from pallets.primitives.contract import CallMessage

    with one_line():
        described = Metadata.read(metadata)
        message = described.message(label)
        data = message.encode(_given(arguments))

        async def do(chain: Chain, id: int) -> Done:
            return await send(chain, keypair(suri), id, CallMessage(value, data), Terms(max_fee, mode, seconds=seconds))

        done = _with_agent(url, agent, do)
        found = {"result": _plain(message.decode(done.output.data)), **_done(described, done)}
    if as_json:
        print(json.dumps(found))
        return
    print(f"{'reverted' if done.output.reverted else 'done'}  job {done.job}  {json.dumps(found['result'])}")
    _print_events(found["events"])
    if done.output.reverted:
        raise typer.Exit(1)


@app.command()
def query(
    agent: Agent,
    label: Label,
    arguments: Arguments = None,
    *,
    metadata: Described,
    origin: Annotated[str | None, typer.Option(help="In whose name: an address.", show_default="nobody's")] = None,
    value: Annotated[int, typer.Option(min=0, help="What would be paid.")] = 0,
    gateway: Gateway = GATEWAY_URL,
    as_json: AsJson = False,
) -> None:
    """Ask what a message answers, or would, without changing anything.

    [bold]Example[/bold]

    fathom contract query my-token balance_of 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty -m erc20.contract
    """
    from offchain.authoring.calls import ask
    from offchain.contracts.errors import NotDone
    from offchain.contracts.metadata import Metadata

    with one_line():
        described = Metadata.read(metadata)
        message = described.message(label)
        asked = {"data": "0x" + message.encode(_given(arguments)).hex(), "value": str(value)}
        if origin is not None:
            asked["origin"] = origin
        answer = ask(gateway, agent, "/call", "POST", json.dumps(asked), ["content-type: application/json"])
        if answer.status != 200:
            raise NotDone(answer.text)
        told = json.loads(answer.text)
        output = told["result"]["Ok"]
        returned = _plain(message.decode(bytes.fromhex(output["data"][2:])))
        events = [
            _event(described, [bytes.fromhex(topic[2:]) for topic in each["topics"]], bytes.fromhex(each["data"][2:]))
            for each in told["events"]
        ]
        reverted = bool(output["flags"] & 1)
    if as_json:
        gas = told["gasConsumed"]["refTime"]
        print(json.dumps({"result": returned, "reverted": reverted, "events": events, "gas": gas}))
        return
    print(("would revert  " if reverted else "") + json.dumps(returned))
    _print_events(events)


@app.command()
def events(
    agent: Agent,
    metadata: Described,
    start: Annotated[int, typer.Option("--from", min=0, help="The first block.")] = 0,
    end: Annotated[int | None, typer.Option("--to", min=0, help="The last block.", show_default="the best")] = None,
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Print what a contract has said in events.

    [bold]Example[/bold]

    fathom contract events my-token -m erc20.contract --from 10
    """
    from offchain.contracts.jobs import events_of
    from offchain.contracts.metadata import Metadata

    with one_line():
        described = Metadata.read(metadata)

        async def do(chain: Chain, id: int) -> list[Emitted]:
            return await events_of(chain, id, start, (await chain.best()).number if end is None else end)

        told = _with_agent(url, agent, do)
        found = [{"block": each.block, "job": each.job, **_event(described, each.topics, each.data)} for each in told]
    if as_json:
        print(json.dumps(found))
        return
    for each in found:
        print(f"block {each['block']}  job {each['job']}  {each['event']} {json.dumps(each['fields'])}")


def _with_agent(url: str, agent: str, do: Callable[[Chain, int], Awaitable[T]]) -> T:
    """What `do` answers of the chain and an agent's number."""
    from offchain.authoring.channels import agent_number

    async def of(chain: Chain) -> T:
        return await do(chain, await agent_number(chain, agent))

    return on_chain(url, of)


def _given(arguments: list[str] | None) -> list[Any]:
    return [_value(text) for text in arguments or ()]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _done(metadata: Metadata, done: Done) -> dict[str, Any]:
    return {
        "job": done.job,
        "block": done.block,
        "reverted": done.output.reverted,
        "events": [_event(metadata, each.topics, each.data) for each in done.events],
    }


def _event(metadata: Metadata, topics: list[bytes], data: bytes) -> dict[str, Any]:
    found = metadata.event(topics, data)
    if found is None:
        return {
            "event": None,
            "fields": {"topics": [f"0x{topic.hex()}" for topic in topics], "data": f"0x{data.hex()}"},
        }
    return {"event": found[0], "fields": _plain(found[1])}


def _print_events(events: list[dict[str, Any]]) -> None:
    for each in events:
        print(f"  {each['event'] or 'event'} {json.dumps(each['fields'])}")


def _plain(value: Any) -> Any:
    from offchain.effects.plain_json import to_json

    return to_json(value)
