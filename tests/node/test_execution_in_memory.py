"""Execution never reads the disk: the flat state is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.dev_spec import DEV_SPEC
from node.executor import Executor
from node.state.db import Database
from pallets.frame.validity import TransactionSource
from pallets.primitives.hash_onion import DEV_LAYERS, DEV_SECRET, IDENTIFIER, HashOnions
from pallets.primitives.header import AURA_ENGINE, SLOT, Header, PreRuntime
from pallets.runtime import KNOWN_RUNTIMES, SLOT_DURATION
from tests.node.transfers import signed_transfer

FIRST_SLOT = 18_000_000_000


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    db = Database(tmp_path / "db")
    yield Chain.open(db, ChainSpec.load(DEV_SPEC), Executor(KNOWN_RUNTIMES))
    db.close()


def test_execution_never_reads_the_disk(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    state, best = chain.states.head, chain.best_header()
    runtime = chain.executor.runtime_at(state)
    data = {
        b"timstap0": (FIRST_SLOT * SLOT_DURATION).to_bytes(8, "little"),
        IDENTIFIER: HashOnions(DEV_SECRET, DEV_LAYERS).reveal(0, DEV_LAYERS),
    }
    header = Header(chain.best.hash, 1, bytes(32), bytes(32), [PreRuntime(AURA_ENGINE, SLOT.encode(FIRST_SLOT))])

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the disk was read")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "get", refuse)
        patched.setattr(Database, "items_from", refuse)
        signed = [signed_transfer(chain.genesis_hash, nonce) for nonce in range(3)]
        validator = runtime.validator(state, best)
        for extrinsic in signed:
            validator.validate(TransactionSource.External, extrinsic)
        builder = runtime.build(state, header)
        for extrinsic in (*builder.inherents(data), *signed):
            assert builder.apply(extrinsic) is None
        built = builder.finalize()
        root = state.update(built.changes)
    assert len(built.extrinsics) == 5
    assert root == state.root
