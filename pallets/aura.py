"""Who may author which slot: the authorities take turns.

The author of a slot is `authorities[slot % n]`, and slots only grow, so that nobody authors one twice. A slot is a
span of `SlotDuration` milliseconds; the time of its block is the start of that span. Checking the author's seal is
the node's business. Mirrors `pallet_aura`, which accepts any moment inside the slot.
"""

from __future__ import annotations

from typing import Annotated

from pallets.frame import U64, Bound, Const, Moment, Pallet, Value, Weight
from pallets.frame.executive import InvalidBlock
from pallets.primitives.header import AURA_ENGINE, PreRuntime
from pallets.primitives.types import FixedBytes, Wrapped
from pallets.system.pallet import System

MAX_AUTHORITIES = 32

AuraId = Annotated[bytes, FixedBytes(32, "sp_consensus_aura::sr25519::app_sr25519::Public")]
"""An authority's sr25519 public key."""
AuraAuthorities = Annotated[list[AuraId], Bound(MAX_AUTHORITIES)]
Slot = Annotated[U64, Wrapped("sp_consensus_slots::Slot")]


class Aura(Pallet):
    """Slots and the authorities that take turns in them."""

    system: System
    slot_duration: Const[Moment]
    """The slot duration Aura should run with, expressed in milliseconds.

    The effective value of this type should not change while the chain is running.
    """

    authorities = Value[AuraAuthorities](default=list)
    """The current authority set."""
    current_slot = Value[Slot](default=0)
    """The current slot of this block.

    This will be set in `on_initialize`.
    """

    def genesis(self, authorities: list[AuraId] | None = None) -> None:
        self.authorities = authorities or []

    def on_initialize(self, number: int) -> Weight:
        slot = self._slot_of_digest()
        if slot <= self.current_slot:
            raise InvalidBlock(f"the block's slot {slot} is not after its parent's, {self.current_slot}")
        self.current_slot = slot
        return Weight(self.system.db_weight.read * 2 + self.system.db_weight.write)

    def on_timestamp_set(self, now: int) -> None:
        """Refuses a time that isn't the start of the block's slot."""
        start = self.current_slot * self.slot_duration
        if now != start:
            raise InvalidBlock(f"the block's time is {now}, its slot {self.current_slot} starts at {start}")

    def author(self, slot: int) -> bytes:
        """The authority whose turn `slot` is; raises `InvalidBlock` where the chain has none."""
        authorities = self.authorities
        if not authorities:
            raise InvalidBlock("no authorities: the genesis value aura.authorities is empty")
        return authorities[slot % len(authorities)]

    def current_author(self) -> bytes:
        """The authority that makes the current block."""
        return self.author(self.current_slot)

    def _slot_of_digest(self) -> int:
        for item in self.system.digest:
            if isinstance(item, PreRuntime) and item.engine == AURA_ENGINE and len(item.data) == 8:
                return int.from_bytes(item.data, "little")
        raise InvalidBlock("the header has no slot: its digest lacks a pre-runtime item of engine `aura` with a u64")
