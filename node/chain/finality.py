"""Finality by a single GRANDPA authority: one vote is two thirds.

A sealed block is finalised two slots of clock later, whether or not a successor came (light clients need the lag), or
on demand in manual mode. A dev chain may change that delay, and do without. The justification is a real one: any
GRANDPA verifier accepts it for the authority set.
"""

from __future__ import annotations

import logging
from collections import deque

import trio

from node.chain.stored import BlockRef
from node.chain.tree import Chain
from node.state.backend import UnknownBlock
from node.state.errors import WriteFailed
from pallets.primitives.codec import codec_of
from pallets.primitives.justification import Commit, Justification, SignedPrecommit, precommit_payload
from pallets.primitives.keys import Keypair
from pallets.primitives.types import U64

LAG_SLOTS = 2
MAX_WAITING = 4096  # blocks; what is dropped becomes final with a later one
SET_ID = codec_of(U64)

log = logging.getLogger("node.finality")


class Finalizer:
    """Votes as the only authority. The round is the block's number: each block is voted on once.

    Without a key, as on a fork of somebody else's chain, blocks become final the same way, and nothing justifies it.
    """

    def __init__(self, chain: Chain, key: Keypair | None, usual_delay: float, *, on_demand: bool = False) -> None:
        """`usual_delay` is in seconds from a block's seal to its finality; `on_demand` does without, for now."""
        self.chain, self.key, self.usual_delay = chain, key, usual_delay
        self._delay = None if on_demand else usual_delay
        self.is_held_up = False
        """By hand, so that nothing but a hand lets it go on."""
        self._waiting: deque[tuple[float, BlockRef]] = deque(maxlen=MAX_WAITING)  # with when it was sealed
        self._changed = trio.Event()

    @property
    def delay(self) -> float | None:
        """Seconds from a block's seal to its finality, `None` on demand alone; it counts for blocks that wait, too."""
        return self._delay

    @delay.setter
    def delay(self, seconds: float | None) -> None:
        self._delay = seconds
        self._changed.set()

    def finalize(self, block_hash: bytes, number: int) -> None:
        """Finalises a canonical block and its ancestors; raises `UnknownBlock`. A block final already stays so."""
        header = self.chain.header(block_hash)
        if header is None:
            raise UnknownBlock(block_hash)
        if number <= self.chain.finalized.number and self.chain.is_canonical(block_hash):
            return
        if self.key is None:
            self.chain.finalize(block_hash, None)
            return
        parent = header.parent_hash  # a block is finalised by the set that was in place before it
        set_id = SET_ID.decode_all(self.chain.call(parent, "GrandpaApi_current_set_id"))
        signature = self.key.sign(precommit_payload(block_hash, number, number, set_id))
        vote = SignedPrecommit(block_hash, number, signature, self.key.public)
        justification = Justification(number, Commit(block_hash, number, [vote]), [])
        self.chain.finalize(block_hash, justification.encode())

    async def run(self) -> None:
        """Finalises blocks one by one as their delay ends, until cancelled."""
        async with self.chain.imported.subscribe() as blocks, trio.open_nursery() as nursery:
            nursery.start_soon(self._vote)
            self._await(self.chain.best)  # what an earlier run left open
            async for block in blocks:
                if block.is_best:
                    self._await(BlockRef(block.hash, block.header.number))

    def _await(self, block: BlockRef) -> None:
        final = self.chain.finalized.number
        while self._waiting and self._waiting[0][1].number <= final:
            self._waiting.popleft()  # made final by hand, perhaps while nothing becomes so by itself
        self._waiting.append((trio.current_time(), block))
        self._changed.set()

    async def _vote(self) -> None:
        """Finalises each block at its time; one that can't be is logged, and the next one brings it along."""
        disk_fails = False  # told once
        while True:
            block = await self._due()
            if not self.chain.is_canonical(block.hash):
                continue  # another fork has won meanwhile
            try:
                self.finalize(*block)
                disk_fails = False
            except WriteFailed as error:
                if not disk_fails:
                    log.error("❌ block #%d could not be finalised: %s", block.number, error)
                disk_fails = True
            except Exception:
                log.exception("❌ block #%d could not be finalised", block.number)

    async def _due(self) -> BlockRef:
        """The next block to be final, once it is its time."""
        while True:
            self._changed = trio.Event()
            if not self._waiting or self._delay is None:
                await self._changed.wait()
                continue
            sealed_at, block = self._waiting[0]
            with trio.move_on_at(sealed_at + self._delay) as until:
                await self._changed.wait()
            if until.cancelled_caught:
                self._waiting.popleft()
                return block
