"""The worker: a program that serves a chain which it knows by JSON-RPC alone.

## Overview

`run_worker` opens the world (sandbox, files, network) and runs `serve`, to which everything with an effect is handed
in, so that a fleet can live in one process on a virtual clock. `serve` holds the standing and works on assignments,
under one set of keys at a time; where the chain that they served is gone it begins again with fresh ones.

## Usage

```python
config = WorkerConfig("ws://127.0.0.1:9944", "//Worker//1", base_path=Path("worker-1"))
async with trio.open_nursery() as nursery:
    running = await nursery.start(run_worker, config)
```

## Errors

`WorkerError` is what a person can mend: one line that says what to do.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio

from node.web import connect_websocket
from node.web.errors import WebError
from offchain.ai.opening import OFF
from offchain.ai.provider import AiSettingError
from offchain.attestation import SimulatedEnclave
from offchain.benchmark import Benchmark
from offchain.chain import Chain, ChainError
from offchain.cluster import ClusterMember
from offchain.cluster_secrets import SECRETS_FILE, ClusterSecrets
from offchain.crossings.delivery import Delivery
from offchain.crossings.host import ChainsHosts
from offchain.crossings.other_chain import Others
from offchain.dishonest_seats import Misbehaved, Misbehaviour, assignments_of
from offchain.effects.chain_host import ChainHosts
from offchain.effects.scopes import scope_of_job
from offchain.effects.state import ChainState
from offchain.execution import SandboxPool
from offchain.journal import JOURNAL_FILE, Journal, JournalError, open_journal
from offchain.keys import KEY_FILE, Entropy, KeyFileError, WorkerKeys, load_or_create, replace
from offchain.light.errors import OtherChain
from offchain.light.finalized import Finalized
from offchain.light.seal import FINALITY_FILE, FinalitySeal
from offchain.misbehave import begin, sign_twice
from offchain.outside_runs import OutsideRuns
from offchain.registration import Identity, StandingError
from offchain.rpc import Client, Connect, RpcError
from offchain.sandbox.base import SandboxError
from offchain.sandbox.pool import open_pool
from offchain.sealed_inputs import SealedInputs
from offchain.serving.calls import AgentCalls
from offchain.serving.models import ModelsOnDemand
from offchain.serving.pink_hosts import PinkHosts
from offchain.serving.run import Setting, answer_requests, forget_receipts, open_given_store, open_job_store, open_store
from offchain.serving.server import Endpoint, listen
from offchain.serving.store import Store
from offchain.serving.stored_bytes import ByteStore, StoredBytes
from offchain.serving.worlds import WayOut
from offchain.simulated_tee.gpu import SimulatedGpu
from offchain.standing import End, Standing
from pallets.primitives import ss58
from pallets.primitives.keys import Keypair
from pallets.primitives.suri import InvalidSecret

MAX_WAITING = 64
MENDABLE = (
    AiSettingError,
    WebError,
    ChainError,
    RpcError,
    StandingError,
    JournalError,
    KeyFileError,
    SandboxError,
    InvalidSecret,
    Misbehaved,
    OSError,
)

log = logging.getLogger("offchain.worker")


class WorkerError(Exception):
    """The worker can't serve; the message is one line that says what to do."""


@dataclass(frozen=True)
class WorkerConfig:
    """One worker.

    `suri` is the secret of the operator's account. `stake` is in the chain's smallest units, the least that it takes if
    None. `slots` is how many jobs run at once. Without `base_path` keys and journal are in memory only. `cache_path`
    keeps the compiled sandbox, which takes seconds to make anew; workers of one user may share it. `alone` says that no
    other worker of the operator serves: keys of the operator's that nobody has any more then leave the chain. With
    `gpu` the worker has a simulated one. `misbehave` is what it does wrong, on chains of development alone. At
    `listen`, host and port (0 is a free one), it answers requests; without it there is no port. `genesis` is the hash
    of the chain's first block, from which all that a worker believes is proven; without it the node says which it is.
    `ai` is where scripts' models come from: `embedded`, `off`, or the URL of a server that speaks OpenAI's API. With
    `allow_private_network` scripts reach addresses that aren't the public internet's, such as this machine's.
    """

    url: str
    suri: str = field(repr=False)
    stake: int | None = None
    slots: int = 1
    base_path: Path | None = None
    cache_path: Path | None = None
    alone: bool = False
    gpu: bool = False
    misbehave: Misbehaviour | None = None
    listen: tuple[str, int] | None = None
    genesis: bytes | None = None
    ai: str = OFF
    allow_private_network: bool = False


@dataclass(frozen=True)
class Effects:
    """The world outside, as a worker needs it. Waiting is by trio's clock."""

    connect: Connect
    entropy: Entropy
    sandbox: SandboxPool
    stopwatch: Callable[[], float] = time.perf_counter
    """Seconds of this process's own clock."""
    now: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    """Milliseconds since 1970."""
    way_out: WayOut = field(default_factory=WayOut)
    """What scripts reach."""


@dataclass(frozen=True)
class RunningWorker:
    """A worker that serves: its key, and its operator's account."""

    worker_key: bytes
    operator: bytes
    endpoint: str = ""
    """Where it answers requests; empty if nowhere."""


async def run_worker(
    config: WorkerConfig, *, task_status: trio.TaskStatus[RunningWorker] = trio.TASK_STATUS_IGNORED
) -> None:
    """Runs a worker of its own until cancelled, or until its operator has taken it away; raises `WorkerError`."""
    with _one_line():
        if config.base_path is not None:
            config.base_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        cache = None if config.cache_path is None else config.cache_path.absolute()
        models = ModelsOnDemand(config.ai)
        way_out = WayOut(allow_private=config.allow_private_network, virtual=models.virtual_hosts)
        async with (
            open_pool(slots=config.slots, waiting=MAX_WAITING, cache=cache) as sandbox,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(models.run)
            connect = partial(connect_websocket, config.url)
            effects = Effects(connect, secrets.token_bytes, sandbox, way_out=way_out)
            await serve(config, effects, task_status=task_status)
            nursery.cancel_scope.cancel()


async def serve(
    config: WorkerConfig,
    effects: Effects,
    *,
    task_status: trio.TaskStatus[RunningWorker] = trio.TASK_STATUS_IGNORED,
) -> None:
    """A worker's life, until cancelled or taken away; started once it serves. Raises `WorkerError`."""
    with _one_line():
        operator = Keypair.from_suri(config.suri)
        keyring = _Keyring(config.base_path, effects.entropy)
        with open_journal(None if config.base_path is None else config.base_path / JOURNAL_FILE) as journal:
            async with trio.open_nursery() as nursery:
                endpoint = None if config.listen is None else await nursery.start(listen, *config.listen)
                store = jobs_store = byte_store = None
                if endpoint is not None:
                    store, jobs_store = await open_store(config.base_path), await open_job_store(config.base_path)
                    byte_store = ByteStore(jobs_store, await open_given_store(config.base_path))
                    endpoint.transcript, endpoint.bytes = partial(_kept, (jobs_store, store)), byte_store
                client = Client(effects.connect, config.url)
                await nursery.start(client.run)
                announced = False

                def on_serving() -> None:
                    nonlocal announced
                    if not announced:
                        announced = True
                        url = "" if endpoint is None else endpoint.url
                        task_status.started(RunningWorker(keyring.keys.worker_key, operator.account_id, url))

                def renew() -> None:
                    worker = keyring.keys.worker_key
                    keyring.renew()  # first: a key without its journal must not sign
                    journal.forget(worker)
                    forget_receipts(config.base_path, worker)

                while True:
                    chain = await Chain.open(client)
                    if config.genesis not in (None, chain.genesis):
                        raise WorkerError(f"{config.url} serves another chain, with genesis 0x{chain.genesis.hex()}")
                    sealed = None if config.base_path is None else config.base_path / FINALITY_FILE
                    try:
                        seal = FinalitySeal(sealed, keyring.keys.worker_key, chain.genesis)
                    except OtherChain as reason:
                        log.warning("%s: takes a fresh key", reason)
                        renew()
                        continue
                    enclave = SimulatedEnclave.of(keyring.keys.worker_key, effects.sandbox.runtime_id)
                    identity = Identity(
                        keys=keyring.keys,
                        operator=operator,
                        runtime_id=effects.sandbox.runtime_id,
                        enclave=enclave,
                        stake=config.stake,
                        alone=config.alone,
                        gpu=SimulatedGpu.of(keyring.keys.worker_key) if config.gpu else None,
                        endpoint="" if endpoint is None else endpoint.url,
                    )
                    path = None if config.base_path is None else config.base_path / SECRETS_FILE
                    cluster = ClusterSecrets(path, identity.keys.worker_key)
                    end = await _live(
                        chain,
                        journal,
                        identity,
                        effects,
                        cluster,
                        seal,
                        config,
                        endpoint,
                        store,
                        jobs_store,
                        byte_store,
                        on_serving,
                    )
                    if end is End.LEFT:
                        break
                    renew()
                nursery.cancel_scope.cancel()


class _Keyring:
    """The worker's keys at the moment, in a file or in memory."""

    def __init__(self, base_path: Path | None, entropy: Entropy) -> None:
        self._path = None if base_path is None else base_path / KEY_FILE
        self._entropy = entropy
        self.keys = WorkerKeys.generate(entropy) if self._path is None else load_or_create(self._path, entropy)

    def renew(self) -> None:
        """Fresh keys in place of the old ones."""
        self.keys = WorkerKeys.generate(self._entropy) if self._path is None else replace(self._path, self._entropy)


async def _live(
    chain: Chain,
    journal: Journal,
    identity: Identity,
    effects: Effects,
    cluster: ClusterSecrets,
    seal: FinalitySeal,
    config: WorkerConfig,
    endpoint: Endpoint | None,
    store: Store | None,
    jobs_store: Store | None,
    byte_store: ByteStore | None,
    started: Callable[[], None],
) -> End:
    """A life under one set of keys."""
    named = _Named(log, {"worker": f"worker 0x{identity.keys.worker_key[:4].hex()}"})
    named.info("key 0x%s, operator %s", identity.keys.worker_key.hex(), ss58.encode(identity.operator.account_id))
    standing = Standing(chain, journal, identity, named)
    final = Finalized(chain, seal, lambda: standing.look_again(contradicted=True))
    sealed = SealedInputs(chain, final, identity.keys, cluster.openers, named)
    calls = AgentCalls(
        final,
        identity.keys.worker_key,
        lambda: () if endpoint is None else endpoint.lines,
        effects.entropy,
        effects.now,
        named,
    )
    chain_hosts = ChainHosts(ChainState(chain, final.get_all), named)
    others = Others(lambda: effects.way_out.network, allow_private=effects.way_out.allow_private)
    delivery = Delivery(chain, final, identity.keys, cluster, others, named)
    pink_hosts = PinkHosts(identity.keys.seal_key, effects.now)
    way_out = effects.way_out.within(chain_hosts.of, calls.hosts, ChainsHosts(final, others).of, pink_hosts.of)
    scope_of = partial(scope_of_job, final)
    outside = OutsideRuns(chain, effects.sandbox, way_out.open, scope_of, chain_hosts.host, jobs_store, named)
    stored = StoredBytes(chain, byte_store, named)
    hands = (effects.sandbox, standing, sealed, outside, stored, effects.entropy, named)
    mode = config.misbehave
    if mode is not None:
        await begin(mode, chain, identity, named)
    assignments = assignments_of(mode)(chain, journal, identity.keys, *hands)
    member = ClusterMember(chain, final, identity.keys, identity.enclave, cluster, effects.entropy, named)
    benchmark = Benchmark(chain, identity.keys, effects.sandbox, standing, effects.stopwatch, named)
    followed = standing.followed | assignments.followed | member.followed | sealed.followed | delivery.followed

    def on_change(key: bytes, value: bytes | None) -> None:
        followed[key](value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(final.run)
        nursery.start_soon(others.run)
        nursery.start_soon(chain.follow, list(followed), on_change)

        def serving() -> None:
            nursery.start_soon(assignments.run)
            nursery.start_soon(sealed.run)
            nursery.start_soon(stored.run)
            nursery.start_soon(benchmark.run)
            nursery.start_soon(member.run)
            nursery.start_soon(delivery.run)
            if mode is Misbehaviour.DOUBLE_RECEIPT:
                nursery.start_soon(sign_twice, chain, identity.keys, identity.runtime_id, config.base_path, named)
            if endpoint is not None and store is not None:
                setting = Setting(
                    pool=effects.sandbox,
                    slots=config.slots,
                    operator=identity.operator,
                    base_path=config.base_path,
                    store=store,
                    way_out=way_out,
                    entropy=effects.entropy,
                    now=effects.now,
                    commits=mode is not Misbehaviour.WITHHOLD_RECEIPTS,
                )
                hands_over = (chain, final, identity.keys, cluster, member, standing, named)
                nursery.start_soon(answer_requests, endpoint, setting, *hands_over)
            started()

        end = await standing.hold(serving)
        nursery.cancel_scope.cancel()
    named.info("its life under this key is over")
    return end


def _kept(stores: tuple[Store, ...], key: bytes) -> bytes | None:
    """What the first store has that has it."""
    return next((data for store in stores if (data := store.get(key)) is not None), None)


class _Named(logging.LoggerAdapter[logging.Logger]):
    """Puts the worker's name before each line."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return f"{(self.extra or {}).get('worker')} {msg}", kwargs


@contextmanager
def _one_line() -> Iterator[None]:
    """What a person can mend becomes a `WorkerError`, out of whatever groups it comes in."""
    try:
        yield
    except MENDABLE as error:
        raise WorkerError(str(error)) from None
    except ExceptionGroup as group:
        mendable, others = group.split((*MENDABLE, WorkerError))
        if mendable is None or others is not None:
            raise
        raise WorkerError(str(_first(mendable))) from None


def _first(group: ExceptionGroup[Exception]) -> Exception:
    found: Exception = group
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found
