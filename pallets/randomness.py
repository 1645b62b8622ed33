"""Randomness that no author can choose: each reveals, block by block, what it committed to before.

## Overview

An authority commits to the outermost layer of a hash onion. Every block it makes reveals the layer below, which must
hash to the commitment and becomes the next one; the chain's mix is `blake2_256(mix ‖ reveal)`. The innermost layer
comes with a commitment to a new onion, and no other does: an author can't change onions when it dislikes the draw.
All it can do is not to make its block. With one or two authorities that is enough to foretell and to choose draws, so
who draws has to say so.

Who draws is a listener, told the mix inside this inherent, before any transaction of the block, and behind the
inherent that sets the block's time: an author can't have it draw by its parent's. A listener must not fail: an inherent
that fails makes the block invalid.

## Out of scope

Making reveals: `pallets.primitives.hash_onion`, in the hands of the node. Layers by slot and fines for skipped slots,
which three authorities or more need. Closest relative: `pallet_insecure_randomness_collective_flip`, which authors
can choose.
"""

from __future__ import annotations

from typing import Protocol

from pallets.aura import AuraId
from pallets.frame import U32, Bytes32, Map, NoneOrigin, Pallet, Value, Weight, call, struct
from pallets.frame.executive import InherentData, InvalidBlock
from pallets.frame.genesis import InvalidGenesis
from pallets.frame.runtime import Call
from pallets.primitives.hash_onion import IDENTIFIER, REVEAL, NextCommitment
from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import DecodeError


class Authorship(Protocol):
    """Who makes the current block; `Aura` knows."""

    def current_author(self) -> bytes: ...


class BlockTime(Protocol):
    """Who knows whether the block's time is set yet; `Timestamp` does."""

    @property
    def did_update(self) -> bool: ...


class OnRandomness(Protocol):
    """Who is told a block's new mix, and draws from it."""

    def on_randomness(self, mix: bytes) -> None: ...


@struct
class Commitment:
    """An authority's onion: the layer last revealed, at first the outermost; how many lie beneath it; its number."""

    layer: Bytes32
    layers_left: U32
    onion: U32 = 0


class Randomness(Pallet):
    """Randomness that no author can choose: each reveals what it committed to before."""

    inherent_identifier = IDENTIFIER

    authorship: Authorship
    timestamp: BlockTime
    listeners: tuple[OnRandomness, ...] = ()

    mix = Value[Bytes32](default=bytes(32))
    """All reveals so far, hashed one into another."""
    commitment = Map[AuraId, Commitment]()
    """What each authority has committed to."""
    did_reveal = Value[bool](default=False)
    """Whether the author has revealed in this block."""

    def genesis(self, commitments: list[tuple[AuraId, Bytes32, U32]] | None = None) -> None:
        """`commitments` are authority, outermost layer, and how many layers lie beneath it."""
        for authority, layer, layers in commitments or []:
            if not layers:
                raise InvalidGenesis(f"randomness.commitments: the onion of 0x{authority.hex()} has no layers")
            self.commitment[authority] = Commitment(layer, layers)

    def on_finalize(self, number: int) -> None:
        if self.did_reveal:
            del self.did_reveal
            return
        author = self.authorship.current_author()
        if author in self.commitment:
            raise InvalidBlock(f"the author 0x{author.hex()} didn't reveal the next layer of its onion")

    def create_inherent(self, data: InherentData) -> Call | None:
        """The inherent that reveals what the author brings; `None` where it brings nothing."""
        given = data.get(IDENTIFIER)
        if given is None:
            return None
        try:
            reveal, next_commitment = REVEAL.decode_all(given)
        except DecodeError as error:
            raise InvalidBlock(f"the inherent data's `hashonio` is not a reveal: {error}") from None
        return self.runtime.call("Randomness", "reveal", reveal=reveal, next_commitment=next_commitment)

    def check_inherent(self, inherent: Call, data: InherentData) -> None:
        """Nothing: another node can't know the layer beforehand, and executing the inherent checks it."""

    @call(0, weight=Weight(160_000_000, 4_000), inherent=True)
    def reveal(self, none: NoneOrigin, reveal: Bytes32, next_commitment: NextCommitment | None) -> None:
        """Reveal the next layer of the author's hash onion, and mix it into the chain's randomness.

        Invoked once in every block of an author that has committed. With the innermost layer comes the outermost of the
        author's next onion, and the number of layers beneath that; with any other layer it doesn't.

        The dispatch origin for this call must be _None_.
        """
        if not self.timestamp.did_update:
            raise InvalidBlock("the author reveals before the block's time is set: put Timestamp.set first")
        if self.did_reveal:
            raise InvalidBlock("the author reveals twice in one block")
        author = self.authorship.current_author()
        before = self.commitment.get(author)
        if before is None:
            raise InvalidBlock(f"the author 0x{author.hex()} has committed to no onion, so it has nothing to reveal")
        if blake2_256(reveal) != before.layer:
            raise InvalidBlock(f"the reveal doesn't hash to the layer before it, 0x{before.layer.hex()}")
        self.commitment[author] = self._after(before, reveal, next_commitment)
        self.did_reveal = True
        self.mix = mix = blake2_256(self.mix + reveal)
        for listener in self.listeners:
            listener.on_randomness(mix)

    @staticmethod
    def _after(before: Commitment, reveal: bytes, next_commitment: tuple[bytes, int] | None) -> Commitment:
        left = before.layers_left - 1
        if next_commitment is None:
            if not left:
                raise InvalidBlock("the innermost layer comes without a commitment to the next onion")
            return Commitment(reveal, left, before.onion)
        if left:
            raise InvalidBlock(f"a new onion is committed to while {left} layers of the old one are left")
        layer, layers = next_commitment
        if not layers:
            raise InvalidBlock("the next onion has no layers")
        return Commitment(layer, layers, before.onion + 1)
