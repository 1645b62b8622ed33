"""The composition root: every part of a node is built here, and lives in one nursery.

## Overview

`run_node(config, effects)` opens the database, builds chain, pool, producer, finality and RPC, reports a `RunningNode`
once everything answers, and runs until cancelled. What has an effect comes from `Effects`; nothing below reads the
clock or chooses randomness by itself.

## Errors

`StartError` is what a person can mend: a spec that doesn't parse, a database in use or of another chain, a port that is
taken.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import trio

from node.chain.authorship import Aura, Authorship
from node.chain.cheats import Cheats, Refused
from node.chain.finality import LAG_SLOTS, Finalizer
from node.chain.importer import Importer
from node.chain.inherents import InherentProvider, RevealedOnion, SlotTimestamp
from node.chain.pool import Pool, PoolLimits
from node.chain.producer import Producer
from node.chain.snapshots import Snapshots
from node.chain.transactions import Transactions
from node.chain.tree import Chain, ForkedChain
from node.chain_spec import ChainSpec, InvalidChainSpec
from node.clock import ChainClock, Wall
from node.config import ForkConfig, NodeConfig, PoolConfig, RpcConfig
from node.counts import RpcCounts
from node.executor import Executor, LoadRuntime, UnknownRuntime
from node.keys.keystore import Keystore, KeystoreError
from node.keys.session import SessionKeys, development_keys, find_session_keys, insert_development_keys
from node.metrics.endpoint import serve_metrics
from node.metrics.families import NodeMetrics
from node.progress import ShowProgress, progress, silent
from node.rpc.context import Context
from node.rpc.serving.server import Server
from node.state.archive import ArchiveError, check_target, dump, load
from node.state.db import Database
from node.state.errors import DatabaseError
from node.state.remote.errors import RemoteStateError
from node.state.remote.missing import reading
from node.verifier.verifier import StartProcess, Verifier, start_process
from node.wasm.errors import WasmError
from node.web.errors import CannotListen
from node.web.http import Request, Response, loopback_only
from node.web.limits import Limits
from node.web.server import open_listeners, serve
from pallets.frame.runtime import Runtime
from pallets.primitives.hash_onion import DEV_LAYERS, HashOnions
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.keys import Keypair
from pallets.primitives.runtime_code import CODE_KEY
from pallets.runtime import KNOWN_RUNTIMES

NODE_NAME = "Fathom Node"
NODE_VERSION = "0.1.0"
NOW = storage_prefix("Timestamp", "Now")
MAX_EXTRINSIC = 5 * 1024 * 1024


class StartError(Exception):
    """The node can't start; the message is one line that says what to do."""


@dataclass(frozen=True)
class Effects:
    """The world outside, as a node needs it."""

    wall: Wall
    start_verifier: StartProcess | None = None
    """Without it, the node verifies all signatures itself."""
    progress: ShowProgress = silent
    """Where long work at start and end is shown."""
    random_bytes: Callable[[int], bytes] = os.urandom
    """For new keys, so many bytes that nobody can foresee."""

    @classmethod
    def real(cls) -> Effects:
        """The host's own clock and processes."""
        return cls(wall=lambda: time.time_ns() // 1_000_000, start_verifier=start_process, progress=progress)


@dataclass(frozen=True)
class RunningNode:
    """A node whose every part answers."""

    config: NodeConfig
    spec: ChainSpec
    chain: Chain
    transactions: Transactions
    producer: Producer
    finalizer: Finalizer
    importer: Importer
    clock: ChainClock
    keystore: Keystore
    authors: bool
    """Whether it seals and finalises blocks: it has session keys of the chain's authorities."""
    snapshots: Snapshots | None
    """Only of a dev chain's author."""
    rpc_port: int
    metrics_port: int | None

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.rpc_port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def metrics_url(self) -> str | None:
        """`None` where no metrics are served."""
        return None if self.metrics_port is None else f"http://127.0.0.1:{self.metrics_port}/metrics"


@contextmanager
def _start_errors() -> Iterator[None]:
    """Failures that a person can mend become one clear line."""
    try:
        yield
    except (
        InvalidChainSpec,
        DatabaseError,
        ArchiveError,
        UnknownRuntime,
        CannotListen,
        KeystoreError,
        RemoteStateError,
        WasmError,
    ) as error:
        raise StartError(str(error)) from None


@contextmanager
def _base_path(config: NodeConfig) -> Iterator[Path]:
    if config.base_path is not None:
        yield config.base_path
    else:
        with tempfile.TemporaryDirectory(prefix="fathom-") as temporary:
            yield Path(temporary)


@dataclass(frozen=True)
class ForkSource:
    """Somebody else's chain that is served elsewhere: what it calls itself, and the block to go on from."""

    spec: ChainSpec
    base: ForkedChain


@contextmanager
def _database(config: NodeConfig, spec: ChainSpec) -> Iterator[Database]:
    with _base_path(config) as base:
        with _start_errors():
            db = Database(base / "chains" / spec.id / "db", spec.genesis_header().hash)
        try:
            yield db
        finally:
            db.close()


async def run_node(
    config: NodeConfig,
    effects: Effects,
    *,
    runtimes: Mapping[int, type[Runtime]] = KNOWN_RUNTIMES,
    source: ForkSource | None = None,
    task_status: trio.TaskStatus[RunningNode] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Runs a node until cancelled; raises `StartError`. `runtimes` are those it can execute, by spec version.

    With a `source` its chain goes on here, and `config.chain` isn't looked at.
    """
    started_at_ms = effects.wall()
    with _start_errors():
        spec = ChainSpec.load(config.chain) if source is None else source.spec
        if config.dump_state is not None:
            check_target(config.dump_state)
    with _database(config, spec) as db, _foreign_runtimes(config) as foreign:
        with _start_errors():
            state = config.state_to_load
            if state is not None:
                with effects.progress("loading", total=None, unit="records") as at:
                    load(db, spec.genesis_header().hash, state, at)
            executor = Executor(runtimes, load=foreign)
            chain = await _opened(db, spec, source, executor)
            keystore = Keystore(config.keystore_path or db.path.with_name("keystore"), config.keystore_password)
            author = await _fork_author(config, chain) if config.fork else _own_author(config, keystore, chain)
            listeners = await open_listeners(config.rpc_host, config.rpc_port)
        chain.keep_states = config.state_pruning
        clock = ChainClock(effects.wall, chain.clock_offset())
        slot_duration = author.authorship.slot_duration_ms
        if source is not None and chain.best == chain.base and not chain.clock_offset():
            moment = await reading(source.base.fetcher, lambda: chain.states.head.get(NOW))
            clock.offset_ms = int.from_bytes(moment or b"", "little") - effects.wall() if moment else 0
            chain.store_clock_offset(clock.offset_ms)
        if clock.advance_to((chain.best_header().slot() or 0) * slot_duration):
            with _start_errors():
                chain.store_clock_offset(clock.offset_ms)
        verifier = Verifier(effects.start_verifier, config.verifiers)
        transactions = Transactions(
            chain, _pool(config.pool), MAX_EXTRINSIC, verifier, ban_seconds=config.pool.ban_seconds
        )
        chain.on_reorganised = transactions.on_reorganised
        producer = Producer(chain, transactions, clock, author.authorship, author.inherents, idles=config.fork is None)
        lag = LAG_SLOTS * slot_duration / 1000 if config.finalize_delay is None else config.finalize_delay
        finalizer = Finalizer(chain, author.votes_with, lag, on_demand=config.sealing == "manual" and not config.fork)
        importer = Importer(chain, transactions, clock)
        snapshots = None
        if config.fork or (author.is_known and spec.chain_type == "Development"):
            snapshots = Snapshots(chain, transactions, clock, producer.reconsider)
        context = Context(
            spec,
            chain,
            transactions,
            producer,
            finalizer,
            snapshots,
            NODE_NAME,
            NODE_VERSION,
            author=author.is_known,
            validator=config.author,
            keystore=keystore,
            random_bytes=effects.random_bytes,
            message_buffer=config.rpc.message_buffer,
            max_response=config.rpc.max_response_bytes,
        )
        rpc_counts = RpcCounts()
        server = Server(context, config.rpc, rpc_counts)
        async with _dumped_at_the_end(config, chain, effects), trio.open_nursery() as nursery:
            nursery.start_soon(verifier.run)
            nursery.start_soon(transactions.run)
            port = await nursery.start(
                partial(
                    serve,
                    listeners,
                    http=server.on_http,
                    websocket=server.on_websocket,
                    allow=_allow(config),
                    limits=_limits(config.rpc),
                )
            )
            metrics_port = None
            if config.prometheus is not None:
                counts = producer.counts if author.is_known else None
                metrics = NodeMetrics(
                    chain, transactions, rpc_counts, counts, spec.id, config.name, NODE_VERSION, started_at_ms
                )
                metrics_port = await nursery.start(serve_metrics, config.prometheus, metrics)
            if config.fork is not None and chain.best.number == chain.base.number:
                with _start_errors():
                    await _set_by_hand(config.fork, Cheats(producer, finalizer))
            task_status.started(
                RunningNode(
                    config,
                    spec,
                    chain,
                    transactions,
                    producer,
                    finalizer,
                    importer,
                    clock,
                    keystore,
                    author.is_known,
                    snapshots,
                    port,
                    metrics_port,
                )
            )
            await trio.lowlevel.checkpoint()  # whoever has started this may subscribe to the very first block
            if author.is_known:
                nursery.start_soon(producer.run, config.sealing)
                nursery.start_soon(finalizer.run)


def _pool(config: PoolConfig) -> Pool:
    """A tenth of the bounds is for future transactions, on top of those for ready ones: `TransactionPoolOptions`."""
    return Pool(
        PoolLimits(config.max_count, config.max_bytes), PoolLimits(config.max_count // 10, config.max_bytes // 10)
    )


class _Author(NamedTuple):
    """Who authors the chain's blocks here."""

    is_known: bool
    """Whether there is one at all: who has no keys of the chain's authorities, and forks nothing, is none."""
    authorship: Authorship
    inherents: tuple[InherentProvider, ...]
    votes_with: Keypair | None


def _own_author(config: NodeConfig, keystore: Keystore, chain: Chain) -> _Author:
    """One of the authorities of a chain of ours, if the node is told to be and can."""
    found = _session_keys(config, keystore, chain)
    keys = found or development_keys("//Alice")  # which nothing asks a node that doesn't author to use
    slot_duration = chain.slot_duration_ms()
    inherents: tuple[InherentProvider, ...] = (
        SlotTimestamp(slot_duration),
        RevealedOnion(chain, HashOnions(config.onion_secret, DEV_LAYERS), keys.aura.public),
    )
    return _Author(found is not None, Aura(chain, keys.aura, slot_duration), inherents, keys.grandpa)


async def _opened(db: Database, spec: ChainSpec, source: ForkSource | None, executor: Executor) -> Chain:
    """The chain of a spec, or one that goes on from another."""
    if source is None:
        return Chain.open(db, spec, executor)
    return await reading(source.base.fetcher, lambda: Chain.fork(db, source.base, executor))


async def _fork_author(config: NodeConfig, chain: Chain) -> _Author:
    """Whoever has forked a chain."""
    from node.fork.authorship import Unsealed
    from node.fork.inherents import DevelopmentOnion, Parachains, RelayParent, SlotOf

    authorship = Unsealed(chain) if chain.fetcher is None else await reading(chain.fetcher, lambda: Unsealed(chain))
    duration = authorship.slot_duration_ms
    onion = DevelopmentOnion(chain, HashOnions(config.onion_secret, DEV_LAYERS))
    inherents = SlotTimestamp(duration), SlotOf(), Parachains(chain), RelayParent(chain, duration), onion
    return _Author(True, authorship, inherents, None)


async def _set_by_hand(fork: ForkConfig, cheats: Cheats) -> None:
    """What the fork is to have otherwise than its chain, each in a block of its own; raises `StartError`."""
    try:
        if fork.import_storage:
            await cheats.set_storage(fork.import_storage)
        if fork.wasm_override is not None:
            code = fork.wasm_override.read_bytes()
            await cheats.set_storage([(CODE_KEY, code)])
            cheats.chain.runtime_at(cheats.chain.best.hash)
    except Refused as error:
        raise StartError(f"the fork can't start like this: {error}") from None
    except OSError as error:
        raise StartError(f"{error.filename} can't be read: {error.strerror}") from None


@contextmanager
def _foreign_runtimes(config: NodeConfig) -> Iterator[LoadRuntime | None]:
    """How other runtimes than ours are run, where the chain is somebody else's."""
    if config.fork is None:
        yield None
        return
    from node.fork.runtime import WasmRuntime
    from node.wasm.driver import Driver

    with closing(Driver(config.fork.code_cache)) as driver:
        with _start_errors():
            driver.log_up_to(config.fork.runtime_log_level)
        yield partial(WasmRuntime, driver=driver, mocks=config.fork.mock_signatures)


def _session_keys(config: NodeConfig, keystore: Keystore, chain: Chain) -> SessionKeys | None:
    """What the node authors with, if it is told to and can."""
    if not config.author:
        return None
    if config.authority is not None:
        insert_development_keys(keystore, config.authority)
    return find_session_keys(keystore, chain)


@asynccontextmanager
async def _dumped_at_the_end(config: NodeConfig, chain: Chain, effects: Effects) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if config.dump_state is not None:
            with _start_errors(), effects.progress("dumping", total=None, unit="records") as at:
                dump(chain.db, chain.genesis_hash, config.dump_state, at)


def _limits(config: RpcConfig) -> Limits:
    return Limits(
        max_connections=config.max_connections,
        max_request_size=config.max_request_bytes,
        max_message_size=config.max_request_bytes,
    )


def _allow(config: NodeConfig) -> Callable[[Request], Response | None]:
    """Who may talk to the node: programs and pages of this machine, and the pages that `--rpc-cors` names."""

    pages = None if config.rpc.cors == "all" else config.rpc.cors

    def allow(request: Request) -> Response | None:
        return None if config.rpc_external else loopback_only(request, pages)

    return allow
