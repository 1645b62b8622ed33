"""How a worker key is bound to an enclave, and what may end that; the inner workings of `Attestation`.

A quote is judged in this order, and refused by the name of what is found first: the worker's info, the quote's form,
its root, the collateral on file and its time, the quote itself (`pallets.attestation.dcap`), what it binds and of when,
its measurement, and policy.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from pallets.attestation.attest_gpu import kept_gpu
from pallets.attestation.collateral import roots_of, terms_for
from pallets.attestation.dcap import Machine, verify
from pallets.attestation.trust import confidence
from pallets.frame import BlockNumber, Error, Moment, struct
from pallets.primitives.attestation_record import TrustRoot, WorkerAttestation
from pallets.primitives.quote import parse_quote
from pallets.primitives.worker import MAX_FEATURES, VERSION, WorkerInfo

if TYPE_CHECKING:
    from pallets.attestation.pallet import Attestation


@struct(path="pallet_attestation::RecentBlock")
class RecentBlock:
    """A block that a quote or a heartbeat may name."""

    number: BlockNumber
    moment: Moment


def attest(attestation: Attestation, info: WorkerInfo, data: bytes) -> WorkerAttestation:
    """Verifies what a worker shows, and records it."""
    _check_info(attestation, info)
    quote, roots, now = parse_quote(data), roots_of(attestation), attestation.timestamp.now
    machine = Machine.of(quote, roots)
    terms = terms_for(attestation, quote.tee, machine)
    claims = verify(data, quote, machine, terms, roots, now)
    block = _check_binding(attestation, info, quote.report_data, now)
    if quote.measurement not in attestation.measurements:
        raise attestation.MeasurementNotAllowed(quote.measurement.hex())
    policy = attestation.policy
    accepted_until = policy.accepts_until(claims.status, claims.rated)
    if now >= accepted_until:
        raise attestation.StatusNotAllowed(claims.status.name)
    if (advisory := policy.refuses(claims.advisories)) is not None:
        raise attestation.AdvisoryNotAllowed(advisory)
    if claims.evaluation < policy.minimum_evaluation:
        raise attestation.EvaluationTooOld(str(claims.evaluation))
    record = WorkerAttestation(
        tee=quote.tee,
        measurement=quote.measurement,
        status=claims.status,
        confidence=confidence(claims.status, claims.advisories),
        simulated=machine.root is TrustRoot.Simulated,
        runtime_id=info.runtime_id,
        attested_at=now,
        expires=min(claims.expires, accepted_until),
        block=block.number,
        machine=machine.id,
        authorities=sorted({machine.authority, terms.tcb_info.authority, terms.qe_identity.authority}),
        gpu_evidence=info.gpu_evidence,
        gpu=kept_gpu(attestation, info),
    )
    attestation.attested[info.worker_key] = record
    found = (record.measurement, record.status, record.confidence, record.simulated, record.expires)
    attestation.deposit(attestation.Attested(info.worker_key, *found))
    return record


def fault(attestation: Attestation, worker: bytes) -> type[Error] | None:
    """Why a worker key is not to be trusted now; `None` where it is."""
    record = attestation.attested.get(worker)
    if record is None:
        return attestation.NotAttested
    if record.revoked:
        return attestation.KeyRevoked
    if any(authority in attestation.revoked_authorities for authority in record.authorities):
        return attestation.IssuerRevoked
    if record.machine in attestation.revoked_machines:
        return attestation.MachineRevoked
    if record.measurement not in attestation.measurements:
        return attestation.MeasurementNotAllowed
    if record.runtime_id not in attestation.runtimes:
        return attestation.RuntimeNotAllowed
    if record.expires <= attestation.timestamp.now:  # the last: it is the one that governance has no part in
        return attestation.AttestationExpired
    return None


def recent_block(attestation: Attestation, block: bytes) -> RecentBlock | None:
    """Number and time of a recent block by its hash; genesis counts as block 1's."""
    system = attestation.system
    if block != system.block_hash[0]:
        return _known(attestation, block)
    if system.number <= 1:
        return RecentBlock(0, attestation.timestamp.now)
    first = _known(attestation, system.block_hash[1])
    return first and RecentBlock(0, first.moment)


def _known(attestation: Attestation, block: bytes) -> RecentBlock | None:
    found = attestation.recent.get(block)
    if found is None and block == attestation.system.parent_hash:
        # The pool asks as if the next block were open, but runs no hooks.
        return RecentBlock(attestation.system.number - 1, attestation.timestamp.now)
    return found


def _check_info(attestation: Attestation, info: WorkerInfo) -> None:
    if info.version != VERSION:
        raise attestation.UnknownInfoVersion
    if info.genesis != attestation.system.block_hash[0]:
        raise attestation.WrongGenesis
    if len(info.features) > MAX_FEATURES:
        raise attestation.TooManyFeatures
    if any(first >= second for first, second in pairwise(info.features)):
        raise attestation.UnsortedFeatures
    if info.runtime_id not in attestation.runtimes:
        raise attestation.RuntimeNotAllowed
    known = attestation.attested.get(info.worker_key)
    if known is not None and known.revoked:
        raise attestation.KeyRevoked


def _check_binding(attestation: Attestation, info: WorkerInfo, report_data: bytes, now: int) -> RecentBlock:
    if report_data[:32] != info.hash:
        raise attestation.InfoNotBound
    block = recent_block(attestation, report_data[32:])
    if block is None or now - block.moment > attestation.max_quote_age:
        raise attestation.StaleQuote
    known = attestation.attested.get(info.worker_key)
    if known is not None and block.number <= known.block:
        raise attestation.QuoteReused
    return block
