"""How a worker's GPU becomes known, and is lost; the inner workings of `Attestation`.

A worker names the hash of its evidence in the info that its quote binds; whoever brings the evidence itself has it
checked. A GPU serves one worker: evidence of a later block moves it. An attestation that names other evidence, or none,
ends what the last one's brought.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.attestation.gpu import GpuError, verify_gpu
from pallets.primitives.attestation_record import WorkerAttestation
from pallets.primitives.gpu import Gpu, GpuEvidence, gpu_nonce
from pallets.primitives.worker import WorkerInfo

if TYPE_CHECKING:
    from pallets.attestation.pallet import Attestation


def attest_gpu(attestation: Attestation, worker: bytes, evidence: GpuEvidence) -> None:
    """Checks the evidence that a worker's info names, and records its GPU."""
    record = attestation.attested.get(worker)
    if record is None:
        raise attestation.NotAttested
    if record.revoked:
        raise attestation.KeyRevoked
    if record.gpu_evidence != evidence.hash:
        raise attestation.OtherGpuEvidence
    now = attestation.timestamp.now
    block = attestation.recent_block(evidence.block)
    if block is None or now - block.moment > attestation.max_quote_age:
        raise attestation.StaleGpuEvidence
    nonce = gpu_nonce(attestation.system.block_hash[0], worker, evidence.block)
    simulated_root = attestation.simulated_gpu_root if attestation.simulated_allowed else None
    try:
        claims = verify_gpu(evidence, nonce, simulated_root, now // 1000)
    except GpuError as error:
        raise getattr(attestation, type(error).__name__)(str(error)) from None
    gpu = Gpu(
        model=claims.model,
        driver=claims.driver,
        vbios=claims.vbios,
        device=claims.device,
        measurements=claims.measurements,
        block=block.number,
        simulated=claims.simulated,
    )
    _take_from_holder(attestation, worker, gpu)
    record.gpu = gpu
    attestation.attested[worker] = record
    attestation.gpu_holder[gpu.device] = worker
    attestation.deposit(attestation.GpuAttested(worker, gpu))
    if attestation.on_gpu is not None:
        attestation.on_gpu(worker)


def kept_gpu(attestation: Attestation, info: WorkerInfo) -> Gpu | None:
    """The GPU of a worker that attests anew: the one it had, if it names the same evidence; else that is lost."""
    known = attestation.attested.get(info.worker_key)
    if known is None or known.gpu is None:
        return None
    if info.gpu_evidence == known.gpu_evidence:
        return known.gpu
    _lose(attestation, info.worker_key, known)
    return None


def _take_from_holder(attestation: Attestation, worker: bytes, gpu: Gpu) -> None:
    """Takes a GPU from the worker that has it, if that is another one, and its evidence older."""
    holder = attestation.gpu_holder.get(gpu.device)
    if holder is None or holder == worker:
        return
    record = attestation.attested[holder]
    if record.gpu is not None and record.gpu.block >= gpu.block:
        raise attestation.GpuElsewhere
    _lose(attestation, holder, record)
    attestation.attested[holder] = record


def _lose(attestation: Attestation, worker: bytes, record: WorkerAttestation) -> None:
    if record.gpu is not None:
        del attestation.gpu_holder[record.gpu.device]
        attestation.deposit(attestation.GpuLost(worker, record.gpu.device))
        record.gpu = None
