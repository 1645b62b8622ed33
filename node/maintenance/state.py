"""`export-state` and `revert`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.maintenance.errors import MaintenanceError
from node.maintenance.offline import Offline
from node.progress import At
from node.state.backend import State, StateDiscarded
from node.state.trie import keys_of

AT_ONCE = 256
"""Blocks that are taken back together: what they did is in memory meanwhile."""


def exported_state(offline: Offline, spec: ChainSpec, text: str | None, progress: At) -> Iterator[str]:
    """The raw chain spec whose genesis state is that of a block, the best one if none is named, line by line.

    Raises `MaintenanceError` before the first line.
    """
    chain = offline.chain
    block = chain.best if text is None else offline.block(text)
    try:
        state = chain.state_at(block.hash)
    except StateDiscarded:
        raise MaintenanceError(f"the state of block {block.number} was pruned") from None
    document = {key: value for key, value in spec.document.items() if key != "genesis"}
    return _lines(document, state, progress)


def _lines(document: dict[str, object], state: State, progress: At) -> Iterator[str]:
    yield "{\n"
    for key, value in document.items():
        yield f"  {json.dumps(key)}: {json.dumps(value)},\n"
    yield '  "genesis": {"raw": {"top": {'
    separator = "\n"
    for done, name in enumerate(keys_of(state), 1):
        yield f'{separator}    "0x{name.hex()}": "0x{(state.get(name) or b"").hex()}"'
        separator = ",\n"
        progress(done)
    yield '\n  }, "childrenDefault": {}}}\n}\n'


class Reverted(NamedTuple):
    """How many blocks were taken back, and how many of them had been final."""

    blocks: int
    final: int


def revert(chain: Chain, count: int, progress: At) -> Reverted:
    """Takes back the last `count` blocks, or all but genesis, final ones too, `AT_ONCE` in one step.

    Raises `MaintenanceError` before the first step. A power failure may leave some of the steps done.
    """
    best, final = chain.best.number, chain.finalized.number
    target = max(best - count, 0)
    if target == best:
        raise MaintenanceError(f"the best block is #{best}: there is nothing to revert")
    block_hash = chain.hash_of(target)
    try:
        chain.state_at(block_hash or bytes(32))
    except StateDiscarded:
        raise MaintenanceError(f"block {target} can't be reverted to: its state was pruned") from None
    while chain.best.number > target:
        chain.revert(max(target, chain.best.number - AT_ONCE))
        progress(best - chain.best.number)
    return Reverted(best - target, max(final - target, 0))
