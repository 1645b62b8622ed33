"""`make soak`: a node with many subscribers, some of which stop reading, and what that does to it, as one JSON object.

`python -m tests.soak [--minutes 30] [--subscribers 50] [--stopped 5]`; progress on stderr.

The node's memory is sampled once RocksDB's buffers have been full, and as many blocks made as the state remembers:
until then both grow by what is written. Those that stop reading come and go in turns, so that whatever else the machine
does meets the readers with and without them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio

from node.bench.client import Client
from node.bench.process import Node, node
from tests.soak.clients import Soak
from tests.soak.measured import MIB, Sample, Window, growths, latencies

SAMPLED = 10.0
"""Seconds from one sample to the next."""
WINDOWS, WARMING = 10, 2
"""How many, and the first of them, whose samples don't count: what subscribers take for the first time."""
SETTLING = 15.0
"""Seconds of a window until it is measured: those that stop have stopped, and the node's buffers for them are full."""
WRITTEN = 8
"""Times that RocksDB has written buffers to tables before anything is measured: each column has its own."""
REMEMBERED = 4400
"""Blocks until the state doesn't grow by the block any more: it keeps the hashes of `BlockHashCount` of them."""
BATCH = 100
"""Blocks that are made at once to fill them."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Soak a node with subscribers.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--subscribers", type=int, default=50)
    parser.add_argument("--stopped", type=int, default=5, help="how many of the subscribers stop reading")
    parser.add_argument("--warm-blocks", type=int, default=None, help="made before; else until the buffers were full")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="fathom-soak-") as directory:
        figures, log = Path(directory) / "figures.json", Path(directory) / "log"
        module = ("tests.soak.node_with_figures", str(figures))
        arguments = ("--dev", "--base-path", str(Path(directory) / "base"), "--no-prometheus")
        with node(*arguments, log=log, module=module) as running:
            watched = Watched(running, figures)
            blocks = warm(watched, options.warm_blocks)
            found = trio.run(soak, watched, options.minutes * 60, options.subscribers, options.stopped)
        errors = [line for line in log.read_text().splitlines() if "❌" in line or "Traceback" in line]
    for line in errors:
        say(line)
    print(json.dumps({"minutes": options.minutes, "warm_blocks": blocks, **found, "errors_logged": len(errors)}))
    return 1 if errors else 0


class Watched:
    """A running node, whose memory is asked for."""

    def __init__(self, process: Node, figures: Path) -> None:
        self.process, self.port, self._figures = process.process, process.port, figures
        self.rss_mib = process.rss_mib

    def sample(self, *, with_stopped: bool) -> Sample:
        """Its memory now, and the parts as it last told; has it tell again."""
        told: dict[str, int] = {}
        if self._figures.exists():
            told = json.loads(self._figures.read_text())
        os.kill(self.process.pid, signal.SIGUSR1)
        database = sum(told.get(name, 0) for name in ("buffers", "cache", "tables"))
        return Sample(
            trio.current_time(),
            with_stopped,
            self.rss_mib(),
            told.get("heap", 0) / MIB,
            database / MIB,
            told.get("objects", 0),
        )

    def buffers(self) -> int:
        """Bytes of what isn't in RocksDB's tables yet."""
        self._figures.unlink(missing_ok=True)
        os.kill(self.process.pid, signal.SIGUSR1)
        while not self._figures.exists():
            time.sleep(0.01)
        return int(json.loads(self._figures.read_text())["buffers"])


def warm(watched: Watched, wanted: int | None) -> int:
    """Makes blocks until RocksDB has written buffers out so many times, or as many blocks as wanted; their number."""
    made = written = before = 0
    with Client.connect(watched.port) as client:
        while (written < WRITTEN or made < REMEMBERED) if wanted is None else made < wanted:
            client.call("dev_newBlock", {"count": BATCH})
            made += BATCH
            buffers = watched.buffers()
            written, before = written + (buffers < before), buffers
            if made % 1000 == 0:
                say(f"{made} blocks made, {buffers >> 20} MiB in buffers, {watched.rss_mib():.0f} MiB")
    return made


async def soak(watched: Watched, seconds: float, subscribers: int, stopped: int) -> dict[str, Any]:
    """The figures of so many seconds."""
    with Client.connect(watched.port) as client:
        genesis = bytes.fromhex(client.call("chain_getBlockHash", 0)[2:])
    clients = Soak(f"ws://127.0.0.1:{watched.port}", watched.port, genesis)
    windows = [Window(with_stopped=bool(number % 2)) for number in range(WINDOWS)]
    async with trio.open_nursery() as nursery:
        for number in range(subscribers - stopped):
            nursery.start_soon(clients.read, number)
        nursery.start_soon(clients.send)
        for number, window in enumerate(windows):
            async with trio.open_nursery() as visitors:
                for _ in range(stopped if window.with_stopped else 0):
                    visitors.start_soon(clients.stop_reading)
                await measure(watched, clients, window, seconds / WINDOWS)
                visitors.cancel_scope.cancel()
            say(f"window {number + 1} of {WINDOWS}: {dict(clients.counts)}, {window.samples[-1]}")
        nursery.cancel_scope.cancel()
    samples = [sample for window in windows[WARMING:] for sample in window.samples]
    return {
        "subscribers": subscribers,
        "stopped": stopped,
        "growth_in_ten_minutes": growths(samples),
        "rss_mib": [round(samples[0].rss, 1), round(samples[-1].rss, 1)],
        **latencies(windows),
        "news_by_subscription": dict(clients.news),
        **clients.counts,
    }


async def measure(watched: Watched, clients: Soak, window: Window, seconds: float) -> None:
    """One window."""
    end = trio.current_time() + seconds
    await trio.sleep(min(SETTLING, seconds / 2))
    clients.window = window
    while trio.current_time() < end:
        window.samples.append(watched.sample(with_stopped=window.with_stopped))
        await trio.sleep(min(SAMPLED, end - trio.current_time()))
    clients.window = None


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
