"""A chain on the disk that no node has open, and the commands to work on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trio
from trio.testing import MockClock

from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.dev_spec import DEV_SPEC
from node.executor import Executor
from node.maintenance.cli import app
from node.state.db import Database
from pallets.runtime import KNOWN_RUNTIMES
from tests.node.extrinsics import ALICE, BOB, UNIT, account, signed, transfer
from tests.node.nodes import nonce_of, running_node, send
from tests.node.scratch import scratch_directory

BLOCKS, FINAL = 12, 7


class Outcome(NamedTuple):
    """What a command left."""

    code: int
    out: bytes
    err: str

    @property
    def error(self) -> str:
        """The one line of an error; nothing else was printed."""
        assert self.code == 1, self
        assert self.err.startswith("Error: ") and self.err.count("\n") == 1, self
        assert self.out == b"", self
        return self.err[7:-1]


Fathom = Callable[..., Outcome]


@pytest.fixture
def fathom(capfdbinary: pytest.CaptureFixture[bytes]) -> Fathom:
    """Runs a command in this process."""

    def run(*arguments: object) -> Outcome:
        capfdbinary.readouterr()
        code = 0
        try:
            app([str(each) for each in arguments], prog_name="fathom")
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfdbinary.readouterr()
        return Outcome(code, out, err.decode())

    return run


@pytest.fixture(scope="session")
def made_chain() -> Iterator[Path]:
    """The base path of twelve blocks with a transfer each, the seventh final, and one block beside the last."""

    async def make(base_path: Path) -> None:
        async with running_node(base_path, sealing="manual") as node:
            blocks = []
            for _ in range(BLOCKS):
                send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), nonce_of(node, account(ALICE))))
                blocks.append((await node.producer.create_block(create_empty=False)).hash)
            await node.producer.create_block(create_empty=True, parent=blocks[-2])
            node.finalizer.finalize(blocks[FINAL - 1], FINAL)

    with scratch_directory() as directory:
        trio.run(make, directory, clock=MockClock(autojump_threshold=0))
        yield directory


@pytest.fixture
def base_path(made_chain: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made_chain, tmp_path / "base"))


@contextmanager
def opened_chain(base_path: Path) -> Iterator[Chain]:
    """The chain of a base path, as a node opens it."""
    spec = ChainSpec.load(DEV_SPEC)
    db = Database(base_path / "chains" / spec.id / "db", spec.genesis_header().hash)
    try:
        yield Chain.open(db, spec, Executor(KNOWN_RUNTIMES))
    finally:
        db.close()


def files(directory: Path) -> dict[str, bytes | None]:
    """Every file and directory below one, and what is in it."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None for path in directory.rglob("*")
    }


def blocks_of(base_path: Path) -> list[bytes]:
    """The hashes of the canonical chain, genesis first."""
    with opened_chain(base_path) as chain:
        return [chain.hash_of(number) or b"" for number in range(chain.best.number + 1)]
