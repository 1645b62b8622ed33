"""What came of a transaction."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.chain.stored import BlockRef
from node.testing.accounts import Account
from node.testing.events import Events
from pallets.frame.events import DispatchError
from pallets.frame.runtime import Call
from pallets.frame.weights import Weight


@dataclass(frozen=True)
class Receipt:
    """A transaction in a block."""

    hash: bytes
    """BLAKE2b-256 of its bytes, 32 bytes."""
    block: BlockRef
    index: int
    """Its place in the block; inherents come first."""
    signer: Account | None
    """Who signed it; for root that is the holder of Sudo's key."""
    call: Call
    events: Events = field(repr=False)
    """What happened while it was applied, in order."""
    fee: int
    """What the signer paid, tip included, in the smallest parts of a token."""
    weight: Weight
    """What it is counted with in the block."""
    error: DispatchError | None
    """Why the call failed, also where Sudo made it; `None` where it did not."""

    @property
    def ok(self) -> bool:
        return self.error is None
