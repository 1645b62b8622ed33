"""DCAP quotes verified: by dcap-qvl, which decides; and where it refuses one, by name of the reason.

## Overview

A quote says that an enclave which measures so, on a machine of that model, holds these 64 bytes of report data.
Collateral rates the machine's model. `parse_quote` and `Machine.of` read what a quote claims; `verify` has dcap-qvl
check all of it against the collateral, and answers what then stands as `Claims`. A quote that is refused is looked at
again (`pallets.attestation.dcap_diagnosis`), so that the reason has a name that doesn't hang on the library's words.

Claims are remembered by what they follow from (quote, collateral, root), and hold from `starts` until `expires`, which
follow from the same. Memory can therefore not change an answer, only the time it takes.

## Usage

```python
quote = parse_quote(data)
machine = Machine.of(quote, roots)              # which root, model and certificate
claims = verify(data, quote, machine, terms, roots, now)
```

## Errors

`pallets.attestation.dcap_errors`, `pallets.primitives.quote`.

## Out of scope

Which status or measurement is good enough: `pallets.attestation`. When collateral counts: whoever has it asks
`Terms.starts` and `Terms.expires` first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple

import dcap_qvl
import orjson
from cryptography import x509

from pallets.attestation.certificates import (
    UNREADABLE,
    Roots,
    authority_id,
    is_chain,
    is_spelt_plainly,
    load_chain,
    machine_id,
    milliseconds,
    pck_ca_of,
    validity,
)
from pallets.attestation.collateral_parts import Terms
from pallets.attestation.dcap_diagnosis import reason
from pallets.attestation.dcap_errors import QuoteForged, QuoteRefused
from pallets.primitives.attestation_record import PckCa, TcbStatus, TrustRoot
from pallets.primitives.hashing import blake2_256
from pallets.primitives.quote import NotAQuote, ParsedQuote, UnsupportedQuote
from pallets.primitives.types import Bound, FixedBytes

MAX_QUOTE = 1 << 14
CHAIN_LENGTH = 3
REMEMBERED = 4096
"""How many quotes' claims are kept in memory: a kilobyte each."""
OUT_OF_DATE = ("OutOfDate", "OutOfDateConfigurationNeeded")

Quote = Annotated[bytes, Bound(MAX_QUOTE)]
Fmspc = Annotated[bytes, FixedBytes(6)]
"""Family, model, stepping, platform and SKU of a processor: what TCB info is filed under."""


class Machine(NamedTuple):
    """The machine that a quote names, by its certificate, nothing of which is verified."""

    root: TrustRoot
    ca: PckCa
    fmspc: bytes
    cpu_svn: bytes
    pce_svn: int
    chain: list[x509.Certificate]

    @classmethod
    def of(cls, quote: ParsedQuote, roots: Roots) -> Machine:
        """Reads a quote's certificates; raises `NotAQuote`, `UnknownRoot`, `SimulatedNotAllowed`, `QuoteForged`."""
        try:
            chain = load_chain(quote.chain, CHAIN_LENGTH)
            plain = is_spelt_plainly(quote.chain, chain)
            extension = dcap_qvl.parse_pck_extension_from_pem(quote.chain)
            ca = pck_ca_of(chain[1].subject)
        except UNREADABLE as error:
            raise NotAQuote(f"the quote's certificates are garbled: {error}") from None
        if not plain:
            raise NotAQuote("the quote's certificates are not written as certificates are, or have something between")
        root = roots.of(chain[-1])
        if ca is None:
            require_chain(chain)
            raise UnsupportedQuote("the machine is certified by neither the processors' authority nor the platforms'")
        return cls(root, ca, extension.fmspc, extension.cpu_svn, extension.pce_svn, chain)

    @property
    def id(self) -> bytes:
        """What a revocation names it by, 32 bytes."""
        return machine_id(self.root, self.ca, self.chain[0].serial_number)

    @property
    def authority(self) -> bytes:
        """What a revocation names the authority by that certified it."""
        return authority_id(self.root, self.chain[1].serial_number)


class Claims(NamedTuple):
    """What a verified quote says; dates are in milliseconds."""

    status: TcbStatus
    advisories: list[str]
    evaluation: int
    """The lower of the evaluation numbers of TCB info and quoting enclave identity."""
    rated: int
    """The date of the security level that the machine has; of an older one of its quoting enclave, if that is out of
    date."""
    starts: int
    expires: int


def require_chain(chain: list[x509.Certificate]) -> None:
    """Raises `QuoteForged` unless each certificate is signed by the next."""
    if not is_chain(chain):
        raise QuoteForged("a certificate of the machine's chain is not signed by the next one")


def verify(data: bytes, quote: ParsedQuote, machine: Machine, terms: Terms, roots: Roots, now: int) -> Claims:
    """What a quote says, if it holds at `now` (milliseconds); `data` is the quote's bytes, `terms` of its root."""
    root = roots.certificate(machine.root)
    key = blake2_256(blake2_256(data) + terms.hash + blake2_256(root))
    claims, why = _remembered.get(key), "not at this time"
    if claims is not None and claims.starts <= now < claims.expires:
        return claims
    try:
        claims = _verified(data, machine, terms, root, now)
    except (*UNREADABLE, KeyError) as error:
        claims, why = None, str(error)
    if claims is None or not claims.starts <= now < claims.expires:  # the verifier's last second is not ours
        found = reason(quote, machine.chain, machine.cpu_svn, machine.pce_svn, terms, now)
        raise found or QuoteRefused(f"the quote doesn't verify: {why}")
    if len(_remembered) >= REMEMBERED:
        _remembered.pop(next(iter(_remembered)))
    _remembered[key] = claims
    return claims


_remembered: dict[bytes, Claims] = {}


def _verified(data: bytes, machine: Machine, terms: Terms, root: bytes, now: int) -> Claims:
    policy = dcap_qvl.QuotePolicy.claims_only(now // 1000)  # the chain's own decides, where each refusal has its name
    verifier = dcap_qvl.QuoteVerifier(root)
    verified = verifier.verify_with_policy(data, terms.for_verifier(), now // 1000, policy)
    claims: dict[str, Any] = orjson.loads(verified.to_json())
    starts, ends = validity(machine.chain)
    platform, qe = claims["platform"], claims["qe"]
    rated = platform["tcb_date_tag"] * 1000
    if qe["tcb_level"]["tcbStatus"] in OUT_OF_DATE:
        rated = min(rated, milliseconds(datetime.fromisoformat(qe["tcb_level"]["tcbDate"])))
    return Claims(
        TcbStatus[claims["tcb"]["status"]],
        claims["tcb"]["advisory_ids"],
        min(claims["tcb"]["eval_data_number"], qe["tcb_eval_data_number"]),
        rated,
        max(starts, terms.starts),
        min(ends, terms.expires),
    )
