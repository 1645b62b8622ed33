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
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from node.chain.finality import LAG_SLOTS, Finalizer
from node.chain.importer import Importer
from node.chain.inherents import InherentProvider, RevealedOnion, SlotTimestamp
from node.chain.pool import Pool, PoolLimits
from node.chain.producer import Producer
from node.chain.snapshots import Snapshots
from node.chain.transactions import Transactions
from node.chain.tree import Chain
from node.chain_spec import ChainSpec, InvalidChainSpec
from node.clock import ChainClock, Wall
from node.config import NodeConfig, PoolConfig, RpcConfig
from node.counts import RpcCounts
from node.executor import Executor, UnknownRuntime
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
from node.verifier.verifier import StartProcess, Verifier, start_process
from node.web.errors import CannotListen
from node.web.http import Request, Response, loopback_only
from node.web.limits import Limits
from node.web.server import open_listeners, serve
from pallets.frame.runtime import Runtime
from pallets.primitives.hash_onion import DEV_LAYERS, HashOnions
from pallets.runtime import KNOWN_RUNTIMES

NODE_NAME = "Fathom Node"
NODE_VERSION = "0.1.0"
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
    except (InvalidChainSpec, DatabaseError, ArchiveError, UnknownRuntime, CannotListen, KeystoreError) as error:
        raise StartError(str(error)) from None


@contextmanager
def _base_path(config: NodeConfig) -> Iterator[Path]:
    if config.base_path is not None:
        yield config.base_path
    else:
        with tempfile.TemporaryDirectory(prefix="fathom-") as temporary:
            yield Path(temporary)


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
    task_status: trio.TaskStatus[RunningNode] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Runs a node until cancelled; raises `StartError`. `runtimes` are those it can execute, by spec version."""
    started_at_ms = effects.wall()
    with _start_errors():
        spec = ChainSpec.load(config.chain)
        if config.dump_state is not None:
            check_target(config.dump_state)
    with _database(config, spec) as db:
        with _start_errors():
            state = config.state_to_load
            if state is not None:
                with effects.progress("loading", total=None, unit="records") as at:
                    load(db, spec.genesis_header().hash, state, at)
            chain = Chain.open(db, spec, Executor(runtimes))
            keystore = Keystore(config.keystore_path or db.path.with_name("keystore"), config.keystore_password)
            found = _session_keys(config, keystore, chain)
            listeners = await open_listeners(config.rpc_host, config.rpc_port)
        chain.keep_states = config.state_pruning
        clock = ChainClock(effects.wall, chain.clock_offset())
        slot_duration = chain.slot_duration_ms()
        if clock.advance_to((chain.best_header().slot() or 0) * slot_duration):
            with _start_errors():
                chain.store_clock_offset(clock.offset_ms)
        verifier = Verifier(effects.start_verifier, config.verifiers)
        transactions = Transactions(
            chain, _pool(config.pool), MAX_EXTRINSIC, verifier, ban_seconds=config.pool.ban_seconds
        )
        chain.on_reorganised = transactions.on_reorganised
        authors = found is not None
        keys = found or development_keys("//Alice")  # which nothing asks a node that doesn't author to use
        onions = HashOnions(config.onion_secret, DEV_LAYERS)
        inherents: tuple[InherentProvider, ...] = (
            SlotTimestamp(slot_duration),
            RevealedOnion(chain, onions, keys.aura.public),
        )
        producer = Producer(chain, transactions, clock, keys.aura, slot_duration, inherents)
        lag = LAG_SLOTS * slot_duration / 1000 if config.finalize_delay is None else config.finalize_delay
        finalizer = Finalizer(chain, keys.grandpa, lag, on_demand=config.sealing == "manual")
        importer = Importer(chain, transactions, clock)
        snapshots = None
        if authors and spec.chain_type == "Development":
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
            author=authors,
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
                counts = producer.counts if authors else None
                metrics = NodeMetrics(
                    chain, transactions, rpc_counts, counts, spec.id, config.name, NODE_VERSION, started_at_ms
                )
                metrics_port = await nursery.start(serve_metrics, config.prometheus, metrics)
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
                    authors,
                    snapshots,
                    port,
                    metrics_port,
                )
            )
            await trio.lowlevel.checkpoint()  # whoever has started this may subscribe to the very first block
            if authors:
                nursery.start_soon(producer.run, config.sealing)
                nursery.start_soon(finalizer.run)


def _pool(config: PoolConfig) -> Pool:
    """A tenth of the bounds is for future transactions, on top of those for ready ones: `TransactionPoolOptions`."""
    return Pool(
        PoolLimits(config.max_count, config.max_bytes), PoolLimits(config.max_count // 10, config.max_bytes // 10)
    )


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
