"""A chain without its node: opened from a base path, exclusively, for one command.

## Usage

```python
with opened(base_path, spec) as offline:
    header = offline.header(offline.block("12"))
```

## Errors

`MaintenanceError` where there is no such chain or block, and those of `node.state.errors`, such as `DatabaseLocked`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.chain.importer import Importer
from node.chain.pool import Pool
from node.chain.stored import BlockRef
from node.chain.transactions import Transactions
from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.clock import ChainClock
from node.executor import Executor
from node.maintenance.errors import MaintenanceError
from node.state.db import Database
from node.state.identity import IDENTITY_FILE
from pallets.frame.runtime import Runtime
from pallets.primitives.header import Header
from pallets.runtime import KNOWN_RUNTIMES

LATEST = (1 << 64) - 1  # the last millisecond that a timestamp can name


def database_path(base_path: Path, spec: ChainSpec) -> Path:
    """Where a base path has the database of a chain."""
    return base_path / "chains" / spec.id / "db"


def require_database(path: Path) -> None:
    """Raises `MaintenanceError` where there is no database, so that none is made by looking for it."""
    if not (path / "CURRENT").exists() and not (path / IDENTITY_FILE).exists():
        raise MaintenanceError(f"there is no database in {path}: check --base-path and --chain")


@dataclass(frozen=True)
class Offline:
    """One open chain."""

    chain: Chain
    importer: Importer
    clock: ChainClock
    slot_duration_ms: int

    def block(self, text: str) -> BlockRef:
        """The block of a hash or a decimal number; raises `MaintenanceError`."""
        digits = text.removeprefix("0x")
        if re.fullmatch(r"[0-9a-fA-F]{64}", digits):
            block_hash = bytes.fromhex(digits)
            header = self.chain.header(block_hash)
            if header is None:
                raise MaintenanceError(f"block {text} is unknown; the best one is {self.chain.best.number}")
            return BlockRef(block_hash, header.number)
        if not re.fullmatch(r"[0-9]{1,10}", text):
            raise MaintenanceError(f"{text[:80]!r} is neither a block's hash nor its number")
        number = int(text)
        found = self.chain.hash_of(number)
        if found is None:
            raise MaintenanceError(f"block {number} is unknown; the best one is {self.chain.best.number}")
        return BlockRef(found, number)

    def await_slot(self, header: Header) -> None:
        """Takes the clock to a block's slot: its chain's clock may run ahead of this machine's."""
        self.clock.advance_to(min((header.slot() or 0) * self.slot_duration_ms, LATEST))


@contextmanager
def opened(
    base_path: Path,
    spec: ChainSpec,
    *,
    create: bool = False,
    runtimes: Mapping[int, type[Runtime]] = KNOWN_RUNTIMES,
) -> Iterator[Offline]:
    """The chain of a base path; `create` makes one of a genesis block where there is none.

    The clock stands still: at the best block's slot. `runtimes` are those that can be executed, by spec version.
    """
    path = database_path(base_path, spec)
    if not create:
        require_database(path)
    db = Database(path, spec.genesis_header().hash)
    try:
        chain = Chain.open(db, spec, Executor(runtimes))
        slot_duration = chain.slot_duration_ms()
        clock = ChainClock(lambda: 0)
        offline = Offline(chain, Importer(chain, Transactions(chain, Pool(), 0), clock), clock, slot_duration)
        offline.await_slot(chain.best_header())
        yield offline
    finally:
        db.close()
