"""`fathom job replay` and `fathom receipt replay`: is what a worker says what comes of the same run here?

As with `cmp`, exit code 0 says that it is, 1 that it isn't, 2 that it can't be found out.
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

from node.web import connect_websocket
from node.web.errors import WebError
from offchain.cache import user_cache
from offchain.chain import Chain, ChainError
from offchain.light.receipt_file import BadReceiptFile, ReceiptFile
from offchain.replay.errors import CannotReplay
from offchain.replay.job import replay_job
from offchain.replay.receipt import replay_receipt
from offchain.replay.run import Replay
from offchain.rpc import Client, RpcError
from offchain.sandbox.base import SandboxError
from offchain.sandbox.pool import Pool, open_pool
from pallets.primitives.scale import DecodeError
from pallets.primitives.transcript import Transcript, read_transcript

MENDABLE = (CannotReplay, ChainError, RpcError, WebError, SandboxError, BadReceiptFile, OSError)

app = typer.Typer(pretty_exceptions_enable=False)
job = typer.Typer(name="job", help="Look after jobs.", no_args_is_help=True, pretty_exceptions_enable=False)
receipt = typer.Typer(name="receipt", help="Look after receipts.", no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(job)
app.add_typer(receipt)

Url = Annotated[str, typer.Option(help="WebSocket of a node that keeps old states.", envvar="FATHOM_URL")]
TranscriptFile = Annotated[
    Path | None, typer.Option("--transcript", help="What came from outside.", show_default="asked of the worker")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
NODE_URL = "ws://127.0.0.1:9944"


@job.callback()
def jobs() -> None:
    """Stands for all commands of jobs."""


@receipt.callback()
def receipts() -> None:
    """Stands for all commands of receipts."""


@job.command("replay")
def replay_of_job(
    id: Annotated[int, typer.Argument(help="The number of a job that is over.", min=0)],
    url: Url = NODE_URL,
    transcript: TranscriptFile = None,
    input: Annotated[
        Path | None, typer.Option(help="What it was run on.", show_default="asked of the chain, or of workers")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a job again, and compare output and gas with what the chain says.

    Exit code 1: they differ. 2: there is no replay.

    [bold]Example[/bold]

    fathom job replay 7
    """
    given = None if transcript is None else _transcript(transcript)
    try:
        data = None if input is None else input.read_bytes()
    except OSError as error:
        raise _ended(str(error)) from None
    _report(_replayed(url, lambda chain, pool: replay_job(chain, id, pool, given, data)), as_json)


@receipt.command("replay")
def replay_of_receipt(
    file: Annotated[Path, typer.Argument(help="The receipt's file, as a gateway gives it.")],
    url: Url = NODE_URL,
    transcript: TranscriptFile = None,
    secret: Annotated[str | None, typer.Option(help="JSON that the script was given as `secret`.")] = None,
    header: Annotated[list[str] | None, typer.Option("-H", help="A header with credentials: `name: value`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a request again from its receipt, and compare answer and gas.

    Exit code 1: they differ. 2: there is no replay.

    [bold]Example[/bold]

    fathom receipt replay receipt.json
    """
    given = None if transcript is None else _transcript(transcript)
    parted = [each.partition(":") for each in header or []]
    if any(not colon for _, colon, _ in parted):
        raise _ended("a header is `name: value`")
    credentials = [(name.strip().lower(), value.strip()) for name, _, value in parted]
    try:
        parsed = ReceiptFile.parse(file.read_bytes())
    except (BadReceiptFile, OSError) as error:
        raise _ended(str(error)) from None
    try:
        told = None if secret is None else json.loads(secret)
    except ValueError:
        raise _ended("what --secret gives is no JSON") from None

    def replay(chain: Chain, pool: Pool) -> Awaitable[Replay]:
        return replay_receipt(chain, parsed, pool, transcript=given, secret=told, credentials=credentials)

    _report(_replayed(url, replay), as_json)


def _replayed(url: str, replay: Callable[[Chain, Pool], Awaitable[Replay]]) -> Replay:
    try:
        found: Replay = trio.run(_run, url, replay)
    except Exception as error:
        refusal = _mendable(error)
        if refusal is None:
            raise
        raise _ended(refusal) from None
    return found


async def _run(url: str, replay: Callable[[Chain, Pool], Awaitable[Replay]]) -> Any:
    async with open_pool(slots=1, waiting=1, cache=user_cache()) as pool, trio.open_nursery() as nursery:
        client = Client(partial(connect_websocket, url), url)
        await nursery.start(client.run)
        found = await replay(await Chain.open(client), pool)
        nursery.cancel_scope.cancel()
    return found


def _report(found: Replay, as_json: bool) -> None:
    if as_json:
        text, same = found.output.decode("utf-8", "replace"), not found.differences
        print(json.dumps({"same": same, "gas": found.gas, "output": text, "differences": found.differences}))
    else:
        verdict = "NOT as said" if found.differences else "as said"
        print(f"gas {found.gas}, output of {len(found.output)} bytes: {verdict}")
    if found.differences:
        for line in found.differences:
            print(f"Error: {line}", file=sys.stderr)
        raise SystemExit(1)


def _transcript(path: Path) -> Transcript:
    try:
        return read_transcript(path.read_bytes())
    except (DecodeError, OSError) as error:
        raise _ended(f"{path} is no transcript: {error}") from None


def _mendable(error: BaseException) -> str | None:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, MENDABLE) else None


def _ended(message: str) -> SystemExit:
    print(f"Error: {message}", file=sys.stderr)
    return SystemExit(2)
