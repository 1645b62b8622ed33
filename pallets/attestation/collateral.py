"""Collateral on file: each part by itself, and put together for a quote.

Whoever files a part is of no matter: it is filed if its signature holds under a root that this chain knows, and it is
older in nothing than the one it takes the place of. A part holds for every machine it speaks of, at once.

Of a revocation list each entry is kept under a key of its own, too, so that whoever asks whether a machine or an
authority is revoked reads one value. What a revoked authority has signed isn't filed any more, and what it had filed
holds nothing back: else a stolen key could keep the true collateral out by numbers that nothing outgrows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography import x509

from pallets.attestation.certificates import Roots, authority_id, machine_id
from pallets.attestation.collateral_parts import (
    CHAIN_KEY,
    RevocationList,
    SignedDocument,
    Terms,
    read_bundle,
    read_pck_crl,
    read_qe_identity,
    read_root_crl,
    read_tcb_info,
)
from pallets.attestation.dcap import Machine, require_chain
from pallets.attestation.dcap_errors import BadCollateral, CollateralCarriesChain, IssuerRevoked
from pallets.frame.bound_items import BoundMap
from pallets.primitives.attestation_record import PckCa, Tee, TrustRoot

if TYPE_CHECKING:
    from pallets.attestation.pallet import Attestation

MAX_MODELS = 1024
"""How many kinds of machines have TCB info: Intel has about a hundred, but anybody can make up simulated ones."""


def roots_of(attestation: Attestation) -> Roots:
    """The roots that this chain knows."""
    return Roots(attestation.simulated_root, attestation.simulated_allowed)


def file_bundle(attestation: Attestation, tee: Tee, json: bytes) -> None:
    """Files all parts of a machine model's collateral."""
    bundle = read_bundle(json)
    if bundle.carries_chain:
        raise CollateralCarriesChain(f"collateral has the key {CHAIN_KEY}: leave it out")
    found = read_tcb_info(*bundle.tcb_info, roots_of(attestation)).tee
    if found is not tee:
        raise BadCollateral(f"collateral is for {found.name}, not for {tee.name}")
    file_tcb_info(attestation, *bundle.tcb_info)
    file_qe_identity(attestation, *bundle.qe_identity)
    file_pck_crl(attestation, *bundle.pck_crl)
    file_root_crl(attestation, bundle.root_crl)  # last, for it may revoke whoever signed the rest


def file_tcb_info(attestation: Attestation, text: bytes, signature: bytes, issuer_chain: bytes) -> None:
    """Files what rates the machines of a model."""
    root, tee, fmspc, document = read_tcb_info(text, signature, issuer_chain, roots_of(attestation))
    key = root, tee, fmspc
    held = attestation.tcb_info.get(key)
    if held is None and len(attestation.tcb_info) >= MAX_MODELS:
        raise attestation.TooManyModels
    _require_progress(attestation, document, held)
    attestation.tcb_info[key] = document
    attestation.deposit(
        attestation.TcbInfoSet(root, tee, fmspc, document.issued, document.evaluation, document.validity.expires)
    )


def file_qe_identity(attestation: Attestation, text: bytes, signature: bytes, issuer_chain: bytes) -> None:
    """Files the identity of the enclave that signs quotes of a kind."""
    root, tee, document = read_qe_identity(text, signature, issuer_chain, roots_of(attestation))
    _require_progress(attestation, document, attestation.qe_identity.get((root, tee)))
    attestation.qe_identity[root, tee] = document
    attestation.deposit(
        attestation.QeIdentitySet(root, tee, document.issued, document.evaluation, document.validity.expires)
    )


def file_root_crl(attestation: Attestation, der: bytes) -> None:
    """Files which authorities a root has revoked."""
    root, crl, serials = read_root_crl(der, roots_of(attestation))
    held = attestation.root_crl.get(root)
    _require_progress(attestation, crl, held)
    _list_revoked(attestation.revoked_authorities, held, serials, lambda serial: authority_id(root, serial))
    attestation.root_crl[root] = crl
    attestation.deposit(attestation.RootCrlSet(root, crl.issued, crl.number, crl.validity.expires))


def file_pck_crl(attestation: Attestation, der: bytes, issuer_chain: bytes) -> None:
    """Files which machines an authority has revoked."""
    root, ca, crl, serials = read_pck_crl(der, issuer_chain, roots_of(attestation))
    held = attestation.pck_crl.get((root, ca))
    _require_progress(attestation, crl, held)
    _list_revoked(attestation.revoked_machines, held, serials, lambda serial: machine_id(root, ca, serial))
    attestation.pck_crl[root, ca] = crl
    attestation.deposit(
        attestation.PckCrlSet(root, ca, crl.issued, crl.number, crl.validity.expires, len(set(serials)))
    )


def terms_for(attestation: Attestation, tee: Tee, machine: Machine) -> Terms:
    """The parts that a machine's quotes of a kind are judged by, if all are on file and count now."""
    root, ca = machine.root, machine.ca
    tcb_info = attestation.tcb_info.get((root, tee, machine.fmspc))
    qe_identity = attestation.qe_identity.get((root, tee))
    root_crl, pck_crl = attestation.root_crl.get(root), attestation.pck_crl.get((root, ca))
    if tcb_info is None or qe_identity is None or root_crl is None or pck_crl is None:
        require_chain(machine.chain)  # a forged certificate may name any model
        raise attestation.NoCollateral(_what_lacks(tcb_info, qe_identity, root_crl, root, ca, tee, machine.fmspc))
    terms, now = Terms(tcb_info, qe_identity, root_crl, pck_crl), attestation.timestamp.now
    if now < terms.starts:
        raise attestation.CollateralNotYetValid
    if now >= terms.expires:
        raise attestation.CollateralExpired
    return terms


def _require_progress(
    attestation: Attestation, part: SignedDocument | RevocationList, held: SignedDocument | RevocationList | None
) -> None:
    # Genesis has no time: what it holds is as good as its code.
    if attestation.system.number and part.issued > attestation.timestamp.now:
        raise attestation.CollateralNotYetValid
    revoked = attestation.revoked_authorities
    if part.authority in revoked:
        raise IssuerRevoked("the root has revoked whoever signed this collateral")
    if held is not None and held.authority not in revoked and part.behind(held):  # type: ignore[arg-type]  # of one map
        raise attestation.CollateralGoesBack


def _list_revoked(
    revoked: BoundMap[bytes, None], held: RevocationList | None, serials: list[int], name: Callable[[int], bytes]
) -> None:
    """Replaces the entries of the list that was on file by those of another."""
    before = set() if held is None else {entry.serial_number for entry in x509.load_der_x509_crl(held.der)}
    for serial in sorted(before - set(serials)):
        del revoked[name(serial)]
    for serial in sorted(set(serials) - before):
        revoked[name(serial)] = None


def _what_lacks(
    tcb_info: SignedDocument | None,
    qe_identity: SignedDocument | None,
    root_crl: RevocationList | None,
    root: TrustRoot,
    ca: PckCa,
    tee: Tee,
    fmspc: bytes,
) -> str:
    if tcb_info is None:
        return f"TCB info under {root.name}'s root for {tee.name}, FMSPC {fmspc.hex()}"
    if qe_identity is None:
        return f"the identity of the quoting enclave for {tee.name} under {root.name}'s root"
    if root_crl is None:
        return f"the revocation list of {root.name}'s root"
    return f"the revocation list of machines of the {ca.name} CA under {root.name}'s root"
