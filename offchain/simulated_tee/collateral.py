"""Collateral under the simulated root: what a verifier needs besides a quote.

One collateral serves every quote of its kind of enclave whose machine has its FMSPC. It holds revocation lists, TCB
info (which versions have which status) and the quoting enclave's identity, each signed, in the fields of Intel's PCS v4
as `dcap_qvl.QuoteCollateralV3.from_json` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from offchain.simulated_tee.certificates import DEV_AUTHORITY, Authority, pem_chain, sign_raw
from offchain.simulated_tee.machine import (
    DEV_FMSPC,
    DEV_TCB_LEVELS,
    LAST_SECOND,
    LAST_U32,
    TDX_MODULE_ISVSVN,
    TDX_MODULE_VERSION,
    InvalidPeriod,
    Platform,
    TcbLevel,
    TcbStatus,
    Tee,
    require_length,
    require_range,
)

DEV_ISSUED = 1_767_225_600
DEV_EXPIRES = DEV_ISSUED + 10 * 365 * 86_400
"""From when until when the dev chain's collateral counts: ten years from 2026 on, in unix seconds."""

TDX_MODULE_SIGNER = bytes(48)  # all zero: signed by Intel, the only signer a TDX module can have
SEAM_ATTRIBUTES = bytes(8)


class QuotingEnclave(NamedTuple):
    """The enclave that signs quotes of one kind: its identity as collateral states it and its report shows it."""

    id: str
    mr_enclave: bytes
    mr_signer: bytes
    isv_prod_id: int
    isv_svn: int


QUOTING_ENCLAVES: dict[Tee, QuotingEnclave] = {
    "sgx": QuotingEnclave(
        id="QE",
        mr_enclave=sha256(b"fathom/simulated-tee/qe").digest(),
        mr_signer=sha256(b"fathom/simulated-tee/qe-signer").digest(),
        isv_prod_id=1,
        isv_svn=8,
    ),
    "tdx": QuotingEnclave(
        id="TD_QE",
        mr_enclave=sha256(b"fathom/simulated-tee/td-qe").digest(),
        mr_signer=sha256(b"fathom/simulated-tee/qe-signer").digest(),
        isv_prod_id=2,
        isv_svn=4,
    ),
}
QE_ATTRIBUTES = bytes((0x11,)) + bytes(15)  # initialised, holds the provisioning key
QE_ATTRIBUTES_MASK = bytes((0xFB,)) + b"\xff" * 7 + bytes(8)  # all but MODE64BIT and XFRM


def collateral(
    tee: Tee,
    *,
    issued: int,
    expires: int,
    fmspc: bytes = DEV_FMSPC,
    levels: Sequence[TcbLevel] = DEV_TCB_LEVELS,
    evaluation_number: int = 1,
    crl_number: int = 1,
    crl_expires: int | None = None,
    revoked: Iterable[Platform] = (),
    revoked_authorities: Iterable[int] = (),
    authority: Authority = DEV_AUTHORITY,
) -> bytes:
    """The collateral of all machines of model `fmspc` (6 bytes), as JSON of about 10 KB.

    `issued`, `expires`: unix seconds; verifiers take it from the first until before the second. `crl_expires` gives the
    revocation lists another end than the rest. `levels` rate versions, in any order. `evaluation_number` and
    `crl_number` (32 bits each) only grow on a chain. `revoked` machines are listed at the versions they are given with,
    `revoked_authorities` by their serials.

    Raises `InvalidPeriod`, `WrongLength` or `OutOfRange`.
    """
    require_length("fmspc", fmspc, 6)
    require_range("evaluation_number", evaluation_number, LAST_U32)
    require_range("crl_number", crl_number, LAST_U32)
    _require_period(issued, expires)
    if crl_expires is None:
        crl_expires = expires
    _require_period(issued, crl_expires)

    dated = {"issueDate": _rfc3339(issued), "nextUpdate": _rfc3339(expires)}
    tcb_info = _canonical_json(_tcb_info(tee, dated, fmspc, levels, evaluation_number, issued))
    qe_identity = _canonical_json(_qe_identity(QUOTING_ENCLAVES[tee], dated, evaluation_number))
    signers = pem_chain(authority.tcb_signing_certificate, authority.root_certificate).decode()
    crl_period = (_utc(issued), _utc(crl_expires))
    return _canonical_json(
        {
            "pck_crl_issuer_chain": pem_chain(authority.pck_ca_certificate, authority.root_certificate).decode(),
            "root_ca_crl": authority.root_crl(crl_number, *crl_period, revoked_authorities).hex(),
            "pck_crl": authority.pck_crl(crl_number, *crl_period, revoked).hex(),
            "tcb_info_issuer_chain": signers,
            "tcb_info": tcb_info.decode(),
            "tcb_info_signature": sign_raw(authority.tcb_signing_key, tcb_info).hex(),
            "qe_identity_issuer_chain": signers,
            "qe_identity": qe_identity.decode(),
            "qe_identity_signature": sign_raw(authority.tcb_signing_key, qe_identity).hex(),
        }
    )


def _tcb_info(
    tee: Tee, dated: dict[str, str], fmspc: bytes, levels: Sequence[TcbLevel], evaluation_number: int, issued: int
) -> dict[str, Any]:
    info: dict[str, Any] = {
        "id": tee.upper(),
        "version": 3,
        **dated,
        "fmspc": _hex(fmspc),
        "pceId": "0000",
        "tcbType": 0,
        "tcbEvaluationDataNumber": evaluation_number,
    }
    if tee == "tdx":
        module = {
            "mrsigner": _hex(TDX_MODULE_SIGNER),
            "attributes": _hex(SEAM_ATTRIBUTES),
            "attributesMask": _hex(b"\xff" * len(SEAM_ATTRIBUTES)),
        }
        module_level = _level({"isvsvn": TDX_MODULE_ISVSVN}, TcbStatus.UP_TO_DATE, dated["issueDate"])
        info["tdxModule"] = module
        info["tdxModuleIdentities"] = [{"id": f"TDX_{TDX_MODULE_VERSION:02X}", **module, "tcbLevels": [module_level]}]
    info["tcbLevels"] = [
        _level(_tcb(tee, level), level.status, _rfc3339(issued if level.date is None else level.date), level.advisories)
        for level in levels
    ]
    return info


def _tcb(tee: Tee, level: TcbLevel) -> dict[str, Any]:
    tcb: dict[str, Any] = {"sgxtcbcomponents": [{"svn": svn} for svn in level.tcb.sgx], "pcesvn": level.tcb.pce}
    if tee == "tdx":
        tcb["tdxtcbcomponents"] = [{"svn": svn} for svn in level.tcb.tdx]
    return tcb


def _qe_identity(enclave: QuotingEnclave, dated: dict[str, str], evaluation_number: int) -> dict[str, Any]:
    return {
        "id": enclave.id,
        "version": 2,
        **dated,
        "tcbEvaluationDataNumber": evaluation_number,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": _hex(QE_ATTRIBUTES),
        "attributesMask": _hex(QE_ATTRIBUTES_MASK),
        "mrsigner": _hex(enclave.mr_signer),
        "isvprodid": enclave.isv_prod_id,
        "tcbLevels": [_level({"isvsvn": enclave.isv_svn}, TcbStatus.UP_TO_DATE, dated["issueDate"])],
    }


def _level(tcb: dict[str, Any], status: TcbStatus, date: str, advisories: Sequence[str] = ()) -> dict[str, Any]:
    level: dict[str, Any] = {"tcb": tcb, "tcbDate": date, "tcbStatus": status.value}
    return level | {"advisoryIDs": list(advisories)} if advisories else level  # Intel leaves an empty list out


def _require_period(issued: int, expires: int) -> None:
    if not 0 <= issued < expires <= LAST_SECOND:
        raise InvalidPeriod(f"issued at {issued}, expires at {expires}: give unix seconds, in order, to {LAST_SECOND}")


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _rfc3339(seconds: int) -> str:
    return _utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hex(value: bytes) -> str:
    return value.hex().upper()


def _canonical_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
