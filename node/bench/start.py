"""`fathom bench start`: how soon a node answers, what it weighs, and what an empty block costs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from node.bench import process
from node.bench.client import Call, Client

WARM_BLOCKS = 50
ROUNDS = 5
NOTHING: Call = ("system_name", [])
EMPTY_BLOCK: Call = ("engine_createBlock", [True, False])


def measure(runs: int, workers: int, blocks: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """The figures; `blocks` empty ones are built in each of a few rounds."""
    with TemporaryDirectory(prefix="fathom-bench-") as directory:
        log = Path(directory) / "node.log"
        progress(f"starting a node {runs} times")
        _start(log)  # so that the first run, too, finds the program in the page cache
        starts = [_start(log) for _ in range(runs)]
        progress(f"starting fathom dev with {workers} workers {runs} times")
        ready = [_ready(workers, log) for _ in range(runs)]
        progress(f"building {ROUNDS} x {blocks} empty blocks")
        block_ms, call_us = _empty_blocks(blocks, log)
    return {
        "runs": runs,
        "workers": workers,
        "first_rpc_s": round(median(seconds for seconds, _, _ in starts), 3),
        "first_rpc_cpu_s": round(median(cpu for _, cpu, _ in starts), 3),
        "ready_s": round(median(ready), 3),
        "rss_mib": round(median(rss for _, _, rss in starts), 1),
        "empty_block_cpu_ms": round(block_ms, 3),
        "call_cpu_us": round(call_us, 1),
    }


def _start(log: Path) -> tuple[float, float, float]:
    """Seconds and processor seconds until the first answer, and the memory in MiB then."""
    with process.node("--dev", "--tmp", log=log) as node:
        return node.first_answer_s, node.cpu_seconds(), node.rss_mib()


def _ready(workers: int, log: Path) -> float:
    """Seconds until `fathom dev` says that everything answers."""
    with process.dev(workers, log, agents=True) as running:
        return running.ready_s


def _empty_blocks(count: int, log: Path) -> tuple[float, float]:
    """Processor milliseconds of an empty block without the call, and microseconds of a call that does nothing."""
    blocks, calls = [], []
    with (
        process.node("--dev", "--tmp", "--sealing", "manual", log=log) as node,
        Client.connect(node.port) as client,
    ):
        client.pipeline([EMPTY_BLOCK] * WARM_BLOCKS)
        for _ in range(ROUNDS):
            calls.append(_cpu_of(node, client, [NOTHING] * count))
            blocks.append(_cpu_of(node, client, [EMPTY_BLOCK] * count))
            client.call("engine_finalizeBlock", client.call("chain_getBlockHash"))
    call = median(calls)
    return (median(blocks) - call) * 1e3, call * 1e6


def _cpu_of(node: process.Node, client: Client, calls: list[Call]) -> float:
    """Processor seconds of the node per call."""
    before = node.cpu_seconds()
    client.pipeline(calls)
    return (node.cpu_seconds() - before) / len(calls)
