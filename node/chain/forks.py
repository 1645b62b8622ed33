"""The blocks off the canonical chain, and what leads to what among them.

## Usage

`Forks` is what `node.chain.tree` has in memory of the stored forks. A change that may still fail is made on a `copy`,
and what it means for the records put in a batch; the chain takes the copy once the batch is written.
"""

from __future__ import annotations

from collections.abc import Collection

from node.chain.stored import BlockRef, SideBlock, delete_block
from node.state.db import Batch


class Forks:
    """All blocks off the canonical chain, by hash."""

    def __init__(self, blocks: dict[bytes, SideBlock]) -> None:
        self.blocks = blocks

    def copy(self) -> Forks:
        return Forks(dict(self.blocks))

    def add(self, block: SideBlock) -> None:
        self.blocks[block.hash] = block

    def remove(self, block_hash: bytes) -> None:
        """The block is on the canonical chain now."""
        self.blocks.pop(block_hash, None)

    def path_to(self, block_hash: bytes) -> list[SideBlock]:
        """The blocks off the canonical chain that lead to a block, itself included; none for a canonical one."""
        path = []
        while (block := self.blocks.get(block_hash)) is not None:
            path.append(block)
            block_hash = block.parent
        return path[::-1]

    def of(self, number: int) -> list[bytes]:
        """The hashes of the blocks of a number."""
        return [block.hash for block in self.blocks.values() if block.number == number]

    def leaves(self) -> list[BlockRef]:
        """The last block of every fork, longest first."""
        parents = {block.parent for block in self.blocks.values()}
        leaves = [BlockRef(block.hash, block.number) for block in self.blocks.values() if block.hash not in parents]
        return sorted(leaves, key=lambda leaf: -leaf.number)

    def end_before(self, final: BlockRef, pinned: Collection[bytes], batch: Batch) -> None:
        """Ends the forks that don't lead from a final block, but for what leads to pinned ones."""
        kept = self._leading_to(pinned)
        lost = [block for block in self.blocks if self.path_to(block)[0].number <= final.number]
        self._end([block for block in lost if block not in kept], batch)

    def end_all(self, pinned: Collection[bytes], batch: Batch) -> None:
        """Ends all forks, but for what leads to pinned blocks."""
        kept = self._leading_to(pinned)
        self._end([block for block in self.blocks if block not in kept], batch)

    def _leading_to(self, pinned: Collection[bytes]) -> dict[bytes, None]:
        needed: dict[bytes, None] = {}
        for block_hash in pinned:
            while block_hash not in needed and (block := self.blocks.get(block_hash)) is not None:
                needed[block_hash] = None
                block_hash = block.parent
        return needed

    def _end(self, block_hashes: list[bytes], batch: Batch) -> None:
        for block_hash in block_hashes:
            delete_block(batch, block_hash)
            del self.blocks[block_hash]
