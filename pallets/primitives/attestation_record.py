"""What the chain knows of the enclave around a worker's key."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pallets.primitives.gpu import Gpu
from pallets.primitives.types import H256, U8, BlockNumber, Bound, Bytes32, Moment, UnitEnum, struct

MAX_MEASUREMENT = 68

Measurement = Annotated[bytes, Bound(MAX_MEASUREMENT)]
"""What an enclave measures, as `pallets.primitives.quote` puts it together: 68 bytes of SGX, 32 of TDX."""


class Tee(UnitEnum):
    """A kind of enclave that DCAP quotes."""

    __type_path__ = "pallet_attestation::Tee"

    Sgx = 0
    Tdx = 1


class TrustRoot(UnitEnum):
    """Whose root certifies a machine."""

    __type_path__ = "pallet_attestation::TrustRoot"

    Intel = 0
    Simulated = 1


class PckCa(UnitEnum):
    """Which of a root's authorities certifies a machine: that of single processors, or that of platforms of several."""

    __type_path__ = "pallet_attestation::PckCa"

    Processor = 0
    Platform = 1


class TcbStatus(UnitEnum):
    """How a machine's security versions are rated; the names are Intel's. A quote of a revoked one doesn't verify."""

    __type_path__ = "pallet_attestation::TcbStatus"

    UpToDate = 0
    SWHardeningNeeded = 1
    ConfigurationNeeded = 2
    ConfigurationAndSWHardeningNeeded = 3
    OutOfDate = 4
    OutOfDateConfigurationNeeded = 5
    TDRelaunchAdvised = 6
    """The TDX module was out of date when the domain was launched, and isn't any more."""
    TDRelaunchAdvisedConfigurationNeeded = 7


@struct(path="pallet_attestation::WorkerAttestation")
class WorkerAttestation:
    """What the chain knows of the enclave around a worker key."""

    tee: Tee
    measurement: Measurement
    status: TcbStatus
    confidence: U8
    """1 (best) to 5, as in Phala."""
    simulated: bool
    runtime_id: H256
    attested_at: Moment
    expires: Moment
    block: BlockNumber
    """The block that the quote names; only a quote over a later one counts again."""
    revoked: bool = False
    machine: H256 = bytes(32)
    """The machine's certificate, as revocations name it."""
    authorities: list[H256] = field(default_factory=list)
    """The certificates of those that certify the machine and sign the collateral it was judged by, likewise."""
    gpu_evidence: Bytes32 | None = None
    """The hash of the evidence of a GPU that the worker's info names."""
    gpu: Gpu | None = None
    """The GPU, once that evidence was shown and held."""
