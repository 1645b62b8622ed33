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

from node.chain_spec import DEV_SPEC, ChainSpec, InvalidChainSpec
from node.executor import UnknownRuntime
from node.maintenance.errors import MaintenanceError
from node.maintenance.offline import database_path, opened, require_database
from node.state.errors import DatabaseError

app = typer.Typer(
    name="fathom",
    help="Work on the database of a chain that no node has open.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

BasePath = Annotated[Path, typer.Option(help="Where the chain is kept.")]
Chain = Annotated[Path, typer.Option(help="Chain spec file, plain or raw.", show_default="the dev chain")]
Block = Annotated[str, typer.Argument(metavar="HASH_OR_NUMBER", help="A block, by its hash or its number.")]
AnyBlock = Annotated[str | None, typer.Argument(metavar="[HASH_OR_NUMBER]", help="A block; without it the best one.")]
Output = Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to; without it, or as -, to stdout.")]
Input = Annotated[Path, typer.Argument(metavar="[FILE]", help="Where from; without it, or as -, from stdin.")]
Binary = Annotated[bool, typer.Option("--binary", help="SCALE instead of JSON.")]
STANDARD = Path("-")


@app.command("check-block")
def check_block(block: Block, base_path: BasePath, chain: Chain = DEV_SPEC) -> None:
    """Execute a block again, and compare what comes of it with its header."""
    from node.maintenance.blocks import check_block

    with _one_line_errors(), opened(base_path, ChainSpec.load(chain)) as offline:
        print(check_block(offline, block))


@app.command("export-blocks")
def export_blocks(
    base_path: BasePath,
    file: Output = STANDARD,
    first: Annotated[int, typer.Option("--from", help="The first block.", min=0)] = 1,
    last: Annotated[int | None, typer.Option("--to", help="The last block; without it the best one.", min=0)] = None,
    binary: Binary = False,
    chain: Chain = DEV_SPEC,
) -> None:
    """Write the blocks of the best chain, one JSON object a line."""
    from node.maintenance import signed_block
    from node.maintenance.blocks import check_range, exported

    with _one_line_errors(), opened(base_path, ChainSpec.load(chain)) as offline:
        end = offline.chain.best.number if last is None else last
        check_range(offline.chain, first, end)
        with _output(file) as output:
            signed_block.write(exported(offline.chain, first, end, _say), end - first + 1, output, binary=binary)
        _say(f"exported blocks {first} to {end}")


@app.command("import-blocks")
def import_blocks(base_path: BasePath, file: Input = STANDARD, binary: Binary = False, chain: Chain = DEV_SPEC) -> None:
    """Execute, verify and add blocks; those that are there are skipped, and a bad one ends it."""
    import trio

    from node.maintenance import signed_block
    from node.maintenance.blocks import begun, import_blocks

    with _one_line_errors(), _input(file) as source:
        spec = ChainSpec.load(chain)
        blocks = begun(signed_block.read(source, binary=binary), spec.genesis_header().hash)
        with opened(base_path, spec, create=True) as offline:
            done = trio.run(import_blocks, offline, blocks, _say)
            head = f"the best one is #{offline.chain.best.number}, final #{offline.chain.finalized.number}"
    print(f"imported {done.imported} blocks, {done.known} were there: {head}")


@app.command("export-state")
def export_state(base_path: BasePath, block: AnyBlock = None, chain: Chain = DEV_SPEC) -> None:
    """Print a raw chain spec whose genesis state is that of a block."""
    from node.maintenance.state import exported_state

    with _one_line_errors():
        spec = ChainSpec.load(chain)
        with opened(base_path, spec) as offline:
            lines = exported_state(offline, spec, block)
            with _output(STANDARD) as output:
                output.writelines(line.encode() for line in lines)


@app.command()
def revert(
    base_path: BasePath,
    count: Annotated[int, typer.Argument(metavar="[NUM]", help="How many blocks.", min=1)] = 256,
    chain: Chain = DEV_SPEC,
) -> None:
    """Take the last blocks back, final ones too: a chain that light clients or other nodes follow breaks by that."""
    from node.maintenance.state import revert

    with _one_line_errors(), opened(base_path, ChainSpec.load(chain)) as offline:
        done = revert(offline.chain, count)
        best = offline.chain.best
        final = f", {done.final} of them final" if done.final else ""
        print(f"reverted {done.blocks} blocks{final}: the best one is #{best.number}, 0x{best.hash.hex()}")


@app.command("purge-chain")
def purge_chain(
    base_path: BasePath,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
    chain: Chain = DEV_SPEC,
) -> None:
    """Remove the database of a chain."""
    from node.maintenance.purge import purge

    with _one_line_errors():
        path = database_path(base_path, ChainSpec.load(chain))
        require_database(path)
        if not yes:
            _confirm(f"Remove {path}?")
        purge(path)
        print(f"removed {path}")


# How they run


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise MaintenanceError("there is no terminal to ask on: pass -y to remove the chain")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
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
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
