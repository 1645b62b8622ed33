"""`fathom bench workers`: what so many attested workers cost a block.

## Overview

Two chains are prepared, one of `count` workers and one of 360: each worker has registered by its operator, with a quote
of its own that the chain has verified. A node runs on a copy of each, both held on one core, and they take turns: a
block of either has the same number of jobs submitted, drawn and committed, and of heartbeats. Challenged workers beat
first; others fill up. Before that, blocks are sealed until nothing is left of the time since the chain was prepared.

A block's time is the processor time that its node spends while it seals it, with what the pool holds; its median over
the measured blocks. Storage reads of an assignment are counted by the chain's own code, run here on the state of the
last block.
"""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path
from statistics import fmean, median
from typing import Any

from node.bench import process
from node.bench.client import Client
from node.bench.errors import BenchError
from node.bench.fleet import Fleet, operator_records
from node.bench.prepared import arguments, copy, found_or_made, fund, scratch_directory
from node.signing import sign_call
from offchain.sandbox.identity import runtime_id
from pallets.frame.events import Event
from pallets.frame.overlay import DictBackend, Overlay
from pallets.jobs.pallet import Jobs
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import InlineInput, Mode
from pallets.primitives.job_record import Shares
from pallets.primitives.keys import Keypair, dev_keypair
from pallets.primitives.worker_record import EVERYONE, WorkerState
from pallets.runtime import UNIT, DevRuntime
from pallets.system.pallet import System
from pallets.workers.pallet import Workers

FEW = 360
HEARTBEATS_A_SECOND = 20
"""As many as the chain challenges, however many workers there are, and few enough for those of the small chain."""
AT_ONCE = 250
"""Registrations in a block."""
SETTLING = 4
"""Blocks until as many jobs end as begin."""
LONGEST_WARMING = 2000
LONGEST_INCLUSION = 100
DRAWS = 100
SCRIPT = b"scriptOutput = scriptArgs[0]"
INPUT = b"input"
POLICY = AgentPolicy(1, 10**9, Shares(700_000, 200_000, 0, 100_000), narrow=True)
AGENT = 0
MAX_FEE = UNIT // 100
DEADLINE = 600_000


class Remote:
    """A block's state, read over JSON-RPC; counts the reads."""

    def __init__(self, client: Client, block: str) -> None:
        self._client, self._block = client, block
        self.reads = 0

    def get(self, key: bytes, /) -> bytes | None:
        self.reads += 1
        value = self._client.call("state_getStorage", f"0x{key.hex()}", self._block)
        return None if value is None else bytes.fromhex(value[2:])

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        last = prefix if after is None else after
        while page := self._client.call("state_getKeysPaged", f"0x{prefix.hex()}", 100, f"0x{last.hex()}", self._block):
            found = [bytes.fromhex(key[2:]) for key in page]
            yield from found
            last = found[-1]


@dataclass
class Served:
    """A chain and its workers, as this process knows them from the chain's events."""

    client: Client
    fleet: Fleet
    number: int = 0
    block: str = ""
    challenged: deque[int] = field(default_factory=deque)
    """Workers that the chain waits for."""
    assigned: list[tuple[int, bytes]] = field(default_factory=list)
    """Jobs to be committed, and by whom."""
    beaten: dict[int, float] = field(default_factory=dict)
    """When each worker beat last, the longest ago first."""
    signed: int = 0
    """How many extrinsics the submitter has signed."""
    events: list[Event] = field(default_factory=list)
    """The last block's."""

    @property
    def block_hash(self) -> bytes:
        return bytes.fromhex(self.block[2:])

    @property
    def state(self) -> DevRuntime:
        """The chain's state after the last block."""
        return DevRuntime(Overlay(Remote(self.client, self.block)))

    def submit(self, extrinsics: list[bytes]) -> None:
        """Puts extrinsics into the pool."""
        self.client.pipeline([("author_submitExtrinsic", [f"0x{data.hex()}"]) for data in extrinsics])

    def seal(self) -> None:
        """Seals a block with what the pool holds, final at once."""
        self.block = self.client.call("engine_createBlock", True, True)["hash"]
        self.number += 1

    def take_in(self) -> None:
        """Reads the last block's events."""
        self.events = [record.event for record in self.state.system.events_item]
        for event in self.events:
            if isinstance(event, System.ExtrinsicFailed):
                raise BenchError(f"block {self.number}: an extrinsic fails: {event.dispatch_error!r}")
            if isinstance(event, Workers.Challenged) or (
                isinstance(event, Workers.StateChanged) and event.new is WorkerState.Unresponsive
            ):
                self.challenged.append(self.fleet.numbers[event.worker])
            elif isinstance(event, Jobs.Assigned):
                self.assigned.append((event.job, event.workers[0]))

    def all(self, kind: type[Event]) -> int:
        """How many events of a kind the last block has."""
        return sum(isinstance(event, kind) for event in self.events)

    def beats(self, count: int, *, fill: bool = True) -> list[bytes]:
        """So many heartbeats: of the challenged first, then, to `fill`, of those that beat longest ago."""
        now = time.monotonic()
        chosen: dict[int, None] = {}
        while self.challenged and len(chosen) < count:
            worker = self.challenged.popleft()
            if now - self.beaten[worker] > PAUSE:  # else it has beaten in the very block that challenged it
                chosen[worker] = None
        if fill:
            rested = takewhile(lambda worker: now - self.beaten[worker] > PAUSE, self.beaten)
            others = (worker for worker in rested if worker not in chosen)
            chosen |= dict.fromkeys(islice(others, count - len(chosen)))
        for worker in chosen:
            del self.beaten[worker]
            self.beaten[worker] = now
        return [self.fleet.heartbeat(worker, self.number, self.block_hash) for worker in chosen]

    def commits(self) -> list[bytes]:
        """Of all jobs that were assigned."""
        jobs = self.state.jobs
        made = [self.fleet.commit(id, jobs.job[id], worker) for id, worker in self.assigned]
        self.assigned = []
        return made

    def submissions(self, count: int) -> list[bytes]:
        """So many jobs of the submitter's."""
        given = {"mode": Mode.Deterministic, "replicas": 1, "max_fee": MAX_FEE, "deadline": DEADLINE, "callback": None}
        call = RUNTIME.call("Jobs", "submit", agent=AGENT, input=InlineInput(INPUT), **given)
        first, self.signed = self.signed, self.signed + count
        return [sign_call(RUNTIME, call, SUBMITTER, nonce, self.fleet.genesis) for nonce in range(first, self.signed)]


@dataclass
class Measured:
    """What the measured blocks of one chain took."""

    block_ms: list[float] = field(default_factory=list)
    submit_ms: list[float] = field(default_factory=list)
    beats: int = 0
    settled: int = 0


def measure(
    count: int, jobs: int, blocks: int, seconds: float, kept: Path | None, progress: Callable[[str], None]
) -> dict[str, Any]:
    """The figures: of so many blocks with so many jobs each, `seconds` apart, at `count` workers and at `FEW`."""
    node_core, *others = process.cores()
    with scratch_directory(kept) as scratch, ExitStack() as stack:
        bases = {of: _chain(of, kept, scratch, progress) for of in sorted({count, FEW})}
        stack.enter_context(process.held_on(others or [node_core]))
        nodes, chains = {}, {}
        for of, base in bases.items():
            nodes[of] = stack.enter_context(_node(base, scratch, of, node_core))
            chains[of] = _served(stack.enter_context(Client.connect(nodes[of].port)), of)
            progress(f"waking {of:,} workers")
            _warm(chains[of])
        taken = {of: Measured() for of in chains}
        for turn in range(SETTLING + blocks):
            if turn == SETTLING:
                progress(f"measuring {blocks} blocks")
            started = time.monotonic()
            for of, chain in chains.items():
                into = taken[of] if turn >= SETTLING else Measured()
                _round(nodes[of], chain, jobs, round(HEARTBEATS_A_SECOND * seconds), into)
            time.sleep(max(0.0, started + seconds - time.monotonic()))
        progress("counting reads")
        reads = {of: _reads_per_assignment(chain) for of, chain in chains.items()}
        memory = {of: node.rss_mib() for of, node in nodes.items()}
    time_of = {of: median(each.block_ms) for of, each in taken.items()}
    more = max(count - FEW, 0)
    return {
        "count": count,
        "jobs_per_block": jobs,
        "heartbeats_per_block": round(taken[count].beats / blocks, 1),
        "heartbeats_per_block_360": round(taken[FEW].beats / blocks, 1),
        "settled_per_block": round(taken[count].settled / blocks, 1),
        "settled_per_block_360": round(taken[FEW].settled / blocks, 1),
        "blocks": blocks,
        "block_ms": round(time_of[count], 2),
        "block_ms_360": round(time_of[FEW], 2),
        "block_time_ratio": round(time_of[count] / time_of[FEW], 3),
        "submit_ms": round(median(taken[count].submit_ms), 2),
        "submit_ms_360": round(median(taken[FEW].submit_ms), 2),
        "reads_per_assignment": round(reads[count], 1),
        "reads_per_assignment_360": round(reads[FEW], 1),
        "rss_mib": round(memory[count], 1),
        "rss_mib_360": round(memory[FEW], 1),
        "bytes_per_worker": round((memory[count] - memory[FEW]) * (1 << 20) / more) if more else None,
    }


# Preparing


def _chain(count: int, kept: Path | None, scratch: Path, progress: Callable[[str], None]) -> Path:
    def make(client: Client) -> None:
        _deploy(client, fund(client, operator_records(count), count))
        _register(_served(client, count), progress)

    return found_or_made(f"workers-{count}", make, kept, scratch, progress)


def _deploy(client: Client, signed: int) -> None:
    """An agent of Alice's, who has signed so many extrinsics before."""
    alice, genesis = dev_keypair("Alice"), bytes.fromhex(client.call("chain_getBlockHash", 0)[2:])
    calls = (
        RUNTIME.call("Agents", "upload_code", code=SCRIPT),
        RUNTIME.call("Agents", "create", name=b"bench", kind=AgentKind.JavaScript, policy=POLICY),
        RUNTIME.call("Agents", "approve_code", agent=AGENT, hash=blake2_256(SCRIPT)),
    )
    for nonce, call in enumerate(calls, signed):
        client.call("author_submitExtrinsic", f"0x{sign_call(RUNTIME, call, alice, nonce, genesis).hex()}")
    client.call("engine_createBlock", False, True)


def _register(chain: Served, progress: Callable[[str], None]) -> None:
    """Registers all workers; those that are challenged meanwhile answer."""
    count = chain.fleet.count
    for start in range(0, count, AT_ONCE):
        if start % (20 * AT_ONCE) == 0:
            progress(f"registering workers from {start:,} on")
        numbers = range(start, min(start + AT_ONCE, count))
        chain.submit([chain.fleet.registration(number, chain.block_hash) for number in numbers])
        chain.submit(chain.beats(AT_ONCE, fill=False))
        _include(chain)
    serving = chain.state.workers.eligible_count[EVERYONE]
    if serving < count - len(chain.challenged):
        raise BenchError(f"of {count} workers only {serving} serve")


def _include(chain: Served) -> None:
    """Seals blocks until the pool is empty."""
    for _ in range(LONGEST_INCLUSION):
        if not chain.client.call("author_pendingExtrinsics"):
            return
        chain.seal()
        chain.take_in()
    raise BenchError("some extrinsics never get into a block")


# Measuring


@contextmanager
def _node(base: Path, scratch: Path, count: int, core: int) -> Iterator[process.Node]:
    target = copy(base, scratch / f"run-{count}")
    try:
        given = [*arguments(target, "manual"), "--verifiers", "0", "-l", "warn"]
        with process.node(*given, log=scratch / "node.log", core=core) as running:
            yield running
    finally:
        shutil.rmtree(target)


def _served(client: Client, count: int) -> Served:
    genesis = bytes.fromhex(client.call("chain_getBlockHash", 0)[2:])
    chain = Served(client, Fleet(count, genesis, runtime_id()))
    chain.number = int(client.call("chain_getHeader")["number"], 16)
    chain.block = client.call("chain_getBlockHash", chain.number)
    age = time.time() - chain.state.timestamp.now / 1000  # of what the prepared workers did last
    chain.beaten = dict.fromkeys(range(count), time.monotonic() - age)
    chain.signed = chain.state.system.account[SUBMITTER.account_id].nonce
    return chain


def _warm(chain: Served) -> None:
    """Seals blocks until the chain has taken note of all that fell due while it stood still."""
    for _ in range(LONGEST_WARMING):
        chain.submit(chain.beats(AT_ONCE, fill=False))
        chain.seal()
        chain.take_in()
        state = chain.state
        due = state.workers.next_due()
        if not chain.challenged and (due is None or due > state.timestamp.now):
            return
    raise BenchError("the chain doesn't come to rest")


def _round(node: process.Node, chain: Served, jobs: int, heartbeats: int, taken: Measured) -> None:
    """A block with so much in it, and what it took."""
    beats = chain.beats(heartbeats)
    extrinsics = [*beats, *chain.commits(), *chain.submissions(jobs)]
    started = node.cpu_seconds()
    chain.submit(extrinsics)
    submitted = node.cpu_seconds()
    chain.seal()
    sealed = node.cpu_seconds()
    chain.take_in()
    taken.submit_ms.append((submitted - started) * 1e3)
    taken.block_ms.append((sealed - submitted) * 1e3)
    taken.beats += len(beats)
    taken.settled += chain.all(Jobs.Settled)


def _reads_per_assignment(chain: Served) -> float:
    reads = []
    for number in range(DRAWS):
        remote = Remote(chain.client, chain.block)
        workers = DevRuntime(Overlay(remote)).workers
        seed = blake2_256(b"bench draw" + number.to_bytes(4, "little"))
        drawn = workers.draw(seed, EVERYONE, operators=[SUBMITTER.account_id], rather_not=[]).worker
        if drawn is None:
            raise BenchError("no worker could be drawn")
        workers.assign(drawn)
        reads.append(remote.reads)
    return fmean(reads)


RUNTIME = DevRuntime(Overlay(DictBackend()))
SUBMITTER: Keypair = dev_keypair("Bob")
PAUSE: float = 1.1 * RUNTIME.workers.heartbeat_interval / 1000
"""Seconds between two heartbeats of a worker that nobody asked for, and a little more."""
