"""Blocks made by others: checked, executed, and only then part of the chain.

A block is taken when it extends the best one, its slot is later than its parent's and its seal is by that slot's
authority, its inherents agree with the clock, and executing it gives exactly the roots, digest and number its header
names.
"""

from __future__ import annotations

from node.chain.feed import Imported
from node.chain.inherents import MOMENT, TIMESTAMP
from node.chain.transactions import Transactions
from node.chain.tree import Chain, NotBestParent
from node.clock import ChainClock
from node.executor import BuiltBlock
from node.state.trie import ordered_root
from pallets.frame.executive import InvalidBlock
from pallets.frame.validity import TransactionValidityError
from pallets.primitives.codec import codec_of
from pallets.primitives.header import AURA_ENGINE, Header, Seal
from pallets.primitives.keys import verify_sr25519
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import Bytes32

AUTHORITIES = codec_of(list[Bytes32])
"""What `AuraApi_authorities` answers."""


class Importer:
    """Imports blocks into one chain."""

    def __init__(self, chain: Chain, transactions: Transactions, clock: ChainClock) -> None:
        self.chain, self.transactions, self.clock = chain, transactions, clock

    def import_block(self, header: Header, extrinsics: list[bytes]) -> Imported:
        """Verifies and appends a block; raises `NotBestParent` or `InvalidBlock`, changing nothing."""
        chain = self.chain
        if header.parent_hash != chain.best.hash:
            raise NotBestParent(f"block {header.number} extends 0x{header.parent_hash.hex()}, not the best block")
        if header.number != chain.best.number + 1:
            raise InvalidBlock(f"the block says number {header.number}, its parent is {chain.best.number}")
        if ordered_root(extrinsics) != header.extrinsics_root:
            raise InvalidBlock("the extrinsics root doesn't match the body")
        self._check_seal(header)
        built = self._execute(header, extrinsics)
        tags = self.transactions.tags_of(extrinsics)

        def agreed(state_root: bytes) -> Header:
            if state_root != header.state_root:
                named = header.state_root.hex()
                raise InvalidBlock(f"execution leaves state root 0x{state_root.hex()}, the header says 0x{named}")
            return header

        imported = chain.append(built, agreed)
        self.transactions.on_imported(imported, tags)
        return imported

    def _execute(self, header: Header, extrinsics: list[bytes]) -> BuiltBlock:
        state, unsealed = self.chain.states.head, header.without_seal()
        inherents = {TIMESTAMP: MOMENT.encode(self.clock.now_ms())}
        try:
            built = self.chain.executor.runtime_at(state).execute(state, unsealed, extrinsics, inherents)
        except (TransactionValidityError, DecodeError) as error:
            raise InvalidBlock(f"the block has an extrinsic that can't be included: {error}") from None
        if built.header.digest != unsealed.digest:
            raise InvalidBlock("execution leaves another digest than the header's")
        return built

    def _check_seal(self, header: Header) -> None:
        chain = self.chain
        slot, parent_slot = header.slot(), chain.best_header().slot()
        if slot is None:
            raise InvalidBlock("the header carries no Aura slot")
        if parent_slot is not None and slot <= parent_slot:
            raise InvalidBlock(f"slot {slot} isn't later than the parent's {parent_slot}")
        seal = header.digest[-1] if header.digest else None
        if not isinstance(seal, Seal) or seal.engine != AURA_ENGINE:
            raise InvalidBlock("the header carries no Aura seal")
        answer = chain.runtime_at(chain.best.hash).call(chain.states.head, "AuraApi_authorities", b"")
        authorities = AUTHORITIES.decode_all(answer)
        if not authorities:
            raise InvalidBlock("the chain has no Aura authorities")
        author = authorities[slot % len(authorities)]
        if not verify_sr25519(seal.data, header.without_seal().hash, author):
            raise InvalidBlock(f"the seal isn't by 0x{author.hex()}, the authority of slot {slot}")
