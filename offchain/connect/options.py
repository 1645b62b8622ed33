"""Arguments and options that the commands on other chains share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from node.exit import fail
from offchain.programs import bytes32

NetworkName = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK", help="polkadot, kusama, phala, khala, westend, paseo, …, or a ws:// or wss:// URL."
    ),
]
Endpoints = Annotated[
    list[str] | None,
    typer.Option("--endpoint", metavar="URL", help="Ask here instead of the list's endpoints; may be given again."),
]
Genesis = Annotated[
    str | None, typer.Option("--genesis", metavar="HASH", help="What the chain's first block has to be.")
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long an answer may take.", show_default="30"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts: big integers as decimal strings.")]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="BLOCK", help="Number or hash of a block, `best` or `final`.", show_default="best"),
]
Limit = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="No more than so many.")]


def genesis_of(text: str | None) -> bytes | None:
    """The hash of `--genesis`."""
    return bytes32(text, "--genesis", "block hash")


def plain_argument(text: str) -> Any:
    """A value of the command line: JSON where it is JSON, with integers of any size; text otherwise."""
    try:
        return json.loads(text, parse_float=_no_float)
    except (ValueError, RecursionError):
        return text


def hex_argument(text: str) -> bytes:
    """Bytes in hex, or `@` and the name of a file of bytes or of hex; ends the command where it is neither."""
    if text.startswith("@"):
        try:
            content = Path(text[1:]).read_bytes()
        except OSError as error:
            fail(f"{text[1:]} can't be read: {error.strerror}")
        stripped = content.strip()
        if not stripped.startswith(b"0x"):
            return _unzipped(content)
        text = stripped.decode("ascii", errors="replace")
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        fail(f"{text[:40]!r} is no hex: give 0x and pairs of digits, or @FILE")


def _unzipped(content: bytes) -> bytes:
    import gzip

    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError):
        fail("the file begins as gzip does, and isn't whole")


def _no_float(text: str) -> str:
    return text  # amounts such as 1.5 stay what was written
