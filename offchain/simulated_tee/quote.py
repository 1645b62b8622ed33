"""Quotes under the simulated root: SGX version 3, TDX versions 4 and 5, byte for byte in Intel's formats.

A quote says: an enclave that measures so, on this machine, holds these 64 bytes of report data. What a simulated
enclave measures is derived from the worker's runtime id, so that the allow-list of a dev chain does the work it does on
hardware.

A `measurement` is what an allow-list is keyed by:

- SGX, 68 bytes: `mr_enclave ‖ isv_prod_id ‖ isv_svn ‖ mr_signer`, numbers little-endian: Phala's `PRuntimeAllowList`;
- TDX, 32 bytes: `sha256(mr_td ‖ rtmr0 ‖ rtmr1 ‖ rtmr2 ‖ rtmr3)`, followed inside the hash by `mr_config_id ‖ mr_owner ‖
  mr_owner_config` where any of these is not zero: dstack's `mr_aggregated`. Simulated machines leave the three zero.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256, sha384
from typing import Literal

from offchain.simulated_tee.certificates import DEV_AUTHORITY, Authority, pem_chain, raw_public_key, sign_raw
from offchain.simulated_tee.collateral import (
    QUOTING_ENCLAVES,
    SEAM_ATTRIBUTES,
    TDX_MODULE_SIGNER,
    QuotingEnclave,
)
from offchain.simulated_tee.machine import DEV_PLATFORM, LAST_U16, Platform, require_length, require_range
from pallets.primitives.quote import (
    BODY_HEAD,
    ECDSA_P256,
    HEADER,
    INTEL_QE_VENDOR,
    PCK_CHAIN,
    QE_REPORT_CERTIFICATION,
    SGX_DEBUG,
    TD_DEBUG,
    TD_SEPT_VE_DISABLE,
)

SGX_REPORT = struct.Struct("<16sI28x16s32s32x32s96xHH60x64s")
TD_REPORT = struct.Struct("<16s48s48s8s8s8s48s48s48s48s48s48s48s48s64s")

SGX_QUOTE = (3, 0x00)  # version, TEE type
TDX_TEE_TYPE = 0x81
TD_REPORT_10, TD_REPORT_15 = 2, 3  # kinds of bodies
TD_15_TAIL = struct.Struct("<16s48s")  # a second TEE_TCB_SVN, MRSERVICETD

SGX_FLAGS, SGX_XFRM = 0x05, 0xE7  # initialised and 64 bit
QE_FLAGS = 0x15  # and holds the provisioning key
TD_XFAM = 0x602E7

SIMULATED_SEAM = sha384(b"fathom/simulated-tee/seam").digest()


TdxForm = Literal["4", "5", "5/1.5"]
"""The version of a TDX quote; `5/1.5` holds a report of TDX 1.5 instead of 1.0."""


@dataclass(frozen=True)
class SgxMeasurements:
    """What an SGX enclave measures: two hashes of 32 bytes, two 16-bit numbers. Verifiers refuse `debug`."""

    mr_enclave: bytes
    mr_signer: bytes
    isv_prod_id: int = 0
    isv_svn: int = 0
    debug: bool = False

    def __post_init__(self) -> None:
        require_length("mr_enclave", self.mr_enclave, 32)
        require_length("mr_signer", self.mr_signer, 32)
        require_range("isv_prod_id", self.isv_prod_id, LAST_U16)
        require_range("isv_svn", self.isv_svn, LAST_U16)

    @classmethod
    def of_runtime(cls, runtime_id: bytes) -> SgxMeasurements:
        """The simulated enclave that holds the worker runtime of this id (32 bytes)."""
        require_length("runtime_id", runtime_id, 32)
        return cls(
            mr_enclave=sha256(b"fathom/simulated-tee/mr_enclave" + runtime_id).digest(),
            mr_signer=sha256(b"fathom/simulated-tee/mr_signer").digest(),
        )

    @property
    def measurement(self) -> bytes:
        """The allow-list's key, 68 bytes."""
        numbers = self.isv_prod_id.to_bytes(2, "little") + self.isv_svn.to_bytes(2, "little")
        return self.mr_enclave + numbers + self.mr_signer


@dataclass(frozen=True)
class TdxMeasurements:
    """What a trust domain measures: five registers of 48 bytes.

    Verifiers refuse `debug`, and domains without `sept_ve_disable`.
    """

    mr_td: bytes
    rtmr0: bytes
    rtmr1: bytes
    rtmr2: bytes
    rtmr3: bytes
    debug: bool = False
    sept_ve_disable: bool = True

    def __post_init__(self) -> None:
        for field in ("mr_td", "rtmr0", "rtmr1", "rtmr2", "rtmr3"):
            require_length(field, getattr(self, field), 48)

    @classmethod
    def of_runtime(cls, runtime_id: bytes) -> TdxMeasurements:
        """The simulated domain that runs the worker runtime of this id (32 bytes).

        As on hardware, firmware, configuration, kernel and initial disk fill the first four registers, and the
        application is extended into the last.
        """
        require_length("runtime_id", runtime_id, 32)
        return cls(
            mr_td=sha384(b"fathom/simulated-tee/firmware").digest(),
            rtmr0=sha384(b"fathom/simulated-tee/configuration").digest(),
            rtmr1=sha384(b"fathom/simulated-tee/kernel").digest(),
            rtmr2=sha384(b"fathom/simulated-tee/initial-disk").digest(),
            rtmr3=sha384(bytes(48) + sha384(runtime_id).digest()).digest(),
        )

    @property
    def measurement(self) -> bytes:
        """The allow-list's key, 32 bytes."""
        return sha256(self.mr_td + self.rtmr0 + self.rtmr1 + self.rtmr2 + self.rtmr3).digest()


def mint_quote(
    report_data: bytes,
    measurements: SgxMeasurements | TdxMeasurements,
    platform: Platform = DEV_PLATFORM,
    authority: Authority = DEV_AUTHORITY,
    *,
    form: TdxForm = "4",
    quoting_enclave: QuotingEnclave | None = None,
) -> bytes:
    """A quote over `report_data` (64 bytes) by the enclave that `measurements` describes, on `platform`.

    About 4 KB; of SGX version 3, of TDX of that `form`. `quoting_enclave` signs it in place of the one that collateral
    knows. Equal arguments give equal bytes. Raises `WrongLength`.
    """
    require_length("report_data", report_data, 64)
    attestation_key = authority.attestation_key(platform)
    if isinstance(measurements, SgxMeasurements):
        enclave = quoting_enclave or QUOTING_ENCLAVES["sgx"]
        header = _header(*SGX_QUOTE, enclave.isv_svn, platform.tcb.pce, platform.ppid)
        signed = header + _sgx_body(measurements, platform, report_data)
        certification = _certification(enclave, platform, authority)
    else:
        enclave = quoting_enclave or QUOTING_ENCLAVES["tdx"]
        header = _header(int(form[0]), TDX_TEE_TYPE, 0, 0, platform.ppid)  # no versions are kept here from 4 on
        signed = header + _td_body(measurements, platform, report_data, form)
        certification = _certification_data(QE_REPORT_CERTIFICATION, _certification(enclave, platform, authority))
    authentication = sign_raw(attestation_key, signed) + raw_public_key(attestation_key) + certification
    return signed + len(authentication).to_bytes(4, "little") + authentication


def _header(version: int, tee_type: int, qe_svn: int, pce_svn: int, user_data: bytes) -> bytes:
    return HEADER.pack(version, ECDSA_P256, tee_type, qe_svn, pce_svn, INTEL_QE_VENDOR, user_data)


def _sgx_body(measurements: SgxMeasurements, platform: Platform, report_data: bytes) -> bytes:
    flags = SGX_FLAGS | (SGX_DEBUG if measurements.debug else 0)
    return SGX_REPORT.pack(
        platform.tcb.sgx,
        0,  # MISCSELECT
        flags.to_bytes(8, "little") + SGX_XFRM.to_bytes(8, "little"),
        measurements.mr_enclave,
        measurements.mr_signer,
        measurements.isv_prod_id,
        measurements.isv_svn,
        report_data,
    )


def _td_body(measurements: TdxMeasurements, platform: Platform, report_data: bytes, form: TdxForm) -> bytes:
    attributes = (TD_SEPT_VE_DISABLE if measurements.sept_ve_disable else 0) | (TD_DEBUG if measurements.debug else 0)
    report = TD_REPORT.pack(
        platform.tcb.tdx,
        SIMULATED_SEAM,
        TDX_MODULE_SIGNER,
        SEAM_ATTRIBUTES,
        attributes.to_bytes(8, "little"),
        TD_XFAM.to_bytes(8, "little"),
        measurements.mr_td,
        b"",  # MRCONFIGID, MROWNER and MROWNERCONFIG stay zero
        b"",
        b"",
        measurements.rtmr0,
        measurements.rtmr1,
        measurements.rtmr2,
        measurements.rtmr3,
        report_data,
    )
    if form == "5/1.5":
        report += TD_15_TAIL.pack(platform.current_tdx or platform.tcb.tdx, b"")  # and no service domain
    if form == "4":
        return report
    return BODY_HEAD.pack(TD_REPORT_15 if form == "5/1.5" else TD_REPORT_10, len(report)) + report


def _certification(enclave: QuotingEnclave, platform: Platform, authority: Authority) -> bytes:
    """The quoting enclave's report, which vouches for the attestation key, signed by the machine's PCK; its chain."""
    authentication = sha256(b"fathom/simulated-tee/qe-authentication").digest()
    vouched = sha256(raw_public_key(authority.attestation_key(platform)) + authentication).digest()
    report = SGX_REPORT.pack(
        platform.tcb.sgx,
        0,
        QE_FLAGS.to_bytes(8, "little") + SGX_XFRM.to_bytes(8, "little"),
        enclave.mr_enclave,
        enclave.mr_signer,
        enclave.isv_prod_id,
        enclave.isv_svn,
        vouched,
    )
    chain = pem_chain(authority.pck_certificate(platform), authority.pck_ca_certificate, authority.root_certificate)
    return (
        report
        + sign_raw(authority.pck_key(platform), report)
        + len(authentication).to_bytes(2, "little")
        + authentication
        + _certification_data(PCK_CHAIN, chain)
    )


def _certification_data(kind: int, contents: bytes) -> bytes:
    return kind.to_bytes(2, "little") + len(contents).to_bytes(4, "little") + contents
