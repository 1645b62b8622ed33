"""The chain commands: their options, and where their results go.

Results go to stdout or to the named file, progress to stderr; an error is one line and exit code 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from node.chain_spec import ChainSpec, InvalidChainSpec
from node.commands import options as opt
from node.executor import UnknownRuntime
from node.exit import fail
from node.maintenance.errors import MaintenanceError
from node.maintenance.offline import database_path, opened, require_database
from node.progress import progress
from node.state.errors import DatabaseError

app = typer.Typer(
    name="fathom",
    help="Work on the database of a chain that no node has open.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

BasePath = Annotated[Path, typer.Option("--base-path", "-d", help="Where the chain is kept.", metavar="PATH")]
Block = Annotated[str, typer.Argument(metavar="HASH_OR_NUMBER", help="A block, by its hash or its number.")]
AnyBlock = Annotated[str | None, typer.Argument(metavar="[HASH_OR_NUMBER]", help="A block; without it the best one.")]
Output = Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to; without it, or as -, to stdout.")]
Input = Annotated[Path, typer.Argument(metavar="[FILE]", help="Where from; without it, or as -, from stdin.")]
Binary = Annotated[bool, typer.Option("--binary", help="SCALE instead of JSON.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Say how far it is, where stderr is no terminal that shows a bar.")
]
STANDARD = Path("-")


@app.command("check-block")
def check_block(block: Block, base_path: BasePath, chain: opt.Chain = opt.DEV_SPEC) -> None:
    """Execute a block again, and compare what comes of it with its header.

    The state before the block has to be there: it is not, where it was pruned.

    [bold]Example[/bold]

    fathom check-block 12 -d ./mychain
    """
    from node.maintenance.blocks import check_block

    with _one_line_errors(), opened(base_path, ChainSpec.load(chain)) as offline:
        with progress("executing", total=None, unit="blocks"):
            sound = check_block(offline, block)
        print(sound)


@app.command("export-blocks")
def export_blocks(
    base_path: BasePath,
    file: Output = STANDARD,
    first: Annotated[int, typer.Option("--from", help="The first block.", min=0)] = 1,
    last: Annotated[int | None, typer.Option("--to", help="The last block; without it the best one.", min=0)] = None,
    binary: Binary = False,
    verbose: Verbose = False,
    chain: opt.Chain = opt.DEV_SPEC,
) -> None:
    """Write the blocks of the best chain, one JSON object a line, or as Substrate's own binary format.

    [bold]Example[/bold]

    fathom export-blocks -d ./mychain --from 1 --to 1000 blocks.json
    """
    from node.maintenance import signed_block
    from node.maintenance.blocks import check_range, exported

    with _one_line_errors(), opened(base_path, ChainSpec.load(chain)) as offline:
        end = offline.chain.best.number if last is None else last
        check_range(offline.chain, first, end)
        count = end - first + 1
        with _output(file) as output, progress("exporting", total=count, unit="blocks", verbose=verbose) as at:
            signed_block.write(exported(offline.chain, first, end, at), count, output, binary=binary)
        _say(f"exported blocks {first} to {end}")


@app.command("import-blocks")
def import_blocks(
    base_path: BasePath,
    file: Input = STANDARD,
    binary: Binary = False,
    verbose: Verbose = False,
    chain: opt.Chain = opt.DEV_SPEC,
) -> None:
    """Execute, verify and add blocks; those that are there are skipped, and a bad one ends it.

    A chain that isn't there yet is made. What came before a bad block stays.

    [bold]Example[/bold]

    fathom import-blocks -d ./copy blocks.json
    """
    import trio

    from node.maintenance import signed_block
    from node.maintenance.blocks import begun, import_blocks

    with _one_line_errors(), _input(file) as source:
        spec = ChainSpec.load(chain)
        blocks = begun(signed_block.read(source, binary=binary), spec.genesis_header().hash)
        with opened(base_path, spec, create=True) as offline:
            with progress("importing", total=None, unit="blocks", verbose=verbose) as at:
                done = trio.run(import_blocks, offline, blocks, at)
            head = f"the best one is #{offline.chain.best.number}, final #{offline.chain.finalized.number}"
    print(f"imported {done.imported} blocks, {done.known} were there: {head}")


@app.command("export-state")
def export_state(
    base_path: BasePath, block: AnyBlock = None, verbose: Verbose = False, chain: opt.Chain = opt.DEV_SPEC
) -> None:
    """Print a raw chain spec whose genesis state is that of a block.

    A chain that starts from it has all accounts and all else that was there, and none of the blocks.

    [bold]Example[/bold]

    fathom export-state 1000 -d ./mychain > fork.raw.json
    """
    from node.maintenance.state import exported_state

    with _one_line_errors():
        spec = ChainSpec.load(chain)
        with opened(base_path, spec) as offline, progress("exporting", total=None, unit="keys", verbose=verbose) as at:
            lines = exported_state(offline, spec, block, at)
            with _output(STANDARD) as output:
                output.writelines(line.encode() for line in lines)


@app.command()
def revert(
    base_path: BasePath,
    count: Annotated[int, typer.Argument(metavar="[NUM]", help="How many blocks.", min=1)] = 256,
    verbose: Verbose = False,
    chain: opt.Chain = opt.DEV_SPEC,
) -> None:
    """Take the last blocks back, final ones too: a chain that light clients or other nodes follow breaks by that.

    [bold]Example[/bold]

    fathom revert 10 -d ./mychain
    """
    from node.maintenance.state import revert

    with _one_line_errors(), opened(base_path, ChainSpec.load(chain)) as offline:
        with progress("reverting", total=None, unit="blocks", verbose=verbose) as at:
            done = revert(offline.chain, count, at)
        best = offline.chain.best
        final = f", {done.final} of them final" if done.final else ""
        print(f"reverted {done.blocks} blocks{final}: the best one is #{best.number}, 0x{best.hash.hex()}")


@app.command("purge-chain")
def purge_chain(
    base_path: BasePath,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
    chain: opt.Chain = opt.DEV_SPEC,
) -> None:
    """Remove the database of a chain; its keystore stays.

    [bold]Example[/bold]

    fathom purge-chain -d ./mychain -y
    """
    from node.maintenance.purge import purge

    with _one_line_errors():
        path = database_path(base_path, ChainSpec.load(chain))
        require_database(path)
        if not yes:
            _confirm(f'Are you sure to remove "{path}"?')
        with progress("removing", total=None, unit="files"):
            purge(path)
        print(f"removed {path}")


# How they run


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise MaintenanceError("there is no terminal to ask on: pass -y to remove the chain")
    print(f"{question} [y/N]: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise MaintenanceError("nothing was removed")


@contextmanager
def _input(file: Path) -> Iterator[IO[bytes]]:
    if file == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        source = open(file, "rb")  # noqa: SIM115
    except OSError as error:
        raise MaintenanceError(f"{file} can't be read: {error.strerror}") from None
    with source:
        yield source


@contextmanager
def _output(file: Path) -> Iterator[IO[bytes]]:
    """Where to write; a file appears, or is replaced, when all of it is there."""
    try:
        if file == STANDARD:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        elif file.exists() and not file.is_file():
            with open(file, "wb") as output:  # a pipe or a device
                yield output
        else:
            with _whole(file) as output:
                yield output
    except OSError as error:
        if file == STANDARD:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the rest is tried again at exit
        raise MaintenanceError(f"{'stdout' if file == STANDARD else file} can't be written: {error.strerror}") from None


@contextmanager
def _whole(file: Path) -> Iterator[IO[bytes]]:
    partial = file.with_name(f"{file.name}.partial")
    try:
        with open(partial, "wb") as output:
            yield output
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except (MaintenanceError, DatabaseError, InvalidChainSpec, UnknownRuntime) as error:
        fail(str(error))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
