"""`fathom build-spec`, `export-chain-spec` and `chain-info`: what a chain starts from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from node.commands import options as opt
from node.exit import fail

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.command("build-spec")
def build_spec(
    chain: opt.Chain = opt.DEV_SPEC,
    raw: Annotated[bool, typer.Option("--raw", help="Genesis as raw storage, which any client reads.")] = False,
    disable_default_bootnode: Annotated[
        bool, typer.Option("--disable-default-bootnode", help="Leave out the spec's boot nodes.")
    ] = False,
) -> None:
    """Print a chain spec.

    A plain spec holds the pallets' genesis configuration and is easy to edit; a raw one holds the genesis state, key by
    key. Both make the same chain.

    [bold]Example[/bold]

    fathom build-spec --raw > mychain.raw.json
    """
    print(_document(chain, raw=raw, without_boot_nodes=disable_default_bootnode))


@app.command("export-chain-spec")
def export_chain_spec(
    chain: opt.Chain = opt.DEV_SPEC,
    raw: Annotated[bool, typer.Option("--raw", help="Genesis as raw storage, which any client reads.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Where to write it, if not to stdout.", metavar="FILE", show_default="stdout")
    ] = None,
) -> None:
    """Write a chain spec: what newer nodes have instead of build-spec.

    [bold]Example[/bold]

    fathom export-chain-spec --raw --output mychain.raw.json
    """
    text = _document(chain, raw=raw)
    if output is None:
        print(text)
        return
    try:
        output.write_text(f"{text}\n")
    except OSError as error:
        fail(f"{output} can't be written: {error.strerror}")


@app.command("chain-info")
def chain_info(chain: opt.Chain = opt.DEV_SPEC, json_output: opt.Json = False) -> None:
    """Print a chain's name, genesis hash and state root.

    They are computed from the spec; no database is needed. Two nodes are of one chain if the genesis hash is the same.

    [bold]Example[/bold]

    fathom chain-info --chain mychain.raw.json --json
    """
    from node.chain_spec import ChainSpec

    with _one_line_errors():
        spec = ChainSpec.load(chain)
        header = spec.genesis_header()
        info: dict[str, Any] = {
            "name": spec.name,
            "id": spec.id,
            "genesis_hash": f"0x{header.hash.hex()}",
            "state_root": f"0x{header.state_root.hex()}",
            "state_version": spec.state_version,
            "keys": len(spec.genesis),
        }
    if json_output:
        print(json.dumps(info))
    else:
        for key, value in info.items():
            print(f"{key.replace('_', ' '):>14}  {value}")


def _document(chain: Path, *, raw: bool, without_boot_nodes: bool = False) -> str:
    from node.chain_spec import ChainSpec

    with _one_line_errors():
        spec = ChainSpec.load(chain)
        document = spec.raw_document() if raw else dict(spec.document)
    if without_boot_nodes and "bootNodes" in document:
        document["bootNodes"] = []
    return json.dumps(document, indent=2)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    from node.chain_spec import InvalidChainSpec

    try:
        yield
    except InvalidChainSpec as error:
        fail(str(error))
