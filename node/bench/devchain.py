"""A `fathom dev` that a bench measures: its processes, by what they are, and an agent on its chain."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from node.bench import process
from node.bench.client import Client
from node.bench.errors import BenchError
from node.signing import sign_call
from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives import ss58
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job_record import Shares
from pallets.primitives.keys import dev_keypair
from pallets.primitives.pots import treasury
from pallets.runtime import UNIT, DevRuntime

AGENT, AGENT_NAME = 0, b"bench"
MAX_GAS, SHARES = 10**9, Shares(700_000, 200_000, 0, 100_000)
CORES = 2
LONGEST_SILENCE = 60.0
POLL_SECONDS = 0.05
KINDS = {" worker ": "workers", "gateway": "gateway"}


@dataclass(frozen=True)
class Programs:
    """Process ids by kind: the node, workers, their sandboxes, the gateway, whatever else there is, and this one."""

    by_kind: dict[str, list[int]]

    @classmethod
    def of(cls, dev: process.Dev) -> Programs:
        """Those of a `fathom dev` that is ready, and this process."""
        found: dict[str, list[int]] = {"node": [dev.pid], "workers": [], "sandboxes": [], "gateway": []}
        for pid, command in process.children(dev.pid).items():
            kind = next((kind for word, kind in KINDS.items() if word in command), "others")
            found.setdefault(kind, []).append(pid)
        found["sandboxes"] += chain.from_iterable(process.children(pid) for pid in found["workers"])
        return cls(found | {"bench": [os.getpid()]})

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time so far, by kind."""
        return {kind: sum(map(process.cpu_seconds, pids)) for kind, pids in self.by_kind.items()}


def cpu_us(before: dict[str, float], after: dict[str, float], count: int) -> dict[str, int]:
    """Processor microseconds by kind, and in all, for each of `count`."""
    by_kind = {kind: (after[kind] - before[kind]) / count * 1e6 for kind in after}
    return {"total": round(sum(by_kind.values())), **{kind: round(each) for kind, each in by_kind.items()}}


def limit_per_s(cpu: dict[str, int]) -> float:
    """How many a second two cores that do nothing else would come to, by `cpu_us`; one process uses one of them."""
    return round(min(1e6 / max(cpu["node"], cpu.get("gateway", 0)), CORES * 1e6 / cpu["total"]), 1)


def genesis_of(client: Client) -> bytes:
    """The chain's genesis hash."""
    return bytes.fromhex(client.call("chain_getBlockHash", 0)[2:])


def deploy(client: Client, script: bytes, price: int) -> None:
    """An agent of Alice's with an approved script, a price of gas, and money of its own, in a block."""
    alice, genesis = dev_keypair("Alice"), genesis_of(client)
    policy = AgentPolicy(price, MAX_GAS, SHARES, narrow=True)
    calls = (
        RUNTIME.call("Agents", "upload_code", code=script),
        RUNTIME.call("Agents", "create", name=AGENT_NAME, kind=AgentKind.JavaScript, policy=policy),
        RUNTIME.call("Agents", "approve_code", agent=AGENT, hash=blake2_256(script)),
        RUNTIME.call("Balances", "transfer_allow_death", dest=treasury(AGENT), value=1000 * UNIT),
    )
    first = client.call("system_accountNextIndex", ss58.encode(alice.account_id))
    for nonce, call in enumerate(calls, first):
        client.call("author_submitExtrinsic", f"0x{sign_call(RUNTIME, call, alice, nonce, genesis).hex()}")
    wait_for(lambda: client.call("author_pendingExtrinsics") == [], "the agent gets into no block")


def wait_for(condition: Callable[[], bool], otherwise: str) -> None:
    """Looks until something is so; raises `BenchError` where it never is."""
    deadline = time.monotonic() + LONGEST_SILENCE
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(otherwise)
        time.sleep(POLL_SECONDS)


RUNTIME = DevRuntime(Overlay(DictBackend()))
