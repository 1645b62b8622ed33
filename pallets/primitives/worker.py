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

## Features

A feature is a word: a kind in the top eight bits, a value below. Kind 0 are free codes that mean what whoever uses them
agrees on; the others are made by `memory_word`, `region_word` and `model_word`.

## Out of scope

Checking any of it (`pallets.attestation`, `pallets.workers`), and what a worker signs of a job (`job`).
"""

from __future__ import annotations

from dataclasses import field

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import H256, U8, U16, U32, U64, AccountId, BlockNumber, Bytes32, struct

VERSION = 1
"""Version of `WorkerInfo` and of everything that a worker signs."""
MAX_ENDPOINT = 256
MAX_FEATURES = 64
MEMORY, REGION, MODEL = 1, 2, 3
"""Kinds of features."""
VALUE_BITS = 24

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
    endpoint: bytes = b""
    """Where others reach it, at most `MAX_ENDPOINT` bytes; may be empty."""
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


def benchmark_bytes(genesis: bytes, worker: bytes, work: int, elapsed: int, number: int, block_hash: bytes) -> bytes:
    """What a worker signs of its speed: gas that it ran and the milliseconds that took, after it knew a block."""
    return BENCHMARK_TAG + BENCHMARK.encode((VERSION, genesis, worker, work, elapsed, number, block_hash))


def memory_word(mebibytes: int) -> int:
    """The feature of a worker with so much memory; what doesn't fit counts as the most that does."""
    return MEMORY << VALUE_BITS | min(mebibytes, (1 << VALUE_BITS) - 1)


def memory_of(features: list[int]) -> int:
    """The memory that features declare, in MiB; of several words the largest."""
    return max((word & ((1 << VALUE_BITS) - 1) for word in features if word >> VALUE_BITS == MEMORY), default=0)


def region(letters: str) -> U16:
    """The number of a region of two capital letters, such as `DE`: its ASCII bytes, the first one high."""
    if len(letters) != 2 or not all("A" <= letter <= "Z" for letter in letters):
        raise ValueError(f"{letters!r} is no region: give two capital letters of A to Z, such as DE")
    return int.from_bytes(letters.encode(), "big")


def region_word(number: int) -> int:
    """The feature of a worker in the region of this number, see `region`."""
    return REGION << VALUE_BITS | number


def model_word(name: str) -> int:
    """The feature of a worker that has a model: the first 24 bits of the hash of its name."""
    return MODEL << VALUE_BITS | int.from_bytes(blake2_256(name.encode())[:3], "big")


INFO = codec_of(WorkerInfo)
RUNTIME = codec_of(tuple[str, str, Bytes32, Bytes32, bytes])
HEARTBEAT_TAG = b"fathom/heartbeat"
HEARTBEAT = codec_of(tuple[U8, H256, WorkerKey, BlockNumber, H256])
BENCHMARK_TAG = b"fathom/benchmark"
BENCHMARK = codec_of(tuple[U8, H256, WorkerKey, U64, U32, BlockNumber, H256])
