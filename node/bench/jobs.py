"""`fathom bench jobs`: jobs of a trivial agent, submitted by users, run by three workers, and settled on the chain.

## Overview

`fathom dev` runs with a base path on the disk, where workers write down what they sign before they send it: the node,
and each worker with the one slot of its sandbox, in processes of their own. A few accounts have signed their jobs
beforehand and submit them over a WebSocket, so many that a fixed number is always under way. What is counted is what
the chain says: its count of settled jobs, told by subscription, and at the end each job's own record, whose times are
those of its blocks. Every output is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from node.bench import process
from node.bench.client import Call, Client
from node.bench.devchain import AGENT, RUNTIME, Programs, cpu_us, deploy, genesis_of, limit_per_s
from node.bench.errors import BenchError
from node.bench.verification import verify_us
from node.signing import sign_call
from offchain import records
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import InlineInput, Mode
from pallets.primitives.job_record import Job, JobState
from pallets.primitives.keys import Keypair, dev_keypair
from pallets.primitives.types import U32
from pallets.runtime import SLOT_DURATION, UNIT

SCRIPT = b"scriptOutput = scriptArgs[0].toUpperCase()"
PRICE = 1
MAX_FEE = UNIT // 100
DEADLINE = 600_000
SUBMITTERS = ("Bob", "Charlie", "Dave", "Eve", "Ferdie")
WARM_JOBS = 100
"""Settled before anything is measured: engines have compiled the script, and the pipeline is full."""
LEAST_TURNS = 4
COUNT = codec_of(U32)
AT_ONCE = 200
"""Storage values in one question."""


@dataclass(frozen=True)
class Moment:
    """What had happened at a moment, by this process's clock; `cpu` are processor seconds by kind of process."""

    seconds: float
    settled: int
    cpu: dict[str, float]


def measure(count: int, under_way: int, workers: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """The figures of `count` jobs, of which `under_way` are submitted and not settled at a time."""
    if count < LEAST_TURNS * under_way:
        raise BenchError(f"{under_way} jobs under way need at least {LEAST_TURNS * under_way} to be measured by")
    verified = verify_us()
    with TemporaryDirectory(prefix="fathom-bench-") as directory:
        progress(f"starting fathom dev with {workers} workers")
        with (
            process.dev(workers, Path(directory) / "dev.log", Path(directory) / "kept") as dev,
            Client.connect(dev.port) as client,
            Client.connect(dev.port) as watch,
        ):
            deploy(client, SCRIPT, PRICE)
            progress(f"signing {WARM_JOBS + count} jobs")
            submissions = list(_submissions(WARM_JOBS + count, genesis_of(client)))
            progress("submitting them")
            programs = Programs.of(dev)
            begun, ended = _drive(client, watch, submissions, under_way, programs)
            progress("reading what became of them")
            jobs = _jobs(client, len(submissions))
            slots = _slots(client)
    return {
        "count": count,
        "workers": workers,
        "under_way": under_way,
        "verify_us": round(verified, 2),
        **_figures(begun, ended, jobs, slots),
    }


# Preparing


def _submissions(count: int, genesis: bytes) -> Iterator[Call]:
    """The calls that submit so many jobs, the accounts in turn."""
    given = {"mode": Mode.Deterministic, "replicas": 1, "max_fee": MAX_FEE, "deadline": DEADLINE, "callback": None}
    pairs: list[Keypair] = [dev_keypair(name) for name in SUBMITTERS]
    for number in range(count):
        nonce, turn = divmod(number, len(pairs))
        call = RUNTIME.call("Jobs", "submit", agent=AGENT, input=InlineInput(_input(number)), **given)
        yield "author_submitExtrinsic", [f"0x{sign_call(RUNTIME, call, pairs[turn], nonce, genesis).hex()}"]


def _input(number: int) -> bytes:
    return b"job %d" % number


# Measuring


def _drive(
    client: Client, watch: Client, submissions: list[Call], under_way: int, programs: Programs
) -> tuple[Moment, Moment]:
    """Submits everything, and answers when the measured part had begun, and when the last job was submitted."""
    watch.call("state_subscribeStorage", [f"0x{SETTLED_KEY.hex()}"])
    submitted = settled = 0
    begun: Moment | None = None
    while True:
        wanted = min(settled + under_way, len(submissions))
        client.pipeline(submissions[submitted:wanted])
        submitted = max(submitted, wanted)
        now = time.perf_counter()
        if begun is None and settled >= WARM_JOBS:
            begun = Moment(now, settled, programs.cpu_seconds())
        if submitted == len(submissions):
            assert begun is not None
            ended = Moment(now, settled, programs.cpu_seconds())
            break
        settled = _count_of(watch.next_notification().result)
    while settled < len(submissions):
        settled = _count_of(watch.next_notification().result)
    return begun, ended


def _count_of(news: Any) -> int:
    ((_, value),) = news["changes"]
    return 0 if value is None else int(COUNT.decode_all(bytes.fromhex(value[2:])))


# What became of them


def _jobs(client: Client, count: int) -> list[Job]:
    """The records of all jobs; each has the output of its input."""
    keys = [f"0x{records.JOB.key(id).hex()}" for id in range(count)]
    found: dict[str, str] = {}
    for start in range(0, count, AT_ONCE):
        (changes,) = client.call("state_queryStorageAt", keys[start : start + AT_ONCE])
        found |= dict(changes["changes"])
    jobs = [records.JOB.decode(bytes.fromhex(found[key][2:])) for key in keys]
    expected = {blake2_256(_input(number)): blake2_256(_input(number).upper()) for number in range(count)}
    for id, job in enumerate(jobs):
        if job is None or job.outcome is None or job.outcome.output != expected[job.input]:
            raise BenchError(f"job {id} doesn't have the output that it should: {job!r}")
    return [job for job in jobs if job is not None]


def _slots(client: Client) -> list[int]:
    """The slots of the canonical chain's blocks, from the genesis block, which has none, to the best one."""
    best = int(client.call("chain_getHeader")["number"], 16)
    keys = [f"0x{records.NOW.key().hex()}"]
    hashes = client.pipeline([("chain_getBlockHash", [number]) for number in range(1, best + 1)])
    values = client.pipeline([("state_getStorage", [*keys, block]) for block in hashes])
    return [0, *((records.NOW.decode(bytes.fromhex(value[2:])) or 0) // SLOT_DURATION for value in values)]


def _figures(begun: Moment, ended: Moment, jobs: list[Job], slots: list[int]) -> dict[str, Any]:
    """Of the jobs that were settled in between."""
    block_at = {slot: number for number, slot in enumerate(slots)}
    settled = ended.settled - begun.settled
    in_order = sorted(jobs, key=_settled_at)[begun.settled : ended.settled]
    at = [
        (block_at[job.submitted_at // SLOT_DURATION], block_at[_settled_at(job) // SLOT_DURATION]) for job in in_order
    ]
    waited = sorted(after - before for before, after in at)
    seconds = ended.seconds - begun.seconds
    cpu = cpu_us(begun.cpu, ended.cpu, settled)
    first, last = min(after for _, after in at), max(after for _, after in at)
    return {
        "settled": settled,
        "seconds": round(seconds, 2),
        "settled_per_s": round(settled / seconds, 1),
        "p50_blocks": median(waited),
        "p99_blocks": waited[len(waited) * 99 // 100],
        "blocks_per_s": round((last - first + 1) / seconds, 1),
        "attempts": round(sum(job.attempt for job in in_order) / settled, 3),
        "limit_per_s": limit_per_s(cpu),
        "cpu_us": cpu,
    }


def _settled_at(job: Job) -> int:
    assert job.state is JobState.Settled and job.outcome is not None
    return job.outcome.settled_at


SETTLED_KEY: bytes = RUNTIME.jobs.in_state.key(JobState.Settled)
