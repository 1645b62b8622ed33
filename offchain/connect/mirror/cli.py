"""`fathom mirror`: Phala's real workers on a dev chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.exit import fail
from offchain.authoring.options import NODE_URL
from offchain.connect.options import AsJson, At, Endpoints, Genesis, Limit, NetworkName, Timeout, genesis_of
from offchain.connect.session import Target, mendable, on_remote

if TYPE_CHECKING:
    from offchain.connect.chain import RemoteChain
    from offchain.connect.mirror.population import Population
    from offchain.connect.mirror.registry import Mirrored

app = typer.Typer(
    name="mirror",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

CARRIED = (
    "carried over: keys, operators, attestation providers (as measurements), confidence, scores (as speed), stakes"
)
LEFT = (
    "not carried over: rewards, V, pools, delegations, clusters; they are simulated, run nothing and aren't challenged"
)


@app.command()
def mirror(
    network: NetworkName,
    workers: Annotated[bool, typer.Option("--workers", help="Its registered workers.")] = False,
    snapshot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="From this recording, without the network.")
    ] = None,
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="Record them, and write to no chain.")] = None,
    url: Annotated[str, typer.Option(help="WebSocket of the dev chain that they are brought to.")] = NODE_URL,
    at: At = None,
    limit: Limit = None,
    as_json: AsJson = False,
    endpoint: Endpoints = None,
    genesis: Genesis = None,
    timeout: Timeout = None,
) -> None:
    """Bring Phala's or Khala's real workers into a dev chain's registry, to try scheduling on them.

    [bold]Example[/bold]

    fathom mirror phala --workers --record phala.json.gz && fathom mirror phala --workers --snapshot phala.json.gz
    """
    from offchain.connect import output

    if not workers:
        fail("say what is to be mirrored: --workers")
    if snapshot is not None and record is not None:
        fail("--snapshot reads a recording, --record makes one: give one of them")
    population = _population(Target(network, tuple(endpoint or ()), genesis_of(genesis), timeout), snapshot, at, limit)
    summary = {"network": population.network, "block": population.number, "workers": len(population.workers)}
    if record is not None:
        with mendable():
            from offchain.connect.mirror.population import record as write_file

            write_file(population, record)
        output.print_json({**summary, "file": str(record)}) if as_json else print(
            f"{record}: {len(population.workers):,} workers of {population.network} at block {population.number:,}"
        )
        return
    done = _written(url, population)
    if as_json:
        output.print_json({**summary, **done._asdict()})
        return
    print(f"{done.written:,} workers of {population.network} at block {population.number:,} are on {url}")
    print(f"{done.drawable:,} of them may be drawn" + (f"; {done.known:,} were there already" if done.known else ""))
    print(CARRIED)
    print(LEFT)


def _population(target: Target, snapshot: Path | None, at: str | None, limit: int | None) -> Population:
    from dataclasses import replace

    from node.progress import progress
    from offchain.connect.mirror.population import load, read_population

    if snapshot is not None:
        with mendable():
            found = load(snapshot)
        return found if limit is None else replace(found, workers=found.workers[:limit])

    async def read(chain: RemoteChain) -> Population:
        with progress("reading workers", total=limit, unit="workers") as done:
            return await read_population(chain, at, limit, done)

    return on_remote(target, read)


def _written(url: str, population: Population) -> Mirrored:
    from node.progress import progress
    from offchain.authoring.on_chain import on_chain
    from offchain.chain import Chain
    from offchain.connect.mirror.registry import write

    async def do(chain: Chain) -> Mirrored:
        with progress("writing workers", total=len(population.workers), unit="workers") as done:
            return await write(chain, population, done)

    from offchain.authoring.one_line import one_line

    with mendable(), one_line():
        return on_chain(url, do)
    raise AssertionError("unreachable: `one_line` ends the process")
