"""Blocks made by others: checked, executed, and only then part of the chain.

A block is taken when its parent is known and finality hasn't decided against it, its slot is later than its parent's
and its seal is by that slot's authority, its inherents agree with the clock, and executing it gives exactly the roots,
digest and number its header names. `check` does the same to a block that the chain has already.
"""

from __future__ import annotations

from node.chain.feed import Imported
from node.chain.inherents import MOMENT, TIMESTAMP
from node.chain.transactions import Transactions
from node.chain.tree import Chain, UnknownParent
from node.clock import ChainClock
from node.executor import BuiltBlock, UnknownRuntime
from node.state.backend import State, UnknownBlock
from node.state.trie import Nodes, Update, ordered_root
from pallets.frame.executive import InvalidBlock
from pallets.frame.validity import TransactionValidityError
from pallets.primitives.codec import codec_of
from pallets.primitives.header import AURA_ENGINE, Header, Seal
from pallets.primitives.keys import verify_sr25519
from pallets.primitives.runtime_code import CODE_KEY
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import Bytes32

AUTHORITIES = codec_of(list[Bytes32])
"""What `AuraApi_authorities` answers."""


class KnownBlock(Exception):
    """The chain has the block already."""


class Importer:
    """Imports blocks into one chain."""

    def __init__(self, chain: Chain, transactions: Transactions, clock: ChainClock) -> None:
        self.chain, self.transactions, self.clock = chain, transactions, clock

    async def import_block(self, header: Header, extrinsics: list[bytes]) -> Imported:
        """Verifies and inserts a block; raises `UnknownParent`, `KnownBlock` or `InvalidBlock`, changing nothing.

        Raises `UnknownRuntime` where this program couldn't execute what follows the block.
        """
        chain = self.chain
        async with chain.writing:
            if chain.header(header.hash) is not None:
                raise KnownBlock(f"block 0x{header.hash.hex()} is part of the chain already")
            tags = self.transactions.tags_of(extrinsics) if header.parent_hash == chain.best.hash else []
            built, nodes = self._verified(header, extrinsics)
            self._check_code(header, built)
            imported = chain.insert(header, built, nodes)
            self.transactions.on_imported(imported, tags)
            return imported

    def check(self, block_hash: bytes) -> None:
        """Executes a block of the chain again; raises `InvalidBlock` where it isn't what its header says.

        Raises `UnknownBlock`, also for genesis, whose state nothing was executed for, and `StateDiscarded`.
        """
        header, body = self.chain.header(block_hash), self.chain.body(block_hash)
        if header is None or body is None or header.number == 0:
            raise UnknownBlock(block_hash)
        self._verified(header, body)

    def _verified(self, header: Header, extrinsics: list[bytes]) -> tuple[BuiltBlock, Nodes]:
        parent = self.chain.header(header.parent_hash)
        if parent is None:
            raise UnknownParent(f"the parent of block {header.number}, 0x{header.parent_hash.hex()}, is unknown")
        if header.number != parent.number + 1:
            raise InvalidBlock(f"the block says number {header.number}, its parent is {parent.number}")
        if ordered_root(extrinsics) != header.extrinsics_root:
            raise InvalidBlock("the extrinsics root doesn't match the body")
        state = self.chain.state_at(header.parent_hash)
        self._check_seal(header, parent, state)
        built = self._execute(header, extrinsics, state)
        update = Update(state, built.changes)
        if (root := update.run()) != header.state_root:
            named = header.state_root.hex()
            raise InvalidBlock(f"execution leaves state root 0x{root.hex()}, the header says 0x{named}")
        return built, update.nodes

    def _execute(self, header: Header, extrinsics: list[bytes], state: State) -> BuiltBlock:
        unsealed = header.without_seal()
        inherents = {TIMESTAMP: MOMENT.encode(self.clock.now_ms())}
        try:
            built = self.chain.executor.runtime_at(state).execute(state, unsealed, extrinsics, inherents)
        except (TransactionValidityError, DecodeError) as error:
            raise InvalidBlock(f"the block has an extrinsic that can't be included: {error}") from None
        if built.header.digest != unsealed.digest:
            raise InvalidBlock("execution leaves another digest than the header's")
        return built

    def _check_code(self, header: Header, built: BuiltBlock) -> None:
        if CODE_KEY not in built.changes:
            return
        reason = self.chain.executor.refusal(built.changes[CODE_KEY])
        if reason is not None:
            raise UnknownRuntime(
                f"block {header.number} changes the chain's runtime, and a newer program is due: {reason}"
            )

    def _check_seal(self, header: Header, parent: Header, state: State) -> None:
        slot, parent_slot = header.slot(), parent.slot()
        if slot is None:
            raise InvalidBlock("the header carries no Aura slot")
        if parent_slot is not None and slot <= parent_slot:
            raise InvalidBlock(f"slot {slot} isn't later than the parent's {parent_slot}")
        seal = header.digest[-1] if header.digest else None
        if not isinstance(seal, Seal) or seal.engine != AURA_ENGINE:
            raise InvalidBlock("the header carries no Aura seal")
        answer = self.chain.executor.runtime_at(state).call(state, "AuraApi_authorities", b"")
        authorities = AUTHORITIES.decode_all(answer)
        if not authorities:
            raise InvalidBlock("the chain has no Aura authorities")
        author = authorities[slot % len(authorities)]
        if not verify_sr25519(seal.data, header.without_seal().hash, author):
            raise InvalidBlock(f"the seal isn't by 0x{author.hex()}, the authority of slot {slot}")
