"""Which blocks lead from one block to another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain as joined

from node.rpc.context import Context
from node.state.backend import UnknownBlock


def is_ancestor(node: Context, first: bytes, last: bytes) -> bool:
    """Whether a block leads to another one, or is it; raises `UnknownBlock`."""
    return _way(node, first, last) is not None


def lineage(node: Context, first: bytes, last: bytes) -> Iterator[bytes] | None:
    """The hashes of the blocks from `first` to `last`, both included; `None` where the one doesn't lead to the other.

    Raises `UnknownBlock`, also on the way where a dev chain is set back meanwhile.
    """
    way = _way(node, first, last)
    if way is None:
        return None
    numbers, fork = way
    settled = min(numbers.stop, max(node.chain.finalized.number + 1, numbers.start))
    still_open = list(_numbered(node, range(settled, numbers.stop)))  # another fork may become the best one
    return joined(_numbered(node, range(numbers.start, settled)), still_open, fork)


def _way(node: Context, first: bytes, last: bytes) -> tuple[range, list[bytes]] | None:
    """The numbers of canonical blocks on the way, and what comes behind them off the canonical chain."""
    chain = node.chain
    start, fork, block = node.header(first).number, [], last
    while block != first and not chain.is_canonical(block):
        fork.append(block)
        block = node.header(block).parent_hash
    fork.reverse()
    if block == first and not chain.is_canonical(first):
        return range(0), [first, *fork]
    base = node.header(block).number
    return (range(start, base + 1), fork) if chain.is_canonical(first) and start <= base else None


def _numbered(node: Context, numbers: range) -> Iterator[bytes]:
    for number in numbers:
        block = node.chain.hash_of(number)
        if block is None:
            raise UnknownBlock(bytes(32))
        yield block
