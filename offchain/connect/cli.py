"""`fathom connect`: look at Kusama, Phala and others: blocks, storage, accounts, runtimes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain.connect.options import (
    AsJson,
    At,
    Endpoints,
    Genesis,
    Limit,
    NetworkName,
    Timeout,
    genesis_of,
    hex_argument,
    plain_argument,
)
from offchain.connect.session import Target, mendable, on_remote

if TYPE_CHECKING:
    from offchain.connect.chain import DecodedBlock, RemoteChain

app = typer.Typer(
    name="connect",
    help="Look at Kusama, Phala and others: blocks, storage, accounts, runtimes.\n\n"
    "[bold]Example[/bold]\n\nfathom connect kusama head -f",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Pallet = Annotated[str, typer.Argument(help="Name of the pallet, in whatever case.")]
PHALA = "Phala and Khala"


@app.callback()
def connect(
    context: typer.Context,
    network: NetworkName,
    endpoint: Endpoints = None,
    genesis: Genesis = None,
    timeout: Timeout = None,
) -> None:
    """Connects to the first endpoint that answers, and to another one when it fails."""
    context.obj = Target(network, tuple(endpoint or ()), genesis_of(genesis), timeout)


@app.command()
def info(context: typer.Context, as_json: AsJson = False) -> None:
    """Show which chain it is, its runtime, and how far it is.

    [bold]Example[/bold]

    fathom connect kusama info
    """
    from offchain.connect import output

    found = on_remote(context.obj, _info)
    output.print_json(found) if as_json else output.print_fields(found)


@app.command()
def head(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Show blocks as they come.")] = False,
    start: Annotated[
        str | None, typer.Option("--from", metavar="BLOCK", help="First show the blocks from this one on.")
    ] = None,
    final: Annotated[bool, typer.Option("--final", help="Final blocks only.")] = False,
    events: Annotated[bool, typer.Option("--events", help="All events, fees and successes included.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the newest block, or blocks as they come, decoded.

    After a lost connection it goes on where it was: no block is left out, none comes twice. A best block that is
    replaced by another one is said to be retracted.

    [bold]Example[/bold]

    fathom connect kusama head -f --from 20000000 --json | jq .number
    """
    from offchain.connect.heads import show_heads

    on_remote(context.obj, lambda chain: show_heads(chain, follow, start, final, events, as_json))


@app.command()
def block(
    context: typer.Context,
    which: Annotated[str | None, typer.Argument(metavar="[BLOCK]", help="Number or hash, `best` or `final`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a block with its extrinsics and events. Its hash and the root of its extrinsics are checked.

    [bold]Example[/bold]

    fathom connect polkadot block 18468942
    """
    from offchain.connect import output, shown

    decoded = on_remote(context.obj, lambda chain: _decoded(chain, which))
    if as_json:
        output.print_json(shown.block_json(decoded))
    else:
        print(output.printable("\n".join(shown.block_lines(decoded, all_events=True))))


@app.command()
def extrinsic(
    context: typer.Context,
    which: Annotated[str, typer.Argument(metavar="EXTRINSIC", help="BLOCK-INDEX such as 18468942-2, or a hash.")],
    at: At = None,
    depth: Annotated[
        int, typer.Option(metavar="BLOCKS", min=1, max=4096, help="How far back a hash is looked for.")
    ] = 64,
    as_json: AsJson = False,
) -> None:
    """Show an extrinsic with its events, its fee and its error.

    [bold]Example[/bold]

    fathom connect polkadot extrinsic 18468942-2
    """
    from offchain.connect import output
    from offchain.connect.found import find_extrinsic

    found = on_remote(context.obj, lambda chain: find_extrinsic(chain, which, at, depth))
    output.print_json(found) if as_json else output.print_tree(found)


@app.command()
def events(
    context: typer.Context,
    which: Annotated[str | None, typer.Argument(metavar="[BLOCK]", help="Number or hash, `best` or `final`.")] = None,
    name: Annotated[str | None, typer.Option("--only", metavar="PALLET[.EVENT]", help="Of this name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a block's events.

    [bold]Example[/bold]

    fathom connect kusama events --only Balances.Transfer
    """
    from offchain.connect import output, shown
    from offchain.connect.found import named_events

    found = on_remote(context.obj, lambda chain: named_events(chain, which, name))
    if as_json:
        output.print_json([shown.event_json(each) for each in found])
        return
    rows = [(each.extrinsic, f"{each.pallet}.{each.name}", shown.fields_line(each.fields)) for each in found]
    output.print_table(("extrinsic", "event", "fields"), rows)


@app.command()
def storage(
    context: typer.Context,
    pallet: Annotated[str | None, typer.Argument(help="Name of the pallet; all pallets unless given.")] = None,
    item: Annotated[str | None, typer.Argument(help="Name of the item; the pallet's items unless given.")] = None,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEYS]…", help="A map's keys, or the first of them.")
    ] = None,
    at: At = None,
    limit: Limit = None,
    prove: Annotated[bool, typer.Option("--prove", help="Believe the value on a proof against the header.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is stored: an entry, all entries under some keys, or which items there are.

    [bold]Example[/bold]

    fathom connect phala storage PhalaRegistry Workers --limit 10
    """
    from offchain.connect import output
    from offchain.connect.found import items, stored

    if pallet is None or item is None:
        rows = on_remote(context.obj, lambda chain: items(chain, pallet, at))
        output.print_json(rows) if as_json else output.print_table(("item", "keys", "value", "docs"), _columns(rows))
        return
    given = [plain_argument(key) for key in keys or []]
    found = on_remote(context.obj, lambda chain: stored(chain, pallet, item, given, at, limit, prove))
    if as_json:
        output.print_json(found)
    elif isinstance(found, dict) and set(found) == {"entries"}:
        output.print_table(("keys", "value"), [(each["keys"], each["value"]) for each in found["entries"]])
    else:
        output.print_tree(found["value"])


@app.command()
def constants(
    context: typer.Context,
    pallet: Annotated[str | None, typer.Argument(help="Name of the pallet; all pallets unless given.")] = None,
    name: Annotated[str | None, typer.Argument(help="Name of the constant.")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show constants of the runtime.

    [bold]Example[/bold]

    fathom connect kusama constants Balances
    """
    from offchain.connect import output
    from offchain.connect.found import constants_of

    rows = on_remote(context.obj, lambda chain: constants_of(chain, pallet, name, at))
    output.print_json(rows) if as_json else output.print_table(("constant", "type", "value", "docs"), _columns(rows))


@app.command()
def calls(
    context: typer.Context,
    pallet: Annotated[str | None, typer.Argument(help="Name of the pallet; all pallets unless given.")] = None,
    name: Annotated[str | None, typer.Argument(help="Name of the call.")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show which calls there are, and what they take.

    [bold]Example[/bold]

    fathom connect kusama calls Balances
    """
    from offchain.connect import output
    from offchain.connect.found import calls_of

    rows = on_remote(context.obj, lambda chain: calls_of(chain, pallet, name, at))
    output.print_json(rows) if as_json else output.print_table(("call", "arguments", "docs"), _columns(rows))


@app.command()
def account(
    context: typer.Context,
    who: Annotated[str, typer.Argument(help="Address, of whatever network's format, or 32 bytes in hex.")],
    at: At = None,
    prove: Annotated[bool, typer.Option("--prove", help="Believe it on a proof against the header.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an account: its balance, locks and nonce.

    [bold]Example[/bold]

    fathom connect kusama account HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F
    """
    from offchain.connect import output
    from offchain.connect.found import account_of

    found, money = on_remote(context.obj, lambda chain: account_of(chain, who, at, prove))
    if as_json:
        output.print_json(found)
    else:
        output.print_fields({**found, **money})


@app.command()
def decode(
    context: typer.Context,
    data: Annotated[str, typer.Argument(metavar="HEX|@FILE", help="The bytes.")],
    kind: Annotated[
        str | None,
        typer.Option("--as", metavar="KIND", help="extrinsic, call, events, metadata, header, account or key."),
    ] = None,
    of: Annotated[str | None, typer.Option("--storage", metavar="PALLET.ITEM", help="The value of this item.")] = None,
    metadata: Annotated[
        str | None, typer.Option(metavar="FILE", help="Metadata to decode by, without the network.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Decode bytes: says what they are, or takes them for what you say.

    [bold]Example[/bold]

    fathom connect kusama decode 0x2503000b… --as call
    """
    from offchain.connect import output
    from offchain.connect.found import decode_by_file, decode_bytes

    content = hex_argument(data)
    if metadata is not None:
        with mendable():
            found = decode_by_file(context.obj.network, hex_argument(f"@{metadata}"), content, kind, of)
    else:
        found = on_remote(context.obj, lambda chain: decode_bytes(chain, content, kind, of, at))
    if as_json:
        output.print_json(found)
        return
    for each in found:
        print(f"{each['kind']}:")
        output.print_tree(each["value"], 1)


@app.command()
def metadata(
    context: typer.Context,
    difference: Annotated[
        tuple[str, str] | None,
        typer.Option("--diff", metavar="A B", help="What changed from A to B: blocks, or @FILE each."),
    ] = None,
    save: Annotated[str | None, typer.Option("--save", metavar="FILE", help="Write it to a file, as SCALE.")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show a runtime's pallets, or what changed from one runtime to another.

    [bold]Example[/bold]

    fathom connect kusama metadata --diff 20000000 final
    """
    from offchain.connect import output
    from offchain.connect.found import metadata_difference, metadata_saved, metadata_shown

    if difference is not None:
        files = [hex_argument(each) if each.startswith("@") else None for each in difference]
        if None not in files:
            from offchain.connect.found import difference_of

            with mendable():
                changes = difference_of([each for each in files if each is not None])
        else:
            changes = on_remote(context.obj, lambda chain: metadata_difference(chain, difference, files))
        if as_json:
            output.print_json([each._asdict() for each in changes])
        else:
            print(output.printable("\n".join(each.text for each in changes)) or "nothing changed")
        return
    if save is not None:
        size = on_remote(context.obj, lambda chain: metadata_saved(chain, save, at))
        print(f"{save}: {size:,} bytes")
        return
    rows = on_remote(context.obj, lambda chain: metadata_shown(chain, at))
    columns = ("index", "pallet", "calls", "events", "errors", "storage", "constants")
    output.print_json(rows) if as_json else output.print_table(columns, _columns(rows))


@app.command(rich_help_panel=PHALA)
def workers(context: typer.Context, at: At = None, limit: Limit = None, as_json: AsJson = False) -> None:
    """Show Phala's workers: attestation, confidence, score, session, pool.

    [bold]Example[/bold]

    fathom connect phala workers --limit 20
    """
    from dataclasses import asdict

    from offchain.connect import phala

    async def read(chain: RemoteChain) -> list[dict[str, Any]]:
        return [asdict(each) for each in await phala.workers(chain, await chain.resolve(at), limit)]

    rows = on_remote(context.obj, read)
    names = ("pubkey", "provider", "confidence", "initial_score", "state", "instant_score", "stake", "pool", "operator")
    _print_rows(rows, names, as_json)


@app.command(rich_help_panel=PHALA)
def sessions(context: typer.Context, at: At = None, limit: Limit = None, as_json: AsJson = False) -> None:
    """Show Phala's sessions: worker, state, V, scores, stake.

    [bold]Example[/bold]

    fathom connect khala sessions --limit 20
    """
    _phala(context.obj, "sessions", at, limit, as_json)


@app.command(rich_help_panel=PHALA)
def pools(context: typer.Context, at: At = None, limit: Limit = None, as_json: AsJson = False) -> None:
    """Show Phala's stake pools and vaults.

    [bold]Example[/bold]

    fathom connect phala pools
    """
    _phala(context.obj, "pools", at, limit, as_json)


@app.command(rich_help_panel=PHALA)
def clusters(context: typer.Context, at: At = None, limit: Limit = None, as_json: AsJson = False) -> None:
    """Show Phala's clusters.

    [bold]Example[/bold]

    fathom connect phala clusters
    """
    _phala(context.obj, "clusters", at, limit, as_json)


@app.command(rich_help_panel=PHALA)
def contracts(context: typer.Context, at: At = None, limit: Limit = None, as_json: AsJson = False) -> None:
    """Show Phala's phat contracts.

    [bold]Example[/bold]

    fathom connect phala contracts
    """
    _phala(context.obj, "contracts", at, limit, as_json)


def _phala(target: Target, view: str, at: str | None, limit: int | None, as_json: bool) -> None:
    from offchain.connect import phala

    async def read(chain: RemoteChain) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await getattr(phala, view)(chain, await chain.resolve(at), limit)
        return found

    rows = on_remote(target, read)
    _print_rows(rows, tuple(rows[0]) if rows else (), as_json)


def _print_rows(rows: list[dict[str, Any]], names: tuple[str, ...], as_json: bool) -> None:
    from offchain.connect import output

    if as_json:
        output.print_json(rows)
    elif rows:
        output.print_table(names, [[row.get(name) for name in names] for row in rows])
        print(f"{len(rows):,} in all")
    else:
        print("there are none")


def _columns(rows: list[dict[str, Any]]) -> list[list[Any]]:
    return [list(row.values()) for row in rows]


async def _decoded(chain: RemoteChain, which: str | None) -> DecodedBlock:
    return await chain.decoded(await chain.block(await chain.resolve(which)))


async def _info(chain: RemoteChain) -> dict[str, Any]:
    from offchain.connect.found import overview

    return await overview(chain)
