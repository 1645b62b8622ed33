"""Evidence of GPUs: NVIDIA's attestation reports, verified down to the measurements.

## Overview

A report is one exchange of SPDM 1.1 (DMTF DSP0274): the request, whose nonce says for whom and when, and the response
of the GPU, which signs both with ECDSA over P-384 and SHA-384. The key's certificates lead over the GPU's own identity,
which is fused into it, to NVIDIA's root. Versions stand in the response's opaque data, as NVIDIA's verifier
(github.com/NVIDIA/nvtrust) reads them.

Certificates are checked from the root down, so nothing is read that its issuer has not signed. Certificates are DER and
every length is exact: no two evidences say the same.

## Usage

```python
claims = verify_gpu(evidence, nonce, simulated_root, now)
```

## Errors

```
GpuError
├── GarbledGpuEvidence     the report or a certificate is not in its format
├── WrongGpuNonce          the report answers another question: another worker's, chain's or block's
├── WrongGpuRoot           the chain doesn't end in NVIDIA's root, nor in the root of simulated GPUs
├── BrokenGpuChain         a certificate is not of the next one's making, out of time, or not made for this
├── NotAGpu                the certificates are of another kind of device
└── WrongGpuSignature      the report was not signed by the first certificate's key
```

## Out of scope

Whether driver, firmware and measurements are good enough: NVIDIA signs reference values for each version, which are not
on the chain. Revocation lists of NVIDIA's certificates.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from pallets.attestation.certificates import UNREADABLE, require_whole
from pallets.primitives.gpu import MAX_VERSION, GpuEvidence
from pallets.primitives.hashing import blake2_256

NVIDIA_ROOT = bytes.fromhex("102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48")
"""SHA-256 of the DER of "NVIDIA Device Identity CA": `verifier_device_root.pem` in github.com/NVIDIA/nvtrust."""

REQUEST_SIZE, SIGNATURE_SIZE, NONCE_SIZE = 37, 96, 32
REQUEST_HEAD = bytes.fromhex("11e001ff")
"""SPDM 1.1, GET_MEASUREMENTS, signed, of everything."""
RESPONSE_HEAD = bytes.fromhex("1160")
DMTF = 1
DRIVER_VERSION, VBIOS_VERSION, FIRMWARE_ID = 3, 6, 20
DICE_TCB_INFO = ("2.23.133.5.4.1", "2.23.133.5.4.1.1")
"""TCG's extensions that name the firmware a key belongs to."""
GPU_CHIP = re.compile(r"(G[A-Z][0-9]{3}) ")
"""How the names in certificates of GPUs begin; those of switches and network cards are under the same root."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class GpuError(ValueError):
    """Evidence that doesn't count."""


class GarbledGpuEvidence(GpuError):
    """The report or a certificate is not in its format."""


class WrongGpuNonce(GpuError):
    """The report answers another question: another worker's, another chain's, or that of another block."""


class WrongGpuRoot(GpuError):
    """The chain ends neither in NVIDIA's root nor in the root of simulated GPUs."""


class BrokenGpuChain(GpuError):
    """A certificate is not of the next one's making, is out of time, or was not made for this use."""


class NotAGpu(GpuError):
    """The certificates are of another kind of device."""


class WrongGpuSignature(GpuError):
    """The report was not signed by the first certificate's key, or by other firmware than that of the key."""


class GpuClaims(NamedTuple):
    """What verified evidence says."""

    model: str
    driver: str
    vbios: str
    device: bytes
    """BLAKE2b-256 of the public key that is fused into the GPU (DER, SubjectPublicKeyInfo)."""
    measurements: bytes
    """BLAKE2b-256 of the measurement record."""
    simulated: bool


class GpuReport(NamedTuple):
    """A report, taken apart; nothing of it verified."""

    nonce: bytes
    measurements: bytes
    """The measurement record: blocks of index, specification, size, and type, size and value."""
    opaque: dict[int, bytes]
    signed: bytes
    signature: bytes
    """96 bytes, r ‖ s."""


def read_report(report: bytes) -> GpuReport:
    """The parts of a report; raises `GarbledGpuEvidence`."""
    if not report.startswith(REQUEST_HEAD):
        raise GarbledGpuEvidence(
            "the report doesn't begin with an SPDM 1.1 request for signed measurements of everything"
        )
    rest = _Reader(report)
    nonce = rest.take(REQUEST_SIZE)[4 : 4 + NONCE_SIZE]
    head = rest.take(4)
    if not head.startswith(RESPONSE_HEAD):
        raise GarbledGpuEvidence("the request is not followed by a response with measurements")
    count = rest.number(1)
    measurements = rest.take(rest.number(3))
    _check_measurements(measurements, count)
    rest.take(NONCE_SIZE)  # of the GPU's own
    opaque = _opaque_fields(rest.take(rest.number(2)))
    signature = rest.take(SIGNATURE_SIZE)
    rest.end()
    return GpuReport(nonce, measurements, opaque, report[:-SIGNATURE_SIZE], signature)


def verify_gpu(evidence: GpuEvidence, nonce: bytes, simulated_root: bytes | None, now: int) -> GpuClaims:
    """What evidence says, if it answers `nonce` and holds at Unix time `now`; raises a `GpuError`.

    It holds under NVIDIA's root, or under `simulated_root` (DER), where there is one.
    """
    report = read_report(evidence.report)
    if report.nonce != nonce:
        raise WrongGpuNonce(f"the report's nonce is {report.nonce.hex()}, expected was {nonce.hex()}")
    chain = _certificates(evidence.chain)
    root = evidence.chain[-1]
    simulated = root == simulated_root
    if not simulated and sha256(root).digest() != NVIDIA_ROOT:
        raise WrongGpuRoot(f"the chain ends in a certificate of SHA-256 {sha256(root).hexdigest()}")
    try:
        key, device_key = _check_chain(chain, EPOCH + timedelta(seconds=now))
        model = _model(chain[0])
        _check_firmware(report, chain[0])
    except GpuError:
        raise
    except InvalidSignature:
        raise BrokenGpuChain("a certificate was not signed by the next one's key") from None
    except UNREADABLE as error:
        raise BrokenGpuChain(f"the chain doesn't hold: {error}") from None
    _check_signature(report, key)
    return GpuClaims(
        model=model,
        driver=_driver(report),
        vbios=_vbios(report),
        device=blake2_256(device_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
        measurements=blake2_256(report.measurements),
        simulated=simulated,
    )


# The report


class _Reader:
    """Takes bytes off the front; raises `GarbledGpuEvidence` where they don't suffice."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def empty(self) -> bool:
        return self._at == len(self._data)

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise GarbledGpuEvidence(f"the report ends too early: {end - len(self._data)} bytes are missing")
        part, self._at = self._data[self._at : end], end
        return part

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def end(self) -> None:
        if not self.empty:
            raise GarbledGpuEvidence(f"{len(self._data) - self._at} bytes follow after the end of the report's part")


def _check_measurements(record: bytes, count: int) -> None:
    rest = _Reader(record)
    for _ in range(count):
        rest.take(1)
        if rest.number(1) != DMTF:
            raise GarbledGpuEvidence("a measurement is not in DMTF's format")
        block = _Reader(rest.take(rest.number(2)))
        block.take(1)
        block.take(block.number(2))
        block.end()
    rest.end()


def _opaque_fields(data: bytes) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    rest = _Reader(data)
    while not rest.empty:
        kind = rest.number(2)
        if kind in fields:
            raise GarbledGpuEvidence(f"the opaque field {kind} is there twice")
        fields[kind] = rest.take(rest.number(2))
    return fields


def _driver(report: GpuReport) -> str:
    version = report.opaque.get(DRIVER_VERSION, b"").rstrip(b"\0")
    text = version.decode("ascii", "replace")
    if len(version) > MAX_VERSION or not (text.isascii() and text.isprintable()):
        raise GarbledGpuEvidence("the driver's version is no short text")
    return text


def _vbios(report: GpuReport) -> str:
    """Five of eight bytes, in the order in which NVIDIA writes them: `96.00.9F.00.01`."""
    version = report.opaque.get(VBIOS_VERSION, b"")
    if not version:
        return ""
    if len(version) != 8:
        raise GarbledGpuEvidence("the VBIOS version has other than 8 bytes")
    return (version[3::-1] + version[4:5]).hex(".").upper()


# The certificates


def _certificates(chain: list[bytes]) -> list[x509.Certificate]:
    if len(chain) < 2:
        raise GarbledGpuEvidence("a chain has two certificates at least")
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain]
        serials = [certificate.serial_number for certificate in certificates]
        for der, certificate in zip(chain, certificates, strict=True):
            require_whole(der, certificate.signature)
    except UNREADABLE as error:
        raise GarbledGpuEvidence(f"a certificate is garbled: {error}") from None
    if min(serials) <= 0:  # which versions of the library read in different ways
        raise GarbledGpuEvidence("a certificate's serial number is not positive")
    return certificates


def _check_chain(
    chain: list[x509.Certificate], now: datetime
) -> tuple[ec.EllipticCurvePublicKey, ec.EllipticCurvePublicKey]:
    """The keys of the first certificate and of its issuer; the last certificate is taken for granted."""
    issuer = chain[-1]
    _check_use(issuer, now, issues=True, authorities=len(chain) - 2)
    key = issuer_key = _key(issuer)
    for place in range(len(chain) - 2, -1, -1):
        certificate = chain[place]
        if not isinstance(certificate.signature_hash_algorithm, SHA384):
            raise BrokenGpuChain("a certificate is signed over another hash than SHA-384")
        certificate.verify_directly_issued_by(issuer)
        _check_use(certificate, now, issues=place > 0, authorities=place - 1)
        issuer, issuer_key, key = certificate, key, _key(certificate)
    return key, issuer_key


def _key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise BrokenGpuChain("a certificate's key is not on P-384")
    return key


def _check_use(certificate: x509.Certificate, now: datetime, *, issues: bool, authorities: int) -> None:
    """Whether a certificate is in time, and made to issue others, `authorities` of which issue too, or for none."""
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise BrokenGpuChain(f"{certificate.subject.rfc4514_string()!r} is not valid at this time")
    extensions = certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    constraints = next((found.value for found in extensions if isinstance(found.value, x509.BasicConstraints)), None)
    authority = constraints is not None and constraints.ca
    if issues:
        limit = constraints.path_length if constraints is not None else None
        fit = authority and usage.key_cert_sign and (limit is None or authorities <= limit)
    else:
        fit = not authority and usage.digital_signature and not usage.key_cert_sign
    known = (x509.KeyUsage, x509.BasicConstraints)
    if not fit or any(each.critical and not isinstance(each.value, known) for each in extensions):
        raise BrokenGpuChain(f"{certificate.subject.rfc4514_string()!r} was not made for its place in the chain")


def _model(leaf: x509.Certificate) -> str:
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    chip = GPU_CHIP.match(str(names[0].value)) if names else None
    if chip is None:
        raise NotAGpu(f"the first certificate is of {leaf.subject.rfc4514_string()!r}")
    return chip[1]


def _check_signature(report: GpuReport, key: ec.EllipticCurvePublicKey) -> None:
    half = SIGNATURE_SIZE // 2
    r, s = (int.from_bytes(part, "big") for part in (report.signature[:half], report.signature[half:]))
    try:
        key.verify(encode_dss_signature(r, s), report.signed, ec.ECDSA(SHA384()))
    except InvalidSignature:
        raise WrongGpuSignature("the report's signature is not of the first certificate's key") from None


def _check_firmware(report: GpuReport, leaf: x509.Certificate) -> None:
    """Whether the firmware that reports is the one that the key was made for; old ones don't say."""
    firmware = report.opaque.get(FIRMWARE_ID)
    if firmware is None:
        return
    named = [each.value for each in leaf.extensions if each.oid.dotted_string in DICE_TCB_INFO]
    if not any(isinstance(info, x509.UnrecognizedExtension) and firmware in info.value for info in named):
        raise WrongGpuSignature("the report is by other firmware than the certificate is for")
