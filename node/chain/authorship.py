"""How a chain's blocks are authored: whose turn a slot is, what the header says of it, and who seals."""

from __future__ import annotations

from typing import Protocol

from node.chain.tree import Chain
from pallets.primitives.codec import codec_of
from pallets.primitives.header import AURA_ENGINE, SLOT, DigestItem, Header, PreRuntime, Seal
from pallets.primitives.keys import Keypair
from pallets.primitives.types import Bytes32

AUTHORITIES = codec_of(list[Bytes32])


class Authorship(Protocol):
    """One author of one chain."""

    slot_duration_ms: int

    def own_slot(self, slot: int) -> int:
        """The author's first slot from this one on."""
        ...

    def digest(self, parent: bytes, slot: int) -> list[DigestItem]:
        """What the header of a block in a slot says before its execution."""
        ...

    def seal(self, header: Header) -> list[DigestItem]:
        """What is added to the digest of an executed block."""
        ...


class Aura:
    """An authority of Aura's, which seals with its key."""

    def __init__(self, chain: Chain, key: Keypair, slot_duration_ms: int) -> None:
        self.key, self.slot_duration_ms = key, slot_duration_ms
        authorities = AUTHORITIES.decode_all(chain.call(chain.best.hash, "AuraApi_authorities"))
        self._turns = max(len(authorities), 1)
        self._turn = authorities.index(key.public) if key.public in authorities else 0

    def own_slot(self, slot: int) -> int:
        return slot + (self._turn - slot) % self._turns

    def digest(self, parent: bytes, slot: int) -> list[DigestItem]:
        return [PreRuntime(AURA_ENGINE, SLOT.encode(slot))]

    def seal(self, header: Header) -> list[DigestItem]:
        return [Seal(AURA_ENGINE, self.key.sign(header.hash))]
