"""`fathom bench transfers`: signed transfers from the wire into sealed, persisted blocks.

## Overview

One chain is prepared; each measurement runs a fresh node on a copy of it. A run is four of them: all of the node on
one core; blocks built from a full pool; the first once more, under the sampling profiler; and the node with a verifier
process, on whichever cores there are. Figures are medians of the runs.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from node.bench import process
from node.bench.accounts import FUNDS, RECORD, VALUE, Accounts, account_key
from node.bench.client import Client
from node.bench.errors import BenchError
from node.bench.prepared import arguments, copy, prepared_chain
from node.bench.sender import Order, Report, sender
from node.bench.stages import START, STOP, Samples
from node.bench.verification import verify_us

MAX_COUNT = 8000
"""Transfers that the node's pool holds at a time."""
CHECKED = 16
"""Signers looked at afterwards."""


@dataclass(frozen=True)
class Sent:
    """One measurement: the sender's report, and what the node used."""

    report: Report
    cpu_us: float
    rss_mib: float
    rss_peak_mib: float
    open_s: float


@dataclass
class Bench:
    """What all measurements of one call share."""

    accounts: Accounts
    count: int
    connections: int
    base: Path
    scratch: Path
    log: Path

    @contextmanager
    def node(
        self, sealing: str, *, verifiers: int, core: int | None, profile: Path | None = None
    ) -> Iterator[process.Node]:
        """A node on a copy of the prepared chain."""
        target = copy(self.base, self.scratch / "run")
        module = ("node",) if profile is None else ("node.bench.stages", str(profile))
        try:
            given = [*arguments(target, sealing), "--verifiers", str(verifiers)]
            with process.node(*given, log=self.log, core=core, module=module) as running:
                yield running
        finally:
            shutil.rmtree(target)

    def order(self, node: process.Node, *, sealed: bool) -> Order:
        """What the sender is told."""
        kept = str(self.scratch / "signed")
        return Order(node.port, self.accounts.count, self.count, self.connections, sealed, kept)

    def until_sealed(self, *, verifiers: int, core: int | None, profile: Path | None = None) -> Sent:
        """Sends everything to a node that seals by itself."""
        with (
            self.node("instant", verifiers=verifiers, core=core, profile=profile) as node,
            sender(self.order(node, sealed=True)) as ready,
        ):
            if profile is not None:
                node.process.send_signal(START)
            before = node.cpu_seconds()
            report = ready.send()
            cpu = node.cpu_seconds() - before
            if profile is not None:
                node.process.send_signal(STOP)
            self._check(node)
            return Sent(report, cpu / self.count * 1e6, node.rss_mib(), node.rss_peak_mib(), node.first_answer_s)

    def from_full_pool(self, core: int | None) -> tuple[float, float]:
        """Seconds, and processor seconds of the node, in which it turns a full pool into blocks."""
        with self.node("manual", verifiers=0, core=core) as node, sender(self.order(node, sealed=False)) as ready:
            ready.send()
            taken = used = 0.0
            with Client.connect(node.port) as client:
                while client.call("author_pendingExtrinsics"):
                    before, started = node.cpu_seconds(), time.perf_counter()
                    client.call("engine_createBlock", False, False)
                    taken += time.perf_counter() - started
                    used += node.cpu_seconds() - before
            self._check(node)
            return taken, used

    def _check(self, node: process.Node) -> None:
        """Raises unless some of the transfers did what they say."""
        received: dict[int, int] = {}
        sent: dict[int, int] = {}
        for transfer in map(self.accounts.transfer, range(self.count)):
            sent[transfer.signer] = sent.get(transfer.signer, 0) + 1
            received[transfer.destination] = received.get(transfer.destination, 0) + 1
        with Client.connect(node.port) as client:
            for number in list(received)[:CHECKED]:
                key = account_key(self.accounts.identifier(number))
                record = RECORD.decode_all(bytes.fromhex(client.call("state_getStorage", f"0x{key.hex()}")[2:]))
                moved = (received[number] - sent.get(number, 0)) * VALUE
                fees = FUNDS + moved - record.data.free
                if record.nonce != sent.get(number, 0) or not (fees >= 0 if record.nonce else fees == 0):
                    raise BenchError(f"account {number} has {record} after {received[number]} transfers to it")


@dataclass
class Taken:
    """The measurements of all runs so far."""

    verified: list[float] = field(default_factory=list)
    serial: list[Sent] = field(default_factory=list)
    helped: list[Sent] = field(default_factory=list)
    built: list[tuple[float, float]] = field(default_factory=list)
    samples: Samples = field(default_factory=lambda: Samples({}, {}))

    def figures(self, bench: Bench, functions: int) -> dict[str, Any]:
        """Their medians."""
        verify = median(self.verified)
        tps = [bench.count / sent.report.seconds for sent in self.serial]
        helped = [bench.count / sent.report.seconds for sent in self.helped]
        built = [bench.count / seconds for seconds, _ in self.built]
        cpu = median(sent.cpu_us for sent in self.serial)
        stages = self.samples.split(cpu)
        figures: dict[str, Any] = {
            "accounts": bench.accounts.count,
            "count": bench.count,
            "runs": len(self.serial),
            "verify_us": round(verify, 2),
            "verify_us_range": _range(self.verified),
            "tps": round(median(tps), 1),
            "tps_range": _range(tps),
            "limit_ratio": round(median(tps) * verify / 1e6, 4),
            "tps_2": round(median(helped), 1),
            "limit_ratio_2": round(median(helped) * verify / 1e6, 4),
            "block_tps": round(median(built), 1),
            "block_tps_range": _range(built),
            "block_ratio": round(median(built) * verify / 1e6, 4),
            "block_cpu_us": round(median(used for _, used in self.built) / bench.count * 1e6, 1),
            "cpu_us": {"total": round(cpu, 1), **{stage: round(us, 1) for stage, us in stages.items()}},
            "cpu_ratio": round(verify / cpu, 4),
            "submit_s": round(median(sent.report.submit_seconds for sent in self.serial), 3),
            "blocks": median(sent.report.blocks for sent in self.serial),
            "rss_mib": round(median(sent.rss_mib for sent in self.serial), 1),
            "rss_peak_mib": round(median(sent.rss_peak_mib for sent in self.serial), 1),
            "open_s": round(median(sent.open_s for sent in self.serial), 3),
        }
        if functions:
            figures["functions_us"] = {name: round(us, 1) for name, us in self.samples.top(cpu, functions).items()}
        return figures


def measure(
    accounts: int,
    count: int,
    runs: int,
    connections: int,
    functions: int,
    kept: Path | None,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """The figures, with so many of the dearest functions; `kept` is where prepared chains are kept and found again."""
    if count > MAX_COUNT:
        raise BenchError(f"the pool holds {MAX_COUNT} transfers, not {count}")
    funded = Accounts(accounts)
    with prepared_chain(funded, kept, progress) as (base, scratch):
        bench = Bench(funded, count, connections, base, scratch, scratch / "node.log")
        taken = Taken()
        for run in range(1, runs + 1):
            progress(f"run {run} of {runs}")
            _run(bench, taken)
    return taken.figures(bench, functions)


def _run(bench: Bench, taken: Taken) -> None:
    """Each measurement once; the node has the first core to itself, everything else is on the others."""
    node_core, *others = process.cores()
    with process.held_on(others or [node_core]):
        taken.verified.append(verify_us())
        taken.serial.append(bench.until_sealed(verifiers=0, core=node_core))
        taken.verified.append(verify_us())
        taken.built.append(bench.from_full_pool(node_core))
        profile = bench.scratch / "profile.json"
        bench.until_sealed(verifiers=0, core=node_core, profile=profile)
        taken.samples += Samples.read(profile)
    taken.helped.append(bench.until_sealed(verifiers=1, core=None))
    taken.verified.append(verify_us())


def _range(values: list[float]) -> list[float]:
    return [round(min(values), 2), round(max(values), 2)]
