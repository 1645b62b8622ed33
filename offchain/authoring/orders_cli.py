"""`fathom agent schedule`, `trigger`, `schedules`, `take-back`, `calls`: agents that run by themselves, call others."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from offchain.authoring.on_chain import on_chain
from offchain.authoring.one_line import one_line
from offchain.authoring.options import NODE_URL, Agent, AsJson, Suri, Url, keypair

MODES = ("Deterministic", "Recorded", "Oracle")
MAX_FEE, DEADLINE = 100_000_000_000, 120
"""A tenth of a token; seconds."""

Every = Annotated[float, typer.Option(help="Seconds from one run to the next, at least.", min=0)]
Count = Annotated[int, typer.Option(help="How many runs, in all.", min=1)]
Path = Annotated[str, typer.Option(help="The path that the script is asked for.")]
Mode = Annotated[str, typer.Option(help=f"{', '.join(MODES)}.")]
Replicas = Annotated[int, typer.Option(help="Workers for each run: 1, 3, 5, 7 or 9.")]
MaxFee = Annotated[int, typer.Option(help="What a run may cost, in smallest units.", min=1)]
Deadline = Annotated[int, typer.Option(help="Seconds that a run has.", min=1)]

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def schedule(
    agent: Agent,
    every: Every = 60,
    count: Count = 1,
    wait: Annotated[float, typer.Option("--in", help="Seconds from now to the first run.", min=0.1)] = 10,
    path: Path = "/",
    data: Annotated[str, typer.Option("-d", "--data", help="The body of the request that the script is given.")] = "",
    mode: Mode = "Recorded",
    replicas: Replicas = 1,
    max_fee: MaxFee = MAX_FEE,
    deadline: Deadline = DEADLINE,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Have an agent run at set times, by jobs of the account that signs; the chain submits them.

    [bold]Example[/bold]

    fathom agent schedule weather --every 3600 --count 24 --path /hourly
    """
    from offchain.authoring.orders import schedule

    request: dict[str, Any] = {
        "method": "POST" if data else "GET",
        "path": path,
        "headers": {},
        **({"body": data} if data else {}),
    }
    input, signer = json.dumps(request).encode(), keypair(suri)
    times = _ms(wait), _ms(every), count
    run = _run(agent, mode, replicas, max_fee, deadline)
    with one_line():
        id = on_chain(url, lambda chain: schedule(chain, signer, run, input, *times))
    _told("schedule", id, as_json)


@app.command()
def trigger(
    agent: Agent,
    on: Annotated[str, typer.Option(help="The event, as Pallet.Event.")],
    where: Annotated[str | None, typer.Option(help="FIELD=VALUE: what one of its fields must be.")] = None,
    path: Path = "/",
    every: Every = 1,
    count: Count = 1,
    mode: Mode = "Recorded",
    replicas: Replicas = 1,
    max_fee: MaxFee = MAX_FEE,
    deadline: Deadline = DEADLINE,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Have an agent run once for each event of the chain that matches, by jobs of the account that signs.

    [bold]Example[/bold]

    fathom agent trigger weather --on Curves.Bought --where curve=0 --path /bought --count 100
    """
    from offchain.authoring.orders import trigger

    signer, run = keypair(suri), _run(agent, mode, replicas, max_fee, deadline)
    with one_line():
        id = on_chain(url, lambda chain: trigger(chain, signer, run, on, where, path, _ms(every), count))
    _told("trigger", id, as_json)


@app.command("schedules")
def list_all(
    agent: Annotated[str | None, typer.Argument(help="Name or number of the agent.", show_default="all agents")] = None,
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """List schedules and triggers.

    [bold]Example[/bold]

    fathom agent schedules weather
    """
    from offchain.authoring.orders import orders

    with one_line():
        found = on_chain(url, lambda chain: orders(chain, agent))
    plain = [{"kind": each.kind, "id": each.id, **_shown(each.record)} for each in found]
    if as_json:
        print(json.dumps(plain))
        return
    for one in plain:
        print("  ".join(f"{name} {value}" if name not in ("kind",) else str(value) for name, value in one.items()))


@app.command("take-back")
def take_back(
    kind: Annotated[str, typer.Argument(help="schedule or trigger.")],
    id: Annotated[int, typer.Argument(help="Its number.", min=0)],
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
) -> None:
    """End a schedule or a trigger, and have its deposit back.

    [bold]Example[/bold]

    fathom agent take-back trigger 0
    """
    from offchain.authoring.errors import BadTerms
    from offchain.authoring.orders import take_back

    signer = keypair(suri)
    with one_line():
        if kind not in ("schedule", "trigger"):
            raise BadTerms(f"an order is a schedule or a trigger, not {kind!r}")
        on_chain(url, lambda chain: take_back(chain, signer, kind, id))
    print(f"{kind} {id} is no more")


@app.command()
def calls(
    agent: Agent,
    per_day: Annotated[int, typer.Option(help="In smallest units, out of its purse; 0 for nothing.", min=0)],
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
) -> None:
    """Say what an agent may spend a day on agents that its script calls.

    [bold]Example[/bold]

    fathom agent calls weather --per-day 1000000000000
    """
    from offchain.authoring.orders import set_calls

    signer = keypair(suri)
    with one_line():
        on_chain(url, lambda chain: set_calls(chain, signer, agent, per_day))
    print(f"{agent} may spend {per_day} a day on agents that it calls")


def _run(agent: str, mode: str, replicas: int, max_fee: int, deadline: int) -> Any:
    from offchain.authoring.orders import Run

    return Run(agent=agent, mode=mode.capitalize(), replicas=replicas, max_fee=max_fee, deadline=1000 * deadline)


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    """What people want to know of an order's record."""
    shown = {"agent": record["terms"]["agent"], "left": record["left"], "interval": record["interval"]}
    return shown | {name: record[name] for name in ("next", "pallet", "event") if name in record}


def _told(kind: str, id: int, as_json: bool) -> None:
    print(json.dumps({kind: id}) if as_json else f"{kind} {id}")


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
