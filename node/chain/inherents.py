"""What the author brings into a block: the time, and the next layer of its hash onion."""

from __future__ import annotations

from typing import Protocol

from node.chain.tree import Chain
from pallets.frame.executive import InherentData
from pallets.primitives.codec import codec_of
from pallets.primitives.hash_onion import IDENTIFIER, HashOnions
from pallets.primitives.types import U32, U64, Bytes32

TIMESTAMP = b"timstap0"
MOMENT = codec_of(U64)
COMMITMENT = codec_of(tuple[Bytes32, U32, U32] | None)
"""What `RandomnessApi_commitment` answers: layer, layers left, onion."""


class InherentProvider(Protocol):
    """One source of inherent data for the child of a block, at a slot."""

    def provide(self, parent: bytes, slot: int, data: InherentData) -> None: ...


class SlotTimestamp:
    """The timestamp is the start of the slot."""

    def __init__(self, slot_duration_ms: int) -> None:
        self.slot_duration_ms = slot_duration_ms

    def provide(self, parent: bytes, slot: int, data: InherentData) -> None:
        data[TIMESTAMP] = MOMENT.encode(slot * self.slot_duration_ms)


class RevealedOnion:
    """The layer below the one that the chain knows; nothing where the author has committed to none."""

    def __init__(self, chain: Chain, onions: HashOnions, authority: bytes) -> None:
        self.chain, self.onions, self.authority = chain, onions, authority

    def provide(self, parent: bytes, slot: int, data: InherentData) -> None:
        answer = self.chain.call(parent, "RandomnessApi_commitment", self.authority)
        commitment = COMMITMENT.decode_all(answer)
        if commitment is not None:
            _, layers_left, onion = commitment
            data[IDENTIFIER] = self.onions.reveal(onion, layers_left)


def inherent_data(providers: tuple[InherentProvider, ...], parent: bytes, slot: int) -> InherentData:
    """All providers' data for the child of a block."""
    data: InherentData = {}
    for provider in providers:
        provider.provide(parent, slot, data)
    return data
