"""The simulated root and all that is certified under it: certificate authorities, machines, revocation lists.

# Overview

    root ── PCK platform CA ── one PCK certificate a machine ── its quotes
      └──── TCB signing ────── TCB info and QE identity (`collateral`)

Every key is derived from a published seed, as //Alice's is, so **anybody can mint under the dev root and it proves
nothing about hardware**. Intel's root never accepts what hangs under it; a chain takes it only where its genesis says
so, and marks every such record `simulated`. Signatures are deterministic (RFC 6979), serials and dates are fixed, so
equal inputs give equal bytes. Certificates are valid from 1970 to 9999 unless a machine says otherwise: whatever clock
a chain runs on, only collateral expires.

# Usage

`dev_root()` is the trust anchor that verifiers take. A second `Authority(seed)` is a root that nobody trusts.

# Out of scope

Verifying: that is dcap-qvl's.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from offchain.simulated_tee.machine import Platform

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

NOT_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280 4.1.2.5: no well-defined expiration

ROOT_SERIAL, PCK_CA_SERIAL, TCB_SIGNING_SERIAL = 1, 2, 3

INTEL_SGX_OID = bytes.fromhex("2a864886f84d010d01")  # DER contents of 1.2.840.113741.1.13.1
INTEL_SGX_EXTENSION = x509.ObjectIdentifier("1.2.840.113741.1.13.1")


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Fathom simulated TEE, no hardware"),
        ]
    )


ROOT_NAME = _name("Fathom Simulated SGX Root CA")
PCK_CA_NAME = _name("Fathom Simulated SGX PCK Platform CA")  # verifiers tell the kind of CA by the word Platform
TCB_SIGNING_NAME = _name("Fathom Simulated SGX TCB Signing")
PCK_NAME = _name("Fathom Simulated SGX PCK Certificate")


def sign_raw(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ECDSA over SHA-256, deterministic, as 64 bytes r ‖ s: how quotes and collateral carry signatures."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def raw_public_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public point as 64 bytes x ‖ y: SEC1 uncompressed less its first byte."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def pem_chain(*certificates: x509.Certificate) -> bytes:
    """Certificates in PEM, leaf first."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


class Authority:
    """A root with its two issuing authorities, every key of which is derived from one published `seed`."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed

    def _key(self, role: bytes) -> ec.EllipticCurvePrivateKey:
        """The P-256 key of one role, such as `root`; roles that belong to a machine end with its PPID."""
        scalar = int.from_bytes(hmac.digest(self._seed, role, "sha256"), "big")
        return ec.derive_private_key(scalar % (P256_ORDER - 1) + 1, ec.SECP256R1())

    @cached_property
    def root_key(self) -> ec.EllipticCurvePrivateKey:
        """Signs the two issuing authorities and the root revocation list."""
        return self._key(b"root")

    @cached_property
    def pck_ca_key(self) -> ec.EllipticCurvePrivateKey:
        """Signs machines and their revocation list."""
        return self._key(b"pck-ca")

    @cached_property
    def tcb_signing_key(self) -> ec.EllipticCurvePrivateKey:
        """Signs TCB info and QE identity."""
        return self._key(b"tcb-signing")

    @cached_property
    def root_certificate(self) -> x509.Certificate:
        """Self-signed; its DER is the trust anchor."""
        return self._authority_certificate(ROOT_NAME, ROOT_SERIAL, self.root_key, path_length=1)

    @cached_property
    def pck_ca_certificate(self) -> x509.Certificate:
        """Issues the certificates of machines."""
        return self._authority_certificate(PCK_CA_NAME, PCK_CA_SERIAL, self.pck_ca_key, path_length=0)

    @cached_property
    def tcb_signing_certificate(self) -> x509.Certificate:
        """The leaf whose key signs collateral."""
        builder = _leaf(TCB_SIGNING_NAME, TCB_SIGNING_SERIAL, self.tcb_signing_key)
        return _issue(builder, ROOT_NAME, self.root_key)

    def pck_certificate(self, platform: Platform) -> x509.Certificate:
        """The provisioning certificate of a machine at its present versions; its serial is a hash of both."""
        extension = sgx_extension(platform)
        serial = int.from_bytes(sha256(extension).digest()[:16], "big") | 1 << 128
        valid = datetime.fromtimestamp(platform.valid_from, UTC), datetime.fromtimestamp(platform.valid_until, UTC)
        builder = _leaf(PCK_NAME, serial, self.pck_key(platform), *valid).add_extension(
            x509.UnrecognizedExtension(INTEL_SGX_EXTENSION, extension), critical=False
        )
        return _issue(builder, PCK_CA_NAME, self.pck_ca_key)

    def pck_key(self, platform: Platform) -> ec.EllipticCurvePrivateKey:
        """The key by which a machine's provisioning enclave vouches for its quoting enclave."""
        return self._key(b"pck/" + platform.ppid)

    def attestation_key(self, platform: Platform) -> ec.EllipticCurvePrivateKey:
        """The key by which a machine's quoting enclave signs quotes."""
        return self._key(b"attestation/" + platform.ppid)

    def root_crl(self, number: int, issued: datetime, expires: datetime, revoked: Iterable[int] = ()) -> bytes:
        """The root's revocation list in DER; `revoked` are serials of authorities."""
        return _revocation_list(ROOT_NAME, self.root_key, number, issued, expires, revoked)

    def pck_crl(self, number: int, issued: datetime, expires: datetime, revoked: Iterable[Platform]) -> bytes:
        """The machines' revocation list in DER; each is revoked at the versions it is given with."""
        serials = [self.pck_certificate(platform).serial_number for platform in revoked]
        return _revocation_list(PCK_CA_NAME, self.pck_ca_key, number, issued, expires, serials)

    def _authority_certificate(
        self, subject: x509.Name, serial: int, key: ec.EllipticCurvePrivateKey, path_length: int
    ) -> x509.Certificate:
        builder = (
            _certificate(subject, serial, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(_key_usage(issues=True), critical=True)
        )
        return _issue(builder, ROOT_NAME, self.root_key)


DEV_AUTHORITY = Authority(b"fathom/simulated-tee/dev")
"""The public authority of dev chains."""


def dev_root() -> bytes:
    """DER of the dev root certificate: the trust anchor of chains whose genesis allows simulated hardware."""
    return DEV_AUTHORITY.root_certificate.public_bytes(Encoding.DER)


def _certificate(
    subject: x509.Name,
    serial: int,
    key: ec.EllipticCurvePrivateKey,
    not_before: datetime = NOT_BEFORE,
    not_after: datetime = NOT_AFTER,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _leaf(
    subject: x509.Name,
    serial: int,
    key: ec.EllipticCurvePrivateKey,
    not_before: datetime = NOT_BEFORE,
    not_after: datetime = NOT_AFTER,
) -> x509.CertificateBuilder:
    return (
        _certificate(subject, serial, key, not_before, not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(issues=False), critical=True)
    )


def _issue(
    builder: x509.CertificateBuilder, issuer: x509.Name, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    return (
        builder.issuer_name(issuer)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, SHA256(), ecdsa_deterministic=True)
    )


def _key_usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=not issues,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def _revocation_list(
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    number: int,
    issued: datetime,
    expires: datetime,
    serials: Iterable[int],
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer)
        .last_update(issued)
        .next_update(expires)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(issued).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def sgx_extension(platform: Platform) -> bytes:
    """DER of Intel's extension of a PCK certificate (Intel SGX PCK Certificate and CRL Profile, 1.3.5)."""
    components = [_entry((2, index), _integer(svn)) for index, svn in enumerate(platform.tcb.sgx, start=1)]
    return _sequence(
        _entry((1,), _octets(platform.ppid)),
        _entry(
            (2,),
            _sequence(
                *components,
                _entry((2, 17), _integer(platform.tcb.pce)),
                _entry((2, 18), _octets(platform.tcb.sgx)),
            ),
        ),
        _entry((3,), _octets(bytes(2))),  # PCE-ID
        _entry((4,), _octets(platform.fmspc)),
        _entry((5,), _tagged(0x0A, b"\x01")),  # SGX type: scalable
        _entry((6,), _octets(sha256(platform.ppid).digest()[:16])),  # platform instance ID
        _entry(
            (7,),
            _sequence(
                _entry((7, 1), _tagged(0x01, b"\x00")),  # dynamic platform
                _entry((7, 2), _tagged(0x01, b"\x00")),  # cached keys
                _entry((7, 3), _tagged(0x01, b"\x00")),  # SMT enabled
            ),
        ),
    )


def _entry(path: tuple[int, ...], value: bytes) -> bytes:
    return _sequence(_tagged(0x06, INTEL_SGX_OID + bytes(path)), value)


def _sequence(*members: bytes) -> bytes:
    return _tagged(0x30, b"".join(members))


def _octets(value: bytes) -> bytes:
    return _tagged(0x04, value)


def _integer(value: int) -> bytes:
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _tagged(tag: int, contents: bytes) -> bytes:
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    width = (size.bit_length() + 7) // 8
    return bytes((tag, 0x80 | width)) + size.to_bytes(width, "big") + contents
