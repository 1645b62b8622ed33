"""What a state must answer, whoever holds it.

The overlay of a runtime reads through this, and so do storage queries. Values are bytes; keys come in ascending order.
"""

from __future__ import annotations

from pallets.frame.overlay import Backend

__all__ = ["Backend", "StateDiscarded", "UnknownBlock"]


class UnknownBlock(LookupError):
    """No block of this hash is known."""

    def __init__(self, block_hash: bytes) -> None:
        super().__init__(f"0x{block_hash.hex()}")
        self.block_hash = block_hash


class StateDiscarded(LookupError):
    """The block is known, but its state is no longer kept."""

    def __init__(self, block_hash: bytes) -> None:
        super().__init__(f"0x{block_hash.hex()}")
        self.block_hash = block_hash
