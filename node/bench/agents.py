"""`fathom bench agents`: a hello-world agent, called over HTTP through the gateway, each answer with a signed receipt.

## Overview

`fathom dev` runs as a user starts it, with one worker, whose one slot runs every request in a fresh instance; the agent
charges nothing. Another process calls it over HTTP, each connection with one request under way. Before each such
measurement the same script is run with the same input in a slot of this process's own while all of that idles: what a
sandbox does when nothing else is asked for, with the next run always waiting.

Then the same with an agent that charges, so that each request has a ticket, and with a base path on the disk, so that
each receipt is written there before its answer leaves.

At the end of both the bench waits until the chain has every receipt in a batch, and has `fathom verify` check one.
"""

from __future__ import annotations

import http.client
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import trio

from node.bench import process
from node.bench.caller import Order, Report, caller
from node.bench.client import Client
from node.bench.devchain import AGENT_NAME, MAX_GAS, Programs, cpu_us, deploy, genesis_of, limit_per_s, wait_for
from node.bench.errors import BenchError
from node.bench.verification import verify_us
from offchain.cache import user_cache
from offchain.sandbox.base import Context, Success
from offchain.sandbox.pool import Pool, open_pool
from offchain.serving.receipt_records import NEXT_RECEIPT
from offchain.serving.requests import script_input
from offchain.serving.service import request_limits
from pallets.primitives.http import HttpRequest

BODY = "Hello, world!"
SCRIPT = b"""const request = JSON.parse(scriptArgs[0]);
scriptOutput = JSON.stringify({ body: `Hello, ${request.queries.name?.[0] ?? 'world'}!` });
"""
OUTPUT = b'{"body":"Hello, world!"}'
PATH = f"/agents/{AGENT_NAME.decode()}/hello"
AT_ONCE = 2
WARM_SECONDS = 1.0
"""Before each measurement, or as long as it lasts where that is less."""


@dataclass
class Taken:
    """The measurements of all runs so far."""

    sandbox_rps: list[float] = field(default_factory=list)
    loaded: list[Report] = field(default_factory=list)
    alone: list[Report] = field(default_factory=list)
    cpu_us: list[dict[str, int]] = field(default_factory=list)

    @property
    def receipts(self) -> int:
        """How many answers there were, each with its receipt."""
        return sum(report.receipts for report in (*self.loaded, *self.alone))

    def figures(self) -> dict[str, Any]:
        """Their medians."""
        sandbox, requests = median(self.sandbox_rps), median(report.per_second for report in self.loaded)
        cpu = {kind: round(median(each[kind] for each in self.cpu_us)) for kind in self.cpu_us[0]}
        return {
            "requests_per_s": round(requests, 1),
            "requests_per_s_range": [round(pick(each.per_second for each in self.loaded), 1) for pick in (min, max)],
            "p50_ms": median(report.p50_ms for report in self.loaded),
            "p99_ms": median(report.p99_ms for report in self.loaded),
            "longest_ms": max(report.longest_ms for report in self.loaded),
            "requests_per_s_1": round(median(report.per_second for report in self.alone), 1),
            "p50_ms_1": median(report.p50_ms for report in self.alone),
            "sandbox_rps": round(sandbox, 1),
            "sandbox_rps_range": [round(pick(self.sandbox_rps), 1) for pick in (min, max)],
            "sandbox_ratio": round(requests / sandbox, 3),
            "limit_per_s": limit_per_s(cpu),
            "cpu_us": cpu,
        }


def measure(connections: int, seconds: float, runs: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """The figures, of so many connections at once, and of one, for so long each."""
    verified, order = verify_us(), (connections, seconds, runs)
    with TemporaryDirectory(prefix="fathom-bench-") as directory:
        scratch = Path(directory)
        free, committed = _measure(scratch, None, 0, *order, progress)
        paid, committed_paid = _measure(scratch, scratch / "kept", 1, *order, progress)
    return {
        "runs": runs,
        "connections": connections,
        "seconds": seconds,
        "verify_us": round(verified, 2),
        **free.figures(),
        "receipts": free.receipts + paid.receipts,
        "receipts_committed": committed + committed_paid,
        "paid_on_disk": paid.figures(),
    }


def _measure(
    scratch: Path,
    base_path: Path | None,
    price: int,
    connections: int,
    seconds: float,
    runs: int,
    progress: Callable[[str], None],
) -> tuple[Taken, int]:
    """What was measured of one `fathom dev`, and how many receipts its chain has."""
    taken = Taken()
    progress("starting fathom dev with one worker")
    with process.dev(1, scratch / "dev.log", base_path) as dev, Client.connect(dev.port) as client:
        gateway = _gateway_port(dev)
        deploy(client, SCRIPT, price)
        worker = _first_answer(gateway)
        programs = Programs.of(dev)
        for run in range(runs):
            progress(f"run {run + 1} of {runs}")
            taken.sandbox_rps.append(trio.run(_sandbox_rps, seconds))
            begun = programs.cpu_seconds()
            report = _call(gateway, connections, seconds)
            ended = programs.cpu_seconds() | {"bench": begun["bench"] + report.cpu_seconds}
            taken.cpu_us.append(cpu_us(begun, ended, report.receipts))
            taken.loaded.append(report)
            taken.alone.append(_call(gateway, 1, seconds / 2))
        progress("waiting for the chain to have all receipts")
        committed = _committed(client, worker, taken.receipts + 1)
        _verify(gateway, dev, genesis_of(client), taken.loaded[-1].last_receipt, scratch / "receipt.json")
    return taken, committed


def _gateway_port(dev: process.Dev) -> int:
    if dev.ready["gateway"] is None:
        raise BenchError("fathom dev has started no gateway")
    return int(dev.ready["gateway"].rpartition(":")[2])


def _get(port: int, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"the gateway doesn't answer: {error!r}") from None
    finally:
        connection.close()


def _first_answer(gateway: int) -> bytes:
    """Waits until the agent answers; the worker's key."""
    worker = ""

    def answers() -> bool:
        nonlocal worker
        response, body = _get(gateway, PATH)
        worker = response.getheader("x-fathom-worker") or ""
        return (response.status, body) == (200, BODY.encode())

    wait_for(answers, "the agent doesn't answer")
    return bytes.fromhex(worker[2:])


def _call(gateway: int, connections: int, seconds: float) -> Report:
    with caller(Order(gateway, PATH, BODY, connections, min(WARM_SECONDS, seconds), seconds)) as calling:
        return calling.call()


async def _sandbox_rps(seconds: float) -> float:
    """Runs a second of the agent's script in one slot that is never idle."""
    request = HttpRequest("GET", "/hello", "", [("host", "127.0.0.1:8000")], b"")
    one = partial(_run, input=script_input(request, "127.0.0.1:8000"))
    async with open_pool(slots=1, waiting=AT_ONCE, cache=user_cache()) as pool:
        await one(pool, trio.current_time() + min(WARM_SECONDS, seconds))
        began, counts = time.perf_counter(), list[int]()

        async def repeat() -> None:
            counts.append(await one(pool, trio.current_time() + seconds))

        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(repeat)
        return sum(counts) / (time.perf_counter() - began)


async def _run(pool: Pool, until: float, *, input: bytes) -> int:
    """Runs one after another until then; how many."""
    count = 0
    while trio.current_time() < until:
        context = Context(block_time_ms=time.time_ns() // 1_000_000, seed=secrets.token_bytes(32))
        outcome = await pool.run(SCRIPT, input, request_limits(MAX_GAS), context)
        if not isinstance(outcome, Success) or outcome.output != OUTPUT:
            raise BenchError(f"the sandbox answers otherwise: {outcome!r}")
        count += 1
    return count


def _committed(client: Client, worker: bytes, count: int) -> int:
    """How many receipts of the worker the chain has in batches, once it has `count`."""
    key, committed = f"0x{NEXT_RECEIPT.key(worker).hex()}", 0

    def all_there() -> bool:
        nonlocal committed
        value = client.call("state_getStorage", key)
        committed = 0 if value is None else NEXT_RECEIPT.decode(bytes.fromhex(value[2:])) or 0
        return committed >= count

    wait_for(all_there, f"the chain never gets {count} receipts")
    return committed


def _verify(gateway: int, dev: process.Dev, genesis: bytes, receipt: str, file: Path) -> None:
    """Has `fathom verify` check a receipt's file."""
    response, body = _get(gateway, f"/receipts/{receipt}")
    if response.status != 200:
        raise BenchError(f"the gateway has no receipt {receipt}: {body!r}")
    file.write_bytes(body)
    command = [sys.executable, "-m", "node", "verify", str(file), "--url", dev.ready["rpc"], "--genesis", genesis.hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"receipt {receipt} doesn't hold: {done.stdout}{done.stderr}")
