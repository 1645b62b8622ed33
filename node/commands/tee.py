"""`fathom tee mint`, `inspect` and `corrupt`: quotes made, looked into and spoilt.

What is minted is of the simulated TEE: its keys are public, and it proves nothing about hardware.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import typer

from node.commands import options as opt
from node.commands.tee_inspection import Inspection, inspect, quote_bytes
from node.exit import fail
from offchain.simulated_tee import (
    DEV_EXPIRES,
    DEV_FMSPC,
    DEV_ISSUED,
    DEV_PLATFORM,
    Platform,
    SgxMeasurements,
    SimulatedTeeError,
    TcbStatus,
    TdxForm,
    TdxMeasurements,
    collateral,
    dev_tcb,
    mint_quote,
)
from offchain.simulated_tee.faults import FAULTS, Corrupted, corrupt, flip

app = typer.Typer(
    help="Quotes of trusted execution environments: minted by the simulated one, inspected, and corrupted for tests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

MAX_FILE = 1 << 20
FLIP = "flip"
LIST = "\n\n".join(f"{name}: {fault.about} ({fault.error})" for name, fault in FAULTS.items())
CORRUPT = f"""Spoil a quote, or what it is judged by, in one way.

In brackets stands the error of `Attestation` that each fault ends with. Any quote can have those up to `body`, only
simulated ones the others.

[bold]Examples[/bold]

fathom tee corrupt debug quote.bin --output bad.bin

fathom tee corrupt machine-revoked quote.bin --output bad.bin --collateral bad.json

[bold]Faults[/bold]

{FLIP}: a byte is changed, see --place

{LIST}
"""

Quote = Annotated[Path, typer.Argument(help="A quote: its bytes, or their hex or base64.", metavar="QUOTE")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Where to write it, as bytes.", metavar="FILE", show_default="hex")
]
At = Annotated[
    int | None, typer.Option(help="At which time, in unix seconds.", metavar="UNIX_SECONDS", show_default="now", min=0)
]


@app.command()
def mint(
    tee: Annotated[Literal["sgx", "tdx"], typer.Option(help="Kind of enclave.")] = "sgx",
    form: Annotated[
        TdxForm, typer.Option(help="Version of a TDX quote; 5/1.5 holds a report of TDX 1.5 instead of 1.0.")
    ] = "4",
    status: Annotated[
        str, typer.Option(help=f"How the machine is rated: {', '.join(TcbStatus)}.", metavar="STATUS")
    ] = "UpToDate",
    report_data: Annotated[str, typer.Option(help="Up to 64 bytes in hex, filled up with zeros.", metavar="HEX")] = "",
    runtime_id: Annotated[
        str, typer.Option(help="32 bytes in hex: the runtime that the enclave measures.", metavar="HEX")
    ] = "00" * 32,
    machine: Annotated[str | None, typer.Option(help="A name that tells the machine from others.")] = None,
    fmspc: Annotated[str, typer.Option(help="6 bytes in hex: the machine's model.", metavar="HEX")] = DEV_FMSPC.hex(),
    debug: Annotated[bool, typer.Option("--debug", help="The enclave runs in debug mode.")] = False,
    certified_from: Annotated[int, typer.Option(help="The machine's certificate holds from then on.", min=0)] = 0,
    certified_until: Annotated[
        int, typer.Option(help="And until then.", show_default="9999")
    ] = DEV_PLATFORM.valid_until,
    output: Output = None,
    collateral_output: Annotated[
        Path | None, typer.Option("--collateral", help="Write the collateral of such machines, too.", metavar="FILE")
    ] = None,
    issued: Annotated[int, typer.Option(help="From when on the collateral counts.", min=0)] = DEV_ISSUED,
    expires: Annotated[int, typer.Option(help="Until when.", min=0)] = DEV_EXPIRES,
    evaluation: Annotated[int, typer.Option(help="The collateral's evaluation number.", min=0)] = 1,
    crl_number: Annotated[int, typer.Option(help="The number of its revocation lists.", min=0)] = 1,
    revoke: Annotated[bool, typer.Option("--revoke", help="The machine is on its revocation list.")] = False,
) -> None:
    """Mint a quote of the simulated TEE.

    Chains take it where their genesis allows simulated hardware, and mark it so. Equal options make equal bytes. Dates
    are unix seconds.

    [bold]Examples[/bold]

    fathom tee mint --tee tdx --status OutOfDate --output quote.bin --collateral collateral.json

    fathom tee mint --report-data 48656c6c6f
    """
    with _one_line_errors():
        data = _hex(report_data, "--report-data")
        if len(data) > 64:
            fail(f"--report-data has {len(data)} bytes, a quote holds 64")
        kind = SgxMeasurements if tee == "sgx" else TdxMeasurements
        measures = kind.of_runtime(_hex(runtime_id, "--runtime-id"))
        platform = Platform(
            DEV_PLATFORM.ppid if machine is None else sha256(machine.encode()).digest()[:16],
            _hex(fmspc, "--fmspc"),
            dev_tcb(_status(status)),
            certified_from,
            certified_until,
        )
        if debug:
            measures = type(measures)(**{**vars(measures), "debug": True})
        quote = mint_quote(data.ljust(64, b"\0"), measures, platform, form=form)
        if collateral_output is not None:
            terms = collateral(
                tee,
                issued=issued,
                expires=expires,
                fmspc=platform.fmspc,
                evaluation_number=evaluation,
                crl_number=crl_number,
                revoked=[platform] if revoke else [],
            )
            _write(collateral_output, terms)
    _put(quote, output)


@app.command("inspect")
def inspect_quote(
    quote: Quote,
    collateral_file: Annotated[
        Path | None,
        typer.Option(
            "--collateral",
            help="By which collateral: JSON, as Intel's services and dcap-qvl have it.",
            metavar="FILE",
            show_default="the dev chain's, for simulated quotes",
        ),
    ] = None,
    at: At = None,
    json_output: opt.Json = False,
) -> None:
    """Say what a quote says, and whether it holds.

    The chain's own verifier judges it, under Intel's root and under that of simulated hardware. Policy has no say: a
    machine that is out of date is so by its status. Exit code 0 if it holds, else 1; what was found is printed either
    way.

    [bold]Examples[/bold]

    fathom tee inspect quote.bin --collateral collateral.json --at 1750413600 --json

    fathom tee mint | fathom tee inspect /dev/stdin
    """
    moment = int(time.time()) if at is None else at
    try:
        terms = None if collateral_file is None else _read(collateral_file)
        found = inspect(_read(quote), terms, moment)
    except OSError as error:
        found = Inspection(error=f"{error.filename} can't be read: {error.strerror}")
    if json_output:
        print(json.dumps(found.fields()))
    else:
        for key, value in found.fields().items():
            shown = ", ".join(value) if isinstance(value, list) else value
            if shown not in (None, ""):
                print(f"{key.replace('_', ' '):>11}  {'yes' if value is True else 'no' if value is False else shown}")
    if not found.ok:
        raise SystemExit(1)


@app.command("corrupt", help=CORRUPT)
def corrupt_quote(
    fault: Annotated[str, typer.Argument(help="What is to be wrong, see above.", metavar="FAULT")],
    quote: Quote,
    output: Output = None,
    collateral_output: Annotated[
        Path | None,
        typer.Option("--collateral", help="Where to write collateral, if that is what is wrong.", metavar="FILE"),
    ] = None,
    place: Annotated[int, typer.Option(help="With flip: which byte; from the end, if negative.")] = -1,
    mask: Annotated[int, typer.Option(help="With flip: which of its bits.", min=1, max=255)] = 1,
    at: At = None,
) -> None:
    """Spoils a quote; `help` above is what is said of it."""
    try:
        data = quote_bytes(_read(quote))
    except OSError as error:
        fail(f"{quote} can't be read: {error.strerror}")
    with _one_line_errors():
        moment = int(time.time()) if at is None else at
        bad = Corrupted(flip(data, place, mask)) if fault == FLIP else corrupt(data, fault, moment)
    if bad.collateral is not None:
        if collateral_output is None:
            fail(f"{fault} is wrong with the collateral: say with --collateral where to write it")
        _write(collateral_output, bad.collateral)
    _put(bad.quote, output)


def _status(name: str) -> TcbStatus:
    if name not in TcbStatus.__members__.values():
        fail(f"--status {name} is none of {', '.join(TcbStatus)}")
    return TcbStatus(name)


def _hex(text: str, option: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        fail(f"{option} {text!r} is not hex")


def _read(path: Path) -> bytes:
    """What is in a file; `OSError`, which names it, where it can't be read or is longer than any of these."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    if len(data) > MAX_FILE:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        fail(f"{path} can't be written: {error.strerror}")


def _put(quote: bytes, output: Path | None) -> None:
    if output is None:
        print(f"0x{quote.hex()}", file=sys.stdout)
    else:
        _write(output, quote)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except SimulatedTeeError as error:
        fail(str(error))
