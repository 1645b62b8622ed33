"""Randomness that no author can choose: each reveals, block by block, what it committed to before.

## Overview

An authority commits to the outermost layer of a hash onion. Every block it makes reveals the layer below, which must
hash to the commitment and becomes the next one; the chain's mix is `blake2_256(mix ‖ reveal)`.

With one or two authorities the innermost layer comes with a commitment to a new onion, and no other does: an author
can't change onions when it dislikes the draw. All it can do is not to make its block. That is enough to foretell and
to choose draws, so who draws has to say so.

From three on layers belong to slots, a skipped slot changes nothing but when its owner is heard, and what is drawn
for is drawn with the mix after the turns of two others: `pallets.randomness.beacon` has the rules, and what they leave
to a coalition.

Who draws is a listener, told the mix inside this inherent, before any transaction of the block, and behind the
inherent that sets the block's time: an author can't have it draw by its parent's. A listener must not fail: an inherent
that fails makes the block invalid. Listeners and `queues` are given once they exist, for they may ask for this pallet.

## Out of scope

Making reveals: `pallets.primitives.hash_onion`, in the hands of the node. Closest relative:
`pallet_insecure_randomness_collective_flip`, which authors can choose.
"""

from __future__ import annotations

from typing import Protocol

from pallets.aura import AuraId
from pallets.frame import (
    U32,
    U64,
    AccountId,
    Balance,
    Bytes32,
    Const,
    DueKey,
    Event,
    Map,
    NoneOrigin,
    Pallet,
    Value,
    Weight,
    call,
)
from pallets.frame.executive import InherentData, InvalidBlock
from pallets.frame.genesis import InvalidGenesis
from pallets.frame.runtime import Call
from pallets.frame.weights import DispatchClass
from pallets.fungible import Currency
from pallets.primitives.hash_onion import IDENTIFIER, REVEAL, Commitment, NextCommitment
from pallets.primitives.hashing import Identity, blake2_256
from pallets.primitives.scale import DecodeError
from pallets.randomness.beacon import (
    DRAW_DELAY,
    SHARED_FROM,
    NextReveal,
    Settled,
    Successor,
    Turn,
    Waiting,
    begin_slot,
    has_layer,
    next_reveal,
    take_reveal,
    wait_for_turns,
)
from pallets.system.pallet import System


class Authorship(Protocol):
    """Whose turn is when, and who makes the current block; `Aura` knows."""

    @property
    def authorities(self) -> list[bytes]: ...

    @property
    def current_slot(self) -> int: ...

    def current_author(self) -> bytes: ...


class BlockTime(Protocol):
    """Who knows whether the block's time is set yet; `Timestamp` does."""

    @property
    def did_update(self) -> bool: ...


class Validators(Protocol):
    """Who knows the accounts behind the authorities, in their order; `Session` does."""

    @property
    def validators(self) -> list[bytes]: ...


class OnRandomness(Protocol):
    """Who is told a block's new mix, and draws from it."""

    def on_randomness(self, mix: bytes) -> None: ...


class DrawQueue(Protocol):
    """Who knows what waits to be drawn for."""

    def first_waiting(self) -> int | None:
        """The block in which the first of it was queued."""


class Randomness(Pallet):
    """Randomness that no author can choose: each reveals what it committed to before."""

    inherent_identifier = IDENTIFIER

    system: System
    authorship: Authorship
    timestamp: BlockTime
    currency: Currency
    validators: Validators
    treasury: AccountId
    """Where fines go."""
    fine: Const[Balance]
    """What a skipped slot costs its authority."""
    session: Const[U64]
    """How many slots pass from the commitment to an onion to its first layer, where layers belong to slots."""
    listeners: tuple[OnRandomness, ...] = ()
    queues: tuple[DrawQueue, ...] = ()

    class Fined(Event):
        """An authority skipped its slot: this much was taken from its account, and this much is owed still."""

        authority: AuraId
        who: AccountId
        amount: Balance
        owed: Balance

    class LeftOut(Event):
        """An authority skipped too many slots: it has no part in draws until a session after its next commitment."""

        authority: AuraId

    mix = Value[Bytes32](default=bytes(32))
    """All reveals so far, hashed one into another."""
    commitment = Map[AuraId, Commitment]()
    """What each authority has committed to."""
    did_reveal = Value[bool](default=False)
    """Whether the author has revealed in this block."""
    last_slot = Value[U64](default=0)
    """The slot of the last block."""
    turns = Value[list[Turn]](default=list)
    """What the mix hasn't taken yet: the first turn whose layer is missing, and those behind it."""
    successor = Map[AuraId, Successor]()
    """The onion that follows the one that each authority reveals."""
    missed = Map[AuraId, U64]()
    """The slot that each authority skipped last."""
    owed = Map[AccountId, Balance](default=0)
    """Fines that couldn't be taken."""
    waiting = Value[list[Waiting]](default=list)
    """Blocks in which something was queued, and whose turns aren't over."""
    settled_mix = Map[DueKey, Settled](hasher=Identity)
    """With what the things queued in a block are drawn, until they are."""

    def genesis(self, commitments: list[tuple[AuraId, Bytes32, U32]] | None = None) -> None:
        """`commitments` are authority, outermost layer, and how many layers lie beneath it."""
        for authority, layer, layers in commitments or []:
            if not layers:
                raise InvalidGenesis(f"randomness.commitments: the onion of 0x{authority.hex()} has no layers")
            self.commitment[authority] = Commitment(layer, layers)

    def on_initialize(self, number: int) -> Weight:
        if not self.shared:
            return Weight()
        slot = self.authorship.current_slot
        begin_slot(self, slot)
        if not has_layer(self, slot) and self._waiting_since():
            self._close_block()  # whose author might know what will be drawn
        db, count = self.system.db_weight, len(self.authorship.authorities)
        return Weight(db.read * (8 + count) + db.write * 8)

    def on_finalize(self, number: int) -> None:
        revealed = self.did_reveal
        if revealed:
            del self.did_reveal
        elif self._has_to_reveal():
            author = self.authorship.current_author()
            raise InvalidBlock(f"the author 0x{author.hex()} didn't reveal the next layer of its onion")
        if self.shared and self._waiting_since():
            wait_for_turns(self, self.authorship.current_slot)

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

        Invoked once in every block of an author that has committed. With one or two authorities, the outermost layer of
        the author's next onion and the number of layers beneath that come with the innermost layer, and with any other
        they don't. With three or more they come once the onion would end within a session; an author that has nothing
        to reveal brings them with 32 zero bytes.

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
        if self.shared:
            take_reveal(self, self.authorship.current_slot, reveal, next_commitment)
            self.did_reveal = True
            if not self.turns:
                self._tell()
            self._close_while_known()
            return
        if blake2_256(reveal) != before.layer:
            raise InvalidBlock(f"the reveal doesn't hash to the layer before it, 0x{before.layer.hex()}")
        self.commitment[author] = self._after(before, reveal, next_commitment)
        self.did_reveal = True
        self.mix = blake2_256(self.mix + reveal)
        self._tell()

    # What others may ask

    @property
    def shared(self) -> bool:
        """Whether so many authorities make the randomness that none of them can steer it."""
        return len(self.authorship.authorities) >= SHARED_FROM

    def settled(self, block: int) -> Settled | None:
        """With what the things queued in a block are drawn; `None` as long as that isn't settled."""
        if self.shared:
            return self.settled_mix.get(block)
        return Settled(self.mix, True) if self.system.number >= block + DRAW_DELAY else None

    def next_reveal(self, authority: bytes, slot: int) -> NextReveal | None:
        """What an authority brings into the next block, of this slot; the state is to be discarded then."""
        if self.shared:
            return next_reveal(self, authority, slot)
        found = self.commitment.get(authority)
        if found is None:
            return None
        return NextReveal(found.onion, found.layers_left, None if found.layers_left > 1 else found.onion + 1)

    # Inside

    def _tell(self) -> None:
        mix = self.mix
        for listener in self.listeners:
            listener.on_randomness(mix)

    def _waiting_since(self) -> list[int]:
        """The block of each queue in which the first of what waits there was queued."""
        return [block for queue in self.queues if (block := queue.first_waiting()) is not None]

    def _has_to_reveal(self) -> bool:
        if self.shared:
            return has_layer(self, self.authorship.current_slot)
        return self.authorship.current_author() in self.commitment

    def _close_while_known(self) -> None:
        """No transaction may change what somebody knows will be drawn; what was drawn is forgotten."""
        waiting = self._waiting_since()
        for block in list(self.settled_mix):
            if waiting and block >= min(waiting):
                break
            del self.settled_mix[block]
        if waiting and (self.turns or any(block in self.settled_mix for block in waiting)):
            self._close_block()

    def _close_block(self) -> None:
        self.system.space.add(DispatchClass.Operational, self.system.block_weights.max_block)

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
