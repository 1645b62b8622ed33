"""Collateral, which rates machines: its four parts, each read and checked by itself.

## Overview

| part | of | signed by |
| --- | --- | --- |
| TCB info | a kind of enclave and a machine's model: security versions and their status | TCB signing |
| quoting enclave identity | a kind of enclave | TCB signing |
| root revocation list | a root | the root |
| PCK revocation list | an authority that certifies machines | that authority |

All are as Intel's provisioning certification service (PCS, version 4) gives them out. A part that was read is one whose
signature holds, under a root that the chain knows; when it holds is in its `Validity`, and judged when it is used.

## Usage

```python
part = read_tcb_info(text, signature, issuer_chain, roots)      # raises what is wrong with it
terms = Terms(part.document, identity.document, root_crl.crl, pck_crl.crl)
```

## Errors

`BadCollateral`, `CollateralForged`, `UnknownRoot`, `SimulatedNotAllowed` of `pallets.attestation.dcap_errors`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, NamedTuple, TypeVar

import dcap_qvl
import orjson
from cryptography import x509

from pallets.attestation.certificates import (
    UNREADABLE,
    Roots,
    authority_id,
    holds,
    is_authority,
    is_issued_by,
    key_of,
    load_chain,
    milliseconds,
    pck_ca_of,
    plain_pem,
    require_whole,
    validity,
)
from pallets.attestation.dcap_errors import BadCollateral, CollateralForged
from pallets.primitives.attestation_record import PckCa, Tee, TrustRoot
from pallets.primitives.hashing import blake2_256
from pallets.primitives.quote import DcapError
from pallets.primitives.types import H256, U32, U64, Bound, Bytes64, Moment, struct

MAX_COLLATERAL = 1 << 17
MAX_DOCUMENT = 1 << 16
MAX_CRL = 1 << 15
MAX_CHAIN = 1 << 13

CollateralJson = Annotated[bytes, Bound(MAX_COLLATERAL)]
"""All four parts, in the fields of `dcap_qvl.QuoteCollateralV3`."""
Document = Annotated[bytes, Bound(MAX_DOCUMENT)]
"""JSON, byte for byte as it was signed."""
CrlDer = Annotated[bytes, Bound(MAX_CRL)]
IssuerChain = Annotated[bytes, Bound(MAX_CHAIN)]
"""An issuer's certificate and its root's, in PEM."""

CHAIN_KEY = "pck_certificate_chain"
TEES = {"SGX": Tee.Sgx, "TDX": Tee.Tdx}
QE_TEES = {"QE": Tee.Sgx, "TD_QE": Tee.Tdx}
LAST_U32, LAST_U64 = (1 << 32) - 1, (1 << 64) - 1

T = TypeVar("T")


@struct(path="pallet_attestation::Validity")
class Validity:
    """When a part counts: from `starts` until before `expires`, its issuer's certificates included."""

    starts: Moment
    expires: Moment


@struct(path="pallet_attestation::SignedDocument")
class SignedDocument:
    """TCB info, or a quoting enclave's identity."""

    text: Document
    signature: Bytes64
    issuer_chain: IssuerChain
    authority: H256
    """The certificate that signed it, as revocations name it."""
    issued: Moment
    evaluation: U32
    """The number of the evaluation (`tcbEvaluationDataNumber`) that it comes from."""
    validity: Validity

    def behind(self, other: SignedDocument) -> bool:
        """Whether it is older in anything."""
        return self.issued < other.issued or self.evaluation < other.evaluation


@struct(path="pallet_attestation::RevocationList")
class RevocationList:
    """A list of revoked certificates (DER)."""

    der: CrlDer
    issuer_chain: IssuerChain
    """Empty for a root's own list."""
    authority: H256
    """The certificate that signed it, as revocations name it; zeros for a root's."""
    number: U64
    """Intel's have number 1, all of them: what grows there is the date."""
    issued: Moment
    validity: Validity

    def behind(self, other: RevocationList) -> bool:
        """Whether it is older in anything."""
        return self.issued < other.issued or self.number < other.number


class TcbInfo(NamedTuple):
    """TCB info that was read: under which root, for which enclaves and machines; `fmspc` has 6 bytes."""

    root: TrustRoot
    tee: Tee
    fmspc: bytes
    document: SignedDocument


class QeIdentity(NamedTuple):
    """An identity that was read."""

    root: TrustRoot
    tee: Tee
    document: SignedDocument


class RootCrl(NamedTuple):
    """A root's list that was read, with the serials on it."""

    root: TrustRoot
    crl: RevocationList
    serials: list[int]


class PckCrl(NamedTuple):
    """An authority's list that was read, with the serials on it."""

    root: TrustRoot
    ca: PckCa
    crl: RevocationList
    serials: list[int]


class Terms(NamedTuple):
    """The four parts by which a quote is judged."""

    tcb_info: SignedDocument
    qe_identity: SignedDocument
    root_crl: RevocationList
    pck_crl: RevocationList

    @property
    def starts(self) -> int:
        """From when on all parts count, in milliseconds."""
        return max(part.validity.starts for part in self)

    @property
    def expires(self) -> int:
        """Until when, the end not included."""
        return min(part.validity.expires for part in self)

    @property
    def hash(self) -> bytes:
        """32 bytes that name what is in the parts."""
        tcb, qe, root, pck = self
        pieces = (tcb.text, tcb.signature, tcb.issuer_chain, qe.text, qe.signature, qe.issuer_chain)
        return blake2_256(b"".join(map(blake2_256, (*pieces, root.der, pck.der, pck.issuer_chain))))

    def for_verifier(self) -> dcap_qvl.QuoteCollateralV3:
        """As the verifier takes it."""
        tcb, qe, root, pck = self
        return dcap_qvl.QuoteCollateralV3(
            pck.issuer_chain.decode(),
            root.der,
            pck.der,
            tcb.issuer_chain.decode(),
            tcb.text.decode(),
            tcb.signature,
            qe.issuer_chain.decode(),
            qe.text.decode(),
            qe.signature,
        )


def read_tcb_info(text: bytes, signature: bytes, issuer_chain: bytes, roots: Roots) -> TcbInfo:
    """Reads and checks TCB info."""

    def read() -> TcbInfo:
        root, document, fields = _document(text, signature, issuer_chain, roots)
        fmspc = bytes.fromhex(fields["fmspc"])
        if fields["id"] not in TEES or len(fmspc) != 6:
            raise BadCollateral(f"TCB info is for {fields['id']!r}, FMSPC {fmspc.hex()}: neither SGX nor TDX")
        return TcbInfo(root, TEES[fields["id"]], fmspc, document)

    return _readable("TCB info", read)


def read_qe_identity(text: bytes, signature: bytes, issuer_chain: bytes, roots: Roots) -> QeIdentity:
    """Reads and checks a quoting enclave's identity."""

    def read() -> QeIdentity:
        root, document, fields = _document(text, signature, issuer_chain, roots)
        if fields["id"] not in QE_TEES:
            raise BadCollateral(f"an identity of {fields['id']!r} is not one of a quoting enclave for SGX or TDX")
        return QeIdentity(root, QE_TEES[fields["id"]], document)

    return _readable("the quoting enclave's identity", read)


def read_root_crl(der: bytes, roots: Roots) -> RootCrl:
    """Reads and checks a root's revocation list."""

    def read() -> RootCrl:
        crl = x509.load_der_x509_crl(der)
        root, issuer = roots.issuer_of(crl)
        return RootCrl(root, _list(crl, der, [issuer], b"", bytes(32)), _serials(crl))

    return _readable("the root's revocation list", read)


def read_pck_crl(der: bytes, issuer_chain: bytes, roots: Roots) -> PckCrl:
    """Reads and checks the revocation list of an authority that certifies machines."""

    def read() -> PckCrl:
        crl = x509.load_der_x509_crl(der)
        chain = load_chain(issuer_chain, 2)
        root = roots.of(chain[1])
        if not is_issued_by(*chain) or not is_authority(chain[0]):
            raise CollateralForged("the revocation list's issuer is not an authority under its root")
        if crl.issuer != chain[0].subject:
            raise BadCollateral("the revocation list is not of the issuer that comes with it")
        ca = pck_ca_of(chain[0].subject)
        if ca is None:
            raise BadCollateral("the revocation list is of neither the processors' authority nor the platforms'")
        signed = _list(crl, der, chain, _plain(chain), authority_id(root, chain[0].serial_number))
        return PckCrl(root, ca, signed, _serials(crl))

    return _readable("the machines' revocation list", read)


class Bundle(NamedTuple):
    """The arguments that a JSON of all parts holds."""

    tcb_info: tuple[bytes, bytes, bytes]
    qe_identity: tuple[bytes, bytes, bytes]
    root_crl: bytes
    pck_crl: tuple[bytes, bytes]
    carries_chain: bool
    """Whether it has a machine's certificates, too, which nothing here reads: a quote brings its own."""


class Rating(NamedTuple):
    """All four parts, and for which machines they are."""

    root: TrustRoot
    tee: Tee
    fmspc: bytes
    ca: PckCa
    terms: Terms


def read_bundle(json: bytes) -> Bundle:
    """The parts in a JSON of all; nothing of them is checked."""

    def read() -> Bundle:
        fields = orjson.loads(json)

        def document(name: str) -> tuple[bytes, bytes, bytes]:
            signature = bytes.fromhex(fields[f"{name}_signature"])
            if len(signature) != 64:
                raise BadCollateral(f"{name}_signature has {len(signature)} bytes instead of 64")
            return fields[name].encode(), signature, fields[f"{name}_issuer_chain"].encode()

        pck_crl = bytes.fromhex(fields["pck_crl"]), fields["pck_crl_issuer_chain"].encode()
        root_crl = bytes.fromhex(fields["root_ca_crl"])
        return Bundle(document("tcb_info"), document("qe_identity"), root_crl, pck_crl, CHAIN_KEY in fields)

    return _readable("collateral", read)


def read_rating(bundle: Bundle, roots: Roots) -> Rating:
    """Reads and checks all parts, outside of any chain; they must be of one root."""
    tcb, qe = read_tcb_info(*bundle.tcb_info, roots), read_qe_identity(*bundle.qe_identity, roots)
    root_crl, pck_crl = read_root_crl(bundle.root_crl, roots), read_pck_crl(*bundle.pck_crl, roots)
    if {tcb.root, qe.root, root_crl.root, pck_crl.root} != {tcb.root} or tcb.tee is not qe.tee:
        raise BadCollateral("the parts of the collateral are not of one root and one kind of enclave")
    terms = Terms(tcb.document, qe.document, root_crl.crl, pck_crl.crl)
    return Rating(tcb.root, tcb.tee, tcb.fmspc, pck_crl.ca, terms)


def _readable(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except DcapError:
        raise
    except (*UNREADABLE, KeyError, AttributeError) as error:
        raise BadCollateral(f"{name} is garbled: {error!r}") from None


def _document(
    text: bytes, signature: bytes, issuer_chain: bytes, roots: Roots
) -> tuple[TrustRoot, SignedDocument, dict[str, Any]]:
    chain = load_chain(issuer_chain, 2)
    root = roots.of(chain[1])
    if not is_issued_by(*chain) or is_authority(chain[0]):
        raise CollateralForged("the signer's certificate is not one for signing under its root")
    if not holds(key_of(chain[0]), signature, text):
        raise CollateralForged("the signature doesn't hold")
    fields = orjson.loads(text)
    issued = milliseconds(datetime.fromisoformat(fields["issueDate"]))
    evaluation = fields["tcbEvaluationDataNumber"]
    if not isinstance(evaluation, int) or not 0 <= evaluation <= LAST_U32:
        raise BadCollateral(f"{evaluation!r} is not an evaluation number of 32 bits")
    starts, ends = validity(chain)
    valid = Validity(max(starts, issued), min(ends, milliseconds(datetime.fromisoformat(fields["nextUpdate"]))))
    authority = authority_id(root, chain[0].serial_number)
    return root, SignedDocument(text, signature, _plain(chain), authority, issued, evaluation, valid), fields


def _plain(chain: list[x509.Certificate]) -> bytes:
    """The chain as it is kept: of what else stood in the PEM, the verifier might take something for a certificate."""
    plain = plain_pem(chain)
    if len(plain) > MAX_CHAIN:
        raise BadCollateral(f"the issuer's chain has {len(plain)} bytes, at most {MAX_CHAIN} are kept")
    return plain


def _serials(crl: x509.CertificateRevocationList) -> list[int]:
    return [entry.serial_number for entry in crl]


def _list(
    crl: x509.CertificateRevocationList,
    der: bytes,
    chain: list[x509.Certificate],
    issuer_chain: bytes,
    authority: bytes,
) -> RevocationList:
    require_whole(der, crl.signature)
    if not crl.is_signature_valid(key_of(chain[0])):
        raise CollateralForged("the revocation list's signature doesn't hold")
    if crl.next_update_utc is None:
        raise BadCollateral("the revocation list doesn't say until when it counts")
    number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    if not 0 <= number <= LAST_U64:
        raise BadCollateral("the revocation list's number has more than 64 bits")
    issued = milliseconds(crl.last_update_utc)
    starts, ends = validity(chain)
    valid = Validity(max(starts, issued), min(ends, milliseconds(crl.next_update_utc)))
    return RevocationList(der, issuer_chain, authority, number, issued, valid)
