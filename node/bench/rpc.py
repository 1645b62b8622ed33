"""`fathom bench rpc`: how many reads of the state are answered, how soon, and how soon while blocks are built.

## Overview

The node has one core to itself. Many connections, each with one call under way, are asked from another core. A single
connection's answer is timed with the asker on the node's own core, as the two never run at once, and with it on another
core. There a virtual machine spends more on waking an idle core than the node on the answer: `echo_us` and
`echo_us_apart` are what bare sockets take for the same bytes, read and written back, on the same cores in the same run.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from node.bench import process
from node.bench.accounts import Accounts, account_key
from node.bench.asker import Order, Report, asker
from node.bench.client import Call, Client
from node.bench.errors import BenchError
from node.bench.prepared import prepared_chain
from node.bench.sender import sender
from node.bench.transfers import Bench
from node.bench.verification import verify_us

KEYS = 256
DEEP = 4
LOADED_CONNECTIONS = 10
ECHOES = 5000
ECHO_SIZE = 238
"""Bytes of a request as it is asked here."""


@dataclass
class Taken:
    """The measurements of all runs so far."""

    verified: list[float] = field(default_factory=list)
    many: list[Report] = field(default_factory=list)
    deep: list[Report] = field(default_factory=list)
    one: list[Report] = field(default_factory=list)
    apart: list[Report] = field(default_factory=list)
    loaded: list[Report] = field(default_factory=list)
    block_s: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)
    echo_apart: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Their medians."""
        return {
            "verify_us": round(median(self.verified), 2),
            "storage_rps_50": _median(self.many, lambda report: report.per_second),
            "p99_ms_50": _median(self.many, lambda report: report.p99_us / 1e3),
            "storage_rps_50_deep": _median(self.deep, lambda report: report.per_second),
            "storage_rps_1": _median(self.one, lambda report: report.per_second),
            "p50_us_1": _median(self.one, lambda report: report.p50_us),
            "p99_us_1": _median(self.one, lambda report: report.p99_us),
            "echo_us": round(median(self.echo), 1),
            "p50_us_1_apart": _median(self.apart, lambda report: report.p50_us),
            "echo_us_apart": round(median(self.echo_apart), 1),
            "p50_ms_loaded": _median(self.loaded, lambda report: report.p50_us / 1e3),
            "p99_ms_loaded": _median(self.loaded, lambda report: report.p99_us / 1e3),
            "longest_ms_loaded": round(max(report.longest_us for report in self.loaded) / 1e3, 1),
            "answers_loaded": sum(report.answers for report in self.loaded),
            "block_s": round(median(self.block_s), 3),
        }


def measure(
    accounts: int,
    connections: int,
    seconds: float,
    transfers: int,
    runs: int,
    kept: Path | None,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """The figures; each load lasts so many seconds, and the blocks built meanwhile have so many `transfers`."""
    funded = Accounts(accounts)
    taken = Taken()
    node_core, *others = process.cores()
    with prepared_chain(funded, kept, progress) as (base, scratch), process.held_on(others or [node_core]):
        bench = Bench(funded, transfers, 1, base, scratch, scratch / "node.log")
        for run in range(1, runs + 1):
            progress(f"run {run} of {runs}")
            taken.verified.append(verify_us())
            taken.echo.append(_echo_us(node_core, node_core))
            taken.echo_apart.append(_echo_us(node_core, others[0] if others else node_core))
            _read(bench, connections, seconds, node_core, taken)
            _read_while_building(bench, node_core, taken)
            taken.verified.append(verify_us())
    return {
        "accounts": accounts,
        "connections": connections,
        "transfers_per_block": transfers,
        "runs": runs,
        **taken.figures(),
    }


def _reads(bench: Bench) -> list[Call]:
    step = max(bench.accounts.count // KEYS, 1)
    numbers = range(0, bench.accounts.count, step)
    return [("state_getStorage", [f"0x{account_key(bench.accounts.identifier(each)).hex()}"]) for each in numbers]


def _read(bench: Bench, connections: int, seconds: float, node_core: int, taken: Taken) -> None:
    """Nothing else to do for the node."""
    reads = _reads(bench)

    def ask(into: list[Report], lanes: int, depth: int, core: int | None) -> None:
        with asker(Order(node.port, reads, lanes, depth, core)) as asking:
            into.append(asking.ask_for(seconds))

    with bench.node("manual", verifiers=0, core=node_core) as node:
        ask([], connections, 1, None)  # warms up
        ask(taken.many, connections, 1, None)
        ask(taken.deep, connections, DEEP, None)
        ask(taken.one, 1, 1, node_core)
        ask(taken.apart, 1, 1, None)


def _read_while_building(bench: Bench, node_core: int, taken: Taken) -> None:
    """The node makes one block of all the transfers, and answers meanwhile."""
    with bench.node("manual", verifiers=0, core=node_core) as node:
        with Client.connect(node.port) as client:
            client.call("engine_createBlock", True, False)  # warms up
        with sender(bench.order(node, sealed=False)) as ready:
            ready.send()
        with (
            asker(Order(node.port, _reads(bench), LOADED_CONNECTIONS, 1, None)) as asking,
            Client.connect(node.port) as client,
        ):
            asking.begin()
            started = time.perf_counter()
            client.call("engine_createBlock", False, False)
            taken.block_s.append(time.perf_counter() - started)
            taken.loaded.append(asking.end())
            if left := len(client.call("author_pendingExtrinsics")):
                raise BenchError(f"one block doesn't hold {bench.count} transfers: {left} are left")


def _echo_us(core: int, other: int) -> float:
    """Microseconds until a process on `core` has sent back what one on `other` sent it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        child = os.fork()
        if child == 0:
            os.sched_setaffinity(0, {core})
            with closing(server.accept()[0]) as peer:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while data := peer.recv(1 << 16):
                    peer.sendall(data)
            os._exit(0)
        with process.held_on([other]), socket.create_connection(server.getsockname()) as asking:
            asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = bytes(ECHO_SIZE)
            times = []
            for _ in range(ECHOES):
                started = time.perf_counter()
                asking.sendall(data)
                asking.recv(1 << 16)
                times.append(time.perf_counter() - started)
        os.waitpid(child, 0)
    return median(times) * 1e6


def _median(reports: list[Report], figure: Callable[[Report], float]) -> float:
    return round(median(map(figure, reports)), 1)
