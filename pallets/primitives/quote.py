"""DCAP quotes as bytes: taken apart, every byte accounted for, nothing of them verified.

## Overview

```
header 48 │ [v5: kind u16, size u32] │ body │ length u32 │ authentication │ zeros
authentication: signature 64 │ attestation key 64 │ [v4, v5: type 6 u16, length u32] │ quoting enclave's part
quoting enclave's part: report 384 │ signature 64 │ length u16, data │ type 5 u16, length u32, certificates in PEM
```

SGX quotes have version 3, TDX quotes version 4 or 5; bodies are an SGX report, or a report of a trust domain after TDX
1.0 or 1.5. Signatures cover header and body; what they don't cover is checked here: every length must fit exactly, and
behind the end stand zeros or nothing (drivers hand out buffers, not lengths). So no byte of a quote can be changed
unnoticed.

A measurement is what an allow-list is keyed by:

- SGX, 68 bytes: `mr_enclave ‖ isv_prod_id ‖ isv_svn ‖ mr_signer`, numbers little-endian;
- TDX, 32 bytes: SHA-256 of `mr_td ‖ rtmr0 ‖ rtmr1 ‖ rtmr2 ‖ rtmr3`, followed inside the hash by `mr_config_id ‖
  mr_owner ‖ mr_owner_config` where any of these is not zero.

## Errors

```
DcapError
├── NotAQuote          no quote, cut short, or with bytes that belong to none of its parts
└── UnsupportedQuote   another version, kind of enclave, key or certification than those above
```

## Out of scope

Signatures and certificates: `pallets.attestation.dcap`.
"""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import NamedTuple

from pallets.primitives.attestation_record import Tee

HEADER = struct.Struct("<HHIHH16s20s")  # version, key type, TEE type, QE SVN, PCE SVN, QE vendor, user data
BODY_HEAD = struct.Struct("<HI")
CERTIFICATION_HEAD = struct.Struct("<HI")

ECDSA_P256 = 2
TEES = {0x00: Tee.Sgx, 0x81: Tee.Tdx}
VERSIONS = {Tee.Sgx: (3,), Tee.Tdx: (4, 5)}
INTEL_QE_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
SGX_REPORT, TD_REPORT_10, TD_REPORT_15 = 384, 584, 648
TD_BODIES = {2: TD_REPORT_10, 3: TD_REPORT_15}
"""What a quote of version 5 says of its body, and how many bytes that has."""
PCK_CHAIN, QE_REPORT_CERTIFICATION = 5, 6

SGX_DEBUG = 0x02
TD_DEBUG = 0x01
TD_SEPT_VE_DISABLE = 1 << 28
TD_HARMLESS_ATTRIBUTES = sum(1 << bit for bit in (16, 18, 19, 20, 21, 22, 27, 28, 30, 31, 62, 63))
"""Features of processors, SEPT_VE_DISABLE (28) among them, as dcap-qvl has them. Of the others some let the host
profile (4 to 6) or move (29) the domain, the rest is reserved."""


class DcapError(ValueError):
    """A quote or its collateral doesn't count; see `pallets.attestation.dcap_errors` for what verifying adds."""


class NotAQuote(DcapError):
    """Not a quote, cut short, or with bytes that belong to none of its parts."""


class UnsupportedQuote(DcapError):
    """A version, kind of enclave, attestation key or certification that isn't known here."""


class EnclaveReport(NamedTuple):
    """What is read of an SGX report; `attributes` are 16 bytes, `misc` is MISCSELECT."""

    misc: int
    attributes: bytes
    mr_enclave: bytes
    mr_signer: bytes
    isv_prod_id: int
    isv_svn: int
    report_data: bytes

    @classmethod
    def of(cls, body: bytes) -> EnclaveReport:
        """Reads the 384 bytes of a report."""
        numbers = [int.from_bytes(body[at : at + 2], "little") for at in (256, 258)]
        misc = int.from_bytes(body[16:20], "little")
        return cls(misc, body[48:64], body[64:96], body[128:160], numbers[0], numbers[1], body[320:384])

    @property
    def debug(self) -> bool:
        """Whether the enclave's memory can be read from outside."""
        return bool(self.attributes[0] & SGX_DEBUG)


class DomainReport(NamedTuple):
    """What is read of a trust domain's report, of TDX 1.0 or, with `service`, 1.5."""

    tcb_svn: bytes
    """Of the module that launched the domain."""
    current_tcb_svn: bytes
    """Of the one that runs now, where the report says so; else empty."""
    module_signer: bytes
    module_attributes: bytes
    attributes: int
    registers: bytes
    owner: bytes
    service: bytes
    """MRSERVICETD, 48 bytes, zero where no service domain may migrate this one."""
    report_data: bytes

    @classmethod
    def of(cls, body: bytes) -> DomainReport:
        """Reads the 584 bytes of a report, or the 648 of a later one."""
        attributes = int.from_bytes(body[120:128], "little")
        registers = body[136:184] + body[328:520]
        module, owner, report_data = (body[64:112], body[112:120]), body[184:328], body[520:584]
        return cls(body[:16], body[584:600], *module, attributes, registers, owner, body[600:648], report_data)

    @property
    def debug(self) -> bool:
        """Whether the host can read the domain's memory."""
        return bool(self.attributes & TD_DEBUG)


class ParsedQuote(NamedTuple):
    """A quote's parts."""

    version: int
    tee: Tee
    signed: bytes
    """Header and body: what the attestation key signs."""
    report: EnclaveReport | DomainReport
    signature: bytes
    attestation_key: bytes
    """A P-256 point, x ‖ y."""
    qe_report: bytes
    qe_signature: bytes
    qe_authentication: bytes
    chain: bytes
    """Certificates in PEM, the machine's first."""

    @property
    def report_data(self) -> bytes:
        """The 64 bytes that the enclave had quoted."""
        return self.report.report_data

    @property
    def measurement(self) -> bytes:
        """The key of an allow-list, see above."""
        report = self.report
        if isinstance(report, EnclaveReport):
            numbers = report.isv_prod_id.to_bytes(2, "little") + report.isv_svn.to_bytes(2, "little")
            return report.mr_enclave + numbers + report.mr_signer
        return sha256(report.registers + (report.owner if any(report.owner) else b"")).digest()


class Reader:
    """Bytes taken one part after the other."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.at = data, name, 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise NotAQuote(f"{self.name} has {len(self.data)} bytes, and should have at least {self.at}")
        return self.data[start : self.at]

    def unpack(self, form: struct.Struct) -> tuple[int, ...]:
        """The next fields."""
        return form.unpack(self.take(form.size))

    def sized(self, width: int) -> bytes:
        """The next bytes, behind their number, which has `width` bytes."""
        return self.take(int.from_bytes(self.take(width), "little"))

    def end(self) -> None:
        """Nothing is left."""
        if self.at != len(self.data):
            raise NotAQuote(f"{self.name} has {len(self.data) - self.at} bytes that belong to none of its parts")


def parse_quote(data: bytes) -> ParsedQuote:
    """Takes a quote apart; raises `NotAQuote` or `UnsupportedQuote`."""
    quote = Reader(data, "the quote")
    version, key_type, tee_type, _, _, vendor, _ = HEADER.unpack(quote.take(HEADER.size))
    tee = TEES.get(tee_type)
    if tee is None or version not in VERSIONS[tee]:
        raise UnsupportedQuote(f"a quote of version {version} and TEE type {tee_type:#x} is not known here")
    if key_type != ECDSA_P256:
        raise UnsupportedQuote(f"attestation keys of type {key_type} are not known here, only ECDSA on P-256 (2) is")
    if vendor != INTEL_QE_VENDOR:
        raise UnsupportedQuote(f"quoting enclaves of vendor {vendor.hex()} are not known here, only Intel's are")
    body = quote.take(_body_size(quote, version, tee))
    signed = data[: quote.at]
    authentication = Reader(quote.sized(4), "the quote's authentication")
    if any(data[quote.at :]):
        raise NotAQuote("behind the quote's end are bytes other than zero")
    signature, attestation_key = authentication.take(64), authentication.take(64)
    certification = authentication
    if version > 3:
        certification = Reader(_certification(authentication, QE_REPORT_CERTIFICATION), "the quote's certification")
        authentication.end()
    qe_report, qe_signature = certification.take(SGX_REPORT), certification.take(64)
    qe_authentication = certification.sized(2)
    chain = _certification(certification, PCK_CHAIN)
    certification.end()
    report = EnclaveReport.of(body) if tee is Tee.Sgx else DomainReport.of(body)
    return ParsedQuote(
        version, tee, signed, report, signature, attestation_key, qe_report, qe_signature, qe_authentication, chain
    )


def _body_size(quote: Reader, version: int, tee: Tee) -> int:
    if tee is Tee.Sgx:
        return SGX_REPORT
    if version == 4:
        return TD_REPORT_10
    kind, size = quote.unpack(BODY_HEAD)
    if kind not in TD_BODIES:
        raise UnsupportedQuote(f"bodies of type {kind} are not known here, only TD reports 1.0 (2) and 1.5 (3) are")
    if size != TD_BODIES[kind]:
        raise NotAQuote(f"the quote's body has {size} bytes, one of its type has {TD_BODIES[kind]}")
    return size


def _certification(data: Reader, kind: int) -> bytes:
    found, size = data.unpack(CERTIFICATION_HEAD)
    if found != kind:
        raise UnsupportedQuote(f"certification data of type {found} stands where only type {kind} is known")
    return data.take(size)
