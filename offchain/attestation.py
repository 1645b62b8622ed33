"""What a worker shows for its key: who it is, and a quote that binds this to an enclave and to the present.

    enclave = SimulatedEnclave.of(keys.worker_key, runtime_id)
    info = worker_info(keys, operator, genesis, runtime_id)
    quote = enclave.quote(info.report_data(block_hash))

A worker with a GPU brings evidence of it, made for the same block, whose hash its info names:

    evidence = gpu_evidence(SimulatedGpu.of(keys.worker_key), keys.worker_key, genesis, block_hash)

Enclave and GPU are simulated: chains accept them where their genesis allows it, and mark the worker so. Real hardware
is one more class with `quote`, and one with `report` and `certificates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from offchain.keys import WorkerKeys
from offchain.simulated_tee import DEV_AUTHORITY, Authority, Platform, SgxMeasurements, TdxMeasurements, mint_quote
from pallets.primitives.gpu import GpuEvidence, gpu_nonce
from pallets.primitives.worker import VERSION, WorkerInfo


class Enclave(Protocol):
    """What can quote itself."""

    def quote(self, report_data: bytes) -> bytes:
        """A DCAP quote over 64 bytes of report data."""


class Gpu(Protocol):
    """What can attest itself as a GPU."""

    def report(self, nonce: bytes) -> bytes:
        """Its answer to a nonce of 32 bytes: SPDM request and signed response."""

    def certificates(self) -> list[bytes]:
        """Those of the key that signs its reports, in DER, the root last."""


@dataclass(frozen=True)
class SimulatedEnclave:
    """An enclave on a simulated machine, measured by the runtime that it holds."""

    measurements: SgxMeasurements | TdxMeasurements
    platform: Platform
    authority: Authority = DEV_AUTHORITY

    @classmethod
    def of(cls, worker_key: bytes, runtime_id: bytes) -> SimulatedEnclave:
        """The SGX enclave of a worker: each worker has a machine of its own."""
        return cls(SgxMeasurements.of_runtime(runtime_id), Platform(ppid=sha256(worker_key).digest()[:16]))

    def quote(self, report_data: bytes) -> bytes:
        return mint_quote(report_data, self.measurements, self.platform, self.authority)


def gpu_evidence(gpu: Gpu, worker_key: bytes, genesis: bytes, block_hash: bytes) -> GpuEvidence:
    """What shows that the worker of this key has the GPU, as of a block."""
    return GpuEvidence(block_hash, gpu.report(gpu_nonce(genesis, worker_key, block_hash)), gpu.certificates())


def worker_info(
    keys: WorkerKeys,
    operator: bytes,
    genesis: bytes,
    runtime_id: bytes,
    evidence: GpuEvidence | None = None,
    endpoint: str = "",
) -> WorkerInfo:
    """What the worker of these keys says of itself; `operator` is an account, the next two 32 bytes each."""
    named = None if evidence is None else evidence.hash
    who = VERSION, keys.worker_key, keys.seal_key, operator, genesis, runtime_id
    return WorkerInfo(*who, endpoint=endpoint.encode(), gpu_evidence=named)
