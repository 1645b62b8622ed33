"""What the methods work on: the parts of a running node that RPC may touch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from node.chain.finality import Finalizer
from node.chain.producer import Producer
from node.chain.snapshots import Snapshots
from node.chain.transactions import Transactions
from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.executor import Runtime
from node.keys.keystore import Keystore
from node.state.backend import State, UnknownBlock
from node.state.remote.missing import reading
from pallets.primitives.codec import codec_of
from pallets.primitives.header import DigestItem, Header
from pallets.primitives.scale import DecodeError, read_compact

DIGEST_ITEM = codec_of(DigestItem)
T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """One node, as its methods see it."""

    spec: ChainSpec
    chain: Chain
    transactions: Transactions
    producer: Producer
    finalizer: Finalizer
    snapshots: Snapshots | None
    """Only of a dev chain."""
    name: str
    version: str
    author: bool
    """Whether the node seals blocks."""
    validator: bool
    """Whether it was started to, which it can't without keys of the chain's authorities."""
    keystore: Keystore
    random_bytes: Callable[[int], bytes]
    """So many bytes that nobody can foresee, for new keys."""
    message_buffer: int
    """How many notifications of one subscription may wait before it is cut off."""
    max_response: int
    """Bytes of one reply: what grows beyond is given up while it is made."""

    def hash_or_best(self, block_hash: bytes | None) -> bytes:
        return self.chain.best.hash if block_hash is None else block_hash

    def state(self, block_hash: bytes | None) -> State:
        """The state after a block, the best one if none is named; raises `UnknownBlock`."""
        return self.chain.state_at(self.hash_or_best(block_hash))

    def runtime(self, block_hash: bytes | None) -> Runtime:
        """The runtime on the state after a block; raises `UnknownBlock`."""
        return self.chain.runtime_at(self.hash_or_best(block_hash))

    def call(self, block_hash: bytes | None, function: str, data: bytes) -> bytes:
        """A runtime API call on the state after a block."""
        return self.chain.call(self.hash_or_best(block_hash), function, data)

    async def read(self, work: Callable[[], T]) -> T:
        """What `work` reads of a state; on a fork, once all of it is here. It may be done more than once."""
        fetcher = self.chain.fetcher
        return work() if fetcher is None else await reading(fetcher, work)

    def header(self, block_hash: bytes) -> Header:
        """A block's header; raises `UnknownBlock`."""
        header = self.chain.header(block_hash)
        if header is None:
            raise UnknownBlock(block_hash)
        return header


def check_length_prefix(extrinsic: bytes) -> None:
    """Raises `DecodeError` unless the bytes are as many as the compact length before them says."""
    length, at = read_compact(extrinsic, 0)
    if length != len(extrinsic) - at:
        raise DecodeError(f"the length prefix says {length} bytes, {len(extrinsic) - at} follow")


def to_hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def optional_hex(data: bytes | None) -> str | None:
    return None if data is None else f"0x{data.hex()}"


def header_json(header: Header) -> Mapping[str, Any]:
    """A header as every client expects it."""
    return {
        "parentHash": to_hex(header.parent_hash),
        "number": hex(header.number),
        "stateRoot": to_hex(header.state_root),
        "extrinsicsRoot": to_hex(header.extrinsics_root),
        "digest": {"logs": [to_hex(DIGEST_ITEM.encode(item)) for item in header.digest]},
    }
