"""Who authors a fork's blocks: nobody has the chain's keys, so every slot is ours, and no block is sealed.

Runtimes look at the slot that the header claims. BABE's are claimed as secondary ones, for which a header needs no
randomness of the author's, in turn by the authorities.
"""

from __future__ import annotations

from node.chain.tree import Chain
from pallets.frame.runtime_api import UnknownRuntimeApi
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.header import AURA_ENGINE, BABE_ENGINE, SLOT, DigestItem, Header, PreRuntime
from pallets.primitives.scale import read_compact
from pallets.primitives.types import U32, U64

DEFAULT_SLOT_MS = 6000
SECONDARY_PLAIN = b"\2"
BABE_AUTHORITIES = storage_prefix("Babe", "Authorities")
DURATION, INDEX = codec_of(U64), codec_of(U32)


class Unsealed:
    """The author of a fork. Which consensus its chain has is told by the runtime APIs that it answers."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._engine, self.slot_duration_ms = self._consensus()

    def own_slot(self, slot: int) -> int:
        return slot

    def digest(self, parent: bytes, slot: int) -> list[DigestItem]:
        if self._engine == AURA_ENGINE:
            return [PreRuntime(AURA_ENGINE, SLOT.encode(slot))]
        if self._engine == BABE_ENGINE:
            count, _ = read_compact(self._chain.state_at(parent).get(BABE_AUTHORITIES) or b"\4", 0)
            return [PreRuntime(BABE_ENGINE, SECONDARY_PLAIN + INDEX.encode(slot % max(count, 1)) + SLOT.encode(slot))]
        return []

    def seal(self, header: Header) -> list[DigestItem]:
        return []

    def _consensus(self) -> tuple[bytes | None, int]:
        for engine, function in ((AURA_ENGINE, "AuraApi_slot_duration"), (BABE_ENGINE, "BabeApi_configuration")):
            try:
                answer = self._chain.call(self._chain.best.hash, function)
            except UnknownRuntimeApi:
                continue
            return engine, max(int(DURATION.decode(answer, 0)[0]), 1)
        return None, DEFAULT_SLOT_MS
