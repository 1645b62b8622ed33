"""What a state must answer, whoever holds it.

The overlay of a runtime reads through `Backend`, and so do storage queries. A `State` also has the records of its
trie, so that a block can be built on it and its values proven. Values are bytes; keys come in ascending order.
"""

from __future__ import annotations

from typing import Protocol

from node.state.trie import View
from pallets.frame.overlay import Backend

__all__ = ["Backend", "State", "StateDiscarded", "UnknownBlock"]


class State(Backend, View, Protocol):
    """The state after one block."""


class UnknownBlock(LookupError):
    """No block of this hash is known."""

    def __init__(self, block_hash: bytes) -> None:
        super().__init__(f"0x{block_hash.hex()}")
        self.block_hash = block_hash


class StateDiscarded(LookupError):
    """The block is known, but its state is no longer kept: `--state-pruning` says how many are."""

    def __init__(self, block_hash: bytes) -> None:
        super().__init__(f"0x{block_hash.hex()}")
        self.block_hash = block_hash
