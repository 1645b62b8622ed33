"""What a database holds after its node has died: all that was told, and nothing torn.

`inspect` opens the database as a node would. *Lost* is a block that was told of and isn't there, unless finality ended
its fork. *Torn* is anything that doesn't fit together: the roots of states recomputed from their values, the records
of the trie rebuilt, the links of the blocks, the history's and the journal's entries, the blocks executed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from node.chain.importer import Importer
from node.chain.pool import Pool
from node.chain.transactions import Transactions
from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.clock import ChainClock
from node.executor import Executor
from node.state.db import Database
from node.state.errors import DatabaseError
from node.state.trie import Trie
from pallets.primitives.header import Header
from pallets.runtime import KNOWN_RUNTIMES
from tests.crash.told import Told
from tests.node.state.naive_trie import naive_root

RECENT = 4
"""How many of the last blocks have their states recomputed."""
SLOT_MS = 100


class Findings(NamedTuple):
    """What is wrong, one sentence each."""

    lost: list[str]
    torn: list[str]


def inspect(path: Path, spec: ChainSpec, told: Told, executed: int) -> Findings:
    """Looks at the database in `path`; the last `executed` blocks are executed again."""
    try:
        db = Database(path, spec.genesis_header().hash)
    except DatabaseError as error:
        return Findings([], [f"the database can't be opened: {error}"])
    try:
        chain = Chain.open(db, spec, Executor(KNOWN_RUNTIMES))
        findings = Findings(list(_lost(chain, told)), list(_torn(chain, executed)))
        told.found.update((key, Header.decode(data)) for key, data in db.items_from("header"))
        return findings
    except Exception as error:
        return Findings([], [f"the database can't be read: {error!r}"])
    finally:
        db.close()


# Lost


def _lost(chain: Chain, told: Told) -> Iterator[str]:
    for block_hash in (*told.headers, *told.answered):
        if _is_missing(chain, block_hash) and not _was_ended(chain, told, block_hash):
            yield f"block 0x{block_hash.hex()}"
    for printed in told.printed:
        found = chain.hash_of(printed.number)
        known = [found] if found else []
        known += [each for each, header in told.headers.items() if header.number == printed.number]
        known += [each for each, header in told.found.items() if header.number == printed.number]
        known += [leaf for leaf, _ in _side_blocks(chain)]
        if not any(map(printed.is_of, known)) and printed.number > chain.finalized.number:
            yield f"block {printed.number}, which was printed as 0x{printed.head}…{printed.tail}"
    best = None if told.best is None else told.headers[told.best]
    if best is not None and chain.best.number < best.number and not _was_ended(chain, told, best.hash):
        yield f"the best block {best.number}: it is {chain.best.number} now"
    if told.final is not None and chain.finalized.number < told.final.number:
        yield f"the finality of block {told.final.number}: it is {chain.finalized.number} now"
    if told.final is not None and chain.hash_of(told.final.number) != told.final.hash:
        yield f"the final block {told.final.number}, which is another one now"


def _is_missing(chain: Chain, block_hash: bytes) -> bool:
    return chain.db.get("header", block_hash) is None or chain.db.get("body", block_hash) is None


def _was_ended(chain: Chain, told: Told, block_hash: bytes) -> bool:
    """Whether finality has decided against a block: what it descends from at the final height isn't final."""
    while (header := told.header(block_hash) or chain.header(block_hash)) is not None:
        if header.number <= chain.finalized.number:
            return chain.hash_of(header.number) != block_hash
        block_hash = header.parent_hash
    return False


# Torn


def _torn(chain: Chain, executed: int) -> Iterator[str]:
    yield from _torn_blocks(chain)
    yield from _torn_state(chain)
    yield from _torn_history(chain)
    yield from _torn_executions(chain, executed)


def _torn_blocks(chain: Chain) -> Iterator[str]:
    expected: set[bytes] = set()
    parent = bytes(32)
    for number in range(chain.best.number + 1):
        found = chain.hash_of(number)
        header = None if found is None else chain.header(found)
        if found is None or header is None:
            yield f"block {number} is missing"
            return
        if (header.number, header.parent_hash, header.hash) != (number, parent, found):
            yield f"block {number} isn't linked to its parent"
        expected.add(found)
        parent = found
    if parent != chain.best.hash:
        yield "the best block isn't the last one"
    if chain.hash_of(chain.best.number + 1) is not None:
        yield "there is a block behind the best one"
    expected.update(block for block, _ in _side_blocks(chain))
    for column in ("header", "body"):
        if {key for key, _ in chain.db.items_from(column)} != expected:
            yield f"the {column} column has other blocks than the chain"
    if not chain.is_canonical(chain.finalized.hash):
        yield "the final block isn't part of the chain"
    if chain.finalized.number and chain.justification(chain.finalized.hash) is None:
        yield "the final block has no justification"


def _side_blocks(chain: Chain) -> Iterator[tuple[bytes, bytes]]:
    return chain.db.items_from("fork")


def _torn_state(chain: Chain) -> Iterator[str]:
    best = chain.best_header()
    values = dict(chain.db.items_from("state"))
    if naive_root(values, 1) != best.state_root:
        yield f"the state isn't that of block {best.number}"
    rebuilt = {path.encode(): record for path, record in Trie(values, 1).nodes.items()}
    if rebuilt != dict(chain.db.items_from("trie")):
        yield "the stored trie isn't that of the state"
    recent = [chain.hash_of(number) for number in range(max(_first_state(chain), best.number - RECENT), best.number)]
    for block in (*(each for each in recent if each), *(side for side, _ in _side_blocks(chain))):
        header = chain.header(block)
        assert header is not None
        state = chain.state_at(block)
        if naive_root({key: state.get(key) or b"" for key in list(state.keys())}, 1) != header.state_root:
            yield f"the state after block {header.number}, 0x{block.hex()}, isn't what its header says"


def _torn_history(chain: Chain) -> Iterator[str]:
    journals = [int.from_bytes(key, "big") for key, _ in chain.db.items_from("journal")]
    expected = list(range(_first_state(chain) + 1, chain.best.number + 1))
    if journals != expected:
        yield f"there are journals of blocks {_ends(journals)}, not {_ends(expected)}"
    for column in ("history", "trie_history"):
        numbers = {int.from_bytes(key[-4:], "big") for key, _ in chain.db.items_from(column)}
        if not numbers <= set(expected):
            yield f"the {column} column has entries of blocks {_ends(sorted(numbers))}, not {_ends(expected)}"


def _torn_executions(chain: Chain, count: int) -> Iterator[str]:
    clock = ChainClock(lambda: (chain.best_header().slot() or 0) * SLOT_MS)
    importer = Importer(chain, Transactions(chain, Pool(), 5 << 20), clock)
    last = range(max(_first_state(chain), chain.best.number - count) + 1, chain.best.number + 1)
    for block in (*map(chain.hash_of, last), *(side for side, _ in _side_blocks(chain))):
        assert block is not None
        try:
            importer.check(block)
        except Exception as error:
            yield f"block 0x{block.hex()} can't be executed again: {error!r}"


def _first_state(chain: Chain) -> int:
    pruned = chain.db.get("meta", b"pruned")
    return 0 if pruned is None else int.from_bytes(pruned, "big")


def _ends(numbers: list[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]} ({len(numbers)})" if numbers else "none"
