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
ASKED = codec_of(tuple[Bytes32, U64])
NEXT_REVEAL = codec_of(tuple[U32, U32, U32 | None] | None)
"""What `RandomnessApi_next_reveal` answers: onion, layers left, the onion to commit to."""


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
    """The layer that the chain asks the author for at a slot; nothing where the author has committed to no onion."""

    def __init__(self, chain: Chain, onions: HashOnions, authority: bytes) -> None:
        self.chain, self.onions, self.authority = chain, onions, authority

    def provide(self, parent: bytes, slot: int, data: InherentData) -> None:
        answer = self.chain.call(parent, "RandomnessApi_next_reveal", ASKED.encode((self.authority, slot)))
        asked = NEXT_REVEAL.decode_all(answer)
        if asked is not None:
            data[IDENTIFIER] = self.onions.reveal_with(*asked)


def inherent_data(providers: tuple[InherentProvider, ...], parent: bytes, slot: int) -> InherentData:
    """All providers' data for the child of a block."""
    data: InherentData = {}
    for provider in providers:
        provider.provide(parent, slot, data)
    return data
