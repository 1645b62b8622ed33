"""What a quote file says, and whether it holds: by the chain's own verifier, outside of any chain.

A quote that can be read no further answers as far as it was read; nothing is raised. Policy has no say here: a machine
that is out of date has a quote that holds, and its status says the rest.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import unhexlify
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from offchain.simulated_tee import DEV_EXPIRES, DEV_ISSUED, Tee, collateral, dev_root
from pallets.attestation.certificates import Roots
from pallets.attestation.collateral_parts import Rating, read_bundle, read_rating
from pallets.attestation.dcap import Machine, verify
from pallets.attestation.dcap_errors import TcbRevoked
from pallets.primitives.attestation_record import TrustRoot
from pallets.primitives.quote import DcapError, ParsedQuote, UnsupportedQuote, parse_quote

ROOTS = Roots(dev_root(), allowed=True)
URL_SAFE = bytes.maketrans(b"-_", b"+/")
ROOT_NAMES = {TrustRoot.Intel: "intel", TrustRoot.Simulated: "simulated"}


@dataclass
class Inspection:
    """What was found; hex with `0x`, `None` where the quote could not be read so far."""

    tee: str | None = None
    version: int | None = None
    root: str = "unknown"
    status: str | None = None
    advisories: list[str] = field(default_factory=list)
    measurement: str | None = None
    report_data: str | None = None
    ok: bool = False
    error: str | None = None

    def fields(self) -> dict[str, Any]:
        """In the order above."""
        return asdict(self)


def inspect(file: bytes, collateral_json: bytes | None, at: int) -> Inspection:
    """Reads a quote (bytes, hex or base64) and verifies it at unix second `at`.

    Without collateral a quote of simulated hardware is judged by the dev chain's; any other needs some.
    """
    found = Inspection()
    try:
        _inspect(found, quote_bytes(file), collateral_json, at * 1000)
        found.ok = True
    except DcapError as error:
        if isinstance(error, TcbRevoked):
            found.status = "Revoked"
        found.error = f"{type(error).__name__}: {error}"
    except Refused as error:
        found.error = str(error)
    return found


class Refused(Exception):
    """What no chain would say in these words; begins with the name of the error that one has for it."""


def quote_bytes(file: bytes) -> bytes:
    """A quote's bytes, from a file that holds these, or their hex or base64."""
    if file[1:2] == b"\0" and file[:1] in (b"\3", b"\4", b"\5"):
        return file
    text = b"".join(file.split())
    with suppress(ValueError):
        return unhexlify(text[2:] if text[:2] in (b"0x", b"0X") else text)
    with suppress(ValueError):
        return b64decode(text.translate(URL_SAFE) + b"=" * (-len(text) % 4), validate=True)
    return file


def _inspect(found: Inspection, data: bytes, collateral_json: bytes | None, now: int) -> None:
    try:
        quote = parse_quote(data)
    except UnsupportedQuote:
        found.version = int.from_bytes(data[:2], "little")
        raise
    found.tee, found.version = quote.tee.name.lower(), quote.version
    found.measurement, found.report_data = f"0x{quote.measurement.hex()}", f"0x{quote.report_data.hex()}"
    machine = Machine.of(quote, ROOTS)
    found.root = ROOT_NAMES[machine.root]
    rating = _rating(quote, machine, collateral_json)
    if now < rating.terms.starts:
        raise Refused("CollateralNotYetValid: the collateral was issued later than at the time of inspection")
    if now >= rating.terms.expires:
        raise Refused("CollateralExpired: the collateral had expired at the time of inspection")
    claims = verify(data, quote, machine, rating.terms, ROOTS, now)
    found.status, found.advisories = claims.status.name, claims.advisories


def _rating(quote: ParsedQuote, machine: Machine, collateral_json: bytes | None) -> Rating:
    if collateral_json is None:
        if machine.root is TrustRoot.Intel:
            raise Refused("NoCollateral: a quote of genuine hardware needs collateral, give it with --collateral")
        tee: Tee = "sgx" if quote.version == 3 else "tdx"
        collateral_json = collateral(tee, issued=DEV_ISSUED, expires=DEV_EXPIRES, fmspc=machine.fmspc)
    rating = read_rating(read_bundle(collateral_json), ROOTS)
    if (rating.root, rating.tee, rating.fmspc, rating.ca) != (machine.root, quote.tee, machine.fmspc, machine.ca):
        kinds = [
            f"{tee.name.upper()}, FMSPC {fmspc.hex()}, {ca.name} CA, {root.name}'s root"
            for root, tee, fmspc, ca in (rating[:4], (machine.root, quote.tee, machine.fmspc, machine.ca))
        ]
        raise Refused(f"NoCollateral: the collateral is for {kinds[0]}, the quote of {kinds[1]}")
    return rating
