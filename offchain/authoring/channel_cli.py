"""`fathom channel`: paying workers for requests by vouchers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from offchain.authoring.on_chain import on_chain
from offchain.authoring.one_line import one_line
from offchain.authoring.options import NODE_URL, AsJson, Suri, Url, keypair
from offchain.programs import bytes32

T = TypeVar("T")

app = typer.Typer(
    name="channel",
    help="Pay for requests by vouchers: money that is held for a worker, and signatures over what it is owed.\n\n"
    "fathom channel open --worker 0x… --amount 1000000000000 --suri //Bob",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Number = Annotated[int, typer.Option(help="The channel's number.", min=0)]
Amount = Annotated[int, typer.Option(help="How much, in the chain's smallest units.", min=1)]
HOUR_MS = 3_600_000


@app.command("open")
def open_one(
    amount: Amount,
    worker: Annotated[
        str | None,
        typer.Option(help="The worker's key, as `x-fathom-worker` of an answer says.", show_default="any worker"),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="Name or number of an agent: say what a request to it costs at most.")
    ] = None,
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Hold money for vouchers to one worker, or to any.

    [bold]Example[/bold]

    fathom channel open --agent weather --worker 0x… --amount 1000000000000 --suri //Bob
    """
    from offchain.authoring.channels import open_channel

    key = bytes32(worker, "--worker", "worker's key")
    with one_line():
        opened = _on_chain(url, suri, open_channel, key, amount, agent)
    if as_json:
        print(json.dumps({"channel": opened.channel, "most": opened.most}))
        return
    print(f"channel {opened.channel}")
    if opened.most is not None:
        print(f"a request to {agent} costs {opened.most} at most")


@app.command("top-up")
def top_up_one(
    channel: Number, amount: Amount, suri: Suri = "//Bob", url: Url = NODE_URL, as_json: AsJson = False
) -> None:
    """Hold more for a channel.

    [bold]Example[/bold]

    fathom channel top-up --channel 0 --amount 1000000000000 --suri //Bob
    """
    from offchain.authoring.channels import top_up

    with one_line():
        found = _on_chain(url, suri, top_up, channel, amount)
    print(json.dumps({"channel": channel, "held": found.held}) if as_json else f"channel {channel} holds {found.held}")


@app.command()
def close(
    channel: Number,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="The notice is over: take back what is left.")] = False,
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Ask for a channel's money back, and after the notice take it, with --withdraw.

    [bold]Example[/bold]

    fathom channel close --channel 0 --suri //Bob
    """
    from offchain.authoring.channels import close_channel, withdraw_channel

    with one_line():
        do = withdraw_channel if withdraw else close_channel
        found = _on_chain(url, suri, do, channel)
    if as_json:
        print(json.dumps({"channel": channel, "held": found.held, "closes": found.closes, "withdrawn": withdraw}))
    elif withdraw:
        print(f"channel {channel} is closed: {found.held} released")
    else:
        print(f"channel {channel} closes at {found.closes}, in milliseconds since 1970; then add --withdraw")


@app.command()
def voucher(
    channel: Number,
    agent: Annotated[str, typer.Option(help="Name or number of the agent that is asked.")],
    cumulative: Annotated[
        int,
        typer.Option(
            help="All that the channel owes the worker for this agent's answers, with the requests to come, in the "
            "chain's smallest units.",
            min=0,
        ),
    ],
    worker: Annotated[
        str | None, typer.Option(help="The worker's key, where the channel is for any.", show_default="the channel's")
    ] = None,
    hours: Annotated[int, typer.Option(help="For how long the worker can claim it.", min=1)] = 24,
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
) -> None:
    """Sign a voucher, and print what goes into the header `x-fathom-voucher`.

    [bold]Example[/bold]

    fathom channel voucher --channel 0 --agent weather --cumulative 5000000
    """
    from offchain.authoring.channels import sign_voucher

    key = bytes32(worker, "--worker", "worker's key")
    with one_line():
        print(_on_chain(url, suri, sign_voucher, channel, agent, key, cumulative, hours * HOUR_MS))


def _on_chain(url: str, suri: str, do: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """What `do(chain, payer, *arguments)` answers."""
    payer = keypair(suri)
    return on_chain(url, lambda chain: do(chain, payer, *arguments))
