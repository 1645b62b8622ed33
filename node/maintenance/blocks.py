"""`check-block`, `export-blocks` and `import-blocks`.

A block of a file is executed and verified like one from a peer. Its time isn't held against this machine's clock: the
file may be of a chain whose clock ran ahead. Finality comes from the justifications in the file alone, each of which
has to prove its block to the authorities in place before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain as chained
from typing import NamedTuple

from node.chain.tree import Chain, UnknownParent
from node.executor import UnknownRuntime
from node.maintenance.errors import MaintenanceError
from node.maintenance.offline import Offline
from node.maintenance.signed_block import SignedBlock
from node.progress import At
from node.state.backend import StateDiscarded
from pallets.frame.executive import InvalidBlock
from pallets.grandpa import AuthorityList
from pallets.primitives.codec import codec_of
from pallets.primitives.header import GRANDPA_ENGINE, Header
from pallets.primitives.justification import InvalidJustification, Justification
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U64

AUTHORITIES = codec_of(AuthorityList)
SET_ID = codec_of(U64)
REFUSALS = (InvalidBlock, InvalidJustification, UnknownParent, UnknownRuntime, StateDiscarded, DecodeError)


class Totals(NamedTuple):
    """How many blocks an import brought, and how many justifications were proven."""

    imported: int
    known: int
    finalized: int


def check_block(offline: Offline, text: str) -> str:
    """Executes a block of the chain again; says that it is sound, or raises `MaintenanceError`."""
    block = offline.block(text)
    if block.number == 0:
        raise MaintenanceError("block 0 is the genesis block: nothing was executed for it")
    header = offline.chain.header(block.hash)
    assert header is not None
    offline.await_slot(header)
    try:
        offline.importer.check(block.hash)
    except InvalidBlock as error:
        raise MaintenanceError(f"block {block.number}, 0x{block.hash.hex()}, is not sound: {error}") from None
    except UnknownRuntime as error:
        raise MaintenanceError(f"block {block.number} can't be executed again: {error}") from None
    except StateDiscarded:
        raise MaintenanceError(f"block {block.number} can't be executed again: its parent's state was pruned") from None
    return f"block {block.number}, 0x{block.hash.hex()}, is sound: executed again, all roots agree"


# Export


def exported(chain: Chain, first: int, last: int, progress: At) -> Iterator[SignedBlock]:
    """The canonical blocks of these numbers, read one by one."""
    for done, number in enumerate(range(first, last + 1), 1):
        block_hash = chain.hash_of(number)
        header, body = (None, None) if block_hash is None else (chain.header(block_hash), chain.body(block_hash))
        if block_hash is None or header is None or body is None:
            raise MaintenanceError(f"{chain.db.path} is damaged: block {number} is missing")
        proof = chain.justification(block_hash)
        yield SignedBlock(header, body, None if proof is None else [(GRANDPA_ENGINE, proof)])
        progress(done)


def check_range(chain: Chain, first: int, last: int) -> None:
    """Raises `MaintenanceError` unless the chain has these blocks."""
    if not 0 <= first <= last <= chain.best.number:
        raise MaintenanceError(f"there are no blocks {first} to {last}: the best one is {chain.best.number}")


# Import


def begun(blocks: Iterator[SignedBlock], genesis: bytes) -> Iterator[SignedBlock]:
    """The same blocks, the first one read already, so that a file that is none is refused before anything is opened.

    Raises `MaintenanceError`, also where that block is of another chain.
    """
    first = next(blocks, None)
    if first is None:
        return iter(())
    try:
        _check_genesis(genesis, first.header)
    except InvalidBlock as error:
        raise MaintenanceError(str(error)) from None
    return chained((first,), blocks)


async def import_blocks(offline: Offline, blocks: Iterable[SignedBlock], progress: At) -> Totals:
    """Imports blocks in order, and skips those that are there; raises `MaintenanceError` at the first bad one.

    What came before a bad block stays.
    """
    imported = known = finalized = 0
    chain = offline.chain
    for place, block in enumerate(blocks, 1):
        header = block.header
        try:
            proof, is_known = _proof_of(block), chain.header(header.hash) is not None
            if header.number <= chain.finalized.number:
                proof = None  # it is decided already
            if not is_known:
                _check_genesis(chain.genesis_hash, header)
            if proof is not None:
                _verify(chain, header, proof)
            if not is_known:
                offline.await_slot(header)
                await offline.importer.import_block(header, block.extrinsics)
            if proof is not None:
                chain.finalize(header.hash, proof)
            known, imported, finalized = known + is_known, imported + (not is_known), finalized + (proof is not None)
        except REFUSALS as error:
            reason = (
                f"the state of 0x{error.block_hash.hex()} was pruned" if isinstance(error, StateDiscarded) else error
            )
            raise MaintenanceError(
                f"block {place} of the file, #{header.number} 0x{header.hash.hex()}, is refused: {reason}"
            ) from None
        progress(place)
    return Totals(imported, known, finalized)


def _check_genesis(genesis: bytes, header: Header) -> None:
    named = header.hash if header.number == 0 else header.parent_hash if header.number == 1 else genesis
    if named != genesis:
        raise InvalidBlock(f"the file is of the chain with genesis 0x{named.hex()}, this one's is 0x{genesis.hex()}")


def _proof_of(block: SignedBlock) -> bytes | None:
    return next((proof for engine, proof in block.justifications or () if engine == GRANDPA_ENGINE), None)


def _verify(chain: Chain, header: Header, proof: bytes) -> None:
    """Raises `InvalidJustification` unless a proof makes this block final, by the authorities in place before it."""
    try:
        justification = Justification.decode(proof)
    except DecodeError as error:
        raise InvalidJustification(f"the justification can't be read: {error}") from None
    commit = justification.commit
    if (commit.target_hash, commit.target_number) != (header.hash, header.number):
        raise InvalidJustification("the justification is for another block")
    if chain.header(header.parent_hash) is None:
        raise UnknownParent(f"the parent of block {header.number}, 0x{header.parent_hash.hex()}, is unknown")
    authorities = AUTHORITIES.decode_all(chain.call(header.parent_hash, "GrandpaApi_grandpa_authorities"))
    set_id = SET_ID.decode_all(chain.call(header.parent_hash, "GrandpaApi_current_set_id"))
    justification.verify(authorities, set_id)
