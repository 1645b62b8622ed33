"""Why a quote that the verifier refused doesn't hold: the first reason that is found, in a fixed order.

1. a signature or the chain of certificates doesn't hold;
2. a certificate of the machine's chain is not valid at this time;
3. an issuing authority, or the machine's certificate, is revoked;
4. debug mode, or an unsafe trust domain;
5. another quoting enclave, or another TDX module, than the collateral's;
6. no level for the machine's security versions, or a revoked one.

Nothing here ever lets a quote pass: this is asked after it was refused, and what it answers is the refusal's name. When
the collateral itself counts was asked before. Matching of levels as in Intel's quote verification library.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import orjson
from cryptography import x509

from pallets.attestation.certificates import UNREADABLE, holds, is_chain, key_of, key_of_point, load_chain, validity
from pallets.attestation.collateral_parts import Terms
from pallets.attestation.dcap_errors import (
    CertificateExpired,
    CertificateNotYetValid,
    DebugEnclave,
    IssuerRevoked,
    MachineRevoked,
    NoMatchingTcbLevel,
    QuoteForged,
    TcbRevoked,
    UnsafeDomain,
    WrongQuotingEnclave,
    WrongTdxModule,
)
from pallets.primitives.quote import (
    TD_DEBUG,
    TD_HARMLESS_ATTRIBUTES,
    TD_SEPT_VE_DISABLE,
    DcapError,
    DomainReport,
    EnclaveReport,
    ParsedQuote,
)

REVOKED = "Revoked"


def reason(
    quote: ParsedQuote, chain: list[x509.Certificate], cpu_svn: bytes, pce_svn: int, terms: Terms, now: int
) -> DcapError | None:
    """The reason, or None where there is none of the above; `now` in milliseconds."""
    rating = _unrated(quote, cpu_svn, pce_svn, terms)
    checks = (_unsigned(quote, chain), _untimely(chain, now), _revoked(chain, terms), _unsafe(quote), rating)
    try:
        return next(itertools.chain.from_iterable(checks), None)
    except (*UNREADABLE, KeyError, AttributeError):
        return None  # something that is signed says nothing that can be read


def _unsigned(quote: ParsedQuote, chain: list[x509.Certificate]) -> Iterator[DcapError]:
    try:
        attestation_key, pck = key_of_point(quote.attestation_key), key_of(chain[0])
    except UNREADABLE as error:
        yield QuoteForged(f"the quote's keys are none: {error}")
        return
    if not is_chain(chain):
        yield QuoteForged("a certificate of the machine's chain is not signed by the next one")
        return
    if not holds(pck, quote.qe_signature, quote.qe_report):
        yield QuoteForged("the quoting enclave's report is not signed by the machine's key")
    vouched = sha256(quote.attestation_key + quote.qe_authentication).digest()
    if EnclaveReport.of(quote.qe_report).report_data != vouched + bytes(32):
        yield QuoteForged("the quoting enclave vouches for another attestation key")
    if not holds(attestation_key, quote.signature, quote.signed):
        yield QuoteForged("the quote is not signed by its attestation key")


def _untimely(chain: list[x509.Certificate], now: int) -> Iterator[DcapError]:
    starts, ends = validity(chain)
    if now < starts:
        yield CertificateNotYetValid("a certificate of the machine's chain holds only later")
    if now >= ends:
        yield CertificateExpired("a certificate of the machine's chain has expired")


def _revoked(chain: list[x509.Certificate], terms: Terms) -> Iterator[DcapError]:
    root_crl = x509.load_der_x509_crl(terms.root_crl.der)
    pck_crl = x509.load_der_x509_crl(terms.pck_crl.der)
    signers = [load_chain(part.issuer_chain, 2)[0] for part in (terms.tcb_info, terms.qe_identity)]
    for certificate in (chain[1], *signers):
        if root_crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            yield IssuerRevoked("the root has revoked an authority of the machine or of its collateral")
    if pck_crl.get_revoked_certificate_by_serial_number(chain[0].serial_number) is not None:
        yield MachineRevoked(f"the machine's certificate, serial {chain[0].serial_number:x}, is revoked")


def _unsafe(quote: ParsedQuote) -> Iterator[DcapError]:
    report = quote.report
    if report.debug:
        yield DebugEnclave("its host can read its memory")
    if isinstance(report, DomainReport):
        if report.attributes & ~TD_HARMLESS_ATTRIBUTES & ~TD_DEBUG:
            yield UnsafeDomain(f"the trust domain has the attributes {report.attributes:#x}")
        if not report.attributes & TD_SEPT_VE_DISABLE:
            yield UnsafeDomain("the trust domain lacks SEPT_VE_DISABLE")
        if any(report.service):
            yield UnsafeDomain("the trust domain has a service domain")


def _unrated(quote: ParsedQuote, cpu_svn: bytes, pce_svn: int, terms: Terms) -> Iterator[DcapError]:
    tcb, identity = orjson.loads(terms.tcb_info.text), orjson.loads(terms.qe_identity.text)
    enclave, report = EnclaveReport.of(quote.qe_report), quote.report
    level = _qe_level(enclave, identity)
    if level is None:
        yield WrongQuotingEnclave(f"{enclave.mr_signer.hex()} {enclave.isv_prod_id}, version {enclave.isv_svn}")
        return
    statuses = [level["tcbStatus"]]
    tdx_svns: list[bytes | None] = [None]
    if isinstance(report, DomainReport):
        tdx_svns = [svn for svn in (report.tcb_svn, report.current_tcb_svn) if svn]
    for tdx_svn in tdx_svns:
        if isinstance(report, DomainReport) and tdx_svn is not None:
            known, module = _module_level(report, tdx_svn, tcb)
            if not known:
                yield WrongTdxModule(f"version {tdx_svn[1]}, SVN {tdx_svn[0]}")
            if module is not None:
                statuses.append(module["tcbStatus"])
        platform = _platform_level(cpu_svn, pce_svn, tdx_svn, tcb)
        if platform is None:
            yield NoMatchingTcbLevel(f"SGX {cpu_svn.hex()}, PCE {pce_svn}, TDX {(tdx_svn or b'').hex()}")
            return
        statuses.append(platform["tcbStatus"])
    if REVOKED in statuses:
        yield TcbRevoked("the security versions of machine, TDX module or quoting enclave are revoked")


def _qe_level(enclave: EnclaveReport, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The level of a quoting enclave's version, if it is the one of an identity."""
    of_it = enclave.mr_signer == bytes.fromhex(identity["mrsigner"]) and enclave.isv_prod_id == identity["isvprodid"]
    misc, misc_mask = (
        int.from_bytes(bytes.fromhex(identity[name]), "little") for name in ("miscselect", "miscselectMask")
    )
    attributes = _masked(enclave.attributes, identity)
    if not of_it or enclave.debug or enclave.misc & misc_mask != misc & misc_mask or not attributes:
        return None
    return next((level for level in identity["tcbLevels"] if enclave.isv_svn >= level["tcb"]["isvsvn"]), None)


def _module_level(report: DomainReport, tdx_svn: bytes, tcb: dict[str, Any]) -> tuple[bool, dict[str, Any] | None]:
    """Whether a domain's TDX module is one of the TCB info's, and its level where it has levels of its own."""
    svn, version = tdx_svn[0], tdx_svn[1]
    expected, levels = tcb["tdxModule"], None
    if version > 0 and tcb.get("tdxModuleIdentities"):
        wanted = f"TDX_{version:02X}"
        expected = next((known for known in tcb["tdxModuleIdentities"] if known["id"].upper() == wanted), None)
        if expected is None:
            return False, None
        levels = expected["tcbLevels"]
    if report.module_signer != bytes.fromhex(expected["mrsigner"]) or not _masked(report.module_attributes, expected):
        return False, None
    if levels is None:
        return True, None
    reached = next((level for level in levels if svn >= level["tcb"]["isvsvn"]), None)
    return reached is not None, reached


def _masked(attributes: bytes, expected: dict[str, Any]) -> bool:
    mask = int.from_bytes(bytes.fromhex(expected["attributesMask"]), "big")
    known = int.from_bytes(bytes.fromhex(expected["attributes"]), "big")
    return int.from_bytes(attributes, "big") & mask == known & mask


def _platform_level(cpu_svn: bytes, pce_svn: int, tdx_svn: bytes | None, tcb: dict[str, Any]) -> dict[str, Any] | None:
    """The best level that a machine's versions reach; those of TDX where it is a domain's."""

    def versions(level: dict[str, Any]) -> tuple[list[int], int, list[int]]:
        sgx, tdx = ([part["svn"] for part in level["tcb"].get(f"{kind}tcbcomponents", ())] for kind in ("sgx", "tdx"))
        return sgx, level["tcb"]["pcesvn"], tdx if tdx_svn is not None else []

    levels: list[dict[str, Any]] = sorted(tcb["tcbLevels"], key=versions, reverse=True)
    for level in levels:
        sgx, pce, tdx = versions(level)
        reached = all(own >= least for own, least in zip(cpu_svn, sgx, strict=True))
        if pce_svn >= pce and reached and all(own >= least for own, least in zip(tdx_svn or b"", tdx, strict=True)):
            return level
    return None
