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

import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from node.chain.finality import Finalizer
from node.chain.importer import Importer
from node.chain.inherents import InherentProvider, RevealedOnion, SlotTimestamp
from node.chain.pool import Pool
from node.chain.producer import Producer
from node.chain.snapshots import Snapshots
from node.chain.transactions import Transactions
from node.chain.tree import Chain
from node.chain_spec import ChainSpec, InvalidChainSpec
from node.clock import ChainClock, Wall
from node.config import NodeConfig
from node.executor import Executor, UnknownRuntime
from node.rpc.context import Context
from node.rpc.server import Server
from node.state.archive import ArchiveError, check_target, dump, load
from node.state.db import Database
from node.state.errors import DatabaseError
from node.verifier.verifier import StartProcess, Verifier, start_process
from node.web.errors import CannotListen
from node.web.http import Request, Response, loopback_only
from node.web.server import open_listeners, serve
from pallets.primitives.hash_onion import DEV_LAYERS, HashOnions
from pallets.primitives.keys import Keypair, Scheme
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

    @classmethod
    def real(cls) -> Effects:
        """The host's own clock and processes."""
        return cls(wall=lambda: time.time_ns() // 1_000_000, start_verifier=start_process)


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
    snapshots: Snapshots | None
    """Only of a dev chain's author."""
    rpc_port: int

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.rpc_port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.rpc_port}"


@contextmanager
def _start_errors() -> Iterator[None]:
    """Failures that a person can mend become one clear line."""
    try:
        yield
    except (InvalidChainSpec, DatabaseError, ArchiveError, UnknownRuntime, CannotListen) as error:
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
    task_status: trio.TaskStatus[RunningNode] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Runs a node until cancelled; raises `StartError`."""
    with _start_errors():
        spec = ChainSpec.load(config.chain)
        if config.dump_state is not None:
            check_target(config.dump_state)
    with _database(config, spec) as db:
        with _start_errors():
            state = config.state_to_load
            if state is not None:
                load(db, spec.genesis_header().hash, state)
            chain = Chain.open(db, spec, Executor(KNOWN_RUNTIMES))
            listeners = await open_listeners(config.rpc_host, config.rpc_port)
        chain.keep_states = config.state_pruning
        clock = ChainClock(effects.wall, chain.clock_offset())
        slot_duration = chain.slot_duration_ms()
        if clock.advance_to((chain.best_header().slot() or 0) * slot_duration):
            with _start_errors():
                chain.store_clock_offset(clock.offset_ms)
        verifier = Verifier(effects.start_verifier, config.verifiers)
        transactions = Transactions(chain, Pool(), MAX_EXTRINSIC, verifier)
        chain.on_reorganised = transactions.on_reorganised
        aura = Keypair.from_suri(config.authority, Scheme.SR25519)
        grandpa = Keypair.from_suri(config.authority, Scheme.ED25519)
        onions = HashOnions(config.onion_secret, DEV_LAYERS)
        inherents: tuple[InherentProvider, ...] = (
            SlotTimestamp(slot_duration),
            RevealedOnion(chain, onions, aura.public),
        )
        producer = Producer(chain, transactions, clock, aura, slot_duration, inherents)
        finalizer = Finalizer(chain, grandpa)
        importer = Importer(chain, transactions, clock)
        snapshots = None
        if config.author and spec.chain_type == "Development":
            snapshots = Snapshots(chain, transactions, clock, producer.reconsider)
        context = Context(
            spec, chain, transactions, producer, finalizer, snapshots, NODE_NAME, NODE_VERSION, author=config.author
        )
        server = Server(context)
        async with _dumped_at_the_end(config, chain), trio.open_nursery() as nursery:
            nursery.start_soon(verifier.run)
            nursery.start_soon(transactions.run)
            port = await nursery.start(
                partial(
                    serve,
                    listeners,
                    http=server.on_http,
                    websocket=server.on_websocket,
                    allow=_allow(config),
                )
            )
            if config.author and config.sealing != "manual":
                if config.sealing == "instant":
                    nursery.start_soon(producer.run_instant)
                else:
                    nursery.start_soon(producer.run_interval, config.sealing)
                nursery.start_soon(finalizer.run, slot_duration)
            task_status.started(
                RunningNode(config, spec, chain, transactions, producer, finalizer, importer, clock, snapshots, port)
            )


@asynccontextmanager
async def _dumped_at_the_end(config: NodeConfig, chain: Chain) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if config.dump_state is not None:
            with _start_errors():
                dump(chain.db, chain.genesis_hash, config.dump_state)


def _allow(config: NodeConfig) -> Callable[[Request], Response | None]:
    """Who may talk to the node: programs and pages of this machine, and the known explorers' pages."""

    def allow(request: Request) -> Response | None:
        if config.rpc_external or request.header("origin") in config.rpc_origins:
            return None
        return loopback_only(request)

    return allow
