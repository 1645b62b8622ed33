"""DCAP quotes and their collateral: read, verified by dcap-qvl, and put into the chain's own terms.

## Overview

A quote says that an enclave which measures so, on a machine of that model, holds these 64 bytes of report data.
Collateral rates the machine's model: revocation lists, security versions with their status, the quoting enclave's
identity, each signed under the root that also certifies the machine. dcap-qvl checks all signatures; what it vouches
for comes out as `Claims`.

A measurement is what an allow-list is keyed by:

- SGX, 68 bytes: `mr_enclave ‖ isv_prod_id ‖ isv_svn ‖ mr_signer`, numbers little-endian;
- TDX, 32 bytes: SHA-256 of `mr_td ‖ rtmr0 ‖ rtmr1 ‖ rtmr2 ‖ rtmr3`, followed inside the hash by `mr_config_id ‖
mr_owner ‖
  mr_owner_config` where any of these is not zero.

## Errors

```
DcapError
├── InvalidCollateral      not the collateral of one machine model and one kind of enclave, or garbled
│   └── CarriesChain       it brings a certificate chain that would take the place of the quote's own
└── InvalidQuote           not a quote, or one that doesn't verify with this collateral at this time
```
Their texts are the library's and may change with it: they are for people, never for state.

## Out of scope

Which root, status or measurement is good enough: `pallets.attestation`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

import dcap_qvl
import orjson
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pallets.primitives.attestation_record import TcbStatus, Tee
from pallets.primitives.types import U32, U64, Bound, FixedBytes, struct

MAX_QUOTE = 1 << 14
MAX_COLLATERAL = 1 << 16

Quote = Annotated[bytes, Bound(MAX_QUOTE)]
CollateralJson = Annotated[bytes, Bound(MAX_COLLATERAL)]
"""As `dcap_qvl.QuoteCollateralV3` and Intel's PCS v4 have it."""
Fmspc = Annotated[bytes, FixedBytes(6)]
"""Family, model, stepping, platform and SKU of a processor: what collateral is filed under."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CHAIN_KEY = "pck_certificate_chain"


class DcapError(ValueError):
    """A quote or collateral that doesn't count."""


class InvalidCollateral(DcapError):
    """Not the JSON of collateral, or of another kind of enclave, or a field of it is garbled."""


class CarriesChain(InvalidCollateral):
    """Collateral with a `pck_certificate_chain`, which a verifier would take in place of the quote's own chain."""


class InvalidQuote(DcapError):
    """Not a quote, or it doesn't verify under this root, with this collateral, at this time."""


@struct(path="pallet_attestation::Edition")
class Edition:
    """How new collateral is; on a chain none of these numbers ever falls. Dates are Unix seconds."""

    tcb_issued: U64
    tcb_evaluation: U32
    qe_issued: U64
    qe_evaluation: U32
    root_crl: U64
    pck_crl: U64

    def behind(self, other: Edition) -> bool:
        """Whether any part is older than the other's."""
        return any(getattr(self, name) < getattr(other, name) for name in self.__slots__)  # type: ignore[attr-defined]


class CollateralFacts(NamedTuple):
    """What collateral says of itself, nothing of it verified yet; `root` is DER, `expires` Unix seconds."""

    fmspc: bytes
    root: bytes
    expires: int
    edition: Edition


class Claims(NamedTuple):
    """What a verified quote says; dates are Unix seconds."""

    status: TcbStatus
    advisories: list[str]
    report_data: bytes
    measurement: bytes
    evaluation: int
    """The lower of the evaluation numbers of TCB info and quoting enclave identity."""
    rated: int
    """The date of the security level that the machine has."""
    expires: int


def read_collateral(tee: Tee, json: bytes) -> CollateralFacts:
    """What collateral for a kind of enclave says of itself; raises `InvalidCollateral`."""
    try:
        fields = orjson.loads(json)
        if CHAIN_KEY in fields:
            raise CarriesChain(f"collateral has the key {CHAIN_KEY}: leave it out, the quote brings its chain itself")
        dcap_qvl.QuoteCollateralV3.from_json(json.decode())
        tcb, qe = orjson.loads(fields["tcb_info"]), orjson.loads(fields["qe_identity"])
        if tcb["id"] != tee.name.upper():
            raise InvalidCollateral(f"collateral is for {tcb['id']}, not for {tee.name.upper()}")
        crls = [x509.load_der_x509_crl(bytes.fromhex(fields[name])) for name in ("root_ca_crl", "pck_crl")]
        root_crl, pck_crl = (crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for crl in crls)
        ends = [datetime.fromisoformat(part["nextUpdate"]) for part in (tcb, qe)]
        ends += [crl.next_update_utc for crl in crls if crl.next_update_utc is not None]
        issued = [_seconds(datetime.fromisoformat(part["issueDate"])) for part in (tcb, qe)]
        evaluations = [int(part["tcbEvaluationDataNumber"]) for part in (tcb, qe)]
        numbers = (issued[0], evaluations[0], issued[1], evaluations[1], root_crl, pck_crl)
        if not all(0 <= number < 1 << 32 for number in numbers):
            raise InvalidCollateral("collateral has a date before 1970 or a number of more than 32 bits")
        root = x509.load_pem_x509_certificates(fields["tcb_info_issuer_chain"].encode())[-1]
        fmspc = bytes.fromhex(tcb["fmspc"])
        if len(fmspc) != 6:
            raise InvalidCollateral(f"an FMSPC has 6 bytes, the collateral's has {len(fmspc)}")
        return CollateralFacts(fmspc, root.public_bytes(Encoding.DER), min(map(_seconds, ends)), Edition(*numbers))
    except DcapError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, x509.ExtensionNotFound) as error:
        raise InvalidCollateral(f"collateral is garbled: {error!r}") from None


def model_of(quote: bytes) -> tuple[Tee, bytes]:
    """The kind of enclave and the machine's model that a quote claims, nothing verified; raises `InvalidQuote`."""
    try:
        parsed = dcap_qvl.parse_quote(quote)
        return (Tee.Tdx if parsed.is_tdx() else Tee.Sgx), bytes.fromhex(parsed.fmspc())
    except ValueError as error:
        raise InvalidQuote(f"these bytes are not a quote: {error}") from None


def verify_quote(quote: bytes, collateral: bytes, root: bytes | None, now: int) -> Claims:
    """What a quote says, if it holds at Unix time `now` under `root` (DER, `None` is Intel's); else `InvalidQuote`."""
    terms = dcap_qvl.QuoteCollateralV3.from_json(collateral.decode())
    policy = dcap_qvl.QuotePolicy.claims_only(now)  # ours is applied to the claims, where each refusal has its name
    try:
        verified = dcap_qvl.QuoteVerifier(root).verify_with_policy(quote, terms, now, policy)
        claims: dict[str, Any] = orjson.loads(verified.to_json())
        status = TcbStatus[claims["tcb"]["status"]]
    except (ValueError, KeyError) as error:
        raise InvalidQuote(f"the quote doesn't verify: {error}") from None
    ((kind, body),) = claims["report"].items()
    if kind == "SgxEnclave":
        numbers = body["isv_prod_id"].to_bytes(2, "little") + body["isv_svn"].to_bytes(2, "little")
        measurement = _joined(body, "mr_enclave") + numbers + _joined(body, "mr_signer")
    else:
        body = body if "mr_td" in body else body["base"]  # a TD report 1.5 nests the fields of 1.0
        owner = _joined(body, "mr_config_id", "mr_owner", "mr_owner_config")
        registers = _joined(body, "mr_td", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3")
        measurement = sha256(registers + (owner if any(owner) else b"")).digest()
    return Claims(
        status,
        claims["tcb"]["advisory_ids"],
        _joined(body, "report_data"),
        measurement,
        min(claims["tcb"]["eval_data_number"], claims["qe"]["tcb_eval_data_number"]),
        claims["platform"]["tcb_date_tag"],
        min(claims["earliest_expiration_date"], claims["qe_iden_earliest_expiration_date"]),
    )


def _joined(body: dict[str, str], *names: str) -> bytes:
    return bytes.fromhex("".join(body[name] for name in names))


def _seconds(moment: datetime) -> int:
    return (moment - EPOCH) // SECOND
