"""Simulated GPUs: attestation reports in NVIDIA's format under a root that anybody can mint under.

# Overview

    root ── GPU identities ── one identity a GPU ── its firmware's key ── reports

As with simulated enclaves (`certificates`), every key is derived from a published seed and **proves nothing about
hardware**: a chain takes such evidence only where its genesis knows the root, and marks the GPU `simulated`. Equal
inputs give equal bytes.

# Usage

    gpu = SimulatedGpu(serial)
    evidence = GpuEvidence(block_hash, gpu.report(gpu_nonce(genesis, worker_key, block_hash)), gpu.certificates())

Faults are staged by arguments: a stranger's root by `GpuAuthority(seed)`, another kind of device by `model`.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256, sha384

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from offchain.simulated_tee.certificates import NOT_AFTER, NOT_BEFORE
from offchain.simulated_tee.machine import LAST_U16, require_length, require_range

P384_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
DICE_TCB_INFO = x509.ObjectIdentifier("2.23.133.5.4.1")

REQUEST_HEAD = bytes.fromhex("11e001ff")  # SPDM 1.1, GET_MEASUREMENTS, signed, of everything
RESPONSE_HEAD = bytes.fromhex("11600000")
SLOT = b"\0"
MEASUREMENTS = 64
DMTF, RAW_FIRMWARE = 1, 1
DRIVER_VERSION, VBIOS_VERSION, FIRMWARE_ID = 3, 6, 20


def sign_raw_p384(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ECDSA over SHA-384, deterministic, as 96 bytes r ‖ s."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA384(), deterministic_signing=True)))
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


class GpuAuthority:
    """A maker of simulated GPUs, every key of which is derived from one published `seed`."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed

    def key(self, role: bytes) -> ec.EllipticCurvePrivateKey:
        """The P-384 key of one role, such as `root`; the roles of a GPU end with its serial."""
        scalar = int.from_bytes(hmac.digest(self._seed, role, "sha512"), "big")
        return ec.derive_private_key(scalar % (P384_ORDER - 1) + 1, ec.SECP384R1())

    @cached_property
    def root_certificate(self) -> x509.Certificate:
        """Self-signed; its DER is the trust anchor."""
        return self._issued(ROOT_NAME, 1, b"root", ROOT_NAME, b"root", issues=True)

    @cached_property
    def identity_certificate(self) -> x509.Certificate:
        """Issues the identities of GPUs."""
        return self._issued(IDENTITY_NAME, 2, b"identity", ROOT_NAME, b"root", issues=True)

    def device_certificate(self, gpu: SimulatedGpu) -> x509.Certificate:
        """The identity of one GPU."""
        name = _name(f"{gpu.model} A01 GSP BROM", gpu.serial)
        return self._issued(
            name, _serial(b"device" + gpu.serial), gpu.device_role, IDENTITY_NAME, b"identity", issues=True
        )

    def firmware_certificate(self, gpu: SimulatedGpu) -> x509.Certificate:
        """What a GPU says of the key that its firmware signs reports with."""
        name, issuer = _name(f"{gpu.model} A01 GSP FMC LF", gpu.serial), _name(f"{gpu.model} A01 GSP BROM", gpu.serial)
        serial = _serial(b"firmware" + gpu.serial)
        info = x509.UnrecognizedExtension(DICE_TCB_INFO, gpu.firmware_id)
        return self._issued(name, serial, gpu.firmware_role, issuer, gpu.device_role, issues=False, more=info)

    def _issued(
        self,
        subject: x509.Name,
        serial: int,
        role: bytes,
        issuer: x509.Name,
        issuer_role: bytes,
        *,
        issues: bool,
        more: x509.ExtensionType | None = None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(self.key(role).public_key())
            .serial_number(serial)
            .not_valid_before(NOT_BEFORE)
            .not_valid_after(NOT_AFTER)
            .add_extension(x509.BasicConstraints(ca=issues, path_length=None), critical=True)
            .add_extension(_key_usage(issues), critical=True)
        )
        if more is not None:
            builder = builder.add_extension(more, critical=False)
        return builder.sign(self.key(issuer_role), SHA384(), ecdsa_deterministic=True)


DEV_GPU_AUTHORITY = GpuAuthority(b"fathom/simulated-gpu/dev")
"""The public maker of dev chains' GPUs."""


def dev_gpu_root() -> bytes:
    """DER of the certificate of the dev chains' GPU root."""
    return DEV_GPU_AUTHORITY.root_certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True)
class SimulatedGpu:
    """A GPU: `serial` (16 bytes) tells it from others, `model` is its chip, `vbios` 5 bytes."""

    serial: bytes
    model: str = "GH100"
    driver: str = "550.90.07"
    vbios: bytes = bytes.fromhex("96009F0001")
    authority: GpuAuthority = DEV_GPU_AUTHORITY

    def __post_init__(self) -> None:
        require_length("SimulatedGpu.serial", self.serial, 16)
        require_length("SimulatedGpu.vbios", self.vbios, 5)
        require_range("the length of SimulatedGpu.driver", len(self.driver) + 1, LAST_U16)

    @classmethod
    def of(cls, worker_key: bytes) -> SimulatedGpu:
        """The GPU of a worker: each worker has one of its own."""
        return cls(sha256(worker_key).digest()[:16])

    @property
    def device_role(self) -> bytes:
        """What the key is derived from that is fused into the GPU."""
        return b"device/" + self.serial

    @property
    def firmware_role(self) -> bytes:
        """What the key is derived from by which the firmware signs reports."""
        return b"firmware/" + self.serial

    @property
    def firmware_id(self) -> bytes:
        """The measurement of the firmware that signs reports, 48 bytes."""
        return sha384(b"fathom/simulated-gpu/firmware" + self.model.encode()).digest()

    def certificates(self) -> list[bytes]:
        """The chain of its firmware's key, in DER, the root last."""
        maker = self.authority
        chain = (
            maker.firmware_certificate(self),
            maker.device_certificate(self),
            maker.identity_certificate,
            maker.root_certificate,
        )
        return [certificate.public_bytes(Encoding.DER) for certificate in chain]

    def report(self, nonce: bytes) -> bytes:
        """The answer to `nonce` (32 bytes), about 4 KB. Equal nonces get equal reports. Raises `WrongLength`."""
        require_length("nonce", nonce, 32)
        record = b"".join(self._measurement(index) for index in range(1, MEASUREMENTS + 1))
        vbios = self.vbios[3::-1] + self.vbios[4:] + bytes(3)
        fields = (
            (VBIOS_VERSION, vbios),
            (DRIVER_VERSION, self.driver.encode() + b"\0"),
            (FIRMWARE_ID, self.firmware_id),
        )
        opaque = b"".join(_u16(kind) + _u16(len(value)) + value for kind, value in fields)
        own_nonce = sha256(b"fathom/simulated-gpu/nonce" + self.serial + nonce).digest()
        counts = bytes((MEASUREMENTS,)) + len(record).to_bytes(3, "little")
        signed = b"".join(
            (REQUEST_HEAD, nonce, SLOT, RESPONSE_HEAD, counts, record, own_nonce, _u16(len(opaque)), opaque)
        )
        return signed + sign_raw_p384(self.authority.key(self.firmware_role), signed)

    def _measurement(self, index: int) -> bytes:
        state = f"{self.model} {self.driver} {self.vbios.hex()} {index}".encode()
        value = sha384(b"fathom/simulated-gpu/measurement" + state).digest()
        block = bytes((RAW_FIRMWARE,)) + _u16(len(value)) + value
        return bytes((index, DMTF)) + _u16(len(block)) + block


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "little")


def _serial(about: bytes) -> int:
    return int.from_bytes(sha256(about).digest()[:16], "big") | 1 << 128


def _name(common_name: str, serial: bytes = b"") -> x509.Name:
    attributes = [
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Fathom simulated GPU, no hardware"),
    ]
    if serial:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial.hex().upper()))
    return x509.Name(attributes)


ROOT_NAME = _name("Fathom Simulated Device Identity CA")
IDENTITY_NAME = _name("Fathom Simulated GPU Identity")


def _key_usage(issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
