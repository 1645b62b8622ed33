"""A block of a chain that others serve, and the state before it, read as it is needed.

Nothing is believed that can be proven: the block has the hash it was asked by, its parent's header names the root that
every value read of the state is proven from, and its events are proven from its own. Where no endpoint gives proofs,
values are what it says, and there is no root to compare.
"""

from __future__ import annotations

from node.commands.endpoints import ask_of
from node.replay.block import EVENTS_KEY, Known, RecordedBlock
from node.replay.past import FetchedPast
from node.state.remote import Fetcher, ForkedBlock
from node.state.remote.cache import Cache
from offchain.connect.chain import RemoteChain
from offchain.connect.errors import NoSuchBlock


async def served(chain: RemoteChain, which: str, cache: Cache | None) -> tuple[RecordedBlock, FetchedPast]:
    """A block by what a person calls it, and the state before it; raises a `RemoteError`, or a `RemoteStateError`."""
    block = await chain.block(await chain.resolve(which))
    if not block.number:
        raise NoSuchBlock("block 0 is the genesis block: nothing was executed for it")
    parent = await chain.header(block.header.parent_hash)
    forked = ForkedBlock(chain.remote.genesis, block.header.parent_hash, parent.state_root)
    fetcher = await Fetcher.open(ask_of(chain.remote), forked, cache)
    read = chain.proven if fetcher.proves else chain.get
    known = Known(await read(EVENTS_KEY, block.hash), is_proven=fetcher.proves)
    past = FetchedPast(block.header.parent_hash, fetcher, block.header.state_root)
    return RecordedBlock(block.hash, block.header, block.extrinsics, known), past
