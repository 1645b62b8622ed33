"""`fathom bench state`: reading the state of the best block and of one far back, proving it, and what it takes on disk.

## Overview

On a copy of a prepared chain, a node makes transfers in blocks of `PER_BLOCK`, then empty blocks until the prepared
head is as far back as asked. Reads are of accounts that the transfers changed since and of others, in turn, one
`state_getStorage` at a time over one WebSocket; a figure is the median of the round trips. The size is that of the
database's data files when its node has ended and RocksDB has compacted them, before and after the transfers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from node.bench import process
from node.bench.accounts import Accounts, account_key
from node.bench.client import Call, Client
from node.bench.errors import BenchError
from node.bench.prepared import arguments, compact, copy, prepared_chain

PER_BLOCK = 500
FINALIZE_EVERY = 250
DATA_FILES = (".sst", ".blob", ".log")
READ_PROOF = "state_getReadProof"
NOTHING: Call = ("system_name", [])


def measure(
    accounts: int, count: int, back: int, reads: int, kept: Path | None, progress: Callable[[str], None]
) -> dict[str, Any]:
    """The figures: `count` transfers, a past state `back` blocks ago, `reads` of each kind."""
    funded = Accounts(accounts)
    with prepared_chain(funded, kept, progress) as (base, scratch):
        target, log = copy(base, scratch / "state"), scratch / "node.log"
        before = _compacted_size(target)
        progress(f"making {count:,} transfers")
        blocks = _make_transfers(target, funded, count, log)
        grown = _compacted_size(target) - before
        with process.node(*arguments(target, "manual"), "-l", "warn", log=log) as node:
            progress(f"building {back:,} blocks")
            with Client.connect(node.port) as client:
                seconds = _build_empty(client, back)
                progress("reading")
                figures = _read(client, funded, count, back, reads)
            return {
                "accounts": accounts,
                "count": count,
                "back": back,
                **figures,
                "bytes_per_transfer": round(grown / count, 1),
                "transfers_per_block": round(count / blocks, 1),
                "open_s": round(node.first_answer_s, 3),
                "rss_mib": round(node.rss_mib(), 1),
                "empty_block_ms": round(seconds / back * 1e3, 3),
            }


def _make_transfers(base_path: Path, accounts: Accounts, count: int, log: Path) -> int:
    """Makes the transfers; in how many blocks."""
    blocks = 0
    with (
        process.node(*arguments(base_path, "manual"), "-l", "warn", log=log) as node,
        Client.connect(node.port) as client,
    ):
        genesis = bytes.fromhex(client.call("chain_getBlockHash", 0)[2:])
        calls: list[Call] = [
            ("author_submitExtrinsic", [f"0x{data.hex()}"]) for data in accounts.signed(count, genesis)
        ]
        for start in range(0, count, PER_BLOCK):
            client.pipeline(calls[start : start + PER_BLOCK])
            client.call("engine_createBlock", False, True)
            blocks += 1
        left = len(client.call("author_pendingExtrinsics"))
        if left:
            raise BenchError(f"{left} transfers are in no block")
    return blocks


def _build_empty(client: Client, count: int) -> float:
    """Builds empty blocks, some of them final; how many seconds it took."""
    started = time.perf_counter()
    for start in range(0, count, FINALIZE_EVERY):
        empty: list[Call] = [("engine_createBlock", [True, False])] * (min(FINALIZE_EVERY, count - start) - 1)
        client.pipeline([*empty, ("engine_createBlock", [True, True])])
    return time.perf_counter() - started


def _read(client: Client, accounts: Accounts, count: int, back: int, reads: int) -> dict[str, Any]:
    best = int(client.call("chain_getHeader")["number"], 16)
    past = client.call("chain_getBlockHash", best - back)
    changed = [transfer.signer for transfer in map(accounts.transfer, range(count))]
    numbers = [
        changed[place % count] if place % 2 else place * 7919 % accounts.count for place in range(reads)
    ]  # in turn one that the transfers changed, and any
    keys = [f"0x{account_key(accounts.identifier(number)).hex()}" for number in numbers]
    provable = READ_PROOF in client.call("rpc_methods")["methods"]
    proofs = keys[: max(reads // 4, 1)]
    return {
        "call_us": _round_trip_us(client, [NOTHING] * reads),
        "get_best_us": _round_trip_us(client, [("state_getStorage", [key]) for key in keys]),
        "get_past_us": _round_trip_us(client, [("state_getStorage", [key, past]) for key in keys]),
        "proof_us": _round_trip_us(client, [(READ_PROOF, [[key]]) for key in proofs]) if provable else None,
        "proof_past_us": _round_trip_us(client, [(READ_PROOF, [[key], past]) for key in proofs]) if provable else None,
    }


def _round_trip_us(client: Client, calls: Sequence[Call]) -> float:
    """The median of calls made one after another; each has to answer something."""
    taken = []
    for method, params in calls:
        started = time.perf_counter()
        answer = client.call(method, *params)
        taken.append(time.perf_counter() - started)
        if answer is None:
            raise BenchError(f"{method} answers nothing")
    return round(median(taken) * 1e6, 1)


def _compacted_size(base_path: Path) -> int:
    """Bytes of the chain's data files after compaction; no node may have them open."""
    path = compact(base_path)
    return sum(file.stat().st_size for file in path.iterdir() if file.suffix in DATA_FILES)
