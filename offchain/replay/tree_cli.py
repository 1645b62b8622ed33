"""`fathom receipt tree` and `fathom job tree`: what a run called, what that called, and what all of it cost.

Exit code 0 says that all receipts hold, 1 that one doesn't or can't be had, 2 that nobody can be asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import trio
import typer

from node.web import connect_websocket, request
from node.web.errors import WebError
from offchain import records
from offchain.chain import Chain, ChainError
from offchain.light.finalized import Finalized
from offchain.light.receipt_check import ReceiptRefused
from offchain.light.receipt_file import BadReceiptFile, ReceiptFile
from offchain.light.seal import FinalitySeal
from offchain.replay.cli import NODE_URL, AsJson, Url, app, job, receipt
from offchain.replay.tree import Branch, BrokenTree, Tree
from offchain.rpc import Client, RpcError
from offchain.serving.transcripts import find_transcript
from pallets.primitives.job_record import Job

__all__ = ["app"]

GATEWAY_URL = "http://127.0.0.1:8000"
NOBODY = bytes(32)
"""Whose name is on a seal that nobody keeps."""

Genesis = Annotated[
    str | None, typer.Option(help="The hash of the chain's first block, in hex.", show_default="as the node says")
]


@receipt.command("tree")
def tree_of_receipt(
    receipt: Annotated[str, typer.Argument(help="The receipt's file, or its id.")],
    url: Url = NODE_URL,
    gateway: Annotated[str, typer.Option(help="Who has the file, where its id is given.")] = GATEWAY_URL,
    genesis: Genesis = None,
    as_json: AsJson = False,
) -> None:
    """Verify a receipt and those of all calls of agents below it, and sum up what they cost.

    Exit code 1: one of them doesn't hold, or nobody has it any more.

    [bold]Example[/bold]

    fathom receipt tree 0x5f2a…
    """
    try:
        given = None if receipt.startswith("0x") else Path(receipt).read_bytes()
    except OSError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(2) from None

    async def grow(chain: Chain, tree: Tree) -> list[Branch]:
        content = await _file(gateway, receipt) if given is None else given
        return [await tree.of(ReceiptFile.parse(content))]

    _show(url, genesis, grow, as_json)


@job.command("tree")
def tree_of_job(
    id: Annotated[int, typer.Argument(help="The number of a job that is over.", min=0)],
    url: Url = NODE_URL,
    genesis: Genesis = None,
    as_json: AsJson = False,
) -> None:
    """Verify the receipts of all calls of agents that a job's run made, and sum up what they cost beside its fee.

    [bold]Example[/bold]

    fathom job tree 7
    """

    async def grow(chain: Chain, tree: Tree) -> list[Branch]:
        found: Job | None = await chain.read(records.JOB, id)
        if found is None or found.outcome is None:
            raise BrokenTree(f"there is no job {id}, or it has no output")
        root = found.outcome.transcript_root
        if root == bytes(32):
            return []
        transcript = await find_transcript(chain, root, [found.outcome.worker, *found.workers])
        if transcript is None:
            raise BrokenTree(f"no worker gives the transcript 0x{root.hex()} of job {id}, or it is sealed")
        return await tree.below(transcript, found.agent, 0)

    _show(url, genesis, grow, as_json)


def _show(url: str, genesis: str | None, grow: Callable[[Chain, Tree], Awaitable[list[Branch]]], as_json: bool) -> None:
    try:
        found: list[Branch] = trio.run(_grown, url, genesis, grow)
    except Exception as error:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, BrokenTree | ReceiptRefused | BadReceiptFile):
            print(f"Error: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        if isinstance(error, ChainError | RpcError | WebError | OSError | ValueError):
            print(f"Error: {error}", file=sys.stderr)
            raise SystemExit(2) from None
        raise
    total = sum(branch.charge for branch in found)
    if as_json:
        print(json.dumps({"charge": str(total), "receipts": [_plain(branch) for branch in found]}))
        return
    for branch in found:
        _print(branch, 0)
    print(f"{total} in all, {sum(1 for branch in found for _ in branch.all())} receipts, each verified")


async def _grown(url: str, genesis: str | None, grow: Callable[[Chain, Tree], Awaitable[list[Branch]]]) -> list[Branch]:
    async with trio.open_nursery() as nursery:
        client = Client(partial(connect_websocket, url), url)
        await nursery.start(client.run)
        trusted = None if genesis is None else bytes.fromhex(genesis.removeprefix("0x"))
        chain = await Chain.open(client) if trusted is None else Chain(client, trusted)
        found = await grow(chain, Tree(chain, Finalized(chain, FinalitySeal(None, NOBODY, chain.genesis))))
        nursery.cancel_scope.cancel()
    return found


async def _file(gateway: str, id: str) -> bytes:
    answer = await request(f"{gateway.rstrip('/')}/receipts/{id}")
    if answer.status != 200:
        raise BrokenTree(f"the gateway has no receipt {id}: {answer.body[:200].decode('utf-8', 'replace')}")
    return bytes(answer.body)


def _plain(branch: Branch) -> dict[str, Any]:
    receipt = branch.file.receipt
    named = {"id": f"0x{branch.file.id.hex()}", "agent": str(receipt.agent), "charge": str(receipt.charge)}
    more = {"gas": str(receipt.gas), "worker": f"0x{branch.file.worker.hex()}"}
    return named | more | {"calls": [_plain(call) for call in branch.calls]}


def _print(branch: Branch, depth: int) -> None:
    file, receipt = branch.file, branch.file.receipt
    asked = "" if file.request is None else f"{file.request.method} {file.request.path}"
    print(f"{'  ' * depth}0x{file.id.hex()[:16]}…  agent {receipt.agent}  {asked}  charge {receipt.charge}")
    for call in branch.calls:
        _print(call, depth + 1)
