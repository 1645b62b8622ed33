"""What a member of the cluster's committee reads of the chain, and the calls it makes: keys, codecs and call bytes."""

from __future__ import annotations

from offchain.chain import StorageItem
from offchain.records import BY_KEY
from pallets.primitives.cluster import Box, ClusterKey, ClusterWord, Quote, Seat
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import Blake2_128Concat
from pallets.primitives.types import H256, U32, BlockNumber, Bytes32, Bytes64
from pallets.primitives.worker import WorkerKey

CLUSTERS = 30

SEAT: StorageItem[Seat] = StorageItem("Clusters", "Seat", Seat, BY_KEY)
PLACE: StorageItem[int] = StorageItem("Clusters", "Place", U32, BY_KEY)
GENERATION: StorageItem[int] = StorageItem("Clusters", "Generation", U32)
KEY: StorageItem[ClusterKey] = StorageItem("Clusters", "Key", ClusterKey, (U32, Blake2_128Concat))
QUOTE: StorageItem[bytes] = StorageItem("Clusters", "Quote", Quote, BY_KEY)
BOX: StorageItem[bytes] = StorageItem("Clusters", "Box", Box, BY_KEY)

PROPOSE_KEY = codec_of(tuple[WorkerKey, U32, Bytes32, Bytes32, Bytes64, Bytes64])
HAND_OVER = codec_of(tuple[WorkerKey, WorkerKey, U32, Box, Bytes64])
CONFIRM = codec_of(tuple[WorkerKey, U32, Bytes64, Bytes64])
REQUEST = codec_of(tuple[WorkerKey, U32, Quote, Bytes64])
WORD = codec_of(tuple[WorkerKey, U32, ClusterWord, Bytes64])
VOLUNTEER = codec_of(tuple[WorkerKey, BlockNumber, H256, Bytes64])


def propose_key(
    worker: bytes, generation: int, public: tuple[bytes, bytes], signature: bytes, key_signature: bytes
) -> bytes:
    """`Clusters.propose_key`, bare; `public` are seal key and signing key."""
    return bytes((CLUSTERS, 0)) + PROPOSE_KEY.encode((worker, generation, *public, signature, key_signature))


def hand_over(holder: bytes, to: bytes, generation: int, box: bytes, signature: bytes) -> bytes:
    """`Clusters.hand_over`, bare."""
    return bytes((CLUSTERS, 1)) + HAND_OVER.encode((holder, to, generation, box, signature))


def confirm(worker: bytes, generation: int, signature: bytes, key_signature: bytes) -> bytes:
    """`Clusters.confirm`, bare."""
    return bytes((CLUSTERS, 2)) + CONFIRM.encode((worker, generation, signature, key_signature))


def request(worker: bytes, generation: int, quote: bytes, signature: bytes) -> bytes:
    """`Clusters.request`, bare."""
    return bytes((CLUSTERS, 3)) + REQUEST.encode((worker, generation, quote, signature))


def word(worker: bytes, generation: int, said: ClusterWord, signature: bytes) -> bytes:
    """`Clusters.word`, bare."""
    return bytes((CLUSTERS, 4)) + WORD.encode((worker, generation, said, signature))


def volunteer(worker: bytes, number: int, block_hash: bytes, signature: bytes) -> bytes:
    """`Clusters.volunteer`, bare."""
    return bytes((CLUSTERS, 5)) + VOLUNTEER.encode((worker, number, block_hash, signature))
