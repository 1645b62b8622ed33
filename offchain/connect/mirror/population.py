"""The workers of a chain at one block, as a file: recorded once, mirrored as often as one likes.

The file is JSON, gzipped where its name ends in `.gz`: which chain, which block, and the workers as `fathom connect
… workers --json` has them, with money as decimal strings.

Errors: `BadSnapshot`; those of `phala` while it is read from a chain.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from offchain.connect import phala
from offchain.connect.chain import RemoteChain
from offchain.connect.errors import RemoteError
from offchain.connect.output import exact
from offchain.connect.phala import PhalaWorker

FORM = "fathom/workers@1"
MAX_FILE = 256 * 1024 * 1024
NAMES = frozenset(each.name for each in fields(PhalaWorker))


class BadSnapshot(RemoteError):
    """The file is no snapshot of workers, or not a whole one."""


@dataclass(frozen=True)
class Population:
    """All workers of a chain after a block."""

    network: str
    genesis: str
    block: str
    number: int
    spec: int
    decimals: int
    workers: list[PhalaWorker]


async def read_population(chain: RemoteChain, at: str | None, limit: int | None, seen: phala.Seen) -> Population:
    """The workers of a chain after a block; raises `MissingPallet`."""
    block = await chain.resolve(at)
    workers = await phala.workers(chain, block, limit, seen)
    number, runtime = (await chain.header(block)).number, await chain.runtime(block)
    return Population(
        chain.remote.network.name,
        f"0x{chain.remote.genesis.hex()}",
        f"0x{block.hex()}",
        int(number),
        runtime.spec,
        chain.properties.decimals,
        workers,
    )


def record(population: Population, file: Path) -> None:
    """Writes a snapshot; the file is whole at every moment. Raises `OSError`."""
    content = json.dumps({"form": FORM, **exact(asdict(population))}, separators=(",", ":")).encode()
    beside = file.with_name(f"{file.name}.new")
    beside.write_bytes(gzip.compress(content, mtime=0) if file.suffix == ".gz" else content)
    beside.replace(file)


def load(file: Path) -> Population:
    """A recorded snapshot; raises `BadSnapshot` and `OSError`."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as source:
            content = source.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise BadSnapshot(f"{file} is larger than {MAX_FILE:,} bytes")
        found = json.loads(content)
        if found.pop("form") != FORM:
            raise BadSnapshot(f"{file} is no snapshot of workers of this version ({FORM})")
        workers = [_worker(each) for each in found.pop("workers")]
        whole = {name: kind(found[name]) for name, kind in _KINDS.items()}
    except (ValueError, LookupError, TypeError, AttributeError, EOFError, gzip.BadGzipFile):
        raise BadSnapshot(
            f"{file} is no snapshot of workers: make one by `fathom mirror phala --record FILE`"
        ) from None
    return Population(workers=workers, **whole)


_KINDS: dict[str, Any] = {"network": str, "genesis": str, "block": str, "number": int, "spec": int, "decimals": int}


def _worker(found: dict[str, Any]) -> PhalaWorker:
    unknown = found.keys() - NAMES
    if unknown:
        raise ValueError(f"a worker has no {unknown}")
    stake = found.get("stake")
    made = PhalaWorker(**{**found, "stake": None if stake is None else int(stake)})
    if len(bytes.fromhex(made.pubkey[2:])) != 32:
        raise ValueError("a worker's key has 32 bytes")
    return made
