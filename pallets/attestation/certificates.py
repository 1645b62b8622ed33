"""Certificates and revocation lists of machines and their collateral: loaded, and checked up to a root.

## Overview

    root ── PCK CA (processors, or platforms) ── a machine's PCK certificate ── its quotes
      └──── TCB signing ────── TCB info and quoting enclave identities

Intel's root is pinned here. That of simulated hardware is a chain's own, from its genesis; it is known by its hash
where a chain doesn't allow it, too, so that it is refused by name. Parsing and signatures are `cryptography`'s.

## Usage

```python
roots = Roots(simulated=None)
root = roots.of(chain[-1])                      # `TrustRoot.Intel`, or raises who it is not
chain = load_chain(pem, 3)                      # leaf first
```

## Errors

Those of `pallets.attestation.dcap_errors`; `ValueError` where bytes are no certificates at all.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pallets.attestation.dcap_errors import SimulatedNotAllowed, UnknownRoot
from pallets.primitives.attestation_record import PckCa, TrustRoot
from pallets.primitives.hashing import blake2_256

INTEL_ROOT = b64decode(
    "MIICjzCCAjSgAwIBAgIUImUM1lqdNInzg7SVUr9QGzknBqwwCgYIKoZIzj0EAwIwaDEaMBgGA1UEAwwRSW50ZWwgU0dYIFJvb3Qg"
    "Q0ExGjAYBgNVBAoMEUludGVsIENvcnBvcmF0aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJBgNVBAYT"
    "AlVTMB4XDTE4MDUyMTEwNDUxMFoXDTQ5MTIzMTIzNTk1OVowaDEaMBgGA1UEAwwRSW50ZWwgU0dYIFJvb3QgQ0ExGjAYBgNVBAoM"
    "EUludGVsIENvcnBvcmF0aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJBgNVBAYTAlVTMFkwEwYHKoZI"
    "zj0CAQYIKoZIzj0DAQcDQgAEC6nEwMDIYZOj/iPWsCzaEKi71OiOSLRFhWGjbnBVJfVnkY4u3IjkDYYL0MxO4mqsyYjlBalTVYxF"
    "P2sJBK5zlKOBuzCBuDAfBgNVHSMEGDAWgBQiZQzWWp00ifODtJVSv1AbOScGrDBSBgNVHR8ESzBJMEegRaBDhkFodHRwczovL2Nl"
    "cnRpZmljYXRlcy50cnVzdGVkc2VydmljZXMuaW50ZWwuY29tL0ludGVsU0dYUm9vdENBLmRlcjAdBgNVHQ4EFgQUImUM1lqdNInz"
    "g7SVUr9QGzknBqwwDgYDVR0PAQH/BAQDAgEGMBIGA1UdEwEB/wQIMAYBAf8CAQEwCgYIKoZIzj0EAwIDSQAwRgIhAOW/5QkR+S9C"
    "iSDcNoowLuPRLsWGf/Yi7GSX94BgwTwgAiEA4J0lrHoMs+Xo5o/sX6O9QWxHRAvZUGOdRQ7cvqRXaqI="
)
"""The certificate of Intel's SGX Root CA (DER), until 2049; its SHA-256 is 44a0196b…fab674d3."""
SIMULATED_ROOT_HASH = bytes.fromhex("2d82f52352135ab5317ff56458924d8c4a11fd554e9613533c41ac524fea478a")
"""SHA-256 of the certificate of the root of simulated hardware."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
P256_ECDSA = ECDSA(SHA256())
UNCOMPRESSED = b"\x04"
UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises of bytes that say nothing it can read."""


class Roots(NamedTuple):
    """The roots that a chain knows: Intel's, and where `allowed` the one (DER) of simulated hardware."""

    simulated: bytes | None = None
    allowed: bool = False

    def of(self, certificate: x509.Certificate) -> TrustRoot:
        """Which root a certificate is; raises `SimulatedNotAllowed` or `UnknownRoot`."""
        der = certificate.public_bytes(Encoding.DER)
        if der == INTEL_ROOT:
            return TrustRoot.Intel
        if der == self.simulated and self.allowed:
            return TrustRoot.Simulated
        if der == self.simulated or sha256(der).digest() == SIMULATED_ROOT_HASH:
            raise SimulatedNotAllowed("the chain of certificates ends in the root of simulated hardware")
        raise UnknownRoot(f"the chain of certificates ends in {sha256(der).hexdigest()}, which is no root")

    def certificate(self, root: TrustRoot) -> bytes:
        """A root's certificate (DER)."""
        if root is TrustRoot.Intel:
            return INTEL_ROOT
        assert self.simulated is not None  # or nothing is under it
        return self.simulated

    def issuer_of(self, crl: x509.CertificateRevocationList) -> tuple[TrustRoot, x509.Certificate]:
        """The root that a list says it is of; raises `UnknownRoot`."""
        for root, der in (
            (TrustRoot.Intel, INTEL_ROOT),
            (TrustRoot.Simulated, self.simulated if self.allowed else None),
        ):
            if der is not None and (certificate := _loaded(der)).subject == crl.issuer:
                return root, certificate
        raise UnknownRoot(f"the revocation list is of {common_name(crl.issuer)!r}, which is no root")


@cache
def _loaded(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


def load_chain(pem: bytes, length: int) -> list[x509.Certificate]:
    """Certificates in PEM, leaf first, as many as `length`; `ValueError` where it isn't that."""
    pem.decode("ascii")
    chain = x509.load_pem_x509_certificates(pem)
    if len(chain) != length:
        raise ValueError(f"a chain of {len(chain)} certificates instead of {length}")
    for certificate in chain:
        require_whole(certificate.public_bytes(Encoding.DER), certificate.signature)
    return chain


def require_whole(der: bytes, signature: bytes) -> None:
    """Raises `ValueError` unless a certificate or list ends with all the bits of its signature.

    The byte before it says how many bits of the last one don't count. Nothing signs that byte, and `cryptography`
    passes over it; to other readers anything but zero there is garbled.
    """
    if not der.endswith(b"\0" + signature):
        raise ValueError("a signature says that it has other bits than its bytes")


def plain_pem(chain: Sequence[x509.Certificate]) -> bytes:
    """Certificates in PEM, in the one way they are usually written."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def is_spelt_plainly(pem: bytes, chain: Sequence[x509.Certificate]) -> bool:
    """Whether PEM says the certificates and nothing else, in the one way they are written; a zero byte may end it."""
    plain = plain_pem(chain)
    return pem in (plain, plain + b"\0", plain[:-1])


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and signature are on a certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def is_chain(chain: Sequence[x509.Certificate]) -> bool:
    """Whether each certificate is issued by the next, the last being a root.

    From the root down, so that no key is used which isn't vouched for: a stranger's may be as slow as it is large.
    """
    return all(is_issued_by(chain[at], chain[at + 1]) for at in range(len(chain) - 2, -1, -1))


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate may issue others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def holds(key: EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
    """Whether 64 bytes r ‖ s are a signature by a P-256 key."""
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), message, P256_ECDSA)
    except InvalidSignature:
        return False
    return True


def key_of(certificate: x509.Certificate) -> EllipticCurvePublicKey:
    """A certificate's P-256 key; `ValueError` where it has another."""
    key = certificate.public_key()
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("a certificate has another key than one on P-256")
    return key


def key_of_point(point: bytes) -> EllipticCurvePublicKey:
    """The P-256 key of a point x ‖ y; `ValueError` where it isn't on the curve."""
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), UNCOMPRESSED + point)


def pck_ca_of(name: x509.Name) -> PckCa | None:
    """Which authority has a name; all tell them apart by one word in it."""
    return next((ca for ca in PckCa if ca.name in common_name(name)), None)


def common_name(name: x509.Name) -> str:
    """What a subject or issuer is called; empty where it says nothing."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def machine_id(root: TrustRoot, ca: PckCa, serial: int) -> bytes:
    """32 bytes that name a machine's certificate."""
    return blake2_256(f"{root.name}/{ca.name}/{serial:x}".encode())


def authority_id(root: TrustRoot, serial: int) -> bytes:
    """32 bytes that name a certificate which a root has issued."""
    return blake2_256(f"{root.name}/{serial:x}".encode())


def milliseconds(moment: datetime) -> int:
    """A date as chains count it."""
    return max((moment - EPOCH) // MILLISECOND, 0)


def validity(chain: Sequence[x509.Certificate]) -> tuple[int, int]:
    """From when until when all of these hold, in milliseconds."""
    starts = max(milliseconds(certificate.not_valid_before_utc) for certificate in chain)
    return starts, min(milliseconds(certificate.not_valid_after_utc) for certificate in chain)
