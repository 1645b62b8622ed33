"""Finality by a single GRANDPA authority: one vote is two thirds.

A sealed block is finalised two slots of clock later, whether or not a successor came (light clients need the lag), or
on demand in manual mode. The justification is a real one: any GRANDPA verifier accepts it for the authority set.
"""

from __future__ import annotations

import logging
import math

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
SET_ID = codec_of(U64)

log = logging.getLogger("node.finality")


class Finalizer:
    """Votes as the only authority. The round is the block's number: each block is voted on once."""

    def __init__(self, chain: Chain, key: Keypair) -> None:
        self.chain, self.key = chain, key

    def finalize(self, block_hash: bytes, number: int) -> None:
        """Finalises a canonical block and its ancestors; raises `UnknownBlock`. A block final already stays so."""
        header = self.chain.header(block_hash)
        if header is None:
            raise UnknownBlock(block_hash)
        if number <= self.chain.finalized.number and self.chain.is_canonical(block_hash):
            return
        parent = header.parent_hash  # a block is finalised by the set that was in place before it
        set_id = SET_ID.decode_all(self.chain.call(parent, "GrandpaApi_current_set_id"))
        signature = self.key.sign(precommit_payload(block_hash, number, number, set_id))
        vote = SignedPrecommit(block_hash, number, signature, self.key.public)
        justification = Justification(number, Commit(block_hash, number, [vote]), [])
        self.chain.finalize(block_hash, justification.encode())

    async def run(self, slot_duration_ms: int) -> None:
        """Finalises blocks one by one as their lag ends, until cancelled."""
        lag = LAG_SLOTS * slot_duration_ms / 1000
        send, receive = trio.open_memory_channel[tuple[float, BlockRef]](math.inf)  # as many blocks as a lag has
        async with self.chain.imported.subscribe() as blocks, trio.open_nursery() as nursery:
            nursery.start_soon(self._vote, receive)
            send.send_nowait((trio.current_time() + lag, self.chain.best))  # what an earlier run left open
            async for block in blocks:
                if not block.is_best:
                    continue
                send.send_nowait((trio.current_time() + lag, BlockRef(block.hash, block.header.number)))

    async def _vote(self, due: trio.MemoryReceiveChannel[tuple[float, BlockRef]]) -> None:
        """Finalises each block at its time; one that can't be is logged, and the next one brings it along."""
        disk_fails = False  # told once
        async for moment, block in due:
            await trio.sleep_until(moment)
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
