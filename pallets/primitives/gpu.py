"""What a worker shows of its GPU, and what the chain keeps of it.

## Overview

A GPU that computes in confidence signs reports: a nonce of the asker's choice, its firmware's and driver's versions,
measurements of its state. Evidence is such a report with the certificates of the key that signed it. Its nonce binds
the worker's key, the chain and a recent block; the worker's own quote binds the hash of the evidence
(`WorkerInfo.gpu_evidence`). So neither serves another worker, another chain or another day.

## Usage

```python
nonce = gpu_nonce(genesis, worker_key, block_hash)
evidence = GpuEvidence(block_hash, report, certificates)
info.gpu_evidence = evidence.hash
```

## Out of scope

Checking any of it: `pallets.attestation.gpu`.
"""

from __future__ import annotations

from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import H256, BlockNumber, Bound, Bytes32, struct

MAX_REPORT = 1 << 13
MAX_CERTIFICATE = 1 << 11
MAX_CHAIN = 8
MAX_MODEL = 16
MAX_VERSION = 32
NONCE_TAG = b"fathom/gpu"

Report = Annotated[bytes, Bound(MAX_REPORT)]
Certificate = Annotated[bytes, Bound(MAX_CERTIFICATE)]
Version = Annotated[str, Bound(MAX_VERSION)]


@struct(path="pallet_attestation::GpuEvidence")
class GpuEvidence:
    """A report of a GPU, and what it takes to check it."""

    block: H256
    """The block that the report's nonce is made of."""
    report: Report
    """An SPDM 1.1 GET_MEASUREMENTS request of 37 bytes, and the MEASUREMENTS response with its signature."""
    chain: Annotated[list[Certificate], Bound(MAX_CHAIN)]
    """Certificates in DER, from that of the key that signed the report up to the root."""

    @property
    def hash(self) -> bytes:
        """BLAKE2b-256 of the encoding, 32 bytes."""
        return blake2_256(EVIDENCE.encode(self))


@struct(path="pallet_attestation::Gpu")
class Gpu:
    """A GPU whose evidence held."""

    model: Annotated[str, Bound(MAX_MODEL)]
    """The chip, like `GH100`."""
    driver: Version
    vbios: Version
    device: Bytes32
    """Tells this GPU from every other: BLAKE2b-256 of the public key that is fused into it."""
    measurements: Bytes32
    """BLAKE2b-256 of the report's measurements."""
    block: BlockNumber
    """The block that the evidence is of."""
    simulated: bool


def gpu_nonce(genesis: bytes, worker_key: bytes, block_hash: bytes) -> bytes:
    """The 32 bytes that a report must carry to speak for a worker of this chain, as of that block."""
    return blake2_256(NONCE_TAG + genesis + worker_key + block_hash)


EVIDENCE = codec_of(GpuEvidence)
