"""Execution to be looked at: of what could be in the next block, and again of what a block has.

`try_call` and `try_extrinsic` open the block after any block whose state is kept, with the time and the reveal that its
author would bring, and execute one thing in it. `retrace` executes a block of the chain again on its parent's state,
and `trace` any other. Nothing is changed or sent.

## Errors

`UnknownBlock`, `StateDiscarded`; `TransactionValidityError`, `DecodeError` and `InvalidBlock` for what can't be in a
block, or is no block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import trio

from node.chain.inherents import inherent_data
from node.chain.producer import YIELD_SECONDS, Producer
from node.chain.tree import Chain
from node.state.backend import UnknownBlock
from node.state.proof import prove
from node.state.witness import Witnessed, compact_size, proof_size
from node.trial import BlockTrial, Step
from pallets.frame.executive import InvalidBlock
from pallets.frame.validity import TransactionValidityError
from pallets.primitives.header import Header
from pallets.primitives.scale import compact


class BlockStats(NamedTuple):
    """Sizes in bytes: of the proof that executing the block needs, its compact form, and the block."""

    witness_len: int
    witness_compact_len: int
    block_len: int
    num_extrinsics: int


class Tracer:
    """Looks at execution on one chain, as its author would execute."""

    def __init__(self, producer: Producer) -> None:
        self.producer, self.chain = producer, producer.chain

    def try_extrinsic(self, extrinsic: bytes, at: bytes, *, believes_signatures: bool = False) -> Step:
        """What an extrinsic would do in the block after `at`."""
        return self._open(at, believes_signatures=believes_signatures).apply(extrinsic)

    def try_call(self, call: bytes, signer: bytes | None, at: bytes) -> Step:
        """What a call would do, sent by an account as it is, or made by root (`None`)."""
        trial = self._open(at, believes_signatures=True)
        return trial.call_as_root(call) if signer is None else trial.apply(trial.as_signed(call, signer))

    async def retrace(self, block_hash: bytes, last: int | None = None) -> list[Step]:
        """The steps of a block, all or up to an extrinsic; genesis has none to show and is an `UnknownBlock`."""
        header, body = block_of(self.chain, block_hash)
        return await self.trace(header.parent_hash, header.without_seal(), body, last)

    async def trace(
        self, parent: bytes, header: Header, extrinsics: Sequence[bytes], last: int | None = None
    ) -> list[Step]:
        """The steps of a block on a parent; nothing is asked of the header but that the runtime can open it."""
        async with self.chain.writing:  # the views of a state hold only while the head stays where it is
            state = self.chain.state_at(parent)
            trial = self.chain.executor.runtime_at(state).trial(state, header)
            if last is not None:
                return await _stepped(trial, extrinsics[: last + 1])
            return [*await _stepped(trial, extrinsics), trial.finalize()]

    async def stats(self, block_hash: bytes) -> BlockStats:
        """Executes a block again and measures what others would need to do the same."""
        header, body = block_of(self.chain, block_hash)
        unsealed = header.without_seal()
        async with self.chain.writing:
            state = self.chain.state_at(header.parent_hash)
            witnessed = Witnessed(state)
            trial = self.chain.executor.runtime_at(state).trial(witnessed, unsealed)
            steps = [*await _stepped(trial, body), trial.finalize()]
            written = {change.key: None for step in steps for change in step.changes}
            entries = prove(state, {**witnessed.touched, **written})
        parent = self.chain.header(header.parent_hash)
        assert parent is not None
        block = len(unsealed.encode()) + len(compact(len(body))) + sum(map(len, body))
        return BlockStats(proof_size(entries), compact_size(parent.state_root, entries), block, len(body))

    def _open(self, at: bytes, *, believes_signatures: bool) -> BlockTrial:
        chain, producer = self.chain, self.producer
        parent = chain.header(at)
        if parent is None:
            raise UnknownBlock(at)
        slot = producer.next_slot(parent) if at == chain.best.hash else (parent.slot() or 0) + 1
        header = Header(at, parent.number + 1, bytes(32), bytes(32), producer.authorship.digest(at, slot))
        state = chain.state_at(at)
        trial = chain.executor.runtime_at(state).trial(state, header, believes_signatures=believes_signatures)
        for inherent in trial.inherents(inherent_data(producer.inherents, at, slot)):
            try:
                trial.apply(inherent)
            except (InvalidBlock, TransactionValidityError):
                continue  # what only the slot's own authority could bring
        return trial


async def _stepped(trial: BlockTrial, extrinsics: Sequence[bytes]) -> list[Step]:
    """The step that opened a trial and those of extrinsics; lets others run now and then."""
    steps, started = [trial.opened], trio.current_time()
    for extrinsic in extrinsics:
        steps.append(trial.apply(extrinsic))
        if trio.current_time() - started > YIELD_SECONDS:
            await trio.lowlevel.checkpoint()
            started = trio.current_time()
    return steps


def block_of(chain: Chain, block_hash: bytes) -> tuple[Header, list[bytes]]:
    """A block that was executed; raises `UnknownBlock`, also for genesis."""
    header, body = chain.header(block_hash), chain.body(block_hash)
    if header is None or body is None or header.number == 0:
        raise UnknownBlock(block_hash)
    return header, body
