"""The hashes of Substrate, and the hashers that make storage keys.

Digests are `bytes`. BLAKE2b comes from the standard library (a tenth of PyNaCl's cost), xxHash from `xxhash`.
Mirrors `sp_core::hashing` and `frame_support::hash`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b, sha256

from xxhash import xxh64_intdigest


def blake2_256(data: bytes) -> bytes:
    """BLAKE2b with a 32-byte digest: block, extrinsic and content hashes."""
    return blake2b(data, digest_size=32).digest()


def blake2_128(data: bytes) -> bytes:
    """BLAKE2b with a 16-byte digest."""
    return blake2b(data, digest_size=16).digest()


def blake2_64(data: bytes) -> bytes:
    """BLAKE2b with an 8-byte digest: the identifiers of runtime APIs."""
    return blake2b(data, digest_size=8).digest()


def twox_64(data: bytes) -> bytes:
    """xxHash64 with seed 0, little-endian."""
    return xxh64_intdigest(data, 0).to_bytes(8, "little")


def twox_128(data: bytes) -> bytes:
    """xxHash64 with seeds 0 and 1, each little-endian: the two halves of a storage prefix."""
    return xxh64_intdigest(data, 0).to_bytes(8, "little") + xxh64_intdigest(data, 1).to_bytes(8, "little")


def twox_256(data: bytes) -> bytes:
    """xxHash64 with seeds 0 to 3, each little-endian."""
    return b"".join(xxh64_intdigest(data, seed).to_bytes(8, "little") for seed in range(4))


def sha2_256(data: bytes) -> bytes:
    """SHA-256."""
    return sha256(data).digest()


def keccak_256(data: bytes) -> bytes:
    """Keccak-256 with the original padding, as Ethereum uses it."""
    from Crypto.Hash import keccak  # only chains with Ethereum's accounts need it, and it takes 40 ms to load

    return keccak.new(data=data, digest_bits=256).digest()


@dataclass(frozen=True, slots=True)
class StorageHasher:
    """How a map turns an encoded key into a storage key suffix.

    `digest_size` bytes of hash precede the encoded key where `transparent`; an opaque hasher drops the key.
    """

    name: str
    index: int  # variant of StorageHasher in the metadata
    digest_size: int
    transparent: bool
    apply: Callable[[bytes], bytes]


def _blake2_128_concat(key: bytes) -> bytes:
    return blake2b(key, digest_size=16).digest() + key


def _twox_64_concat(key: bytes) -> bytes:
    return xxh64_intdigest(key, 0).to_bytes(8, "little") + key


Blake2_128 = StorageHasher("Blake2_128", 0, 16, False, blake2_128)
Blake2_256 = StorageHasher("Blake2_256", 1, 32, False, blake2_256)
Blake2_128Concat = StorageHasher("Blake2_128Concat", 2, 16, True, _blake2_128_concat)
Twox128 = StorageHasher("Twox128", 3, 16, False, twox_128)
Twox256 = StorageHasher("Twox256", 4, 32, False, twox_256)
Twox64Concat = StorageHasher("Twox64Concat", 5, 8, True, _twox_64_concat)
Identity = StorageHasher("Identity", 6, 0, True, lambda key: key)


def storage_prefix(pallet: str, item: str) -> bytes:
    """The 32 bytes that every key of a storage item starts with."""
    return twox_128(pallet.encode()) + twox_128(item.encode())
