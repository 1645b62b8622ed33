"""Bad quotes and bad collateral, each wrong in one way: what a chain has to refuse, and by which name it does.

# Usage

    quote = mint_quote(report_data, measurements, platform)
    bad = corrupt(quote, "debug", now)
    bad.quote, bad.collateral                   # the latter where the quote is to be judged by other collateral

A fault that lies in bytes is made in the quote's own; for any other an equal quote is minted anew, of the same enclave,
machine and report data, but for the fault. So only quotes of simulated hardware can be corrupted in all ways; in bytes
any can.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import dcap_qvl
from cryptography import x509

from offchain.simulated_tee.certificates import DEV_AUTHORITY, PCK_CA_SERIAL, TCB_SIGNING_SERIAL, Authority, pem_chain
from offchain.simulated_tee.collateral import DEV_EXPIRES, DEV_ISSUED, QUOTING_ENCLAVES, collateral
from offchain.simulated_tee.machine import Platform, SimulatedTeeError, Tcb, TcbStatus, Tee, dev_tcb
from offchain.simulated_tee.quote import SgxMeasurements, TdxForm, TdxMeasurements, mint_quote
from pallets.primitives.quote import DcapError, DomainReport, ParsedQuote, parse_quote

OTHER_AUTHORITY = Authority(b"fathom/simulated-tee/nobody's root")
HOUR = 3600


class Impostor(Authority):
    """Certifies machines with keys of its own, in the name of the dev authority."""

    @cached_property
    def root_certificate(self) -> x509.Certificate:
        return DEV_AUTHORITY.root_certificate

    @cached_property
    def pck_ca_certificate(self) -> x509.Certificate:
        return DEV_AUTHORITY.pck_ca_certificate


class UnknownFault(SimulatedTeeError):
    """There is no fault of this name, or not for this kind of enclave."""


class NotSimulated(SimulatedTeeError):
    """The quote isn't one of simulated hardware: only its bytes can be changed."""


class Corrupted(NamedTuple):
    """A pair that doesn't verify; without collateral it is the quote alone that is wrong."""

    quote: bytes
    collateral: bytes | None = None


@dataclass(frozen=True)
class Minted:
    """What a quote was minted from."""

    report_data: bytes
    measurements: SgxMeasurements | TdxMeasurements
    platform: Platform
    form: TdxForm
    now: int

    @property
    def tee(self) -> Tee:
        """The kind of enclave."""
        return "sgx" if isinstance(self.measurements, SgxMeasurements) else "tdx"

    def again(self, authority: Authority = DEV_AUTHORITY, **changes: Any) -> bytes:
        """The quote minted once more, something being different."""
        enclave = changes.pop("quoting_enclave", None)
        new = replace(self, **changes)
        return mint_quote(
            new.report_data, new.measurements, new.platform, authority, form=new.form, quoting_enclave=enclave
        )

    def collateral(self, issued: int = DEV_ISSUED, expires: int = DEV_EXPIRES, **terms: Any) -> bytes:
        """Collateral that it is judged by, something being different."""
        return collateral(self.tee, issued=issued, expires=expires, fmspc=self.platform.fmspc, **terms)


def minted_from(quote: bytes, now: int) -> Minted:
    """What a simulated quote was minted from; `NotSimulated` where that can't have been."""
    try:
        parsed = parse_quote(quote)
        extension = dcap_qvl.parse_pck_extension_from_pem(parsed.chain)
    except (DcapError, ValueError) as error:
        raise NotSimulated(f"the quote can't be read: {error}") from None
    if not parsed.chain.endswith(pem_chain(DEV_AUTHORITY.root_certificate)):
        raise NotSimulated("the quote isn't one of simulated hardware: only its bytes can be changed")
    report, form = parsed.report, _form(parsed)
    if isinstance(report, DomainReport):
        mr_td, *rtmrs = (report.registers[at : at + 48] for at in range(0, 240, 48))
        tcb = Tcb(extension.cpu_svn, extension.pce_svn, report.tcb_svn)
        domain = TdxMeasurements(mr_td, rtmrs[0], rtmrs[1], rtmrs[2], rtmrs[3])
        return Minted(report.report_data, domain, Platform(extension.ppid, extension.fmspc, tcb), form, now)
    enclave = SgxMeasurements(report.mr_enclave, report.mr_signer, report.isv_prod_id, report.isv_svn)
    tcb = Tcb(extension.cpu_svn, extension.pce_svn)
    return Minted(report.report_data, enclave, Platform(extension.ppid, extension.fmspc, tcb), form, now)


def _form(parsed: ParsedQuote) -> TdxForm:
    if parsed.version < 5:
        return "4"
    return "5/1.5" if len(parsed.signed) > 48 + 6 + 584 else "5"


def _tcb(made: Minted, tcb: Tcb) -> bytes:
    return made.again(platform=replace(made.platform, tcb=tcb))


def _other_enclave(made: Minted) -> bytes:
    known = QUOTING_ENCLAVES[made.tee]
    return made.again(quoting_enclave=known._replace(isv_prod_id=known.isv_prod_id + 1))


def _other_module(made: Minted) -> bytes:
    tdx = made.platform.tcb.tdx
    return _tcb(made, replace(made.platform.tcb, tdx=tdx[:1] + b"\x09" + tdx[2:]))


def _measuring(made: Minted, **changes: Any) -> bytes:
    return made.again(measurements=replace(made.measurements, **changes))


def _changed_document(made: Minted) -> bytes:
    fields = json.loads(made.collateral())
    fields["tcb_info"] = fields["tcb_info"].replace("OutOfDate", "UpToDate")
    return json.dumps(fields).encode()


def _without_number(made: Minted) -> bytes:
    fields = json.loads(made.collateral())
    fields["root_ca_crl"] = fields["root_ca_crl"][:-2]
    return json.dumps(fields).encode()


def _signature_at(quote: bytes) -> int:
    return len(parse_quote(quote).signed) + 4


def flip(quote: bytes, place: int, mask: int = 1) -> bytes:
    """The bytes with those of `mask` changed at `place`, which counts from the end where it is negative."""
    if not -len(quote) <= place < len(quote) or not 0 < mask < 256:
        raise UnknownFault(f"there is no byte {place} to change by {mask} among {len(quote)}")
    data = bytearray(quote)
    data[place] ^= mask
    return bytes(data)


class Fault(NamedTuple):
    """One way to be wrong: what it is, the error of `Attestation` that it ends with, and how it is made."""

    about: str
    error: str
    make: Callable[[Minted, bytes], Corrupted]
    tee: Tee | None = None
    """Where only one kind of enclave can be wrong so."""


def _in_bytes(change: Callable[[bytes], bytes]) -> Callable[[Minted, bytes], Corrupted]:
    return lambda made, quote: Corrupted(change(quote))


def _in_quote(mint: Callable[[Minted], bytes]) -> Callable[[Minted, bytes], Corrupted]:
    return lambda made, quote: Corrupted(mint(made))


def _in_collateral(mint: Callable[[Minted], bytes]) -> Callable[[Minted, bytes], Corrupted]:
    return lambda made, quote: Corrupted(quote, mint(made))


BYTES: dict[str, Fault] = {
    "cut": Fault("its last half is missing", "NotAQuote", _in_bytes(lambda q: q[: len(q) // 2])),
    "longer": Fault("a byte follows its end", "NotAQuote", _in_bytes(lambda q: q + b"\1")),
    "version": Fault("of a version that nobody knows", "UnsupportedQuote", _in_bytes(lambda q: b"\x09" + q[1:])),
    "signature": Fault("its signature is another", "QuoteForged", _in_bytes(lambda q: flip(q, _signature_at(q) + 40))),
    "key": Fault("its attestation key is another", "QuoteForged", _in_bytes(lambda q: flip(q, _signature_at(q) + 70))),
    "body": Fault("what it measures is another", "QuoteForged", _in_bytes(lambda q: flip(q, 48 + 200))),
}
"""Faults that can be made in any quote."""

FAULTS: dict[str, Fault] = BYTES | {
    "certificate": Fault(
        "the machine's certificate is signed by somebody else than it says",
        "QuoteForged",
        _in_quote(lambda made: made.again(Impostor(b"fathom/simulated-tee/impostor"))),
    ),
    "root": Fault("under a root that nobody knows", "UnknownRoot", _in_quote(lambda made: made.again(OTHER_AUTHORITY))),
    "debug": Fault(
        "the enclave runs in debug mode",
        "DebugEnclave",
        _in_quote(lambda made: _measuring(made, debug=True)),
    ),
    "unsafe": Fault(
        "the trust domain lacks SEPT_VE_DISABLE",
        "UnsafeDomain",
        _in_quote(lambda made: _measuring(made, sept_ve_disable=False)),
        "tdx",
    ),
    "quoting-enclave": Fault("another quoting enclave", "WrongQuotingEnclave", _in_quote(_other_enclave)),
    "module": Fault("a TDX module that nobody knows", "WrongTdxModule", _in_quote(_other_module), "tdx"),
    "too-old": Fault(
        "security versions below every level",
        "NoMatchingTcbLevel",
        _in_quote(lambda made: _tcb(made, Tcb(bytes(16), 0, made.platform.tcb.tdx))),
    ),
    "revoked-level": Fault(
        "security versions that are revoked",
        "TcbRevoked",
        _in_quote(lambda made: _tcb(made, dev_tcb(TcbStatus.REVOKED))),
    ),
    "model": Fault(
        "of a model without collateral",
        "NoCollateral",
        _in_quote(lambda made: made.again(platform=replace(made.platform, fmspc=b"ALIENS"))),
    ),
    "certificate-expired": Fault(
        "the machine's certificate has expired",
        "CertificateExpired",
        _in_quote(lambda made: made.again(platform=replace(made.platform, valid_until=made.now - HOUR))),
    ),
    "certificate-early": Fault(
        "the machine's certificate holds only later",
        "CertificateNotYetValid",
        _in_quote(lambda made: made.again(platform=replace(made.platform, valid_from=made.now + HOUR))),
    ),
    "machine-revoked": Fault(
        "the machine's certificate is revoked",
        "MachineRevoked",
        _in_collateral(lambda made: made.collateral(crl_number=2, revoked=[made.platform])),
    ),
    "issuer-revoked": Fault(
        "the authority that certifies machines is revoked",
        "IssuerRevoked",
        _in_collateral(lambda made: made.collateral(crl_number=2, revoked_authorities=[PCK_CA_SERIAL])),
    ),
    "signer-revoked": Fault(
        "the authority that signs collateral is revoked",
        "IssuerRevoked",
        _in_collateral(lambda made: made.collateral(crl_number=2, revoked_authorities=[TCB_SIGNING_SERIAL])),
    ),
    "collateral-expired": Fault(
        "the collateral has expired",
        "CollateralExpired",
        _in_collateral(lambda made: made.collateral(expires=made.now - HOUR)),
    ),
    "collateral-early": Fault(
        "the collateral is of the future",
        "CollateralNotYetValid",
        _in_collateral(lambda made: made.collateral(issued=made.now + HOUR, expires=made.now + 2 * HOUR)),
    ),
    "collateral-forged": Fault(
        "the collateral says something else than was signed", "CollateralForged", _in_collateral(_changed_document)
    ),
    "collateral-garbled": Fault("the collateral is cut short", "BadCollateral", _in_collateral(_without_number)),
}
"""Every fault by its name."""


def corrupt(quote: bytes, fault: str, now: int) -> Corrupted:
    """A quote with one fault, at unix second `now`; raises `UnknownFault` or `NotSimulated`."""
    found = FAULTS.get(fault)
    if found is None:
        raise UnknownFault(f"{fault!r} is none of {', '.join(FAULTS)}")
    if fault in BYTES:
        try:
            return found.make(Minted(bytes(64), SgxMeasurements(bytes(32), bytes(32)), Platform(), "4", now), quote)
        except DcapError as error:
            raise NotSimulated(f"the quote can't be read: {error}") from None
    made = minted_from(quote, now)
    if found.tee not in (None, made.tee):
        raise UnknownFault(f"a quote of {made.tee} can't be wrong in this way: {found.about}")
    return found.make(made, quote)
