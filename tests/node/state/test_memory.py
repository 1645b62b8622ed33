"""The database without a disk is one: whatever is written to both, RocksDB and it answer the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.dev_spec import DEV_SPEC
from node.executor import Executor
from node.state.db import COLUMNS, Column, Database
from node.state.memory import MemoryDatabase
from pallets.runtime import KNOWN_RUNTIMES
from tests.node.scratch import scratch_directory

SOME: list[Column] = ["meta", "state", "trie", "history"]  # of each kind of options one
KEYS = st.binary(max_size=3)
CHANGE = st.tuples(st.sampled_from(SOME), KEYS, st.none() | st.binary(max_size=2), st.booleans())
BATCHES = st.lists(st.lists(CHANGE, max_size=8), max_size=5)


def write(db: Database, changes: list[tuple[Column, bytes, bytes | None, bool]], is_written: bool) -> None:
    batch = db.batch()
    for column, key, value, by_putter in changes:
        if value is None:
            batch.delete(column, key)
        elif by_putter:
            batch.putter(column)(key, value)
        else:
            batch.put(column, key, value)
    if is_written:
        db.write(batch)


@settings(max_examples=20)
@given(BATCHES, st.lists(KEYS, max_size=4), st.lists(CHANGE, max_size=3))
def test_it_answers_as_rocksdb_does(
    batches: list[list[tuple[Column, bytes, bytes | None, bool]]],
    asked: list[bytes],
    dropped: list[tuple[Column, bytes, bytes | None, bool]],
) -> None:
    with scratch_directory() as directory:
        disk, memory = Database(directory), MemoryDatabase()
        for db in (disk, memory):
            for batch in batches:
                write(db, batch, is_written=True)
            write(db, dropped, is_written=False)
        keys = [*asked, *(key for batch in batches for _, key, *_ in batch)]
        for column in SOME:
            for key in keys:
                assert disk.get(column, key) == memory.get(column, key)
                if column != "meta":  # where the disk keeps its schema
                    assert disk.first_from(column, key) == memory.first_from(column, key)
                    assert list(disk.items_from(column, key)) == list(memory.items_from(column, key))
        disk.close()


def test_a_chain_in_memory_holds_what_one_on_the_disk_does() -> None:
    spec = ChainSpec.load(DEV_SPEC)
    with scratch_directory() as directory:
        disk, memory = Database(directory), MemoryDatabase()
        for db in (disk, memory):
            Chain.open(db, spec, Executor(KNOWN_RUNTIMES))
        for column in COLUMNS:
            on_disk = [(key, value) for key, value in disk.items_from(column) if key != b"schema"]
            assert on_disk == list(memory.items_from(column))
        assert Chain.open(memory, spec, Executor(KNOWN_RUNTIMES)).best_header() == spec.genesis_header()
        disk.close()
