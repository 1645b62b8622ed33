"""`fathom verify` of a receipt's file: `offchain.light.receipt_check` over a node that is trusted for nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from node.commands.key_terms import hex_bytes
from node.exit import fail

if TYPE_CHECKING:
    from offchain.light.receipt_file import ReceiptFile

SECONDS = 120.0
"""How long the node has to answer everything."""


def is_receipt(argument: str) -> bool:
    """Whether this names a file that begins as a JSON object does."""
    try:
        with Path(argument).open("rb") as file:
            return file.read(64).lstrip().startswith(b"{")
    except (OSError, ValueError):
        return False


def verify_receipt(path: str, url: str | None, genesis: str | None) -> None:
    """Prints what is proven of a receipt's file, or ends with one line that names what fails."""
    from offchain.light.receipt_check import ReceiptRefused, check_alone
    from offchain.light.receipt_file import MAX_FILE, BadReceiptFile, ReceiptFile

    trusted = None if genesis is None else hex_bytes(genesis)
    if genesis is not None and (trusted is None or len(trusted) != 32):
        fail(f"--genesis takes a block hash of 32 bytes in hex, not {genesis!r}")
    try:
        with Path(path).open("rb") as handle:
            content = handle.read(MAX_FILE + 1)
    except OSError as error:
        fail(f"{path} can't be read: {error.strerror}")
    try:
        file = ReceiptFile.parse(content)
        check_alone(file)
    except (BadReceiptFile, ReceiptRefused) as error:
        fail(str(error))
    if url is None:
        fail("a receipt is verified against a chain: give --url, the RPC of any node of it")
    lines = _asked(file, url, trusted)
    print(f"Receipt 0x{file.id.hex()} holds.")
    for line in lines:
        print(line)
    if trusted is None:
        print(f"genesis     0x{file.genesis.hex()}, as the node says: NOT CHECKED, for that give --genesis")
    else:
        print(f"genesis     0x{file.genesis.hex()}, as given: nothing else is trusted")


def _asked(file: ReceiptFile, url: str, genesis: bytes | None) -> list[str]:
    import trio

    found = trio.run(_checked, file, url, genesis)
    if isinstance(found, str):
        fail(found)
    return found


async def _checked(file: ReceiptFile, url: str, genesis: bytes | None) -> list[str] | str:
    """What is proven, or why nothing is."""
    import trio

    from node.web import connect_websocket
    from node.web.errors import WebError
    from offchain.chain import Chain, ChainError
    from offchain.light.finalized import Finalized
    from offchain.light.receipt_check import ReceiptRefused, check_on_chain
    from offchain.light.seal import FinalitySeal
    from offchain.rpc import Client, RpcError

    link = "ws" + url.removeprefix("http") if url.startswith("http") else url
    result: list[str] | str = f"{url} gave no answer within {SECONDS:g} seconds"
    with trio.move_on_after(SECONDS):
        try:
            async with trio.open_nursery() as nursery:
                client = Client(partial(connect_websocket, link), url)
                await nursery.start(client.run)
                try:
                    chain = await Chain.open(client) if genesis is None else Chain(client, genesis)
                    seal = FinalitySeal(None, file.worker, chain.genesis)
                    result = await check_on_chain(file, Finalized(chain, seal))
                except (ReceiptRefused, ChainError, RpcError) as error:
                    result = str(error)
                nursery.cancel_scope.cancel()
        except* (WebError, OSError) as group:
            result = f"{url}: {_first(group)}"
    return result


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
