"""A chain on which many accounts are funded, made once and copied for each measurement.

## Overview

A node of its own, ended before anything is measured, puts the accounts into the dev chain: blocks in which sudo writes
their records (`System.set_storage`). So the chain has the dev chain's genesis, is opened by a plain
`fathom node --dev --base-path …`, and each of its blocks can be executed again. Its files are compacted, as those of a
chain are that wasn't loaded a moment ago; else every measurement would begin with that. A copy shares the files that
RocksDB never changes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from rocksdict import Options, Rdict

from node.bench import process
from node.bench.accounts import FUNDS, Accounts
from node.bench.client import Client
from node.signing import sign_call
from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.keys import dev_keypair
from pallets.primitives.types import Balance
from pallets.runtime import DevRuntime

BATCH = 4000
"""Accounts that one extrinsic, and one block, puts into the state."""
ISSUANCE_KEY = storage_prefix("Balances", "TotalIssuance")
ISSUANCE = codec_of(Balance)


@contextmanager
def prepared_chain(
    accounts: Accounts, kept: Path | None, progress: Callable[[str], None]
) -> Iterator[tuple[Path, Path]]:
    """The base path of a chain with these accounts, to be copied, and a directory for the block's own files.

    `kept` is where prepared chains are kept, and found again; the files of a copy are shared only within it.
    """
    with scratch_directory(kept) as scratch:

        def make(client: Client) -> None:
            fund(client, accounts.records(), accounts.count)

        yield (
            found_or_made(f"accounts-{accounts.count}", make, kept, scratch, progress),
            scratch,
        )


@contextmanager
def scratch_directory(kept: Path | None) -> Iterator[Path]:
    """A directory for the block's own files, on the file system of the chains that are kept."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="fathom-bench-", dir=kept) as directory:
        yield Path(directory)


def found_or_made(
    name: str, make: Callable[[Client], None], kept: Path | None, scratch: Path, progress: Callable[[str], None]
) -> Path:
    """The base path of the prepared chain of this name; where none is kept, `make` puts into the dev chain what it has.

    `make` gets a client of a node that seals by hand.
    """
    base = (kept or scratch) / name
    if not base.exists():
        progress(f"preparing the chain {name}")
        making = scratch / "making"
        with (
            process.node(*arguments(making, "manual"), "-l", "warn", log=scratch / "making.log") as node,
            Client.connect(node.port) as client,
        ):
            make(client)
        compact(making)
        making.rename(base)
    return base


def fund(client: Client, records: Iterator[tuple[bytes, bytes]], count: int) -> int:
    """Writes `count` accounts of `FUNDS` each, given as storage keys and values; how many extrinsics Alice signed."""
    genesis = bytes.fromhex(client.call("chain_getBlockHash", 0)[2:])
    signed = 0
    for items in _batches(_with_issuance(client, records, count)):
        client.call("author_submitExtrinsic", _hex(_set_storage(items, signed, genesis)))
        client.call("engine_createBlock", False, True)
        signed += 1
    return signed


def arguments(base_path: Path, sealing: str) -> list[str]:
    """How `fathom node` is told to run a prepared chain."""
    return ["--dev", "--base-path", str(base_path), "--sealing", sealing]


def copy(base_path: Path, target: Path) -> Path:
    """A chain of its own from a prepared one, quickly; answers `target`."""
    shutil.copytree(base_path, target, copy_function=_link_or_copy)
    return target


def compact(base_path: Path) -> Path:
    """Does at once what RocksDB does by and by behind a load; no node may run. Answers the database's directory."""
    (path,) = base_path.glob("chains/*/db")
    options, columns = Options.load_latest(str(path))
    db = Rdict(str(path), options, column_families=columns)
    for name in columns:
        column = db.get_column_family(name)
        column.flush()
        column.compact_range(None, None)
        column.close()
    db.close()
    return path


def _link_or_copy(source: str, target: str) -> None:
    if source.endswith(".sst"):
        os.link(source, target)  # RocksDB deletes these, but never writes into one again
    else:
        shutil.copyfile(source, target)


def _with_issuance(client: Client, records: Iterator[tuple[bytes, bytes]], count: int) -> Iterator[tuple[bytes, bytes]]:
    yield from records
    issued = bytes.fromhex(client.call("state_getStorage", _hex(ISSUANCE_KEY))[2:])
    yield ISSUANCE_KEY, ISSUANCE.encode(ISSUANCE.decode_all(issued) + FUNDS * count)


def _batches(records: Iterator[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    while batch := list(islice(records, BATCH)):
        yield batch


def _set_storage(items: list[tuple[bytes, bytes]], nonce: int, genesis_hash: bytes) -> bytes:
    runtime = DevRuntime(Overlay(DictBackend()))
    call = runtime.call("Sudo", "sudo", call=runtime.call("System", "set_storage", items=items))
    return sign_call(runtime, call, dev_keypair("Alice"), nonce, genesis_hash)


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
