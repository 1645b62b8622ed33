"""`fathom replay`: a block of the past, executed once more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.exit import fail
from offchain.connect.options import Endpoints, Genesis, Timeout, genesis_of

if TYPE_CHECKING:
    from node.replay.report import Outcome
    from offchain.connect.chain import RemoteChain

MAX_REASON = 4000
"""Characters of a reason: what a runtime has logged may be part of it."""

app = typer.Typer(
    name="fathom",
    help="Execute blocks of the past.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def replay(
    chain: Annotated[
        str,
        typer.Argument(
            metavar="CHAIN", help="A chain's name, a ws:// or wss:// URL, or the file of a chain spec, with --blocks."
        ),
    ],
    block: Annotated[
        str, typer.Option("--block", "-b", metavar="BLOCK", help="Its number, or of a served chain its hash.")
    ],
    blocks: Annotated[
        Path | None,
        typer.Option("--blocks", metavar="FILE", help="Recorded blocks of a chain that begins with the spec."),
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show what each step changes in the storage.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, for scripts.")] = False,
    endpoint: Endpoints = None,
    genesis: Genesis = None,
    timeout: Timeout = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Keep nothing of what was fetched and compiled.")
    ] = False,
) -> None:
    """Execute a block again on the state before it, and compare root, events and digest with what they were.

    The chain's own runtime executes it, in a process of its own; our own chain's pallets execute ours. Ends with exit
    code 1 where anything comes out otherwise.

    [bold]Example[/bold]

    fathom replay kusama --block 20000000 --trace
    """
    from node.replay.report import as_json, show
    from offchain.connect.output import one_line_of, print_json
    from offchain.connect.session import Target, on_remote

    code = _directory("foreign", no_cache)
    if Path(chain).is_file():
        if blocks is None:
            fail(f"{chain} is a file: say by --blocks FILE where the chain's blocks are")
        if not block.isdecimal():
            fail(f"{block!r} is no number: blocks in files are called by theirs")
        outcome = _from_files(Path(chain), blocks, int(block), trace, code)
    else:
        if blocks is not None:
            fail(f"{chain} is no file: --blocks goes with a file of a chain spec")
        target = Target(chain, tuple(endpoint or ()), genesis_of(genesis), timeout)
        states = _directory("states", no_cache)
        outcome = on_remote(target, lambda found: _from_endpoint(found, block, trace, code, states))
    print_json(as_json(outcome)) if json_output else show(outcome)
    if not outcome.matches:
        fail(one_line_of(outcome.difference, MAX_REASON))


def _directory(name: str, no_cache: bool) -> Path | None:
    from offchain.cache import user_cache

    base = None if no_cache else user_cache()
    return None if base is None else base.parent.absolute() / name


def _from_files(spec: Path, blocks: Path, number: int, traced: bool, code: Path | None) -> Outcome:
    import trio

    from node.chain_spec import InvalidChainSpec
    from node.replay.errors import ReplayError
    from node.wasm.errors import WasmError
    from offchain.connect.output import one_line_of

    try:
        return trio.run(_replayed, spec, blocks, number, traced, code)
    except (ReplayError, InvalidChainSpec, WasmError) as error:
        fail(one_line_of(str(error), MAX_REASON))


async def _replayed(spec: Path, blocks: Path, number: int, traced: bool, code: Path | None) -> Outcome:
    from node.progress import progress
    from node.replay.files import Genesis, recording
    from node.replay.run import from_recording
    from node.wasm.process import open_engine

    genesis, recorded = Genesis.of(spec), recording(blocks)
    async with open_engine(code) as engine:
        with progress("executing", total=number, unit="blocks") as at:
            return await from_recording(engine, genesis, recorded, number, at, traced=traced)


async def _from_endpoint(
    chain: RemoteChain, which: str, traced: bool, code: Path | None, states: Path | None
) -> Outcome:
    from contextlib import ExitStack

    from node.replay.errors import ReplayError
    from node.replay.run import from_chain
    from node.state.errors import DatabaseError
    from node.state.remote import RemoteStateError
    from node.state.remote.cache import open_cache
    from node.wasm.errors import WasmError
    from node.wasm.process import open_engine
    from offchain.connect.errors import RemoteError
    from offchain.connect.output import one_line_of

    with ExitStack() as stack:
        try:
            cache = None if states is None else stack.enter_context(open_cache(states, chain.remote.genesis))
        except DatabaseError:
            cache = None  # another program has it open, or it is damaged: it would only save time
        async with open_engine(code) as engine:
            try:
                return await from_chain(engine, chain, which, cache, traced=traced)
            except (ReplayError, RemoteStateError, WasmError) as error:
                raise RemoteError(one_line_of(str(error), MAX_REASON)) from error
