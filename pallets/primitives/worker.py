"""What a worker says of itself: who it is, what it runs, that it is alive.

## Overview

A worker makes an ed25519 key and has its enclave quoted. The quote's report data binds the key: the first half is the
hash of a `WorkerInfo`, the second half the hash of a recent block, so that no quote serves another key, another
operator or another day. From then on the worker speaks by signatures of that key.

## Usage

```python
info = WorkerInfo(VERSION, worker_key, seal_key, operator, genesis, runtime_id(engine, version, wasm, prelude, config))
quote = enclave.quote(info.report_data(block_hash))
signature = key.sign(heartbeat_bytes(genesis, worker_key, number, block_hash))
```

## Out of scope

Checking any of it (`pallets.attestation`, `pallets.workers`), and what a worker signs of a job (`job`).
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import H256, U8, U32, AccountId, BlockNumber, Bound, Bytes32, struct

VERSION = 1
"""Version of `WorkerInfo` and of everything that a worker signs."""
MAX_ENDPOINT = 256
MAX_FEATURES = 64

WorkerKey = Bytes32
"""A worker's ed25519 public key."""


@struct
class WorkerInfo:
    """Who a worker is and what it runs; a quote binds the hash of this."""

    version: U8
    worker_key: WorkerKey
    """The ed25519 key that signs everything the worker says."""
    seal_key: Bytes32
    """The X25519 key that opens boxes sealed to the worker."""
    operator: AccountId
    """Who stakes and is paid."""
    genesis: H256
    """The chain it serves."""
    runtime_id: H256
    """What it runs scripts in, see `runtime_id`."""
    endpoint: Annotated[bytes, Bound(MAX_ENDPOINT)] = b""
    """Where others reach it; may be empty."""
    features: list[U32] = field(default_factory=list)
    """What it can do beyond the ordinary, ascending, at most `MAX_FEATURES`."""
    gpu_evidence: Bytes32 | None = None
    """The hash of evidence about its GPU."""

    @property
    def hash(self) -> bytes:
        """BLAKE2b-256 of the encoding, 32 bytes."""
        return blake2_256(INFO.encode(self))

    def report_data(self, block_hash: bytes) -> bytes:
        """The 64 bytes a quote must carry to bind this to its key, as of the block of that hash."""
        return self.hash + block_hash


def runtime_id(engine: str, engine_version: str, wasm: bytes, prelude: bytes, config: bytes) -> bytes:
    """32 bytes that name an execution environment: equal ids mean equal outputs and gas.

    `wasm` and `prelude` are the files themselves, of which the hashes count; `config` is whatever else decides.
    """
    return blake2_256(RUNTIME.encode((engine, engine_version, blake2_256(wasm), blake2_256(prelude), config)))


def heartbeat_bytes(genesis: bytes, worker: bytes, number: int, block_hash: bytes) -> bytes:
    """What a worker signs to show that it knew a block, and so was alive after it."""
    return HEARTBEAT_TAG + HEARTBEAT.encode((VERSION, genesis, worker, number, block_hash))


INFO = codec_of(WorkerInfo)
RUNTIME = codec_of(tuple[str, str, Bytes32, Bytes32, bytes])
HEARTBEAT_TAG = b"fathom/heartbeat"
HEARTBEAT = codec_of(tuple[U8, H256, WorkerKey, BlockNumber, H256])
